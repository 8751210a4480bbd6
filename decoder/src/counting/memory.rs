//! The memory of candidates (model-format.md, M6.1).

use crate::counting::decider::place_of;
use crate::counting::terms::log2_up;

/// The content of the memory for a pixel.
#[derive(Clone, Copy, Default)]
pub struct Recall {
    symbol: u32,
    confidence: usize,
    place: usize,
    check: u16,
    /// f, the logarithm of how often such a symbol is wrong.
    pub failures: u32,
    pub candidate: Option<u32>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    symbol: u16,
    confidence: u8,
    check: u16,
}

pub struct Memory {
    slots: Vec<Slot>,
    bits: u32,
    success: [i64; 32],
    /// For each f the number of learned pixels with a candidate, and of those that differ from it.
    counts: [[u64; 2]; 16],
}

impl Memory {
    pub fn new(elements: u64, table: u32) -> Memory {
        let bits = log2_up(elements).clamp(10, table);
        let mut success = [0; 32];
        for (c, rate) in success.iter_mut().enumerate() {
            let c = c as i64;
            *rate = (1 << 22) * (2 * c + 1) / (2 * c + 2);
        }
        Memory { slots: vec![Slot::default(); 1 << bits], bits, success, counts: [[0; 2]; 16] }
    }

    pub fn recall(&self, key: u64, levels: u32) -> Recall {
        let (place, check) = place_of(key, self.bits);
        let check = check as u16;
        let slot = self.slots[place];
        let symbol = u32::from(slot.symbol);
        let confidence = if slot.check == check { usize::from(slot.confidence) } else { 0 };
        let failures = log2_up(1 + (((1 << 22) - 1 - self.success[confidence]) >> 7) as u64);
        let likely = confidence > 0 && failures < 15 && symbol < levels;
        Recall { symbol, confidence, place, check, failures, candidate: likely.then_some(symbol) }
    }

    /// The probability that a pixel equals its candidate, from these counts, in units of 2^-28.
    pub fn sure_probability(&self, failures: u32) -> i64 {
        let [total, wrong] = self.counts[failures as usize & 15];
        (1 << 28) - (((1u64 << 28) * (2 * wrong + 1)) / (2 * total + (1 << 13))) as i64
    }

    pub fn learn(&mut self, recall: &Recall, x: u32) {
        if let Some(candidate) = recall.candidate {
            let counts = &mut self.counts[recall.failures as usize & 15];
            counts[0] += 1;
            counts[1] += u64::from(candidate != x);
        }
        if recall.confidence > 0 {
            let goal = if recall.symbol == x { (1 << 22) - 1 } else { 0 };
            let rate = &mut self.success[recall.confidence];
            *rate += (goal - *rate) >> 7;
        }
        let slot = &mut self.slots[recall.place];
        if slot.check != recall.check || slot.confidence == 0 {
            *slot = Slot { symbol: x as u16, confidence: 1, check: recall.check };
        } else if u32::from(slot.symbol) == x {
            slot.confidence = (slot.confidence + 1).min(31);
        } else if slot.confidence > 3 {
            slot.confidence >>= 2;
        } else {
            slot.symbol = x as u16;
            slot.confidence = 1;
        }
    }
}
