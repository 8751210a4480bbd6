//! The arithmetic decoder of binary decisions (format.md, A6.8; jpeg-format.md, J5).

use crate::foundations::error::{demand, Result};

/// The number of zeros that are read behind the end.
const ZEROS: usize = 3;

pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    low: u32,
    high: u32,
    value: u32,
    section: &'static str,
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8], section: &'static str) -> Result<Self> {
        let mut decoder = Decoder { bytes, at: 0, low: 0, high: u32::MAX, value: 0, section };
        for _ in 0..4 {
            decoder.shift()?;
        }
        Ok(decoder)
    }

    fn shift(&mut self) -> Result<()> {
        demand(self.at < self.bytes.len() + ZEROS, "coded decisions are cut off", self.section)?;
        self.value = self.value << 8 | u32::from(self.bytes.get(self.at).copied().unwrap_or(0));
        self.at += 1;
        Ok(())
    }

    /// A decision with the probability `p` of a one, in units of 2^-16.
    #[inline]
    pub fn bit(&mut self, p: u32) -> Result<bool> {
        let middle = self.low + ((u64::from(self.high - self.low) * u64::from(p)) >> 16) as u32;
        let bit = self.value <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.shift()?;
            self.low <<= 8;
            self.high = self.high << 8 | 255;
        }
        Ok(bit)
    }

    /// Refuses unread bytes.
    pub fn end(&self) -> Result<()> {
        let more = self.bytes.len() + ZEROS - self.at;
        demand(more == 0, &format!("coded decisions have {more} bytes too many"), self.section)
    }
}
