//! The sums that the weights of a predictor follow in a plane (model-format.md, M4.1).

use crate::padded::Padded;
use crate::pixel::Unit;
use crate::predictive::Predictor;

/// Rows of a matrix of sums are filled up to a multiple of this; what stands behind the diagonal means nothing.
const FILLED: usize = 8;

/// The most inputs and the target, filled up.
const MOST: usize = 56;

/// The sums of a predictor in a plane, in slots that rows take over from those before, and the weights of rows.
pub struct Sums {
    pub inputs: usize,
    cells: usize,
    slots: usize,
    /// The numbers of a slot.
    size: usize,
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
        let (mut first, mut rest) = (Vec::new(), start);
        for a in 0..=inputs {
            let (row, behind) = rest.split_at(a + 1);
            first.extend_from_slice(row);
            first.resize(first.len().next_multiple_of(FILLED), 0);
            rest = behind;
        }
        let size = first.len();
        let sums = first.repeat(slots);
        Sums { inputs, cells, slots, size, sums, weights: vec![0; inputs * (active + 1)], distances }
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
        for i in (0..self.size).step_by(FILLED) {
            let [a, b, c] = slots.map(|slot| eight(&self.sums[slot + i..]));
            // The high and the low bits apart, so that 32 bits are enough: a decay has at most 252 in all.
            let sums: [i32; FILLED] = std::array::from_fn(|l| {
                let high = (a[l] >> 8) * decay[0] + (b[l] >> 8) * decay[1] + (c[l] >> 8) * decay[2];
                let low = (a[l] & 255) * decay[0] + (b[l] & 255) * decay[1] + (c[l] & 255) * decay[2];
                high.wrapping_add(low >> 8)
            });
            self.sums[slot + i..][..FILLED].copy_from_slice(&sums);
        }
        let (mut sums, mut h) = (&self.sums[slot..][..self.size], h);
        for a in 0..=self.inputs {
            let (own, rest) = h.split_at_mut(a + 1);
            for (h, &sum) in own.iter_mut().zip(sums) {
                h[lane] = f64::from(sum);
            }
            (sums, h) = (&sums[(a + 1).next_multiple_of(FILLED)..], rest);
        }
    }

    /// Adds the products of a pixel to A(r, k); `unit` is that of a number of at least 64.
    #[inline(always)]
    pub fn add(&mut self, r: usize, k: usize, inputs: &[i32], target: i32, unit: Unit) {
        let (rho, half, shift) = (unit.rho as i32, 1 << (unit.lead - 5), unit.lead - 4);
        let mut v = [0i32; MOST];
        for (v, u) in v.iter_mut().zip(inputs.iter().chain([&target])) {
            *v = ((u * rho + half) >> shift).clamp(-1023, 1023);
        }
        let slot = self.slot(r as isize, k);
        let mut rest = &mut self.sums[slot..][..self.size];
        for a in 0..=self.inputs {
            let (row, behind) = rest.split_at_mut((a + 1).next_multiple_of(FILLED));
            for (sums, v_b) in row.chunks_exact_mut(FILLED).zip(v.chunks_exact(FILLED)) {
                for (sum, b) in sums.iter_mut().zip(v_b) {
                    *sum = sum.wrapping_add(v[a] * b);
                }
            }
            rest = behind;
        }
    }
}

#[inline(always)]
fn eight(x: &[i32]) -> [i32; FILLED] {
    std::array::from_fn(|l| x[l])
}
