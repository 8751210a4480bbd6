//! The method inflated: bytes with embedded deflate streams (format.md, A5.20).

use crate::blocks::{fallback, methods};
use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::streams;
use crate::models::library::Library;
use crate::restored::metadata::{self, Restored};
use crate::restored::picture::Picture;
use crate::tokens::{Round, Streams};
use crate::types::block::{Block, Method, Run, ValueMap};

const SECTION: &str = "format.md, A5.20";

pub fn decode(block: &Block, library: &Library) -> Result<Vec<u8>> {
    let fits = block.runs.iter().all(|run| run.dtype == Dtype::U8 && run.shape.len() == 1 && run.map == ValueMap::None);
    demand(fits, "a block of deflate streams is not of bytes", SECTION)?;
    let size = block.size() as u64;
    let most = ((size << 10) + (1 << 16)).min(size + (1 << 26));
    let mut bytes = Bytes::new(block.data, SECTION);
    let rounds = bytes.byte()?;
    demand((1..=2).contains(&rounds), "there are not 1 or 2 rounds of deflate streams", SECTION)?;
    let left = bytes.varint_in(0, most, "the bytes with plaintexts")?;
    let length = bytes.varint()?;
    let mut tokens = Streams::new(bytes.take_long(length)?)?;
    let mut files = Vec::new();
    for _ in 0..bytes.varint()? {
        files.extend(picture(&mut bytes, library)?);
    }
    let mut files = Bytes::new(&files, SECTION);
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
        demand(fits, "the sizes of a round do not match", SECTION)?;
        let plaintexts = bytes.take_long(round.plaintexts)?;
        content = round.restore(plaintexts, bytes.rest(), &mut tokens, &mut files)?;
    }
    tokens.end()?;
    files.end()?;
    Ok(content)
}

/// Decodes a picture file that is embedded in the bytes.
fn picture(bytes: &mut Bytes, library: &Library) -> Result<Vec<u8>> {
    let mut pixels = Vec::new();
    let mut whole: Option<(Dtype, Vec<u64>)> = None;
    for number in 0..bytes.varint()? {
        let length = bytes.varint()?;
        let block = Block::read(bytes.take_long(length)?)?;
        let [Run { items: 1, dtype, shape, .. }] = &block.runs[..] else {
            return refuse("a block of a picture is not a band", SECTION);
        };
        let other = matches!(block.method, Method::Streams | Method::Inflated);
        demand(block.first == number && !other, "the blocks of a picture are not in order", SECTION)?;
        let Some((rows, inner)) = shape.split_first() else {
            return refuse("a band of a picture has no rows", SECTION);
        };
        match &mut whole {
            None => whole = Some((*dtype, shape.clone())),
            Some((first, sizes)) => {
                demand(first == dtype && sizes[1..] == *inner, "the bands of a picture differ", SECTION)?;
                sizes[0] = sizes[0].saturating_add(*rows);
            }
        }
        pixels.extend(methods::decode(&block, library)?);
    }
    let Some((dtype, shape)) = whole else { return refuse("a picture has no pixels", SECTION) };
    let length = bytes.varint()?;
    let metadata = bytes.take_long(length)?;
    let mode = matches!(shape[..], [_, _] | [_, _, 2..=256]) && dtype.code[0] != b'>' && !pixels.is_empty();
    let known = mode && matches!(metadata.first(), Some(1 | 3 | 4 | 5 | 6 | 12));
    demand(known, "an embedded picture has a format that cannot be embedded", SECTION)?;
    match metadata::restore(metadata, &Picture::new(dtype, &shape, &pixels)?)? {
        Restored::Exact(file) => Ok(file),
        _ => refuse("an embedded picture does not come back byte for byte", SECTION),
    }
}
