//! The method inflated: deflate streams in bytes (format.md, A5.20).

use crate::blocks::fallback;
use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::streams;
use crate::tokens::{Round, Streams};
use crate::types::block::{Block, Method, Run, ValueMap};

const SECTION: &str = "format.md, A5.20";

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    let fits = block.runs.iter().all(|run| run.dtype == Dtype::U8 && run.shape.len() == 1 && run.map == ValueMap::None);
    demand(fits, "a block of deflate streams is not of bytes", SECTION)?;
    let size = block.size() as u64;
    let most = ((size << 10) + (1 << 16)).min(size + (1 << 26));
    let mut bytes = Bytes::new(block.data, SECTION);
    let rounds = bytes.byte()?;
    demand((1..=2).contains(&rounds), "deflate streams are taken out more often than twice, or never", SECTION)?;
    let left = bytes.varint_in(0, most, "the bytes with plaintexts")?;
    let length = bytes.varint()?;
    let mut tokens = Streams::new(bytes.take_long(length)?)?;
    let method = match bytes.byte()? {
        3 => Method::Fallback,
        6 => Method::Streams,
        _ => return refuse("the method of plaintexts is unknown: a newer release is needed", SECTION),
    };
    let run = Run::new(1, Dtype::U8, vec![left], ValueMap::None)?;
    let inner = Block { first: 0, runs: vec![run], head: Vec::new(), method, data: bytes.rest() };
    inner.check()?;
    let mut content =
        if inner.method == Method::Streams { streams::decode(&inner)? } else { fallback::decode(&inner)? };
    for number in (0..rounds).rev() {
        let mut bytes = Bytes::new(&content, SECTION);
        let round = Round::read(&mut bytes)?;
        let fits = if number == 0 { round.total == size } else { round.total <= most };
        demand(fits, "the bytes before a round are more or fewer", SECTION)?;
        let plaintexts = bytes.take_long(round.plaintexts)?;
        content = round.put_in(plaintexts, bytes.rest(), &mut tokens)?;
    }
    tokens.end()?;
    Ok(content)
}
