//! The samples of lossless JPEG streams as binary decisions (jpeg-format.md, J7).

use crate::counting::decider::{squash, stretch};
use crate::foundations::arithmetic::Decoder;
use crate::foundations::error::{refuse, Result};
use crate::jpeg::markers::{Component, Frame};

const SECTION: &str = "jpeg-format.md, J7";

const CONTEXTS: usize = 6;
const SLOTS: usize = 2048;
const NODES: usize = 128;
const DISTRIBUTIONS: usize = 2;
const INPUTS: usize = CONTEXTS + DISTRIBUTIONS + 1;
const LEVELS: usize = 48;
const TERMS: usize = 14;
const COMPONENTS: usize = 4;

/// In rows.
pub type Plane = Vec<u16>;

/// The probability of a one, in units of 2^-22, and how often it has learned.
#[derive(Clone, Copy)]
struct Counter {
    one: u32,
    count: u32,
}

#[derive(Clone, Copy)]
struct Scale {
    /// In units of 2^-12.
    sigma: i64,
    count: i64,
}

/// The samples to the left, above, above to the left and to the right, two to the left, two above, and two above to
/// the right and to the left.
fn around(plane: &[u16], columns: usize, row: usize, column: usize) -> [i64; 8] {
    let at = row * columns + column;
    let (up, back, right) = (row > 0, column > 0, row > 0 && column + 1 < columns);
    let sample = |there: bool, rows: usize, left: usize, otherwise: i64| {
        if there {
            i64::from(plane[at + 1 - rows * columns - left])
        } else {
            otherwise
        }
    };
    let left = sample(back, 0, 2, sample(up, 1, 1, 0));
    let above = sample(up, 1, 1, left);
    let above_left = sample(up && back, 1, 2, left);
    let above_right = sample(right, 1, 0, above);
    let left2 = sample(column > 1, 0, 3, left);
    let above2 = sample(row > 1, 2, 1, above);
    let above2_right = sample(row > 1 && right, 2, 0, above_right);
    let above2_left = sample(row > 1 && back, 2, 2, above_left);
    [left, above, above_left, above_right, left2, above2, above2_right, above2_left]
}

fn gradient(near: &[i64; 8]) -> i64 {
    let [left, above, above_left, ..] = *near;
    (left + above - above_left).clamp(left.min(above), left.max(above))
}

/// Steps of half an octave.
fn level(x: i64) -> usize {
    if x == 0 {
        return 0;
    }
    let lead = x.ilog2();
    let half = lead > 0 && x >> (lead - 1) & 1 != 0;
    2 * lead as usize + 1 + usize::from(half)
}

fn odds(part: i64, whole: i64) -> i64 {
    let p = (((part + 1) << 22) / (whole + 2)).clamp(420, (1 << 22) - 420);
    stretch(p as u32).into()
}

/// How the decisions of a sample are predicted.
#[derive(Default)]
struct Prediction {
    mean: i64,
    rates: [i64; DISTRIBUTIONS],
    slots: [usize; CONTEXTS],
    /// Where those of the mixers begin.
    sets: [usize; 2],
}

impl Prediction {
    fn below(&self, t: usize, x: i64) -> i64 {
        squash((((x - self.mean) * self.rates[t]) >> 12).clamp(-65536, 65535) as i32)
    }

    fn tail(&self, t: usize, low: i64, negative: bool) -> i64 {
        let x = low * 256 - 128;
        self.below(t, if negative { -x } else { 2 * self.mean - x })
    }
}

pub struct Model {
    counters: Vec<Counter>,
    weights: [Vec<[i64; INPUTS]>; 2],
    scales: Vec<Scale>,
    linear: [[i64; TERMS]; COMPONENTS],
}

impl Default for Model {
    fn default() -> Self {
        let mut weights = [9830; INPUTS];
        weights[INPUTS - 1] = 0;
        let scales = (0..DISTRIBUTIONS * COMPONENTS * LEVELS).map(|i| 1 << (10 + i % LEVELS / 2));
        Model {
            counters: vec![Counter { one: 1 << 21, count: 0 }; CONTEXTS * SLOTS * NODES],
            weights: [vec![weights; 256], vec![weights; 256]],
            scales: scales.map(|sigma| Scale { sigma, count: 0 }).collect(),
            linear: [[0, 0, 0, 19661, 0, 0, 0, 0, 39322, 0, 0, 0, 0, 0]; COMPONENTS],
        }
    }
}

impl Model {
    /// Decodes the planes of a stream.
    pub fn code(&mut self, coder: &mut Decoder, frame: &Frame) -> Result<Vec<Plane>> {
        let mut planes: Vec<Plane> = Vec::new();
        let mut misses = Vec::new();
        for (c, own) in frame.components.iter().enumerate() {
            let before = |back: usize| {
                let number = c.checked_sub(back)?;
                let other = &frame.components[number];
                ((other.rows, other.columns) == (own.rows, own.columns)).then(|| &planes[number][..])
            };
            let before = [before(1), before(2)];
            if before[0].is_none() {
                misses.clear();
            }
            let (plane, own_misses) = self.plane(coder, c, own, before, &misses)?;
            misses = own_misses;
            planes.push(plane);
        }
        Ok(planes)
    }

    fn plane(
        &mut self,
        coder: &mut Decoder,
        c: usize,
        own: &Component,
        before: [Option<&[u16]>; 2],
        misses_before: &[i32],
    ) -> Result<(Plane, Vec<i32>)> {
        let (rows, columns) = (own.rows, own.columns);
        let mut plane = vec![0; rows * columns];
        let mut misses = vec![0i32; rows * columns];
        for row in 0..rows {
            for column in 0..columns {
                let at = row * columns + column;
                let near = around(&plane, columns, row, column);
                let guess = gradient(&near);
                let mut x = [0; TERMS];
                for (x, one) in x.iter_mut().zip(near) {
                    *x = one - guess;
                }
                if let Some(other) = before[0] {
                    let b = around(other, columns, row, column);
                    let (known, guess) = (i64::from(other[at]), gradient(&b));
                    (x[8], x[9], x[10]) = (known - guess, b[0] - guess, b[1] - guess);
                    if column + 1 < columns {
                        x[11] = i64::from(other[at + 1]) - known;
                    }
                    if row + 1 < rows {
                        x[12] = i64::from(other[at + columns]) - known;
                    }
                }
                if let Some(other) = before[1] {
                    x[13] = i64::from(other[at]) - gradient(&around(other, columns, row, column));
                }
                let miss = |there: bool, back: usize| if there { i64::from(misses[at - back]) } else { 0 };
                let (up, back) = (row > 0, column > 0);
                let missed = [
                    miss(back, 1),
                    miss(up, columns),
                    miss(up && back, columns + 1),
                    miss(up && column + 1 < columns, columns.wrapping_sub(1)),
                    misses_before.get(at).copied().unwrap_or(0).into(),
                ];
                let (sample, rest) = self.sample(coder, c, &near, &x, missed, before[0].is_some())?;
                (plane[at], misses[at]) = (sample, rest);
            }
        }
        Ok((plane, misses))
    }

    fn sample(
        &mut self,
        coder: &mut Decoder,
        c: usize,
        near: &[i64; 8],
        x: &[i64; TERMS],
        missed: [i64; 5],
        has_before: bool,
    ) -> Result<(u16, i32)> {
        let sum: i64 = self.linear[c].iter().zip(x).map(|(w, x)| w * x).sum();
        let raw = gradient(near) * 256 + (sum >> 8);
        let predicted = raw.clamp(0, 65535 << 8);
        let whole = (predicted + 128) >> 8;
        let mean = predicted - whole * 256;
        let pattern = near[..6].iter().fold(0, |pattern, one| 2 * pattern + usize::from(one * 256 > raw));
        let [left, above, above_left, above_right, ..] = *near;
        let [ml, ma, mal, mar, mb] = missed.map(i64::abs);
        let slopes = (left - above_left).abs() + (above - above_left).abs() + (above - above_right).abs();
        let rough = level(2 * slopes + 2 * ml + ma + 2 * mb);
        let size = level(2 * ml + 2 * ma + mal + mar + 3 * mb);
        let beside = if has_before { missed[4] } else { (missed[0] + missed[1]) >> 1 };
        let beside_level = level(beside.abs()).min(30);
        let slots = [
            c * LEVELS + rough,
            c * LEVELS + size,
            level(ml).min(31) * 32 + level(ma).min(31),
            (((mean + 128) >> 5) as usize * 24 + size / 2) * 4 + c,
            (if beside < 0 { 31 - beside_level } else { 31 + beside_level }) * 16 + size / 4,
            pattern * 16 + rough / 3 + if c > 0 { 1024 } else { 0 },
        ];
        let scales = [c * LEVELS + rough, (COMPONENTS + c) * LEVELS + size];
        let rates = scales.map(|scale| (1 << 28) / self.scales[scale].sigma.max(40));
        let sets = [if c > 0 { NODES } else { 0 }, rough * 4];
        let rest = self.residual(coder, &Prediction { mean, rates, slots, sets })?;
        let sample = whole + rest;
        let Ok(found) = u16::try_from(sample) else {
            return refuse("a sample of a JPEG stream is out of range", SECTION);
        };
        for scale in scales {
            let scale = &mut self.scales[scale];
            let far = (((rest * 256 - mean).abs() * 154) >> 4) + 82;
            let rate = (65536 / (1 + scale.count)).max(1311);
            scale.sigma = (scale.sigma + (((far - scale.sigma) * rate) >> 16)).min(1 << 30);
            scale.count = (scale.count + 1).min(100);
        }
        let power = x.iter().map(|x| x * x).sum::<i64>() + 64;
        let step = ((sample * 256 - raw) * 8000 / power).clamp(-(1 << 24), 1 << 24);
        for (w, x) in self.linear[c].iter_mut().zip(x) {
            *w = (*w + ((step * x + (1 << 11)) >> 12)).clamp(-(1 << 20), 1 << 20);
        }
        Ok((found, rest as i32))
    }

    fn residual(&mut self, coder: &mut Decoder, p: &Prediction) -> Result<i64> {
        let other = self.bit(coder, p, 0, |t| -odds(p.below(t, 128) - p.below(t, -128), 1 << 28))?;
        if !other {
            return Ok(0);
        }
        let negative = self.bit(coder, p, 1, |t| {
            let part = p.below(t, -128);
            odds(part, part + (1 << 28) - p.below(t, 128))
        })?;
        let mut length = 1;
        while length < 16 {
            let low = 1 << length;
            let more = |t| odds(p.tail(t, low, negative), p.tail(t, low / 2, negative));
            if !self.bit(coder, p, 1 + length, more)? {
                break;
            }
            length += 1;
        }
        let (mut low, mut known) = (1 << (length - 1), false);
        for depth in 0..length - 1 {
            let left = length - 2 - depth;
            let half = 1 << left;
            let node = match depth {
                0 => 18 + length,
                1 => 36 + 2 * length + usize::from(known),
                _ => 72 + 16 * (depth - 2).min(2) + left,
            };
            known = self.bit(coder, p, node, |t| {
                let beyond = p.tail(t, low + 2 * half, negative);
                odds(p.tail(t, low + half, negative) - beyond, p.tail(t, low, negative) - beyond)
            })?;
            low += if known { half } else { 0 };
        }
        Ok(if negative { -low } else { low })
    }

    fn bit(
        &mut self,
        coder: &mut Decoder,
        p: &Prediction,
        node: usize,
        odds_of: impl Fn(usize) -> i64,
    ) -> Result<bool> {
        let mut x = [256; INPUTS];
        let mut places = [0; CONTEXTS];
        for (i, slot) in p.slots.iter().enumerate() {
            places[i] = (i * SLOTS + slot) * NODES + node;
            x[i] = stretch(self.counters[places[i]].one.max(1)).into();
        }
        for t in 0..DISTRIBUTIONS {
            x[CONTEXTS + t] = odds_of(t);
        }
        let kind = match node {
            0 | 1 => node,
            2..18 => 2,
            _ => 3,
        };
        let sets = [p.sets[0] + node, p.sets[1] + kind];
        let mut outputs = [0i64; 2];
        for m in 0..2 {
            let sum: i64 = self.weights[m][sets[m]].iter().zip(&x).map(|(w, x)| w * x).sum();
            outputs[m] = (sum >> 15).clamp(-65536, 65535);
        }
        let mean = (outputs[0] + outputs[1]) >> 1;
        let bit = coder.bit((squash(mean as i32) >> 12).clamp(1, 65535) as u32)?;
        for m in 0..2 {
            let error = (i64::from(bit) << 16) - (squash(outputs[m] as i32) >> 12);
            for (w, x) in self.weights[m][sets[m]].iter_mut().zip(&x) {
                *w = (*w + ((x * error + (1 << 17)) >> 18)).clamp(-(1 << 20), 1 << 20);
            }
        }
        for place in places {
            let counter = &mut self.counters[place];
            let goal = if bit { (1 << 22) - 1 } else { 0 };
            let one = i64::from(counter.one);
            counter.one = (one + (((goal - one) * i64::from(65536 / (counter.count + 2))) >> 16)) as u32;
            counter.count = (counter.count + 1).min(255);
        }
        Ok(bit)
    }
}
