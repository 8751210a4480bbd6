//! The method streams: JPEG streams in bytes (jpeg-format.md, J1).

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::{inflate, lzma2};
use crate::jpeg::coefficients::Model;
use crate::jpeg::details::Details;
use crate::jpeg::levels::BLOCK;
use crate::jpeg::markers::Segments;
use crate::jpeg::scans;
use crate::types::block::{Block, ValueMap};

const SECTION: &str = "jpeg-format.md, J1";

/// The dictionary of the packed rest.
static HEADER: &[u8; 621] = include_bytes!("../../../src/bitsback/tables/jpeg_header.bin");

/// Blocks that are free, however few bytes there are; others need a byte each.
const FREE_BLOCKS: u64 = 1 << 18;

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    let fits = block.runs.iter().all(|run| run.dtype == Dtype::U8 && run.shape.len() == 1 && run.map == ValueMap::None);
    demand(fits, "a block of JPEG streams is not of bytes", SECTION)?;
    let size = block.size();
    let mut bytes = Bytes::new(block.data, SECTION);
    let rounds = bytes.byte()?;
    demand((1..=2).contains(&rounds), "JPEG streams are taken out more often than twice, or never", SECTION)?;
    let coder = bytes.byte()?;
    let length = bytes.varint()?;
    let packed = bytes.take_long(length)?;
    let most = 2 * size + 64;
    let mut content = match coder {
        0 => inflate::inflate_behind(HEADER, packed, most)?,
        1 => lzma2::decode(packed, most)?,
        _ => return refuse("the coder of a block is unknown: a newer release is needed", SECTION),
    };
    let mut model = Model::new(bytes.rest())?;
    let mut blocks = FREE_BLOCKS + size as u64;
    for round in (0..rounds).rev() {
        let total = if round == 0 { size..=size } else { 0..=most };
        content = put_in(&content, total, &mut model, &mut blocks)?;
    }
    model.end()?;
    Ok(content)
}

/// Puts the streams of a round into the bytes again. `blocks`: how many there may still be.
fn put_in(rest: &[u8], sizes: std::ops::RangeInclusive<usize>, model: &mut Model, blocks: &mut u64) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(rest, SECTION);
    let claims = |what| refuse(format!("JPEG streams have another size: {what}"), SECTION);
    let total = match usize::try_from(bytes.varint()?) {
        Ok(total) if sizes.contains(&total) => total,
        _ => return claims("that of all bytes"),
    };
    let mut heads = Vec::new();
    let mut used = 0u64;
    for _ in 0..bytes.varint()? {
        let [gap, size, skeleton, details] = [bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?];
        used = used.saturating_add(gap).saturating_add(size);
        if used > total as u64 {
            return claims("that of a stream");
        }
        heads.push((gap, size as usize, skeleton, details));
    }
    let mut streams = Vec::new();
    for (gap, size, skeleton, details) in heads {
        let (skeleton, details) = (bytes.take_long(skeleton)?, bytes.take_long(details)?);
        streams.push((gap, read_stream(skeleton, details, size, model, blocks)?));
    }
    let mut out = Vec::with_capacity(total);
    for (gap, stream) in streams {
        out.extend_from_slice(bytes.take_long(gap)?);
        out.extend_from_slice(&stream);
    }
    out.extend_from_slice(bytes.rest());
    demand(out.len() == total, "JPEG streams leave another number of bytes", SECTION)?;
    Ok(out)
}

fn read_stream(skeleton: &[u8], details: &[u8], size: usize, model: &mut Model, left: &mut u64) -> Result<Vec<u8>> {
    demand(skeleton.len() >= 2, "a JPEG stream is too short", SECTION)?;
    let mut segments = Segments::new(skeleton);
    let mut scans = 0;
    while segments.next_scan()?.is_some() {
        scans += 1;
    }
    let mut planes = Vec::new();
    if let Some(frame) = &segments.frame {
        let blocks = frame.blocks();
        let Some(others) = left.checked_sub(blocks) else {
            return refuse("a JPEG stream has less than a byte for each block", SECTION);
        };
        *left = others;
        let visits = u128::from(scans) * u128::from(blocks) / 64;
        demand(visits <= u128::from(FREE_BLOCKS) + size as u128, "a JPEG stream has too many scans", SECTION)?;
        planes.extend(frame.components.iter().map(|one| vec![[0; BLOCK]; one.rows * one.columns]));
        model.code(frame, &mut planes)?;
    }
    scans::write(skeleton, &planes, Details::read(details, scans)?, size)
}
