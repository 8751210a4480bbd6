//! LZW of TIFF files (format.md, A6.3).

use crate::foundations::error::{demand, Result};
use crate::restored::choices::Exceptions;
use crate::restored::high_bits::HighBits;

const SECTION: &str = "format.md, A6.3";

const CLEAR: u32 = 256;
const MOST: usize = 4096;

/// Compresses bytes. `regular`: twice the number of codes between clear codes, and 1 if a zero byte follows a last code
/// that ends a byte.
pub fn compress(bytes: &[u8], regular: u64, exceptions: &Exceptions) -> Result<Vec<u8>> {
    let mut exceptions = exceptions.iter().peekable();
    let mut usual = 0;
    // The number of codes up to the next clear code; 0 if there is none.
    let mut distance = || match exceptions.next_if(|&&(before, _)| before == usual) {
        Some(&(_, codes)) => {
            usual = 0;
            codes
        }
        None => {
            usual += 1;
            regular / 2
        }
    };
    let mut between = distance();
    let mut out = HighBits::default();
    // Codes, indexed by the code of a string and the byte behind it.
    let mut longer = vec![0u16; MOST << 8];
    let mut known: Vec<usize> = Vec::new();
    let (mut next, mut since, mut at) = (258, 0u64, 0);
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
            (next, since, between) = (258, 0, distance());
        }
    }
    demand(exceptions.next().is_none(), "there are exceptions behind the last clear code", SECTION)?;
    out.put(CLEAR + 1, width(next));
    if out.bits() % 8 == 0 && regular % 2 == 1 {
        out.put(0, 8);
    }
    Ok(out.end())
}

/// The bits of a code, with `next` known codes; they grow one code early.
fn width(next: usize) -> u32 {
    (usize::BITS - (next + 1).leading_zeros()).clamp(9, 12)
}
