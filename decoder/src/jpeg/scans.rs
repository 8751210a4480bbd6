//! The entropy-coded data of scans (jpeg-format.md, J4; T.81, annexes F and G).

use crate::foundations::error::{demand, error, Result};
use crate::jpeg::arithmetic::Stretch;
use crate::jpeg::details::Details;
use crate::jpeg::levels::{natural, Block, BLOCK};
use crate::jpeg::markers::{Component, Frame, Huffman, Scan, Segments};

const SECTION: &str = "jpeg-format.md, J4";

const LONGEST_RUN: u32 = 32_767;
const MOST_CORRECTIONS: usize = 937;

/// The numbers of a stream, by its kind.
pub enum Planes {
    Coefficients(Vec<Vec<Block>>),
    Samples(Vec<Vec<u16>>),
}

/// Writes the bytes of a stream. skeleton: without the first two bytes.
pub fn write(skeleton: &[u8], planes: &Planes, details: Details, size: usize) -> Result<Vec<u8>> {
    let mut segments = Segments::new(skeleton);
    let mut writer =
        Writer { bits: Bits { out: vec![0xFF, 0xD8], buffer: 0, count: 0, size }, details, block: 0, stretch: 0 };
    let (mut copied, mut number) = (0, 0);
    while let Some(scan) = segments.next_scan()? {
        writer.bits.out.extend_from_slice(&skeleton[copied..segments.at]);
        copied = segments.at;
        if let Some(frame) = &segments.frame {
            writer.scan(&segments, frame, &scan, planes, number)?;
        }
        number += 1;
    }
    writer.bits.out.extend_from_slice(&skeleton[copied..]);
    let made = writer.bits.out;
    demand(made.len() == size, &format!("a JPEG stream has {} bytes in place of {size}", made.len()), SECTION)?;
    Ok(made)
}

/// Bits, high bit first.
struct Bits {
    out: Vec<u8>,
    buffer: u64,
    count: u32,
    /// The size of the stream.
    size: usize,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(bits);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.buffer >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Refuses more bytes than the stream has.
    fn check(&self) -> Result<()> {
        demand(self.out.len() <= self.size, "the size of a JPEG stream does not match", SECTION)
    }
}

struct Writer<'a> {
    bits: Bits,
    details: Details<'a>,
    /// Counted over all scans.
    block: u64,
    stretch: u64,
}

/// The tables of a component of a scan, DC and AC.
type Tables<'a> = [Option<&'a Huffman>; 2];

/// The state between the blocks of a scan.
struct State<'a> {
    scan: &'a Scan,
    planes: &'a Planes,
    /// The row and the column of the first sample of each component since a restart.
    first: Vec<(usize, usize)>,
    progressive: bool,
    conditions: &'a [u8; 20],
    /// The state of arithmetic coding.
    stretch: Option<Stretch>,
    tables: Vec<Tables<'a>>,
    /// The last DC of each component.
    previous: [i32; 4],
    /// The current run of ends of bands.
    run: u32,
    /// Correction bits that follow the run.
    waiting: Vec<u8>,
}

impl Writer<'_> {
    fn scan(&mut self, segments: &Segments, frame: &Frame, scan: &Scan, planes: &Planes, number: u64) -> Result<()> {
        let tables = scan.components.iter().map(|one| segments.tables(scan, one)).collect::<Result<_>>()?;
        let mut state = State {
            scan,
            planes,
            first: vec![(0, 0); scan.components.len()],
            progressive: frame.progressive,
            conditions: &segments.conditions,
            stretch: frame.arithmetic.then(Stretch::default),
            tables,
            previous: [0; 4],
            run: 0,
            waiting: Vec::new(),
        };
        let parts: Vec<&Component> = scan.components.iter().map(|one| &frame.components[one.number]).collect();
        let (rows, columns) = match parts[..] {
            [only] => (only.own_rows, only.own_columns),
            _ => (frame.rows, frame.columns),
        };
        let all = rows as u64 * columns as u64;
        let cut = self.details.cut(number);
        let units = cut.units.unwrap_or(all).min(all);
        let interval = if self.details.no_restarts { 0 } else { segments.restart_interval };
        for unit in 0..units {
            let (row, column) = ((unit / columns as u64) as usize, (unit % columns as u64) as usize);
            if interval > 0 && unit > 0 && unit % interval == 0 {
                self.end_run(&mut state)?;
                self.pad();
                if let Some(stretch) = state.stretch.take() {
                    stretch.end(&mut self.bits.out);
                    state.stretch = Some(Stretch::default());
                }
                self.bits.out.extend([0xFF, 0xD0 + ((unit / interval - 1) % 8) as u8]);
                state.previous = [0; 4];
                let alone = parts.len() == 1;
                let first = |one: &&Component| if alone { (row, column) } else { (row * one.v, column * one.h) };
                state.first = parts.iter().map(first).collect();
            }
            if let [only] = parts[..] {
                self.code(&mut state, frame.precision, 0, only, row, column)?;
            } else {
                for (c, component) in parts.iter().enumerate() {
                    for v in 0..component.v {
                        for h in 0..component.h {
                            let (row, column) = (row * component.v + v, column * component.h + h);
                            self.code(&mut state, frame.precision, c, component, row, column)?;
                        }
                    }
                }
            }
            if let Some(stretch) = &mut state.stretch {
                stretch.settle(&mut self.bits.out);
            }
            self.bits.check()?;
        }
        self.end_run(&mut state)?;
        if let Some(stretch) = state.stretch.take_if(|_| units == all) {
            stretch.end(&mut self.bits.out);
        }
        if units == all {
            self.pad();
        }
        self.bits.count = 0;
        self.bits.out.extend_from_slice(cut.rest);
        self.bits.check()
    }

    /// Pads the current byte, at the end of a stretch.
    fn pad(&mut self) {
        let missing = (8 - self.bits.count) % 8;
        if missing > 0 {
            let usual = if self.details.zeros { 0 } else { u64::MAX };
            let bits = self.details.padding.at(self.stretch).unwrap_or(usual);
            self.bits.put(bits as u32 & ((1 << missing) - 1), missing);
        }
        self.stretch += 1;
    }

    fn symbol(&mut self, table: Option<&Huffman>, symbol: u32) -> Result<()> {
        let table = table.ok_or_else(|| error("a scan of a JPEG stream lacks its Huffman table", SECTION))?;
        let (word, length) = table.word(symbol)?;
        self.bits.put(word, length);
        Ok(())
    }

    /// Writes the `size` bits of a value behind its symbol.
    fn number(&mut self, value: i32, size: u32) {
        let bits = if value < 0 { value + (1 << size) - 1 } else { value };
        self.bits.put(bits as u32, size);
    }

    fn code(
        &mut self,
        state: &mut State,
        precision: u32,
        c: usize,
        component: &Component,
        row: usize,
        column: usize,
    ) -> Result<()> {
        let (number, place) = (state.scan.components[c].number, row * component.columns + column);
        let plane = match state.planes {
            Planes::Coefficients(planes) => return self.code_block(state, c, &planes[number][place]),
            Planes::Samples(planes) => &planes[number],
        };
        // T.81, H.1.2.1.
        let at = |back: usize| i32::from(plane[place - back]);
        let (first_row, first_column) = state.first[c];
        let prediction = if row == first_row && column == first_column {
            1 << (precision - state.scan.low - 1)
        } else if row == first_row {
            at(1)
        } else if column == 0 {
            at(component.columns)
        } else {
            let (left, above, corner) = (at(1), at(component.columns), at(component.columns + 1));
            match state.scan.first {
                1 => left,
                2 => above,
                3 => corner,
                4 => left + above - corner,
                5 => left + ((above - corner) >> 1),
                6 => above + ((left - corner) >> 1),
                _ => (left + above) >> 1,
            }
        };
        let difference = i32::from((i32::from(plane[place]) - prediction) as i16);
        let size = 32 - difference.unsigned_abs().leading_zeros();
        self.symbol(state.tables[c][0], size)?;
        if size < 16 {
            self.number(difference, size);
        }
        Ok(())
    }

    fn code_block(&mut self, state: &mut State, c: usize, block: &Block) -> Result<()> {
        let scan = state.scan;
        if let Some(stretch) = &mut state.stretch {
            return stretch.code_block(scan, state.conditions, c, block);
        }
        if scan.first == 0 {
            let value = i32::from(block[0]) >> scan.low;
            if scan.high == 0 {
                let difference = value - state.previous[c];
                state.previous[c] = value;
                let size = 32 - difference.unsigned_abs().leading_zeros();
                self.symbol(state.tables[c][0], size)?;
                self.number(difference, size);
            } else {
                self.bits.put(value as u32 & 1, 1);
            }
        }
        if scan.last > 0 {
            if state.run > 0 && self.details.breaks.at(self.block).is_some_and(|value| value != 0) {
                self.end_run(state)?;
            }
            if scan.high == 0 {
                self.band(state, c, block)?;
            } else {
                self.refine(state, c, block)?;
            }
        }
        self.block += 1;
        Ok(())
    }

    /// Writes the run of ends of bands, with its correction bits.
    fn end_run(&mut self, state: &mut State) -> Result<()> {
        if state.run > 0 {
            let bits = state.run.ilog2();
            self.symbol(state.tables[0][1], bits << 4)?;
            self.bits.put(state.run & ((1 << bits) - 1), bits);
            state.run = 0;
        }
        self.corrections(&mut state.waiting);
        Ok(())
    }

    fn corrections(&mut self, waiting: &mut Vec<u8>) {
        for bit in waiting.drain(..) {
            self.bits.put(bit.into(), 1);
        }
    }

    fn end_band(&mut self, state: &mut State, c: usize) -> Result<()> {
        if !state.progressive {
            return self.symbol(state.tables[c][1], 0);
        }
        state.run += 1;
        let full = !self.details.long_runs && state.waiting.len() > MOST_CORRECTIONS;
        if state.run == LONGEST_RUN || full {
            self.end_run(state)?;
        }
        Ok(())
    }

    fn band(&mut self, state: &mut State, c: usize, block: &Block) -> Result<()> {
        let table = state.tables[c][1];
        let mut zeros = 0;
        for k in state.scan.first.max(1)..=state.scan.last {
            let value = i32::from(block[natural(k)]);
            let magnitude = value.abs() >> state.scan.low;
            if magnitude == 0 {
                zeros += 1;
                continue;
            }
            self.end_run(state)?;
            while zeros > 15 {
                self.symbol(table, 0xF0)?;
                zeros -= 16;
            }
            let size = magnitude.ilog2() + 1;
            self.symbol(table, zeros << 4 | size)?;
            self.number(if value < 0 { -magnitude } else { magnitude }, size);
            zeros = 0;
        }
        if zeros == 0 {
            return Ok(());
        }
        let runs = self.details.zero_runs.at(self.block).unwrap_or(0);
        demand(runs <= u64::from(zeros / 16), "a block of a JPEG stream has too many runs of zeros", SECTION)?;
        if runs > 0 {
            self.end_run(state)?;
        }
        for _ in 0..runs {
            self.symbol(table, 0xF0)?;
        }
        if u64::from(zeros) > 16 * runs {
            self.end_band(state, c)?;
        }
        Ok(())
    }

    fn refine(&mut self, state: &mut State, c: usize, block: &Block) -> Result<()> {
        let table = state.tables[c][1];
        let band = state.scan.first..=state.scan.last;
        let mut magnitudes = [0; BLOCK];
        let mut fresh = 0; // the last coefficient that becomes nonzero
        for k in band.clone() {
            magnitudes[k] = i32::from(block[natural(k)]).abs() >> state.scan.low;
            if magnitudes[k] == 1 {
                fresh = k;
            }
        }
        let mut zeros = 0;
        let mut own = Vec::new(); // correction bits in front of the next symbol
        for k in band {
            if magnitudes[k] == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && k <= fresh {
                self.end_run(state)?;
                self.symbol(table, 0xF0)?;
                self.corrections(&mut own);
                zeros -= 16;
            }
            if magnitudes[k] > 1 {
                own.push(magnitudes[k] as u8 & 1);
                continue;
            }
            self.end_run(state)?;
            self.symbol(table, zeros << 4 | 1)?;
            self.bits.put(u32::from(block[natural(k)] > 0), 1);
            self.corrections(&mut own);
            zeros = 0;
        }
        if zeros > 0 || !own.is_empty() {
            state.waiting.append(&mut own);
            self.end_band(state, c)?;
        }
        Ok(())
    }
}
