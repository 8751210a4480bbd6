//! Adaptive probabilities of decisions and of numbers.

use crate::foundations::arithmetic::Decoder;
use crate::foundations::error::Result;

/// The probability of an equiprobable bit.
pub const PLAIN: u32 = 1 << 15;

#[derive(Clone, Copy)]
pub struct Counter {
    p: u32,
    c: u32,
}

impl Default for Counter {
    fn default() -> Self {
        Counter { p: 1 << 21, c: 0 }
    }
}

impl Counter {
    /// A counter whose decisions are nearly always 1.
    pub fn likely() -> Counter {
        Counter { p: (1 << 22) - (1 << 15), c: 24 }
    }

    pub fn bit(&mut self, coder: &mut Decoder) -> Result<bool> {
        let bit = coder.bit((self.p >> 6).clamp(1, (1 << 16) - 1))?;
        let goal = if bit { (1i64 << 22) - 1 } else { 0 };
        let p = i64::from(self.p);
        let step = ((goal - p) * ((1 << 20) / (16 * i64::from(self.c) + 24))) >> 16;
        self.p = (p + step).clamp(32, (1 << 22) - 32) as u32;
        self.c = (self.c + 1).min(255);
        Ok(bit)
    }
}

const MOST_BITS: usize = 30;

#[derive(Clone, Copy, Default)]
pub struct Number {
    size: [Counter; MOST_BITS],
    first: [Counter; MOST_BITS + 1],
    second: [[Counter; 2]; MOST_BITS + 1],
}

impl Number {
    /// A number below 2^31 - 1.
    pub fn read(&mut self, coder: &mut Decoder) -> Result<usize> {
        let mut k = 0;
        while k < MOST_BITS && self.size[k].bit(coder)? {
            k += 1;
        }
        let mut m = 1;
        for i in 0..k {
            let bit = match i {
                0 => self.first[k].bit(coder)?,
                1 => self.second[k][m % 2].bit(coder)?,
                _ => coder.bit(PLAIN)?,
            };
            m = 2 * m + usize::from(bit);
        }
        Ok(m - 1)
    }
}
