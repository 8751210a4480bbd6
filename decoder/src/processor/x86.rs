//! Optional vector instructions of x86-64. This is the only unsafe code; each function checks the processor's features
//! first.
//!
//! The environment variable `BITSBACK_VECTORS` limits the features for tests: `avx2` or `none`.

#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_add_epi64, _mm256_adds_epi16, _mm256_castsi256_si128, _mm256_cvtepi32_epi64,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epi16,
    _mm256_mulhrs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256, _mm_prefetch,
    _MM_HINT_T0,
};
use std::sync::OnceLock;

use crate::processor::simd::Wide;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The features of every x86-64.
    Base,
    Avx2,
    /// AVX2, and the sums of products of bytes of AVX-512 VNNI.
    Vnni,
}

pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let most = match std::env::var("BITSBACK_VECTORS").as_deref() {
            Ok("none") => Level::Base,
            Ok("avx2") => Level::Avx2,
            _ => Level::Vnni,
        };
        let bits = is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        let found = if !(is_x86_feature_detected!("avx2") && bits) {
            Level::Base
        } else if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl") {
            Level::Vnni
        } else {
            Level::Avx2
        };
        found.min(most)
    })
}

/// Runs work with the best available vectors.
#[inline(always)]
pub fn with_vectors(work: impl Wide) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn wide(work: impl Wide) {
        work.run();
    }
    if level() >= Level::Avx2 {
        // SAFETY: the processor has all of these features.
        unsafe { wide(work) }
    } else {
        work.run();
    }
}

/// Prefetches a number.
#[inline(always)]
pub fn prefetch(number: &u32) {
    // SAFETY: every x86-64 has the instruction, which changes nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(number).cast()) }
}

/// Computes sums of products of bytes and weights, starting from `bias`, at consecutive places. Each place has `width`
/// inputs, a multiple of 4. weights: for each 4 inputs, those of 8 outputs. Without VNNI all inputs must be at most
/// 127. Needs AVX2.
pub fn add_quads(weights: &[[i8; 32]], inputs: &[u8], width: usize, bias: &[i32], sums: &mut [i32]) {
    let (places, blocks) = (inputs.len() / width, bias.len() / 8);
    assert!(inputs.len() == places * width && width % 4 == 0 && weights.len() == blocks * (width / 4));
    assert!(bias.len() == blocks * 8 && sums.len() == places * bias.len());
    match level() {
        // SAFETY: the processor has the features, and the lengths were checked.
        Level::Vnni => unsafe { add_all::<true>(weights, inputs, width, bias, sums) },
        Level::Avx2 => unsafe { add_all::<false>(weights, inputs, width, bias, sums) },
        Level::Base => {}
    }
}

#[target_feature(enable = "avx2")]
unsafe fn add_all<const VNNI: bool>(weights: &[[i8; 32]], inputs: &[u8], width: usize, bias: &[i32], sums: &mut [i32]) {
    let outputs = bias.len();
    let (mut inputs, mut sums) = (inputs, sums);
    if outputs == 8 {
        // With a single block there are registers for more places, whose sums are independent.
        while inputs.len() >= 8 * width {
            add_tile::<8, 1, VNNI>(weights, inputs, width, bias, sums, outputs);
            (inputs, sums) = (&inputs[8 * width..], &mut sums[8 * outputs..]);
        }
    }
    let rows = inputs.chunks(4 * width).zip(sums.chunks_mut(4 * outputs));
    for (inputs, sums) in rows {
        for (block, weights) in weights.chunks(width / 2).enumerate() {
            let start = 16 * block;
            match (inputs.len() / width, outputs - start) {
                (4, 8) => add_tile::<4, 1, VNNI>(weights, inputs, width, &bias[start..], &mut sums[start..], outputs),
                (4, _) => add_tile::<4, 2, VNNI>(weights, inputs, width, &bias[start..], &mut sums[start..], outputs),
                (places, left) => {
                    for place in 0..places {
                        let inputs = &inputs[place * width..][..width];
                        let sums = &mut sums[place * outputs + start..];
                        if left == 8 {
                            add_tile::<1, 1, VNNI>(weights, inputs, width, &bias[start..], sums, outputs);
                        } else {
                            add_tile::<1, 2, VNNI>(weights, inputs, width, &bias[start..], sums, outputs);
                        }
                    }
                }
            }
        }
    }
}

/// The sums of P places for B blocks of 8 outputs.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn add_tile<const P: usize, const B: usize, const VNNI: bool>(
    weights: &[[i8; 32]],
    inputs: &[u8],
    width: usize,
    bias: &[i32],
    sums: &mut [i32],
    outputs: usize,
) {
    let quads = width / 4;
    debug_assert!(weights.len() >= B * quads && inputs.len() >= P * width);
    debug_assert!(bias.len() >= 8 * B && sums.len() >= (P - 1) * outputs + 8 * B);
    let mut all = [[_mm256_setzero_si256(); B]; P];
    for own in &mut all {
        for (b, sum) in own.iter_mut().enumerate() {
            *sum = _mm256_loadu_si256(bias.as_ptr().add(8 * b).cast());
        }
    }
    for quad in 0..quads {
        let mut own = [_mm256_setzero_si256(); B];
        for (b, weight) in own.iter_mut().enumerate() {
            *weight = _mm256_loadu_si256(weights.as_ptr().add(b * quads + quad).cast());
        }
        for (p, sums) in all.iter_mut().enumerate() {
            let four = inputs.as_ptr().add(p * width + 4 * quad).cast::<i32>().read_unaligned();
            let four = _mm256_set1_epi32(four);
            for (sum, &weight) in sums.iter_mut().zip(&own) {
                *sum = add_products::<VNNI>(*sum, four, weight);
            }
        }
    }
    for (p, own) in all.iter().enumerate() {
        for (b, &sum) in own.iter().enumerate() {
            _mm256_storeu_si256(sums.as_mut_ptr().add(p * outputs + 8 * b).cast(), sum);
        }
    }
}

/// Adds the products of four bytes, without a sign, and weights.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn add_products<const VNNI: bool>(sum: __m256i, bytes: __m256i, weights: __m256i) -> __m256i {
    if VNNI {
        let mut sum = sum;
        std::arch::asm!(
            "{{evex}} vpdpbusd {}, {}, {}", inout(ymm_reg) sum, in(ymm_reg) bytes, in(ymm_reg) weights,
            options(pure, nomem, nostack, preserves_flags)
        );
        return sum;
    }
    // Pairs of products of bytes up to 127 fit in 16 bits.
    let pairs = _mm256_maddubs_epi16(bytes, weights);
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

/// The sum of products of 16-bit numbers, whose count is a multiple of 16. No weight is -2^15, so the sum of a pair of
/// products fits in 32 bits. Needs AVX2.
pub fn dot(weights: &[i16], inputs: &[i16]) -> i64 {
    #[target_feature(enable = "avx2")]
    unsafe fn wide(weights: &[i16], inputs: &[i16]) -> i64 {
        let mut sums = [_mm256_setzero_si256(); 2];
        for (weights, inputs) in weights.chunks_exact(16).zip(inputs.chunks_exact(16)) {
            let products = _mm256_madd_epi16(
                _mm256_loadu_si256(weights.as_ptr().cast()),
                _mm256_loadu_si256(inputs.as_ptr().cast()),
            );
            let halves = [_mm256_castsi256_si128(products), _mm256_extracti128_si256::<1>(products)];
            for (sum, half) in sums.iter_mut().zip(halves) {
                *sum = _mm256_add_epi64(*sum, _mm256_cvtepi32_epi64(half));
            }
        }
        let mut lanes = [0i64; 4];
        _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_add_epi64(sums[0], sums[1]));
        lanes.iter().sum()
    }
    assert!(level() >= Level::Avx2);
    // SAFETY: the processor has AVX2.
    unsafe { wide(weights, inputs) }
}

/// Adds to each weight the product of its input and e, in units of 2^-15, rounded; both are clamped to 2^15 - 1 in
/// magnitude. Their count is a multiple of 16, and |e| < 2^15. Needs AVX2.
pub fn learn_weights(weights: &mut [i16], inputs: &[i16], e: i16) {
    #[target_feature(enable = "avx2")]
    unsafe fn wide(weights: &mut [i16], inputs: &[i16], e: i16) {
        let (e, least) = (_mm256_set1_epi16(e), _mm256_set1_epi16(-32767));
        for (weights, inputs) in weights.chunks_exact_mut(16).zip(inputs.chunks_exact(16)) {
            let step = _mm256_mulhrs_epi16(_mm256_loadu_si256(inputs.as_ptr().cast()), e);
            let learned = _mm256_adds_epi16(_mm256_loadu_si256(weights.as_ptr().cast()), step);
            _mm256_storeu_si256(weights.as_mut_ptr().cast(), _mm256_max_epi16(learned, least));
        }
    }
    assert!(level() >= Level::Avx2);
    // SAFETY: the processor has AVX2.
    unsafe { wide(weights, inputs, e) }
}
