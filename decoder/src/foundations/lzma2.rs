//! Raw LZMA2 streams, as in the .xz format 1.2.0, with a dictionary of 2^23 bytes.

use crate::foundations::error::{refuse, Result};

const SECTION: &str = "format.md, A5.8";
const DICTIONARY: usize = 1 << 23;

/// A range decoder over the bytes of one chunk.
struct Range<'a> {
    data: &'a [u8],
    at: usize,
    range: u32,
    code: u32,
}

impl<'a> Range<'a> {
    fn new(data: &'a [u8]) -> Result<Self> {
        if data.len() < 5 || data[0] != 0 {
            return refuse("an LZMA2 chunk does not begin as one", SECTION);
        }
        let code = u32::from_be_bytes([data[1], data[2], data[3], data[4]]);
        Ok(Range { data, at: 5, range: !0, code })
    }

    fn normalise(&mut self) {
        if self.range < 1 << 24 {
            self.range <<= 8;
            self.code = (self.code << 8) | u32::from(self.data.get(self.at).copied().unwrap_or(0));
            self.at += 1;
        }
    }

    fn bit(&mut self, probability: &mut u16) -> u32 {
        self.normalise();
        let bound = (self.range >> 11) * u32::from(*probability);
        if self.code < bound {
            self.range = bound;
            *probability += (2048 - *probability) >> 5;
            0
        } else {
            self.range -= bound;
            self.code -= bound;
            *probability -= *probability >> 5;
            1
        }
    }

    fn direct(&mut self, count: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            self.normalise();
            self.range >>= 1;
            let one = self.code >= self.range;
            if one {
                self.code -= self.range;
            }
            value = value * 2 + u32::from(one);
        }
        value
    }

    /// Decodes a tree of `count` bits, the highest first.
    fn tree(&mut self, probabilities: &mut [u16], count: u32) -> u32 {
        let mut node = 1usize;
        for _ in 0..count {
            node = node * 2 + self.bit(&mut probabilities[node]) as usize;
        }
        node as u32 - (1 << count)
    }

    fn reverse_tree(&mut self, probabilities: &mut [u16], count: u32) -> u32 {
        let (mut node, mut value) = (1usize, 0);
        for place in 0..count {
            let bit = self.bit(&mut probabilities[node]);
            node = node * 2 + bit as usize;
            value |= bit << place;
        }
        value
    }
}

/// The probabilities of match lengths.
struct Lengths {
    choice: [u16; 2],
    low: [[u16; 8]; 16],
    middle: [[u16; 8]; 16],
    high: [u16; 256],
}

impl Lengths {
    fn new() -> Self {
        Lengths { choice: [1024; 2], low: [[1024; 8]; 16], middle: [[1024; 8]; 16], high: [1024; 256] }
    }

    fn decode(&mut self, range: &mut Range, position: usize) -> usize {
        2 + if range.bit(&mut self.choice[0]) == 0 {
            range.tree(&mut self.low[position], 3)
        } else if range.bit(&mut self.choice[1]) == 0 {
            8 + range.tree(&mut self.middle[position], 3)
        } else {
            16 + range.tree(&mut self.high, 8)
        } as usize
    }
}

/// The state of an LZMA decoder.
struct State {
    lc: u32,
    lp: u32,
    pb: u32,
    state: usize,
    reps: [usize; 4],
    literals: Vec<[u16; 0x300]>,
    is_match: [[u16; 16]; 12],
    is_rep: [u16; 12],
    is_rep0: [u16; 12],
    is_rep1: [u16; 12],
    is_rep2: [u16; 12],
    is_rep0_long: [[u16; 16]; 12],
    slots: [[u16; 64]; 4],
    special: [[u16; 64]; 10],
    align: [u16; 16],
    match_lengths: Lengths,
    rep_lengths: Lengths,
}

impl State {
    fn new(lc: u32, lp: u32, pb: u32) -> Self {
        State {
            lc,
            lp,
            pb,
            state: 0,
            reps: [0; 4],
            literals: vec![[1024; 0x300]; 1 << (lc + lp)],
            is_match: [[1024; 16]; 12],
            is_rep: [1024; 12],
            is_rep0: [1024; 12],
            is_rep1: [1024; 12],
            is_rep2: [1024; 12],
            is_rep0_long: [[1024; 16]; 12],
            slots: [[1024; 64]; 4],
            special: [[1024; 64]; 10],
            align: [1024; 16],
            match_lengths: Lengths::new(),
            rep_lengths: Lengths::new(),
        }
    }

    /// Decodes a chunk of `size` bytes of output; the dictionary begins at `start` of the output.
    fn chunk(&mut self, data: &[u8], out: &mut Vec<u8>, start: usize, size: usize) -> Result<()> {
        let mut range = Range::new(data)?;
        let end = out.len() + size;
        while out.len() < end {
            if range.at > data.len() {
                return refuse("an LZMA2 chunk is cut off", SECTION);
            }
            let place = (out.len() - start) & ((1 << self.pb) - 1);
            if range.bit(&mut self.is_match[self.state][place]) == 0 {
                self.literal(&mut range, out, start)?;
                continue;
            }
            let length = if range.bit(&mut self.is_rep[self.state]) == 0 {
                self.reps.copy_within(0..3, 1);
                let length = self.match_lengths.decode(&mut range, place);
                self.reps[0] = self.distance(&mut range, length);
                self.state = if self.state < 7 { 7 } else { 10 };
                length
            } else if range.bit(&mut self.is_rep0[self.state]) == 0 {
                if range.bit(&mut self.is_rep0_long[self.state][place]) == 0 {
                    self.state = if self.state < 7 { 9 } else { 11 };
                    1
                } else {
                    self.repeated(&mut range, place)
                }
            } else {
                let which = if range.bit(&mut self.is_rep1[self.state]) == 0 {
                    1
                } else {
                    2 + range.bit(&mut self.is_rep2[self.state]) as usize
                };
                self.reps[..=which].rotate_right(1);
                self.repeated(&mut range, place)
            };
            let between = self.reps[0];
            if between >= DICTIONARY.min(out.len() - start) || length > end - out.len() {
                return refuse("an LZMA2 chunk has a wrong match", SECTION);
            }
            for _ in 0..length {
                out.push(out[out.len() - 1 - between]);
            }
        }
        range.normalise();
        if range.at != data.len() || range.code != 0 {
            return refuse("an LZMA2 chunk does not end at its declared end", SECTION);
        }
        Ok(())
    }

    fn repeated(&mut self, range: &mut Range, place: usize) -> usize {
        self.state = if self.state < 7 { 8 } else { 11 };
        self.rep_lengths.decode(range, place)
    }

    fn literal(&mut self, range: &mut Range, out: &mut Vec<u8>, start: usize) -> Result<()> {
        let position = out.len() - start;
        let before = if position > 0 { u32::from(out[out.len() - 1]) } else { 0 };
        let context = (((position as u32) & ((1 << self.lp) - 1)) << self.lc) + (before >> (8 - self.lc));
        let probabilities = &mut self.literals[context as usize];
        let mut node = 1usize;
        if self.state >= 7 {
            if self.reps[0] >= position {
                return refuse("an LZMA2 chunk has a wrong match", SECTION);
            }
            let mut matched = usize::from(out[out.len() - 1 - self.reps[0]]);
            while node < 0x100 {
                matched <<= 1;
                let expected = matched & 0x100;
                let bit = range.bit(&mut probabilities[0x100 + expected + node]) as usize;
                node = node * 2 + bit;
                if (expected != 0) != (bit == 1) {
                    break;
                }
            }
        }
        while node < 0x100 {
            node = node * 2 + range.bit(&mut probabilities[node]) as usize;
        }
        out.push(node as u8);
        self.state = match self.state {
            0..=3 => 0,
            4..=9 => self.state - 3,
            _ => self.state - 6,
        };
        Ok(())
    }

    fn distance(&mut self, range: &mut Range, length: usize) -> usize {
        let slot = range.tree(&mut self.slots[(length - 2).min(3)], 6);
        if slot < 4 {
            return slot as usize;
        }
        let bits = (slot >> 1) - 1;
        let base = (2 | (slot & 1)) << bits;
        let low = if slot < 14 {
            range.reverse_tree(&mut self.special[slot as usize - 4], bits)
        } else {
            let high = range.direct(bits - 4) << 4;
            high + range.reverse_tree(&mut self.align, 4)
        };
        base.wrapping_add(low) as usize
    }
}

/// Decodes a stream that ends with the data, to at most `limit` bytes.
pub fn decode(data: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut bytes = crate::foundations::bytes::Bytes::new(data, SECTION);
    let mut out = Vec::new();
    let mut start = None; // start of the dictionary
    let mut state: Option<State> = None;
    loop {
        let control = bytes.byte()?;
        if control == 0 {
            bytes.end()?;
            return Ok(out);
        }
        if control == 1 || control >= 0xE0 {
            start = Some(out.len());
        }
        let Some(start) = start else {
            return refuse("an LZMA2 stream begins without a dictionary", SECTION);
        };
        let [high, low] = bytes.array()?;
        let mut size = usize::from(u16::from_be_bytes([high, low])) + 1;
        if control >= 0x80 {
            size += usize::from(control & 31) << 16;
        }
        if size > limit - out.len() {
            return refuse("an LZMA2 stream has too much content", SECTION);
        }
        match control {
            1 | 2 => {
                out.extend_from_slice(bytes.take(size)?);
                if control == 1 {
                    state = None; // the next LZMA chunk needs properties
                }
            }
            0x80.. => {
                let packed = usize::from(u16::from_be_bytes(bytes.array()?)) + 1;
                if control >= 0xC0 {
                    let properties = u32::from(bytes.byte()?);
                    let (lc, lp, pb) = (properties % 9, properties / 9 % 5, properties / 45);
                    if pb > 4 || lc + lp > 4 {
                        return refuse("an LZMA2 stream has wrong properties", SECTION);
                    }
                    state = Some(State::new(lc, lp, pb));
                } else if control >= 0xA0 {
                    state = state.map(|s| State::new(s.lc, s.lp, s.pb));
                }
                let Some(state) = &mut state else {
                    return refuse("an LZMA2 chunk has no properties", SECTION);
                };
                state.chunk(bytes.take(packed)?, &mut out, start, size)?;
            }
            _ => return refuse("an LZMA2 chunk is of an unknown kind", SECTION),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams() {
        // Made by xz's library of the bytes below; a plain chunk; and broken ones.
        let packed = "e0054f018b5d002080308024125b89367515d944fd1e11ed603ef76c70320bebdba8c6b9108d9c33b35cbfae92f119e279\
            d46885b49c931f76abecfa6e8be53c93f7cc44622d189cf8c8cfbcdccd28e5e1ebfc22f31a585e737df34271c7acf8368dd12ed82d10\
            ad48c9527c5f9b7883369a4decf489edcce57b2c59b84d9a874bca1186936add5b3420cbc5b23b7e7c786804c29a22fbee2e10e2a6f7\
            cf6932fd76a3f2ba73b74edbbae04f7bd02070d2b75701e58d77dfb392847596554214baa9c57fd6f03182d741560eb38e8ee3251be3\
            fc0111074469bc477af1a632511519b3c1c8c4ba8aa741a0b21705d7875e01ccf09aca68ad4352b0b91c67db4ee46333ab772b5932f4\
            427cb5f82efc75683edebbfd05bfb15b7de4c346b9420db0f2c7132ced930d36cdee5ffd0b932a0643adb4caded26d1e18987bdb7dd5\
            29163abea5083f827e5135539ae2cdb5e32ab1e008b018e529fc465845b62d71df7497a2929f390bdc3530d60e32669e55c2247c52d3\
            f7f582ae46e05fd6947279edc150dad96570bb69b6509e473f3e9da50000";
        let packed: Vec<u8> =
            (0..packed.len() / 2).map(|i| u8::from_str_radix(&packed[2 * i..2 * i + 2], 16).unwrap()).collect();
        let mut content: Vec<u8> = (0..400u32).map(|i| if i % 7 > 0 { ((i * i) >> 5) as u8 } else { 65 }).collect();
        content.extend_from_slice(&b"hello hello hello hello ".repeat(40));
        assert_eq!(decode(&packed, 1360).unwrap(), content);
        assert!(decode(&packed, 1359).is_err());
        assert!(decode(&packed[..300], 5000).is_err());
        assert_eq!(decode(&[1, 0, 1, 7, 8, 0], 5).unwrap(), [7, 8]);
        assert!(decode(&[2, 0, 1, 7, 8, 0], 5).is_err());
        assert_eq!(decode(&[0], 0).unwrap(), []);
    }
}
