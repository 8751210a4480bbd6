//! The method streams: JPEG streams in bytes (jpeg-format.md, J1).

use crate::foundations::bytes::Bytes;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::{inflate, lzma2};
use crate::jpeg::coefficients::Model;
use crate::jpeg::details::Details;
use crate::jpeg::levels::BLOCK;
use crate::jpeg::markers::{Frame, Segments};
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

/// Added to the rounds where streams have strips.
const STRIPS: u8 = 4;

/// Entropy-coded bytes of a stream for each strip.
const BYTES_OF_A_STRIP: usize = 1 << 20;

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    Streams::read(block)?.decode(&[])
}

/// Models of coefficients and of samples, and the decisions of both.
struct Models<'a>(Model<'a>, Option<samples::Model>);

impl<'a> Models<'a> {
    fn new(coded: &'a [u8]) -> Result<Self> {
        Ok(Models(Model::new(coded)?, None))
    }

    fn code(&mut self, frame: &Frame) -> Result<Planes> {
        if frame.lossless {
            let samples = self.1.get_or_insert_with(samples::Model::default);
            return Ok(Planes::Samples(samples.code(self.0.coder(), frame)?));
        }
        let mut planes: Vec<_> = frame.components.iter().map(|one| vec![[0; BLOCK]; one.rows * one.columns]).collect();
        self.0.code(frame, &mut planes)?;
        Ok(Planes::Coefficients(planes))
    }
}

/// A strip of a stream.
pub struct Strip<'a> {
    /// Its rows alone.
    frame: Frame,
    coded: &'a [u8],
}

impl Strip<'_> {
    pub fn decode(&self) -> Result<Planes> {
        let mut models = Models::new(self.coded)?;
        let planes = models.code(&self.frame)?;
        models.0.end()?;
        Ok(planes)
    }
}

/// A block, of which streams in headers of others have been put in again.
pub struct Streams<'a> {
    /// What is left of the bytes.
    rest: Vec<u8>,
    /// Of the bytes, and how many of these stand in front of the tile.
    size: usize,
    before: usize,
    models: Models<'a>,
    strips: Bytes<'a>,
    /// How many there may still be.
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
        let known = first < 2 * STRIPS && (1..=2).contains(&rounds);
        demand(known, "JPEG streams are taken out more often than twice, or never", SECTION)?;
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
        let length = if first < STRIPS { 0 } else { bytes.varint()? };
        let strips = Bytes::new(bytes.take_long(length)?, SECTION);
        let blocks = FREE_BLOCKS + size as u64;
        let mut streams = Streams { rest, size, before, models: Models::new(bytes.rest())?, strips, blocks };
        if rounds == 2 {
            streams.rest = streams.put_in(0..=most, |streams, stream| streams.write(stream, &mut [].iter()))?;
        }
        Ok(streams)
    }

    /// The strips that are left.
    pub fn strips(mut self) -> Result<Vec<Strip<'a>>> {
        let mut found = Vec::new();
        self.put_in(self.size..=self.size, |streams, stream| {
            if let Some(frame) = &stream.frame {
                found.extend(streams.strips_of(frame, stream.coded)?);
            }
            Ok(vec![0; stream.size])
        })?;
        Ok(found)
    }

    /// The bytes of the tile. `known`: the first ones of the strips that are left.
    pub fn decode(mut self, known: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut known = known.iter();
        let mut content = self.put_in(self.size..=self.size, |streams, stream| streams.write(stream, &mut known))?;
        self.models.0.end()?;
        self.strips.end()?;
        content.drain(..self.before);
        Ok(content)
    }

    /// The bytes with their streams. `bytes_of` makes those of a stream.
    fn put_in(
        &mut self,
        sizes: std::ops::RangeInclusive<usize>,
        mut bytes_of: impl FnMut(&mut Self, &Stream) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let rest = std::mem::take(&mut self.rest);
        let mut bytes = Bytes::new(&rest, SECTION);
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
            let stream = Stream::read(tables, skeleton, details, size, &mut self.blocks)?;
            streams.push((gap, bytes_of(self, &stream)?));
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

    /// The strips of a stream with so many entropy-coded bytes; none if it has no more than one.
    fn strips_of(&mut self, frame: &Frame, coded: usize) -> Result<Vec<Strip<'a>>> {
        let count = (coded / BYTES_OF_A_STRIP).min(frame.rows);
        let mut strips = Vec::new();
        for i in (0..count).filter(|_| count > 1) {
            let rows = (i + 1) * frame.rows / count - i * frame.rows / count;
            let size = self.strips.varint()?;
            strips.push(Strip { frame: frame.part(rows), coded: self.strips.take_long(size)? });
        }
        Ok(strips)
    }

    /// The bytes of a stream. `known`: the planes of strips.
    fn write(&mut self, stream: &Stream, known: &mut std::slice::Iter<Vec<u8>>) -> Result<Vec<u8>> {
        let mut planes = Planes::Samples(Vec::new());
        if let Some(frame) = &stream.frame {
            let strips = self.strips_of(frame, stream.coded)?;
            if strips.is_empty() {
                planes = self.models.code(frame)?;
            } else {
                planes = Planes::with_room(frame);
                for strip in strips {
                    match known.next() {
                        Some(bytes) => planes.extend_by(&strip.frame, bytes),
                        None => planes.extend(strip.decode()?),
                    }
                }
            }
        }
        let details = Details::read(stream.details, stream.scans)?;
        let mut whole = scans::write(&stream.skeleton, &planes, details, stream.size + stream.tables)?;
        whole.drain(2..2 + stream.tables);
        Ok(whole)
    }
}

/// What the rest has of a stream.
struct Stream<'a> {
    /// With the tables of another one.
    skeleton: Vec<u8>,
    details: &'a [u8],
    frame: Option<Frame>,
    scans: u64,
    /// Of its bytes, of those that are entropy-coded, and of the tables of another one.
    size: usize,
    coded: usize,
    tables: usize,
}

impl<'a> Stream<'a> {
    /// `tables`: segments that stand in front of its own. `left`: the blocks that it may have.
    fn read(tables: &[u8], own: &[u8], details: &'a [u8], size: usize, left: &mut u64) -> Result<Self> {
        let skeleton = [tables, own].concat();
        demand(skeleton.len() >= 2, "a JPEG stream is too short", SECTION)?;
        let mut segments = Segments::new(&skeleton);
        let mut scans = 0;
        while segments.next_scan()?.is_some() {
            scans += 1;
        }
        let frame = segments.frame;
        if let Some(frame) = &frame {
            let blocks = frame.blocks();
            let Some(others) = left.checked_sub(blocks) else {
                return refuse("a JPEG stream has less than a byte for each block", SECTION);
            };
            *left = others;
            let visits = u128::from(scans) * u128::from(blocks) / 64;
            demand(visits <= u128::from(FREE_BLOCKS) + size as u128, "a JPEG stream has too many scans", SECTION)?;
        }
        let coded = size.saturating_sub(own.len() + 2);
        Ok(Stream { skeleton, details, frame, scans, size, coded, tables: tables.len() })
    }
}
