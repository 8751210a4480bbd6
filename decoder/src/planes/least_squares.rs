//! Weights of least squares in IEEE 754 doubles, each operation rounded by itself, in the order that is fixed
//! (model-format.md, M4.1).

use crate::processor::simd::wide;

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
    /// The weights from H, of which `h` gives the entry of a row and a column of the lower triangle, of n inputs; y
    /// times 2^shift, limited.
    pub fn solve(
        &mut self,
        h: impl Fn(usize, usize) -> [f64; L],
        n: usize,
        ridge: f64,
        shift: i32,
        limit: f64,
        weights: &mut [[i32; L]],
    ) {
        solve_wide(self, h, n, ridge, shift, limit, weights);
    }

    #[inline(always)]
    fn solve_all(
        &mut self,
        h: impl Fn(usize, usize) -> [f64; L],
        n: usize,
        ridge: f64,
        shift: i32,
        limit: f64,
        weights: &mut [[i32; L]],
    ) {
        let m = n + 1;
        self.c.resize(m * m, [0.0; L]);
        self.d.resize(m * m, [0.0; L]);
        // Of a system that is given up the numbers mean nothing from then on.
        let mut solved = [true; L];
        for j in 0..n {
            let (done, column) = self.c.split_at_mut(j * m);
            let column = &mut column[j..m];
            for (i, t) in column.iter_mut().enumerate() {
                *t = h(i + j, j);
            }
            for t in &mut column[0] {
                *t += ridge;
            }
            let factors = &self.d[j * m..][..j];
            let mut eights = column.chunks_exact_mut(8);
            let mut i = j;
            for rows in &mut eights {
                subtract_columns::<8, L>(rows, done, m, i, factors);
                i += 8;
            }
            let mut twos = eights.into_remainder().chunks_exact_mut(2);
            for rows in &mut twos {
                subtract_columns::<2, L>(rows, done, m, i, factors);
                i += 2;
            }
            for row in twos.into_remainder().chunks_exact_mut(1) {
                subtract_columns::<1, L>(row, done, m, i, factors);
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
    fn solve_wide['a, const L: usize, H: Fn(usize, usize) -> [f64; L]]['a, L, H](
        solver: &'a mut Solver<L>,
        h: H,
        n: usize,
        ridge: f64,
        shift: i32,
        limit: f64,
        weights: &'a mut [[i32; L]],
    ) {
        solver.solve_all(h, n, ridge, shift, limit, weights);
    }
}

/// Subtracts from R rows of a column, from row i on, the products of those of the columns before and their factors.
#[inline(always)]
fn subtract_columns<const R: usize, const L: usize>(
    rows: &mut [[f64; L]],
    columns: &[[f64; L]],
    m: usize,
    i: usize,
    factors: &[[f64; L]],
) {
    let mut sums = [[0.0; L]; R];
    sums.copy_from_slice(rows);
    for (column, factor) in columns.chunks_exact(m).zip(factors) {
        for (t, c) in sums.iter_mut().zip(&column[i..i + R]) {
            subtract(t, c, factor);
        }
    }
    rows.copy_from_slice(&sums);
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
