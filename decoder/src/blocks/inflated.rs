//! The method inflated: deflate streams in bytes (format.md, A5.20).

use crate::blocks::fallback;
use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::streams;
use crate::tokens::Streams;
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
    for round in (0..rounds).rev() {
        content = put_in(&content, if round == 0 { size..=size } else { 0..=most }, &mut tokens)?;
    }
    tokens.end()?;
    Ok(content)
}

/// Puts the streams of a round into the bytes again.
fn put_in(rest: &[u8], sizes: std::ops::RangeInclusive<u64>, tokens: &mut Streams) -> Result<Vec<u8>> {
    const CLAIM: &str = "deflate streams claim another size";
    let mut bytes = Bytes::new(rest, SECTION);
    let total = bytes.varint_in(*sizes.start(), *sizes.end(), "the bytes before a round")?;
    let mut heads = Vec::new();
    let (mut used, mut plaintexts) = (0u64, 0u64);
    for _ in 0..bytes.varint()? {
        let [gap, size, plaintext] = [bytes.varint()?, bytes.varint()?, bytes.varint()?];
        used = used.saturating_add(gap).saturating_add(size);
        plaintexts = plaintexts.saturating_add(plaintext);
        demand(used <= total, CLAIM, SECTION)?;
        heads.push((gap, size, plaintext as usize));
    }
    let mut texts = bytes.take_long(plaintexts)?;
    let mut out = Vec::with_capacity(total as usize);
    for (gap, size, plaintext) in heads {
        let (text, others) = texts.split_at(plaintext);
        texts = others;
        out.extend_from_slice(bytes.take_long(gap)?);
        out.extend_from_slice(&tokens.next(text, size)?);
    }
    out.extend_from_slice(bytes.rest());
    demand(out.len() as u64 == total, CLAIM, SECTION)?;
    Ok(out)
}
