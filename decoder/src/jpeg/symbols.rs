//! Symbols by adaptive distributions (jpeg-format.md, J9.1 and J9.2).

use crate::foundations::error::{demand, error, Result};

const SECTION: &str = "jpeg-format.md, J9.1";

pub const SYMBOLS: usize = 16;

/// The rate of learning, and then the probability of a symbol below each but the first, in units of 2^-15.
pub type Distribution = [i16; SYMBOLS];

/// The rates that distributions have in the end: those of coefficients, and all others.
pub const SLOW: i32 = 163;
pub const QUICK: i32 = 546;

/// Decodes symbols.
pub struct Symbols<'a> {
    rest: &'a [u8],
    /// a and b
    states: [u32; 2],
}

impl<'a> Symbols<'a> {
    pub fn new(coded: &'a [u8]) -> Result<Self> {
        demand(coded.len() >= 8 && coded.len() % 2 == 0, "symbols of coefficients are cut off", SECTION)?;
        let mut symbols = Symbols { rest: coded, states: [0; 2] };
        for n in 0..2 {
            symbols.states[n] = symbols.word()? << 16 | symbols.word()?;
        }
        Ok(symbols)
    }

    /// Refuses words that were not needed.
    pub fn end(&self) -> Result<()> {
        let ends = self.rest.is_empty() && self.states == [1 << 16; 2];
        demand(ends, "symbols of coefficients do not end where they should", SECTION)
    }

    fn word(&mut self) -> Result<u32> {
        let missing = || error("symbols of coefficients are cut off", SECTION);
        let (word, rest) = self.rest.split_first_chunk().ok_or_else(missing)?;
        self.rest = rest;
        Ok(u16::from_le_bytes(*word).into())
    }

    fn slot(&self) -> u32 {
        self.states[0] & 0x7FFF
    }

    /// Steps over a symbol that has the slot.
    fn advance(&mut self, start: u32, size: u32) -> Result<()> {
        let mut state = size * (self.states[0] >> 15) + (self.slot() - start);
        if state < 1 << 16 {
            state = state << 16 | self.word()?;
        }
        self.states = [self.states[1], state];
        Ok(())
    }

    /// A number of so many bits, at most 8.
    pub fn bits(&mut self, count: u32) -> Result<i32> {
        let symbol = self.slot() >> (15 - count);
        self.advance(symbol << (15 - count), 1 << (15 - count))?;
        Ok(symbol as i32)
    }

    /// A symbol by one distribution, which learns it.
    pub fn alone(&mut self, of: &mut Distribution) -> Result<usize> {
        let symbol = self.symbol(of)?;
        learn(of, symbol, QUICK);
        Ok(symbol)
    }

    /// A symbol by a blend of the distributions at `places`, which learn it. Their weights do so if `learns` is set.
    pub fn blend<const N: usize>(
        &mut self,
        of: &mut [Distribution],
        places: [usize; N],
        weights: &mut [i16],
        learns: bool,
        rate: i32,
    ) -> Result<usize> {
        let mut blend = of[places[0]];
        for (&place, &weight) in places[1..].iter().zip(&*weights) {
            for (m, &p) in blend.iter_mut().zip(&of[place]) {
                *m += multiply(i32::from(p) - i32::from(*m), weight.into());
            }
        }
        let symbol = self.symbol(&blend)?;
        if learns {
            learn_weights(places.map(|place| probability(&of[place], symbol)), weights);
        }
        for place in places {
            learn(&mut of[place], symbol, rate);
        }
        Ok(symbol)
    }

    /// A symbol by a distribution. Each has a size of 2 or more.
    fn symbol(&mut self, of: &Distribution) -> Result<usize> {
        let mut starts = [0; SYMBOLS + 1];
        for (s, (start, &p)) in starts.iter_mut().zip(of).enumerate().skip(1) {
            *start = (i32::from(multiply(p.into(), 32735)) + 2 * s as i32) as u32;
        }
        starts[SYMBOLS] = 1 << 15;
        let slot = self.slot();
        let symbol = starts[1..SYMBOLS].iter().filter(|&&start| start <= slot).count();
        self.advance(starts[symbol], starts[symbol + 1] - starts[symbol])?;
        Ok(symbol)
    }
}

/// mul(x, y), for |y| < 2^15
fn multiply(x: i32, y: i32) -> i16 {
    ((x * y + (1 << 14)) >> 15) as i16
}

fn learn(of: &mut Distribution, symbol: usize, rate: i32) {
    let mut targets = [0; SYMBOLS];
    targets[symbol + 1..].fill(32767);
    targets[0] = rate;
    let rate = of[0].into();
    for (p, target) in of.iter_mut().zip(targets) {
        *p += multiply(target - i32::from(*p), rate);
    }
}

/// P(p)
fn probability(of: &Distribution, symbol: usize) -> i32 {
    let below = if symbol == 0 { 0 } else { of[symbol] };
    i32::from(*of.get(symbol + 1).unwrap_or(&i16::MAX)) - i32::from(below)
}

fn learn_weights<const N: usize>(probabilities: [i32; N], weights: &mut [i16]) {
    let mut x = probabilities[0];
    for (weight, probability) in weights.iter_mut().zip(&probabilities[1..]) {
        let apart = probability - x;
        let old = i32::from(*weight);
        x += (apart * old) >> 15;
        let step = ((64 * apart) >> x.max(1).ilog2()).clamp(-256, 256);
        *weight = (old + step).clamp(512, 32255) as i16;
    }
}
