//! The method digits: elements of many bits, divided into digits of few bits (format.md, A5.7).

use crate::blocks::methods;
use crate::foundations::bytes::{push_varint, Bytes};
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, Result};
use crate::models::library::Library;
use crate::types::block::{read_map, Block, Method, Run, ValueMap};

const SECTION: &str = "format.md, A5.7";

struct Digit {
    bits: u32,
    dtype: Dtype,
    map: ValueMap,
    map_bytes: Vec<u8>,
    method: Method,
    length: u64,
}

impl Digit {
    fn read(bytes: &mut Bytes, bits: u32) -> Result<Digit> {
        let dtype = if bits <= 8 { Dtype::U8 } else { Dtype::U16 };
        let start = bytes.at();
        let map = read_map(bytes, dtype, true, None)?;
        let map_bytes = bytes.since(start).to_vec();
        demand(map_bytes[0] <= 3, "a digit has a value map that is not allowed", SECTION)?;
        let form = bytes.byte()?;
        let method = match (form & 7, form >> 3) {
            (0, 0) => Method::Raw,
            (1, 0) => Method::Packed,
            (2, layout @ 0..=3) => Method::Model { identity: bytes.array()?, layout, multiset: false },
            (3, 0) => Method::Fallback,
            _ => return bytes.error("the method of a digit is unknown: a newer release is needed"),
        };
        Ok(Digit { bits, dtype, map, map_bytes, method, length: bytes.varint()? })
    }

    /// Decodes the symbols of all elements, of 8 or 16 bits each.
    fn decode(self, block: &Block, data: &[u8], library: &Library) -> Result<Vec<u8>> {
        let mut runs = Vec::new();
        let mut head = Vec::new();
        push_varint(block.runs.len() as u64, &mut head);
        for (i, run) in block.runs.iter().enumerate() {
            push_varint(run.items, &mut head);
            head.extend_from_slice(&self.dtype.code);
            head.push(run.shape.len() as u8);
            for &extent in &run.shape {
                push_varint(extent, &mut head);
            }
            match i {
                0 => head.extend_from_slice(&self.map_bytes),
                _ => head.push(if self.map == ValueMap::None { 0 } else { 4 }),
            }
            runs.push(Run::new(run.items, self.dtype, run.shape.clone(), self.map.clone())?);
        }
        let block = Block { first: 0, runs, head, method: self.method, data };
        block.check()?;
        methods::decode(&block, library)
    }
}

pub fn decode(block: &Block, library: &Library) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(block.data, SECTION);
    let dtype = block.runs[0].dtype;
    let right = dtype.size() >= 2 && block.runs.iter().all(|run| run.dtype == dtype && run.map == ValueMap::None);
    demand(right, "the elements of a block cannot have digits", SECTION)?;
    let base = bytes.take(dtype.size())?.iter().rev().fold(0u64, |base, &byte| base << 8 | u64::from(byte));
    let shift = u32::from(bytes.byte()?);
    let count = bytes.varint_in(1, 8, "the number of digits")?;
    let mut digits = Vec::new();
    for _ in 0..count {
        let bits = u32::from(bytes.byte()?);
        demand((1..=16).contains(&bits), "a digit does not have 1 to 16 bits", SECTION)?;
        digits.push(Digit::read(&mut bytes, bits)?);
    }
    let total = digits.iter().map(|digit| digit.bits).sum::<u32>() + shift;
    demand(total <= dtype.bits(), "the digits have too many bits", SECTION)?;
    let mut numbers = Vec::new();
    for digit in digits {
        let data = bytes.take_long(digit.length)?;
        let (bits, size) = (digit.bits, digit.dtype.size());
        let symbols = digit.decode(block, data, library)?;
        numbers.resize(symbols.len() / size, 0u64);
        for (number, symbol) in numbers.iter_mut().zip(symbols.chunks_exact(size)) {
            let symbol = symbol.iter().rev().fold(0u64, |symbol, &byte| symbol << 8 | u64::from(byte));
            demand(symbol >> bits == 0, "a digit is too large", SECTION)?;
            *number = *number << bits | symbol;
        }
    }
    for number in &mut numbers {
        // A shift by all bits gives 0.
        let scaled = number.checked_shl(shift).unwrap_or(0);
        *number = base.wrapping_add(scaled);
    }
    let mut numbers_left = numbers.as_mut_slice();
    while bytes.left() > 0 {
        let gap = bytes.varint()?;
        let exception =
            bytes.take(dtype.size())?.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
        let place = usize::try_from(gap).ok().filter(|&place| place < numbers_left.len());
        let Some(place) = place else {
            return bytes.error("an exception lies beyond the elements");
        };
        numbers_left[place] = exception;
        numbers_left = &mut numbers_left[place + 1..];
    }
    let mut out = Vec::with_capacity(block.size());
    for number in numbers {
        out.extend_from_slice(&dtype.element(number)[..dtype.size()]);
    }
    Ok(out)
}
