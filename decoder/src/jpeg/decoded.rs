//! The method decoded: pixels that were decoded from a JPEG stream (jpeg-format.md, J8).

use crate::foundations::arithmetic::Decoder;
use crate::foundations::dtype::Dtype;
use crate::foundations::error::{demand, refuse, Result};
use crate::jpeg::coefficients::Model;
use crate::jpeg::levels::{natural, BLOCK};
use crate::jpeg::markers::{Component, Frame};
use crate::jpeg::pixels::{pixels, Plane};
use crate::tokens::counters::{Counter, Number, PLAIN};
use crate::types::block::Block;

const SECTION: &str = "jpeg-format.md, J8";
const MOST_ELEMENTS: u64 = 1 << 24;

type Steps = [u16; BLOCK];

/// The adaptive probabilities of heads and corrections.
#[derive(Default)]
struct Counters {
    same: Counter,
    steps: [Number; 2],
    tables: [Option<Steps>; 2],
    cells: [Counter; 3],
    wrong: [Counter; 3],
    changes: [[Number; 4]; 3],
}

pub fn decode(block: &Block) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(block.size());
    let mut model = Model::new(block.data)?;
    let mut counters = Counters::default();
    for run in &block.runs {
        let (rows, columns, channels) = match run.shape[..] {
            [rows, columns] => (rows, columns, 1),
            [rows, columns, 3] => (rows, columns, 3),
            _ => return refuse("a decoded tile is not a picture", SECTION),
        };
        demand(run.dtype == Dtype::U8, "a decoded tile is not of bytes", SECTION)?;
        let fits = rows.min(columns) >= 8 && run.elements <= MOST_ELEMENTS;
        demand(fits, "a decoded tile is too small, or too large", SECTION)?;
        for _ in 0..run.items {
            let tile = Tile::read(&mut counters, &mut model, [rows as usize, columns as usize, channels])?;
            out.extend_from_slice(&tile);
        }
    }
    model.end()?;
    Ok(out)
}

/// The frame whose last rows and columns are a tile.
struct Tile {
    rows: usize,
    columns: usize,
    channels: usize,
    top: usize,
    left: usize,
}

fn plain(coder: &mut Decoder, bits: u32) -> Result<usize> {
    (0..bits).try_fold(0, |made, _| Ok(2 * made + usize::from(coder.bit(PLAIN)?)))
}

fn signed(n: usize) -> i64 {
    let n = n as i64;
    if n % 2 == 0 {
        n / 2
    } else {
        -(n + 1) / 2
    }
}

impl Tile {
    fn read(counters: &mut Counters, model: &mut Model, [rows, columns, channels]: [usize; 3]) -> Result<Vec<u8>> {
        let coder = model.coder();
        let (v, h) = if channels == 3 { (1 + plain(coder, 1)?, 1 + plain(coder, 1)?) } else { (1, 1) };
        let (top, left) = (plain(coder, 4)?, plain(coder, 4)?);
        demand(top < 8 * v && left < 8 * h, "a tile begins behind the first unit", SECTION)?;
        for table in 0..channels.min(2) {
            counters.table(table, coder)?;
        }
        let (height, width) = (top + rows, left + columns);
        let mut frame = Frame {
            progressive: false,
            arithmetic: false,
            lossless: false,
            precision: 8,
            rows: height.div_ceil(8 * v),
            columns: width.div_ceil(8 * h),
            components: Vec::new(),
        };
        for c in 0..channels {
            let (down, across) = if c == 0 { (v, h) } else { (1, 1) };
            let steps = counters.tables[c.min(1)].unwrap_or([1; BLOCK]);
            frame.components.push(Component::new(frame.rows * down, frame.columns * across, steps));
        }
        let mut planes: Vec<_> = frame.components.iter().map(|one| vec![[0; BLOCK]; one.rows * one.columns]).collect();
        model.code(&frame, &mut planes)?;
        let planes: Vec<Plane> = planes
            .iter()
            .zip(&frame.components)
            .enumerate()
            .map(|(c, (blocks, component))| {
                let [down, across] = if c == 0 { [1, 1] } else { [v, h] };
                Plane::new(blocks, component, [height.div_ceil(down), width.div_ceil(across)], [down, across])
            })
            .collect();
        let tile = Tile { rows, columns, channels, top, left };
        let mut pixels = pixels(&planes, [top, left], [height, width]);
        tile.correct(&mut pixels, counters, model.coder())?;
        Ok(pixels)
    }

    fn correct(&self, pixels: &mut [u8], counters: &mut Counters, coder: &mut Decoder) -> Result<()> {
        let Tile { rows, columns, channels, top, left } = *self;
        let first = left / 8;
        let mut above = vec![0; (left + columns).div_ceil(8)];
        let mut wrong = vec![0u8; rows * columns];
        for i in top / 8..(top + rows).div_ceil(8) {
            let mut before = 0;
            for (j, above) in above.iter_mut().enumerate().skip(first) {
                before = usize::from(counters.cells[before + *above].bit(coder)?);
                *above = before;
                if before == 0 {
                    continue;
                }
                for y in (8 * i).saturating_sub(top)..(8 * i + 8 - top).min(rows) {
                    for x in (8 * j).saturating_sub(left)..(8 * j + 8 - left).min(columns) {
                        let at = y * columns + x;
                        let near = |there: bool, back: usize| if there { wrong[at - back].into() } else { 0usize };
                        let bit = counters.wrong[near(x > 0, 1) + near(y > 0, columns)].bit(coder)?;
                        wrong[at] = bit.into();
                        if bit {
                            counters.change(&mut pixels[channels * at..channels * (at + 1)], coder)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Counters {
    fn table(&mut self, table: usize, coder: &mut Decoder) -> Result<()> {
        if self.same.bit(coder)? {
            return demand(self.tables[table].is_some(), "no previous tile has this table", SECTION);
        }
        let mut steps = [0; BLOCK];
        let mut before = 0;
        for k in 0..BLOCK {
            before += signed(self.steps[table].read(coder)?);
            demand((1..=255).contains(&before), "a step of quantisation is not within 1 and 255", SECTION)?;
            steps[natural(k)] = before as u16;
        }
        self.tables[table] = Some(steps);
        Ok(())
    }

    fn change(&mut self, pixel: &mut [u8], coder: &mut Decoder) -> Result<()> {
        let mut before = 0;
        for (level, numbers) in pixel.iter_mut().zip(&mut self.changes) {
            before = numbers[before.min(3)].read(coder)?;
            match u8::try_from(i64::from(*level) + signed(before)) {
                Ok(changed) => *level = changed,
                Err(_) => return refuse("a corrected pixel is out of range", SECTION),
            }
        }
        Ok(())
    }
}
