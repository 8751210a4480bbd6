//! The methods of blocks (format.md, A5.5).

use crate::blocks::{adaptive, chain, digits, fallback, inflated};
use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::{decoded, streams};
use crate::models::library::Library;
use crate::types::block::{Block, Method, ValueMap, SECTION};

/// Decodes the concatenated bytes of all items of a block.
pub fn decode(block: &Block, library: &Library) -> Result<Vec<u8>> {
    match &block.method {
        Method::Raw => Ok(block.data.to_vec()),
        Method::Packed => unpack(block),
        Method::Model { identity, layout, multiset } => {
            let model = library.find(identity)?;
            chain::decode(block, &model, *layout, *multiset)
        }
        Method::Fallback => fallback::decode(block),
        Method::Adaptive => adaptive::decode(block),
        Method::Digits => digits::decode(block, library),
        Method::Streams => streams::decode(block),
        Method::Inflated => inflated::decode(block, library),
        Method::Decoded => decoded::decode(block),
    }
}

fn unpack(block: &Block) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(block.size());
    let mut place = 0usize;
    for run in &block.runs {
        let ValueMap::Pair(values) = &run.map else {
            return refuse("a packed run does not have two values", SECTION);
        };
        for _ in 0..run.items * run.elements {
            let bit = block.data[place / 8] >> (place % 8) & 1;
            out.extend_from_slice(&values[usize::from(bit)]);
            place += 1;
        }
    }
    let rest = if place % 8 > 0 { block.data[place / 8] >> (place % 8) } else { 0 };
    demand(rest == 0, "the padding of a packed block is not zeros", SECTION)?;
    Ok(out)
}
