//! How pixels are coded by binary decisions, step by step (model-format.md, M6).

use crate::ans::coder::Coder;
use crate::counting::blend::Deviations;
use crate::counting::counted::{Counted, Flat};
use crate::counting::decider::{stretch, Decider, Decision};
use crate::counting::memory::{Memory, Recall};
use crate::counting::spots::{Beside, Item, Spot};
use crate::counting::terms::View;
use crate::planes::front::Front;
use crate::planes::jpeg;
use crate::types::image::Image;

/// All that is learned in a batch.
struct Engine<'a> {
    codec: &'a Counted,
    beside: Option<Beside<'a>>,
    tree: Decider<'a>,
    candidate: Option<Decider<'a>>,
    memory: Option<Memory>,
    deviations: Deviations,
    flat: Vec<u32>,
    front: Front,
    /// Those of the terms of a pixel.
    values: Vec<u32>,
}

/// Codes the images of a batch.
pub fn code<C: Coder>(codec: &Counted, coder: &mut C, images: &mut [Image], beside: Option<Beside>) {
    let elements: u64 = images.iter().map(|image| image.symbols.len() as u64).sum();
    let flat_slots = codec.flat.as_ref().map_or(0, |flat| 1 << flat.regions.len());
    let mut engine = Engine {
        codec,
        beside,
        tree: Decider::new(&codec.tree, elements * u64::from(codec.depth)),
        candidate: codec.candidate.as_ref().map(|candidate| Decider::new(&candidate.spec, elements)),
        memory: codec.candidate.as_ref().map(|candidate| Memory::new(elements, candidate.spec.table)),
        deviations: Deviations::default(),
        flat: vec![codec.tree.first_slot(); flat_slots],
        front: Front::default(),
        values: Vec::new(),
    };
    let mut active: Vec<Item> = Vec::new();
    let mut next = 0;
    let mut spots: Vec<Spot> = Vec::new();
    loop {
        while active.len() < codec.queues && next < images.len() {
            active.push(Item::new(codec, beside, &images[next], next));
            next += 1;
        }
        if active.is_empty() {
            return;
        }
        let mut count = 0;
        for (place, item) in active.iter().enumerate() {
            count = item.list(codec, &images[item.number], place, &mut spots, count);
        }
        engine.step(coder, &mut active, images, &mut spots[..count]);
        for item in &mut active {
            item.advance(codec, &images[item.number]);
        }
        active.retain(|item| item.plane < images[item.number].planes());
    }
}

impl Engine<'_> {
    /// A function of its own, as those with vectors are (simd.rs).
    #[inline(never)]
    fn step<C: Coder>(&mut self, coder: &mut C, active: &mut [Item], images: &mut [Image], spots: &mut [Spot]) {
        self.tree.begin_step();
        if let Some(candidate) = &mut self.candidate {
            candidate.begin_step();
        }
        if let Some((predictive, network, _)) = self.beside {
            self.front.look(predictive, network, active, spots);
        }
        for (i, spot) in spots.iter_mut().enumerate() {
            let item = &mut active[spot.item];
            self.look(spot, i, item, &images[item.number]);
        }
        self.code_candidates(coder, spots);
        let quantiles = self.codec.beside.as_ref().is_some_and(|beside| beside.quantiles);
        for d in 0..self.codec.depth {
            let mut fresh = true;
            if d % 4 == 0 && !quantiles {
                for spot in spots.iter_mut().filter(|spot| !spot.done && spot.flat.is_none()) {
                    self.tree.find(&spot.keys, (1 << d) + u64::from(spot.bits), 0, &mut spot.places);
                }
            }
            for spot in spots.iter_mut().filter(|spot| !spot.done) {
                self.decide(coder, spot, d, &mut fresh);
            }
        }
        if quantiles {
            self.code_rests(coder, spots);
        }
        for spot in spots.iter_mut() {
            let item = &mut active[spot.item];
            let image = &mut images[item.number];
            let symbol = match spot.recall.candidate {
                Some(candidate) if spot.is_candidate => candidate,
                _ => spot.a,
            };
            image.symbols[spot.pixel.place] = symbol as u16;
            item.field.set(spot.r, spot.q, symbol as u16);
            self.learn(spot, item, symbol);
        }
    }

    /// Sees what is around a pixel.
    fn look(&mut self, spot: &mut Spot, number: usize, item: &mut Item, image: &Image) {
        let codec = self.codec;
        spot.learned.clear();
        spot.inputs.resize(codec.tree.stride(), 0);
        (spot.candidate_learned, spot.is_candidate, spot.flat, spot.sums) = (None, false, None, None);
        spot.recall = Recall::default();
        (spot.a, spot.e, spot.bits, spot.done) = (0, spot.levels, 0, false);
        spot.ends = [None; 2];
        let Spot { r, q, channel, .. } = *spot;
        let (mut prediction, mut unit) = (0, 0);
        let inputs = match self.beside {
            Some((codec, ..)) => &self.front.scratch.values[0][number * codec.width()..][..codec.width()],
            None => &[],
        };
        if let (Some(beside), Some(planes)) = (&codec.beside, &item.planes) {
            (prediction, unit) = (spot.pixel.prediction >> 8, spot.pixel.unit.index);
            if let Some(layer) = beside.features {
                let features = &mut spot.inputs[codec.tree.head()..][..codec.tree.features];
                let (bytes, channels) = features.split_at_mut(inputs.len());
                for (to, from) in bytes.iter_mut().zip(inputs) {
                    *to = (from - 64) << 5;
                }
                let own = &self.front.scratch.values[layer][number * beside.feature_channels..];
                for (to, from) in channels.iter_mut().zip(own) {
                    *to = from << 5;
                }
            }
            if image.jpeg && channel == 2 {
                let blues = planes.jpeg_colours(&spot.pixel);
                let sums = jpeg::sums(&spot.pixel.bounds(codec.precision, spot.levels), blues);
                spot.sums = Some(Box::new((sums, blues)));
            }
        }
        let (field, place) = (&item.field, item.field.index(r, q));
        let mut view = View { field, place, r, q, channel, candidate: codec.levels, prediction, unit, inputs };
        if let (Some(candidate), Some(memory)) = (&codec.candidate, &self.memory) {
            let key = candidate.spec.key(candidate.memory, &view);
            spot.recall = memory.recall(key, spot.levels);
            view.candidate = spot.recall.candidate.unwrap_or(codec.levels);
            if spot.recall.candidate.is_some() {
                spot.candidate_inputs.resize(candidate.spec.stride(), 0);
                candidate.spec.look(&view, &mut self.values, &mut spot.candidate_keys, &mut spot.candidate_selected);
            }
        }
        if let Some(wrong) = &item.wrong {
            let blend = self.deviations.predict(&codec.predictors, &view, wrong);
            (view.prediction, view.unit) = (blend.prediction >> 4, blend.unit as i32);
            spot.blend = Some(blend);
        }
        if let Some(flat) = &codec.flat {
            spot.flat = flat.key(&view, spot.levels).map(|key| (key, 0));
        }
        if spot.flat.is_none() {
            codec.tree.look(&view, &mut self.values, &mut spot.keys, &mut spot.selected);
        }
    }

    fn code_bit<C: Coder>(&self, coder: &mut C, probability: i64, known: u32, fresh: &mut bool) -> u32 {
        if *fresh {
            coder.step();
            *fresh = false;
        }
        let precision = self.codec.precision;
        let ones = (probability >> (28 - precision)).clamp(1, (1 << precision) - 1) as u32;
        coder.bit(precision, ones, known)
    }

    /// The first array of a step: whether its pixels are as their candidates.
    fn code_candidates<C: Coder>(&mut self, coder: &mut C, spots: &mut [Spot]) {
        let (Some(candidate), Some(mut decider)) = (&self.codec.candidate, self.candidate.take()) else { return };
        let mut fresh = true;
        for spot in spots.iter_mut() {
            let Recall { candidate: Some(symbol), failures, .. } = spot.recall else { continue };
            let known = u32::from(spot.known == symbol);
            if failures < candidate.sure {
                let probability = self.memory.as_ref().map_or(1 << 27, |memory| memory.sure_probability(failures));
                spot.is_candidate = self.code_bit(coder, probability, known, &mut fresh) == 1;
            } else {
                decider.find(&spot.candidate_keys, 1 + u64::from(symbol), 0, &mut spot.places);
                let decision = Decision { direct: symbol, flip: 1, node: 0, depth: 0, failures };
                let Spot { places, candidate_selected, candidate_inputs, .. } = spot;
                let (probability, number) =
                    decider.predict(places, candidate_selected, decision, None, candidate_inputs);
                let bit = self.code_bit(coder, probability, known, &mut fresh);
                spot.candidate_learned = Some((number, bit));
                spot.is_candidate = bit == 1;
            }
            spot.done = spot.is_candidate;
        }
        self.candidate = Some(decider);
    }

    /// Whether a symbol from `low` to `high - 1` may be.
    fn may_be(spot: &Spot, low: u32, high: u32) -> bool {
        if let Some(sums) = &spot.sums {
            return sums.1.any(low, high);
        }
        match spot.recall.candidate {
            Some(candidate) if low + 1 == high => low != candidate,
            _ => low < high,
        }
    }

    /// C(c), or M(c) of a pixel of blue.
    fn bound(&self, spot: &Spot, c: u32) -> u64 {
        match &spot.sums {
            Some(sums) => sums.0[c as usize & 511],
            None => spot.pixel.bounds(self.codec.precision, spot.levels).at(c).into(),
        }
    }

    /// The split of the symbols from a to e - 1, at least two.
    fn split(&self, spot: &Spot) -> u32 {
        let (first, last) = (self.bound(spot, spot.a), self.bound(spot, spot.e));
        let (mut low, mut high) = (spot.a, spot.e - 1); // the least c is in here
        while low < high {
            let middle = low + (high - low) / 2;
            if 2 * self.bound(spot, middle + 1) > first + last {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let c = low;
        if c == spot.a {
            return c + 1;
        }
        let below = (first + last) as i64 - 2 * self.bound(spot, c) as i64;
        let above = 2 * self.bound(spot, c + 1) as i64 - (first + last) as i64;
        if c + 1 == spot.e || below <= above {
            c
        } else {
            c + 1
        }
    }

    /// Codes decision d of a pixel, if it is open.
    fn decide<C: Coder>(&mut self, coder: &mut C, spot: &mut Spot, d: u32, fresh: &mut bool) {
        let quantiles = self.codec.beside.as_ref().is_some_and(|beside| beside.quantiles);
        let node = (1 << d) + spot.bits;
        let m = if quantiles {
            if spot.e - spot.a < 2 {
                spot.bits <<= 1;
                return;
            }
            self.split(spot)
        } else {
            spot.a + (1 << (self.codec.depth - 1 - d))
        };
        let low = Self::may_be(spot, spot.a, m.min(spot.e));
        let high = m < spot.e && Self::may_be(spot, m, spot.e);
        let (bit, middle) = if low && high {
            let known = u32::from(spot.known >= m);
            self.open(coder, spot, [d, node, m], quantiles, known, fresh)
        } else {
            (u32::from(!low), None)
        };
        spot.bits = 2 * spot.bits + bit;
        if bit == 1 {
            (spot.a, spot.ends[0]) = (m, middle);
        } else if m < spot.e {
            (spot.e, spot.ends[1]) = (m, middle);
        }
    }

    /// Predicts and codes a decision that is open, and gives the bound of its split if that was needed.
    fn open<C: Coder>(
        &mut self,
        coder: &mut C,
        spot: &mut Spot,
        [d, node, m]: [u32; 3],
        quantiles: bool,
        known: u32,
        fresh: &mut bool,
    ) -> (u32, Option<u64>) {
        if let Some((key, _)) = spot.flat {
            let bit = self.code_bit(coder, self.codec.tree.slot_probability(self.flat[key]), known, fresh);
            spot.flat = Some((key, bit));
            return (bit, None);
        }
        let (mut extra, mut split) = (None, None);
        if let Some(beside) = &self.codec.beside {
            let [first, last] = spot.ends;
            let first = first.unwrap_or_else(|| self.bound(spot, spot.a));
            let last = last.unwrap_or_else(|| self.bound(spot, spot.e));
            let middle = self.bound(spot, m);
            (spot.ends, split) = ([Some(first), Some(last)], Some(middle));
            let q = (((last - middle) << 28) / (last - first).max(1)) as i64;
            let edge = (1 << 28) >> beside.sure;
            if q < edge || q > (1 << 28) - edge {
                return (self.code_bit(coder, q, known, fresh), split);
            }
            extra = Some(q);
        } else if let Some(blend) = &spot.blend {
            extra = Some(blend.probability(spot.a, m, spot.e));
        }
        let extra = extra.map(|q| stretch((q >> 6).clamp(1, (1 << 22) - 1) as u32));
        let flip = if quantiles {
            self.tree.find(&spot.keys, node.into(), m.into(), &mut spot.places);
            1
        } else {
            let low = d % 4;
            (1 << low) + (node & ((1 << low) - 1))
        };
        let decision = Decision { direct: node, flip, node, depth: d, failures: 0 };
        let (probability, number) = self.tree.predict(&spot.places, &spot.selected, decision, extra, &mut spot.inputs);
        let bit = self.code_bit(coder, probability, known, fresh);
        spot.learned.push((number, bit));
        (bit, split)
    }

    /// The last array of a step: what the decisions of quantiles leave.
    fn code_rests<C: Coder>(&self, coder: &mut C, spots: &mut [Spot]) {
        coder.step();
        let r = self.codec.precision;
        for spot in spots.iter_mut().filter(|spot| spot.e - spot.a > 1) {
            let (first, last) = (self.bound(spot, spot.a), self.bound(spot, spot.e));
            let total = (last - first).max(1);
            let known = if C::KNOWN { spot.known } else { spot.pixel.guess() };
            let bound = |c: u32| (((self.bound(spot, c) - first) << r) / total) as u32;
            spot.a = coder.search(r, spot.a, spot.e, known, bound);
            spot.e = spot.a + 1;
        }
    }

    fn learn(&mut self, spot: &mut Spot, item: &mut Item, symbol: u32) {
        if let (Some(decider), Some((number, bit))) = (&mut self.candidate, spot.candidate_learned) {
            decider.learn(number, bit, &mut spot.candidate_inputs);
        }
        if let Some(memory) = &mut self.memory {
            memory.learn(&spot.recall, symbol);
        }
        for &(number, bit) in &spot.learned {
            self.tree.learn(number, bit, &mut spot.inputs);
        }
        if let (Some((key, bit)), Some(Flat { offset, limit, .. })) = (spot.flat, &self.codec.flat) {
            self.flat[key] = self.codec.tree.learn_flat(self.flat[key], bit, *offset, *limit);
        }
        if let (Some(blend), Some(wrong)) = (&spot.blend, &mut item.wrong) {
            blend.note_wrong(wrong, spot.r, spot.q, symbol);
            if !spot.is_candidate {
                self.deviations.learn(blend, symbol);
            }
        }
        if let Some(planes) = &mut item.planes {
            planes.learn(&spot.pixel, symbol);
        }
    }
}
