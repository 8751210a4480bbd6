//! Arithmetic-coded scans (jpeg-format.md, J4; T.81, annex D, F.1.4 and G.1.3).

use crate::foundations::error::{demand, Result};
use crate::jpeg::levels::{natural, Block};
use crate::jpeg::markers::Scan;

const SECTION: &str = "jpeg-format.md, J4";

/// Table D.3, per state: size of the less probable symbol (LPS) << 16, next state after an LPS << 8, whether an LPS
/// exchanges the symbols << 7, next state after the more probable symbol.
#[rustfmt::skip]
const ESTIMATES: [u32; 113] = [
    0x5A1D0181, 0x25860E02, 0x11141003, 0x080B1204, 0x03D81405, 0x01DA1706, 0x00E51907, 0x006F1C08,
    0x00361E09, 0x001A210A, 0x000D230B, 0x0006090C, 0x00030A0D, 0x00010C0D, 0x5A7F0F8F, 0x3F252410,
    0x2CF22611, 0x207C2712, 0x17B92813, 0x11822A14, 0x0CEF2B15, 0x09A12D16, 0x072F2E17, 0x055C3018,
    0x04063119, 0x0303331A, 0x0240341B, 0x01B1361C, 0x0144381D, 0x00F5391E, 0x00B73B1F, 0x008A3C20,
    0x00683E21, 0x004E3F22, 0x003B2023, 0x002C2109, 0x5AE125A5, 0x484C4026, 0x3A0D4127, 0x2EF14328,
    0x261F4429, 0x1F33452A, 0x19A8462B, 0x1518482C, 0x1177492D, 0x0E744A2E, 0x0BFB4B2F, 0x09F84D30,
    0x08614E31, 0x07064F32, 0x05CD3033, 0x04DE3234, 0x040F3235, 0x03633336, 0x02D43437, 0x025C3538,
    0x01F83639, 0x01A4373A, 0x0160383B, 0x0125393C, 0x00F63A3D, 0x00CB3B3E, 0x00AB3D3F, 0x008F3D20,
    0x5B1241C1, 0x4D045042, 0x412C5143, 0x37D85244, 0x2FE85345, 0x293C5446, 0x23795647, 0x1EDF5748,
    0x1AA95749, 0x174E484A, 0x1424484B, 0x119C4A4C, 0x0F6B4A4D, 0x0D514B4E, 0x0BB64D4F, 0x0A404D30,
    0x583250D1, 0x4D1C5852, 0x438E5953, 0x3BDD5A54, 0x34EE5B55, 0x2EAE5C56, 0x299A5D57, 0x25165647,
    0x557058D9, 0x4CA95F5A, 0x44D9605B, 0x3E22615C, 0x3824635D, 0x32B4635E, 0x2E175D56, 0x56A85FE0,
    0x4F466561, 0x47E56662, 0x41CF6763, 0x3C3D6864, 0x375E635D, 0x52316966, 0x4C0F6A67, 0x46396B68,
    0x415E6763, 0x562769EA, 0x50E76C6B, 0x4B856D67, 0x55976E6D, 0x504F6F6B, 0x5A106EEF, 0x5522706D, 0x59EB70EF,
];

/// The interval of the encoder of binary decisions.
struct Interval {
    low: u32,
    size: u32,
    /// Bits to the next byte.
    missing: u32,
    /// Bytes that a carry may change, or that may be dropped at the end.
    waiting: Vec<u8>,
}

impl Interval {
    /// Codes a symbol. Bit 7 of a state is the more probable symbol.
    fn code(&mut self, state: &mut u8, symbol: bool) {
        let (entry, more) = (ESTIMATES[usize::from(*state & 127)], *state & 128);
        let (less, likely) = (entry >> 16, symbol == (more != 0));
        self.size -= less;
        if likely && self.size >= 0x8000 {
            return;
        }
        if likely == (self.size < less) {
            self.low += self.size;
            self.size = less;
        }
        *state = if likely { more | entry as u8 & 127 } else { (more ^ entry as u8 & 128) | (entry >> 8) as u8 & 127 };
        while self.size < 0x8000 {
            self.low <<= 1;
            self.size <<= 1;
            self.missing -= 1;
            if self.missing == 0 {
                self.put();
            }
        }
    }

    fn put(&mut self) {
        if self.low >> 27 != 0 {
            for byte in self.waiting.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        self.waiting.push((self.low >> 19) as u8);
        self.low &= (1 << 19) - 1;
        self.missing = 8;
    }

    fn write(&mut self, mut end: usize, out: &mut Vec<u8>) {
        while end > 0 && self.waiting[end - 1] == 0 {
            end -= 1;
        }
        for byte in self.waiting.drain(..end) {
            out.push(byte);
            if byte == 0xFF {
                out.push(0);
            }
        }
    }
}

/// The state between the blocks of a scan, up to a restart.
pub struct Stretch {
    interval: Interval,
    previous: [i32; 4],
    /// The contexts of DC, selected by the previous difference.
    contexts: [usize; 4],
    dc: [[u8; 64]; 4],
    ac: [[u8; 256]; 4],
}

impl Default for Stretch {
    fn default() -> Self {
        let interval = Interval { low: 0, size: 0x10000, missing: 11, waiting: Vec::new() };
        Stretch { interval, previous: [0; 4], contexts: [0; 4], dc: [[0; 64]; 4], ac: [[0; 256]; 4] }
    }
}

impl Stretch {
    /// Writes the bytes that no carry can change any more.
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        let waiting = &self.interval.waiting;
        let last = waiting.iter().rposition(|&byte| byte != 0xFF);
        self.interval.write(last.unwrap_or(0), out);
    }

    /// Writes all bytes: the number in the interval with the most trailing zeros.
    pub fn end(mut self, out: &mut Vec<u8>) {
        let interval = &mut self.interval;
        let mut low = (interval.low + interval.size - 1) & 0xFFFF_0000;
        if low < interval.low {
            low += 0x8000;
        }
        interval.low = low << interval.missing;
        interval.put();
        interval.low <<= 8;
        interval.put();
        interval.write(interval.waiting.len(), out);
    }

    fn even(&mut self, symbol: bool) {
        self.interval.code(&mut 0, symbol);
    }

    pub fn code_block(&mut self, scan: &Scan, conditions: &[u8; 20], c: usize, block: &Block) -> Result<()> {
        let value = i32::from(block[0]) >> scan.low;
        if scan.first == 0 && scan.high > 0 {
            self.even(value & 1 != 0);
        } else if scan.first == 0 {
            self.code_dc(scan, conditions, c, value)?;
        }
        if scan.last > 0 {
            self.code_band(scan, conditions, c, block)?;
        }
        Ok(())
    }

    fn code_dc(&mut self, scan: &Scan, conditions: &[u8; 20], c: usize, value: i32) -> Result<()> {
        let (table, place) = (scan.components[c].dc, self.contexts[c]);
        let difference = value - self.previous[c];
        (self.previous[c], self.contexts[c]) = (value, 0);
        let (states, condition) = (&mut self.dc[table], conditions[table]);
        self.interval.code(&mut states[place], difference != 0);
        if difference == 0 {
            return Ok(());
        }
        let negative = difference < 0;
        self.interval.code(&mut states[place + 1], negative);
        let first = place + 2 + usize::from(negative);
        let highest = magnitude(&mut self.interval, difference.abs(), states, first, 20, false)?;
        if highest >= 1 << (condition & 15) >> 1 {
            let large = highest > 1 << (condition >> 4) >> 1;
            self.contexts[c] = 4 + 4 * usize::from(negative) + 8 * usize::from(large);
        }
        Ok(())
    }

    fn code_band(&mut self, scan: &Scan, conditions: &[u8; 20], c: usize, block: &Block) -> Result<()> {
        let table = scan.components[c].ac;
        let (band, split) = (scan.first.max(1)..=scan.last, usize::from(conditions[16 + table]));
        let size = |k: usize, low: u32| i32::from(block[natural(k)]).abs() >> low;
        let end = band.clone().rfind(|&k| size(k, scan.low) > 0).unwrap_or(0);
        // The last coefficient that is nonzero after earlier scans.
        let known = band.clone().rfind(|&k| scan.high > 0 && size(k, scan.high) > 0).unwrap_or(0);
        let mut begins = true;
        for k in band {
            let place = 3 * (k - 1);
            if begins && k > known {
                self.interval.code(&mut self.ac[table][place], k > end);
                if k > end {
                    return Ok(());
                }
            }
            let size = size(k, scan.low);
            begins = size > 0;
            if scan.high > 0 && size > 1 {
                self.interval.code(&mut self.ac[table][place + 2], size & 1 != 0);
                continue;
            }
            self.interval.code(&mut self.ac[table][place + 1], size > 0);
            if size > 0 {
                self.even(block[natural(k)] < 0);
                if scan.high == 0 {
                    let others = if k <= split { 189 } else { 217 };
                    magnitude(&mut self.interval, size, &mut self.ac[table], place + 2, others, true)?;
                }
            }
        }
        Ok(())
    }
}

/// Codes a number of 1 or more, and returns the highest bit of the number less 1.
fn magnitude(
    interval: &mut Interval,
    size: i32,
    states: &mut [u8],
    mut place: usize,
    others: usize,
    twice: bool,
) -> Result<i32> {
    let rest = size - 1;
    demand(rest < 1 << 15, "a number of a JPEG stream is out of the range of arithmetic coding", SECTION)?;
    interval.code(&mut states[place], rest > 0);
    if twice && rest > 0 {
        interval.code(&mut states[place], rest > 1);
    }
    let bits = 32 - rest.leading_zeros() as usize;
    if rest > i32::from(twice) {
        place = others;
        for _ in 1 + usize::from(twice)..bits {
            interval.code(&mut states[place], true);
            place += 1;
        }
        interval.code(&mut states[place], false);
    }
    for n in (0..bits.saturating_sub(1)).rev() {
        interval.code(&mut states[place + 14], rest >> n & 1 != 0);
    }
    Ok(1 << bits >> 1)
}
