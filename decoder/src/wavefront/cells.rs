//! Least squares of wavefronts in IEEE 754 singles, with each operation rounded separately, in normative order
//! (model-format.md, M10.1). A lane is a slot: a row of an item.

use crate::processor::simd::wide;
use crate::types::tensor::triangle;
use crate::wavefront::plane::Window;

/// The columns of a cell.
pub const CELL: usize = 8;
/// The stored cells of a row: the current one, and three before.
const KEPT: usize = 4;
const W: usize = 8;
type Lanes = [f32; W];
/// The most inputs, and the target.
const MOST: usize = 19;

/// The sums and the weights of a plane.
#[derive(Default)]
pub struct Cells {
    pub inputs: usize,
    decay: [f32; 3],
    ridge: f32,
    start: Vec<f32>,
    /// [stored cells][entries of the triangle][slots].
    sums: Vec<f32>,
    /// [inputs][slots].
    pub weights: Vec<i16>,
    /// [columns of a cell][inputs and target][slots].
    pub values: Vec<i16>,
    stride: usize,
}

impl Cells {
    pub fn new(window: &Window, inputs: usize, decay: [f32; 3], ridge: f32, start: &[i32]) -> Cells {
        let (stride, size) = (window.stride, triangle(inputs));
        Cells {
            inputs,
            decay,
            ridge,
            start: start.iter().map(|&entry| entry as f32).collect(),
            sums: vec![0.0; KEPT * size * stride],
            weights: vec![0; inputs * stride],
            values: vec![0; CELL * (inputs + 1) * stride],
            stride,
        }
    }

    /// Moves all rows up by a number of slots.
    pub fn shift(&mut self, slots: usize) {
        let stride = self.stride;
        self.sums.chunks_exact_mut(stride).for_each(|line| line.copy_within(slots.., 0));
        self.weights.chunks_exact_mut(stride).for_each(|line| line.copy_within(slots.., 0));
        self.values.chunks_exact_mut(stride).for_each(|line| line.copy_within(slots.., 0));
    }

    /// The place of the values of the pixels of a time.
    #[inline(always)]
    pub fn place(&self, time: usize) -> usize {
        time % CELL * (self.inputs + 1) * self.stride
    }

    /// Sets the values of a missing column to zeros.
    pub fn clear(&mut self, time: usize, slots: std::ops::Range<usize>) {
        let place = self.place(time);
        for line in self.values[place..][..(self.inputs + 1) * self.stride].chunks_exact_mut(self.stride) {
            line[slots.clone()].fill(0);
        }
    }

    /// Completes the cells that end at a time, a multiple of `CELL`, and solves the weights of those that begin.
    pub fn begin(&mut self, window: &Window, time: usize) {
        let (time, cells) = (time / CELL, window.columns.div_ceil(CELL));
        // The slots of the rows with a cell at a time.
        let rows = |time: usize| {
            let low = (time + 1).saturating_sub(cells).div_ceil(2);
            let high = (time / 2 + 1).min(window.rows);
            (low < high).then(|| window.slot(low)..window.slot(high))
        };
        if let Some(ended) = time.checked_sub(1).and_then(rows) {
            add_values(self, time - 1, ended);
        }
        let Some(slots) = rows(time) else { return };
        decay_sums(self, window, time, cells, slots.clone());
        if time % 2 == 0 {
            solve_all(self, time, slots);
        }
    }

    /// The place of the sums of the cells of a time.
    fn at(&self, time: usize) -> usize {
        time % KEPT * triangle(self.inputs) * self.stride
    }
}

#[inline(always)]
fn load(from: &[f32], place: usize) -> Lanes {
    let mut lanes = [0.0; W];
    lanes.copy_from_slice(&from[place..place + W]);
    lanes
}

/// Rounds to the nearest multiple of `to` * 2^-23 / 1.5.
#[inline(always)]
fn rounded(x: Lanes, to: f32) -> Lanes {
    let mut out = x;
    for l in 0..W {
        out[l] = (x[l] + to) - to;
    }
    out
}

wide! {
    /// Adds the products of the values of cells to their sums. All are integers below 2^24.
    fn add_values['a]['a](cells: &'a mut Cells, time: usize, slots: std::ops::Range<usize>) {
        let (n, stride, at) = (cells.inputs, cells.stride, cells.at(time));
        let mut values = [[[0.0; W]; CELL]; MOST];
        for slot in slots.step_by(W) {
            for (i, own) in values[..=n].iter_mut().enumerate() {
                for (c, own) in own.iter_mut().enumerate() {
                    // A local copy, which cannot alias, so that the loop is vectorised.
                    let mut from = [0; W];
                    from.copy_from_slice(&cells.values[(c * (n + 1) + i) * stride + slot..][..W]);
                    *own = from.map(f32::from);
                }
            }
            let mut place = at + slot;
            for i in 0..=n {
                let own = values[i];
                for other in &values[..=i] {
                    let mut sum = [0.0; W];
                    for c in 0..CELL {
                        for l in 0..W {
                            sum[l] += own[c][l] * other[c][l];
                        }
                    }
                    let before = load(&cells.sums, place);
                    for (l, to) in cells.sums[place..place + W].iter_mut().enumerate() {
                        *to = before[l] + sum[l];
                    }
                    place += stride;
                }
            }
        }
    }
}

wide! {
    /// Initialises the sums of beginning cells from those of the row above.
    fn decay_sums['a]['a](
        cells: &'a mut Cells,
        window: &'a Window,
        time: usize,
        count: usize,
        slots: std::ops::Range<usize>,
    ) {
        let (stride, items) = (cells.stride, window.items);
        let [next, ended, middle, before] = [0, 1, 2, 3].map(|back| cells.at(time + KEPT - back));
        let [d0, d1, d2] = cells.decay;
        for slot in slots.step_by(W) {
            let (mut above, mut left, mut right) = ([0.0; W], [0.0; W], [0.0; W]);
            let mut outside = [false; W];
            for l in 0..W {
                let row = window.row(slot + l);
                let cell = time as isize - 2 * row as isize;
                let (first, last) = (cell == 0, cell == count as isize - 1);
                above[l] = (d0 + if first { d1 } else { 0.0 } + if last { d2 } else { 0.0 }) / 256.0;
                left[l] = if first { 0.0 } else { d1 / 256.0 };
                right[l] = if last { 0.0 } else { d2 / 256.0 };
                outside[l] = row == 0;
            }
            let mut place = slot - items;
            for &start in &cells.start {
                let (a, b, c) = (
                    load(&cells.sums, middle + place),
                    load(&cells.sums, before + place),
                    load(&cells.sums, ended + place),
                );
                let mut t = [0.0; W];
                for l in 0..W {
                    t[l] = above[l] * a[l] + left[l] * b[l];
                    t[l] += right[l] * c[l];
                }
                t = rounded(t, 12_582_912.0);
                for (l, to) in cells.sums[next + place + items..][..W].iter_mut().enumerate() {
                    *to = if outside[l] { start } else { t[l] };
                }
                place += stride;
            }
        }
    }
}

wide! {
    fn solve_all['a]['a](cells: &'a mut Cells, time: usize, slots: std::ops::Range<usize>) {
        let (n, stride, at) = (cells.inputs, cells.stride, cells.at(time));
        let (mut c, mut d) = ([[0.0; W]; MOST * MOST], [[0.0; W]; MOST * MOST]);
        for slot in slots.step_by(W) {
            let y = solve(&cells.sums[at + slot..], stride, n, cells.ridge, &mut c, &mut d);
            for (y, weights) in y[..n].iter().zip(cells.weights.chunks_exact_mut(stride)) {
                for (weight, y) in weights[slot..slot + W].iter_mut().zip(y) {
                    let t = 4096.0 * y;
                    let t = if t > -32767.0 { t } else { -32767.0 };
                    let t = if t < 32767.0 { t } else { 32767.0 };
                    *weight = t as i32 as i16;
                }
            }
        }
    }
}

/// y of systems of n inputs. The entries of the lower triangles of H are `stride` apart.
#[inline(always)]
fn solve(
    h: &[f32],
    stride: usize,
    n: usize,
    ridge: f32,
    c: &mut [Lanes; MOST * MOST],
    d: &mut [Lanes; MOST * MOST],
) -> [Lanes; MOST] {
    for j in 0..n {
        let mut i = j;
        while i + 4 <= n + 1 {
            reduce::<4>(h, stride, [i, j], ridge, c, d);
            i += 4;
        }
        while i <= n {
            reduce::<1>(h, stride, [i, j], ridge, c, d);
            i += 1;
        }
        let mut inverse = c[j * MOST + j];
        for p in &mut inverse {
            *p = 1.0 / if *p > ridge { *p } else { ridge };
        }
        for i in j + 1..=n {
            for l in 0..W {
                d[i * MOST + j][l] = c[i * MOST + j][l] * inverse[l];
            }
        }
    }
    let mut y = [[0.0; W]; MOST];
    y[..n].copy_from_slice(&d[n * MOST..n * MOST + n]);
    for k in (0..n).rev() {
        y[k] = rounded(y[k], 3072.0);
        let own = y[k];
        for (t, d) in y[..k].iter_mut().zip(&d[k * MOST..]) {
            for l in 0..W {
                t[l] -= d[l] * own[l];
            }
        }
    }
    y
}

/// Computes R rows of column j of C, from row i on.
#[inline(always)]
fn reduce<const R: usize>(
    h: &[f32],
    stride: usize,
    [i, j]: [usize; 2],
    ridge: f32,
    c: &mut [Lanes; MOST * MOST],
    d: &[Lanes; MOST * MOST],
) {
    let mut t = [[0.0; W]; R];
    for (m, t) in t.iter_mut().enumerate() {
        let row = i + m;
        *t = load(h, (row * (row + 1) / 2 + j) * stride);
        if row == j {
            for t in t {
                *t += ridge;
            }
        }
    }
    for (k, factor) in d[j * MOST..][..j].iter().enumerate() {
        for (m, t) in t.iter_mut().enumerate() {
            let own = &c[(i + m) * MOST + k];
            for l in 0..W {
                t[l] -= factor[l] * own[l];
            }
        }
    }
    for (m, t) in t.iter().enumerate() {
        c[(i + m) * MOST + j] = rounded(*t, 196_608.0);
    }
}
