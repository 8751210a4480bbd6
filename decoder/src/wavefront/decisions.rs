//! Codes pixels by binary decisions (model-format.md, M10.5).

use crate::ans::coder::Coder;
use crate::counting::decider::squash;
use crate::foundations::tables;
use crate::processor::simd::wide;
use crate::types::image::Image;
use crate::wavefront::around::{Place, PIXELS};
use crate::wavefront::colours::Blues;
use crate::wavefront::contexts::{find_keys, Keys, CONTEXTS, DIFFERENCES, LEVELS};
use crate::wavefront::mixers::{MixedDecision, Mixers};
use crate::wavefront::mixture::{Bounds, Mixture};
use crate::wavefront::pixels::Pixels;
use crate::wavefront::sheet::Places;

/// Decisions with log-odds beyond this are not mixed.
const SURE: i32 = 11360;

/// The cumulative distribution of the levels of a pixel.
enum Below {
    Bins(Bounds),
    /// The sums M, for the blue of a colour of JPEG.
    Blue(Box<[u32; 257]>),
}

impl Below {
    #[inline(always)]
    fn at(&self, level: i32) -> u32 {
        match self {
            Below::Bins(bounds) => bounds.at(level),
            Below::Blue(sums) => sums[level as usize],
        }
    }
}

/// The state of a pixel in progress.
struct Spot {
    below: Below,
    known: i32,
    /// a, the bits of the level that are decided, with zeros behind them; C(a) and C(e).
    level: i32,
    low: u32,
    high: u32,
    /// m, the level at which this decision divides the others; C(m); and its log-odds s.
    middle: i32,
    division: u32,
    odds: i32,
    /// The first of the four decisions for which slots of levels were found.
    found: usize,
    slots: [u32; CONTEXTS],
    checks: [u32; CONTEXTS],
}

/// The pixels of a part, and the learned state of decisions.
pub struct Decisions {
    mixers: Mixers,
    keys: [Keys; PIXELS],
    spots: Vec<Spot>,
    /// The image and the place of each pixel.
    places: Vec<(usize, usize)>,
    mixed: Vec<usize>,
}

impl Decisions {
    pub fn new(elements: u64, most: u32) -> Decisions {
        Decisions {
            mixers: Mixers::new(elements, most),
            keys: [Keys::default(); PIXELS],
            spots: Vec::new(),
            places: Vec::new(),
            mixed: Vec::new(),
        }
    }

    pub fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        pixels: &mut Pixels,
        place: &Place,
        images: &mut [Image],
        mut places: Places,
    ) {
        let (channel, depth) = (places.channel.min(3), place.depth as usize);
        find_keys(&mut self.keys, pixels, place, channel);
        self.spots.clear();
        self.places.clear();
        for pixel in 0..place.count {
            let (item, place) = places.advance();
            let image = &images[item];
            let mixture = Mixture::new(pixels, pixel, image.levels as i32);
            let below = if places.is_blue {
                Below::Blue(Box::new(mixture.blue_sums(Blues::before(image, place))))
            } else {
                Below::Bins(mixture.bounds())
            };
            let high = below.at(1 << depth);
            self.places.push((item, place));
            self.spots.push(Spot {
                below,
                known: image.symbols[place].into(),
                level: 0,
                low: 0,
                high,
                middle: 0,
                division: 0,
                odds: 0,
                found: 8,
                slots: [0; CONTEXTS],
                checks: [0; CONTEXTS],
            });
        }
        decide_all(self, coder, channel, depth);
        for (pixel, (spot, &(item, place))) in self.spots.iter().zip(&self.places).enumerate() {
            images[item].symbols[place] = spot.level as u16;
            pixels.levels[pixel] = spot.level;
        }
    }
}

/// log(v), in the units of `stretch`.
#[inline(always)]
fn log(v: u32) -> i32 {
    // A float has the first 24 bits exactly: this takes its exponent, and the six bits behind the first.
    let first = if v < 1 << 24 { v } else { v & !0xff };
    let place = ((first as f32).to_bits() >> 17) as usize - 127 * 64;
    ((90852 * (place as i32 >> 6)) >> 6) - tables::stretch()[place & 63]
}

wide! {
    fn decide_all['a, C: Coder]['a, C](
        decisions: &'a mut Decisions,
        coder: &'a mut C,
        channel: usize,
        depth: usize,
    ) {
        for d in 0..depth {
            decide(decisions, coder, channel, [d, depth]);
        }
    }
}

/// Codes a decision of all pixels.
#[inline(always)]
fn decide<C: Coder>(decisions: &mut Decisions, coder: &mut C, channel: usize, [d, depth]: [usize; 2]) {
    let Decisions { mixers, keys, spots, mixed, .. } = decisions;
    let (half, is_wide) = (1 << (depth - 1 - d), depth > 8);
    mixed.clear();
    for (pixel, spot) in spots.iter_mut().enumerate() {
        spot.middle = spot.level + half;
        spot.division = spot.below.at(spot.middle);
        let (low, division, high) = (spot.low, spot.division, spot.high);
        if division == high || division == low {
            spot.take(u32::from(division != high));
            continue;
        }
        spot.odds = log(high - division) - log(division - low);
        if spot.odds.abs() > SURE {
            let ones = (squash((2 * spot.odds).clamp(-(1 << 16), (1 << 16) - 1)) >> 12).clamp(1, (1 << 16) - 1) as u32;
            let bit = coder.bit(16, ones, spot.known_bit());
            spot.take(bit);
        } else {
            find(mixers, &keys[pixel], spot, [d, depth]);
            mixed.push(pixel);
        }
    }
    for &pixel in mixed.iter() {
        let (spot, keys) = (&mut spots[pixel], &keys[pixel]);
        let node = (1 << d) + (spot.level as usize >> (depth - d));
        let mut slots = spot.slots;
        for slot in &mut slots[..LEVELS] {
            *slot ^= (1 << (d % 4)) + (node as u32 & ((1 << (d % 4)) - 1));
        }
        let size = keys.size(d);
        let decision = MixedDecision {
            slots,
            checks: spot.checks,
            channel,
            d,
            node,
            odds: spot.odds,
            unit: keys.unit,
            size,
            is_wide,
        };
        let bit = mixers.code(coder, &decision, spot.known_bit());
        spot.take(bit);
    }
}

/// Finds the slots of a decision, and prefetches them.
#[inline(always)]
fn find(mixers: &Mixers, keys: &Keys, spot: &mut Spot, [d, depth]: [usize; 2]) {
    let node = (1 << d) + (spot.level as usize >> (depth - d));
    if spot.found != d / 4 {
        spot.found = d / 4;
        for (k, number) in keys.levels(node >> (d % 4)).into_iter().enumerate().take(LEVELS) {
            spot.slots[k] = mixers.table(k) + (number >> (32 - mixers.bits));
            spot.checks[k] = number >> (23 - mixers.bits) & 511;
            mixers.prefetch(spot.slots[k]);
        }
    }
    let (size, odds) = (keys.size(d), ((spot.odds + (1 << 13)) >> 11).clamp(0, 7) as usize);
    for (i, &value) in keys.errors.iter().enumerate() {
        spot.slots[8 + i] = mixers.error_slot(i, value, size, odds);
        mixers.prefetch(spot.slots[8 + i]);
    }
    for (k, number) in keys.differences(d, spot.middle, depth > 8).into_iter().enumerate().skip(DIFFERENCES) {
        spot.slots[k] = mixers.table(k) + (number >> (32 - mixers.bits));
        mixers.prefetch(spot.slots[k]);
    }
}

impl Spot {
    #[inline(always)]
    fn known_bit(&self) -> u32 {
        u32::from(self.known >= self.middle)
    }

    /// Narrows the levels of a pixel by a bit.
    #[inline(always)]
    fn take(&mut self, bit: u32) {
        if bit == 1 {
            (self.level, self.low) = (self.middle, self.division);
        } else {
            self.high = self.division;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ans::message::Interval;
    use crate::wavefront::plane::{Plane, Window, P, X};

    /// Codes ones, and records their probabilities.
    #[derive(Default)]
    struct Ones(Vec<u32>);

    impl Coder for Ones {
        const KNOWN: bool = true;

        fn step(&mut self) {}

        fn search(&mut self, _r: u32, _levels: u32, known: u32, _bound: impl FnMut(u32) -> u32) -> u32 {
            known
        }

        fn peek(&self, _bits: u32) -> u32 {
            0
        }

        fn peek_behind(&self, _first: Interval, _bits: u32) -> u32 {
            0
        }

        fn code_both(&mut self, _first: Interval, _second: Interval) {}

        fn bit(&mut self, _r: u32, ones: u32, _known: u32) -> u32 {
            self.0.push(ones);
            1
        }
    }

    #[test]
    fn logarithms() {
        assert_eq!(log(1 << 23) - log(1), 90852 * 23 / 64);
        assert_eq!(log(1_700_000) - log(1_500_000), 254);
    }

    #[test]
    fn traced_decision() {
        const ROW: usize = 4;
        const TIME: usize = 16 * ROW + 8;
        let window = Window::new(1, 8, 40, 256);
        let mut planes = [(); 3].map(|()| Plane::new(&window, None));
        let mut set = |plane: usize, ring: usize, [rows, columns]: [isize; 2], x: i16| {
            let time = TIME.wrapping_add_signed(16 * rows + columns);
            planes[plane].from_mut(ring, time, window.slot(ROW.wrapping_add_signed(rows)))[0] = x;
        };
        let twelve = [105, 104, 101, 107, 106, 103, 100, 108, 99, 109, 102, 110];
        crate::wavefront::contexts::TWELVE.into_iter().zip(twelve).for_each(|(offset, x)| set(0, X, offset, x));
        let errors = [([0, -1], 200), ([-1, 0], -90), ([-1, 1], 30), ([-1, -1], -400)];
        for ((offset, error), x) in errors.into_iter().zip([105, 104, 107, 101]) {
            set(0, P, offset, 64 * x - error);
        }
        for (plane, levels) in [(1, [90, 88, 86, 85, 91]), (2, [120, 119, 115, 114, 121])] {
            crate::wavefront::contexts::FIVE.into_iter().zip(levels).for_each(|(offset, x)| set(plane, X, offset, x));
        }
        let mut pixels = Pixels::default();
        (pixels.prediction[0], pixels.logarithm[0], pixels.reciprocal[0]) = (6800, 65, (1 << 19) / 316);
        let references = [Some(&planes[1]), Some(&planes[2])];
        let plane = &planes[0];
        let slot = window.slot(ROW);
        let place = Place { plane, references, time: TIME, slot, items: 1, count: 1, levels: 256, depth: 8 };

        let mut decisions = Decisions::new(1 << 20, 22);
        find_keys(&mut decisions.keys, &pixels, &place, 2);
        let mut sums = Box::new([0; 257]);
        sums[108] = 3_500_000;
        let (low, high) = (2_000_000, 5_200_000);
        let [slots, checks] = [[0; CONTEXTS]; 2];
        let spot = Spot {
            below: Below::Blue(sums),
            known: 0,
            level: 104,
            low,
            high,
            middle: 0,
            division: 0,
            odds: 0,
            found: 8,
            slots,
            checks,
        };
        decisions.spots.push(spot);
        let mut coder = Ones::default();
        for _ in 0..2 {
            (decisions.spots[0].level, decisions.spots[0].low) = (104, low);
            decide(&mut decisions, &mut coder, 2, [5, 8]);
            assert_eq!(decisions.spots[0].level, 108);
        }
        assert_eq!(coder.0, [34797, 53873]);
        let spot = &decisions.spots[0];
        assert_eq!(spot.checks[..LEVELS], [343, 226, 362, 299, 402, 105, 170]);
        let numbers = [706229, 142692, 117834, 442469, 865601, 274454, 559120];
        for (k, number) in numbers.into_iter().enumerate() {
            assert_eq!(spot.slots[k], ((k as u32) << 20) + (number ^ 3));
        }
        let errors = [((5 * 8 + 2) * 4 + 2) * 4, 1024 + 16 * 16 + 4];
        for (i, value) in errors.into_iter().enumerate() {
            assert_eq!(spot.slots[8 + i], (10 << 20) + (value * 4 + 2) * 8 + 4);
        }
        let numbers = [(7, 903075), (8, 848261), (8, 297566), (8, 670891), (8, 381397), (9, 1031460)];
        for (i, (table, number)) in numbers.into_iter().enumerate() {
            assert_eq!(spot.slots[DIFFERENCES + i], (table << 20) + number);
        }
    }
}
