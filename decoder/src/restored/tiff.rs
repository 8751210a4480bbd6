//! Container metadata of TIFF files (format.md, A6.3). Files with a check and files without compression are restored
//! exactly, except those whose deflate streams need zlib; from others the pages are available.

use crate::foundations::bytes::Bytes;
use crate::foundations::crc::crc32;
use crate::foundations::error::{demand, error, refuse, Result};
use crate::restored::choices::Choices;
use crate::restored::deflated::Deflated;
use crate::restored::picture::{pack, Picture};
use crate::restored::sheet::places_of_pages;
use crate::restored::{byte_runs, group4, lzw};

const SECTION: &str = "format.md, A6.3";
/// The most bytes of pages beside the first one in a row of pages on a sheet.
const MOST_WAITING: usize = 1 << 28;

#[derive(Clone, Copy)]
struct Layout {
    rows: usize,
    columns: usize,
    channels: usize,
    planes: usize,
    bits: u8,
    segment_rows: usize,
    segment_columns: usize,
    compression: u64,
    flags: u16,
}

pub struct Tiff<'a> {
    pages: Vec<(u64, Layout)>,
    /// The place and the length of each segment.
    segments: Vec<(u64, u64)>,
    /// For each compressed page the places of the fields with the offsets and lengths of its segments, and the bytes
    /// per number.
    fields: Vec<(u64, u64)>,
    deflated: Option<Deflated<'a>>,
    check: Option<u32>,
    /// Those of the encoders of LZW and PackBits.
    choices: &'a [u8],
    padding: &'a [u8],
    others: &'a [u8],
}

impl Layout {
    fn read(bytes: &mut Bytes) -> Result<Layout> {
        let mut numbers = [0u64; 9];
        for number in &mut numbers {
            *number = bytes.varint_in(0, 1 << 40, "a number of a layout")?;
        }
        let [rows, columns, channels, planes, bits, segment_rows, segment_columns, compression, flags] = numbers;
        let samples = channels * planes.min(257);
        let kinds = [2, 64, 128].iter().filter(|&flag| flags & flag != 0).count();
        let sides = [rows, columns, segment_rows, segment_columns];
        let known = sides.iter().all(|side| (1..1 << 32).contains(side))
            && (1..=256).contains(&channels)
            && (1..=256).contains(&samples)
            && (channels == 1 || planes == 1)
            && matches!(bits, 1 | 2 | 4 | 8 | 16 | 32 | 64)
            && (samples == 1 || bits >= 8)
            && kinds <= 1
            && (flags & (16 | 64) == 0 || bits >= 8)
            && (flags & 128 == 0 || bits >= 16 && flags & 16 == 0)
            && matches!(compression, 1 | 4 | 5 | 8 | 32773 | 32946 | 34925 | 50000)
            && (compression != 4 || bits == 1)
            && (flags & 256 == 0 || flags & 128 != 0)
            && flags < 512;
        demand(known, "the layout of a page is unknown", SECTION)?;
        let layout = Layout {
            rows: rows as usize,
            columns: columns as usize,
            channels: channels as usize,
            planes: planes as usize,
            bits: bits as u8,
            segment_rows: segment_rows as usize,
            segment_columns: segment_columns as usize,
            compression,
            flags: flags as u16,
        };
        demand(
            layout.is_tiled() || segment_columns == columns,
            "the columns of a strip differ from its page",
            SECTION,
        )?;
        Ok(layout)
    }

    fn is_tiled(&self) -> bool {
        self.flags & 32 != 0
    }

    fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The number of segments down and across.
    fn grid(&self) -> [usize; 2] {
        [self.rows.div_ceil(self.segment_rows), self.columns.div_ceil(self.segment_columns)]
    }

    fn is_deflate(&self) -> bool {
        matches!(self.compression, 8 | 32946)
    }

    /// Whether the encoder of its compression has choices.
    fn has_choices(&self) -> bool {
        matches!(self.compression, 5 | 32773)
    }

    fn segments(&self) -> u128 {
        let [down, across] = self.grid();
        down as u128 * across as u128 * self.planes as u128
    }

    /// The pixels of all segments of a page, including those of tiles beyond its edges.
    fn area(&self) -> u128 {
        let [down, across] = self.grid().map(|count| count as u128);
        match self.is_tiled() {
            true => down * self.segment_rows as u128 * across * self.segment_columns as u128,
            false => self.own_area(),
        }
    }

    fn own_area(&self) -> u128 {
        self.rows as u128 * self.columns as u128
    }

    /// The bytes of a segment before it is compressed, in a row of segments.
    fn raw_bytes(&self, band: usize) -> u128 {
        let left = self.rows - band * self.segment_rows;
        let rows = if self.is_tiled() { self.segment_rows } else { self.segment_rows.min(left) };
        rows as u128 * self.row_bytes()
    }

    /// The bytes of a row of a segment.
    fn row_bytes(&self) -> u128 {
        let samples = self.segment_columns as u128 * self.channels as u128;
        (samples * u128::from(self.bits)).div_ceil(8)
    }

    /// Whether the samples of a page fit the layout.
    fn fits(&self, page: &Picture) -> bool {
        let samples = self.channels * self.planes;
        (page.rows, page.columns, page.channels) == (self.rows, self.columns, samples)
            && page.dtype.code == self.dtype()
    }

    fn sample_bytes(&self) -> usize {
        usize::from(self.bits).div_ceil(8)
    }

    fn dtype(&self) -> [u8; 3] {
        let kind = match (self.bits, self.has(64), self.has(128)) {
            (1, ..) => b'b',
            (_, true, _) => b'i',
            (_, _, true) => b'f',
            _ => b'u',
        };
        let size = self.sample_bytes() as u8;
        [if size == 1 { b'|' } else { b'<' }, kind, b'0' + size]
    }
}

impl<'a> Tiff<'a> {
    /// Reads the metadata behind the kind.
    pub fn read(metadata: &'a [u8]) -> Result<Tiff<'a>> {
        let mut bytes = Bytes::new(metadata, SECTION);
        let mut pages = Vec::new();
        let mut compressed = 0u64;
        for _ in 0..bytes.varint_in(1, 1 << 20, "the number of runs of pages")? {
            let count = bytes.varint_in(1, 1 << 20, "the number of pages")?;
            let layout = Layout::read(&mut bytes)?;
            if layout.compression != 1 {
                compressed += count;
            }
            pages.push((count, layout));
        }
        let mut fields = Vec::new();
        let mut before = 0i64;
        for _ in 0..2 * compressed {
            let place = before.checked_add(bytes.change()?).filter(|&place| (0..1 << 60).contains(&place));
            before = place.ok_or_else(|| error("the place of a field is invalid", SECTION))?;
            let size = bytes.varint()?;
            demand(matches!(size, 2 | 4 | 8), "the numbers of a field do not have 2, 4 or 8 bytes", SECTION)?;
            fields.push((before as u64, size));
        }
        let mut segments = Vec::new();
        let mut end = 0u64;
        for _ in 0..bytes.varint()? {
            let count = bytes.varint_in(1, 1 << 20, "the number of segments")?;
            let gap = bytes.change()?;
            let length = bytes.varint_in(1, 1 << 40, "the length of a segment")?;
            demand(count == 1 || gap >= 0, "the gap between segments is negative", SECTION)?;
            demand(segments.len() as u64 + count <= 1 << 20, "there are too many segments", SECTION)?;
            for _ in 0..count {
                let place = end.checked_add_signed(gap).filter(|&place| place < 1 << 60);
                let place = place.ok_or_else(|| error("the place of a segment is invalid", SECTION))?;
                segments.push((place, length));
                end = place + length;
            }
        }
        let expected: u128 = pages.iter().map(|(count, layout)| u128::from(*count) * layout.segments()).sum();
        demand(expected == segments.len() as u128, "the number of segments does not match the pages", SECTION)?;
        let check = match bytes.byte()? {
            0 => None,
            1 => Some(bytes.u32()?),
            _ => return bytes.error("the check of a TIFF file is unknown"),
        };
        let deflated = Deflated::read(&mut bytes)?;
        let expected = check.is_some() && pages.iter().any(|(_, layout)| layout.is_deflate());
        demand(
            deflated.is_some() == expected,
            "a TIFF file has tokens without streams or a check, or lacks them",
            SECTION,
        )?;
        let mut choices = &[][..];
        if pages.iter().any(|(_, layout)| layout.has_choices()) {
            let length = bytes.varint()?;
            choices = bytes.take_long(length)?;
        }
        let length = bytes.varint()?;
        let padding = bytes.take_long(length)?;
        let tiff = Tiff { pages, segments, fields, deflated, check, choices, padding, others: bytes.rest() };
        tiff.check_tiles()?;
        tiff.check_places()?;
        Ok(tiff)
    }

    fn sum(&self, size: impl Fn(&Layout) -> u128) -> u128 {
        self.pages.iter().map(|(count, layout)| u128::from(*count) * size(layout)).sum()
    }

    fn check_tiles(&self) -> Result<()> {
        let (area, own) = (self.sum(Layout::area), self.sum(Layout::own_area));
        demand(area <= (1 << 24) + 16 * own, "tiles have too many pixels", SECTION)?;
        let padding = self.sum(|layout| {
            let samples = (layout.channels * layout.planes * layout.sample_bytes()) as u128;
            (layout.area() - layout.own_area()) * samples
        });
        let fits = self.padding.is_empty() || self.padding.len() as u128 == padding;
        demand(fits, "the padding does not match the tiles", SECTION)
    }

    /// Checks the lengths of segments, and that neither they nor the fields overlap.
    fn check_places(&self) -> Result<()> {
        let mut segments = self.segments.iter();
        for layout in self.layouts() {
            let [down, across] = layout.grid();
            for band in 0..down {
                let raw = layout.raw_bytes(band);
                for &(_, length) in segments.by_ref().take(across * layout.planes) {
                    let known = u128::from(length);
                    let fits = if layout.compression == 1 { known == raw } else { known <= 2 * raw + (1 << 16) };
                    demand(fits, "the length of a segment does not match", SECTION)?;
                }
            }
        }
        let occupied = self.occupied();
        let mut end = 0;
        for (place, length) in &occupied {
            demand(*place >= end, "segments or fields overlap each other", SECTION)?;
            end = place + length;
        }
        let total = self.others.len() as u64 + occupied.iter().map(|(_, length)| length).sum::<u64>();
        demand(end <= total, "a segment is behind the end of its file", SECTION)
    }

    /// The places and lengths of segments and fields, sorted.
    fn occupied(&self) -> Vec<(u64, u64)> {
        let mut occupied = self.segments.clone();
        let compressed = self.layouts().filter(|layout| layout.compression != 1);
        for (layout, fields) in compressed.zip(self.fields.chunks_exact(2)) {
            let count = layout.segments() as u64;
            occupied.extend(fields.iter().map(|&(place, size)| (place, count * size)));
        }
        occupied.sort_unstable();
        occupied
    }

    /// The bytes of the file around segments and fields: their place in the file and at the end of `metadata` bytes of
    /// metadata, and their number.
    pub fn around(&self, metadata: u64) -> Vec<[u64; 3]> {
        let mut at = metadata - self.others.len() as u64;
        let mut end = 0;
        let mut pieces = Vec::new();
        for (place, length) in self.occupied() {
            pieces.push([end, at, place - end]);
            at += place - end;
            end = place + length;
        }
        pieces.push([end, at, metadata - at]);
        pieces.retain(|&[_, _, size]| size > 0);
        pieces
    }

    /// The rows and columns of the pages of the first size, which is the largest.
    pub fn largest(&self) -> Vec<(usize, usize)> {
        let mut sizes = self.layouts().map(|layout| (layout.rows, layout.columns)).peekable();
        let first = sizes.peek().copied();
        sizes.take_while(|&size| Some(size) == first).collect()
    }

    /// The layouts of all pages, in order.
    fn layouts(&self) -> impl Iterator<Item = &Layout> {
        self.pages.iter().flat_map(|(count, layout)| std::iter::repeat_n(layout, *count as usize))
    }

    /// The rows, the columns and the pixels of each page on a sheet.
    pub fn pages_of(&self, sheet: &Picture) -> Result<Vec<(usize, usize, Vec<u8>)>> {
        let sizes: Vec<(usize, usize)> = self.layouts().map(|layout| (layout.rows, layout.columns)).collect();
        let places = places_of_pages(&sizes, sheet)?;
        let pixel = sheet.channels * sheet.dtype.size();
        let (mut top, mut waiting) = (0, 0);
        let mut pages = Vec::new();
        for (&(rows, columns), (first, left)) in sizes.iter().zip(places) {
            waiting = if first == top && left > 0 { waiting + rows * columns * pixel } else { 0 };
            top = first;
            demand(waiting <= MOST_WAITING, "there are too many pixels beside a page", SECTION)?;
            let row = |at: usize| &sheet.pixels[at * sheet.row_bytes() + left * pixel..][..columns * pixel];
            pages.push((rows, columns, (first..first + rows).flat_map(row).copied().collect()));
        }
        Ok(pages)
    }

    /// Restores the file from a sheet with all pages, if this decoder has its compressions.
    pub fn file(&self, sheet: &Picture) -> Result<Option<Vec<u8>>> {
        let pages = self.pages_of(sheet)?;
        let pages =
            pages.iter().map(|(rows, columns, pixels)| Picture { rows: *rows, columns: *columns, pixels, ..*sheet });
        self.file_of_pages(&pages.collect::<Vec<_>>())
    }

    /// Restores the file from its pages, if this decoder has its compressions.
    pub fn file_of_pages(&self, pages: &[Picture]) -> Result<Option<Vec<u8>>> {
        demand(self.layouts().count() == pages.len(), "the number of pages does not match", SECTION)?;
        let same = self.layouts().zip(pages).all(|(layout, page)| layout.fits(page));
        demand(same, "the shape of a page differs from its layout", SECTION)?;
        let known = |layout: &Layout| match layout.compression {
            1 => true,
            4 | 5 | 32773 => self.check.is_some(),
            _ => layout.is_deflate() && self.deflated.is_some(),
        };
        if !self.pages.iter().all(|(_, layout)| known(layout)) {
            return Ok(None);
        }
        let mut made = Vec::new();
        let mut padding = self.padding;
        let mut deflated = match &self.deflated {
            Some(deflated) => Some((deflated, deflated.streams()?)),
            None => None,
        };
        let mut choices = Choices::new(self.choices);
        let mut segments = self.segments.iter();
        for (layout, page) in self.layouts().zip(pages) {
            let first = made.len();
            make_segments(layout, page, !self.padding.is_empty(), &mut padding, &mut made)?;
            for (segment, &(_, length)) in made[first..].iter_mut().zip(&mut segments) {
                if let (true, Some((deflated, streams))) = (layout.is_deflate(), &mut deflated) {
                    *segment = deflated.next(streams, segment, length)?;
                }
                if layout.compression == 4 {
                    *segment = group4::compress(segment, layout.segment_columns, length)?;
                } else if layout.has_choices() {
                    let (regular, exceptions) = choices.take()?;
                    *segment = match layout.compression {
                        5 => lzw::compress(segment, regular, exceptions)?,
                        _ => byte_runs::compress(segment, layout.row_bytes() as usize, regular, exceptions)?,
                    };
                }
                if layout.has(8) {
                    segment.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
                }
            }
        }
        demand(padding.is_empty(), "there is too much padding", SECTION)?;
        choices.end()?;
        if let Some((_, streams)) = deflated {
            streams.end()?;
        }
        self.assemble(&made).map(Some)
    }

    /// The content of the fields, and their places.
    fn field_bytes(&self) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut made = Vec::new();
        let mut segments = &self.segments[..];
        let mut fields = self.fields.iter();
        for layout in self.layouts() {
            let (own, others) = segments.split_at(layout.segments() as usize);
            segments = others;
            if layout.compression == 1 {
                continue;
            }
            let [down, across] = layout.grid();
            let order = |plane| (0..down).map(move |band| (band * layout.planes + plane) * across);
            let mut ordered = Vec::with_capacity(own.len());
            for first in (0..layout.planes).flat_map(order) {
                ordered.extend_from_slice(&own[first..first + across]);
            }
            for (which, &(at, size)) in fields.by_ref().take(2).enumerate() {
                let mut bytes = Vec::new();
                for &(place, length) in &ordered {
                    let number = if which == 0 { place } else { length };
                    demand(size == 8 || number >> (8 * size) == 0, "a segment is too far for its field", SECTION)?;
                    let (big, little) = (number.to_be_bytes(), number.to_le_bytes());
                    let size = size as usize;
                    bytes.extend_from_slice(if layout.has(1) { &big[8 - size..] } else { &little[..size] });
                }
                made.push((at, bytes));
            }
        }
        Ok(made)
    }

    fn assemble(&self, made: &[Vec<u8>]) -> Result<Vec<u8>> {
        let fields = self.field_bytes()?;
        let of_fields = fields.iter().map(|(at, bytes)| ((*at, bytes.len() as u64), bytes));
        let all = self.segments.iter().copied().zip(made).chain(of_fields);
        let total = all.clone().map(|(_, bytes)| bytes.len()).sum::<usize>() + self.others.len();
        let mut out = vec![0; total];
        let mut occupied = vec![false; total];
        for ((place, length), bytes) in all {
            let fits = length == bytes.len() as u64 && place + length <= total as u64;
            demand(fits, "a segment has a wrong length, or lies beyond the end of the file", SECTION)?;
            let range = place as usize..(place + length) as usize;
            demand(!occupied[range.clone()].contains(&true), "segments overlap each other", SECTION)?;
            out[range.clone()].copy_from_slice(bytes);
            occupied[range].fill(true);
        }
        let free = out.iter_mut().zip(&occupied).filter(|(_, occupied)| !**occupied).map(|(byte, _)| byte);
        for (byte, &other) in free.zip(self.others) {
            *byte = other;
        }
        if let Some(check) = self.check {
            let parts: Vec<&[u8]> = made.iter().map(|segment| &segment[..]).collect();
            demand(crc32(&parts) == check, "the CRC of the segments of a TIFF file does not match", SECTION)?;
        }
        Ok(out)
    }
}

/// The bytes of all segments of a page, before they are compressed.
fn make_segments(
    layout: &Layout,
    page: &Picture,
    padded: bool,
    padding: &mut &[u8],
    out: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let [down, across] = layout.grid();
    let size = layout.sample_bytes();
    for i in 0..down {
        for plane in 0..layout.planes {
            for j in 0..across {
                let (top, left) = (i * layout.segment_rows, j * layout.segment_columns);
                let rows = layout.segment_rows.min(layout.rows - top);
                let columns = layout.segment_columns.min(layout.columns - left);
                let width = layout.channels * size;
                let full = layout.segment_columns * width;
                let mut samples = Vec::new();
                // The start of the padding in each row.
                let mut inside = Vec::new();
                let mut take = |count: usize, samples: &mut Vec<u8>| {
                    if !padded {
                        samples.resize(samples.len() + count, 0);
                        return Ok(());
                    }
                    let Some((own, others)) = padding.split_at_checked(count) else {
                        return refuse("padding is missing", SECTION);
                    };
                    samples.extend_from_slice(own);
                    *padding = others;
                    Ok(())
                };
                for r in top..top + rows {
                    let row = &page.pixels[r * page.row_bytes()..][..page.row_bytes()];
                    for q in left..left + columns {
                        let start = (q * page.channels + plane * layout.channels) * size;
                        samples.extend_from_slice(&row[start..start + width]);
                    }
                    inside.push(columns * width);
                    if layout.is_tiled() {
                        take(full - columns * width, &mut samples)?;
                    }
                }
                if layout.is_tiled() {
                    take(full * (layout.segment_rows - rows), &mut samples)?;
                    inside.resize(layout.segment_rows, 0);
                }
                out.push(make_segment(layout, samples, &inside, padded)?);
            }
        }
    }
    Ok(())
}

/// The bytes of a segment from its samples. inside: for each row the bytes that are pixels of the page.
fn make_segment(layout: &Layout, mut samples: Vec<u8>, inside: &[usize], padded: bool) -> Result<Vec<u8>> {
    let bits = layout.bits;
    let size = layout.sample_bytes();
    let full = samples.len() / inside.len().max(1);
    let mut out = Vec::with_capacity(samples.len());
    let mask = if bits >= 8 { 255 } else { (1u8 << bits) - 1 };
    let factor = match (layout.has(4), bits) {
        (true, 2) => 85,
        (true, 4) => 17,
        _ => 1,
    };
    for (row, &inside) in samples.chunks_exact_mut(full.max(1)).zip(inside) {
        // Padding that is not stored is zeros after the transforms of flags 2 and 4.
        let counted = if padded { row.len() } else { inside };
        for sample in &mut row[..counted] {
            let value = *sample / factor;
            demand(*sample % factor == 0 && value <= mask, "a sample has more bits than its layout", SECTION)?;
            *sample = if layout.has(2) { value ^ mask } else { value };
        }
        if layout.has(16) {
            difference(row, layout.channels, size, mask);
        }
        if layout.has(256) {
            apart(row, layout.channels, size, &mut out);
            continue;
        }
        if layout.has(1) {
            row.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        pack(row, bits.min(8), &mut out);
    }
    Ok(out)
}

/// The bytes of floats, highest bytes of all samples first, as differences.
fn apart(row: &[u8], channels: usize, size: usize, out: &mut Vec<u8>) {
    let start = out.len();
    for at in (0..size).rev() {
        out.extend(row.iter().skip(at).step_by(size));
    }
    for i in (start + channels..out.len()).rev() {
        out[i] = out[i].wrapping_sub(out[i - channels]);
    }
}

/// Differences from the samples of the pixel before.
fn difference(row: &mut [u8], channels: usize, size: usize, mask: u8) {
    let apart = channels * size;
    for i in (apart..row.len()).step_by(size).collect::<Vec<_>>().into_iter().rev() {
        if size == 1 {
            row[i] = row[i].wrapping_sub(row[i - apart]) & mask;
            continue;
        }
        let at = |i: usize| row[i..i + size].iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        let change = at(i).wrapping_sub(at(i - apart)).to_le_bytes();
        row[i..i + size].copy_from_slice(&change[..size]);
    }
}
