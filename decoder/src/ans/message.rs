//! The message, an ANS stack (format.md, A1).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{refuse, Result};
use crate::foundations::splitmix;

const SECTION: &str = "format.md, A1";

/// [start, start + frequency) of 2^bits.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    pub start: u32,
    pub frequency: u32,
    pub bits: u32,
}

impl Interval {
    /// The whole range, which codes nothing.
    pub const WHOLE: Interval = Interval { start: 0, frequency: 1, bits: 0 };

    /// The head after a pop of this interval.
    #[inline(always)]
    fn below(self, head: u64) -> u64 {
        let x = head & ((1 << self.bits) - 1);
        u64::from(self.frequency) * (head >> self.bits) + x - u64::from(self.start)
    }

    /// The head after a push of this interval.
    #[inline(always)]
    fn above(self, head: u64) -> u64 {
        let frequency = u64::from(self.frequency);
        ((head / frequency) << self.bits) + head % frequency + u64::from(self.start)
    }
}

/// Heads, and a tail of 32-bit words that may be infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    heads: Vec<u64>,
    tail: Vec<u32>,
    /// The number of words read from the implicit tail; None for a finite tail.
    depth: Option<u64>,
    /// Set when a pop needs a word that a finite tail does not have.
    broken: bool,
}

impl Message {
    /// The message of one lane with the head 2^32 and the implicit tail.
    pub fn infinite() -> Self {
        Message { heads: vec![1 << 32], tail: Vec::new(), depth: Some(0), broken: false }
    }

    /// The initial message of a block with this digest (format.md, A3).
    pub fn of_digest(digest: &[u8; 32], lanes: usize) -> Self {
        let words: Vec<u32> =
            digest.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        let heads = (0..lanes).map(|i| (1 << 32) + u64::from(words.get(i).copied().unwrap_or(0))).collect();
        let tail = words.iter().skip(lanes).rev().copied().collect();
        Message { heads, tail, depth: Some(0), broken: false }
    }

    pub fn parse(bytes: &mut Bytes) -> Result<Self> {
        let lanes = bytes.byte()?;
        if !(1..=64).contains(&lanes) {
            return refuse(format!("a message has {lanes} lanes"), SECTION);
        }
        let depth = bytes.varint()?.checked_sub(1);
        if depth.is_some_and(|depth| depth > 1 << 62) {
            return refuse("the depth of a message is too large", SECTION);
        }
        let heads = (0..lanes).map(|_| bytes.u64()).collect::<Result<Vec<_>>>()?;
        if heads.iter().any(|&head| head < 1 << 32) {
            return refuse("a head of a message is too small", SECTION);
        }
        if bytes.left() % 4 != 0 {
            return refuse("the tail of a message is not a number of whole words", SECTION);
        }
        let tail = bytes.rest().chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect();
        let message = Message { heads, tail, depth, broken: false };
        if message.spare_words() > 0 {
            return refuse("the depth of a message is not minimal", SECTION);
        }
        Ok(message)
    }

    /// The serialised message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = self.clone();
        message.reduce();
        let mut bytes = vec![message.heads.len() as u8];
        let mut depth = message.depth.map_or(0, |depth| depth + 1);
        while depth >= 128 {
            bytes.push(depth as u8 | 128);
            depth >>= 7;
        }
        bytes.push(depth as u8);
        bytes.extend(message.heads.iter().flat_map(|head| head.to_le_bytes()));
        bytes.extend(message.tail.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    pub fn lanes(&self) -> usize {
        self.heads.len()
    }

    pub fn is_finite(&self) -> bool {
        self.depth.is_none()
    }

    /// Refuses a message that was exhausted by pops.
    pub fn check(&self) -> Result<()> {
        if self.broken {
            return refuse("a message has too few words", SECTION);
        }
        Ok(())
    }

    /// Whether the message has one head, 2^32, and no tail, the required end of finite messages.
    pub fn is_used_up(&self) -> bool {
        !self.broken && self.heads == [1 << 32] && self.tail.is_empty() && self.depth.is_none()
    }

    /// The number of lowest stored words that equal the implicit tail.
    fn spare_words(&self) -> usize {
        let depth = self.depth.unwrap_or(0);
        let is_spare = |(k, &word): &(usize, &u32)| {
            let k = *k as u64;
            k < depth && word == splitmix::output(0, depth - 1 - k)
        };
        self.tail.iter().enumerate().take_while(is_spare).count()
    }

    pub fn reduce(&mut self) {
        let spare = self.spare_words();
        self.tail.drain(..spare);
        self.depth = self.depth.map(|depth| depth - spare as u64);
    }

    /// The number that determines the next pop at precision r.
    #[inline]
    pub fn peek(&self, lane: usize, r: u32) -> u32 {
        self.heads[lane] as u32 & ((1 << r) - 1)
    }

    /// Pops a symbol with this interval out of 2^r, which contains the number of `peek`.
    #[inline]
    pub fn pop(&mut self, lane: usize, start: u32, frequency: u32, r: u32) {
        let head = self.heads[lane];
        let mut head = u64::from(frequency) * (head >> r) + (head & ((1 << r) - 1)) - u64::from(start);
        if head < 1 << 32 {
            head = (head << 32) + u64::from(self.take_word());
        }
        self.heads[lane] = head;
    }

    /// The number that determines an interval of 2^bits that is popped together with the one before it.
    #[inline(always)]
    pub fn peek_behind(&self, lane: usize, first: Interval, bits: u32) -> u32 {
        first.below(self.heads[lane]) as u32 & ((1 << bits) - 1)
    }

    #[inline(always)]
    pub fn pop_both(&mut self, lane: usize, first: Interval, second: Interval) {
        let mut head = second.below(first.below(self.heads[lane]));
        if head < 1 << 32 {
            head = (head << 32) + u64::from(self.take_word());
        }
        self.heads[lane] = head;
    }

    pub fn push_both(&mut self, lane: usize, first: Interval, second: Interval) {
        let mut head = self.heads[lane];
        let frequency = u64::from(first.frequency) * u64::from(second.frequency);
        if head >> (64 - first.bits - second.bits) >= frequency {
            self.tail.push(head as u32);
            head >>= 32;
        }
        self.heads[lane] = first.above(second.above(head));
    }

    fn take_word(&mut self) -> u32 {
        if let Some(word) = self.tail.pop() {
            return word;
        }
        match &mut self.depth {
            Some(depth) => {
                *depth += 1;
                splitmix::output(0, *depth - 1)
            }
            None => {
                self.broken = true;
                0
            }
        }
    }

    /// Pushes a symbol with this interval out of 2^r.
    #[inline]
    pub fn push(&mut self, lane: usize, start: u32, frequency: u32, r: u32) {
        let mut head = self.heads[lane];
        let frequency = u64::from(frequency);
        if head >> (64 - r) >= frequency {
            self.tail.push(head as u32);
            head >>= 32;
        }
        self.heads[lane] = ((head / frequency) << r) + head % frequency + u64::from(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_and_pop_are_inverse() {
        let mut message = Message::of_digest(&[7; 32], 3);
        let first = message.clone();
        let intervals: Vec<(u32, u32, u32)> = (0..1000u32).map(|i| (i * 7 % 50, 1 + i % 13, 6 + i % 19)).collect();
        for (i, &(start, frequency, r)) in intervals.iter().enumerate() {
            message.push(i % 3, start, frequency, r);
        }
        let stored = message.to_bytes();
        assert_eq!(Message::parse(&mut Bytes::new(&stored, "test")).unwrap().to_bytes(), stored);
        for (i, &(start, frequency, r)) in intervals.iter().enumerate().rev() {
            assert!((start..start + frequency).contains(&message.peek(i % 3, r)));
            message.pop(i % 3, start, frequency, r);
        }
        message.reduce();
        assert_eq!(message, first);
    }

    #[test]
    fn refused() {
        let parse = |bytes: &[u8]| Message::parse(&mut Bytes::new(bytes, "test"));
        assert!(parse(&[1, 1, 0, 0, 0, 0, 1, 0, 0, 0]).is_ok());
        assert!(parse(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(parse(&[0, 1]).is_err());
        assert!(parse(&[65, 1]).is_err());
        assert!(parse(&[1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 5]).is_err());
        assert!(parse(&[1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0x39, 0xa8, 0x20, 0xe2]).is_err());
    }
}
