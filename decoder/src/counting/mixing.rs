//! Codes pixels by binary decisions, step by step (model-format.md, M6).

use crate::ans::coder::Coder;
use crate::counting::blend::Deviations;
use crate::counting::counted::{Counted, Flat};
use crate::counting::decider::{stretch, Decider, Decision};
use crate::counting::memory::{Memory, Recall};
use crate::counting::spots::{Item, Spot};
use crate::counting::terms::View;
use crate::types::image::Image;

/// The learned state of a batch.
struct Engine<'a> {
    codec: &'a Counted,
    tree: Decider<'a>,
    candidate: Option<Decider<'a>>,
    memory: Option<Memory>,
    deviations: Deviations,
    flat: Vec<u32>,
    /// The values of the terms of a pixel.
    values: Vec<u32>,
}

/// Codes the images of a batch.
pub fn code<C: Coder>(codec: &Counted, coder: &mut C, images: &mut [Image]) {
    let elements: u64 = images.iter().map(|image| image.symbols.len() as u64).sum();
    let flat_slots = codec.flat.as_ref().map_or(0, |flat| 1 << flat.regions.len());
    let mut engine = Engine {
        codec,
        tree: Decider::new(&codec.tree, elements * u64::from(codec.depth)),
        candidate: codec.candidate.as_ref().map(|candidate| Decider::new(&candidate.spec, elements)),
        memory: codec.candidate.as_ref().map(|candidate| Memory::new(elements, candidate.spec.table)),
        deviations: Deviations::default(),
        flat: vec![codec.tree.first_slot(); flat_slots],
        values: Vec::new(),
    };
    let mut active: Vec<Item> = Vec::new();
    let mut next = 0;
    let mut spots: Vec<Spot> = Vec::new();
    loop {
        while active.len() < codec.queues && next < images.len() {
            active.push(Item::new(codec, &images[next], next));
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
    /// A separate function, as those with vectors are (simd.rs).
    #[inline(never)]
    fn step<C: Coder>(&mut self, coder: &mut C, active: &mut [Item], images: &mut [Image], spots: &mut [Spot]) {
        self.tree.begin_step();
        if let Some(candidate) = &mut self.candidate {
            candidate.begin_step();
        }
        for spot in spots.iter_mut() {
            self.look(spot, &active[spot.item]);
        }
        self.code_candidates(coder, spots);
        for d in 0..self.codec.depth {
            let mut fresh = true;
            if d % 4 == 0 {
                for spot in spots.iter_mut().filter(|spot| !spot.done && spot.flat.is_none()) {
                    self.tree.find(&spot.keys, spot.node(self.codec.depth, d).into(), &mut spot.places);
                }
            }
            for spot in spots.iter_mut().filter(|spot| !spot.done) {
                self.decide(coder, spot, d, &mut fresh);
            }
        }
        for spot in spots.iter_mut() {
            let item = &mut active[spot.item];
            let image = &mut images[item.number];
            let symbol = match spot.recall.candidate {
                Some(candidate) if spot.is_candidate => candidate,
                _ => spot.a,
            };
            image.symbols[spot.place] = symbol as u16;
            item.field.set(spot.r, spot.q, symbol as u16);
            self.learn(spot, item, symbol);
        }
    }

    /// Reads the surroundings of a pixel.
    fn look(&mut self, spot: &mut Spot, item: &Item) {
        let codec = self.codec;
        spot.learned.clear();
        (spot.candidate_learned, spot.is_candidate, spot.flat) = (None, false, None);
        spot.recall = Recall::default();
        (spot.a, spot.e, spot.done) = (0, spot.levels, false);
        let Spot { r, q, channel, .. } = *spot;
        let (field, place) = (&item.field, item.field.index(r, q));
        let mut view = View { field, place, r, q, channel, candidate: codec.levels, prediction: 0, unit: 0 };
        if let (Some(candidate), Some(memory)) = (&codec.candidate, &self.memory) {
            let key = candidate.spec.key(candidate.memory, &view);
            spot.recall = memory.recall(key, spot.levels);
            view.candidate = spot.recall.candidate.unwrap_or(codec.levels);
            if spot.recall.candidate.is_some() {
                candidate.spec.look(&view, &mut self.values, &mut spot.candidate_keys, &mut spot.candidate_selected);
            }
        }
        if let Some(wrong) = &item.wrong {
            let blend = self.deviations.predict(&codec.predictors, &view, wrong);
            (view.prediction, view.unit) = ((blend.prediction >> 4) as u32, blend.unit);
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

    /// Codes the first array of a step: whether its pixels equal their candidates.
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
                decider.find(&spot.candidate_keys, 1 + u64::from(symbol), &mut spot.places);
                let decision = Decision { direct: symbol, flip: 1, node: 0, depth: 0, failures };
                let (probability, number) = decider.predict(&spot.places, &spot.candidate_selected, decision, None);
                let bit = self.code_bit(coder, probability, known, &mut fresh);
                spot.candidate_learned = Some((number, bit));
                spot.is_candidate = bit == 1;
            }
            spot.done = spot.is_candidate;
        }
        self.candidate = Some(decider);
    }

    /// Codes decision d of a pixel, unless it is implied.
    fn decide<C: Coder>(&mut self, coder: &mut C, spot: &mut Spot, d: u32, fresh: &mut bool) {
        let m = spot.a + (1 << (self.codec.depth - 1 - d));
        let (low, high) = (spot.may_be(spot.a, m), spot.may_be(m, spot.e));
        let bit = if low && high { self.open(coder, spot, d, m, fresh) } else { u32::from(!low) };
        if bit == 1 {
            spot.a = m;
        } else {
            spot.e = spot.e.min(m);
        }
    }

    /// Predicts and codes an open decision: whether the symbol is m or greater.
    fn open<C: Coder>(&mut self, coder: &mut C, spot: &mut Spot, d: u32, m: u32, fresh: &mut bool) -> u32 {
        let known = u32::from(spot.known >= m);
        if let Some((key, _)) = spot.flat {
            let bit = self.code_bit(coder, self.codec.tree.slot_probability(self.flat[key]), known, fresh);
            spot.flat = Some((key, bit));
            return bit;
        }
        let blend = spot.blend.as_ref().map(|blend| {
            let q = blend.probability(spot.a, m, spot.e);
            stretch((q >> 6).clamp(1, (1 << 22) - 1) as u32)
        });
        let (node, low) = (spot.node(self.codec.depth, d), d % 4);
        let flip = (1 << low) + (node & ((1 << low) - 1));
        let decision = Decision { direct: node, flip, node, depth: d, failures: 0 };
        let (probability, number) = self.tree.predict(&spot.places, &spot.selected, decision, blend);
        let bit = self.code_bit(coder, probability, known, fresh);
        spot.learned.push((number, bit));
        bit
    }

    fn learn(&mut self, spot: &mut Spot, item: &mut Item, symbol: u32) {
        if let (Some(decider), Some((number, bit))) = (&mut self.candidate, spot.candidate_learned) {
            decider.learn(number, bit);
        }
        if let Some(memory) = &mut self.memory {
            memory.learn(&spot.recall, symbol);
        }
        for &(number, bit) in &spot.learned {
            self.tree.learn(number, bit);
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
    }
}
