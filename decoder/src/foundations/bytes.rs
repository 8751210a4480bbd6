//! Checked reading of bytes, with the varints of format.md (The archive).

use crate::foundations::error::{error, refuse, Result};

/// A cursor over bytes. Every read is checked, and errors name the section of the specification.
#[derive(Clone)]
pub struct Bytes<'a> {
    data: &'a [u8],
    at: usize,
    section: &'static str,
}

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8], section: &'static str) -> Self {
        Bytes { data, at: 0, section }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// The bytes read since the place `start`.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.data.get(start..self.at).unwrap_or(&[])
    }

    pub fn left(&self) -> usize {
        self.data.len() - self.at
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        if count > self.left() {
            return refuse("bytes are missing", self.section);
        }
        let taken = &self.data[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    /// Takes a number of bytes that may exceed usize.
    pub fn take_long(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count).map_err(|_| error("bytes are missing", self.section))?;
        self.take(count)
    }

    pub fn rest(&mut self) -> &'a [u8] {
        let taken = &self.data[self.at..];
        self.at = self.data.len();
        taken
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// LEB128, the shortest form only, below 2^64.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for place in 0..10 {
            let byte = self.byte()?;
            if place == 9 && byte > 1 {
                return refuse("a varint is not below 2^64", self.section);
            }
            value |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                if byte == 0 && place > 0 {
                    return refuse("a varint is not in its shortest form", self.section);
                }
                return Ok(value);
            }
        }
        refuse("a varint is not below 2^64", self.section)
    }

    pub fn varint_in(&mut self, low: u64, high: u64, what: &str) -> Result<u64> {
        let value = self.varint()?;
        if value < low || value > high {
            return refuse(format!("{what} is {value}"), self.section);
        }
        Ok(value)
    }

    /// A change: 2c if c >= 0, otherwise -2c - 1, as a varint.
    pub fn change(&mut self) -> Result<i64> {
        let value = self.varint()?;
        let half = (value >> 1) as i64;
        Ok(if value & 1 == 0 { half } else { -half - 1 })
    }

    /// Refuses unread bytes.
    pub fn end(&self) -> Result<()> {
        if self.left() > 0 {
            return refuse("there are extra bytes", self.section);
        }
        Ok(())
    }

    pub fn error<T>(&self, what: impl Into<String>) -> Result<T> {
        refuse(what, self.section)
    }
}

pub fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints() {
        let read = |bytes: &[u8]| Bytes::new(bytes, "test").varint();
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[0x80, 1]), Ok(128));
        assert_eq!(read(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), Ok(u64::MAX));
        assert!(read(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 2]).is_err());
        assert!(read(&[0x80, 0]).is_err());
        assert!(read(&[0x80]).is_err());
        assert_eq!(Bytes::new(&[3], "test").change(), Ok(-2));
    }
}
