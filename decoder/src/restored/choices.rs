//! What the encoders of LZW and PackBits chose in the segments of a TIFF file (format.md, A6.3).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, Result};

const SECTION: &str = "format.md, A6.3";

/// Pairs: how many numbers follow the rule since the exception before, and a number.
pub type Exceptions = [(u64, u64)];

pub struct Choices<'a> {
    bytes: Bytes<'a>,
    /// The segments that still have the choice below.
    left: u64,
    regular: u64,
    exceptions: Vec<(u64, u64)>,
}

impl<'a> Choices<'a> {
    pub fn new(coded: &'a [u8]) -> Choices<'a> {
        Choices { bytes: Bytes::new(coded, SECTION), left: 0, regular: 0, exceptions: Vec::new() }
    }

    /// What is regular in the next segment, and its exceptions.
    pub fn take(&mut self) -> Result<(u64, &Exceptions)> {
        const MOST: u64 = u32::MAX as u64;
        if self.left == 0 {
            self.left = self.bytes.varint_in(1, u64::MAX, "the number of segments")?;
            self.regular = self.bytes.varint_in(0, MOST, "a choice of an encoder")?;
            self.exceptions.clear();
            for _ in 0..self.bytes.varint()? {
                let mut number = || self.bytes.varint_in(0, MOST, "an exception");
                self.exceptions.push((number()?, number()?));
            }
        }
        self.left -= 1;
        Ok((self.regular, &self.exceptions))
    }

    pub fn end(&self) -> Result<()> {
        demand(self.left == 0, "there are choices of too many segments", SECTION)?;
        self.bytes.end()
    }
}
