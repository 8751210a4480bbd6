//! A block alone (format.md, A7).

use crate::blocks::methods;
use crate::container::archive::VERSION;
use crate::foundations::bytes::{push_varint, Bytes};
use crate::foundations::crc::crc32c;
use crate::foundations::dtype::{elements, is_possible, read_shape, Dtype};
use crate::foundations::error::{demand, error, refuse, Result};
use crate::models::library::Library;
use crate::types::block::{read_map, Block, Method, Run};

const SECTION: &str = "format.md, A7";
pub const MAGIC: u8 = 0xBB;

pub struct Array {
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    /// Whether the array was in Fortran order.
    pub fortran: bool,
    /// The elements, in C order.
    pub data: Vec<u8>,
}

pub fn decode(block: &[u8]) -> Result<Array> {
    let Some(covered) = block.len().checked_sub(4) else {
        return refuse("a block alone is cut off", SECTION);
    };
    let (covered, crc) = block.split_at(covered);
    let mut bytes = Bytes::new(covered, SECTION);
    if bytes.byte()? != MAGIC {
        return bytes.error("this is not a block alone");
    }
    let version = bytes.byte()?;
    let flags = version >> 4;
    if version & 15 != VERSION || flags > 7 {
        return bytes.error(format!("a block alone has the version {} and the flags {flags}", version & 15));
    }
    if flags & 3 != 0 {
        return bytes.error("a block alone lacks its dtype, its shape or its model");
    }
    demand(crc == crc32c(&[covered]).to_le_bytes(), "a block alone is damaged", SECTION)?;
    let dtype = Dtype::read(&mut bytes)?;
    let shape = read_shape(&mut bytes)?;
    demand(is_possible(dtype, &shape), "an array is too large", "format.md, A5.1")?;
    let form = bytes.byte()?;
    let (method, layout, axes) = (form & 7, form >> 3 & 3, usize::from(form >> 5));
    if method == 4 || layout > 1 || (layout == 1 && method != 2) || axes > 4 || axes > shape.len() {
        return bytes.error("the form of a block alone is unknown");
    }
    let start = bytes.at();
    let map = read_map(&mut bytes, dtype, true, None)?;
    let map_bytes = bytes.since(start).to_vec();
    let method = match method {
        0 => Method::Raw,
        1 => Method::Packed,
        2 => Method::Model { identity: bytes.array()?, layout, multiset: false },
        3 => Method::Fallback,
        5 => Method::Digits,
        6 => Method::Streams,
        _ => Method::Inflated,
    };
    let (outer, item) = shape.split_at(shape.len() - axes);
    let too_large = || error("an array is too large", SECTION);
    let items = elements(outer).ok_or_else(too_large)?;
    let run = Run::new(items, dtype, item.to_vec(), map)?;
    let coded = items > 0 && run.elements > 0;
    demand(coded || method == Method::Raw, "an array without elements is coded by a method", SECTION)?;
    let mut head = vec![1];
    push_varint(items, &mut head);
    head.extend_from_slice(&dtype.code);
    head.push(item.len() as u8);
    for &extent in item {
        push_varint(extent, &mut head);
    }
    head.extend_from_slice(&map_bytes);
    let block = Block { first: 0, runs: vec![run], head, method, data: bytes.rest() };
    block.check()?;
    let data = methods::decode(&block, &Library::new(Vec::new()))?;
    Ok(Array { dtype, shape, fortran: flags & 4 != 0, data })
}
