//! Pictures, and the files that hold them: PNG, BMP and PNM.

use crate::crc::crc32;
use crate::deflate::zlib;
use crate::dtype::Dtype;
use crate::error::{demand, refuse, Result};

/// The pixels of a picture: its shape is [rows, columns] or [rows, columns, channels].
pub struct Picture<'a> {
    pub dtype: Dtype,
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    pub pixels: &'a [u8],
}

/// The modes of pictures (format.md, A5.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Bilevel,
    Grey,
    Grey16,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl<'a> Picture<'a> {
    pub fn new(dtype: Dtype, shape: &[u64], pixels: &'a [u8]) -> Result<Picture<'a>> {
        let (rows, columns, channels) = match *shape {
            [rows, columns] => (rows, columns, 1),
            [rows, columns, channels] => (rows, columns, channels),
            _ => return refuse("a picture has other dimensions", "format.md, A5"),
        };
        Ok(Picture { dtype, rows: rows as usize, columns: columns as usize, channels: channels as usize, pixels })
    }

    pub fn mode(&self) -> Mode {
        match (&self.dtype.code, self.channels) {
            (b"|b1", _) => Mode::Bilevel,
            (b"<u2", _) => Mode::Grey16,
            (_, 2) => Mode::GreyAlpha,
            (_, 3) => Mode::Rgb,
            (_, 4) => Mode::Rgba,
            _ => Mode::Grey,
        }
    }

    pub fn row_bytes(&self) -> usize {
        self.columns * self.channels * self.dtype.size()
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.pixels.chunks_exact(self.row_bytes().max(1))
    }

    /// Whether a format, by the ending of a name in small letters, can hold the mode.
    pub fn fits(&self, ending: &str) -> bool {
        let mode = self.mode();
        match ending {
            "png" => true,
            "bmp" => matches!(mode, Mode::Bilevel | Mode::Grey | Mode::Rgb),
            "pbm" => mode == Mode::Bilevel,
            "pgm" => matches!(mode, Mode::Grey | Mode::Grey16),
            "ppm" => mode == Mode::Rgb,
            "pnm" => matches!(mode, Mode::Bilevel | Mode::Grey | Mode::Grey16 | Mode::Rgb),
            _ => false,
        }
    }

    /// A file of the format with this ending.
    pub fn file(&self, ending: &str) -> Result<Vec<u8>> {
        match ending {
            "bmp" => self.bmp(),
            "pbm" | "pgm" | "ppm" | "pnm" => Ok(self.pnm()),
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
        let (bits, colour) = match self.mode() {
            Mode::Bilevel => (1, 0),
            Mode::Grey => (8, 0),
            Mode::Grey16 => (16, 0),
            Mode::GreyAlpha => (8, 4),
            Mode::Rgb => (8, 2),
            Mode::Rgba => (8, 6),
        };
        self.png_with(bits, colour, &[], &[])
    }

    /// A PNG file with these bits of a sample and this type of colour, and with chunks before and behind the pixels.
    pub fn png_with(&self, bits: u8, colour: u8, before: &[Chunk], behind: &[Chunk]) -> Result<Vec<u8>> {
        const SECTION: &str = "format.md, A6.2";
        let channels = match (colour, bits) {
            (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
            (2, 8) => 3,
            (4, 8) => 2,
            (6, 8) => 4,
            _ => return refuse("a PNG file has another type of colour", SECTION),
        };
        let fits = channels == self.channels && (bits == 16) == (self.dtype.size() == 2);
        demand(fits, "the pixels of a PNG file have another type", SECTION)?;
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
        let mut header = (self.columns as u32).to_be_bytes().to_vec();
        header.extend((self.rows as u32).to_be_bytes());
        header.extend([bits, colour, 0, 0, 0]);
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        push_chunk(b"IHDR", &header, &mut out);
        for chunk in before {
            push_chunk(&chunk.kind, chunk.content, &mut out);
        }
        for part in zlib(&rows).chunks(1 << 30) {
            push_chunk(b"IDAT", part, &mut out);
        }
        for chunk in behind {
            push_chunk(&chunk.kind, chunk.content, &mut out);
        }
        push_chunk(b"IEND", &[], &mut out);
        Ok(out)
    }
}

/// A chunk of a PNG file.
pub struct Chunk<'a> {
    pub kind: [u8; 4],
    pub content: &'a [u8],
}

fn push_chunk(kind: &[u8; 4], content: &[u8], out: &mut Vec<u8>) {
    out.extend((content.len() as u32).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(content);
    out.extend(crc32(&[kind, content]).to_be_bytes());
}

/// Packs samples of 1, 2, 4 or 8 bits, the first one in the highest bits; the last byte is filled with zeros.
pub fn pack(samples: &[u8], bits: u8, out: &mut Vec<u8>) {
    let bits = usize::from(bits);
    for group in samples.chunks(8 / bits) {
        let byte = group.iter().enumerate().map(|(i, &sample)| u32::from(sample) << (8 - bits * (i + 1)));
        out.push(byte.fold(0, |byte, part| byte | part) as u8);
    }
}
