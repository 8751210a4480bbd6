//! The method fallback (format.md, A5.8).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::{inflate, lzma2};
use crate::types::block::{Block, Run};

const SECTION: &str = "format.md, A5.8";

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    let dtype = block.runs[0].dtype;
    demand(block.runs.iter().all(|run| run.dtype == dtype), "a block has several dtypes", SECTION)?;
    let mut bytes = Bytes::new(block.data, SECTION);
    let coder = bytes.byte()?;
    let form = bytes.byte()?;
    let parameter = bytes.byte()?;
    let rows = if form == 2 { Some(Rows::new(block, parameter, &mut bytes)?) } else { None };
    let size = rows.as_ref().map_or(block.size(), Rows::size);
    block.limit(size as u128, "a block of few bytes has too much content")?;
    let stream = bytes.rest();
    let mut content = match coder {
        0 => inflate::inflate_all(stream, size)?,
        1 => lzma2::decode(stream, size)?,
        _ => return refuse("the coder of a block is unknown: a newer release is needed", SECTION),
    };
    demand(content.len() == size, "the content of a block has a wrong size", SECTION)?;
    if form < 2 && parameter > 0 {
        let distance = usize::from(parameter);
        for i in distance..content.len() {
            content[i] = content[i].wrapping_add(content[i - distance]);
        }
    }
    match (form, rows) {
        (0, _) => Ok(content),
        (1, _) => {
            let size = dtype.size();
            let count = content.len() / size;
            Ok((0..content.len()).map(|i| content[i % size * count + i / size]).collect())
        }
        (2, Some(rows)) => rows.restore(&content),
        _ => refuse("the form of a block is unknown: a newer release is needed", SECTION),
    }
}

/// Pictures of a run: their number, rows and columns.
struct Pictures {
    count: usize,
    rows: usize,
    columns: usize,
}

/// Rows of pictures, after the transform t.
struct Rows<'a> {
    block: &'a Block<'a>,
    transform: u8,
    colours: usize,
    channels: usize,
    pictures: Vec<Pictures>,
}

/// The interpretation of a run as pictures, and its channels.
fn pictures(run: &Run) -> (Pictures, usize) {
    let mut axes: Vec<usize> = run.shape.iter().map(|&extent| extent as usize).collect();
    let channels = if axes.len() >= 3 && axes[axes.len() - 1] <= 4 { axes.pop().unwrap_or(1) } else { 1 };
    let items = run.items as usize;
    let views = match axes[..] {
        [] => Pictures { count: 1, rows: 1, columns: items },
        [columns] => Pictures { count: 1, rows: items, columns },
        [ref outer @ .., rows, columns] => Pictures { count: items * outer.iter().product::<usize>(), rows, columns },
    };
    (views, channels)
}

impl<'a> Rows<'a> {
    fn new(block: &'a Block<'a>, transform: u8, bytes: &mut Bytes) -> Result<Self> {
        let dtype = block.runs[0].dtype;
        let colours = if transform >= 4 { usize::from(bytes.byte()?) + 1 } else { 0 };
        let views: Vec<_> = block.runs.iter().filter(|run| run.elements > 0).map(pictures).collect();
        let channels = views.first().map_or(0, |(_, channels)| *channels);
        demand(!views.is_empty(), "there are no rows of pictures", SECTION)?;
        let fits = match transform {
            0 => dtype.is_small(),
            1 => dtype.is_small() && channels >= 3,
            2 => dtype.is_small() && dtype.size() == 2,
            3 => dtype.is_small() && dtype.size() == 2 && channels >= 3,
            4..=7 => colours <= 1 << (1 << (transform - 4)),
            _ => false,
        };
        demand(fits, "rows of pictures have a transform that is not allowed", SECTION)?;
        let alike = matches!(transform, 0 | 2) || views.iter().all(|(_, c)| *c == channels);
        demand(alike, "rows of pictures have different channels", SECTION)?;
        let rows = Rows { block, transform, colours, channels, pictures: views.into_iter().map(|(p, _)| p).collect() };
        Ok(rows)
    }

    /// The bytes of a row with this number of columns and channels.
    fn row_bytes(&self, columns: usize, channels: usize) -> usize {
        match self.transform {
            0..=3 => columns * channels * self.block.runs[0].dtype.size(),
            t => (columns << (t - 4)).div_ceil(8),
        }
    }

    fn runs(&self) -> impl Iterator<Item = (&Pictures, usize)> {
        let runs = self.block.runs.iter().filter(|run| run.elements > 0);
        self.pictures.iter().zip(runs.map(|run| pictures(run).1))
    }

    fn pixel_bytes(&self) -> usize {
        self.block.runs[0].dtype.size() * self.channels
    }

    fn size(&self) -> usize {
        let rows = self.runs().map(|(p, channels)| p.count * p.rows * (1 + self.row_bytes(p.columns, channels)));
        self.colours * self.pixel_bytes() + rows.sum::<usize>()
    }

    fn restore(&self, content: &[u8]) -> Result<Vec<u8>> {
        let (colours, content) = content.split_at(self.colours * self.pixel_bytes());
        let rows = self.runs().map(|(p, _)| p.count * p.rows).sum();
        let (filters, content) = content.split_at(rows);
        demand(filters.iter().all(|&filter| filter <= 4), "a filter of a row is unknown", SECTION)?;
        let wide = matches!(self.transform, 2 | 3);
        // The numbers behind the filters: bytes, or folded 16-bit numbers.
        let mut numbers: Vec<u16> = if wide {
            let (low, high) = content.split_at(content.len() / 2);
            low.iter().zip(high).map(|(&low, &high)| unfold(u16::from_le_bytes([low, high]))).collect()
        } else {
            content.iter().map(|&byte| u16::from(byte)).collect()
        };
        let mask = if wide { 0xffff } else { 0xff };
        let mut out = Vec::with_capacity(self.block.size());
        let mut filters = filters.iter();
        let mut rest = &mut numbers[..];
        for (p, channels) in self.runs() {
            let width = if wide { p.columns * channels } else { self.row_bytes(p.columns, channels) };
            let apart = match self.transform {
                0 | 1 => channels * self.block.runs[0].dtype.size(),
                2 | 3 => channels,
                _ => 1,
            };
            for _ in 0..p.count {
                let (picture, behind) = std::mem::take(&mut rest).split_at_mut(p.rows * width);
                rest = behind;
                let zeros = vec![0; width];
                let mut above: &[u16] = &zeros;
                for row in picture.chunks_exact_mut(width.max(1)) {
                    unfilter(*filters.next().unwrap_or(&0), row, above, apart, mask);
                    self.write_row(row, p.columns, channels, colours, &mut out)?;
                    above = row;
                }
            }
        }
        Ok(out)
    }

    fn write_row(&self, row: &[u16], columns: usize, channels: usize, colours: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let dtype = self.block.runs[0].dtype;
        if self.transform >= 4 {
            let bits = 1usize << (self.transform - 4);
            for column in 0..columns {
                let place = column * bits;
                let colour = usize::from(row[place / 8]) >> (8 - bits - place % 8) & ((1 << bits) - 1);
                demand(colour < self.colours, "a pixel has a colour beyond the palette", SECTION)?;
                out.extend_from_slice(&colours[colour * self.pixel_bytes()..][..self.pixel_bytes()]);
            }
            let used = columns * bits % 8;
            let spare = if used > 0 { row[row.len() - 1] & ((1 << (8 - used)) - 1) } else { 0 };
            return demand(spare == 0, "the padding of a row is not zeros", SECTION);
        }
        let mut pixel = [0i32; 4];
        let split = matches!(self.transform, 0 | 1) && dtype.size() == 2;
        for c in 0..columns {
            for (k, value) in pixel.iter_mut().enumerate().take(channels) {
                let i = c * channels + k;
                *value = if split { i32::from(row[2 * i]) + 256 * i32::from(row[2 * i + 1]) } else { row[i].into() };
            }
            if self.transform % 2 == 1 {
                pixel[0] += pixel[1];
                pixel[2] += pixel[1];
            }
            for &value in &pixel[..channels] {
                out.extend_from_slice(&dtype.element(value as u64)[..dtype.size()]);
            }
        }
        Ok(())
    }
}

fn unfold(value: u16) -> u16 {
    if value & 1 == 0 {
        value / 2
    } else {
        (value / 2 + 1).wrapping_neg()
    }
}

/// Undoes a PNG filter on numbers modulo 2^8 or 2^16.
pub fn unfilter(filter: u8, row: &mut [u16], above: &[u16], apart: usize, mask: u16) {
    for i in 0..row.len() {
        let before = i.checked_sub(apart);
        let a = i32::from(before.map_or(0, |j| row[j]));
        let b = i32::from(above[i]);
        let c = i32::from(before.map_or(0, |j| above[j]));
        let prediction = match filter {
            0 => 0,
            1 => a,
            2 => b,
            3 => (a + b) / 2,
            _ => {
                let p = a + b - c;
                let (pa, pb, pc) = ((p - a).abs(), (p - b).abs(), (p - c).abs());
                if pa <= pb && pa <= pc {
                    a
                } else if pb <= pc {
                    b
                } else {
                    c
                }
            }
        };
        row[i] = row[i].wrapping_add(prediction as u16) & mask;
    }
}
