//! Four numbers of 32 bits at a time, in safe code, and functions compiled for the vectors that the processor has.

#[cfg(target_arch = "x86_64")]
pub use crate::x86::vectors;

/// Runs a function compiled for the vectors that there are, which are those of the target here.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn vectors<R>(run: impl FnOnce() -> R) -> R {
    run()
}

#[cfg(not(target_feature = "simd128"))]
pub use portable::{add_pairs, four, numbers, Four};
#[cfg(target_feature = "simd128")]
pub use wasm::{add_pairs, four, numbers, Four};

#[cfg(not(target_feature = "simd128"))]
mod portable {
    pub type Four = [i32; 4];

    #[inline(always)]
    pub fn four(numbers: &[i32; 4]) -> Four {
        *numbers
    }

    #[inline(always)]
    pub fn numbers(four: Four) -> [i32; 4] {
        four
    }

    /// Adds to each of four sums the products of a pair of weights and the same pair of inputs.
    #[inline(always)]
    pub fn add_pairs(sums: Four, weights: &[i16; 8], a: i16, b: i16) -> Four {
        let (a, b) = (i32::from(a), i32::from(b));
        std::array::from_fn(|k| {
            let products = i32::from(weights[2 * k]) * a + i32::from(weights[2 * k + 1]) * b;
            sums[k].wrapping_add(products)
        })
    }
}

#[cfg(target_feature = "simd128")]
mod wasm {
    use std::arch::wasm32::{
        i16x8, i32x4, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_splat, v128,
    };

    pub type Four = v128;

    #[inline(always)]
    pub fn four(x: &[i32; 4]) -> Four {
        i32x4(x[0], x[1], x[2], x[3])
    }

    #[inline(always)]
    pub fn numbers(four: Four) -> [i32; 4] {
        [
            i32x4_extract_lane::<0>(four),
            i32x4_extract_lane::<1>(four),
            i32x4_extract_lane::<2>(four),
            i32x4_extract_lane::<3>(four),
        ]
    }

    #[inline(always)]
    pub fn add_pairs(sums: Four, w: &[i16; 8], a: i16, b: i16) -> Four {
        let weights = i16x8(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
        let pair = i32x4_splat(i32::from(a as u16) | i32::from(b) << 16);
        i32x4_add(sums, i32x4_dot_i16x8(weights, pair))
    }
}
