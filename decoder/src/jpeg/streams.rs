//! The method streams: JPEG streams in bytes (jpeg-format.md, J1).

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::{inflate, lzma2};
use crate::jpeg::coefficients::Model;
use crate::jpeg::details::Details;
use crate::jpeg::levels::BLOCK;
use crate::jpeg::markers::Segments;
use crate::jpeg::samples;
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
    let mut models = (Model::new(bytes.rest())?, None);
    let mut blocks = FREE_BLOCKS + size as u64;
    for round in (0..rounds).rev() {
        let total = if round == 0 { size..=size } else { 0..=most };
        content = put_in(&content, total, &mut models, &mut blocks)?;
    }
    models.0.end()?;
    content.drain(..before);
    Ok(content)
}

/// Of coefficients, and of samples if any stream has some.
type Models<'a> = (Model<'a>, Option<samples::Model>);

/// Puts the streams of a round into the bytes again. `blocks`: how many there may still be.
fn put_in(
    rest: &[u8],
    sizes: std::ops::RangeInclusive<usize>,
    models: &mut Models,
    blocks: &mut u64,
) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(rest, SECTION);
    let claims = |what| refuse(format!("JPEG streams have another size: {what}"), SECTION);
    let total = match usize::try_from(bytes.varint()?) {
        Ok(total) if sizes.contains(&total) => total,
        _ => return claims("that of all bytes"),
    };
    let mut heads = Vec::new();
    let mut used = 0u64;
    for _ in 0..bytes.varint()? {
        let [gap, size, skeleton, details, tables] =
            [bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?];
        used = used.saturating_add(gap).saturating_add(size);
        if used > total as u64 {
            return claims("that of a stream");
        }
        heads.push((gap, size as usize, skeleton, details, tables));
    }
    let mut parts = Vec::new();
    for &(_, _, skeleton, details, _) in &heads {
        parts.push((bytes.take_long(skeleton)?, bytes.take_long(details)?));
    }
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
        streams.push((gap, read_stream(tables, skeleton, details, size, models, blocks)?));
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

/// `tables`: segments that stand in front of its own.
fn read_stream(
    tables: &[u8],
    skeleton: &[u8],
    details: &[u8],
    size: usize,
    models: &mut Models,
    left: &mut u64,
) -> Result<Vec<u8>> {
    let skeleton = [tables, skeleton].concat();
    demand(skeleton.len() >= 2, "a JPEG stream is too short", SECTION)?;
    let mut segments = Segments::new(&skeleton);
    let mut scans = 0;
    while segments.next_scan()?.is_some() {
        scans += 1;
    }
    let mut planes = Planes::Samples(Vec::new());
    if let Some(frame) = &segments.frame {
        let blocks = frame.blocks();
        let Some(others) = left.checked_sub(blocks) else {
            return refuse("a JPEG stream has less than a byte for each block", SECTION);
        };
        *left = others;
        let visits = u128::from(scans) * u128::from(blocks) / 64;
        demand(visits <= u128::from(FREE_BLOCKS) + size as u128, "a JPEG stream has too many scans", SECTION)?;
        planes = if frame.lossless {
            Planes::Samples(models.1.get_or_insert_with(samples::Model::default).code(models.0.coder(), frame)?)
        } else {
            let mut found: Vec<_> =
                frame.components.iter().map(|one| vec![[0; BLOCK]; one.rows * one.columns]).collect();
            models.0.code(frame, &mut found)?;
            Planes::Coefficients(found)
        };
    }
    let mut whole = scans::write(&skeleton, &planes, Details::read(details, scans)?, size + tables.len())?;
    whole.drain(2..2 + tables.len());
    Ok(whole)
}
