//! Weights of least squares in IEEE 754 doubles, each operation rounded by itself, in the order that is fixed
//! (model-format.md, M4.1).

/// 2^-200 and 2^200.
const SMALL: f64 = f64::from_bits((1023 - 200) << 52);
const LARGE: f64 = f64::from_bits((1023 + 200) << 52);

/// The number of entries of the lower triangle of a matrix with n + 1 rows.
pub fn triangle(n: usize) -> usize {
    (n + 1) * (n + 2) / 2
}

/// Solves one system after the other.
#[derive(Default)]
pub struct Solver {
    /// C, column by column.
    c: Vec<f64>,
    /// D, row by row.
    d: Vec<f64>,
    t: Vec<f64>,
}

impl Solver {
    /// The weights from H, its lower triangle row by row, of n inputs; y times 2^shift, limited.
    pub fn solve(&mut self, h: &[f64], n: usize, ridge: f64, shift: i32, limit: f64, weights: &mut [i32]) {
        weights.fill(0);
        let m = n + 1;
        self.c.resize(m * m, 0.0);
        self.d.resize(m * m, 0.0);
        for j in 0..n {
            let (done, column) = self.c.split_at_mut(j * m);
            let column = &mut column[j..m];
            for (i, t) in column.iter_mut().enumerate().map(|(i, t)| (i + j, t)) {
                *t = h[i * (i + 1) / 2 + j];
            }
            column[0] += ridge;
            for (k, other) in done.chunks_exact(m).enumerate() {
                let factor = self.d[j * m + k];
                for (t, &c) in column.iter_mut().zip(&other[j..]) {
                    *t -= c * factor;
                }
            }
            let pivot = column[0];
            if !(SMALL..=LARGE).contains(&pivot) {
                return;
            }
            for (i, c) in column.iter_mut().enumerate().skip(1) {
                if c.abs() < SMALL {
                    *c = 0.0;
                }
                self.d[(i + j) * m + j] = *c / pivot;
            }
        }
        self.t.clear();
        self.t.extend_from_slice(&self.d[n * m..n * m + n]);
        for k in (0..n).rev() {
            if self.t[k].abs() < SMALL {
                self.t[k] = 0.0;
            }
            let y = self.t[k];
            for (t, &d) in self.t[..k].iter_mut().zip(&self.d[k * m..]) {
                *t -= d * y;
            }
        }
        if self.t.iter().any(|y| y.is_nan()) {
            return;
        }
        let factor = f64::from(1 << shift);
        for (weight, &y) in weights.iter_mut().zip(&self.t) {
            *weight = (y * factor + 0.5).floor().clamp(-limit, limit) as i32;
        }
    }
}
