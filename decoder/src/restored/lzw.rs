//! LZW of TIFF files, by an encoder with clear codes at equal distances (format.md, A6.3).

const CLEAR: u32 = 256;
const MOST: usize = 4096;

/// Compresses bytes, with `between` codes between clear codes. `ended`: a zero byte follows if the last code ends a
/// byte.
pub fn compress(bytes: &[u8], between: usize, ended: bool) -> Vec<u8> {
    let mut out = Codes::default();
    // Codes, indexed by the code of a string and the byte behind it.
    let mut longer = vec![0u16; MOST << 8];
    let mut known: Vec<usize> = Vec::new();
    let (mut next, mut since, mut at) = (258, 0, 0);
    out.put(CLEAR, 9);
    while at < bytes.len() {
        let mut code = usize::from(bytes[at]);
        let mut place = 0;
        at += 1;
        while at < bytes.len() {
            place = code << 8 | usize::from(bytes[at]);
            if longer[place] == 0 {
                break;
            }
            code = usize::from(longer[place]);
            at += 1;
        }
        out.put(code as u32, width(next));
        if since > 0 && next < MOST {
            next += 1;
        }
        since += 1;
        if at < bytes.len() && next < MOST {
            longer[place] = next as u16;
            known.push(place);
        }
        if since == between {
            out.put(CLEAR, width(next));
            known.drain(..).for_each(|place| longer[place] = 0);
            (next, since) = (258, 0);
        }
    }
    out.put(CLEAR + 1, width(next));
    if out.count > 0 || ended {
        out.bytes.push((out.buffer << (8 - out.count)) as u8);
    }
    out.bytes
}

/// The bits of a code, with `next` known codes; they grow one code early.
fn width(next: usize) -> u32 {
    (usize::BITS - (next + 1).leading_zeros()).clamp(9, 12)
}

/// Writes codes from the highest bits of bytes on.
#[derive(Default)]
struct Codes {
    bytes: Vec<u8>,
    buffer: u64,
    count: u32,
}

impl Codes {
    fn put(&mut self, code: u32, width: u32) {
        self.buffer = self.buffer << width | u64::from(code);
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.buffer >> self.count) as u8);
        }
    }
}
