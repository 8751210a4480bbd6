//! Places of coefficients, the tables of the cosine transform, and logarithmic quantisers (jpeg-format.md, J6).

pub const BLOCK: usize = 64;

/// A block of coefficients, row-major.
pub type Block = [i16; BLOCK];

/// The row-major place of each zigzag index.
pub const NATURAL: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

pub fn natural(k: usize) -> usize {
    usize::from(NATURAL[k & 63])
}

pub const INSIDE: [i64; 8] = [1448, 2009, 1892, 1703, 1448, 1138, 784, 400];
pub const OUTSIDE: [i64; 8] = [1448, 2162, 2446, 2754, 2896, 2711, 2122, 1168];
pub const INVERSE: [i64; 8] = [11585, 7762, 6858, 6092, 5793, 6188, 7908, 14361];

/// By frequency and pixel: 2^11 cos((2 x + 1) f pi / 16), and 1448 for f = 0.
pub const BASIS: [[i64; 8]; 8] = basis();

const fn basis() -> [[i64; 8]; 8] {
    // cos(n pi / 16) for n from 0 to 8; the others by symmetry.
    const QUARTER: [i64; 9] = [2048, 2009, 1892, 1703, 1448, 1138, 784, 400, 0];
    let mut basis = [[1448; 8]; 8];
    let mut f = 1;
    while f < 8 {
        let mut x = 0;
        while x < 8 {
            let angle = (2 * x + 1) * f % 32;
            let angle = if angle > 16 { 32 - angle } else { angle };
            basis[f][x] = if angle > 8 { -QUARTER[16 - angle] } else { QUARTER[angle] };
            x += 1;
        }
        f += 1;
    }
    basis
}

/// Quantises x >= 0, in units of 2^-8, in thirds of an octave, from 0 to 40.
#[inline]
pub fn thirds(x: i64) -> usize {
    if x < 8 {
        return 0;
    }
    let lead = i64::from(x.ilog2());
    let m = (x << 8) >> lead;
    (3 * (lead - 8) + 16 + i64::from(m >= 323) + i64::from(m >= 406)).clamp(0, 40) as usize
}

/// Quantises in halves of an octave, from 0 to 24.
#[inline]
pub fn halves(x: i64) -> i64 {
    if x < 16 {
        return 0;
    }
    let lead = i64::from(x.ilog2());
    (2 * (lead - 8) + 9 + i64::from((x << 8) >> lead >= 362)).clamp(0, 24)
}

/// sh(x)
#[inline]
pub fn signed_halves(x: i64) -> i64 {
    if x < 0 {
        32 - halves(-x)
    } else {
        32 + halves(x)
    }
}

/// w(x, n)
#[inline]
pub fn within(x: impl Into<i64>, n: i64) -> i64 {
    x.into().clamp(-n, n) + n
}
