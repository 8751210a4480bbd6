//! The method streams: JPEG streams in bytes (jpeg-format.md, J1).

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::{inflate, lzma2};
use crate::jpeg::coefficients::Model;
use crate::jpeg::details::Details;
use crate::jpeg::levels::BLOCK;
use crate::jpeg::markers::{Frame, Segments};
use crate::jpeg::scans::{self, Planes};
use crate::types::block::{Block, ValueMap};

const SECTION: &str = "jpeg-format.md, J1";

/// The dictionary of the packed rest.
static HEADER: &[u8; 621] = include_bytes!("../../../src/bitsback/tables/jpeg_header.bin");

/// Blocks that are free, however few bytes there are; others need a byte each.
const FREE_BLOCKS: u64 = 1 << 18;

/// Bytes in front of the tile.
const MOST_BEFORE: u64 = 1 << 16;

const MOST_OF_TABLES: usize = 1 << 12;

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    let fits = block.runs.iter().all(|run| run.dtype == Dtype::U8 && run.shape.len() == 1 && run.map == ValueMap::None);
    demand(fits, "a block of JPEG streams is not of bytes", SECTION)?;
    let mut bytes = Bytes::new(block.data, SECTION);
    let rounds = bytes.byte()?;
    demand((1..=2).contains(&rounds), "JPEG streams are taken out more often than twice, or never", SECTION)?;
    let before = bytes.varint()?;
    demand(before <= MOST_BEFORE, "a block of JPEG streams has too many tables in front", SECTION)?;
    let (before, coder) = (before as usize, bytes.byte()?);
    let size = block.size() + before;
    let length = bytes.varint()?;
    let packed = bytes.take_long(length)?;
    let most = 2 * size + 64;
    let mut content = match coder {
        0 => inflate::inflate_behind(HEADER, packed, most)?,
        1 => lzma2::decode(packed, most)?,
        _ => return refuse("the coder of a block is unknown: a newer release is needed", SECTION),
    };
    let mut model = Model::new(bytes.rest())?;
    let mut left = FREE_BLOCKS + size as u64;
    let mut planes = |frame: &Frame, scans: u64, size: usize| {
        demand(!frame.lossless, "a JPEG stream has samples", SECTION)?;
        let blocks = frame.blocks();
        let Some(others) = left.checked_sub(blocks) else {
            return refuse("a JPEG stream has less than a byte for each block", SECTION);
        };
        left = others;
        let visits = u128::from(scans) * u128::from(blocks) / 64;
        demand(visits <= u128::from(FREE_BLOCKS) + size as u128, "a JPEG stream has too many scans", SECTION)?;
        let mut found: Vec<_> = frame.components.iter().map(|one| vec![[0; BLOCK]; one.rows * one.columns]).collect();
        model.code(frame, &mut found)?;
        Ok(Planes::Coefficients(found))
    };
    for round in (0..rounds).rev() {
        content = put_in(&content, most, &mut planes)?;
        demand(round > 0 || content.len() == size, "JPEG streams have another size: that of all bytes", SECTION)?;
    }
    model.end()?;
    content.drain(..before);
    Ok(content)
}

/// Puts the streams of a round into the bytes again, at most so many. `planes`: what the scans of a stream have, by its
/// frame, the number of its scans, and its size.
pub fn put_in(
    rest: &[u8],
    most: usize,
    planes: &mut impl FnMut(&Frame, u64, usize) -> Result<Planes>,
) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(rest, SECTION);
    let claims = |what| refuse(format!("JPEG streams have another size: {what}"), SECTION);
    let total = match usize::try_from(bytes.varint()?) {
        Ok(total) if total <= most => total,
        _ => return claims("that of all bytes"),
    };
    let mut heads = Vec::new();
    let (mut used, mut own) = (0u64, 0);
    for _ in 0..bytes.varint()? {
        let [gap, size, skeleton, details, tables] =
            [bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?];
        used = used.saturating_add(gap).saturating_add(size);
        if used > total as u64 {
            return claims("that of a stream");
        }
        own += size as usize;
        heads.push((gap, size as usize, skeleton, details, tables));
    }
    let mut parts = Vec::new();
    for &(_, _, skeleton, details, _) in &heads {
        parts.push((bytes.take_long(skeleton)?, bytes.take_long(details)?));
    }
    demand(own + bytes.left() == total, "JPEG streams leave another number of bytes", SECTION)?;
    let mut streams = Vec::new();
    for (&(gap, size, _, _, tables), &(skeleton, details)) in heads.iter().zip(&parts) {
        let tables = match tables.checked_sub(1).map(|other| parts.get(other as usize)) {
            None => &[][..],
            Some(Some((other, _))) if other.len() + 2 <= MOST_OF_TABLES => {
                let tables = other.strip_suffix(&[0xFF, 0xD9]);
                tables.map_or_else(|| refuse("the tables of a JPEG stream do not end", SECTION), Ok)?
            }
            Some(_) => return refuse("the tables of a JPEG stream are of no stream, or too large", SECTION),
        };
        streams.push((gap, read_stream(tables, skeleton, details, size, planes)?));
    }
    let mut out = Vec::with_capacity(total);
    for (gap, stream) in streams {
        out.extend_from_slice(bytes.take_long(gap)?);
        out.extend_from_slice(&stream);
    }
    out.extend_from_slice(bytes.rest());
    Ok(out)
}

/// `tables`: segments that stand in front of its own.
fn read_stream(
    tables: &[u8],
    skeleton: &[u8],
    details: &[u8],
    size: usize,
    planes: &mut impl FnMut(&Frame, u64, usize) -> Result<Planes>,
) -> Result<Vec<u8>> {
    let skeleton = [tables, skeleton].concat();
    demand(skeleton.len() >= 2, "a JPEG stream is too short", SECTION)?;
    let mut segments = Segments::new(&skeleton);
    let mut scans = 0;
    while segments.next_scan()?.is_some() {
        scans += 1;
    }
    let planes = match &segments.frame {
        Some(frame) => planes(frame, scans, size)?,
        None => Planes::Samples(Vec::new()),
    };
    let mut whole = scans::write(&skeleton, &planes, Details::read(details, scans)?, size + tables.len())?;
    whole.drain(2..2 + tables.len());
    Ok(whole)
}
