//! The deflate streams of PNG and TIFF files that are restored exactly (format.md, A6.2 and A6.3).

use crate::foundations::bytes::Bytes;
use crate::foundations::crc::{adler32, crc32};
use crate::foundations::error::{demand, Result};
use crate::tokens::Streams;

const SECTION: &str = "format.md, A6.2";

pub enum Encoder<'a> {
    /// zlib. This decoder does not have it, and compresses the rows with its own encoder.
    Zlib,
    Other {
        header: [u8; 2],
        size: u64,
        coded: &'a [u8],
    },
}

impl<'a> Encoder<'a> {
    pub fn read(bytes: &mut Bytes<'a>) -> Result<Encoder<'a>> {
        let [a, b, level] = bytes.clone().array()?;
        if level > 0 {
            skip_zlib(bytes)?;
            return Ok(Encoder::Zlib);
        }
        bytes.take(3)?;
        let [size, length] = [bytes.varint()?, bytes.varint()?];
        Ok(Encoder::Other { header: [a, b], size, coded: bytes.take_long(length)? })
    }
}

/// The tokens of the segments of a TIFF file, and the header of each; None for zlib.
pub type Segments<'a> = Option<([u8; 2], &'a [u8])>;

pub fn read_segments<'a>(bytes: &mut Bytes<'a>) -> Result<Segments<'a>> {
    let [a, b, level] = bytes.clone().array()?;
    if level > 0 {
        skip_zlib(bytes)?;
        return Ok(None);
    }
    bytes.take(3)?;
    let length = bytes.varint()?;
    Ok(Some(([a, b], bytes.take_long(length)?)))
}

/// Skips the parameters of zlib: header, level, window, memory, strategy.
fn skip_zlib(bytes: &mut Bytes) -> Result<()> {
    let [_, _, level, window, memory, strategy] = bytes.array()?;
    let known = (1..=9).contains(&level) && (9..=15).contains(&window) && matches!(memory, 8 | 9) && strategy <= 4;
    demand(known, "zlib has no such parameters", SECTION)
}

/// The next stream of RFC 1950, whose raw stream has `size` bytes.
pub fn next_stream(streams: &mut Streams, header: [u8; 2], content: &[u8], size: u64) -> Result<Vec<u8>> {
    Ok([&header[..], &streams.next(content, size)?, &adler32(content).to_be_bytes()].concat())
}

/// The cuts of a stream into chunks, and its filters.
pub struct Rows<'a> {
    cuts: Vec<u64>,
    filters: &'a [u8],
}

impl<'a> Rows<'a> {
    /// Reads those of a number of rows.
    pub fn read(bytes: &mut Bytes<'a>, rows: usize) -> Result<Rows<'a>> {
        let mut cuts = Vec::new();
        for _ in 0..bytes.varint()? {
            cuts.push(bytes.varint()?);
        }
        let rows = bytes.varint_in(rows as u64, rows as u64, "the number of filters")?;
        let filters = bytes.take_long(rows)?;
        demand(filters.iter().all(|&filter| filter <= 4), "a filter is unknown", SECTION)?;
        Ok(Rows { cuts, filters })
    }

    /// The content of the chunks of pixels, from unfiltered rows; None for zlib.
    pub fn parts(&self, encoder: &Encoder, rows: &[u8], pixel: usize) -> Result<Option<Vec<Vec<u8>>>> {
        let &Encoder::Other { header, size, coded } = encoder else { return Ok(None) };
        let whole = self.cuts.iter().try_fold(0u64, |sum, &cut| sum.checked_add(cut));
        demand(whole.is_some() && whole == size.checked_add(6), "the chunks do not contain the stream", SECTION)?;
        let rows = self.filtered(rows, pixel);
        let mut streams = Streams::new(coded)?;
        let stream = next_stream(&mut streams, header, &rows, size)?;
        streams.end()?;
        let mut left = &stream[..];
        let mut parts = Vec::new();
        for &cut in &self.cuts {
            let (part, others) = left.split_at(cut as usize);
            parts.push(part.to_vec());
            left = others;
        }
        Ok(Some(parts))
    }

    /// The rows with their filters; `pixel`: bytes of a pixel, at least 1.
    fn filtered(&self, rows: &[u8], pixel: usize) -> Vec<u8> {
        let width = (rows.len() / self.filters.len().max(1)).max(1);
        let mut out = Vec::with_capacity(rows.len());
        let mut above = &vec![0; width][..];
        for (row, &filter) in rows.chunks_exact(width).zip(self.filters) {
            out.push(filter);
            for i in 1..width {
                let [a, c] = if i > pixel { [row[i - pixel], above[i - pixel]] } else { [0; 2] };
                let b = above[i];
                let prediction = match filter {
                    0 => 0,
                    1 => a,
                    2 => b,
                    3 => ((u16::from(a) + u16::from(b)) / 2) as u8,
                    _ => paeth(a, b, c),
                };
                out.push(row[i].wrapping_sub(prediction));
            }
            above = row;
        }
        out
    }
}

fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let [left, above, corner] = [a, b, c].map(i16::from);
    let [from_a, from_b, from_c] = [above - corner, left - corner, left + above - 2 * corner].map(i16::abs);
    if from_a <= from_b && from_a <= from_c {
        a
    } else if from_b <= from_c {
        b
    } else {
        c
    }
}

/// Refuses a file whose CRC does not match.
pub fn checked(file: Vec<u8>, check: u32) -> Result<Vec<u8>> {
    demand(crc32(&[&file]) == check, "the CRC of a PNG file does not match", SECTION)?;
    Ok(file)
}
