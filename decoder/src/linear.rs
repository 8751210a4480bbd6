//! Linear layers, at each place or on patches (model-format.md, M7).

use std::ops::Range;

use crate::error::{demand, error, Result};
use crate::network::{Value, SECTION};
use crate::tensor::{take, take_in, Tensors};

/// A linear layer, or one on patches: `kernel` and `stride` are 1 of a linear one.
pub struct Linear {
    kernel: usize,
    stride: usize,
    pub inputs: usize,
    /// Those of four outputs after those of the four before, filled up with zeros, of inputs up to `padded`.
    weights: Vec<i16>,
    padded: usize,
    pub bias: Vec<i32>,
    multiplier: Vec<i64>,
    shift: u32,
    low: i64,
    high: i64,
}

/// The input of patches: what there is of it begins with the row `have`, of so many rows and columns.
pub struct Patches<'a> {
    pub input: &'a [i32],
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
        demand(input.low >= 0 && input.high <= 255, "the input of a linear layer has another range", SECTION)?;
        let key = |tensor: &str| format!("{path}.{tensor}");
        let missing = || error(format!("the tensor {path}.bias is missing"), SECTION);
        let outputs = tensors.get(&key("bias")).ok_or_else(missing)?.elements();
        demand(outputs >= 1, "a linear layer has no outputs", SECTION)?;
        let inputs = input.channels.saturating_mul(kernel * kernel);
        let bias = take(tensors, &key("bias"), "I32", &[outputs])?;
        let multiplier = take_in(tensors, &key("multiplier"), "I32", &[outputs], 1, i64::MAX)?;
        let rows = take(tensors, &key("weight"), "I8", &[outputs, inputs])?;
        let padded = inputs.next_multiple_of(16);
        let mut weights = vec![0i16; outputs.next_multiple_of(4) * padded];
        for (o, row) in rows.chunks_exact(inputs).enumerate() {
            for (i, &value) in row.iter().enumerate() {
                weights[weight_place(o, i, padded)] = value as i16;
            }
        }
        for (o, row) in rows.chunks_exact(inputs).enumerate() {
            let sum: i64 = row.iter().map(|weight| weight.abs()).sum();
            let bound = bias[o].abs() + input.high * sum;
            let product = i128::from(bound) * i128::from(multiplier[o]) + (1i128 << (shift - 1));
            demand(bound < 1 << 31 && product < 1 << 53, "a linear layer may overflow", SECTION)?;
        }
        let bias = bias.iter().map(|&entry| entry as i32).collect();
        Ok(Linear { kernel, stride, inputs, weights, padded, bias, multiplier, shift, low, high })
    }

    /// Whether it is run at each place alone.
    pub fn is_at_places(&self) -> bool {
        self.kernel == 1 && self.stride == 1
    }

    /// The rows of the input, which has so many, that rows of the output depend on.
    pub fn rows_for(&self, need: Range<usize>, rows: usize) -> Range<usize> {
        let margin = self.kernel / 2;
        let end = (need.end - 1) * self.stride + margin + 1;
        (need.start * self.stride).saturating_sub(margin)..end.min(rows)
    }

    /// Runs it at places, one after the other.
    pub fn run(&self, input: &[i32], channels: usize, narrow: &mut Vec<i16>, out: &mut Vec<i32>) {
        narrow.clear();
        narrow.resize(self.padded, 0);
        for place in input.chunks_exact(channels) {
            for (to, &from) in narrow.iter_mut().zip(place) {
                *to = from as i16;
            }
            self.place(narrow, out);
        }
    }

    /// Runs it on the patches of some rows of the output.
    pub fn run_patches(
        &self,
        patches: &Patches,
        channels: usize,
        need: Range<usize>,
        narrow: &mut Vec<i16>,
        out: &mut Vec<i32>,
    ) {
        let Patches { input, have, rows, columns } = *patches;
        narrow.clear();
        narrow.resize(self.padded, 0);
        let margin = self.kernel / 2;
        for r in need.map(|r| r * self.stride) {
            for q in (0..columns).step_by(self.stride) {
                let mut patch = narrow.chunks_exact_mut(channels);
                for i in 0..self.kernel {
                    for j in 0..self.kernel {
                        let Some(to) = patch.next() else { break };
                        let (row, column) = ((r + i).wrapping_sub(margin), (q + j).wrapping_sub(margin));
                        if row < rows && column < columns {
                            let from = &input[((row - have) * columns + column) * channels..][..channels];
                            for (to, &from) in to.iter_mut().zip(from) {
                                *to = from as i16;
                            }
                        } else {
                            to.fill(0);
                        }
                    }
                }
                self.place(narrow, out);
            }
        }
    }

    /// All outputs at one place.
    fn place(&self, input: &[i16], out: &mut Vec<i32>) {
        let half = 1i64 << (self.shift - 1);
        let start = out.len();
        for rows in self.weights.chunks_exact(4 * self.padded) {
            out.extend_from_slice(&dots(rows, input));
        }
        out.truncate(start + self.bias.len());
        for ((sum, &bias), &multiplier) in out[start..].iter_mut().zip(&self.bias).zip(&self.multiplier) {
            let scaled = (i64::from(sum.wrapping_add(bias)) * multiplier + half) >> self.shift;
            *sum = scaled.clamp(self.low, self.high) as i32;
        }
    }
}

/// Where the weight of an input stands in rows of four outputs: row by row.
#[cfg(not(target_feature = "simd128"))]
fn weight_place(output: usize, input: usize, padded: usize) -> usize {
    output * padded + input
}

/// The sums of products with four rows of weights; the bounds of a layer keep them within 32 bits.
/// LLVM makes multiply-adds of pairs of this loop.
#[cfg(not(target_feature = "simd128"))]
#[inline]
fn dots(rows: &[i16], input: &[i16]) -> [i32; 4] {
    let n = input.len();
    let (a, b) = rows[..4 * n].split_at(2 * n);
    let ((a, b), (c, d)) = (a.split_at(n), b.split_at(n));
    let mut sums = [0i32; 4];
    for i in 0..n {
        let x = i32::from(input[i]);
        sums[0] = sums[0].wrapping_add(i32::from(a[i]) * x);
        sums[1] = sums[1].wrapping_add(i32::from(b[i]) * x);
        sums[2] = sums[2].wrapping_add(i32::from(c[i]) * x);
        sums[3] = sums[3].wrapping_add(i32::from(d[i]) * x);
    }
    sums
}

/// With vectors of eight: of four outputs eight inputs each, then the next eight inputs.
#[cfg(target_feature = "simd128")]
fn weight_place(output: usize, input: usize, padded: usize) -> usize {
    output / 4 * 4 * padded + input / 8 * 32 + output % 4 * 8 + input % 8
}

#[cfg(target_feature = "simd128")]
#[inline]
fn dots(rows: &[i16], input: &[i16]) -> [i32; 4] {
    use std::arch::wasm32::{i16x8, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_shuffle, i32x4_splat, v128};
    let load = |x: &[i16]| -> v128 { i16x8(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]) };
    let [mut a, mut b, mut c, mut d] = [i32x4_splat(0); 4];
    for (weights, x) in rows.chunks_exact(32).zip(input.chunks_exact(8)) {
        let x = load(x);
        a = i32x4_add(a, i32x4_dot_i16x8(load(&weights[..8]), x));
        b = i32x4_add(b, i32x4_dot_i16x8(load(&weights[8..16]), x));
        c = i32x4_add(c, i32x4_dot_i16x8(load(&weights[16..24]), x));
        d = i32x4_add(d, i32x4_dot_i16x8(load(&weights[24..]), x));
    }
    let pairs = |a: v128, b: v128| i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (ab, cd) = (pairs(a, b), pairs(c, d));
    let total = i32x4_add(i32x4_shuffle::<0, 1, 4, 5>(ab, cd), i32x4_shuffle::<2, 3, 6, 7>(ab, cd));
    [
        i32x4_extract_lane::<0>(total),
        i32x4_extract_lane::<1>(total),
        i32x4_extract_lane::<2>(total),
        i32x4_extract_lane::<3>(total),
    ]
}
