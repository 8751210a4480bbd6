//! The contexts of pixels, functions of their surroundings (model-format.md, M10.5).

use crate::processor::simd::wide;
use crate::wavefront::around::{each, get, norm, Around, Lanes, Offset, Place, PIXELS, W};
use crate::wavefront::pixels::{down, Pixels};
use crate::wavefront::plane::{Plane, P};

/// The number of contexts, including the network as number 7.
pub const CONTEXTS: usize = 16;
/// The number of contexts of levels, which come first.
pub const LEVELS: usize = 7;
/// The first context of differences.
pub const DIFFERENCES: usize = 10;
/// The number of values of a context of errors.
pub const ERROR_VALUES: usize = 1024;

/// F and F' of M10.5.
const FACTOR: i32 = 0x9e37_79b1_u32 as i32;
const LAST_FACTOR: i32 = 0x85eb_ca6b_u32 as i32;

#[rustfmt::skip]
pub const TWELVE: [Offset; 12] = [
    [0, -1], [-1, 0], [-1, -1], [-1, 1], [0, -2], [-2, 0], [-1, -2], [-2, 1], [-2, -1], [-1, 2], [-3, 0], [0, -3],
];
pub const FIVE: [Offset; 5] = [[0, 0], [0, -1], [-1, 0], [-1, -1], [-1, 1]];
/// The places of the errors that contexts use.
const ERROR_PLACES: [Offset; 4] = [[0, -1], [-1, 0], [-1, 1], [-1, -1]];

/// The keys of a pixel's contexts.
#[derive(Clone, Copy, Default)]
pub struct Keys {
    /// H of each context.
    hashes: [i32; CONTEXTS],
    /// The level that each context of differences is relative to.
    near: [i32; CONTEXTS],
    /// The values of the contexts of errors.
    pub errors: [usize; 2],
    /// min((G - 32) >> 1, 63)
    pub unit: usize,
    /// The size of decision 0, before it is clamped.
    size: i32,
}

impl Keys {
    /// V of each context of differences, for decision d, which divides the levels at m.
    #[inline(always)]
    pub fn differences(&self, d: usize, m: i32, is_wide: bool) -> [u32; CONTEXTS] {
        let mut numbers = [0; CONTEXTS];
        let d = d as i32;
        for ((number, hash), near) in numbers.iter_mut().zip(self.hashes).zip(self.near) {
            let apart = if is_wide { (d << 16) | ((m - near) & 0xffff) } else { (d << 10) + m + (1 << 9) - near };
            *number = (hash ^ apart).wrapping_mul(LAST_FACTOR) as u32;
        }
        numbers
    }

    #[inline(always)]
    pub fn size(&self, d: usize) -> usize {
        (self.size - d as i32).clamp(0, 3) as usize
    }

    /// V of each context of levels, for the four decisions that begin at this node.
    #[inline(always)]
    pub fn levels(&self, node: usize) -> [u32; CONTEXTS] {
        let mut numbers = [0; CONTEXTS];
        let last = (node as i32).wrapping_mul(FACTOR);
        for (number, hash) in numbers.iter_mut().zip(self.hashes) {
            *number = (hash ^ last).wrapping_mul(LAST_FACTOR) as u32;
        }
        numbers
    }
}

/// Computes the keys of some pixels.
pub fn find_keys(keys: &mut [Keys; PIXELS], pixels: &Pixels, place: &Place, channel: usize) {
    if place.depth > 8 {
        keys_at_depth::<true>(keys, pixels, place, channel);
    } else {
        keys_at_depth::<false>(keys, pixels, place, channel);
    }
}

fn keys_at_depth<const WIDE: bool>(keys: &mut [Keys; PIXELS], pixels: &Pixels, place: &Place, channel: usize) {
    match place.references {
        [None, _] => keys_with_references::<0, WIDE>(keys, pixels, place, &[], channel),
        [Some(first), None] => keys_with_references::<1, WIDE>(keys, pixels, place, &[first], channel),
        [Some(first), Some(second)] => keys_with_references::<2, WIDE>(keys, pixels, place, &[first, second], channel),
    }
}

wide! {
    fn keys_with_references['a, const REFS: usize, const WIDE: bool]['a, REFS, WIDE](
        keys: &'a mut [Keys; PIXELS],
        pixels: &'a Pixels,
        place: &'a Place<'a>,
        references: &'a [&'a Plane; REFS],
        channel: usize,
    ) {
        for first in (0..place.count).step_by(W) {
            keys_of_vector::<REFS, WIDE>(&mut keys[first..first + W], pixels, place, references, [first, channel]);
        }
    }
}

/// H of the context with this number and these values.
#[inline(always)]
fn hash(number: usize, channel: usize, values: &[Lanes]) -> Lanes {
    let mut hash = [((16 * number + channel + 1) as i32).wrapping_mul(FACTOR); W];
    for value in values {
        hash = each!(l => hash[l].wrapping_add(value[l]).wrapping_mul(FACTOR));
    }
    each!(l => hash[l] ^ (hash[l] as u32 >> 15) as i32)
}

/// The low 16 bits of numbers, as signed numbers.
#[inline(always)]
fn signed_words(x: Lanes) -> Lanes {
    each!(l => x[l] as i16 as i32)
}

/// The number of steps below a number.
#[inline(always)]
fn count_below(steps: &[i32], x: i32) -> i32 {
    steps.iter().map(|&step| i32::from(step < x)).sum()
}

#[inline(always)]
fn keys_of_vector<const REFS: usize, const WIDE: bool>(
    keys: &mut [Keys],
    pixels: &Pixels,
    place: &Place,
    references: &[&Plane; REFS],
    [first, channel]: [usize; 2],
) {
    let own = Around::new(place.plane, place, first);
    // Levels are relative to this one.
    let zero = if WIDE { 1 << 15 } else { 0 };
    let level = |around: &Around, offset: Offset| {
        let x = around.level::<WIDE>(offset);
        each!(l => x[l] - zero)
    };
    let mut twelve = [[0; W]; 16];
    for (x, offset) in twelve.iter_mut().zip(TWELVE) {
        *x = level(&own, offset);
    }
    let mut others = [[[0; W]; 5]; 2];
    for (other, plane) in others.iter_mut().zip(references) {
        let around = Around::new(plane, place, first);
        for (x, offset) in other.iter_mut().zip(FIVE) {
            *x = level(&around, offset);
        }
    }
    let [w, n, nw, ne, ww, nn, ..] = twelve;
    let [[o1, w1, n1, nw1, ne1], [o2, w2, n2, nw2, ne2]] = others;
    let (p, g) = (get(&pixels.prediction, first), get(&pixels.logarithm, first));
    let y = each!(l => ((p[l] + 32) >> 6) - zero);
    let none = [0; W];
    if REFS > 0 {
        twelve[12..].copy_from_slice(&[o1, o2, w1, n1]);
    }

    let mut hashes = [none; CONTEXTS];
    hashes[6] = hash(6, channel, &twelve);
    if REFS == 0 {
        hashes[0] = hash(0, channel, &[y]);
        hashes[1] = hash(1, channel, &[n, ne]);
        hashes[2] = hash(2, channel, &[]);
        hashes[3] = hash(3, channel, &[w, nw]);
        hashes[4] = hash(4, channel, &[w, n]);
        let quarters = [w, n, nw, ne].map(|x| each!(l => x[l] >> 2));
        hashes[5] = hash(5, channel, &quarters);
    } else if channel == 0 {
        hashes[0] = hash(0, channel, &[y]);
        hashes[1] = hash(1, channel, &[n, o1]);
        hashes[2] = hash(2, channel, &[o1]);
        hashes[3] = hash(3, channel, &[w, o1]);
        hashes[4] = hash(4, channel, &[]);
    } else {
        hashes[0] = hash(0, channel, &[y, o1, each!(l => o2[l] >> 3)]);
        hashes[1] = hash(1, channel, &[n, o1, n1]);
        hashes[2] = hash(2, channel, &[o1, o2]);
        hashes[3] = hash(3, channel, &[w, o1, w1]);
        hashes[4] = hash(4, channel, &[y, o2]);
    }
    if REFS > 0 {
        hashes[5] = if REFS == 1 { hash(5, channel, &[w, none]) } else { hash(5, channel, &[w, o2, w2]) };
    }

    let (reciprocal, shift) = (get(&pixels.reciprocal, first), get(&pixels.shift, first));
    let (mut errors, mut sum) = (none, none);
    for (i, offset) in ERROR_PLACES.into_iter().enumerate() {
        let (x, p) = (own.level::<WIDE>(offset), own.number::<WIDE>(P, offset));
        let signed = each!(l => 64 * x[l] - p[l]);
        let e = norm(&down::<WIDE>(&signed, &shift), &reciprocal);
        let steps: &[i32] = if i < 2 { &[-26, -13, -5, 0, 5, 13, 26] } else { &[-9, 0, 9] };
        errors = each!(l => errors[l] * (steps.len() as i32 + 1) + count_below(steps, e[l]));
        if i < 2 {
            sum = each!(l => sum[l] + e[l]);
        }
    }
    let unit = each!(l => ((g[l] - 32) >> 1).min(63));
    let sum = each!(l => count_below(&[-60, -44, -32, -22, -14, -8, -3, 2, 7, 13, 21, 31, 43, 59], sum[l]));
    let scale = [each!(l => unit[l] >> 1), sum, y];

    // Two values of each context of differences, and the level that it is relative to.
    let minus = |a: Lanes, b: Lanes| each!(l => a[l] - b[l]);
    let plus = |a: Lanes, b: Lanes| each!(l => a[l] + b[l]);
    let differences = if REFS == 0 {
        [
            [minus(n, nw), none, w],
            [minus(nw, n), minus(ne, n), n],
            [none, none, minus(plus(w, n), nw)],
            [minus(ww, w), none, w],
            [minus(nn, n), none, n],
            scale,
        ]
    } else {
        let (left, above) = (minus(w, w1), minus(n, n1));
        let second = minus(o2, o1);
        [
            if REFS == 1 { [left, none, o1] } else { [second, none, o1] },
            [minus(o1, w1), minus(o2, w2), w],
            [minus(o1, n1), minus(o2, n2), n],
            [minus(o1, ne1), minus(o2, ne2), ne],
            [minus(o1, nw1), minus(o2, nw2), nw],
            match REFS {
                _ if channel == 0 => scale,
                1 => [minus(left, above), none, plus(o1, left)],
                _ => [second, left, o1],
            },
        ]
    };
    let mut near = [none; CONTEXTS];
    for (i, [a, b, level]) in differences.into_iter().enumerate() {
        let number = DIFFERENCES + i;
        let shared = if REFS > 0 && (11..15).contains(&number) { 11 } else { number };
        hashes[number] = hash(shared, channel, &[a, b].map(signed_words));
        near[number] = level;
    }

    for (l, own) in keys.iter_mut().enumerate() {
        for k in 0..CONTEXTS {
            own.hashes[k] = hashes[k][l];
            own.near[k] = near[k][l];
        }
        own.errors = [errors[l] as usize, (unit[l] * 16 + ((p[l] & 63) >> 2)) as usize];
        own.unit = unit[l] as usize;
        own.size = place.depth as i32 + 7 - (g[l] >> 3);
    }
}
