//! The marker segments of a skeleton (jpeg-format.md, J2).

use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::levels::{natural, BLOCK};

pub const SECTION: &str = "jpeg-format.md, J2";

#[derive(Clone)]
pub struct Component {
    id: u8,
    pub h: usize,
    pub v: usize,
    table: usize,
    /// Rows of blocks, in whole units of all components.
    pub rows: usize,
    pub columns: usize,
    /// Rows of blocks, in a scan of this component alone.
    pub own_rows: usize,
    pub own_columns: usize,
    /// The steps of quantisation, row-major; 0 without a table.
    pub steps: [u16; BLOCK],
}

impl Component {
    /// A component without scans. rows, columns: of blocks. steps: row-major.
    pub fn new(rows: usize, columns: usize, steps: [u16; BLOCK]) -> Component {
        Component { id: 0, h: 1, v: 1, table: 0, rows, columns, own_rows: 0, own_columns: 0, steps }
    }
}

pub struct Frame {
    pub progressive: bool,
    pub arithmetic: bool,
    pub lossless: bool,
    pub precision: u32,
    pub rows: usize,
    pub columns: usize,
    pub components: Vec<Component>,
}

impl Frame {
    /// The frame of a strip with this number of rows of units.
    pub fn part(&self, rows: usize) -> Frame {
        let own = |one: &Component| Component { rows: rows * one.v, ..one.clone() };
        Frame { rows, components: self.components.iter().map(own).collect(), ..*self }
    }

    pub fn blocks(&self) -> u64 {
        self.components.iter().map(|one| one.rows as u64 * one.columns as u64).sum()
    }
}

pub struct ScanComponent {
    pub number: usize,
    pub dc: usize,
    pub ac: usize,
}

pub struct Scan {
    pub components: Vec<ScanComponent>,
    /// Places in zigzag order; `first` is the predictor of samples.
    pub first: usize,
    pub last: usize,
    pub high: u32,
    pub low: u32,
}

/// The code word of each symbol, and its length; 0 without one.
pub struct Huffman {
    words: [(u16, u8); 256],
}

impl Huffman {
    fn new(counts: &[u8], symbols: &[u8]) -> Result<Huffman> {
        let mut words = [(0, 0); 256];
        let (mut word, mut next) = (0u32, symbols.iter());
        for (length, &count) in (1u8..).zip(counts) {
            for &symbol in next.by_ref().take(count.into()) {
                demand(word >> length == 0, "a Huffman table of a JPEG stream has too many words", SECTION)?;
                let known = &mut words[usize::from(symbol)];
                if known.1 == 0 {
                    *known = (word as u16, length);
                }
                word += 1;
            }
            word <<= 1;
        }
        Ok(Huffman { words })
    }

    pub fn word(&self, symbol: u32) -> Result<(u32, u32)> {
        match self.words.get(symbol as usize) {
            Some(&(word, length)) if length > 0 => Ok((word.into(), length.into())),
            _ => refuse("a JPEG stream needs a symbol that its Huffman table lacks", SECTION),
        }
    }
}

/// Parses the segments of a skeleton, and stores the current tables.
pub struct Segments<'a> {
    /// The skeleton without the first two bytes.
    bytes: &'a [u8],
    /// The place behind the last segment that was read.
    pub at: usize,
    pub frame: Option<Frame>,
    quantisation: [[u16; BLOCK]; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// The conditioning of arithmetic coding: of the tables of DC, and after 16 entries of those of AC.
    pub conditions: [u8; 20],
    pub restart_interval: u64,
}

fn word(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

impl<'a> Segments<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Segments {
            bytes,
            at: 0,
            frame: None,
            quantisation: [[0; BLOCK]; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            conditions: [16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 5],
            restart_interval: 0,
        }
    }

    /// Reads up to the header of the next scan. None at the end of the stream.
    pub fn next_scan(&mut self) -> Result<Option<Scan>> {
        while let [first, marker, rest @ ..] = &self.bytes[self.at..] {
            demand(*first == 0xFF, "a JPEG stream has bytes between its segments", SECTION)?;
            match *marker {
                0xFF => self.at += 1,
                0xD9 => break,
                0x01 | 0xD0..=0xD7 => self.at += 2,
                0x00 | 0xD8 => return refuse("a JPEG stream has a misplaced marker", SECTION),
                marker => {
                    if rest.len() < 2 {
                        break;
                    }
                    let length = word(rest);
                    let Some(segment) = rest.get(2..length) else { break };
                    self.at += 2 + length;
                    if marker == 0xDA {
                        return self.scan(segment).map(Some);
                    }
                    self.take(marker, segment)?;
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, marker: u8, segment: &[u8]) -> Result<()> {
        match marker {
            0xC4 => self.huffman_tables(segment),
            0xDB => self.quantisation_tables(segment),
            0xDD => {
                demand(
                    segment.len() == 2,
                    "the segment of a restart interval of a JPEG stream has a wrong size",
                    SECTION,
                )?;
                self.restart_interval = word(segment) as u64;
                Ok(())
            }
            0xC0..=0xC3 | 0xC9 | 0xCA => self.read_frame(marker, segment),
            0xC8 => Ok(()),
            0xCC => self.read_conditions(segment),
            0xC5..=0xCF | 0xDE | 0xF7 => refuse("a JPEG stream is of a kind that is never coded", SECTION),
            _ => Ok(()),
        }
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<()> {
        while let [place, counts @ ..] = segment {
            let (class, number) = (place >> 4, usize::from(place & 15));
            let symbols = counts.iter().take(16).map(|&count| usize::from(count)).sum::<usize>();
            let fits = class <= 1 && number <= 3 && symbols <= 256 && counts.len() >= 16 + symbols;
            demand(fits, "a Huffman table of a JPEG stream is damaged", SECTION)?;
            let (counts, rest) = counts.split_at(16);
            let (symbols, rest) = rest.split_at(symbols);
            let tables = if class == 0 { &mut self.dc } else { &mut self.ac };
            tables[number] = Some(Huffman::new(counts, symbols)?);
            segment = rest;
        }
        Ok(())
    }

    fn read_conditions(&mut self, segment: &[u8]) -> Result<()> {
        let mut fits = segment.len() % 2 == 0;
        for pair in segment.chunks_exact(2) {
            let (place, value) = (pair[0], pair[1]);
            let ac = place >> 4 != 0;
            fits &= place <= 0x13 && place & 15 <= 3;
            fits &= if ac { (1..=63).contains(&value) } else { value & 15 <= value >> 4 };
            if fits {
                self.conditions[usize::from(place)] = value;
            }
        }
        demand(fits, "the conditioning of arithmetic coding of a JPEG stream is damaged", SECTION)
    }

    fn quantisation_tables(&mut self, mut segment: &[u8]) -> Result<()> {
        while let [place, steps @ ..] = segment {
            let (size, number) = (usize::from(place >> 4) + 1, usize::from(place & 15));
            let fits = size <= 2 && number <= 3 && steps.len() >= BLOCK * size;
            demand(fits, "a quantisation table of a JPEG stream is damaged", SECTION)?;
            let (steps, rest) = steps.split_at(BLOCK * size);
            for (k, step) in steps.chunks_exact(size).enumerate() {
                self.quantisation[number][natural(k)] =
                    step.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            segment = rest;
        }
        Ok(())
    }

    fn read_frame(&mut self, marker: u8, segment: &[u8]) -> Result<()> {
        demand(self.frame.is_none(), "a JPEG stream has two frames", SECTION)?;
        let [precision, size @ .., count] = segment.get(..6).unwrap_or(&[]) else {
            return refuse("a frame of a JPEG stream is cut off", SECTION);
        };
        let fits = (1..=4).contains(count) && segment.len() == 6 + 3 * usize::from(*count);
        demand(fits, "a frame of a JPEG stream does not have 1 to 4 components", SECTION)?;
        let (mut height, width) = (word(size), word(&size[2..]));
        if height == 0 {
            let rest = &self.bytes[self.at..];
            let found = rest.windows(6).find(|segment| segment.starts_with(&[0xFF, 0xDC, 0, 4]));
            height = found.map_or(0, |segment| word(&segment[4..]));
        }
        let lossless = marker == 0xC3;
        let precise = if lossless { (2..=16).contains(precision) } else { matches!(precision, 8 | 12) };
        let fits = precise && height > 0 && width > 0;
        demand(fits, "a frame of a JPEG stream has no pixels, or an unsupported precision", SECTION)?;
        let mut components: Vec<Component> = Vec::new();
        for part in segment[6..].chunks_exact(3) {
            let (id, h, v) = (part[0], usize::from(part[1] >> 4), usize::from(part[1] & 15));
            let fits = (1..=4).contains(&h) && (1..=4).contains(&v) && part[2] <= 3;
            let fresh = components.iter().all(|other| other.id != id);
            demand(fits && fresh, "a component of a JPEG stream is damaged", SECTION)?;
            let table = usize::from(part[2]);
            components.push(Component { id, h, v, table, ..Component::new(0, 0, [0; BLOCK]) });
        }
        let most_h = components.iter().map(|one| one.h).max().unwrap_or(1);
        let most_v = components.iter().map(|one| one.v).max().unwrap_or(1);
        let edge = if lossless { 1 } else { 8 };
        let (rows, columns) = (height.div_ceil(edge * most_v), width.div_ceil(edge * most_h));
        for one in &mut components {
            (one.rows, one.columns) = (rows * one.v, columns * one.h);
            one.own_rows = (height * one.v).div_ceil(most_v).div_ceil(edge);
            one.own_columns = (width * one.h).div_ceil(most_h).div_ceil(edge);
        }
        let (progressive, arithmetic) = (matches!(marker, 0xC2 | 0xCA), marker >= 0xC9);
        let precision = (*precision).into();
        self.frame = Some(Frame { progressive, arithmetic, lossless, precision, rows, columns, components });
        Ok(())
    }

    fn scan(&mut self, segment: &[u8]) -> Result<Scan> {
        let Some(frame) = &mut self.frame else { return refuse("a JPEG stream has a scan before its frame", SECTION) };
        let count = usize::from(segment.first().copied().unwrap_or(0));
        let fits = (1..=frame.components.len()).contains(&count) && segment.len() == 4 + 2 * count;
        demand(fits, "the header of a scan of a JPEG stream is damaged", SECTION)?;
        let (parts, rest) = segment[1..].split_at(2 * count);
        let mut components: Vec<ScanComponent> = Vec::new();
        let mut blocks = 0;
        for part in parts.chunks_exact(2) {
            let number = frame.components.iter().position(|one| one.id == part[0]);
            let number = number.filter(|&number| components.iter().all(|other| other.number != number));
            let (dc, ac) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
            let Some(number) = number.filter(|_| dc <= 3 && ac <= 3) else {
                return refuse("a scan of a JPEG stream has a component that the frame lacks", SECTION);
            };
            let one = &mut frame.components[number];
            if one.steps[0] == 0 {
                one.steps = self.quantisation[one.table];
            }
            blocks += one.h * one.v;
            components.push(ScanComponent { number, dc, ac });
        }
        let (mut first, mut last) = (usize::from(rest[0]), usize::from(rest[1]));
        let (mut high, mut low) = (u32::from(rest[2] >> 4), u32::from(rest[2] & 15));
        let fits = if frame.lossless {
            (1..=7).contains(&first) && low < frame.precision
        } else if frame.progressive {
            let band = if first == 0 { last == 0 } else { count == 1 };
            first <= last && last < BLOCK && low <= 13 && band && (high == 0 || high == low + 1)
        } else {
            // These fields are ignored.
            (first, last, high, low) = (0, BLOCK - 1, 0, 0);
            true
        };
        demand(fits && (count == 1 || blocks <= 10), "a scan of a JPEG stream has wrong parameters", SECTION)?;
        Ok(Scan { components, first, last, high, low })
    }

    /// The Huffman tables of a component of a scan, where the scan needs them.
    pub fn tables(&self, scan: &Scan, one: &ScanComponent) -> Result<[Option<&Huffman>; 2]> {
        let Some(frame) = self.frame.as_ref().filter(|frame| !frame.arithmetic) else { return Ok([None, None]) };
        let find = |table: &'_ Option<Huffman>, needed: bool| {
            demand(!needed || table.is_some(), "a scan of a JPEG stream lacks its Huffman table", SECTION)
        };
        find(&self.dc[one.dc], frame.lossless || scan.first == 0 && scan.high == 0)?;
        find(&self.ac[one.ac], !frame.lossless && scan.last > 0)?;
        Ok([self.dc[one.dc].as_ref(), self.ac[one.ac].as_ref()])
    }
}
