//! Predicts binary decisions and learns from them: slots, mixers and probability maps (model-format.md, M6).

use crate::counting::contexts::{Context, Mixer, Selector, Spec, F};
use crate::foundations::tables;
#[cfg(target_arch = "x86_64")]
use crate::processor::x86;

/// The place and the check of a key in a table.
pub fn place_of(key: u64, table_bits: u32) -> (usize, u64) {
    let v = key.wrapping_mul(F);
    ((v >> (64 - table_bits)) as usize, v >> 20)
}

/// A slot of a context's table, or the slots of a group of decisions, whose numbers differ in the last bits.
#[derive(Clone, Copy, Default)]
pub struct Place {
    slot: u32,
    check: u32,
}

/// The number of slots in a cache line. The slots of a group of decisions share a line.
pub const LINE: usize = 16;

#[derive(Clone)]
#[repr(align(64))]
pub struct Line(pub [u32; LINE]);

#[derive(Clone, Copy)]
pub struct Decision {
    /// Xored to the number of the slot in direct contexts.
    pub direct: u32,
    /// Xored to it in other contexts.
    pub flip: u32,
    pub node: u32,
    pub depth: u32,
    pub failures: u32,
}

/// The learned state, and the predicted decisions of a step.
pub struct Decider<'a> {
    pub spec: &'a Spec,
    tables: Vec<Vec<Line>>,
    table_bits: u32,
    /// For each context 2^20 div (16 n + offset), indexed by n.
    steps: Vec<Vec<u32>>,
    /// In units of 2^-14.
    weights: Vec<Vec<i16>>,
    learned: Vec<Vec<u32>>,
    maps: Vec<Vec<(u32, u32)>>,
    trace: Trace,
}

/// The inputs of each decision of a step, for learning.
#[derive(Default)]
struct Trace {
    count: usize,
    places: Vec<Place>,
    inputs: Vec<i16>,
    sets: Vec<u32>,
    sums: Vec<i32>,
    means: Vec<i32>,
}

/// squash(t), in units of 2^-28.
#[inline]
pub fn squash(t: i32) -> i64 {
    let table = tables::logistic_cdf();
    let u = (t + (1 << 16)) as u32;
    let j = (u >> 6) as usize & 2047;
    let low = i64::from(table[j]);
    low + (((i64::from(table[j + 1]) - low) * i64::from(u & 63)) >> 6)
}

/// stretch(P) in units of 2^-11, for P from 1 to 2^22 - 1.
#[inline]
pub fn stretch(p: u32) -> i16 {
    let g = p.min((1 << 22) - p).max(1);
    // The float is exact: this takes its exponent, and the six bits behind the first.
    let place = ((g as f32).to_bits() >> 17) - 127 * 64;
    let s = tables::stretch()[(place as usize).min(1407)] as i16;
    if p > 1 << 21 {
        s
    } else {
        -s
    }
}

/// The sum of products of weights and inputs, whose number is a multiple of 16. High and low bytes of weights are
/// summed separately, since 256 products of one fit in 32 bits.
#[cfg(not(target_feature = "simd128"))]
#[inline]
pub fn dot(weights: &[i16], inputs: &[i16]) -> i64 {
    #[cfg(target_arch = "x86_64")]
    if x86::level() >= x86::Level::Avx2 {
        return x86::dot(weights, inputs);
    }
    let mut total = 0;
    for (weights, inputs) in weights.chunks(256).zip(inputs.chunks(256)) {
        let high = dot_part(weights, inputs, |weight| weight >> 8);
        let low = dot_part(weights, inputs, |weight| weight & 255);
        total += (i64::from(high) << 8) + i64::from(low);
    }
    total
}

#[cfg(not(target_feature = "simd128"))]
#[inline]
fn dot_part(weights: &[i16], inputs: &[i16], part: impl Fn(i16) -> i16) -> i32 {
    let mut sums = [0i32; 16];
    for (weights, inputs) in weights.chunks_exact(16).zip(inputs.chunks_exact(16)) {
        for ((sum, &weight), &input) in sums.iter_mut().zip(weights).zip(inputs) {
            *sum = sum.wrapping_add(i32::from(part(weight)) * i32::from(input));
        }
    }
    sums.iter().fold(0, |total, &sum| total.wrapping_add(sum))
}

/// The same: no weight is -2^15, so the products of two pairs fit in 32 bits together.
#[cfg(target_feature = "simd128")]
#[inline]
pub fn dot(weights: &[i16], inputs: &[i16]) -> i64 {
    use std::arch::wasm32::{
        i32x4_dot_i16x8, i64x2_add, i64x2_extend_high_i32x4, i64x2_extend_low_i32x4, i64x2_extract_lane, i64x2_splat,
    };
    let mut sums = [i64x2_splat(0); 2];
    for (weights, inputs) in weights.chunks_exact(8).zip(inputs.chunks_exact(8)) {
        let products = i32x4_dot_i16x8(lanes(weights), lanes(inputs));
        sums[0] = i64x2_add(sums[0], i64x2_extend_low_i32x4(products));
        sums[1] = i64x2_add(sums[1], i64x2_extend_high_i32x4(products));
    }
    let sum = i64x2_add(sums[0], sums[1]);
    i64x2_extract_lane::<0>(sum) + i64x2_extract_lane::<1>(sum)
}

#[cfg(target_feature = "simd128")]
#[inline]
fn lanes(x: &[i16]) -> std::arch::wasm32::v128 {
    std::arch::wasm32::i16x8(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7])
}

/// Learns the weights of a set from their inputs, in units of 2^-15.
#[cfg(not(target_feature = "simd128"))]
#[inline]
pub fn learn_weights(weights: &mut [i16], inputs: &[i16], e: i16) {
    #[cfg(target_arch = "x86_64")]
    if x86::level() >= x86::Level::Avx2 {
        return x86::learn_weights(weights, inputs, e);
    }
    for (w, &i) in weights.iter_mut().zip(inputs) {
        let step = (i32::from(i) * i32::from(e) + (1 << 14)) >> 15;
        *w = (i32::from(*w) + step).clamp(-32767, 32767) as i16;
    }
}

#[cfg(target_feature = "simd128")]
#[inline]
pub fn learn_weights(weights: &mut [i16], inputs: &[i16], e: i16) {
    use std::arch::wasm32::{i16x8_add_sat, i16x8_extract_lane, i16x8_max, i16x8_q15mulr_sat, i16x8_splat};
    let (e, least) = (i16x8_splat(e), i16x8_splat(-32767));
    for (weights, inputs) in weights.chunks_exact_mut(8).zip(inputs.chunks_exact(8)) {
        let learned = i16x8_max(i16x8_add_sat(lanes(weights), i16x8_q15mulr_sat(lanes(inputs), e)), least);
        weights[0] = i16x8_extract_lane::<0>(learned);
        weights[1] = i16x8_extract_lane::<1>(learned);
        weights[2] = i16x8_extract_lane::<2>(learned);
        weights[3] = i16x8_extract_lane::<3>(learned);
        weights[4] = i16x8_extract_lane::<4>(learned);
        weights[5] = i16x8_extract_lane::<5>(learned);
        weights[6] = i16x8_extract_lane::<6>(learned);
        weights[7] = i16x8_extract_lane::<7>(learned);
    }
}

impl<'a> Decider<'a> {
    /// `elements`: of all items of the batch, times the decisions.
    pub fn new(spec: &'a Spec, elements: u64) -> Self {
        let first = 1u32 << (spec.a - 1);
        let lines = |context: &Context| (spec.slots(context, elements) as usize).div_ceil(LINE);
        let tables = spec.contexts.iter().map(|context| vec![Line([first; LINE]); lines(context)]).collect();
        let steps = |context: &Context| (0..=context.limit).map(|n| (1 << 20) / (16 * n + context.offset)).collect();
        let inputs = spec.inputs();
        let weights = |mixer: &Mixer| {
            let mut set = vec![0i16; inputs];
            for c in 0..spec.contexts.len() {
                set[2 * c] = mixer.start;
            }
            if spec.is_blended {
                set[2 * spec.contexts.len() + 1] = mixer.start;
            }
            set.repeat(mixer.sets)
        };
        let maps = |mixer: &Mixer| {
            let set: Vec<(u32, u32)> = (0..33).map(|j| ((squash((j - 16) << 11) >> 6) as u32, 0)).collect();
            set.repeat(mixer.sets)
        };
        Decider {
            spec,
            tables,
            table_bits: spec.table_bits(elements),
            steps: spec.contexts.iter().map(steps).collect(),
            weights: spec.mixers.iter().map(weights).collect(),
            learned: spec.mixers.iter().map(|mixer| vec![0; mixer.sets]).collect(),
            maps: if spec.maps.is_some() { spec.mixers.iter().map(maps).collect() } else { Vec::new() },
            trace: Trace::default(),
        }
    }

    /// Drops the decisions of the previous step.
    pub fn begin_step(&mut self) {
        let Trace { count, places, inputs, sets, sums, means } = &mut self.trace;
        *count = 0;
        places.clear();
        inputs.clear();
        sets.clear();
        sums.clear();
        means.clear();
    }

    /// Finds the slots of a group of decisions from its first node. Reads them in order to prefetch: the loads of many
    /// groups overlap.
    pub fn find(&self, keys: &[u64], node: u64, places: &mut Vec<Place>) {
        let spec = self.spec;
        let check_mask = ((1u64 << (32 - spec.a - spec.b)) - 1) as u32;
        let mut loaded = 0;
        places.clear();
        places.extend(spec.contexts.iter().zip(keys).zip(&self.tables).map(|((context, &key), table)| {
            let place = if context.direct {
                Place { slot: (key << spec.depth) as u32, check: 0 }
            } else {
                let (slot, check) = place_of(key ^ node, self.table_bits);
                Place { slot: slot as u32, check: check as u32 & check_mask }
            };
            loaded ^= table[place.slot as usize / LINE].0[0];
            place
        }));
        std::hint::black_box(loaded);
    }

    /// The probability of a 1 in units of 2^-28, and the number of the decision in this step. The slots of its group
    /// must have been found. `blend`: the probability by the blend of predictors.
    pub fn predict(
        &mut self,
        places: &[Place],
        selected: &[u32],
        decision: Decision,
        blend: Option<i16>,
    ) -> (i64, usize) {
        let spec = self.spec;
        let trace = &mut self.trace;
        let mut counts = [0u32; 32];
        let first = trace.inputs.len();
        trace.inputs.resize(first + spec.inputs(), 0);
        let inputs = &mut trace.inputs[first..];
        let (most, count_mask, check_shift) = ((1 << spec.a) - 1, (1 << spec.b) - 1, spec.a + spec.b);
        let slots = spec.contexts.iter().zip(places).zip(&self.tables);
        for (((context, place), table), (input, count)) in slots.zip(inputs.chunks_exact_mut(2).zip(&mut counts)) {
            let number = place.slot ^ if context.direct { decision.direct } else { decision.flip };
            let slot = table[number as usize / LINE].0[number as usize % LINE];
            trace.places.push(Place { slot: number, ..*place });
            let fresh = u64::from(slot) >> check_shift != u64::from(place.check);
            let n = if fresh { 0 } else { slot >> spec.a & count_mask };
            *count = n;
            let p = (slot & most) << (22 - spec.a);
            let trusted = i64::from(p as i32 - (1 << 21)) * i64::from((n as i32).min(spec.trust));
            let known = -i16::from(n > 0);
            input[0] = stretch(p) & known;
            input[1] = (trusted >> 14) as i16;
        }
        let last = 2 * spec.contexts.len();
        inputs[last] = 1 << 7;
        if let Some(blend) = blend {
            inputs[last + 1] = blend;
        }
        let mut total = 0;
        for (mixer, weights) in spec.mixers.iter().zip(&self.weights) {
            let mut set = 0;
            for (selector, n) in &mixer.select {
                let value = match selector {
                    Selector::Node => decision.node,
                    Selector::Depth => decision.depth,
                    Selector::Known(context) => 31 - (1 + counts[*context]).leading_zeros(),
                    Selector::Odds => ((i32::from(blend.unwrap_or(0)) + (1 << 14)) >> 11).clamp(0, 15) as u32,
                    Selector::Failures => decision.failures,
                    Selector::Term(number) => selected[*number],
                };
                set = set * n + value;
            }
            let weights = &weights[set as usize * inputs.len()..][..inputs.len()];
            let t = (dot(weights, inputs) >> 13).clamp(-(1 << 16), (1 << 16) - 1) as i32;
            trace.sets.push(set);
            trace.sums.push(t);
            total += i64::from(t);
        }
        let count = spec.mixers.len() as i64;
        let mean = total.div_euclid(count) as i32;
        trace.means.push(mean);
        trace.count += 1;
        let mut probability = squash(mean);
        if let Some((weight, _)) = spec.maps {
            let (j, f) = map_place(mean);
            let sets = &trace.sets[(trace.count - 1) * spec.mixers.len()..];
            let mut sum = 0;
            for (map, &set) in self.maps.iter().zip(sets) {
                let entries = &map[set as usize * 33 + j..][..2];
                let f = f as u64;
                sum += (u64::from(entries[0].0) * (2048 - f) + u64::from(entries[1].0) * f) >> 11;
            }
            probability = (weight * probability + ((sum as i64) << 6)) / (weight + count);
        }
        (probability, trace.count - 1)
    }

    /// Learns the bit of a decision of this step.
    pub fn learn(&mut self, number: usize, bit: u32) {
        let spec = self.spec;
        let contexts = spec.contexts.len();
        let places = &self.trace.places[number * contexts..][..contexts];
        let tables = self.tables.iter_mut().zip(&self.steps);
        for ((place, context), (table, steps)) in places.iter().zip(&spec.contexts).zip(tables) {
            let slot = &mut table[place.slot as usize / LINE].0[place.slot as usize % LINE];
            *slot = spec.learn_slot(*slot, place.check, bit, |n| steps[n as usize], context.limit);
        }
        let count = spec.inputs();
        let inputs = &self.trace.inputs[number * count..][..count];
        let mixers = spec.mixers.len();
        for (m, mixer) in spec.mixers.iter().enumerate() {
            let set = self.trace.sets[number * mixers + m] as usize;
            let p = squash(self.trace.sums[number * mixers + m]);
            let learned = &mut self.learned[m][set];
            let rate = ((16 * mixer.rates[0]) / learned.saturating_add(16)).max(mixer.rates[1]);
            *learned = learned.saturating_add(1);
            let e = (((i64::from(bit) << 28) - p) * i64::from(rate) + (1 << 25)) >> 26;
            let e = e as i16; // less than 2^13
            if e == 0 {
                continue;
            }
            learn_weights(&mut self.weights[m][set * count..][..count], inputs, e);
        }
        if let Some((_, limit)) = spec.maps {
            let (j, f) = map_place(self.trace.means[number]);
            for (m, map) in self.maps.iter_mut().enumerate() {
                let set = self.trace.sets[number * mixers + m] as usize;
                let (r, n) = &mut map[set * 33 + j + (f >> 10)];
                let goal = if bit == 1 { (1i64 << 22) - 1 } else { 0 };
                let step = ((goal - i64::from(*r)) * ((1 << 17) / (2 * i64::from(*n) + 3))) >> 16;
                *r = (i64::from(*r) + step).clamp(16, (1 << 22) - 16) as u32;
                *n = (*n + 1).min(limit);
            }
        }
    }
}

fn map_place(mean: i32) -> (usize, usize) {
    let u = (mean.clamp(-(1 << 15), (1 << 15) - 1) + (1 << 15)) as usize;
    (u >> 11, u & 2047)
}
