//! The method streams: bytes with embedded JPEG streams (jpeg-format.md, J1).

use std::panic::resume_unwind;
use std::thread::{available_parallelism, scope, Builder};

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::{inflate, lzma2};
use crate::jpeg::coefficients;
use crate::jpeg::details::Details;
use crate::jpeg::levels::{self, BLOCK};
use crate::jpeg::markers::{Frame, Segments};
use crate::jpeg::scans::{self, Planes};
use crate::jpeg::symbol_blocks;
use crate::types::block::{Block, ValueMap};

const SECTION: &str = "jpeg-format.md, J1";

/// The dictionary of the packed rest.
static HEADER: &[u8; 621] = include_bytes!("../../../src/bitsback/tables/jpeg_header.bin");

/// The number of blocks beside one per byte.
const FREE_BLOCKS: u64 = 1 << 18;

/// The most bytes in front of the tile.
const MOST_BEFORE: u64 = 1 << 16;

const MOST_OF_TABLES: usize = 1 << 12;

/// Added to the number of rounds if streams have strips.
const STRIPS: u8 = 4;

/// Added to it if coefficients are symbols.
const SYMBOLS: u8 = 8;

/// Entropy-coded bytes per strip.
const BYTES_OF_A_STRIP: usize = 1 << 20;

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    Streams::read(block)?.decode(&[])
}

/// The coder of coefficients.
enum Model<'a> {
    Decisions(Box<coefficients::Model<'a>>),
    Symbols(Box<symbol_blocks::Model<'a>>),
}

impl<'a> Model<'a> {
    fn new(by_symbols: bool, coded: &'a [u8]) -> Result<Self> {
        Ok(if by_symbols {
            Model::Symbols(Box::new(symbol_blocks::Model::new(coded)?))
        } else {
            Model::Decisions(Box::new(coefficients::Model::new(coded)?))
        })
    }

    /// Decodes the coefficients of a stream.
    fn planes(&mut self, frame: &Frame) -> Result<Components> {
        let mut planes: Vec<_> = frame.components.iter().map(|one| vec![[0; BLOCK]; one.rows * one.columns]).collect();
        match self {
            Model::Decisions(model) => model.code(frame, &mut planes)?,
            Model::Symbols(model) => model.code(frame, &mut planes)?,
        }
        Ok(planes)
    }

    fn end(&self) -> Result<()> {
        match self {
            Model::Decisions(model) => model.end(),
            Model::Symbols(model) => model.end(),
        }
    }
}

pub struct Strip<'a> {
    /// The frame with only the rows of the strip.
    frame: Frame,
    by_symbols: bool,
    coded: &'a [u8],
}

type Components = Vec<Vec<levels::Block>>;

impl Strip<'_> {
    pub fn decode(&self) -> Result<Components> {
        let mut model = Model::new(self.by_symbols, self.coded)?;
        let planes = model.planes(&self.frame)?;
        model.end()?;
        Ok(planes)
    }

    /// The decoded blocks, from numbers with low bytes first.
    fn blocks_of_bytes(&self, bytes: &[u8]) -> Components {
        let mut words = bytes.chunks_exact(2).map(|word| i16::from_le_bytes([word[0], word[1]]));
        let mut block = || std::array::from_fn(|_| words.next().unwrap_or(0));
        let sizes = self.frame.components.iter().map(|one| one.rows * one.columns);
        sizes.map(|size| (0..size).map(|_| block()).collect()).collect()
    }
}

/// Decodes strips in one thread per processor, or in this thread if no other can be created.
fn decode_all(strips: &[Strip]) -> Result<Vec<Components>> {
    let decode = |part: &[Strip]| part.iter().map(Strip::decode).collect::<Result<Vec<_>>>();
    let threads = available_parallelism().map_or(1, usize::from);
    scope(|scope| {
        let parts = strips.chunks(strips.len().div_ceil(threads).max(1));
        let threads: Vec<_> =
            parts.map(|part| (part, Builder::new().spawn_scoped(scope, move || decode(part)))).collect();
        let mut decoded = Vec::with_capacity(strips.len());
        for (part, thread) in threads {
            decoded.extend(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic))?,
                Err(_) => decode(part)?,
            });
        }
        Ok(decoded)
    })
}

/// A block of JPEG streams. `read` has undone the second round, if there are two.
pub struct Streams<'a> {
    /// The rest of the bytes.
    rest: Vec<u8>,
    /// The size of the bytes, and of those in front of the tile.
    size: usize,
    before: usize,
    by_symbols: bool,
    model: Model<'a>,
    strips: Bytes<'a>,
    /// The remaining budget of blocks.
    blocks: u64,
}

impl<'a> Streams<'a> {
    pub fn read(block: &Block<'a>) -> Result<Self> {
        let fits =
            block.runs.iter().all(|run| run.dtype == Dtype::U8 && run.shape.len() == 1 && run.map == ValueMap::None);
        demand(fits, "a block of JPEG streams is not of bytes", SECTION)?;
        let mut bytes = Bytes::new(block.data, SECTION);
        let first = bytes.byte()?;
        let rounds = first % STRIPS;
        let (has_strips, by_symbols) = (first & STRIPS != 0, first & SYMBOLS != 0);
        let known = first < 2 * SYMBOLS && (1..=2).contains(&rounds);
        demand(known, "there are not 1 or 2 rounds of JPEG streams", SECTION)?;
        let before = bytes.varint()?;
        demand(before <= MOST_BEFORE, "a block of JPEG streams has too many tables in front", SECTION)?;
        let (before, coder) = (before as usize, bytes.byte()?);
        let size = block.size() + before;
        let length = bytes.varint()?;
        let packed = bytes.take_long(length)?;
        let most = 2 * size + 64;
        let rest = match coder {
            0 => inflate::inflate_behind(HEADER, packed, most)?,
            1 => lzma2::decode(packed, most)?,
            _ => return refuse("the coder of a block is unknown: a newer release is needed", SECTION),
        };
        let length = if has_strips { bytes.varint()? } else { 0 };
        let strips = Bytes::new(bytes.take_long(length)?, SECTION);
        let blocks = FREE_BLOCKS + size as u64;
        let model = Model::new(by_symbols, bytes.rest())?;
        let mut streams = Streams { rest, size, before, by_symbols, model, strips, blocks };
        if rounds == 2 {
            streams.rest = streams.restore_streams(most, |streams, stream| streams.write(stream, &mut [].iter()))?;
        }
        Ok(streams)
    }

    pub fn strips(mut self) -> Result<Vec<Strip<'a>>> {
        let mut found = Vec::new();
        self.restore_streams(self.size, |streams, stream| {
            if let Some(frame) = &stream.frame {
                found.extend(streams.strips_of(frame, stream)?);
            }
            Ok(vec![0; stream.size])
        })?;
        Ok(found)
    }

    /// The bytes of the tile. `known`: the first strips, already decoded.
    pub fn decode(mut self, known: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut known = known.iter();
        let mut content = self.restore_streams(self.size, |streams, stream| streams.write(stream, &mut known))?;
        demand(content.len() == self.size, "the sizes of JPEG streams do not match: that of all bytes", SECTION)?;
        self.model.end()?;
        self.strips.end()?;
        content.drain(..self.before);
        Ok(content)
    }

    /// Restores the streams of the rest. `bytes_of` returns the bytes of a stream.
    fn restore_streams(
        &mut self,
        most: usize,
        mut bytes_of: impl FnMut(&mut Self, &Stream) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let rest = std::mem::take(&mut self.rest);
        restore_streams(&rest, most, |stream| bytes_of(self, stream))
    }

    /// The strips of a stream; empty if it has only one.
    fn strips_of(&mut self, frame: &Frame, stream: &Stream) -> Result<Vec<Strip<'a>>> {
        demand(!frame.lossless, "a lossless JPEG stream is not allowed here", SECTION)?;
        let blocks = frame.blocks();
        let Some(others) = self.blocks.checked_sub(blocks) else {
            return refuse("a JPEG stream has too many blocks for its bytes", SECTION);
        };
        self.blocks = others;
        let visits = u128::from(stream.scans) * u128::from(blocks) / 64;
        demand(visits <= u128::from(FREE_BLOCKS) + stream.size as u128, "a JPEG stream has too many scans", SECTION)?;
        let count = (stream.coded / BYTES_OF_A_STRIP).min(frame.rows);
        let mut strips = Vec::new();
        for i in (0..count).filter(|_| count > 1) {
            let rows = (i + 1) * frame.rows / count - i * frame.rows / count;
            let size = self.strips.varint()?;
            let coded = self.strips.take_long(size)?;
            strips.push(Strip { frame: frame.part(rows), by_symbols: self.by_symbols, coded });
        }
        Ok(strips)
    }

    /// Writes the bytes of a stream. `known`: decoded strips.
    fn write(&mut self, stream: &Stream, known: &mut std::slice::Iter<Vec<u8>>) -> Result<Vec<u8>> {
        let mut planes = Vec::new();
        if let Some(frame) = &stream.frame {
            let strips = self.strips_of(frame, stream)?;
            if strips.is_empty() {
                planes = self.model.planes(frame)?;
            } else {
                planes = frame.components.iter().map(|one| Vec::with_capacity(one.rows * one.columns)).collect();
            }
            let (first, others) = strips.split_at(known.len().min(strips.len()));
            let mut all: Vec<_> = first.iter().zip(known).map(|(strip, bytes)| strip.blocks_of_bytes(bytes)).collect();
            all.extend(decode_all(others)?);
            for rows in all {
                planes.iter_mut().zip(rows).for_each(|(plane, rows)| plane.extend(rows));
            }
        }
        stream.write(&Planes::Coefficients(planes))
    }
}

/// Restores the bytes of a round, at most `most`. `bytes_of` returns the bytes of a stream.
pub fn restore_streams(
    rest: &[u8],
    most: usize,
    mut bytes_of: impl FnMut(&Stream) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let mut bytes = Bytes::new(rest, SECTION);
    let mismatch = |what| refuse(format!("the sizes of JPEG streams do not match: {what}"), SECTION);
    let total = match usize::try_from(bytes.varint()?) {
        Ok(total) if total <= most => total,
        _ => return mismatch("that of all bytes"),
    };
    let mut heads = Vec::new();
    let (mut used, mut own) = (0u64, 0);
    for _ in 0..bytes.varint()? {
        let [gap, size, skeleton, details, tables] =
            [bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?, bytes.varint()?];
        used = used.saturating_add(gap).saturating_add(size);
        if used > total as u64 {
            return mismatch("that of a stream");
        }
        own += size as usize;
        heads.push((gap, size as usize, skeleton, details, tables));
    }
    let mut parts = Vec::new();
    for &(_, _, skeleton, details, _) in &heads {
        parts.push((bytes.take_long(skeleton)?, bytes.take_long(details)?));
    }
    demand(total - own == bytes.left(), "the bytes between JPEG streams do not match their size", SECTION)?;
    let mut streams = Vec::new();
    for (&(gap, size, _, _, tables), &(skeleton, details)) in heads.iter().zip(&parts) {
        let tables = match tables.checked_sub(1).map(|other| parts.get(other as usize)) {
            None => &[][..],
            Some(Some((other, _))) if other.len() + 2 <= MOST_OF_TABLES => {
                let tables = other.strip_suffix(&[0xFF, 0xD9]);
                tables.map_or_else(|| refuse("the tables of a JPEG stream lack their end", SECTION), Ok)?
            }
            Some(_) => return refuse("a JPEG stream uses tables that do not exist, or are too large", SECTION),
        };
        streams.push((gap, bytes_of(&Stream::read(tables, skeleton, details, size)?)?));
    }
    let mut out = Vec::with_capacity(total);
    for (gap, stream) in streams {
        out.extend_from_slice(bytes.take_long(gap)?);
        out.extend_from_slice(&stream);
    }
    out.extend_from_slice(bytes.rest());
    Ok(out)
}

/// The parts of a stream in the rest.
pub struct Stream<'a> {
    /// The skeleton, with the tables of another stream.
    skeleton: Vec<u8>,
    details: &'a [u8],
    pub frame: Option<Frame>,
    pub scans: u64,
    /// The sizes of the stream, of its entropy-coded data, and of the tables of another stream.
    size: usize,
    coded: usize,
    tables: usize,
}

impl<'a> Stream<'a> {
    /// `tables`: segments in front of its own.
    fn read(tables: &[u8], own: &[u8], details: &'a [u8], size: usize) -> Result<Self> {
        let skeleton = [tables, own].concat();
        demand(skeleton.len() >= 2, "a JPEG stream is too short", SECTION)?;
        let mut segments = Segments::new(&skeleton);
        let mut scans = 0;
        while segments.next_scan()?.is_some() {
            scans += 1;
        }
        let frame = segments.frame;
        let coded = size.saturating_sub(own.len() + 2);
        Ok(Stream { skeleton, details, frame, scans, size, coded, tables: tables.len() })
    }

    pub fn write(&self, planes: &Planes) -> Result<Vec<u8>> {
        let details = Details::read(self.details, self.scans)?;
        let mut whole = scans::write(&self.skeleton, planes, details, self.size + self.tables)?;
        whole.drain(2..2 + self.tables);
        Ok(whole)
    }
}
