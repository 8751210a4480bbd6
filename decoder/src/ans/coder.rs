//! The codecs (format.md, A2), for two coders: one pops symbols from a message, the other records the intervals of
//! known symbols, which are pushed later.

use crate::ans::message::{Interval, Message};
use crate::foundations::error::Result;
use crate::foundations::tables;

/// A coder of symbols, in C order.
pub trait Coder {
    /// Whether the symbols are known before they are coded.
    const KNOWN: bool;

    /// Begins a step, which starts with lane 0.
    fn step(&mut self);

    /// Codes a symbol below `levels`. `bound(c)` is the start of the interval of c, out of 2^r, and the end of that of
    /// c - 1. `known` is the symbol if it is pushed, and otherwise an estimate at which the search begins.
    fn search(&mut self, r: u32, levels: u32, known: u32, bound: impl FnMut(u32) -> u32) -> u32;

    /// The number that determines the next interval of 2^bits, if the symbol is not known.
    fn peek(&self, bits: u32) -> u32;

    /// The same for an interval that is coded together with the one before it.
    fn peek_behind(&self, first: Interval, bits: u32) -> u32;

    /// Codes two intervals of a symbol at once.
    fn code_both(&mut self, first: Interval, second: Interval);

    /// Codes a bit, with the frequency of a one out of 2^r.
    fn bit(&mut self, r: u32, ones: u32, known: u32) -> u32;
}

pub struct Popper<'a> {
    message: &'a mut Message,
    lane: usize,
}

impl<'a> Popper<'a> {
    pub fn new(message: &'a mut Message) -> Self {
        Popper { message, lane: 0 }
    }

    #[inline(always)]
    fn pop(&mut self, start: u32, frequency: u32, r: u32) {
        self.message.pop(self.lane, start, frequency, r);
        self.next_lane();
    }

    #[inline(always)]
    fn next_lane(&mut self) {
        self.lane += 1;
        if self.lane == self.message.lanes() {
            self.lane = 0;
        }
    }
}

impl Coder for Popper<'_> {
    const KNOWN: bool = false;

    fn step(&mut self) {
        self.lane = 0;
    }

    #[inline(always)]
    fn search(&mut self, r: u32, levels: u32, known: u32, mut bound: impl FnMut(u32) -> u32) -> u32 {
        let x = self.message.peek(self.lane, r);
        // Invariant: bound(a) <= x < bound(b), and `start` and `end` are these bounds.
        let (mut a, mut b) = (0, levels);
        let (mut start, mut end) = (0, 1 << r);
        let mut guess = known.min(levels - 1);
        let mut last = (guess, 0);
        for tries in 0.. {
            let value = if guess > 0 { bound(guess) } else { 0 };
            let up = value <= x;
            if up {
                (a, start) = (guess, value);
            } else {
                (b, end) = (guess, value);
            }
            if b - a == 1 {
                break;
            }
            let apart = if up { x - start } else { end - x };
            let step = match tries {
                0 => 1,
                // Interpolates, as if the symbols were as likely as those passed last.
                1..=6 => {
                    let likely = value.abs_diff(last.1) / guess.abs_diff(last.0);
                    (apart / likely.max(1)).clamp(1, b - a - 1)
                }
                _ => (b - a) / 2,
            };
            last = (guess, value);
            guess = if up { a + step } else { b - step };
        }
        self.pop(start, end - start, r);
        a
    }

    #[inline(always)]
    fn peek(&self, bits: u32) -> u32 {
        self.message.peek(self.lane, bits)
    }

    #[inline(always)]
    fn peek_behind(&self, first: Interval, bits: u32) -> u32 {
        self.message.peek_behind(self.lane, first, bits)
    }

    #[inline(always)]
    fn code_both(&mut self, first: Interval, second: Interval) {
        self.message.pop_both(self.lane, first, second);
        self.next_lane();
    }

    fn bit(&mut self, r: u32, ones: u32, _known: u32) -> u32 {
        let zeros = (1 << r) - ones;
        let one = self.message.peek(self.lane, r) >= zeros;
        if one {
            self.pop(zeros, ones, r);
        } else {
            self.pop(0, zeros, r);
        }
        u32::from(one)
    }
}

/// Records the intervals of known symbols.
#[derive(Default)]
pub struct Noter {
    intervals: Vec<[Interval; 2]>,
}

impl Noter {
    /// Pushes the recorded intervals, the last symbol first: one step, or several to a message of one lane.
    pub fn push(&self, message: &mut Message) {
        let lanes = message.lanes();
        for (i, &[first, second]) in self.intervals.iter().enumerate().rev() {
            message.push_both(i % lanes, first, second);
        }
    }

    fn note(&mut self, start: u32, frequency: u32, bits: u32) {
        self.intervals.push([Interval { start, frequency, bits }, Interval::WHOLE]);
    }
}

impl Coder for Noter {
    const KNOWN: bool = true;

    fn step(&mut self) {}

    fn search(&mut self, r: u32, levels: u32, known: u32, mut bound: impl FnMut(u32) -> u32) -> u32 {
        let start = if known > 0 { bound(known) } else { 0 };
        let end = if known + 1 < levels { bound(known + 1) } else { 1 << r };
        self.note(start, end - start, r);
        known
    }

    fn peek(&self, _bits: u32) -> u32 {
        0
    }

    fn peek_behind(&self, _first: Interval, _bits: u32) -> u32 {
        0
    }

    fn code_both(&mut self, first: Interval, second: Interval) {
        self.intervals.push([first, second]);
    }

    fn bit(&mut self, r: u32, ones: u32, known: u32) -> u32 {
        let zeros = (1 << r) - ones;
        if known == 1 {
            self.note(zeros, ones, r);
        } else {
            self.note(0, zeros, r);
        }
        known
    }
}

/// uniform(n): a step of symbols.
pub fn pop_uniform(message: &mut Message, n: u32, symbols: &mut [u32]) -> Result<()> {
    if n > 1 {
        let bound = |c: u64| ((c << 24) / u64::from(n)) as u32;
        let lanes = message.lanes();
        for (i, symbol) in symbols.iter_mut().enumerate() {
            let x = u64::from(message.peek(i % lanes, 24));
            let c = ((x + 1) * u64::from(n) - 1) >> 24;
            let start = bound(c);
            message.pop(i % lanes, start, bound(c + 1) - start, 24);
            *symbol = c as u32;
        }
    } else {
        symbols.fill(0);
    }
    message.check()
}

pub fn push_uniform(message: &mut Message, n: u32, symbols: &[u32]) {
    let bound = |c: u32| ((u64::from(c) << 24) / u64::from(n)) as u32;
    let lanes = message.lanes();
    if n > 1 {
        for (i, &symbol) in symbols.iter().enumerate().rev() {
            message.push(i % lanes, bound(symbol), bound(symbol + 1) - bound(symbol), 24);
        }
    }
}

/// adaptive(L): a step of symbols.
pub fn pop_adaptive(message: &mut Message, levels: u32, symbols: &mut [u32]) -> Result<()> {
    if levels <= 1 {
        symbols.fill(0);
        return Ok(());
    }
    // A Fenwick tree over m of every symbol, which starts as 1.
    let mut tree: Vec<u32> = (0..=levels).map(|i| i & i.wrapping_neg()).collect();
    let size = tree.len();
    let mut popper = Popper::new(message);
    for (n, symbol) in symbols.iter_mut().enumerate() {
        let total = n as u64 + u64::from(levels);
        let bound = |a: u32| ((u64::from(a) << 24) / total) as u32;
        let x = popper.message.peek(popper.lane, 24);
        // Finds the least symbol whose interval ends behind x, by descending the tree.
        let (mut place, mut before) = (0, 0);
        let mut stride = size.next_power_of_two() / 2;
        while stride > 0 {
            if place + stride < size && bound(before + tree[place + stride]) <= x {
                place += stride;
                before += tree[place];
            }
            stride /= 2;
        }
        *symbol = place as u32;
        // The count of the symbol: that of its node, less those of the nodes within.
        let mut node = place + 1;
        let (mut count, first) = (tree[node], node & (node - 1));
        while place > first {
            count -= tree[place];
            place &= place - 1;
        }
        let start = bound(before);
        popper.pop(start, bound(before + count) - start, 24);
        while node < size {
            tree[node] += 1;
            node += node & node.wrapping_neg();
        }
    }
    message.check()
}

/// The value of a tabulated distribution function at t, in units of 2^-24: logistic, R = 16.
#[inline]
pub fn logistic(table: &[i32; 2049], t: i64) -> i64 {
    let t = t.clamp(-(16 << 24), (16 << 24) - 1) + (16 << 24);
    let j = (t >> 18) as usize & 2047;
    let low = i64::from(table[j]);
    low + (((i64::from(table[j + 1]) - low) * (t & 0x3ffff)) >> 18)
}

/// The same for normal components, R = 8.
#[inline]
pub fn normal(table: &[i32; 2049], t: i64) -> i64 {
    let t = t.clamp(-(8 << 24), (8 << 24) - 1) + (8 << 24);
    let j = (t >> 17) as usize & 2047;
    let low = i64::from(table[j]);
    low + (((i64::from(table[j + 1]) - low) * (t & 0x1ffff)) >> 17)
}

/// C(c) of a mixture from the weighted sum of its distribution functions.
#[inline]
pub fn mixture_bound(c: u32, sum: i64, levels: u32, r: u32) -> u32 {
    c + (((sum >> 16) * ((1i64 << r) - i64::from(levels))) >> 28) as u32
}

/// C(c) of the codec *gaussian*, 0 < c < 2^b.
pub fn gaussian_bound(b: u32, r: u32, mean: i32, inverse_scale: u32, c: u32) -> u32 {
    let quantile = tables::normal_quantile()[(c << (13 - b)) as usize];
    let t = i64::from(quantile - mean) * i64::from(inverse_scale);
    let t = (t + (8 << 32)).clamp(0, (16 << 32) - 1);
    let (j, f) = ((t >> 25) as usize, t & 0x1ffffff);
    let table = tables::normal_cdf();
    let low = i64::from(table[j]);
    let value = low + (((i64::from(table[j + 1]) - low) * f) >> 25);
    c + ((value * ((1i64 << r) - (1i64 << b))) >> 28) as u32
}

/// R(c) of the codec *CDF table*, from T[c].
#[inline]
pub fn table_bound(entry: u32, levels: u32, r: u32, c: u32) -> u32 {
    c + ((u64::from(entry) * ((1 << r) - u64::from(levels))) >> 16) as u32
}
