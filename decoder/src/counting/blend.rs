//! Predictors, blended by their recent errors (model-format.md, M6.2).

use crate::counting::decider::squash;
use crate::counting::terms::{Term, View};

/// The blend at a pixel.
#[derive(Clone, Default)]
pub struct Blend {
    values: Vec<u32>,
    /// P, in units of 2^-4.
    pub prediction: i32,
    /// U, the logarithm of the error to expect.
    pub unit: u32,
    class: usize,
    /// Z, the reciprocal of the mean deviation.
    scale: i64,
}

/// The errors of the predictors in the last rows of a plane.
pub struct ErrorRows {
    rows: usize,
    stride: usize,
    count: usize,
    wrong: Vec<u16>,
}

const MARGIN: usize = 2;

impl ErrorRows {
    /// `active`: the number of rows that are coded at one time.
    pub fn new(columns: usize, active: usize, count: usize) -> ErrorRows {
        let (rows, stride) = (active + 3, columns + 2 * MARGIN);
        ErrorRows { rows, stride, count, wrong: vec![0; rows * stride * count] }
    }

    pub fn begin(&mut self) {
        self.wrong.fill(0);
    }

    fn place(&self, r: usize, q: usize, dr: usize, dq: isize) -> usize {
        let row = (r + self.rows - dr) % self.rows;
        (row * self.stride + (q + MARGIN).wrapping_add_signed(dq)) * self.count
    }

    fn learn(&mut self, r: usize, q: usize, values: &[u32], x: u32) {
        let place = self.place(r, q, 0, 0);
        for (wrong, &value) in self.wrong[place..].iter_mut().zip(values) {
            *wrong = value.abs_diff(x) as u16;
        }
    }
}

/// The mean deviations of each unit and channel.
pub struct Deviations {
    means: [(i64, i64); 64],
}

impl Default for Deviations {
    fn default() -> Self {
        let mut means = [(0, 0); 64];
        for (i, (mean, _)) in means.iter_mut().enumerate() {
            *mean = 1 << (4 + i / 4 / 2);
        }
        Deviations { means }
    }
}

impl Deviations {
    pub fn predict(&self, terms: &[Term], view: &View, wrong: &ErrorRows) -> Blend {
        let places = [(0, -1), (1, 0), (1, -1), (1, 1), (0, -2), (2, 0)];
        let places = places.map(|(dr, dq)| wrong.place(view.r, view.q, dr, dq));
        let values: Vec<u32> = terms.iter().map(|term| term.value(view)).collect();
        let (mut sum, mut total, mut least) = (0u64, 0u64, u64::MAX);
        for (k, &value) in values.iter().enumerate() {
            let error: u64 = places.iter().map(|place| u64::from(wrong.wrong[place + k])).sum();
            let weight = ((1 << 18) / (4 + error * error)).max(1);
            sum += weight * u64::from(value);
            total += weight;
            least = least.min(error);
        }
        let prediction = ((16 * sum + total / 2) / total) as i32;
        let e = 3 * least;
        let unit = if e < 2 {
            e as u32
        } else {
            let g = e.ilog2();
            (2 * g + (e >> (g - 1)) as u32 % 2).min(15)
        };
        let class = unit as usize * 4 + view.channel.min(3);
        let scale = ((1 << 12) * 5678) / self.means[class].0.max(16);
        Blend { values, prediction, unit, class, scale }
    }

    /// Learns from a pixel that differs from its candidate.
    pub fn learn(&mut self, blend: &Blend, x: u32) {
        let (mean, count) = &mut self.means[blend.class];
        let d = (16 * i64::from(x) - i64::from(blend.prediction)).abs();
        *mean += ((16 * d - *mean) * ((1 << 16) / (*count + 2))) >> 16;
        *count = (*count + 1).min(100);
    }
}

impl Blend {
    fn bound(&self, c: u32) -> i64 {
        let apart = 16 * i64::from(c) - 8 - i64::from(self.prediction);
        let t = ((16 * apart * self.scale) >> 12).clamp(-(1 << 16), (1 << 16) - 1);
        squash(t as i32) + (i64::from(c) << 9)
    }

    /// The probability that a symbol in [a, e) is m or greater, in units of 2^-28.
    pub fn probability(&self, a: u32, m: u32, e: u32) -> i64 {
        let [a, m, e] = [a, m, e].map(|c| self.bound(c));
        ((e - m) << 28) / (e - a)
    }

    pub fn note_wrong(&self, wrong: &mut ErrorRows, r: usize, q: usize, x: u32) {
        wrong.learn(r, q, &self.values, x);
    }
}
