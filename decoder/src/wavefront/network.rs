//! The network of a pixel (model-format.md, M10.2).

use std::slice::ChunksExact;

use crate::foundations::error::{demand, Result};
use crate::networks::dots::{Weights, Work};
use crate::networks::parts::Parts;
use crate::processor::simd::wide;
use crate::wavefront::rules::SECTION;

/// The number of outputs, which determine the distribution of a pixel.
pub const OUTPUTS: usize = 8;

struct Layer {
    weights: Weights,
    multipliers: Vec<i32>,
    /// The bias of the outputs, which is added after the multiplication.
    bias: Vec<i32>,
}

pub struct Network {
    /// The first layer, residual layers, and the outputs.
    layers: Vec<Layer>,
    pub macs: u64,
}

/// Buffers for running networks.
#[derive(Default)]
pub struct Scratch {
    /// The inputs of each pixel.
    pub inputs: Vec<i16>,
    next: Vec<i16>,
    work: Work,
}

impl Network {
    pub fn read(parts: &mut Parts, refs: usize, features: usize, hidden: usize, residual: usize) -> Result<Network> {
        let mut network = Network { layers: Vec::new(), macs: 0 };
        network.add(parts, &format!("x.{refs}.hidden"), features, hidden)?;
        for k in 0..residual {
            network.add(parts, &format!("x.{refs}.residual.{k}"), hidden, hidden)?;
        }
        network.add(parts, &format!("x.{refs}.output"), hidden, OUTPUTS)?;
        Ok(network)
    }

    fn add(&mut self, parts: &mut Parts, name: &str, inputs: usize, outputs: usize) -> Result<()> {
        let last = name.ends_with("output");
        let (kind, most) = if last { ("I32", 1 << 14) } else { ("I16", (1 << 15) - 1) };
        let weights = parts.own(&format!("{name}.weight"), "I8", &[outputs, inputs], -128, 127)?;
        let bias = parts.own(&format!("{name}.bias"), "I32", &[outputs], -(1 << 31), (1 << 31) - 1)?;
        let multipliers = parts.own(&format!("{name}.multiplier"), kind, &[outputs], 1, most)?;
        for (o, row) in weights.chunks_exact(inputs).enumerate() {
            let mut sums = vec![0; 2 * inputs.div_ceil(64)];
            for (i, weight) in row.iter().enumerate() {
                sums[i / 64 * 2 + i % 4 / 2] += 127 * weight.abs();
            }
            demand(sums.iter().all(|&sum| sum <= 65535), "a part of a sum has more than 16 bits", SECTION)?;
            let words = inputs.div_ceil(64) as i64;
            let low: i64 = row.iter().map(|&weight| 127 * weight.min(0)).sum();
            let high: i64 = row.iter().map(|&weight| 127 * weight.max(0)).sum();
            let own = if last { 0 } else { bias[o] };
            let fits = -65536 * words <= own + low && own + high <= 65534 * words;
            demand(fits, "a sum of a network has too many bits", SECTION)?;
            let most = high.max(-low) * multipliers[o] + bias[o].abs();
            demand(!last || most < 1 << 31, "an output of a network has more than 32 bits", SECTION)?;
        }
        let int = |values: &[i64]| values.iter().map(|&value| value as i32).collect();
        let start = if last { vec![0; outputs] } else { bias.clone() };
        let weights = Weights::new(&weights, inputs, &start, 127);
        self.layers.push(Layer { weights, multipliers: int(&multipliers), bias: int(&bias) });
        self.macs += (inputs * outputs) as u64;
        Ok(())
    }

    /// Computes the outputs of consecutive pixels, whose inputs are in `scratch`.
    pub fn run(&self, scratch: &mut Scratch, outputs: &mut [[i32; OUTPUTS]]) {
        let Some((last, hidden)) = self.layers.split_last() else { return };
        let Scratch { inputs, next, work } = scratch;
        for (number, layer) in hidden.iter().enumerate() {
            let sums = layer.weights.sums(if number == 0 { inputs } else { next }, work);
            if number == 0 {
                next.clear();
                next.resize(sums.len() * layer.multipliers.len(), 0);
            }
            activate(&layer.multipliers, sums, next);
        }
        finish(last, last.weights.sums(next, work), outputs);
    }
}

wide! {
    fn finish['a]['a](layer: &'a Layer, sums: ChunksExact<'a, i32>, outputs: &'a mut [[i32; OUTPUTS]]) {
        let (mut multipliers, mut bias) = ([0; OUTPUTS], [0; OUTPUTS]);
        multipliers.copy_from_slice(&layer.multipliers);
        bias.copy_from_slice(&layer.bias);
        for (output, sums) in outputs.iter_mut().zip(sums) {
            let mut y = [0; OUTPUTS];
            y.copy_from_slice(sums);
            for o in 0..OUTPUTS {
                y[o] = ((y[o] * multipliers[o] + bias[o]) >> 12).clamp(-32768, 32767);
            }
            *output = y;
        }
    }
}

wide! {
    /// Adds the activations of a layer, from its sums, to values in [0, 127].
    fn activate['a]['a](multipliers: &'a [i32], sums: ChunksExact<'a, i32>, values: &'a mut [i16]) {
        for (sums, values) in sums.zip(values.chunks_exact_mut(multipliers.len())) {
            for ((value, &sum), &multiplier) in values.iter_mut().zip(sums).zip(multipliers) {
                let z = (sum.clamp(-32768, 32767) * multiplier + (1 << 14)) >> 15;
                *value = (i32::from(*value) + z.max(0)).min(127) as i16;
            }
        }
    }
}
