//! Weights of least squares in IEEE 754 doubles, each operation rounded by itself, in the order that is fixed
//! (model-format.md, M4.1).

use crate::simd::wide;

/// 2^-200 and 2^200.
const SMALL: f64 = f64::from_bits((1023 - 200) << 52);
const LARGE: f64 = f64::from_bits((1023 + 200) << 52);

/// The number of entries of the lower triangle of a matrix with n + 1 rows.
pub fn triangle(n: usize) -> usize {
    (n + 1) * (n + 2) / 2
}

/// Solves L systems of the same size at a time, each as if it were alone.
#[derive(Default)]
pub struct Solver<const L: usize> {
    /// C, column by column.
    c: Vec<[f64; L]>,
    /// D, row by row.
    d: Vec<[f64; L]>,
    t: Vec<[f64; L]>,
}

impl<const L: usize> Solver<L> {
    /// The weights from H, its lower triangle row by row, of n inputs; y times 2^shift, limited.
    pub fn solve(&mut self, h: &[[f64; L]], n: usize, ridge: f64, shift: i32, limit: f64, weights: &mut [[i32; L]]) {
        solve_wide(self, h, n, ridge, shift, limit, weights);
    }

    #[inline(always)]
    fn solve_all(&mut self, h: &[[f64; L]], n: usize, ridge: f64, shift: i32, limit: f64, weights: &mut [[i32; L]]) {
        let m = n + 1;
        self.c.resize(m * m, [0.0; L]);
        self.d.resize(m * m, [0.0; L]);
        // Of a system that is given up the numbers mean nothing from then on.
        let mut solved = [true; L];
        for j in 0..n {
            let (done, column) = self.c.split_at_mut(j * m);
            let column = &mut column[j..m];
            for (i, t) in column.iter_mut().enumerate().map(|(i, t)| (i + j, t)) {
                *t = h[i * (i + 1) / 2 + j];
            }
            for t in &mut column[0] {
                *t += ridge;
            }
            for (other, factor) in done.chunks_exact(m).zip(&self.d[j * m..]) {
                for (t, c) in column.iter_mut().zip(&other[j..]) {
                    subtract(t, c, factor);
                }
            }
            let pivot = column[0];
            for (solved, pivot) in solved.iter_mut().zip(&pivot) {
                *solved &= (SMALL..=LARGE).contains(pivot);
            }
            for (c, d) in column[1..].iter_mut().zip(self.d[(j + 1) * m + j..].iter_mut().step_by(m)) {
                for l in 0..L {
                    c[l] = large(c[l]);
                    d[l] = c[l] / pivot[l];
                }
            }
        }
        self.t.clear();
        self.t.extend_from_slice(&self.d[n * m..n * m + n]);
        for k in (0..n).rev() {
            let y = self.t[k].map(large);
            self.t[k] = y;
            for (t, d) in self.t[..k].iter_mut().zip(&self.d[k * m..]) {
                subtract(t, d, &y);
            }
        }
        for y in &self.t {
            for (solved, y) in solved.iter_mut().zip(y) {
                *solved &= !y.is_nan();
            }
        }
        let factor = f64::from(1 << shift);
        for (weights, y) in weights.iter_mut().zip(&self.t) {
            for l in 0..L {
                let weight = (y[l] * factor + 0.5).floor().clamp(-limit, limit) as i32;
                weights[l] = if solved[l] { weight } else { 0 };
            }
        }
    }
}

wide! {
    fn solve_wide['a, const L: usize]['a, L](
        solver: &'a mut Solver<L>,
        h: &'a [[f64; L]],
        n: usize,
        ridge: f64,
        shift: i32,
        limit: f64,
        weights: &'a mut [[i32; L]],
    ) {
        solver.solve_all(h, n, ridge, shift, limit, weights);
    }
}

/// t - a * b, each operation by itself.
#[inline(always)]
fn subtract<const L: usize>(t: &mut [f64; L], a: &[f64; L], b: &[f64; L]) {
    for l in 0..L {
        t[l] -= a[l] * b[l];
    }
}

/// A number, or 0 in place of one that is too small.
#[inline(always)]
fn large(x: f64) -> f64 {
    if x.abs() < SMALL {
        0.0
    } else {
        x
    }
}
