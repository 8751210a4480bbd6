//! The sums that the weights of a predictor follow in a plane (model-format.md, M4.1).

use crate::padded::Padded;
use crate::pixel::Unit;
use crate::predictive::Predictor;

/// A matrix of sums stands in blocks of so many columns, each from the row of its first column on; what they have above
/// the diagonal means nothing.
const COLUMNS: usize = 8;

/// The sums of a predictor in a plane, in slots that rows take over from those before, and the weights of rows.
pub struct Sums {
    pub inputs: usize,
    cells: usize,
    slots: usize,
    /// The numbers of a slot.
    size: usize,
    sums: Vec<i32>,
    weights: Vec<i32>,
    /// What is to be added to the cell of each row that is coded: v of one pixel after the other.
    waiting: Vec<i32>,
    /// The pixels of a cell.
    cell: usize,
    columns: usize,
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
        let mut first = Vec::new();
        for block in (0..=inputs).step_by(COLUMNS) {
            for a in block..=inputs {
                first.extend((block..block + COLUMNS).map(|b| if b <= a { start[a * (a + 1) / 2 + b] } else { 0 }));
            }
        }
        let size = first.len();
        let sums = first.repeat(slots);
        let (weights, cell) = (vec![0; inputs * (active + 1)], predictor.cell);
        let waiting = vec![0; (active + 1) * cell * (inputs + 1).next_multiple_of(COLUMNS)];
        Sums { inputs, cells, slots, size, sums, weights, waiting, cell, columns, distances }
    }

    /// Where A(r, k) stands: a row takes the slot of the cell before in the row before, which is not needed any more.
    fn slot(&self, r: isize, k: usize) -> usize {
        (k as isize - r).rem_euclid(self.slots as isize) as usize * self.size
    }

    /// The weights of the cell of a row that is coded.
    pub fn weights_of_row(&mut self, r: usize) -> &mut [i32] {
        let rows = self.weights.len() / self.inputs.max(1);
        &mut self.weights[r % rows * self.inputs..][..self.inputs]
    }

    /// Makes S(r, k), and writes its lower triangle, row by row, into a lane of a matrix.
    #[inline(always)]
    pub fn begin_cell<const L: usize>(
        &mut self,
        predictor: &Predictor,
        r: usize,
        k: usize,
        h: &mut [[f64; L]],
        lane: usize,
    ) {
        let above = r as isize - 1;
        let slots =
            [self.slot(above, k), self.slot(above, k.saturating_sub(1)), self.slot(above, (k + 1).min(self.cells - 1))];
        let decay = predictor.decay.map(|d| d as i32);
        let slot = self.slot(r as isize, k);
        for i in (0..self.size).step_by(COLUMNS) {
            let (a, b, c) = (
                eight(&self.sums[slots[0] + i..]),
                eight(&self.sums[slots[1] + i..]),
                eight(&self.sums[slots[2] + i..]),
            );
            // The high and the low bits apart, so that 32 bits are enough: a decay has at most 252 in all.
            for (l, sum) in self.sums[slot + i..][..COLUMNS].iter_mut().enumerate() {
                let high = (a[l] >> 8) * decay[0] + (b[l] >> 8) * decay[1] + (c[l] >> 8) * decay[2];
                let low = (a[l] & 255) * decay[0] + (b[l] & 255) * decay[1] + (c[l] & 255) * decay[2];
                *sum = high.wrapping_add(low >> 8);
            }
        }
        let mut rows = self.sums[slot..][..self.size].chunks_exact(COLUMNS);
        for block in (0..=self.inputs).step_by(COLUMNS) {
            for (a, row) in (block..=self.inputs).zip(&mut rows) {
                let own = &mut h[a * (a + 1) / 2 + block..][..COLUMNS.min(a + 1 - block)];
                for (h, &sum) in own.iter_mut().zip(row) {
                    h[lane] = f64::from(sum);
                }
            }
        }
    }

    /// Adds the products of a pixel to A(r, k), all of a cell together; `unit` is that of a number of at least 64.
    #[inline(always)]
    pub fn add(&mut self, r: usize, q: usize, inputs: &[i32], target: i32, unit: Unit) {
        let (rho, half, shift) = (unit.rho as i32, 1 << (unit.lead - 5), unit.lead - 4);
        let width = (self.inputs + 1).next_multiple_of(COLUMNS);
        let slot = self.slot(r as isize, q / self.cell);
        let rows = self.waiting.len() / (self.cell * width);
        let waiting = &mut self.waiting[r % rows * self.cell * width..][..self.cell * width];
        let last = q % self.cell;
        let own = &mut waiting[last * width..][..width];
        let scale = |u: &i32| ((u * rho + half) >> shift).clamp(-1023, 1023);
        for (v, u) in own.iter_mut().zip(inputs) {
            *v = scale(u);
        }
        own[inputs.len()] = scale(&target);
        if last + 1 < self.cell && q + 1 < self.columns {
            return;
        }
        let waiting = &waiting[..(last + 1) * width];
        let mut sums = &mut self.sums[slot..][..self.size];
        for block in (0..=self.inputs).step_by(COLUMNS) {
            let (own, rest) = sums.split_at_mut((self.inputs + 1 - block) * COLUMNS);
            sums = rest;
            let mut a = block;
            for rows in own.chunks_mut(4 * COLUMNS) {
                if rows.len() == 4 * COLUMNS {
                    add_rows::<4>(rows, waiting, width, block, a);
                } else {
                    for (i, row) in rows.chunks_mut(COLUMNS).enumerate() {
                        add_rows::<1>(row, waiting, width, block, a + i);
                    }
                }
                a += 4;
            }
        }
    }
}

/// Adds the products of pixels to R rows of a block, from row a on.
#[inline(always)]
fn add_rows<const R: usize>(rows: &mut [i32], waiting: &[i32], width: usize, block: usize, a: usize) {
    let mut sums = [[0; COLUMNS]; R];
    for (sums, row) in sums.iter_mut().zip(rows.chunks_exact(COLUMNS)) {
        *sums = eight(row);
    }
    for v in waiting.chunks_exact(width) {
        let own = eight(&v[block..]);
        for (sums, v_a) in sums.iter_mut().zip(&v[a..a + R]) {
            for (sum, b) in sums.iter_mut().zip(&own) {
                *sum = sum.wrapping_add(v_a * b);
            }
        }
    }
    for (sums, row) in sums.iter().zip(rows.chunks_exact_mut(COLUMNS)) {
        row.copy_from_slice(sums);
    }
}

#[inline(always)]
fn eight(x: &[i32]) -> [i32; COLUMNS] {
    let mut own = [0; COLUMNS];
    own.copy_from_slice(&x[..COLUMNS]);
    own
}
