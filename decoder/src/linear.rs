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
    /// For each output a row of weights, filled with zeros up to `padded`.
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
        let mut weights = vec![0i16; outputs * padded];
        for (out, row) in weights.chunks_exact_mut(padded).zip(rows.chunks_exact(inputs)) {
            for (weight, &value) in out.iter_mut().zip(row) {
                *weight = value as i16;
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
        out.extend(self.weights.chunks_exact(self.padded).map(|row| dot(row, input)));
        for ((sum, &bias), &multiplier) in out[start..].iter_mut().zip(&self.bias).zip(&self.multiplier) {
            let scaled = (i64::from(sum.wrapping_add(bias)) * multiplier + half) >> self.shift;
            *sum = scaled.clamp(self.low, self.high) as i32;
        }
    }
}

/// The sum of products; the bounds of a layer keep it within 32 bits.
/// Sixteen sums in turn are what LLVM makes multiply-adds of pairs of.
#[inline]
fn dot(a: &[i16], b: &[i16]) -> i32 {
    let mut sums = [0i32; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum = sum.wrapping_add(i32::from(a) * i32::from(b));
        }
    }
    sums.iter().fold(0, |total, &sum| total.wrapping_add(sum))
}
