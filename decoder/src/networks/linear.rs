//! Linear layers, at each place or on patches (model-format.md, M7).

use std::ops::Range;
use std::slice::ChunksExact;

use crate::foundations::error::{demand, error, Result};
use crate::networks::dots::{self, Weights, BLOCK};
use crate::networks::network::SECTION;
use crate::processor::simd::wide;
use crate::types::tensor::{take, take_in, Tensors};
use crate::types::value::Value;

/// A linear layer or a convolution; `kernel` and `stride` are 1 for a linear layer.
pub struct Linear {
    kernel: usize,
    stride: usize,
    pub inputs: usize,
    pub outputs: usize,
    weights: Weights,
    /// One for each output, padded to a multiple of `BLOCK`.
    multiplier: Vec<i32>,
    shift: u32,
    low: i32,
    high: i32,
}

/// Buffers for running layers.
#[derive(Default)]
pub struct Work {
    places: Vec<i16>,
    dots: dots::Work,
}

/// The input of patches. Its rows from `have` on are available.
pub struct Patches<'a> {
    pub input: &'a [i16],
    pub have: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Linear {
    pub fn read(
        path: &str,
        input: &Value,
        kernel: usize,
        stride: usize,
        shift: u32,
        [low, high]: [i64; 2],
        tensors: &mut Tensors,
    ) -> Result<Linear> {
        demand(input.low >= 0 && input.high <= 255, "the input of a linear layer does not lie in [0, 255]", SECTION)?;
        let key = |tensor: &str| format!("{path}.{tensor}");
        let missing = || error(format!("the tensor {path}.bias is missing"), SECTION);
        let outputs = tensors.get(&key("bias")).ok_or_else(missing)?.elements();
        demand(outputs >= 1, "a linear layer has no outputs", SECTION)?;
        let inputs = input.channels.saturating_mul(kernel * kernel);
        let bias = take(tensors, &key("bias"), "I32", &[outputs])?;
        let multiplier = take_in(tensors, &key("multiplier"), "I32", &[outputs], 1, i64::MAX)?;
        let rows = take(tensors, &key("weight"), "I8", &[outputs, inputs])?;
        for (o, row) in rows.chunks_exact(inputs).enumerate() {
            let sum: i64 = row.iter().map(|weight| weight.abs()).sum();
            let bound = bias[o].abs() + input.high * sum;
            let product = i128::from(bound) * i128::from(multiplier[o]) + (1i128 << (shift - 1));
            demand(bound < 1 << 31 && product < 1 << 53, "a linear layer may overflow", SECTION)?;
        }
        let weights = Weights::new(&rows, inputs, &bias, input.high);
        let mut multiplier: Vec<i32> = multiplier.iter().map(|&entry| entry as i32).collect();
        multiplier.resize(outputs.next_multiple_of(BLOCK), 0);
        let (low, high) = (low as i32, high as i32);
        Ok(Linear { kernel, stride, inputs, outputs, weights, multiplier, shift, low, high })
    }

    /// Whether the layer is not a convolution.
    pub fn is_at_places(&self) -> bool {
        self.kernel == 1 && self.stride == 1
    }

    /// The rows of the input, out of `rows`, that rows of the output depend on.
    pub fn rows_for(&self, need: Range<usize>, rows: usize) -> Range<usize> {
        let margin = self.kernel / 2;
        let end = (need.end - 1) * self.stride + margin + 1;
        (need.start * self.stride).saturating_sub(margin)..end.min(rows)
    }

    /// Runs the layer at consecutive places.
    pub fn run(&self, input: &[i16], work: &mut Work, out: &mut Vec<i16>) {
        let width = self.weights.width;
        if width == self.inputs {
            return self.scale(self.weights.sums(input, &mut work.dots), out);
        }
        work.places.clear();
        work.places.resize(input.len() / self.inputs * width, 0);
        for (to, from) in work.places.chunks_exact_mut(width).zip(input.chunks_exact(self.inputs)) {
            to[..self.inputs].copy_from_slice(from);
        }
        self.scale(self.weights.sums(&work.places, &mut work.dots), out);
    }

    /// Runs the layer on the patches of some rows of the output.
    pub fn run_patches(
        &self,
        patches: &Patches,
        channels: usize,
        need: Range<usize>,
        work: &mut Work,
        out: &mut Vec<i16>,
    ) {
        let Patches { input, have, rows, columns } = *patches;
        let width = self.weights.width;
        work.places.clear();
        work.places.resize(need.len() * columns.div_ceil(self.stride) * width, 0);
        let mut places = work.places.chunks_exact_mut(width);
        let margin = self.kernel / 2;
        for r in need.map(|r| r * self.stride) {
            for (q, place) in (0..columns).step_by(self.stride).zip(&mut places) {
                let mut patch = place.chunks_exact_mut(channels);
                for i in 0..self.kernel {
                    for (j, to) in (0..self.kernel).zip(&mut patch) {
                        let (row, column) = ((r + i).wrapping_sub(margin), (q + j).wrapping_sub(margin));
                        if row < rows && column < columns {
                            to.copy_from_slice(&input[((row - have) * columns + column) * channels..][..channels]);
                        }
                    }
                }
            }
        }
        self.scale(self.weights.sums(&work.places, &mut work.dots), out);
    }

    /// The outputs from the sums of places.
    fn scale(&self, places: ChunksExact<i32>, out: &mut Vec<i16>) {
        out.resize(places.len() * self.outputs, 0);
        scale_all(self, places, out);
    }

    /// Scales the sums of some places, each padded to a multiple of `BLOCK`. `FAR`: for shifts of 23 and more.
    #[inline(always)]
    fn scale_with<const FAR: bool>(&self, places: ChunksExact<i32>, out: &mut [i16]) {
        for (out, sums) in out.chunks_exact_mut(self.outputs).zip(places) {
            let blocks = sums.chunks_exact(BLOCK).zip(self.multiplier.chunks_exact(BLOCK));
            for (out, (sums, multiplier)) in out.chunks_mut(BLOCK).zip(blocks) {
                let mut own = [0i16; BLOCK];
                if FAR {
                    self.scale_far(sums, multiplier, &mut own);
                } else {
                    self.scale_near(sums, multiplier, &mut own);
                }
                if let Ok(out) = <&mut [i16; BLOCK]>::try_from(&mut *out) {
                    *out = own;
                } else {
                    out.iter_mut().zip(own).for_each(|(out, own)| *out = own);
                }
            }
        }
    }

    #[inline(always)]
    fn scale_near(&self, sums: &[i32], multiplier: &[i32], out: &mut [i16; BLOCK]) {
        let half = 1i64 << (self.shift - 1);
        for l in 0..BLOCK {
            let product = i64::from(sums[l]) * i64::from(multiplier[l]);
            let scaled = ((product + half) >> self.shift).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            out[l] = scaled.clamp(self.low, self.high) as i16;
        }
    }

    /// The offsets for shifts by 23 and more: one is added before the shift, the other subtracted after it. With 2^53
    /// added, products are not negative, and the shifted result fits in 32 bits.
    #[inline(always)]
    fn moved(&self) -> (i64, i32) {
        ((1 << (self.shift - 1)) + (1 << 53), (1i64 << 53 >> self.shift) as i32)
    }

    #[cfg(not(target_feature = "simd128"))]
    #[inline(always)]
    fn scale_far(&self, sums: &[i32], multiplier: &[i32], out: &mut [i16; BLOCK]) {
        let (more, less) = self.moved();
        for l in 0..BLOCK {
            let product = i64::from(sums[l]) * i64::from(multiplier[l]);
            let scaled = ((product + more) as u64 >> self.shift) as i32 - less;
            out[l] = scaled.clamp(self.low, self.high) as i16;
        }
    }

    #[cfg(target_feature = "simd128")]
    #[inline(always)]
    fn scale_far(&self, sums: &[i32], multiplier: &[i32], out: &mut [i16; BLOCK]) {
        use std::arch::wasm32::{
            i16x8_extract_lane, i16x8_max, i16x8_min, i16x8_narrow_i32x4, i16x8_splat, i32x4, i32x4_shuffle,
            i32x4_splat, i32x4_sub, i64x2_add, i64x2_extmul_high_i32x4, i64x2_extmul_low_i32x4, i64x2_splat, u64x2_shr,
        };
        let (more, less) = self.moved();
        let four = |x: &[i32]| i32x4(x[0], x[1], x[2], x[3]);
        let shifted = |product| u64x2_shr(i64x2_add(product, i64x2_splat(more)), self.shift);
        let scaled = |sums: &[i32], multiplier: &[i32]| {
            let (sums, multiplier) = (four(sums), four(multiplier));
            let low = shifted(i64x2_extmul_low_i32x4(sums, multiplier));
            let high = shifted(i64x2_extmul_high_i32x4(sums, multiplier));
            i32x4_sub(i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_splat(less))
        };
        let own = i16x8_narrow_i32x4(scaled(&sums[..4], &multiplier[..4]), scaled(&sums[4..], &multiplier[4..]));
        let own = i16x8_max(i16x8_min(own, i16x8_splat(self.high as i16)), i16x8_splat(self.low as i16));
        *out = [
            i16x8_extract_lane::<0>(own),
            i16x8_extract_lane::<1>(own),
            i16x8_extract_lane::<2>(own),
            i16x8_extract_lane::<3>(own),
            i16x8_extract_lane::<4>(own),
            i16x8_extract_lane::<5>(own),
            i16x8_extract_lane::<6>(own),
            i16x8_extract_lane::<7>(own),
        ];
    }
}

wide! {
    fn scale_all['a]['a](linear: &'a Linear, places: ChunksExact<'a, i32>, out: &'a mut [i16]) {
        if linear.shift < 23 {
            linear.scale_with::<false>(places, out);
        } else {
            linear.scale_with::<true>(places, out);
        }
    }
}
