//! The sums that the weights of a predictor follow in a plane (model-format.md, M4.1).

use crate::planes::pixel::Unit;
use crate::planes::predictive::Predictor;
use crate::planes::skew::LANES;

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
    /// The inputs and the target, filled up to a multiple of `COLUMNS`.
    width: usize,
    /// The rows that have weights less one; they are a power of 2.
    rows: usize,
    /// The weights of each input, of all rows that are coded.
    weights: Vec<i32>,
    /// What is to be added to the cell of each row that is coded: v of one pixel after the other.
    waiting: Vec<i32>,
    /// The pixels of a cell.
    cell: usize,
    columns: usize,
}

impl Sums {
    pub fn new(predictor: &Predictor, start: &[i32], refs: usize, columns: usize, active: usize) -> Sums {
        let inputs = predictor.offsets.counting(refs);
        let cells = columns.div_ceil(predictor.cell);
        let slots = cells + active + 2;
        let mut first = Vec::new();
        for block in (0..=inputs).step_by(COLUMNS) {
            for a in block..=inputs {
                first.extend((block..block + COLUMNS).map(|b| if b <= a { start[a * (a + 1) / 2 + b] } else { 0 }));
            }
        }
        let size = first.len();
        let sums = first.repeat(slots);
        let (width, cell) = ((inputs + 1).next_multiple_of(COLUMNS), predictor.cell);
        let rows = (active + 1).next_power_of_two().max(LANES);
        let (weights, waiting) = (vec![0; inputs * rows], vec![0; rows * cell * width]);
        Sums { inputs, cells, slots, size, sums, width, rows: rows - 1, weights, waiting, cell, columns }
    }

    /// Where A(r, k) stands: a row takes the slot of the cell before in the row before, which is not needed any more.
    fn slot(&self, r: isize, k: usize) -> usize {
        (k as isize - r).rem_euclid(self.slots as isize) as usize * self.size
    }

    /// Sets the weights of the cell of a row that is coded.
    pub fn set_weights(&mut self, r: usize, weights: impl Iterator<Item = i32>) {
        let row = r & self.rows;
        for (own, weight) in self.weights.chunks_exact_mut(self.rows + 1).zip(weights) {
            own[row] = weight;
        }
    }

    /// The sums of the products of weights and inputs of pixels of rows from `top` on. `DEEP` are images whose sums may
    /// have more than 32 bits.
    #[inline(always)]
    pub fn predict<const DEEP: bool>(&self, top: usize, inputs: &[[i32; LANES]]) -> [i64; LANES] {
        let first = top & self.rows;
        let weights = self.weights.chunks_exact(self.rows + 1);
        // The high and the low bits of inputs, which have 17, are summed up apart, so that 32 bits are enough.
        let (mut high, mut low) = ([0i32; LANES], [0i32; LANES]);
        for (weights, inputs) in weights.zip(inputs) {
            let weights = eight(&weights[first..]);
            if DEEP {
                for l in 0..LANES {
                    high[l] += weights[l] * (inputs[l] >> 8);
                    low[l] += weights[l] * (inputs[l] & 255);
                }
            } else {
                for l in 0..LANES {
                    low[l] += weights[l] * inputs[l];
                }
            }
        }
        let mut sums = [0; LANES];
        for l in 0..LANES {
            sums[l] = (i64::from(high[l]) << 8) + i64::from(low[l]);
        }
        sums
    }

    /// Makes S(r, k), and copies it: where its entries stand says `entry`.
    #[inline(always)]
    pub fn begin_cell(&mut self, predictor: &Predictor, r: usize, k: usize, h: &mut Vec<i32>) {
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
        h.clear();
        h.extend_from_slice(&self.sums[slot..][..self.size]);
    }

    /// Where what is to be added for a pixel stands.
    #[inline(always)]
    fn waiting(&mut self, r: usize, place: usize) -> &mut [i32] {
        &mut self.waiting[((r & self.rows) * self.cell + place) * self.width..][..self.width]
    }

    /// Notes v of the inputs of the pixel of a lane, which are added with its target.
    #[inline(always)]
    pub fn note(&mut self, r: usize, q: usize, values: &[[i32; LANES]]) {
        let (place, lane) = (q % self.cell, r % LANES);
        for (own, values) in self.waiting(r, place).iter_mut().zip(values) {
            *own = values[lane];
        }
    }

    /// Adds the products of a pixel whose inputs have been noted to A(r, k), all of a cell together.
    #[inline(always)]
    pub fn add(&mut self, r: usize, q: usize, target: i32, unit: Unit) {
        let (last, inputs, width) = (q % self.cell, self.inputs, self.width);
        self.waiting(r, last)[inputs] = normalised(target, unit);
        if last + 1 < self.cell && q + 1 < self.columns {
            return;
        }
        let slot = self.slot(r as isize, q / self.cell);
        let waiting = &self.waiting[(r & self.rows) * self.cell * width..][..(last + 1) * width];
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

/// Where the entry of row a and column b <= a of a matrix with n + 1 rows stands.
#[inline(always)]
pub fn entry(a: usize, b: usize, n: usize) -> usize {
    let block = b / COLUMNS;
    // All blocks before have n + 1 rows, less those above their first columns.
    let before = block * (n + 1) - COLUMNS * (block * block.saturating_sub(1) / 2);
    (before + a - block * COLUMNS) * COLUMNS + b % COLUMNS
}

/// v, of an input or a target; `unit` is that of a number of at least 64.
#[inline(always)]
pub fn normalised(u: i32, unit: Unit) -> i32 {
    ((u * unit.rho + (1 << (unit.lead - 5))) >> (unit.lead - 4)).clamp(-1023, 1023)
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
