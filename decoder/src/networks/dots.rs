//! Sums of products of inputs and weights, for many places and outputs at once.

#[cfg(not(target_feature = "simd128"))]
use crate::processor::simd::wide;
#[cfg(target_arch = "x86_64")]
use crate::processor::x86;

/// Outputs are padded to a multiple of this.
pub const BLOCK: usize = 8;

/// The weights of a layer in the order of their use.
pub struct Weights {
    /// The inputs per place, padded with zeros.
    pub width: usize,
    /// The initial values of sums, padded with zeros.
    bias: Vec<i32>,
    order: Order,
}

enum Order {
    /// For each block of outputs, for each two inputs: two parts of four outputs.
    #[cfg(target_feature = "simd128")]
    Pairs(Vec<[[i16; 8]; 2]>),
    /// One output after the other.
    #[cfg(not(target_feature = "simd128"))]
    Rows(Vec<i16>),
    /// For each block of outputs, for each four inputs: the weights of all outputs.
    #[cfg(target_arch = "x86_64")]
    Quads(Vec<[i8; 32]>),
}

/// Buffers for the computation of sums.
#[derive(Default)]
pub struct Work {
    /// For each place the sums of all outputs, and padding.
    pub sums: Vec<i32>,
    #[cfg(target_arch = "x86_64")]
    bytes: Vec<u8>,
}

impl Weights {
    /// `rows`: the weights of each output. Inputs lie in [0, high], with high <= 255.
    pub fn new(rows: &[i64], inputs: usize, bias: &[i64], high: i64) -> Weights {
        let outputs = bias.len().next_multiple_of(BLOCK);
        let width = inputs.next_multiple_of(4);
        let mut filled: Vec<i32> = bias.iter().map(|&entry| entry as i32).collect();
        filled.resize(outputs, 0);
        let weight = |o: usize, i: usize| if o < bias.len() && i < inputs { rows[o * inputs + i] } else { 0 };
        #[cfg(target_arch = "x86_64")]
        if x86::level() == x86::Level::Vnni || x86::level() == x86::Level::Avx2 && high <= 127 {
            let quad =
                |block: usize, i: usize| std::array::from_fn(|k| weight(block * BLOCK + k / 4, 4 * i + k % 4) as i8);
            let quads = (0..outputs / BLOCK).flat_map(|block| (0..width / 4).map(move |i| quad(block, i)));
            return Weights { width, bias: filled, order: Order::Quads(quads.collect()) };
        }
        let _ = high;
        #[cfg(target_feature = "simd128")]
        let order = {
            let pair = |block: usize, i: usize| {
                [0, 4].map(|half| std::array::from_fn(|k| weight(block * BLOCK + half + k / 2, 2 * i + k % 2) as i16))
            };
            Order::Pairs((0..outputs / BLOCK).flat_map(|block| (0..width / 2).map(move |i| pair(block, i))).collect())
        };
        #[cfg(not(target_feature = "simd128"))]
        let order = Order::Rows((0..outputs).flat_map(|o| (0..width).map(move |i| weight(o, i) as i16)).collect());
        Weights { width, bias: filled, order }
    }

    /// The sums of each place, which has `width` inputs.
    pub fn sums<'a>(&self, inputs: &[i16], work: &'a mut Work) -> std::slice::ChunksExact<'a, i32> {
        let (places, outputs) = (inputs.len() / self.width, self.bias.len());
        work.sums.resize(places * outputs, 0);
        match &self.order {
            #[cfg(target_feature = "simd128")]
            Order::Pairs(weights) => pairs::add_all(weights, inputs, self.width, &self.bias, &mut work.sums),
            #[cfg(not(target_feature = "simd128"))]
            Order::Rows(weights) => add_rows(weights, inputs, self.width, &self.bias, &mut work.sums),
            #[cfg(target_arch = "x86_64")]
            Order::Quads(weights) => {
                work.bytes.clear();
                work.bytes.extend(inputs.iter().map(|&x| x as u8));
                x86::add_quads(weights, &work.bytes, self.width, &self.bias, &mut work.sums);
            }
        }
        work.sums.chunks_exact(outputs)
    }
}

#[cfg(not(target_feature = "simd128"))]
wide! {
    /// Computes sums of products of inputs and weights, starting from `bias`, for four outputs at a time. LLVM compiles
    /// this loop to multiply-adds of pairs.
    fn add_rows['a]['a](
        weights: &'a [i16],
        inputs: &'a [i16],
        width: usize,
        bias: &'a [i32],
        sums: &'a mut [i32],
    ) {
        for (inputs, sums) in inputs.chunks_exact(width).zip(sums.chunks_exact_mut(bias.len())) {
            let outputs = sums.chunks_exact_mut(4).zip(bias.chunks_exact(4));
            for (rows, (sums, bias)) in weights.chunks_exact(4 * width).zip(outputs) {
                let (a, b) = rows.split_at(2 * width);
                let ((a, b), (c, d)) = (a.split_at(width), b.split_at(width));
                let mut own = [0i32; 4];
                for i in 0..width {
                    let x = i32::from(inputs[i]);
                    own[0] = own[0].wrapping_add(i32::from(a[i]) * x);
                    own[1] = own[1].wrapping_add(i32::from(b[i]) * x);
                    own[2] = own[2].wrapping_add(i32::from(c[i]) * x);
                    own[3] = own[3].wrapping_add(i32::from(d[i]) * x);
                }
                for ((sum, bias), own) in sums.iter_mut().zip(bias).zip(own) {
                    *sum = bias + own;
                }
            }
        }
    }
}

#[cfg(target_feature = "simd128")]
mod pairs {
    use std::arch::wasm32::{i16x8, i32x4, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_splat, v128};

    use super::BLOCK;
    /// Computes sums of products of inputs and weights, starting from `bias`.
    pub fn add_all(weights: &[[[i16; 8]; 2]], inputs: &[i16], width: usize, bias: &[i32], sums: &mut [i32]) {
        let outputs = bias.len();
        for (inputs, sums) in inputs.chunks(4 * width).zip(sums.chunks_mut(4 * outputs)) {
            for (block, weights) in weights.chunks_exact(width / 2).enumerate() {
                let start = block * BLOCK;
                let bias = &bias[start..][..BLOCK];
                if inputs.len() == 4 * width {
                    add_block::<4>(weights, inputs, width, bias, &mut sums[start..], outputs);
                } else {
                    for (inputs, sums) in inputs.chunks_exact(width).zip(sums.chunks_mut(outputs)) {
                        add_block::<1>(weights, inputs, width, bias, &mut sums[start..], outputs);
                    }
                }
            }
        }
    }

    /// The sums of P places for a block of outputs.
    #[inline(always)]
    fn add_block<const P: usize>(
        weights: &[[[i16; 8]; 2]],
        inputs: &[i16],
        width: usize,
        bias: &[i32],
        sums: &mut [i32],
        outputs: usize,
    ) {
        let half = |x: &[i32]| i32x4(x[0], x[1], x[2], x[3]);
        let mut all = [[half(&bias[..4]), half(&bias[4..])]; P];
        let rows: [&[i16]; P] = std::array::from_fn(|p| &inputs[p * width..][..width]);
        for (i, weights) in weights.iter().enumerate() {
            for (sums, row) in all.iter_mut().zip(&rows) {
                let (a, b) = (row[2 * i], row[2 * i + 1]);
                sums[0] = add_pairs(sums[0], &weights[0], a, b);
                sums[1] = add_pairs(sums[1], &weights[1], a, b);
            }
        }
        for (own, out) in all.iter().zip(sums.chunks_mut(outputs)) {
            for (&four, out) in own.iter().zip(out.chunks_exact_mut(4)) {
                out[0] = i32x4_extract_lane::<0>(four);
                out[1] = i32x4_extract_lane::<1>(four);
                out[2] = i32x4_extract_lane::<2>(four);
                out[3] = i32x4_extract_lane::<3>(four);
            }
        }
    }

    /// Adds to each of four sums the products of a pair of weights and the same pair of inputs.
    #[inline(always)]
    fn add_pairs(sums: v128, w: &[i16; 8], a: i16, b: i16) -> v128 {
        let weights = i16x8(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
        let pair = i32x4_splat(i32::from(a as u16) | i32::from(b) << 16);
        i32x4_add(sums, i32x4_dot_i16x8(weights, pair))
    }
}
