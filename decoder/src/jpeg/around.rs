//! The surroundings of a block: its neighbours, their edges, and the first component on its grid (jpeg-format.md, J6).

use crate::jpeg::levels::{natural, Block, BASIS, BLOCK, INSIDE, OUTSIDE};

/// The edges of a block towards its neighbours to the right and below.
#[derive(Clone, Default)]
pub struct Edges {
    pub right: [i64; 8],
    pub right_pixels: [i64; 8],
    pub bottom: [i64; 8],
    pub bottom_pixels: [i64; 8],
}

impl Edges {
    /// The edges of a block of dequantised coefficients.
    pub fn new(d: &[i64; BLOCK]) -> Edges {
        let mut edges = Edges::default();
        for n in 0..8 {
            let (mut right, mut right_pixels, mut bottom, mut bottom_pixels) = (0, 0, 0, 0);
            for j in 0..8 {
                let sign = if j % 2 == 0 { 1 } else { -1 };
                let (across, down) = (sign * d[8 * n + j], sign * d[8 * j + n]);
                right += OUTSIDE[j] * across;
                right_pixels += INSIDE[j] * across;
                bottom += OUTSIDE[j] * down;
                bottom_pixels += INSIDE[j] * down;
            }
            edges.right[n] = right;
            edges.right_pixels[n] = right_pixels;
            edges.bottom[n] = bottom;
            edges.bottom_pixels[n] = bottom_pixels;
        }
        edges
    }
}

/// The data of a block that later blocks need.
#[derive(Clone)]
pub struct Known {
    pub edges: Edges,
    pub sizes: [i64; BLOCK],
    /// The number of nonzero coefficients except DC.
    pub nonzero: i64,
}

impl Known {
    pub const NOTHING: Known = Known {
        edges: Edges { right: [0; 8], right_pixels: [0; 8], bottom: [0; 8], bottom_pixels: [0; 8] },
        sizes: [0; BLOCK],
        nonzero: 0,
    };
}

/// The magnitudes of coefficients except DC, smoothed with their neighbours, in units of 2^-4.
pub fn smoothed(d: &[i64; BLOCK]) -> [i64; BLOCK] {
    let mut rows = [[0; 10]; 8];
    for (n, &d) in d.iter().enumerate().skip(1) {
        let (i, j) = (n / 8, n % 8);
        rows[i][j + 1] += 2 * d.abs();
        if i > 0 {
            rows[i - 1][j + 1] += d.abs();
        }
        if i < 7 {
            rows[i + 1][j + 1] += d.abs();
        }
    }
    std::array::from_fn(|n| rows[n / 8][n % 8] + 2 * rows[n / 8][n % 8 + 1] + rows[n / 8][n % 8 + 2])
}

/// The places around another one, with their weights.
pub struct Nearby {
    pub places: Vec<(usize, i64)>,
    /// 2^30 / the sum of the weights
    pub share: i64,
}

impl Nearby {
    pub fn new(r: usize) -> Nearby {
        let near = (1..BLOCK).filter(|n| *n != r).filter_map(|n| {
            let (down, across) = ((n / 8).abs_diff(r / 8), (n % 8).abs_diff(r % 8));
            let fits = down <= 2 && across <= 2;
            fits.then(|| (n, (840 / (down * down + across * across)) as i64))
        });
        let places: Vec<(usize, i64)> = near.collect();
        let share = (1 << 30) / places.iter().map(|place| place.1).sum::<i64>();
        Nearby { places, share }
    }
}

pub struct Around<'a> {
    /// L, A, AL, AR, LL and AA
    pub left: &'a Block,
    pub above: &'a Block,
    pub above_left: &'a Block,
    pub above_right: &'a Block,
    pub left2: &'a Block,
    pub above2: &'a Block,
    pub has_left: bool,
    pub has_above: bool,
    /// R and Rp of the block to the left, B and Bp of the one above.
    pub left_edges: &'a Edges,
    pub above_edges: &'a Edges,
    /// Sizes of L, A, AL and AR.
    pub sizes: [&'a [i64; BLOCK]; 4],
    pub luma: [i64; BLOCK],
    pub luma_sizes: [i64; BLOCK],
    pub luma_last: i64,
    pub before: &'a Block,
    /// l, a, ar, al, ll and aa
    pub lasts: [i64; 6],
    /// nl and na
    pub nonzero: [i64; 2],
}

/// The dequantised coefficients of the first component on the grid of another one, for a block that covers `down` by
/// `across` blocks of the first component. `block` returns a block of the first component by row and column.
pub fn shared_luma<'a>(
    steps: &[i64; BLOCK],
    block: impl Fn(usize, usize) -> &'a Block,
    down: usize,
    across: usize,
) -> [i64; BLOCK] {
    let mut sums = [0; BLOCK];
    for v in 0..down {
        for h in 0..across {
            let mut half = [[0; 8]; 8];
            for (n, (&u, step)) in block(v, h).iter().zip(steps).enumerate() {
                if u != 0 {
                    let d = i64::from(u) * step;
                    for (sum, basis) in half[n / 8].iter_mut().zip(BASIS[n % 8]) {
                        *sum += d * basis;
                    }
                }
            }
            for value in half.iter_mut().flatten() {
                *value >>= 8;
            }
            for y in 0..8 {
                let mut row = [0; 8];
                for (half, basis) in half.iter().zip(&BASIS) {
                    for (sum, value) in row.iter_mut().zip(half) {
                        *sum += value * basis[y];
                    }
                }
                for (x, sum) in row.iter().enumerate() {
                    sums[(8 * v + y) / down * 8 + (8 * h + x) / across] += sum >> 12;
                }
            }
        }
    }
    let pixels = sums.map(|sum| sum / (down * across) as i64);
    let mut luma = [0; BLOCK];
    let mut half = [[0; 8]; 8];
    for (row, half) in pixels.chunks_exact(8).zip(&mut half) {
        for (value, basis) in half.iter_mut().zip(&BASIS) {
            *value = row.iter().zip(basis).map(|(pixel, basis)| pixel * basis).sum::<i64>() >> 12;
        }
    }
    for (n, value) in luma.iter_mut().enumerate() {
        let sum: i64 = half.iter().zip(BASIS[n / 8]).map(|(half, basis)| half[n % 8] * basis).sum();
        *value = (sum >> 12).clamp(-(1 << 24), 1 << 24);
    }
    luma
}

/// The last place of these coefficients: the last one of more than half a step.
pub fn luma_last(luma: &[i64; BLOCK], inverse: &[i64; BLOCK]) -> i64 {
    let is_large = |k: &usize| (luma[natural(*k)].abs() * inverse[natural(*k)]) >> 16 > 128;
    (1..BLOCK).rev().find(is_large).unwrap_or(0) as i64
}
