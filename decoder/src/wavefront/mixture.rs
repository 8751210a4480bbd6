//! The distribution of a pixel over bins, and over the levels of each (model-format.md, M10.3).

use std::sync::OnceLock;

use crate::ans::coder::{logistic, Coder};
use crate::ans::message::Interval;
use crate::foundations::tables;
use crate::wavefront::colours::Blues;
use crate::wavefront::pixels::Pixels;

const BINS: usize = 64;
/// The number of entries of a row of the table.
pub const ROW: usize = 128;
const SCALES: usize = 36;
const FRACTIONS: usize = 8;
/// The bits of the interval of a bin.
const BITS: u32 = 15;
/// The bits of the interval of a blue of a colour of JPEG.
pub const BLUE: u32 = 23;

type Table = [u16; SCALES * FRACTIONS * ROW];

/// The table of a component's distribution over the bins, T.
fn table() -> &'static Table {
    static TABLE: OnceLock<Box<Table>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Box::new([0; SCALES * FRACTIONS * ROW]);
        for (number, row) in table.chunks_exact_mut(ROW).enumerate() {
            let (c, f) = (number / FRACTIONS, (number % FRACTIONS) as i64);
            let scale = [65536i64, 77936, 92682, 110218][(36 - c) % 4] << ((36 - c) / 4);
            for (i, entry) in row.iter_mut().enumerate() {
                let t = (16 * (i as i64 - 64) - 2 * f - 1) * scale;
                *entry = ((65408 * logistic(tables::logistic_cdf(), t)) >> 28) as u16;
            }
        }
        table
    })
}

/// Entries of the table from a place on.
#[inline(always)]
fn bins(place: u16) -> &'static [u16; BINS] {
    let table = table();
    table[usize::from(place).min(table.len() - BINS)..].first_chunk().unwrap_or(&[0; BINS])
}

/// The high half of a product.
#[inline(always)]
fn high(x: u16, y: u16) -> u16 {
    ((u32::from(x) * u32::from(y)) >> 16) as u16
}

/// The bits of the interval of a level in a partial bin with a number of levels.
#[inline(always)]
fn wide(count: i32) -> u32 {
    if count <= 256 {
        8
    } else {
        16
    }
}

pub struct Mixture {
    bits: u32,
    base: i32,
    /// The first and the last bin with levels.
    first: i32,
    last: i32,
    levels: i32,
    weights: [u16; 3],
    rows: [&'static [u16; BINS]; 3],
}

impl Mixture {
    #[inline(always)]
    pub fn new(pixels: &Pixels, pixel: usize, levels: i32) -> Mixture {
        Mixture {
            bits: pixels.bits[pixel] as u32,
            base: pixels.base[pixel],
            first: pixels.first[pixel],
            last: pixels.last[pixel],
            levels,
            weights: [pixels.weights[0][pixel], pixels.weights[1][pixel], pixels.weights[2][pixel]],
            rows: [bins(pixels.rows[0][pixel]), bins(pixels.rows[1][pixel]), bins(pixels.rows[2][pixel])],
        }
    }

    /// B(j), the cumulative distribution of all bins.
    #[inline(always)]
    fn starts(&self) -> [u16; BINS] {
        let mut starts = [0; BINS];
        let [a, b, c] = self.rows;
        let [u, v, w] = self.weights;
        for j in 0..BINS {
            starts[j] = ((high(a[j], u) + high(b[j], v) + high(c[j], w)) >> 1) + j as u16;
        }
        starts[0] = 0;
        if self.first > 0 || self.last < 63 {
            for (j, start) in starts.iter_mut().enumerate() {
                let j = j as i32;
                *start = if j <= self.first {
                    0
                } else if j > self.last {
                    1 << BITS
                } else {
                    *start
                };
            }
        }
        starts
    }

    #[inline(always)]
    fn interval(starts: &[u16; BINS], j: usize) -> Interval {
        let end = if j + 1 < BINS { starts[j + 1].into() } else { 1 << BITS };
        Interval { start: starts[j].into(), frequency: end - u32::from(starts[j]), bits: BITS }
    }

    #[inline(always)]
    fn bin(&self, x: i32) -> usize {
        ((x - self.base + (32 << self.bits)) >> self.bits).clamp(0, 63) as usize
    }

    /// The least level of a bin, and its number of levels.
    #[inline(always)]
    fn levels_of(&self, j: usize) -> (i32, i32) {
        let low = self.base + ((j as i32 - 32) << self.bits);
        let first = if j == 0 { 0 } else { low.max(0) };
        let end = if j == 63 { self.levels } else { (low + (1 << self.bits)).min(self.levels) };
        (first, end - first)
    }

    /// Whether a bin has all of its 2^bits levels.
    #[inline(always)]
    fn is_whole(&self, j: usize, count: i32) -> bool {
        (1..63).contains(&j) && count == 1 << self.bits
    }

    #[inline(always)]
    fn within(&self, j: usize, number: i32, count: i32) -> Interval {
        if self.is_whole(j, count) {
            return Interval { start: number as u32, frequency: 1, bits: self.bits };
        }
        let bits = wide(count);
        let start = |number: i32| ((i64::from(number) << bits) / i64::from(count)) as u32;
        Interval { start: start(number), frequency: start(number + 1) - start(number), bits }
    }

    /// The distribution C, from B(j) of all bins.
    #[inline(always)]
    pub fn bounds(self) -> Bounds {
        let starts = self.starts();
        Bounds { mixture: self, starts }
    }

    /// Codes a level.
    #[inline(always)]
    pub fn code<C: Coder>(&self, coder: &mut C, known: i32) -> i32 {
        let starts = self.starts();
        if C::KNOWN {
            let j = self.bin(known);
            let (low, count) = self.levels_of(j);
            coder.code_both(Self::interval(&starts, j), self.within(j, known - low, count));
            return known;
        }
        let x = coder.peek(BITS) as u16;
        let mut below = 0;
        for start in &starts {
            below += u16::from(*start <= x);
        }
        let j = usize::from(below - 1) % BINS;
        let bin = Self::interval(&starts, j);
        let (low, count) = self.levels_of(j);
        let number = if self.is_whole(j, count) {
            coder.peek_behind(bin, self.bits) as i32
        } else {
            let y = i64::from(coder.peek_behind(bin, wide(count)));
            (((y + 1) * i64::from(count) - 1) >> wide(count)) as i32
        };
        coder.code_both(bin, self.within(j, number, count));
        low + number
    }

    /// The sums M of a blue of a colour of JPEG.
    pub fn blue_sums(&self, blues: Blues) -> [u32; 257] {
        let starts = self.starts();
        let mut sums = [0; 257];
        for x in 0..256 {
            let j = self.bin(x);
            let mass = Self::interval(&starts, j).frequency << 8;
            let own = if blues.has(x as u32) { mass / self.levels_of(j).1 as u32 } else { 0 };
            sums[x as usize + 1] = sums[x as usize] + own;
        }
        sums
    }

    /// Codes a level of blue of a colour of JPEG.
    pub fn code_blue<C: Coder>(&self, coder: &mut C, known: i32, blues: Blues) -> i32 {
        let sums = self.blue_sums(blues).map(u64::from);
        coder.search(BLUE, 256, known as u32, |x| ((sums[x as usize] << BLUE) / sums[256]) as u32) as i32
    }
}

/// The cumulative distribution of levels.
pub struct Bounds {
    mixture: Mixture,
    starts: [u16; BINS],
}

impl Bounds {
    /// C(x), the sum below level x.
    #[inline(always)]
    pub fn at(&self, x: i32) -> u32 {
        let mixture = &self.mixture;
        let bits = if mixture.levels > 256 { 16 } else { 8 };
        if x >= mixture.levels {
            return 1 << (BITS + bits);
        }
        let j = mixture.bin(x);
        let Interval { start, frequency, .. } = Mixture::interval(&self.starts, j);
        let (low, count) = mixture.levels_of(j);
        let below = u64::from(frequency << bits) * (x - low) as u64;
        let within = if mixture.is_whole(j, count) { below >> mixture.bits } else { below / count as u64 };
        (start << bits) + within as u32
    }
}
