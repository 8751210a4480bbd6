//! Container metadata: the bytes of image files beside their pixels (format.md, A6).

use std::borrow::Cow;

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, Result};
use crate::restored::deflated::{checked, Deflated, Rows};
use crate::restored::picture::{pack, packed, Chunk, Mode, Picture};
use crate::restored::tiff::Tiff;
use crate::restored::{animated, byte_runs, gif, lossless_jpeg};
use crate::tokens::{Round, Streams};

/// The result of container metadata and a picture.
pub enum Restored {
    /// The file, byte for byte.
    Exact(Vec<u8>),
    /// A PNG file with the same pixels and chunks.
    Png(Vec<u8>),
    /// A file whose pages are compressed, TIFF or WebP: for each its rows, its columns, and its pixels.
    Pages(Vec<(usize, usize, Vec<u8>)>),
}

/// The content of container metadata that is available without pixels.
#[derive(Default)]
pub struct Header {
    /// The number of frames of one size that are below each other from the first row on, and their rows; zeros if sizes
    /// differ, or the file's header has them.
    pub frames: usize,
    pub rows: usize,
    /// Bytes of the file: their place in the file and in the metadata, and their number.
    pub pieces: Vec<[u64; 3]>,
    /// Red, green and blue of each index, if the pixels are indexes of a PNG or GIF file.
    pub palette: Vec<u8>,
}

impl Header {
    pub fn read(metadata: &[u8]) -> Result<Header> {
        let mut header = Header::default();
        let mut bytes = Bytes::new(metadata, "format.md, A6");
        match bytes.byte()? {
            kind @ (1 | 10 | 11) => {
                if kind >= 10 {
                    bytes.varint()?;
                }
                if kind == 10 {
                    bytes.byte()?; // the kind of the frame
                }
                bytes.byte()?;
                let mut first = None;
                for _ in 0..bytes.varint()? {
                    first.get_or_insert(bytes.varint()?);
                    bytes.varint()?;
                    for _ in 0..if kind == 11 { bytes.varint()? } else { 0 } {
                        bytes.varint()?;
                        bytes.byte()?;
                    }
                }
                header.pieces = vec![[0, bytes.at() as u64, first.unwrap_or(0).min(bytes.left() as u64)]];
            }
            12 => header.pieces = vec![lossless_jpeg::beginning(&mut bytes)?],
            2 | 3 => {
                let [_, colour] = bytes.array()?;
                header.palette = palette(colour, &chunks(&mut bytes)?);
            }
            4 => {
                let tiff = Tiff::read(bytes.rest())?;
                (header.frames, header.rows) = alike(&tiff.largest());
                header.pieces = tiff.around(metadata.len() as u64);
            }
            6 => {
                (header.frames, header.rows) = alike(&gif::sizes(&mut bytes)?);
                header.palette = gif::palette(bytes.rest());
            }
            8 | 9 => {
                let animated::Frames { colour, sizes, lists, .. } = animated::Frames::read(&mut bytes)?;
                (header.frames, header.rows) = alike(&sizes);
                header.palette = palette(colour, &lists[0]);
            }
            _ => {}
        }
        Ok(header)
    }
}

/// The palette among the chunks of a PNG file whose pixels are indexes.
fn palette(colour: u8, chunks: &[Chunk]) -> Vec<u8> {
    let mut palettes = chunks.iter().filter(|chunk| colour == 3 && chunk.kind == *b"PLTE");
    palettes.next().map_or(Vec::new(), |chunk| chunk.content.iter().take(3 * 256).copied().collect())
}

/// The number of frames, and their rows, if all have one size.
fn alike(sizes: &[(usize, usize)]) -> (usize, usize) {
    match sizes.windows(2).all(|pair| pair[0] == pair[1]) {
        true => (sizes.len(), sizes.first().map_or(0, |size| size.0)),
        false => (0, 0),
    }
}

pub fn restore(metadata: &[u8], picture: &Picture) -> Result<Restored> {
    let mut bytes = Bytes::new(metadata, "format.md, A6");
    match bytes.byte()? {
        2 | 3 if picture.mode() == Mode::Unnamed => {
            bytes.error("a picture whose mode has no name has metadata of another format")
        }
        1 => Ok(Restored::Exact(frame(bytes.rest(), picture)?)),
        kind @ (2 | 3) => png(bytes.rest(), kind == 3, picture),
        4 => {
            let tiff = Tiff::read(bytes.rest())?;
            match tiff.file(picture)? {
                Some(file) => Ok(Restored::Exact(file)),
                None => Ok(Restored::Pages(tiff.pages_of(picture)?)),
            }
        }
        6 => Ok(Restored::Exact(gif::file(bytes.rest(), picture)?)),
        7 => {
            webp(bytes.rest(), picture)?;
            Ok(Restored::Pages(vec![(picture.rows, picture.columns, picture.pixels.to_vec())]))
        }
        11 => Ok(Restored::Exact(byte_runs::file(bytes.rest(), picture)?)),
        12 => Ok(Restored::Exact(lossless_jpeg::file(bytes.rest(), picture)?)),
        kind @ (8 | 9) => animated::file(bytes.rest(), kind == 9, picture),
        10 => Ok(Restored::Exact(in_streams(bytes.rest(), picture)?)),
        5 => Ok(Restored::Exact(shuffled(bytes.rest(), picture)?)),
        kind => bytes.error(format!("container metadata is of the unknown kind {kind}: a newer release is needed")),
    }
}

/// Kind 1: the pixels are stored without compression.
fn frame(metadata: &[u8], picture: &Picture) -> Result<Vec<u8>> {
    const SECTION: &str = "format.md, A6.1";
    let mut bytes = Bytes::new(metadata, SECTION);
    let layout = bytes.byte()?;
    let apart = layout & 64 != 0;
    let whole_bytes = layout & 48 == 0 || picture.mode() == Mode::Grey;
    let inverted = layout & 4 != 0 && picture.dtype.size() > 2;
    let low_first = layout & 128 != 0 && !picture.dtype.is_bool();
    if low_first || !whole_bytes || inverted || (apart && picture.channels == 1) {
        return bytes.error("the layout of a frame is unknown");
    }
    let mut segments = Vec::new();
    for _ in 0..bytes.varint()? {
        segments.push((bytes.varint()?, bytes.varint()?));
    }
    let total = segments.iter().try_fold(0u64, |sum, (_, rows)| sum.checked_add(*rows));
    let mut rows: Vec<Cow<[u8]>> = if apart {
        let channels = (0..picture.channels).flat_map(|c| picture.rows().map(move |row| channel(picture, row, c)));
        channels.map(Cow::Owned).collect()
    } else {
        picture.rows().map(Cow::Borrowed).collect()
    };
    demand(total == Some(rows.len() as u64), "the number of rows of a frame does not match", SECTION)?;
    if layout & 1 != 0 {
        rows.reverse();
    }
    let mut rows = rows.into_iter();
    let mut out = Vec::new();
    for (gap, count) in segments {
        out.extend_from_slice(bytes.take_long(gap)?);
        for row in rows.by_ref().take(count as usize) {
            frame_row(layout, picture, &row, &mut out)?;
        }
    }
    out.extend_from_slice(bytes.rest());
    Ok(out)
}

/// Kind 10: the plaintexts of deflate streams are a file of kind 1.
fn in_streams(metadata: &[u8], picture: &Picture) -> Result<Vec<u8>> {
    const SECTION: &str = "format.md, A6.9";
    let mut bytes = Bytes::new(metadata, SECTION);
    let length = bytes.varint()?;
    let Some((1, inner)) = bytes.take_long(length)?.split_first() else {
        return bytes.error("the file in streams is not a frame");
    };
    let length = bytes.varint()?;
    let mut tokens = Streams::new(bytes.take_long(length)?)?;
    let (round, plaintexts) = (Round::read(&mut bytes)?, frame(inner, picture)?);
    let file = round.restore(&plaintexts, bytes.rest(), &mut tokens, &mut Bytes::new(&[], SECTION))?;
    tokens.end()?;
    Ok(file)
}

/// Kind 5: the bytes of chunks of a file of kind 1 are shuffled.
fn shuffled(metadata: &[u8], picture: &Picture) -> Result<Vec<u8>> {
    const SECTION: &str = "format.md, A6.4";
    let mut bytes = Bytes::new(metadata, SECTION);
    let (chunk, element) = (bytes.varint()?, bytes.varint()?);
    let sound = element > 0 && chunk > 0 && chunk % element == 0 && bytes.byte()? == 1;
    demand(sound, "the chunks of a file are impossible", SECTION)?;
    let whole = frame(bytes.rest(), picture)?;
    demand(whole.len() as u64 % chunk == 0, "a file does not end with a chunk", SECTION)?;
    let mut out = Vec::with_capacity(whole.len());
    for part in whole.chunks_exact(chunk.min(whole.len().max(1) as u64) as usize) {
        for first in 0..element as usize {
            out.extend(part[first..].iter().step_by(element as usize));
        }
    }
    Ok(out)
}

/// The samples of one channel of a row.
fn channel(picture: &Picture, row: &[u8], number: usize) -> Vec<u8> {
    let size = picture.dtype.size();
    let samples = row.chunks_exact(size).skip(number).step_by(picture.channels);
    samples.flatten().copied().collect()
}

fn frame_row(layout: u8, picture: &Picture, row: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let size = picture.dtype.size();
    let wide = size > 1;
    let bits = match (picture.dtype.is_bool(), picture.channels == 1 && !wide) {
        (true, _) => 1,
        (_, true) => 8 >> (layout >> 4 & 3),
        _ => 8,
    };
    let mut samples = row.to_vec();
    if layout & 8 != 0 && wide {
        samples.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    } else if layout & 8 != 0 && layout & 64 == 0 && [3, 4].contains(&picture.channels) {
        samples.chunks_exact_mut(picture.channels).for_each(|pixel| pixel.swap(0, 2));
    }
    let mask = if bits == 8 { 255 } else { (1u8 << bits) - 1 };
    let section = "format.md, A6.1";
    demand(samples.iter().all(|&sample| sample <= mask), "a sample of a frame has more bits than its layout", section)?;
    if layout & 4 != 0 {
        samples.iter_mut().for_each(|sample| *sample ^= mask);
    }
    pack(&samples, bits, out);
    if layout & 128 != 0 {
        out[start..].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
    }
    if layout & 2 != 0 {
        let size = (out.len() - start).next_multiple_of(4);
        out.resize(start + size, 0);
    }
    Ok(())
}

/// Kinds 2 and 3.
fn png(metadata: &[u8], exact: bool, picture: &Picture) -> Result<Restored> {
    let mut bytes = Bytes::new(metadata, "format.md, A6.2");
    let [bits, colour] = bytes.array()?;
    let [before, behind] = [chunks(&mut bytes)?, chunks(&mut bytes)?];
    let mut stream = None;
    if exact {
        stream = Some((Deflated::read(&mut bytes)?, bytes.u32()?, Rows::read(&mut bytes, picture.rows)?));
    }
    bytes.end()?;
    let content = picture.png_rows(bits, colour)?;
    if let Some((deflated, check, rows)) = stream {
        let parts = rows.parts(&deflated, &content, picture.png_pixel(bits))?;
        let file = picture.png_with(bits, colour, &before, &parts, &behind);
        return Ok(Restored::Exact(checked(file, check)?));
    }
    Ok(Restored::Png(picture.png_with(bits, colour, &before, &packed(&content), &behind)))
}

/// A list of chunks of a PNG file.
pub fn chunks<'a>(bytes: &mut Bytes<'a>) -> Result<Vec<Chunk<'a>>> {
    let mut list = Vec::new();
    for _ in 0..bytes.varint()? {
        let kind = bytes.array()?;
        let length = bytes.varint_in(0, u64::from(u32::MAX >> 1), "the length of a chunk")?;
        list.push(Chunk { kind, content: bytes.take_long(length)? });
    }
    Ok(list)
}

/// Kind 7: the chunks of a lossless WebP file, which this decoder does not restore.
fn webp(metadata: &[u8], picture: &Picture) -> Result<()> {
    const SECTION: &str = "format.md, A6.6";
    let mut bytes = Bytes::new(metadata, SECTION);
    let most = picture.rows.max(picture.columns) <= 1 << 14 && picture.rows * picture.columns <= 1 << 25;
    let colours = picture.dtype.code == *b"|u1" && matches!(picture.channels, 3 | 4);
    demand(most && colours, "a WebP file cannot store these pixels", SECTION)?;
    for _ in 0..2 {
        for _ in 0..bytes.varint()? {
            let name: [u8; 4] = bytes.array()?;
            let length = bytes.varint()?;
            bytes.take_long(length)?;
            let other = !matches!(&name, b"VP8L" | b"VP8 " | b"ALPH" | b"ANIM" | b"ANMF");
            demand(other, "a chunk with pixels is not allowed", SECTION)?;
        }
    }
    bytes.end()
}
