//! Weights of least squares in IEEE 754 doubles, each operation rounded by itself, in the order that is fixed
//! (model-format.md, M5.1).

use crate::processor::simd::wide;

/// 2^-200 and 2^200.
const SMALL: f64 = f64::from_bits((1023 - 200) << 52);
const LARGE: f64 = f64::from_bits((1023 + 200) << 52);

#[derive(Default)]
pub struct Solver {
    /// C, column by column.
    c: Vec<f64>,
    /// D, row by row.
    d: Vec<f64>,
    y: Vec<f64>,
}

impl Solver {
    /// The weights of n inputs from the lower triangle of H, row by row.
    pub fn solve(&mut self, h: &[f64], ridge: f64, weights: &mut [i32]) {
        solve(self, h, ridge, weights);
    }
}

wide! {
    fn solve['a]['a](solver: &'a mut Solver, h: &'a [f64], ridge: f64, weights: &'a mut [i32]) {
        let Solver { c, d, y } = solver;
        let n = weights.len();
        let m = n + 1;
        c.resize(m * m, 0.0);
        d.resize(m * m, 0.0);
        for j in 0..n {
            let (done, column) = c.split_at_mut(j * m);
            let column = &mut column[j..m];
            for (i, t) in (j..m).zip(column.iter_mut()) {
                *t = h[i * (i + 1) / 2 + j];
            }
            column[0] += ridge;
            for (before, factor) in done.chunks_exact(m).zip(&d[j * m..]) {
                for (t, c) in column.iter_mut().zip(&before[j..]) {
                    *t -= c * factor;
                }
            }
            let pivot = column[0];
            if !(SMALL..=LARGE).contains(&pivot) {
                weights.fill(0);
                return;
            }
            for (c, d) in column[1..].iter_mut().zip(d[(j + 1) * m + j..].iter_mut().step_by(m)) {
                *c = large(*c);
                *d = *c / pivot;
            }
        }
        y.clear();
        y.extend_from_slice(&d[n * m..n * m + n]);
        for k in (0..n).rev() {
            let own = large(y[k]);
            y[k] = own;
            for (t, d) in y[..k].iter_mut().zip(&d[k * m..]) {
                *t -= d * own;
            }
        }
        if y.iter().any(|y| y.is_nan()) {
            weights.fill(0);
            return;
        }
        for (weight, y) in weights.iter_mut().zip(y) {
            *weight = (*y * 65536.0 + 0.5).floor().clamp(-2097151.0, 2097151.0) as i32;
        }
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
