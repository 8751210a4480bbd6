//! The decisions of coefficients: adaptive contexts and mixers (jpeg-format.md, J6.3).

use crate::counting::decider::{dot, learn_weights, squash, stretch};
use crate::foundations::arithmetic::Decoder;
use crate::foundations::error::Result;

pub const CONTEXTS: usize = 8;
/// The number of logistic distributions.
pub const DISTRIBUTIONS: usize = 4;
pub const MIXERS: usize = 4;
const SETS: [usize; MIXERS] = [2816, 1664, 2304, 1696];
const INPUTS: usize = 16;
const TABLE_BITS: u32 = 19;

/// The lines of a coefficient, for each context, and the checks of its keys.
#[derive(Clone, Copy, Default)]
pub struct Lines {
    numbers: [usize; CONTEXTS],
    checks: [u32; CONTEXTS],
}

impl Lines {
    /// The lines of these values of the contexts.
    pub fn new(place: usize, values: [i64; CONTEXTS]) -> Lines {
        let mut lines = Lines::default();
        for (c, value) in values.into_iter().enumerate() {
            let seed = (place as u32).wrapping_mul(0x27D4_EB2F);
            let mut hash = seed.wrapping_add(value as u32).wrapping_mul(0x9E37_79B1);
            hash = (hash ^ hash >> 15).wrapping_mul(0x85EB_CA77);
            hash = (hash ^ hash >> 15).wrapping_mul(0xC2B2_AE3D);
            lines.numbers[c] = (c << (TABLE_BITS - 4)) + (hash >> (32 - TABLE_BITS + 4)) as usize;
            lines.checks[c] = hash >> 4 & 7;
        }
        lines
    }
}

/// The probabilities of a one and of a zero by each distribution, in units of 2^-28.
pub type Parts = [[i64; DISTRIBUTIONS]; 2];

pub struct Decisions<'a> {
    pub coder: Decoder<'a>,
    slots: Vec<Slots>,
    weights: Vec<[i16; INPUTS]>,
    uses: Vec<u8>,
    /// The rates of slots, indexed by their counts.
    slot_rates: [i32; 128],
    set_rates: [i32; 256],
    logarithms: Vec<i32>,
}

/// The slots of a context at a value share a cache line.
#[derive(Clone)]
#[repr(align(64))]
struct Slots([u32; 16]);

impl<'a> Decisions<'a> {
    pub fn new(coded: &'a [u8]) -> Result<Self> {
        let sets = SETS.iter().sum();
        let mut first = [0; INPUTS];
        first[..CONTEXTS].fill(1000);
        first[CONTEXTS..CONTEXTS + DISTRIBUTIONS].fill(((1 << 16) / (MIXERS * DISTRIBUTIONS)) as i16);
        let logarithm = |i: i32| (((i / 64) * 90852) >> 6) + i32::from(stretch(64 + i as u32 % 64) - stretch(64));
        Ok(Decisions {
            coder: Decoder::new(coded, "jpeg-format.md, J5")?,
            slots: vec![Slots([1 << 31; 16]); CONTEXTS << (TABLE_BITS - 4)],
            weights: vec![first; sets],
            uses: vec![0; sets],
            slot_rates: std::array::from_fn(|n| (1 << 16) / (n as i32 + 2)),
            set_rates: std::array::from_fn(|n| (16 * 500 / (16 + n as i32)).max(50)),
            logarithms: (0..23 * 64).map(logarithm).collect(),
        })
    }

    /// Refuses unread bytes.
    pub fn end(&self) -> Result<()> {
        self.coder.end()
    }

    /// The logarithm of a probability in units of 2^-28.
    #[inline]
    fn logarithm(&self, part: i64) -> i32 {
        let place = (((part >> 6) + 1) as f32).to_bits() >> 17;
        self.logarithms[(place as usize).wrapping_sub(127 * 64).min(23 * 64 - 1)]
    }

    /// Pops a decision. `slot`: its place in the lines. `sets`: those of the mixers.
    pub fn pop(&mut self, lines: &Lines, slot: usize, parts: &Parts, sets: [usize; MIXERS]) -> Result<bool> {
        // All slots are loaded before one is used, since most are not in a cache.
        let values: [u32; CONTEXTS] = std::array::from_fn(|c| self.slots[lines.numbers[c]].0[slot & 15]);
        let mut found = [0; CONTEXTS];
        let mut x = [0i16; INPUTS];
        for c in 0..CONTEXTS {
            let is_own = values[c] & 7 == lines.checks[c];
            found[c] = if is_own { values[c] } else { 1 << 31 | lines.checks[c] };
            x[c] = (stretch(found[c] >> 10) >> 2).clamp(-4095, 4095);
        }
        for t in 0..DISTRIBUTIONS {
            let odds = self.logarithm(parts[0][t]) - self.logarithm(parts[1][t]);
            x[CONTEXTS + t] = (odds >> 2).clamp(-2048, 2048) as i16;
        }
        x[CONTEXTS + DISTRIBUTIONS] = 1 << 5;
        let mut sum = 0i32;
        let mut number = [0; MIXERS];
        let mut before = 0;
        for ((number, set), count) in number.iter_mut().zip(sets).zip(SETS) {
            *number = before + set;
            before += count;
            sum = sum.wrapping_add(dot(&self.weights[*number], &x) as i32);
        }
        let p = squash((sum >> 13).clamp(-(1 << 16), (1 << 16) - 1));
        let bit = self.coder.bit((p >> 12).clamp(1, 65535) as u32)?;
        let error = ((if bit { 1 << 28 } else { 0 } - p) >> 6) as i32;
        for number in number {
            let uses = &mut self.uses[number];
            let e = (error * self.set_rates[usize::from(*uses)] + (1 << 15)) >> 16;
            *uses = uses.saturating_add(1);
            learn_weights(&mut self.weights[number], &x, e as i16);
        }
        let goal = if bit { (1 << 22) - 1 } else { 0 };
        for (c, found) in found.into_iter().enumerate() {
            let (p, count) = ((found >> 10) as i32, found >> 3 & 127);
            let p = (p + ((((goal - p) >> 6) * self.slot_rates[count as usize]) >> 10)).clamp(32, (1 << 22) - 32);
            self.slots[lines.numbers[c]].0[slot & 15] = (p as u32) << 10 | (count + 1).min(127) << 3 | found & 7;
        }
        Ok(bit)
    }
}
