//! Container metadata of animated PNG files (format.md, A6.7).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, error, Result};
use crate::restored::deflated::{checked, Deflated, Rows};
use crate::restored::metadata::{chunks, Restored};
use crate::restored::picture::{packed, png_start, push_chunk, Chunk, Picture};
use crate::restored::sheet::places;

const SECTION: &str = "format.md, A6.7";
const MOST_BYTES: usize = 1 << 28;
const MOST_SIDE: u64 = (1 << 31) - 1;

/// The chunks around the pixels of the frames, and the sizes of frames.
pub struct Frames<'a> {
    bits: u8,
    pub colour: u8,
    columns: usize,
    rows: usize,
    pub lists: Vec<Vec<Chunk<'a>>>,
    pub sizes: Vec<(usize, usize)>,
}

impl<'a> Frames<'a> {
    pub fn read(bytes: &mut Bytes<'a>) -> Result<Frames<'a>> {
        let [bits, colour] = bytes.array()?;
        let columns = bytes.varint_in(1, MOST_SIDE, "the width of a picture")? as usize;
        let rows = bytes.varint_in(1, MOST_SIDE, "the height of a picture")? as usize;
        let count = bytes.varint_in(1, u64::MAX - 1, "the number of frames")?;
        let mut lists = Vec::new();
        for _ in 0..=count {
            let list = chunks(bytes)?;
            let others = list.iter().all(|chunk| !matches!(&chunk.kind, b"IDAT" | b"fdAT"));
            demand(others, "a list of chunks has pixels", SECTION)?;
            lists.push(list);
        }
        let mut sizes = vec![(rows, columns)];
        for list in &lists[1..lists.len() - 1] {
            sizes.push(size(list)?);
        }
        Ok(Frames { bits, colour, columns, rows, lists, sizes })
    }
}

/// Restores the file, of kind 8 with the same chunks and pixels.
pub fn file(metadata: &[u8], exact: bool, picture: &Picture) -> Result<Restored> {
    let mut bytes = Bytes::new(metadata, SECTION);
    demand(picture.pixels.len() <= MOST_BYTES, "the sheet of an animated PNG is too large", SECTION)?;
    let Frames { bits, colour, columns, rows, lists, sizes } = Frames::read(&mut bytes)?;
    let mut check = None;
    let mut streams = Vec::new();
    if exact {
        check = Some(bytes.u32()?);
        for &(rows, _) in &sizes {
            streams.push((Deflated::read(&mut bytes)?, Rows::read(&mut bytes, rows)?));
        }
    }
    bytes.end()?;
    let mut out = png_start(rows, columns, bits, colour);
    let mut number = 0;
    for (i, (&size, place)) in sizes.iter().zip(places(&sizes, picture)?).enumerate() {
        push_numbered(&lists[i], &mut number, &mut out);
        let content = frame_rows(picture, size, place, bits, colour)?;
        let parts = match streams.get(i) {
            Some((deflated, rows)) => rows.parts(deflated, &content, picture.png_pixel(bits))?,
            None => packed(&content),
        };
        for part in parts {
            let pixels = Chunk { kind: if i == 0 { *b"IDAT" } else { *b"fdAT" }, content: &part };
            push_numbered(&[pixels], &mut number, &mut out);
        }
    }
    push_numbered(&lists[sizes.len()], &mut number, &mut out);
    push_chunk(b"IEND", &[], &mut out);
    match check {
        Some(check) => Ok(Restored::Exact(checked(out, check)?)),
        None => Ok(Restored::Png(out)),
    }
}

/// The rows and columns of the frame that follows these chunks.
fn size(list: &[Chunk]) -> Result<(usize, usize)> {
    let mut controls = list.iter().filter(|chunk| chunk.kind == *b"fcTL");
    let (Some(control), None) = (controls.next(), controls.next()) else {
        return Err(error("a frame does not have one fcTL chunk", SECTION));
    };
    let &[a, b, c, d, e, f, g, h, ..] = control.content else {
        return Err(error("an fcTL chunk lacks the size", SECTION));
    };
    let [columns, rows] = [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])];
    let possible = [columns, rows].iter().all(|&side| side > 0 && u64::from(side) <= MOST_SIDE);
    demand(possible, "a frame has no pixels, or too many", SECTION)?;
    Ok((rows as usize, columns as usize))
}

fn frame_rows(
    sheet: &Picture,
    (rows, columns): (usize, usize),
    (top, left): (usize, usize),
    bits: u8,
    colour: u8,
) -> Result<Vec<u8>> {
    let pixel = sheet.channels * sheet.dtype.size();
    let own = sheet.rows().skip(top).take(rows);
    let pixels: Vec<u8> = own.flat_map(|row| &row[left * pixel..(left + columns) * pixel]).copied().collect();
    Picture { rows, columns, pixels: &pixels, ..*sheet }.png_rows(bits, colour)
}

/// Writes chunks; those of the animation begin with their number.
fn push_numbered(chunks: &[Chunk], number: &mut u32, out: &mut Vec<u8>) {
    for chunk in chunks {
        if matches!(&chunk.kind, b"fcTL" | b"fdAT") {
            let content = [&number.to_be_bytes(), chunk.content].concat();
            push_chunk(&chunk.kind, &content, out);
            *number += 1;
        } else {
            push_chunk(&chunk.kind, chunk.content, out);
        }
    }
}
