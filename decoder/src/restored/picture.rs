//! Pictures, and writers of PNG, BMP, PNM and TIFF files.

use crate::foundations::crc::crc32;
use crate::foundations::deflate::zlib;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};

/// The pixels of a picture: its shape is [rows, columns] or [rows, columns, channels].
pub struct Picture<'a> {
    pub dtype: Dtype,
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    pub pixels: &'a [u8],
}

/// The modes of pictures (format.md, A5.3); those with channels have 8 or 16 bits each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Bilevel,
    Grey,
    Grey16,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Any other dtype or number of channels.
    Unnamed,
}

impl<'a> Picture<'a> {
    pub fn new(dtype: Dtype, shape: &[u64], pixels: &'a [u8]) -> Result<Picture<'a>> {
        let (rows, columns, channels) = match *shape {
            [rows, columns] => (rows, columns, 1),
            [rows, columns, channels] => (rows, columns, channels),
            _ => return refuse("a picture does not have 2 or 3 dimensions", "format.md, A5"),
        };
        Ok(Picture { dtype, rows: rows as usize, columns: columns as usize, channels: channels as usize, pixels })
    }

    pub fn mode(&self) -> Mode {
        match (&self.dtype.code, self.channels) {
            (b"|b1", 1) => Mode::Bilevel,
            (b"|u1", 1) => Mode::Grey,
            (b"<u2", 1) => Mode::Grey16,
            (b"|u1" | b"<u2", 2) => Mode::GreyAlpha,
            (b"|u1" | b"<u2", 3) => Mode::Rgb,
            (b"|u1" | b"<u2", 4) => Mode::Rgba,
            _ => Mode::Unnamed,
        }
    }

    pub fn row_bytes(&self) -> usize {
        self.columns * self.channels * self.dtype.size()
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.pixels.chunks_exact(self.row_bytes().max(1))
    }

    /// Whether the format with this lower-case ending can store the mode.
    pub fn fits(&self, ending: &str) -> bool {
        let mode = self.mode();
        let rgb = mode == Mode::Rgb && self.dtype.size() == 1;
        match ending {
            "tif" | "tiff" => true,
            "png" => mode != Mode::Unnamed,
            "bmp" => rgb || matches!(mode, Mode::Bilevel | Mode::Grey),
            "pbm" => mode == Mode::Bilevel,
            "pgm" => matches!(mode, Mode::Grey | Mode::Grey16),
            "ppm" => rgb,
            "pnm" => rgb || matches!(mode, Mode::Bilevel | Mode::Grey | Mode::Grey16),
            _ => false,
        }
    }

    /// A file of the format with this ending.
    pub fn file(&self, ending: &str) -> Result<Vec<u8>> {
        match ending {
            "bmp" => self.bmp(),
            "pbm" | "pgm" | "ppm" | "pnm" => Ok(self.pnm()),
            "tif" | "tiff" => self.tiff(),
            _ => self.png(),
        }
    }

    fn pnm(&self) -> Vec<u8> {
        let (magic, most) = match self.mode() {
            Mode::Bilevel => ("P4", ""),
            Mode::Grey16 => ("P5", "65535\n"),
            Mode::Grey => ("P5", "255\n"),
            _ => ("P6", "255\n"),
        };
        let mut out = format!("{magic}\n{} {}\n{most}", self.columns, self.rows).into_bytes();
        for row in self.rows() {
            match self.mode() {
                Mode::Bilevel => {
                    let black: Vec<u8> = row.iter().map(|&white| u8::from(white == 0)).collect();
                    pack(&black, 1, &mut out);
                }
                Mode::Grey16 => out.extend(row.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]])),
                _ => out.extend_from_slice(row),
            }
        }
        out
    }

    fn bmp(&self) -> Result<Vec<u8>> {
        let (bits, colours) = match self.mode() {
            Mode::Bilevel => (1, 2),
            Mode::Grey => (8, 256),
            _ => (24, 0),
        };
        let width = (self.columns * bits).div_ceil(32) * 4;
        let start = 54 + 4 * colours;
        let size = start + width * self.rows;
        let fits = u32::try_from(size).is_ok() && self.columns < 1 << 31 && self.rows < 1 << 31;
        demand(fits, "a picture is too large for a BMP file", "format.md, A5.12")?;
        let mut out = b"BM".to_vec();
        for number in [size, 0, start, 40, self.columns, self.rows] {
            out.extend((number as u32).to_le_bytes());
        }
        out.extend([1, 0, bits as u8, 0]);
        for number in [0, width * self.rows, 2835, 2835, colours, 0] {
            out.extend((number as u32).to_le_bytes());
        }
        for colour in 0..colours {
            let level = (colour * 255 / (colours - 1)) as u8;
            out.extend([level, level, level, 0]);
        }
        for row in self.rows().rev() {
            let start = out.len();
            match bits {
                1 => pack(row, 1, &mut out),
                8 => out.extend_from_slice(row),
                _ => out.extend(row.chunks_exact(3).flat_map(|rgb| [rgb[2], rgb[1], rgb[0]])),
            }
            out.resize(start + width, 0);
        }
        Ok(out)
    }

    fn png(&self) -> Result<Vec<u8>> {
        let wide = 8 * self.dtype.size() as u8;
        let (bits, colour) = match self.mode() {
            Mode::Bilevel => (1, 0),
            Mode::Grey | Mode::Grey16 => (wide, 0),
            Mode::GreyAlpha => (wide, 4),
            Mode::Rgb => (wide, 2),
            Mode::Rgba => (wide, 6),
            Mode::Unnamed => return refuse("PNG cannot store a picture", "format.md, A5.12"),
        };
        Ok(self.png_with(bits, colour, &[], &packed(&self.png_rows(bits, colour)?), &[]))
    }

    /// A TIFF file of one strip, without compression.
    fn tiff(&self) -> Result<Vec<u8>> {
        let bits = if self.dtype.is_bool() && self.channels == 1 { 1 } else { self.dtype.bits() as u16 };
        let format: u16 = match self.dtype.code[1] {
            b'i' => 2,
            b'f' => 3,
            _ => 1,
        };
        let mut strip = Vec::new();
        self.rows().for_each(|row| pack(row, bits.min(8) as u8, &mut strip));
        let fits = strip.len() < 1 << 31 && self.rows < 1 << 31 && self.columns < 1 << 31;
        demand(fits, "a picture is too large for a TIFF file", "format.md, A5.12")?;
        let rgb = matches!(self.mode(), Mode::Rgb | Mode::Rgba);
        let extra = self.channels - if rgb { 3 } else { 1 };
        let alpha = matches!(self.mode(), Mode::GreyAlpha | Mode::Rgba);
        // Tags with their types, 3 of 16 bits and 4 of 32, and their values.
        let mut tags: Vec<(u16, u16, Vec<u32>)> = vec![
            (256, 4, vec![self.columns as u32]),
            (257, 4, vec![self.rows as u32]),
            (258, 3, vec![bits.into(); self.channels]),
            (259, 3, vec![1]),
            (262, 3, vec![if rgb { 2 } else { 1 }]),
            (273, 4, vec![8]),
            (277, 3, vec![self.channels as u32]),
            (278, 4, vec![self.rows as u32]),
            (279, 4, vec![strip.len() as u32]),
        ];
        if extra > 0 {
            tags.push((338, 3, vec![if alpha { 2 } else { 0 }; extra]));
        }
        tags.push((339, 3, vec![format.into(); self.channels]));
        let mut out = b"II*\0".to_vec();
        let lists = 8 + strip.len().next_multiple_of(2);
        let mut behind = Vec::new();
        let mut directory = (tags.len() as u16).to_le_bytes().to_vec();
        let place = |behind: &[u8]| (lists + behind.len()) as u32;
        for (tag, kind, values) in &tags {
            let mut content: Vec<u8> = match kind {
                3 => values.iter().flat_map(|&value| (value as u16).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            directory.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            directory.extend((values.len() as u32).to_le_bytes());
            if content.len() <= 4 {
                content.resize(4, 0);
                directory.extend(content);
            } else {
                directory.extend(place(&behind).to_le_bytes());
                behind.extend(content);
            }
        }
        directory.extend([0; 4]);
        out.extend(place(&behind).to_le_bytes());
        out.extend(strip);
        out.resize(lists, 0);
        out.extend(behind);
        out.extend(directory);
        Ok(out)
    }

    /// A PNG file with these bits per sample and this colour type. parts: the content of its chunks of pixels. before,
    /// behind: chunks around them.
    pub fn png_with(&self, bits: u8, colour: u8, before: &[Chunk], parts: &[Vec<u8>], behind: &[Chunk]) -> Vec<u8> {
        let mut out = png_start(self.rows, self.columns, bits, colour);
        for chunk in before {
            push_chunk(&chunk.kind, chunk.content, &mut out);
        }
        for part in parts {
            push_chunk(b"IDAT", part, &mut out);
        }
        for chunk in behind {
            push_chunk(&chunk.kind, chunk.content, &mut out);
        }
        push_chunk(b"IEND", &[], &mut out);
        out
    }

    /// The bytes per pixel for the filters of a PNG file.
    pub fn png_pixel(&self, bits: u8) -> usize {
        (self.channels * usize::from(bits) / 8).max(1)
    }

    /// The rows of a PNG file, each after the number of the filter none.
    pub fn png_rows(&self, bits: u8, colour: u8) -> Result<Vec<u8>> {
        const SECTION: &str = "format.md, A6.2";
        let channels = match (colour, bits) {
            (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
            (2, 8 | 16) => 3,
            (4, 8 | 16) => 2,
            (6, 8 | 16) => 4,
            _ => return refuse("the colour type of a PNG file is unknown", SECTION),
        };
        let dtype = match (bits, colour) {
            (1, 0) => Dtype::BOOL,
            (16, _) => Dtype::U16,
            _ => Dtype::U8,
        };
        demand(
            channels == self.channels && dtype == self.dtype,
            "the pixels of a PNG file do not fit its colour type",
            SECTION,
        )?;
        demand(self.rows < 1 << 31 && self.columns < 1 << 31, "a PNG file is too large", SECTION)?;
        let factor = match (colour, bits) {
            (0, 2) => 85,
            (0, 4) => 17,
            _ => 1,
        };
        let mut rows = Vec::new();
        for row in self.rows() {
            rows.push(0); // the filter
            match bits {
                16 => rows.extend(row.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]])),
                8 => rows.extend_from_slice(row),
                _ => {
                    let samples: Vec<u8> = row.iter().map(|sample| sample / factor).collect();
                    let fits = row.iter().all(|sample| sample % factor == 0 && u32::from(sample / factor) < 1 << bits);
                    demand(fits, "a sample of a PNG file is too large", SECTION)?;
                    pack(&samples, bits, &mut rows);
                }
            }
        }
        Ok(rows)
    }
}

/// The content of the chunks of pixels of a PNG file, compressed by this decoder.
pub fn packed(rows: &[u8]) -> Vec<Vec<u8>> {
    zlib(rows).chunks(1 << 30).map(<[u8]>::to_vec).collect()
}

/// The start of a PNG file.
pub fn png_start(rows: usize, columns: usize, bits: u8, colour: u8) -> Vec<u8> {
    let mut header = (columns as u32).to_be_bytes().to_vec();
    header.extend((rows as u32).to_be_bytes());
    header.extend([bits, colour, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    push_chunk(b"IHDR", &header, &mut out);
    out
}

/// A chunk of a PNG file.
pub struct Chunk<'a> {
    pub kind: [u8; 4],
    pub content: &'a [u8],
}

pub fn push_chunk(kind: &[u8; 4], content: &[u8], out: &mut Vec<u8>) {
    out.extend((content.len() as u32).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(content);
    out.extend(crc32(&[kind, content]).to_be_bytes());
}

/// Packs samples of 1, 2, 4 or 8 bits, the first one in the highest bits, with zeros as padding.
pub fn pack(samples: &[u8], bits: u8, out: &mut Vec<u8>) {
    let bits = usize::from(bits);
    for group in samples.chunks(8 / bits) {
        let byte = group.iter().enumerate().map(|(i, &sample)| u32::from(sample) << (8 - bits * (i + 1)));
        out.push(byte.fold(0, |byte, part| byte | part) as u8);
    }
}
