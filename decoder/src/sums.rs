//! The sums that the weights of a predictor follow in a plane (model-format.md, M4.1).

use crate::least_squares::{triangle, Solver};
use crate::padded::Padded;
use crate::pixel::Unit;
use crate::predictive::Predictor;

/// The sums of a predictor in a plane, in slots that rows take over from those before, and the weights of rows.
pub struct Sums {
    pub inputs: usize,
    cells: usize,
    slots: usize,
    sums: Vec<i32>,
    weights: Vec<i32>,
    /// How far the inputs are from the pixel: of own, of the first reference, of the second.
    pub distances: Vec<isize>,
}

impl Sums {
    pub fn new(
        predictor: &Predictor,
        start: &[i32],
        refs: usize,
        columns: usize,
        active: usize,
        x: &Padded<u16>,
    ) -> Sums {
        let inputs = predictor.offsets.counting(refs);
        let cells = columns.div_ceil(predictor.cell);
        let slots = cells + active + 2;
        let offsets = &predictor.offsets;
        let all = offsets.own.iter().chain(&offsets.first).chain(&offsets.second);
        let distances = all.take(inputs).map(|&offset| x.distance(offset)).collect();
        let sums = start.repeat(slots);
        Sums { inputs, cells, slots, sums, weights: vec![0; inputs * (active + 1)], distances }
    }

    /// Where A(r, k) stands: a row takes the slot of the cell before in the row before, which is not needed any more.
    fn slot(&self, r: isize, k: usize) -> usize {
        (k as isize - r).rem_euclid(self.slots as isize) as usize * triangle(self.inputs)
    }

    fn weights_range(&self, r: usize) -> std::ops::Range<usize> {
        let rows = self.weights.len() / self.inputs.max(1);
        let start = r % rows * self.inputs;
        start..start + self.inputs
    }

    pub fn weights_of_row(&self, r: usize) -> &[i32] {
        &self.weights[self.weights_range(r)]
    }

    /// Makes S(r, k) and the weights of a cell.
    pub fn weigh(&mut self, predictor: &Predictor, r: usize, k: usize, solver: &mut Solver, matrix: &mut Vec<f64>) {
        let size = triangle(self.inputs);
        let above = r as isize - 1;
        let slots =
            [self.slot(above, k), self.slot(above, k.saturating_sub(1)), self.slot(above, (k + 1).min(self.cells - 1))];
        matrix.clear();
        for i in 0..size {
            let sum: i64 = slots.iter().zip(&predictor.decay).map(|(slot, d)| d * i64::from(self.sums[slot + i])).sum();
            matrix.push((sum >> 8) as f64);
        }
        let slot = self.slot(r as isize, k);
        for (sum, &value) in self.sums[slot..slot + size].iter_mut().zip(matrix.iter()) {
            *sum = value as i32;
        }
        let weights = self.weights_range(r);
        solver.solve(matrix, self.inputs, predictor.ridge, 12, 32767.0, &mut self.weights[weights]);
    }

    /// Adds the products of a pixel to A(r, k).
    pub fn add(&mut self, r: usize, k: usize, inputs: &[i32], target: i32, unit: Unit) {
        let scale = |&u: &i32| {
            let scaled = ((i64::from(u) << 8) * unit.rho + (1 << (unit.lead + 3))) >> (unit.lead + 4);
            scaled.clamp(-1023, 1023) as i16
        };
        let mut v = [0i16; 49];
        for (v, u) in v.iter_mut().zip(inputs.iter().chain([&target])) {
            *v = scale(u);
        }
        let slot = self.slot(r as isize, k);
        let mut rest = &mut self.sums[slot..slot + triangle(self.inputs)];
        for a in 0..=self.inputs {
            let (row, behind) = std::mem::take(&mut rest).split_at_mut(a + 1);
            rest = behind;
            for (sum, &b) in row.iter_mut().zip(&v) {
                *sum = sum.wrapping_add(i32::from(v[a]) * i32::from(b));
            }
        }
    }
}
