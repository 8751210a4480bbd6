//! The deflate streams of PNG and TIFF files that are restored exactly (format.md, A6.2 and A6.3).

use crate::foundations::bytes::Bytes;
use crate::foundations::crc::{adler32, crc32};
use crate::foundations::error::{demand, error, refuse, Result};
use crate::tokens::Streams;

const SECTION: &str = "format.md, A6.2";

/// The streams of RFC 1950 of a file, one after the other.
pub struct Deflated<'a> {
    header: [u8; 2],
    coded: &'a [u8],
}

impl<'a> Deflated<'a> {
    /// None for a file without streams.
    pub fn read(bytes: &mut Bytes<'a>) -> Result<Option<Deflated<'a>>> {
        let length = bytes.varint()?;
        if length == 0 {
            return Ok(None);
        }
        Ok(Some(Deflated { header: bytes.array()?, coded: bytes.take_long(length)? }))
    }

    pub fn streams(&self) -> Result<Streams<'a>> {
        Streams::new(self.coded)
    }

    /// The next stream, of `size` bytes.
    pub fn next(&self, streams: &mut Streams, content: &[u8], size: u64) -> Result<Vec<u8>> {
        let raw = streams.next(content, size.saturating_sub(6))?;
        Ok([&self.header[..], &raw, &adler32(content).to_be_bytes()].concat())
    }
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

    /// The content of the chunks of pixels, from unfiltered rows.
    pub fn parts(&self, deflated: &Option<Deflated>, rows: &[u8], pixel: usize) -> Result<Vec<Vec<u8>>> {
        let Some(deflated) = deflated else { return refuse("a PNG file has no coded tokens", SECTION) };
        let size = self.cuts.iter().try_fold(0u64, |sum, &cut| sum.checked_add(cut));
        let size = size.ok_or_else(|| error("the chunks of a PNG file are too long", SECTION))?;
        let mut streams = deflated.streams()?;
        let stream = deflated.next(&mut streams, &self.filtered(rows, pixel), size)?;
        streams.end()?;
        demand(stream.len() as u64 == size, "the chunks do not contain the stream", SECTION)?;
        let mut left = &stream[..];
        let mut parts = Vec::new();
        for &cut in &self.cuts {
            let (part, others) = left.split_at(cut as usize);
            parts.push(part.to_vec());
            left = others;
        }
        Ok(parts)
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
