//! The coefficients of JPEG streams as binary decisions (jpeg-format.md, J6).

use crate::counting::decider::squash;
use crate::foundations::arithmetic::Decoder;
use crate::foundations::error::{refuse, Result};
use crate::jpeg::around::{luma_last, shared_luma, smoothed, Around, Edges, Known, Nearby};
use crate::jpeg::decisions::{Decisions, Lines, CONTEXTS, DISTRIBUTIONS};
use crate::jpeg::levels::{halves, natural, signed_halves, thirds, within, Block, BLOCK, INVERSE, OUTSIDE};
use crate::jpeg::markers::{Component, Frame};
use crate::series::least_squares::Solver;

const SECTION: &str = "jpeg-format.md, J6";

/// Values of E.
const LEVELS: usize = 41;
const COMPONENTS: usize = 4;

const FIRST_SCALES: [i64; LEVELS] = [
    255, 268, 285, 306, 332, 366, 407, 460, 527, 611, 716, 849, 1017, 1228, 1494, 1830, 2252, 2785, 3455, 4300, 5365,
    6706, 8396, 10526, 13208, 16588, 20847, 26212, 32972, 41489, 52220, 65740, 82774, 104236, 131276, 165345, 208268,
    262348, 330485, 416332, 524492,
];

const INPUTS: usize = 24;
type Inputs = [i32; INPUTS];

/// P or Z of inputs, by the weights.
fn predict(weights: &Inputs, x: &Inputs, s: u32) -> i64 {
    let sum = weights.iter().zip(x).fold(0i32, |sum, (w, x)| sum.wrapping_add(w.wrapping_mul(*x)));
    i64::from(sum >> 14) << s
}

/// A linear prediction by normalised least mean squares.
#[derive(Clone)]
struct Linear {
    weights: Inputs,
}

impl Linear {
    fn learn(&mut self, x: &Inputs, error: i64, rate: i64, floor: i64) {
        let power: i32 = x.iter().map(|&x| x * x).sum();
        let step = (((error * rate) << 14) / (i64::from(power) + floor)).clamp(-32767, 32767) as i32;
        for (w, &x) in self.weights.iter_mut().zip(x) {
            *w = (*w + ((step * x + (1 << 11)) >> 12)).clamp(-(1 << 20), 1 << 20);
        }
    }
}

/// Inputs of the value.
const VALUE_INPUTS: usize = 22;

/// A linear prediction by least squares.
struct Solved {
    weights: Inputs,
    /// The matrix A, stored by columns; only its lower triangle is used.
    sums: [Row; VALUE_INPUTS + 1],
    count: u32,
}

/// A column of A.
type Row = [f32; INPUTS];

impl Solved {
    fn new(weights: Inputs) -> Self {
        let mut sums = [[0.0; INPUTS]; VALUE_INPUTS + 1];
        for (i, &weight) in weights[..VALUE_INPUTS].iter().enumerate() {
            sums[i][i] = 16.0;
            sums[i][VALUE_INPUTS] = weight as f32 / 1024.0;
        }
        Solved { weights, sums, count: 0 }
    }

    fn learn(&mut self, solver: &mut Solver, x: &Inputs, target: i64, floor: i64) {
        self.count += 1;
        if self.count <= 256 || self.count % 2 == 0 {
            let mut sample = x.map(|x| x as f32);
            sample[VALUE_INPUTS] = target as f32;
            let weight = 64.0 / floor.min(1 << 24) as f32;
            for (a, sums) in self.sums.iter_mut().enumerate() {
                let factor = weight * sample[a];
                for (sum, v) in sums[a / 8 * 8..].iter_mut().zip(&sample[a / 8 * 8..]) {
                    *sum += factor * v;
                }
            }
        }
        if matches!(self.count, 16 | 32 | 64 | 128) || self.count % 256 == 0 {
            let mut weights = [0; VALUE_INPUTS];
            let rows = (0..=VALUE_INPUTS).flat_map(|i| self.sums[..=i].iter().map(move |sums| f64::from(sums[i])));
            solver.solve(&rows.collect::<Vec<_>>(), 0.25, &mut weights);
            for (weight, solved) in self.weights.iter_mut().zip(weights) {
                *weight = solved >> 2;
            }
        }
        if self.count % 256 == 0 {
            for sum in self.sums.as_flattened_mut() {
                let less = *sum * 0.9375;
                *sum = if less.abs() < f32::from_bits((127 - 64) << 23) { 0.0 } else { less };
            }
        }
    }
}

/// The scale of a logistic distribution, and how often it has learned.
#[derive(Clone, Copy)]
struct Scale {
    sigma: i64,
    count: u32,
}

/// A coefficient and how the decisions of it are predicted.
#[derive(Default)]
struct Prediction {
    /// M of each distribution, in units of 2^-8 of a step.
    means: [i64; DISTRIBUTIONS],
    /// 2^28 div max(sigma, 40)
    rates: [i64; DISTRIBUTIONS],
    lines: Lines,
    /// 64 c + r
    z: usize,
    count: usize,
    rest_level: usize,
    middle_level: usize,
    by_rest: usize,
    by_place: usize,
    by_sizes: usize,
}

/// What is known of a block while it is decoded.
struct Own {
    u: Block,
    /// Dequantised.
    d: [i64; BLOCK],
    rows: [i64; 8],
    columns: [i64; 8],
    /// The sums of their sizes, dequantised and not.
    row_sizes: [i64; 8],
    column_sizes: [i64; 8],
    row_sums: [i64; 8],
    column_sums: [i64; 8],
    last: usize,
    /// Of the coefficients but the last one: how many are not 0, the sum of their sizes, and sums for the places around.
    nonzero: i64,
    sum: i64,
    inside: [i64; BLOCK],
}

pub struct Model<'a> {
    decisions: Decisions<'a>,
    values: Vec<Solved>,
    solver: Solver,
    sizes: Vec<Linear>,
    scales: [Vec<[Scale; LEVELS]>; DISTRIBUTIONS],
    nearby: Vec<Nearby>,
    /// The number of the component, and its s, q and inv (J6.1).
    component: usize,
    shift: u32,
    steps: [i64; BLOCK],
    inverse: [i64; BLOCK],
    before_steps: [i64; BLOCK],
}

fn steps_of(steps: &[u16; BLOCK]) -> [i64; BLOCK] {
    steps.map(|step| step.clamp(1, 2047).into())
}

impl<'a> Model<'a> {
    pub fn new(coded: &'a [u8]) -> Result<Self> {
        let values = (0..COMPONENTS * BLOCK).map(|place| {
            let mut weights = [0; INPUTS];
            [weights[0], weights[1]] = match (place % BLOCK / 8, place % 8) {
                (0, 0) => [8192, 8192],
                (0, _) => [0, 9830],
                (_, 0) => [9830, 0],
                _ => [4915, 4915],
            };
            Solved::new(weights)
        });
        let scales = FIRST_SCALES.map(|sigma| Scale { sigma, count: 0 });
        let all = || vec![scales; COMPONENTS * BLOCK];
        Ok(Model {
            decisions: Decisions::new(coded)?,
            values: values.collect(),
            solver: Solver::default(),
            sizes: vec![Linear { weights: [819; INPUTS] }; COMPONENTS * BLOCK],
            scales: [all(), all(), all(), vec![scales; 100]],
            nearby: (0..BLOCK).map(Nearby::new).collect(),
            component: 0,
            shift: 2,
            steps: [1; BLOCK],
            inverse: [1; BLOCK],
            before_steps: [1; BLOCK],
        })
    }

    /// The decoder, for bits between the decisions.
    pub fn coder(&mut self) -> &mut Decoder<'a> {
        &mut self.decisions.coder
    }

    /// Refuses coded bytes that were not needed.
    pub fn end(&self) -> Result<()> {
        self.decisions.end()
    }

    /// Decodes the blocks of a stream.
    pub fn code(&mut self, frame: &Frame, planes: &mut [Vec<Block>]) -> Result<()> {
        self.shift = frame.precision - 6;
        for (c, own) in frame.components.iter().enumerate() {
            self.component = c;
            self.steps = steps_of(&own.steps);
            self.inverse = self.steps.map(|step| (1 << 20) / step);
            let (before, rest) = planes.split_at_mut(c);
            let Some(blocks) = rest.first_mut() else { continue };
            let first = &frame.components[0];
            let shares_luma = c > 0 && first.rows % own.rows == 0 && first.columns % own.columns == 0;
            let luma_steps = steps_of(&first.steps);
            let (down, across) = (first.rows / own.rows, first.columns / own.columns);
            let same = |other: &&Component| c > 1 && (other.rows, other.columns) == (own.rows, own.columns);
            let component_before = c.checked_sub(1).map(|c| &frame.components[c]).filter(same);
            if let Some(component) = component_before {
                self.before_steps = steps_of(&component.steps);
            }
            let mut lasts = vec![0u8; blocks.len()];
            let mut above: Vec<Known> = vec![Known::NOTHING; own.columns];
            let mut known_row = above.clone();
            let (none, nothing) = ([0; BLOCK], Known::NOTHING);
            for row in 0..own.rows {
                std::mem::swap(&mut above, &mut known_row);
                for column in 0..own.columns {
                    let number = row * own.columns + column;
                    let (has_left, has_above) = (column > 0, row > 0);
                    let has_right = column + 1 < own.columns;
                    let block = |there: bool, back: usize| if there { &blocks[number - back] } else { &none };
                    let last_of = |back: usize| i64::from(lasts[number - back]);
                    let (l, a) = match (has_left, has_above) {
                        (true, true) => (last_of(1), last_of(own.columns)),
                        (true, false) => (last_of(1), last_of(1)),
                        (false, true) => (last_of(own.columns), last_of(own.columns)),
                        (false, false) => (0, 0),
                    };
                    let left_known = if has_left { &known_row[column - 1] } else { &nothing };
                    let above_known = if has_above { &above[column] } else { &nothing };
                    let known = match (has_left, has_above) {
                        (true, true) => [left_known, above_known, &above[column - 1], &nothing],
                        (true, false) => [left_known; 4],
                        (false, true) => [above_known, above_known, &nothing, &nothing],
                        (false, false) => [&nothing; 4],
                    };
                    let right_known = if has_above && has_right { &above[column + 1] } else { known[3] };
                    let or = |there: bool, back: usize, other: i64| if there { last_of(back) } else { other };
                    let lasts_around = [
                        l,
                        a,
                        or(has_above && has_right, own.columns.wrapping_sub(1), a),
                        or(has_above && has_left, own.columns + 1, a),
                        or(column > 1, 2, l),
                        or(row > 1, 2 * own.columns, a),
                    ];
                    let above_block = if has_above { block(true, own.columns) } else { block(has_left, 1) };
                    let left_block = if has_left { block(true, 1) } else { above_block };
                    let luma = if shares_luma {
                        let block = |v, h| &before[0][(row * down + v) * first.columns + column * across + h];
                        shared_luma(&luma_steps, block, down, across)
                    } else {
                        [0; BLOCK]
                    };
                    let around = Around {
                        left: left_block,
                        above: above_block,
                        above_left: if has_above { block(has_left, own.columns + 1) } else { left_block },
                        above_right: if has_above { block(has_right, own.columns - 1) } else { left_block },
                        left2: block(column > 1, 2),
                        above2: block(row > 1, 2 * own.columns),
                        has_left,
                        has_above,
                        left_edges: &left_known.edges,
                        above_edges: &above_known.edges,
                        sizes: [&known[0].sizes, &known[1].sizes, &known[2].sizes, &right_known.sizes],
                        luma_last: luma_last(&luma, &self.inverse),
                        luma_sizes: smoothed(&luma),
                        luma,
                        before: component_before.map_or(&none, |_| &before[c - 1][number]),
                        lasts: lasts_around,
                        nonzero: [known[0].nonzero, known[1].nonzero],
                    };
                    let last = self.last(&around)?;
                    let own_block = self.block(&around, last)?;
                    blocks[number] = own_block.u;
                    lasts[number] = last as u8;
                    known_row[column] = Known {
                        edges: Edges::new(&own_block.d),
                        sizes: smoothed(&own_block.d),
                        nonzero: own_block.u[1..].iter().filter(|&&u| u != 0).count() as i64,
                    };
                }
            }
        }
        Ok(())
    }

    /// S(x): in units of 2^-8 of a step.
    fn in_steps(&self, x: i64, r: usize) -> i64 {
        (x * self.inverse[r]) >> 16
    }

    /// Q(x) of each, which all have 32 bits.
    #[inline]
    fn inputs(&self, values: [i64; INPUTS]) -> Inputs {
        let narrow = values.map(|x| x as i32);
        narrow.map(|x| (x >> self.shift).clamp(-8191, 8191))
    }

    fn find(&self, kind: usize, place: usize, values: [i64; CONTEXTS]) -> Lines {
        Lines::new((4 * self.component + kind) * 128 + place, values)
    }

    /// The place of the last coefficient (J6.1).
    fn last(&mut self, at: &Around) -> Result<usize> {
        let [l, a, ar, al, ll, aa] = at.lasts;
        let [nl, na] = at.nonzero;
        let y = at.luma_last;
        let near = (3 * l + 3 * a + ar + al) >> 1;
        let edge = |n: usize| {
            let (right, bottom) = (at.left_edges.right[n].abs(), at.above_edges.bottom[n].abs());
            self.in_steps(right >> 8, 8 * n) + self.in_steps(bottom >> 8, n)
        };
        let e = thirds((1..8).map(edge).sum()) as i64;
        let values = [
            l * 64 + ll,
            e * 8 + (y >> 3),
            (nl + na) * 64 + (y >> 1),
            ((l >> 2) * 16 + (a >> 2)) * 256 + (ar >> 2) * 16 + (al >> 2),
            e * 64 + (near >> 3),
            y * 64 + (near >> 3),
            a * 64 + aa,
            (l + a + ar + al + ll + aa) >> 1,
        ];
        let [l, a, y, e] = [l, a, y, e].map(|value| value as usize);
        let c = self.component;
        let mut node = 1;
        let mut lines = Lines::default();
        for t in 0..6 {
            if t % 3 == 0 {
                lines = self.find(3, 64 + node, values);
            }
            let sets = [64 * c + node, 256 + 32 * t + (y >> 1), 16 * (l >> 2) + (a >> 2), 8 * e + t];
            let slot = if t < 3 { node } else { (1 << (t - 3)) + node % (1 << (t - 3)) };
            node = 2 * node + usize::from(self.decisions.pop(&lines, slot, &[[0; DISTRIBUTIONS]; 2], sets)?);
        }
        Ok(node - 64)
    }

    fn block(&mut self, at: &Around, last: usize) -> Result<Own> {
        let mut own = Own {
            u: [0; BLOCK],
            d: [0; BLOCK],
            rows: [0; 8],
            columns: [0; 8],
            row_sizes: [0; 8],
            column_sizes: [0; 8],
            row_sums: [0; 8],
            column_sums: [0; 8],
            last,
            nonzero: 0,
            sum: 0,
            inside: [0; BLOCK],
        };
        for k in (0..=last).rev() {
            self.coefficient(at, &mut own, k)?;
        }
        Ok(own)
    }

    /// Decodes a coefficient (J6.2).
    fn coefficient(&mut self, at: &Around, own: &mut Own, k: usize) -> Result<()> {
        let r = natural(k);
        let (i, j, c) = (r / 8, r % 8, self.component);
        let (q, is_dc) = (self.steps[r], k == 0);
        let one = 16 * q;
        let z = BLOCK * c + r;

        if k + 2 <= own.last {
            let n = natural(k + 2);
            let size = own.d[n].abs();
            if size != 0 {
                own.nonzero += 1;
                own.sum += size;
                for &(place, weight) in &self.nearby[n].places {
                    own.inside[place] += weight * size;
                }
            }
        }

        let (right, bottom) = (&at.left_edges.right, &at.above_edges.bottom);
        let top = i == 0 && !is_dc;
        let leftmost = j == 0 && !is_dc;
        let row = |i: usize| right[i] - own.rows[i];
        let column = |j: usize| bottom[j] - own.columns[j];
        let mut left = ((row(i) - if top { column(0) } else { 0 }) * INVERSE[j]) >> 20;
        let mut above = ((column(j) - if leftmost { row(0) } else { 0 }) * INVERSE[i]) >> 20;
        if !at.has_left {
            left = if at.has_above { above } else { 0 };
        }
        if !at.has_above {
            above = left;
        }

        let size = |block: &Block| i64::from(block[r]).abs();
        let apart = |a: &Block, b: &Block| (i64::from(a[0]) - i64::from(b[0])).abs();
        let near = if is_dc {
            (apart(at.left, at.above_left) + apart(at.above, at.above_left)) << 7
        } else {
            let sum = 13 * (size(at.left) + size(at.above))
                + 4 * (size(at.above_left) + size(at.above_right))
                + 3 * (size(at.left2) + size(at.above2));
            (sum * 1638) >> 8
        };
        let [le, up, al, ur] = at.sizes.map(|sizes| sizes[r]);
        let (inner, beside) = if is_dc {
            (0, 0)
        } else {
            ((own.inside[r] * self.nearby[r].share) >> 26, ((2 * (le + up) + al + ur) * 43) >> 8)
        };
        let luma = at.luma[r];
        let before = i64::from(at.before[r]) * self.before_steps[r] * 16;
        let inside = self.in_steps(inner, r);
        let blocks = self.in_steps(beside, r);

        // The value.
        let there = |down: usize, across: usize| i + down < 8 && j + across < 8;
        let known = |down, across| if there(down, across) && !is_dc { 16 * own.d[r + 8 * down + across] } else { 0 };
        let dequantised = |block: &Block, n: usize| i64::from(block[n]) * self.steps[n] * 16;
        let step = |a: &Block, b: &Block| dequantised(a, 0) - dequantised(b, 0);
        let x = self.inputs([
            left,
            above,
            dequantised(at.left, r),
            dequantised(at.above, r),
            luma,
            before,
            known(0, 1),
            known(1, 0),
            known(0, 2),
            known(2, 0),
            dequantised(at.above_left, r),
            dequantised(at.above_right, r),
            if is_dc { dequantised(at.left2, 0) } else { right[i] >> 8 },
            if is_dc { dequantised(at.above2, 0) } else { bottom[j] >> 8 },
            at.left_edges.right_pixels[i] >> 8,
            at.above_edges.bottom_pixels[j] >> 8,
            match j {
                0 if leftmost => step(at.left, at.above_left),
                1.. if r > 1 => dequantised(at.left, r - 1),
                _ => 0,
            },
            match i {
                0 if top => step(at.above_right, at.above),
                1.. if r > 8 => dequantised(at.above, r - 8),
                _ => 0,
            },
            known(1, 1),
            if is_dc { 0 } else { ((if j > 0 { left } else { above }) * inside.min(256)) >> 8 },
            match (top, leftmost) {
                (true, _) => step(at.above, at.above_left),
                (_, true) => step(at.above, at.above2),
                _ => 0,
            },
            match (top, leftmost) {
                (true, _) => step(at.left, at.above_left),
                (_, true) => step(at.above, at.above_left),
                _ => 0,
            },
            0,
            0,
        ]);
        let predicted = predict(&self.values[z].weights, &x, self.shift);
        let whole = if is_dc { ((self.in_steps(predicted, r) + 128) >> 8).clamp(-32767, 32767) } else { 0 };
        let rest = predicted - whole * one;
        left -= whole * one;
        above -= whole * one;
        let spread = (left - above).abs();

        // The size.
        let last = own.last as i64;
        let mut y = self.inputs([
            (one * 77) >> 8,
            if is_dc { apart(at.left, at.above_left) } else { size(at.left) } * one,
            if is_dc { apart(at.above, at.above_left) } else { size(at.above) } * one,
            if is_dc { apart(at.above, at.above_right) } else { size(at.above_left) } * one,
            if is_dc { apart(at.left, at.left2) } else { size(at.above_right) } * one,
            if is_dc { apart(at.above, at.above2) } else { size(at.left2) } * one,
            if is_dc { spread } else { size(at.above2) * one },
            if is_dc { apart(at.left, at.above) * one } else { 0 },
            if is_dc { (one * last * 26) >> 8 } else { inner },
            if is_dc {
                [right[1], bottom[1], right[2], bottom[2]].map(|edge| edge.abs() >> 9).iter().sum::<i64>()
            } else {
                beside
            },
            left.abs(),
            above.abs(),
            if is_dc { 0 } else { luma.abs() },
            if is_dc { 0 } else { before.abs() },
            if is_dc { 0 } else { rest.abs() },
            le,
            up,
            ur,
            at.luma_sizes[r] >> 4,
            16 * own.row_sizes[i],
            16 * own.column_sizes[j],
            i64::from((16 * own.sum) as u32 / (1 + own.nonzero as u32)),
            (one * (last - k as i64) * 13) >> 8,
            0,
        ]);
        if !is_dc {
            y[7] = (x[6].abs() + x[7].abs()).min(8191);
        }
        let least = if is_dc {
            self.in_steps((154 * spread) >> 8, r) + ((102 * near) >> 8)
        } else {
            (90 * near + 77 * inside + 64 * blocks + 26 * self.in_steps(rest.abs(), r)) >> 8
        };
        let predicted_size = predict(&self.sizes[z].weights, &y, self.shift);
        let expected = self.in_steps(predicted_size, r).max(((39 * least) >> 8) + 3).min(1 << 19);
        let level = thirds(expected);
        let middle = match (i, j) {
            (0, 1..) => above,
            (1.., 0) => left,
            _ => (left + above) >> 1,
        };
        let [rest_steps, middle_steps, luma_steps, before_steps] =
            [rest, middle, luma, before].map(|value| self.in_steps(value, r));

        // Contexts.
        let o = signed_halves(2 * rest_steps);
        let m = signed_halves(2 * middle_steps);
        let n = halves(near);
        let g = halves(inside);
        let count = own.nonzero.min(15);
        let coefficient = |down, across| if there(down, across) { own.u[r + 8 * down + across] } else { 0 };
        let u = [coefficient(0, 1), coefficient(1, 0), coefficient(0, 2), coefficient(2, 0)];
        let (mut row_sum, mut column_sum) = (thirds(self.in_steps(spread, r)) as i64, last);
        if !is_dc {
            (row_sum, column_sum) = (own.row_sums[i], own.column_sums[j]);
        }
        let e = level as i64;
        let values = [
            halves(blocks) * 32 + g,
            (within(at.above_left[r], 3) * 7 + within(at.above_right[r], 3)) * 64
                + within(at.left2[r], 2) * 5
                + within(at.above2[r], 2),
            row_sum.min(31) * 32 + column_sum.min(31),
            o * 64 + m,
            (halves(luma_steps.abs()) * 64 + e) * 16 + (before_steps.abs() >> 7).min(15),
            within(u[2], 2) * 5 + within(u[3], 2) + 25 * within(u[0], 2) + 125 * within(u[1], 2) + 625 * n,
            signed_halves(2 * self.in_steps(left, r)) * 64 + g,
            signed_halves(2 * self.in_steps(above, r)) * 64 + g,
        ];
        let lines = self.find(if is_dc { 2 } else { 1 }, r, values);

        let chroma = c.min(1);
        let around = (25 * (2 * chroma + k % 2) + n as usize, g as usize);
        let places = [(z, level), (z, level), (z, level), around];
        let mut prediction = Prediction {
            means: [rest_steps, middle_steps, 0, rest_steps],
            rates: [0; DISTRIBUTIONS],
            lines,
            z,
            count: count as usize,
            rest_level: halves(rest_steps.abs()).min(12) as usize,
            middle_level: halves(middle_steps.abs()).min(15) as usize,
            by_rest: 600,
            by_place: 256 + 64 * (k >> 1) + 4 * (own.last >> 2),
            by_sizes: 330 + 4 * (2 * (13 * n.min(12) + g.min(12)) as usize + chroma),
        };
        prediction.by_rest += 64 * prediction.rest_level;
        for ((rate, scales), (row, column)) in prediction.rates.iter_mut().zip(&self.scales).zip(places) {
            *rate = i64::from((1 << 28) / scales[row][column].sigma.max(40) as u32);
        }
        let value = self.value(&prediction, k < own.last || is_dc)?;
        for ((mean, scales), (row, column)) in prediction.means.iter().zip(&mut self.scales).zip(places) {
            scales[row][column].learn((256 * value - mean).abs());
        }
        let coefficient = value + whole;
        if !(-32767..=32767).contains(&coefficient) {
            return refuse("a coefficient of a JPEG stream is out of range", SECTION);
        }
        own.u[r] = coefficient as i16;
        own.d[r] = (coefficient * q).clamp(-(1 << 16), 1 << 16);
        let s = self.shift;
        let floor = ((65536 + expected * expected) >> 8) * (q * q);
        self.values[z].learn(&mut self.solver, &x, (16 * own.d[r]) >> s, (floor >> (2 * s - 4)) + 1);
        let floor = ((one * one) >> (2 * s + 3)) + 1;
        self.sizes[z].learn(&y, (value.abs() * one - predicted_size) >> s, 120, floor);
        own.rows[i] += OUTSIDE[j] * own.d[r];
        own.columns[j] += OUTSIDE[i] * own.d[r];
        own.row_sizes[i] += own.d[r].abs();
        own.column_sizes[j] += own.d[r].abs();
        own.row_sums[i] += coefficient.abs();
        own.column_sums[j] += coefficient.abs();
        Ok(())
    }

    /// The decisions of a coefficient.
    fn value(&mut self, prediction: &Prediction, may_be_zero: bool) -> Result<i64> {
        let Prediction { z, by_rest, by_place, by_sizes, .. } = *prediction;
        let (low, high) = (prediction.tails(1, true), prediction.tails(1, false));
        if may_be_zero {
            let other = std::array::from_fn(|t| low[t] + high[t]);
            let sets = [256 + z, by_rest + 4 * prediction.count, by_place, by_sizes];
            if !self.decisions.pop(&prediction.lines, 0, &[other, other.map(|other| (1 << 28) - other)], sets)? {
                return Ok(0);
            }
        }
        let sets = [512 + z, by_rest + 4 * prediction.middle_level + 1, by_place + 1, by_sizes + 1];
        let is_negative = self.decisions.pop(&prediction.lines, 1, &[low, high], sets)?;
        let mut least = if is_negative { low } else { high };
        let mut e = 1;
        let mut end = loop {
            let end = prediction.tails(1 << e, is_negative);
            let by_length = by_rest + 4 * prediction.count + if e == 1 { 2 } else { 3 };
            let sets = [768 + 4 * z + e.min(3), by_length, by_place + 2, by_sizes + 2];
            if !self.decisions.pop(&prediction.lines, 1 + e.min(5), &[end, apart(&least, &end)], sets)? {
                break end;
            }
            e += 1;
            if e > 16 {
                return refuse("a coefficient of a JPEG stream is out of range", SECTION);
            }
            least = end;
        };
        let (mut value, mut known) = (1 << (e - 1), 1);
        for t in 0..e - 1 {
            let half = 1 << (e - 2 - t);
            let middle = prediction.tails(value + half, is_negative);
            let by_length = 1432 + 16 * prediction.rest_level + 2 * e.min(7) + usize::from(t > 0);
            let sets = [1792 + 4 * z + t.min(3), by_length, by_place + 3, by_sizes + 3];
            let slot = match (e, t) {
                (2, _) => 7,
                (3, _) => 7 + known,
                (_, 0 | 1) => 10 + known,
                _ => (12 + t).min(15),
            };
            let bit =
                self.decisions.pop(&prediction.lines, slot, &[apart(&middle, &end), apart(&least, &middle)], sets)?;
            if bit {
                value += half;
                least = middle;
            } else {
                end = middle;
            }
            known = 2 * known + usize::from(bit);
        }
        Ok(if is_negative { -value } else { value })
    }
}

fn apart(a: &[i64; DISTRIBUTIONS], b: &[i64; DISTRIBUTIONS]) -> [i64; DISTRIBUTIONS] {
    std::array::from_fn(|t| a[t] - b[t])
}

impl Prediction {
    /// F(x), the probability of less than x.
    #[inline]
    fn below(&self, t: usize, x: i64) -> i64 {
        let scaled = ((x - self.means[t]) * self.rates[t]) >> 12;
        squash(scaled.clamp(-(1 << 16), (1 << 16) - 1) as i32)
    }

    /// T(v) of each distribution.
    #[inline]
    fn tails(&self, v: i64, is_negative: bool) -> [i64; DISTRIBUTIONS] {
        let x = 256 * v - 128;
        std::array::from_fn(|t| if is_negative { self.below(t, -x) } else { (1 << 28) - self.below(t, x) })
    }
}

impl Scale {
    fn learn(&mut self, miss: i64) {
        let miss = ((miss * 154) >> 4) + 82;
        let rate = i64::from((65536 / (1 + self.count)).max(1311));
        self.sigma = (self.sigma + (((miss - self.sigma) * rate) >> 16)).min(1 << 30);
        self.count = (self.count + 1).min(100);
    }
}
