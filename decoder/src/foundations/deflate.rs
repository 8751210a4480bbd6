//! A simple deflate encoder (RFC 1951): one block of the fixed code, and matches with the last place of the same three
//! bytes.

/// Bits, low bit first.
#[derive(Default)]
pub struct Writer {
    pub out: Vec<u8>,
    buffer: u64,
    count: u32,
}

impl Writer {
    pub fn put(&mut self, value: u32, bits: u32) {
        self.buffer |= u64::from(value) << self.count;
        self.count += bits;
        while self.count >= 8 {
            self.out.push(self.buffer as u8);
            self.buffer >>= 8;
            self.count -= 8;
        }
    }

    /// The number of bits up to the end of the byte.
    pub fn room(&self) -> u32 {
        (8 - self.count) % 8
    }

    /// The number of bytes, the last of which may be partial.
    pub fn bytes(&self) -> usize {
        self.out.len() + usize::from(self.count > 0)
    }

    /// A word of a Huffman code, high bit first.
    pub fn word(&mut self, word: u32, bits: u32) {
        self.put(word.reverse_bits() >> (32 - bits), bits);
    }

    fn literal(&mut self, symbol: u32) {
        match symbol {
            0..=143 => self.word(0x30 + symbol, 8),
            144..=255 => self.word(0x190 + symbol - 144, 9),
            256..=279 => self.word(symbol - 256, 7),
            _ => self.word(0xC0 + symbol - 280, 8),
        }
    }

    /// The symbol, extra bits and their number of a length or a distance, less its least value, with 2^fraction ranges
    /// per power of two.
    pub fn ranged(value: u32, fraction: u32) -> (u32, u32, u32) {
        if value < 2 << fraction {
            return (value, 0, 0);
        }
        let extra = 31 - value.leading_zeros() - fraction;
        ((extra << fraction) + (value >> extra), value & ((1 << extra) - 1), extra)
    }

    fn matched(&mut self, length: usize, distance: usize) {
        if length == 258 {
            self.literal(285);
        } else {
            let (symbol, low, extra) = Self::ranged(length as u32 - 3, 2);
            self.literal(257 + symbol);
            self.put(low, extra);
        }
        let (symbol, low, extra) = Self::ranged(distance as u32 - 1, 1);
        self.word(symbol, 5);
        self.put(low, extra);
    }
}

/// A raw stream.
pub fn deflate(data: &[u8]) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(data.len() / 2), buffer: 0, count: 0 };
    writer.put(3, 3);
    let mut last = vec![usize::MAX; 1 << 15];
    let mut at = 0;
    while at < data.len() {
        let mut length = 0;
        if let Some(&[a, b, c]) = data.get(at..at + 3) {
            let hash = u32::from_be_bytes([0, a, b, c]).wrapping_mul(0x9E37_79B1) >> 17;
            let before = std::mem::replace(&mut last[hash as usize], at);
            if before < at && at - before <= 1 << 15 {
                let pairs = data[at..].iter().zip(&data[before..]);
                length = pairs.take(258).take_while(|(a, b)| a == b).count();
                if length >= 3 {
                    writer.matched(length, at - before);
                }
            }
        }
        if length < 3 {
            writer.literal(data[at].into());
            length = 1;
        }
        at += length;
    }
    writer.literal(256);
    writer.put(0, 7);
    writer.out
}

/// A stream of RFC 1950.
pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    out.extend(deflate(data));
    out.extend(crate::foundations::crc::adler32(data).to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use crate::foundations::inflate::inflate_all;
    use crate::foundations::splitmix::output;

    #[test]
    fn round_trips() {
        for (length, levels) in [(0, 1), (1, 9), (5000, 2), (70000, 256), (70000, 3), (1000, 1)] {
            let data: Vec<u8> = (0..length).map(|i| (output(3, i) % levels) as u8).collect();
            assert_eq!(inflate_all(&super::deflate(&data), data.len()).unwrap(), data);
        }
        let data: Vec<u8> = (0..100_000u32).map(|i| ((i % 40_000) >> 5) as u8).collect();
        assert_eq!(inflate_all(&super::deflate(&data), data.len()).unwrap(), data);
    }
}
