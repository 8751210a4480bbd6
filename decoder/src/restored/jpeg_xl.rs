//! Container metadata of lossless JPEG XL files (format.md, A6.8), which are not made again here.

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, refuse, Result};
use crate::restored::picture::Picture;

const SECTION: &str = "format.md, A6.8";
const OTHER: &str = "the header of a JPEG XL file is of another kind";
const ENUM: [(u32, u64); 4] = [(0, 0), (0, 1), (4, 2), (6, 18)];
const SIDE: [(u32, u64); 4] = [(9, 1), (13, 1), (18, 1), (30, 1)];
const DEPTH: [(u32, u64); 4] = [(0, 8), (0, 10), (0, 12), (6, 1)];
const NAME: [(u32, u64); 4] = [(0, 0), (4, 0), (5, 16), (10, 48)];
const POINT: [(u32, u64); 4] = [(19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152)];
const CUSTOM: u64 = 2;

pub fn check(metadata: &[u8], picture: &Picture) -> Result<()> {
    let mut bytes = Bytes::new(metadata, SECTION);
    let samples = matches!(&picture.dtype.code, b"|u1" | b"<u2") && picture.channels <= 4;
    let fits = samples && picture.rows as u64 * picture.columns as u64 <= 1 << 25;
    demand(fits, "a JPEG XL file does not have such pixels", SECTION)?;
    let mut counts = [0; 2];
    for count in &mut counts {
        *count = bytes.varint()?;
        for _ in 0..*count {
            let kind: [u8; 4] = bytes.array()?;
            let length = bytes.varint()?;
            bytes.take_long(length)?;
            let other = !matches!(&kind, b"jxlc" | b"jxlp" | b"jxli" | b"jbrd");
            demand(other, "a box has other pixels", SECTION)?;
        }
    }
    demand(counts[0] > 0 || counts[1] == 0, "boxes stand behind a file without boxes", SECTION)?;
    let mut header = Header { data: bytes.rest(), at: 16 };
    demand(header.data.starts_with(b"\xff\x0a"), OTHER, SECTION)?;
    header.check(picture)
}

/// The bits of a header, the low ones of a byte first.
struct Header<'a> {
    data: &'a [u8],
    at: usize,
}

impl Header<'_> {
    fn bits(&mut self, count: u32) -> Result<u64> {
        let mut value = 0;
        for place in 0..count {
            let Some(byte) = self.data.get(self.at / 8) else { return refuse(OTHER, SECTION) };
            value |= u64::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    fn flag(&mut self) -> Result<bool> {
        Ok(self.bits(1)? == 1)
    }

    fn zeros(&mut self, count: u32) -> Result<()> {
        demand(self.bits(count)? == 0, OTHER, SECTION)
    }

    fn number(&mut self, choices: [(u32, u64); 4]) -> Result<u64> {
        let (count, offset) = choices[self.bits(2)? as usize];
        Ok(self.bits(count)? + offset)
    }

    fn side(&mut self, small: bool) -> Result<u64> {
        if small {
            Ok(8 * (self.bits(5)? + 1))
        } else {
            self.number(SIDE)
        }
    }

    /// Height and width.
    fn size(&mut self) -> Result<(u64, u64)> {
        let small = self.flag()?;
        let height = self.side(small)?;
        let (across, down) = match self.bits(3)? {
            0 => return Ok((height, self.side(small)?)),
            1 => (1, 1),
            2 => (12, 10),
            3 => (4, 3),
            4 => (3, 2),
            5 => (16, 9),
            6 => (5, 4),
            _ => (2, 1),
        };
        Ok((height, height * across / down))
    }

    fn check(&mut self, picture: &Picture) -> Result<()> {
        let size = self.size()?;
        self.zeros(1)?;
        let more = self.flag()?;
        if more {
            self.bits(3)?;
            if self.flag()? {
                self.size()?;
            }
            self.zeros(2)?;
        }
        let bits = 8 * picture.dtype.size() as u64;
        self.check_depth(bits)?;
        demand(!self.flag()? || bits == 8, OTHER, SECTION)?;
        let alpha = self.alpha(bits)?;
        self.zeros(1)?;
        let colours = if self.flag()? { 3 } else { self.colours()? };
        if more && !self.flag()? {
            self.bits(49)?;
        }
        self.zeros(2)?;
        demand(self.flag()?, OTHER, SECTION)?;
        self.zeros((8 - self.at as u32 % 8) % 8)?;
        let same = size == (picture.rows as u64, picture.columns as u64) && colours + alpha == picture.channels;
        demand(same && self.at == 8 * self.data.len(), "the header is that of another JPEG XL file", SECTION)
    }

    fn check_depth(&mut self, bits: u64) -> Result<()> {
        self.zeros(1)?;
        demand(self.number(DEPTH)? == bits, OTHER, SECTION)
    }

    /// How many alpha channels there are.
    fn alpha(&mut self, bits: u64) -> Result<usize> {
        let count = self.number([(0, 0), (0, 1), (4, 2), (12, 1)])?;
        demand(count <= 1, OTHER, SECTION)?;
        if count == 0 {
            return Ok(0);
        }
        if self.flag()? {
            demand(bits == 8, OTHER, SECTION)?;
        } else {
            demand(self.number(ENUM)? == 0, OTHER, SECTION)?;
            self.check_depth(bits)?;
            self.zeros(2)?;
            for _ in 0..self.number(NAME)? {
                self.bits(8)?;
            }
            self.bits(1)?;
        }
        Ok(1)
    }

    /// How many channels of colours there are.
    fn colours(&mut self) -> Result<usize> {
        self.zeros(1)?;
        let space = self.number(ENUM)?;
        demand(space <= 1, OTHER, SECTION)?;
        let white = self.number(ENUM)?;
        self.skip_points(if white == CUSTOM { 2 } else { 0 })?;
        if space == 0 {
            let primaries = self.number(ENUM)?;
            self.skip_points(if primaries == CUSTOM { 6 } else { 0 })?;
        }
        if self.flag()? {
            self.bits(24)?;
        } else {
            self.number(ENUM)?;
        }
        self.number(ENUM)?;
        Ok(if space == 0 { 3 } else { 1 })
    }

    fn skip_points(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            self.number(POINT)?;
        }
        Ok(())
    }
}
