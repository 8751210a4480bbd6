//! Raw deflate streams (RFC 1951), with an optional dictionary in front.

use crate::foundations::error::{refuse, Result};

const SECTION: &str = "RFC 1951";

const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA: [u8; 30] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];

/// Bits of a stream, low bit first. Zeros follow its end; using them is an error.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = self.data.get(self.at).copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << self.count;
            self.at += 1;
            self.count += 8;
        }
    }

    fn take(&mut self, bits: u32) -> Result<u32> {
        if self.count < bits {
            self.fill();
        }
        let value = (self.buffer & ((1 << bits) - 1)) as u32;
        self.drop(bits)?;
        Ok(value)
    }

    fn drop(&mut self, bits: u32) -> Result<()> {
        self.buffer >>= bits;
        self.count -= bits;
        if self.used() > self.data.len() {
            return refuse("a deflate stream is cut off", SECTION);
        }
        Ok(())
    }

    /// The number of bytes used, at least in part.
    fn used(&self) -> usize {
        self.at - (self.count / 8) as usize
    }
}

/// A canonical Huffman code, decoded by a table of 2^15 entries at most.
struct Huffman {
    bits: u32,
    table: Vec<u16>, // symbol * 16 + length; 0 where there is none
}

impl Huffman {
    fn new(lengths: &[u8]) -> Result<Huffman> {
        let bits = u32::from(lengths.iter().copied().max().unwrap_or(0)).max(1);
        let mut table = vec![0u16; 1 << bits];
        let mut code = 0u32;
        let mut used = 0usize;
        for length in 1..=bits {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, &l)| u32::from(l) == length) {
                if code >= 1 << length {
                    return refuse("a deflate code has too many words", SECTION);
                }
                let reversed = code.reverse_bits() >> (32 - length);
                for entry in table.iter_mut().skip(reversed as usize).step_by(1 << length) {
                    *entry = (symbol as u16) * 16 + length as u16;
                }
                code += 1;
                used += 1;
            }
            code <<= 1;
        }
        // An incomplete code is allowed only if it has a single word of one bit, or none at all.
        let complete = code == 2 << bits;
        if !complete && (used > 1 || bits > 1) {
            return refuse("a deflate code is incomplete", SECTION);
        }
        Ok(Huffman { bits, table })
    }

    fn symbol(&self, bits: &mut Bits) -> Result<usize> {
        if bits.count < 16 {
            bits.fill();
        }
        let entry = self.table[(bits.buffer & ((1 << self.bits) - 1)) as usize];
        if entry == 0 {
            return refuse("a deflate stream has a word that is in no code", SECTION);
        }
        bits.drop(u32::from(entry & 15))?;
        Ok(usize::from(entry >> 4))
    }
}

/// Inflates a stream that ends with the data, to at most `limit` bytes.
pub fn inflate_all(data: &[u8], limit: usize) -> Result<Vec<u8>> {
    inflate_behind(&[], data, limit)
}

/// Inflates a stream that refers to a dictionary in front of it.
pub fn inflate_behind(dictionary: &[u8], data: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut bits = Bits { data, at: 0, buffer: 0, count: 0 };
    let mut out = dictionary.to_vec();
    let limit = limit.saturating_add(dictionary.len());
    loop {
        let last = bits.take(1)?;
        match bits.take(2)? {
            0 => stored(&mut bits, &mut out, limit)?,
            1 => {
                let mut lengths = [8u8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                compressed(&mut bits, &mut out, limit, &Huffman::new(&lengths)?, &Huffman::new(&[5; 32])?)?;
            }
            2 => {
                let (literals, distances) = codes(&mut bits)?;
                compressed(&mut bits, &mut out, limit, &literals, &distances)?;
            }
            _ => return refuse("a deflate stream has a block of an unknown kind", SECTION),
        }
        if last == 1 {
            break;
        }
    }
    if bits.used() != data.len() {
        return refuse("there are bytes behind a deflate stream", SECTION);
    }
    out.drain(..dictionary.len());
    Ok(out)
}

fn stored(bits: &mut Bits, out: &mut Vec<u8>, limit: usize) -> Result<()> {
    bits.take(bits.count % 8)?;
    let length = bits.take(16)?;
    if length != bits.take(16)? ^ 0xffff {
        return refuse("a stored block of a deflate stream is broken", SECTION);
    }
    let start = bits.used();
    let Some(bytes) = bits.data.get(start..start + length as usize) else {
        return refuse("a deflate stream is cut off", SECTION);
    };
    if out.len() + bytes.len() > limit {
        return refuse("a deflate stream has too much content", SECTION);
    }
    out.extend_from_slice(bytes);
    bits.at = start + bytes.len();
    bits.buffer = 0;
    bits.count = 0;
    Ok(())
}

fn codes(bits: &mut Bits) -> Result<(Huffman, Huffman)> {
    let literals = bits.take(5)? as usize + 257;
    let distances = bits.take(5)? as usize + 1;
    let count = bits.take(4)? as usize + 4;
    if literals > 286 || distances > 30 {
        return refuse("a deflate stream has too many symbols", SECTION);
    }
    let mut lengths = [0u8; 19];
    for &place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].iter().take(count) {
        lengths[place] = bits.take(3)? as u8;
    }
    let code = Huffman::new(&lengths)?;
    let mut lengths: Vec<u8> = Vec::with_capacity(320);
    while lengths.len() < literals + distances {
        let (value, times) = match code.symbol(bits)? {
            16 => match lengths.last() {
                Some(&value) => (value, 3 + bits.take(2)?),
                None => return refuse("a deflate stream repeats a missing length", SECTION),
            },
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length as u8, 1),
        };
        lengths.resize(lengths.len() + times as usize, value);
    }
    if lengths.len() > literals + distances || lengths[256] == 0 {
        return refuse("a deflate stream has wrong lengths", SECTION);
    }
    Ok((Huffman::new(&lengths[..literals])?, Huffman::new(&lengths[literals..])?))
}

fn compressed(bits: &mut Bits, out: &mut Vec<u8>, limit: usize, literals: &Huffman, distances: &Huffman) -> Result<()> {
    loop {
        let symbol = literals.symbol(bits)?;
        if symbol < 256 {
            if out.len() >= limit {
                return refuse("a deflate stream has too much content", SECTION);
            }
            out.push(symbol as u8);
            continue;
        }
        if symbol == 256 {
            return Ok(());
        }
        let (Some(&base), Some(&extra)) = (LENGTH_BASE.get(symbol - 257), LENGTH_EXTRA.get(symbol - 257)) else {
            return refuse("a deflate stream has an unknown length", SECTION);
        };
        let length = usize::from(base) + bits.take(u32::from(extra))? as usize;
        let symbol = distances.symbol(bits)?;
        let (Some(&base), Some(&extra)) = (DISTANCE_BASE.get(symbol), DISTANCE_EXTRA.get(symbol)) else {
            return refuse("a deflate stream has an unknown distance", SECTION);
        };
        let distance = usize::from(base) + bits.take(u32::from(extra))? as usize;
        if distance > out.len() {
            return refuse("a deflate stream refers to bytes before its start", SECTION);
        }
        if out.len() + length > limit {
            return refuse("a deflate stream has too much content", SECTION);
        }
        let start = out.len() - distance;
        if distance >= length {
            out.extend_from_within(start..start + length);
        } else {
            for i in 0..length {
                out.push(out[start + i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams() {
        // "hello hello hello hello" of zlib, with the fixed code; a stored block; and broken ones.
        let fixed = [0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01];
        assert_eq!(inflate_all(&fixed, 100).unwrap(), b"hello hello hello hello");
        assert!(inflate_all(&fixed, 22).is_err());
        assert!(inflate_all(&fixed[..fixed.len() - 1], 100).is_err());
        assert_eq!(inflate_all(&[1, 2, 0, 253, 255, 7, 8], 2).unwrap(), [7, 8]);
        assert!(inflate_all(&[1, 2, 0, 253, 254, 7, 8], 2).is_err());
        assert!(inflate_all(&[7], 2).is_err());
        assert!(inflate_all(&[], 2).is_err());
    }
}
