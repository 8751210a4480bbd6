//! The learned state of decisions: slots of contexts, and weights of mixers (model-format.md, M10.5).

use crate::ans::coder::Coder;
use crate::counting::decider::{learn_weights, squash, stretch, Line, LINE};
use crate::counting::terms::log2_up;
use crate::processor::simd::prefetch;
use crate::wavefront::contexts::{CONTEXTS, DIFFERENCES, ERROR_VALUES, LEVELS};

pub const NETWORK: usize = 7;
/// The contexts whose counts select sets of weights.
const KNOWN: [usize; 4] = [6, 5, 2, 0];
const CHANNELS: usize = 4;
const INPUTS: usize = 2 * CONTEXTS;
/// The sets of the four mixers for a channel.
const SETS: [usize; 4] = [256, 512, 128, 256];
const FRESH: u32 = 1 << 15;
const ERROR_SLOTS: usize = ERROR_VALUES * 4 * 8;
/// The number of tables of levels and of differences.
const TABLES: usize = 10;
const SHARED: [usize; 6] = [7, 8, 8, 8, 8, 9];
/// The number of updates of a set until its rate is constant.
const USES: usize = 4704;

#[derive(Clone)]
#[repr(align(64))]
struct Set([i16; INPUTS]);

pub struct MixedDecision {
    pub slots: [u32; CONTEXTS],
    pub checks: [u32; CONTEXTS],
    pub channel: usize,
    pub d: usize,
    pub node: usize,
    /// The log-odds s by the network.
    pub odds: i32,
    pub unit: usize,
    pub size: usize,
    /// Whether there are more than 256 levels.
    pub is_wide: bool,
}

pub struct Mixers {
    /// T, the bits of a slot's number in its table.
    pub bits: u32,
    slots: Vec<Line>,
    sets: Vec<Set>,
    uses: Vec<u16>,
    /// 2^20 div (16 n + offset) of levels, and of others.
    steps: [[u32; 128]; 2],
    rates: [i64; USES],
}

/// T for a number of elements.
fn table_bits(elements: u64, most: u32) -> u32 {
    let bits = log2_up(elements.saturating_mul(5)) - 3;
    bits.max((bits + 2).min(16)).clamp(10, most)
}

/// The size of slots, weights and uses in bytes.
pub fn memory(elements: u64, most: u32) -> u128 {
    let slots = (TABLES << table_bits(elements, most)) + 2 * ERROR_SLOTS;
    (4 * slots + CHANNELS * SETS.iter().sum::<usize>() * (2 * INPUTS + 2)) as u128
}

impl Mixers {
    pub fn new(elements: u64, most: u32) -> Mixers {
        let bits = table_bits(elements, most);
        let mut first = Set([0; INPUTS]);
        for k in 0..LEVELS {
            first.0[2 * k] = 1638;
        }
        first.0[2 * NETWORK] = 1 << 14;
        let sets = CHANNELS * SETS.iter().sum::<usize>();
        let mut steps = [[0; 128]; 2];
        for (steps, offset) in steps.iter_mut().zip([21, 32]) {
            for (n, step) in steps.iter_mut().enumerate() {
                *step = (1 << 20) / (16 * n as u32 + offset);
            }
        }
        let mut rates = [0; USES];
        for (u, rate) in rates.iter_mut().enumerate() {
            *rate = (512 * 2047 / (512 + u as i64)).max(200);
        }
        Mixers {
            bits,
            slots: vec![Line([FRESH; LINE]); ((TABLES << bits) + 2 * ERROR_SLOTS) / LINE],
            sets: vec![first; sets],
            uses: vec![0; sets],
            steps,
            rates,
        }
    }

    /// The first slot of a context's table.
    #[inline(always)]
    pub fn table(&self, context: usize) -> u32 {
        let number = if context < DIFFERENCES { context } else { SHARED[context - DIFFERENCES] };
        (number << self.bits) as u32
    }

    /// The slot of a context of errors.
    #[inline(always)]
    pub fn error_slot(&self, number: usize, value: usize, size: usize, odds: usize) -> u32 {
        let place = ((number * ERROR_VALUES + value) * 4 + size) * 8 + odds;
        ((TABLES << self.bits) + place) as u32
    }

    #[inline(always)]
    pub fn prefetch(&self, slot: u32) {
        prefetch(&self.slots[slot as usize / LINE].0[0]);
    }

    /// Codes a bit, and learns it.
    #[inline(always)]
    pub fn code<C: Coder>(&mut self, coder: &mut C, decision: &MixedDecision, known: u32) -> u32 {
        let mut words = [FRESH; CONTEXTS];
        for k in (0..CONTEXTS).filter(|&k| k != NETWORK) {
            let slot = decision.slots[k] as usize;
            words[k] = self.slots[slot / LINE].0[slot % LINE];
        }
        let (mut p, mut n, mut inputs) = ([0i32; CONTEXTS], [0i32; CONTEXTS], [0i16; INPUTS]);
        for k in 0..CONTEXTS {
            let word = if words[k] >> 23 == decision.checks[k] { words[k] } else { FRESH };
            p[k] = (word & 0xffff) as i32;
            n[k] = (word >> 16 & 127) as i32;
            inputs[2 * k] = if n[k] == 0 { 0 } else { stretch((word & 0xffff) << 6) };
            inputs[2 * k + 1] = (((p[k] - (1 << 15)) * n[k].min(30)) >> 8) as i16;
        }
        inputs[2 * NETWORK] = decision.odds as i16;
        inputs[2 * NETWORK + 1] = 1 << 7;

        let [a, b, c, first] = KNOWN.map(|k| 31 - (1 + n[k]).leading_zeros() as usize);
        let odds = ((decision.odds + (1 << 14)) >> 11).clamp(0, 15) as usize;
        let &MixedDecision { d, node, size, .. } = decision;
        let (node, place) = if decision.is_wide { (d * 8 + first, size) } else { (node, d) };
        let numbers = [node, (a * 8 + b) * 8 + place, c * 16 + odds, decision.unit * 4 + size];
        let (mut sets, mut sums, mut first, mut total) = ([0; 4], [0; 4], 0, 0);
        for m in 0..4 {
            sets[m] = first + decision.channel * SETS[m] + numbers[m];
            first += CHANNELS * SETS[m];
            sums[m] = sum(&self.sets[sets[m]].0, &inputs);
            total += sums[m];
        }
        let ones = (squash(total >> 2) >> 12).clamp(1, (1 << 16) - 1) as u32;
        let bit = coder.bit(16, ones, known);

        for (&set, &sum) in sets.iter().zip(&sums) {
            let uses = &mut self.uses[set];
            let rate = self.rates[usize::from(*uses).min(USES - 1)];
            *uses = uses.saturating_add(1);
            let e = (((i64::from(bit) << 28) - squash(sum)) * rate + (1 << 25)) >> 26;
            learn_weights(&mut self.sets[set].0, &inputs, e as i16); // less than 2^13
        }
        let mut steps = [0; CONTEXTS];
        for k in 0..CONTEXTS {
            steps[k] = self.steps[usize::from(k >= LEVELS)][n[k] as usize & 127];
        }
        for k in 0..CONTEXTS {
            let (p, limit) = (p[k] as u32, if k < LEVELS { 60 } else { 127 });
            let next = if bit == 1 {
                (p + ((((1 << 16) - 1 - p) * steps[k]) >> 16)).min((1 << 16) - 1)
            } else {
                (p - ((p * steps[k] + (1 << 16) - 1) >> 16)).max(1)
            };
            words[k] = decision.checks[k] << 23 | ((n[k] + 1).min(limit) as u32) << 16 | next;
        }
        for k in (0..CONTEXTS).filter(|&k| k != NETWORK) {
            let slot = decision.slots[k] as usize;
            self.slots[slot / LINE].0[slot % LINE] = words[k];
        }
        bit
    }
}

/// The weighted sum t of a mixer's inputs.
#[inline(always)]
fn sum(weights: &[i16; INPUTS], inputs: &[i16; INPUTS]) -> i32 {
    let mut sum = 0;
    for k in 0..CONTEXTS {
        let own = i32::from(weights[2 * k]) * i32::from(inputs[2 * k]);
        let trusted = i32::from(weights[2 * k + 1]) * i32::from(inputs[2 * k + 1]);
        sum += (own + trusted) >> 8;
    }
    (sum >> 5).clamp(-(1 << 16), (1 << 16) - 1)
}
