//! The memory of a plane while it is coded: a line of slots for each of the last times, with the rows in progress
//! (model-format.md, M10).

use std::ops::Range;

use crate::wavefront::cells::{Cells, CELL};
use crate::wavefront::sheet::{DELAY, LAG, SHEET};

/// The number of stored times.
const TIMES: usize = 64;
/// Rows above the first one.
const ABOVE: usize = 3;
/// About the number of rows by which a window moves.
const STEP: usize = 32;
/// The number of slots behind the last used one.
const SPARE: usize = 8;

/// The rows in memory, with a slot for each item of a group.
pub struct Window {
    pub items: usize,
    pub rows: usize,
    pub columns: usize,
    pub levels: i32,
    /// B, the bits of a level.
    pub depth: u32,
    pub stride: usize,
    base: usize,
    capacity: usize,
}

impl Window {
    pub fn new(items: usize, rows: usize, columns: usize, levels: u32) -> Window {
        let capacity = (rows + 1).min((columns - 1) / LAG + 13 + STEP);
        let stride = ((ABOVE + capacity + 1) * items + SPARE).next_multiple_of(8);
        let depth = (32 - (levels - 1).leading_zeros()).max(8);
        Window { items, rows, columns, levels: levels as i32, depth, stride, base: 0, capacity }
    }

    /// Whether levels have more than 8 bits, so that their numbers need more than 16.
    pub fn is_wide(&self) -> bool {
        self.depth > 8
    }

    pub fn slot(&self, row: usize) -> usize {
        (row + ABOVE - self.base) * self.items
    }

    /// The row of a slot.
    pub fn row(&self, slot: usize) -> usize {
        (slot / self.items + self.base).saturating_sub(ABOVE)
    }

    /// The rows with a pixel at a time.
    pub fn front(&self, time: usize) -> Range<usize> {
        let low = (time + 1).saturating_sub(self.columns).div_ceil(LAG);
        low..(time / LAG + 1).min(self.rows)
    }

    /// The number of times from the first pixel of a plane to the margin behind the last one.
    pub fn times(&self) -> usize {
        LAG * self.rows + self.columns + 2
    }

    /// Moves the window so that it has all rows of the planes of a sheet, the first of which is at this time. Returns
    /// the number of slots.
    pub fn follow(&mut self, time: usize) -> usize {
        if self.front(time).end < self.base + self.capacity {
            return 0;
        }
        let low = self.front(time.saturating_sub(DELAY * SHEET + CELL)).start;
        let base = low.saturating_sub(1).max(self.base);
        let slots = (base - self.base) * self.items;
        self.base = base;
        slots
    }
}

/// The saved numbers of a plane for later sheets, in the order of times.
pub type History = Vec<i16>;

#[derive(Default)]
pub struct Plane {
    /// X, P, A and G of the stored times; with more than 256 levels, also the high words of P and A.
    rings: Vec<Vec<i16>>,
    /// None for a plane that is only a reference.
    pub cells: Option<Cells>,
    pub stride: usize,
}

pub const X: usize = 0;
pub const P: usize = 1;
pub const A: usize = 2;
pub const G: usize = 3;
/// The distance from a ring to that of its high words.
pub const HIGH: usize = 3;

impl Plane {
    pub fn new(window: &Window, cells: Option<Cells>) -> Plane {
        let middle = window.levels >> 1;
        let (p, a) = (64 * middle, 2 * window.levels);
        let starts = [middle, p, a, logarithm(a + 16), p >> 16, a >> 16];
        let count = if window.is_wide() { 6 } else { 4 };
        let ring = |&start: &i32| vec![start as i16; TIMES * window.stride];
        Plane { rings: starts[..count].iter().map(ring).collect(), cells, stride: window.stride }
    }

    /// The place of a slot of a time.
    #[inline(always)]
    pub fn place(&self, time: usize, slot: usize) -> usize {
        time % TIMES * self.stride + slot
    }

    /// The numbers from a slot of a time on.
    #[inline(always)]
    pub fn from(&self, ring: usize, time: usize, slot: usize) -> &[i16] {
        &self.rings[ring][self.place(time, slot)..]
    }

    #[inline(always)]
    pub fn from_mut(&mut self, ring: usize, time: usize, slot: usize) -> &mut [i16] {
        let place = self.place(time, slot);
        &mut self.rings[ring][place..]
    }

    pub fn shift(&mut self, slots: usize) {
        for ring in &mut self.rings {
            ring.chunks_exact_mut(self.stride).for_each(|line| line.copy_within(slots.., 0));
        }
        if let Some(cells) = &mut self.cells {
            cells.shift(slots);
        }
    }

    /// After the pixels of a time, fills in the numbers outside of the plane.
    pub fn finish(&mut self, window: &Window, time: usize) {
        let (rows, columns) = (window.rows, window.columns);
        let before = LAG - time % LAG; // columns before the start of a row
        if before <= 3 {
            let row = (time + before) / LAG;
            if row < rows {
                self.copy(window, [time, row], [LAG * (row - 1), row - 1]);
            }
        }
        if let Some(beyond) = time.checked_sub(columns) {
            let (row, after) = (beyond / LAG, beyond % LAG);
            if row < rows && after < 3 {
                self.copy(window, [time, row], [LAG * row + columns - 1, row]);
            }
            if row < rows && columns + after < columns.next_multiple_of(CELL) {
                if let Some(cells) = &mut self.cells {
                    cells.clear(time, window.slot(row)..window.slot(row + 1));
                }
            }
        }
        if time + 3 >= LAG * rows && time >= LAG {
            self.copy(window, [time, rows], [time - LAG, rows - 1]);
        }
    }

    fn copy(&mut self, window: &Window, [to, to_row]: [usize; 2], [from, row]: [usize; 2]) {
        let (to, from) = (self.place(to, window.slot(to_row)), self.place(from, window.slot(row)));
        for ring in &mut self.rings {
            ring.copy_within(from..from + window.items, to);
        }
    }

    /// The places of the pixels of a time.
    fn pixels(&self, window: &Window, time: usize) -> Range<usize> {
        let front = window.front(time);
        let count = front.len() * window.items;
        let place = if count > 0 { self.place(time, window.slot(front.start)) } else { 0 };
        place..place + count
    }

    pub fn save(&self, window: &Window, time: usize, history: &mut History) {
        let pixels = self.pixels(window, time);
        self.rings.iter().for_each(|ring| history.extend_from_slice(&ring[pixels.clone()]));
    }

    /// Restores the pixels of a time from a history. Returns the place behind them.
    pub fn restore(&mut self, window: &Window, time: usize, history: &History, place: usize) -> usize {
        let (pixels, mut place) = (self.pixels(window, time), place);
        for ring in &mut self.rings {
            ring[pixels.clone()].copy_from_slice(&history[place..place + pixels.len()]);
            place += pixels.len();
        }
        place
    }
}

/// g(s) for s from 16 to 2^24: the exponent of a float, which represents s exactly, and the three bits behind the
/// first.
#[inline(always)]
pub fn logarithm(s: i32) -> i32 {
    ((s as f32).to_bits() >> 20) as i32 - 8 * 127
}
