//! Pixels of a plane at one time, which do not depend on each other: what is predicted of them, what their network
//! reads, and what follows from its outputs (model-format.md, M10).

use crate::processor::simd::wide;
use crate::wavefront::mixture::ROW;
use crate::wavefront::network::{Network, Scratch, OUTPUTS};
use crate::wavefront::plane::{logarithm, Plane, A, G, P, X};
use crate::wavefront::rules::FEATURES;
use crate::wavefront::sheet::LAG;

/// The most pixels that are looked at together.
pub const PIXELS: usize = 64;

const W: usize = 8;
type Lanes = [i32; W];
type All<T> = [T; PIXELS];

/// Rows and columns.
type Offset = [isize; 2];

const OWN: [Offset; 12] =
    [[-1, 0], [0, -1], [-1, -1], [-1, 1], [-2, 0], [0, -2], [-2, -1], [-2, 1], [-1, -2], [-1, 2], [-3, 0], [0, -3]];
const FIRST: [Offset; 10] = [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0], [-1, -1], [-1, 1], [1, -1], [1, 1], [-2, 0]];
const SECOND: [Offset; 6] = [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0], [-1, -1]];
/// Which of these are the inputs of least squares.
const OWN_INPUTS: [usize; 9] = [0, 1, 2, 3, 4, 5, 7, 8, 9];
const FIRST_INPUTS: [usize; 6] = [0, 1, 2, 3, 5, 6];
const SECOND_INPUTS: [usize; 3] = [0, 1, 2];
const SIGNED: [Offset; 4] = [[0, -1], [-1, 0], [-1, -1], [-1, 1]];
/// Where errors are that the unit follows from; the first two count twice.
const RECENT: [Offset; 6] = [[0, -1], [-1, 0], [-1, -1], [-1, 1], [0, -2], [-2, 0]];
const BESIDE: [Offset; 4] = [[0, 1], [1, 0], [0, -1], [-1, 0]];

/// What is known of pixels before their levels are.
pub struct Pixels {
    /// M, P, e and its reciprocal.
    median: All<i32>,
    prediction: All<i32>,
    unit: All<i32>,
    reciprocal: All<i32>,
    inputs: [All<i32>; 18],
    outputs: [[i32; OUTPUTS]; PIXELS],
    /// The bits of a bin, the level where bin 32 begins, and the first and the last bin that have levels.
    pub bits: All<i32>,
    pub base: All<i32>,
    pub first: All<i32>,
    pub last: All<i32>,
    /// The weights of components, and where their rows of the table begin.
    pub weights: [All<u16>; 3],
    pub rows: [All<u16>; 3],
    /// When they are known.
    pub levels: All<i32>,
}

impl Default for Pixels {
    fn default() -> Pixels {
        let none = [0; PIXELS];
        Pixels {
            median: none,
            prediction: none,
            unit: none,
            reciprocal: none,
            inputs: [none; 18],
            outputs: [[0; OUTPUTS]; PIXELS],
            bits: none,
            base: none,
            first: none,
            last: none,
            weights: [[0; PIXELS]; 3],
            rows: [[0; PIXELS]; 3],
            levels: none,
        }
    }
}

/// A plane, what it looks at, and the slots of some pixels.
pub struct Place<'a> {
    pub plane: &'a Plane,
    pub references: [Option<&'a Plane>; 2],
    pub time: usize,
    pub slot: usize,
    pub items: usize,
    pub count: usize,
    pub levels: i32,
}

impl Pixels {
    /// A level that is likely.
    pub fn guess(&self, pixel: usize) -> i32 {
        self.prediction[pixel] >> 6
    }

    /// Predicts pixels, and makes their distributions.
    pub fn look(&mut self, place: &Place, network: &Network, scratch: &mut Scratch) {
        let refs = place.references.iter().flatten().count();
        scratch.inputs.resize(place.count.next_multiple_of(W) * FEATURES[refs], 0);
        match place.references {
            [None, _] => look_all::<0>(self, place, &[], &mut scratch.inputs),
            [Some(first), None] => look_all::<1>(self, place, &[first], &mut scratch.inputs),
            [Some(first), Some(second)] => look_all::<2>(self, place, &[first, second], &mut scratch.inputs),
        }
        network.run(scratch, &mut self.outputs);
        distribute(self, place.count, place.levels);
    }

    /// Notes the levels of pixels, and what least squares learn from them.
    pub fn learn(&self, plane: &mut Plane, time: usize, slot: usize, count: usize) {
        learn_all(self, plane, time, slot, count);
    }
}

#[inline(always)]
fn load(from: &[i16]) -> Lanes {
    let mut lanes = [0; W];
    for (lane, &x) in lanes.iter_mut().zip(&from[..W]) {
        *lane = x.into();
    }
    lanes
}

#[inline(always)]
fn each(f: impl Fn(usize) -> i32) -> Lanes {
    let mut lanes = [0; W];
    for (l, lane) in lanes.iter_mut().enumerate() {
        *lane = f(l);
    }
    lanes
}

#[inline(always)]
fn put<T: Copy>(to: &mut [T], lanes: [T; W]) {
    to[..W].copy_from_slice(&lanes);
}

/// A difference in units.
#[inline(always)]
fn norm(difference: &Lanes, reciprocal: &Lanes) -> Lanes {
    each(|l| (difference[l] * reciprocal[l] + (1 << 14)) >> 15)
}

/// Reads numbers around some pixels.
struct Around<'a> {
    plane: &'a Plane,
    time: usize,
    slot: usize,
    items: usize,
}

impl Around<'_> {
    #[inline(always)]
    fn at(&self, ring: usize, [rows, columns]: Offset) -> Lanes {
        let time = self.time.wrapping_add_signed(LAG as isize * rows + columns);
        load(self.plane.from(ring, time, self.slot.wrapping_add_signed(rows * self.items as isize)))
    }

    /// M
    #[inline(always)]
    fn median(&self) -> Lanes {
        let [a, b, c] = [[0, -1], [-1, 0], [-1, -1]].map(|offset| self.at(X, offset));
        each(|l| a[l].min(b[l]).max(a[l].max(b[l]).min(a[l] + b[l] - c[l])))
    }
}

wide! {
    /// Predicts pixels, and makes the inputs of their network.
    fn look_all['a, const REFS: usize]['a, REFS](
        pixels: &'a mut Pixels,
        place: &'a Place<'a>,
        references: &'a [&'a Plane; REFS],
        inputs: &'a mut [i16],
    ) {
        let width = FEATURES[REFS];
        for (number, inputs) in inputs.chunks_exact_mut(W * width).enumerate() {
            look_at(pixels, place, references, number * W, inputs);
        }
    }
}

#[inline(always)]
fn look_at<const REFS: usize>(
    pixels: &mut Pixels,
    place: &Place,
    references: &[&Plane; REFS],
    first: usize,
    inputs: &mut [i16],
) {
    let around = |plane| Around { plane, time: place.time, slot: place.slot + first, items: place.items };
    let own = around(place.plane);
    let others: [Around; REFS] = std::array::from_fn(|k| around(references[k]));
    let median = own.median();
    put(&mut pixels.median[first..], median);

    // The prediction.
    let mut sum = [32; W];
    let mut count = 0;
    let weights = place.plane.cells.as_ref().map_or(&[][..], |cells| &cells.weights);
    let mut add = |x: Lanes, median: &Lanes| {
        let u = each(|l| x[l] - median[l]);
        put(&mut pixels.inputs[count][first..], u);
        let w = load(&weights[count * place.plane.stride + place.slot + first..]);
        sum = each(|l| sum[l] + u[l] * w[l]);
        count += 1;
    };
    OWN_INPUTS.iter().for_each(|&i| add(own.at(X, OWN[i]), &median));
    if REFS > 0 {
        let median = others[0].median();
        FIRST_INPUTS.iter().for_each(|&i| add(others[0].at(X, FIRST[i]), &median));
    }
    if REFS > 1 {
        let median = others[1].median();
        SECOND_INPUTS.iter().for_each(|&i| add(others[1].at(X, SECOND[i]), &median));
    }
    let top = 64 * (place.levels - 1);
    let p = each(|l| (64 * median[l] + (sum[l] >> 6)).clamp(0, top));
    put(&mut pixels.prediction[first..], p);

    // The unit.
    let errors = RECENT.map(|offset| own.at(A, offset));
    let e = each(|l| {
        let [a, b, c, d, e, f] = errors.each_ref().map(|error| error[l]);
        ((2 * (a + b) + c + d + e + f + 4) >> 3) + 16
    });
    // The quotient is at least 2^-19 of itself below the next integer, or one: a single has it exactly below that.
    let reciprocal = each(|l| ((524_288.0 / e[l] as f32) as i32).min(32767));
    let g = each(|l| logarithm(e[l]));
    put(&mut pixels.unit[first..], e);
    put(&mut pixels.reciprocal[first..], reciprocal);

    // The features.
    let width = FEATURES[REFS];
    let mut feature = 0;
    let mut see = |x: Lanes| {
        let x = each(|l| (x[l].clamp(-128, 127) + 128) >> 1);
        for l in 0..W {
            inputs[l * width + feature] = x[l] as i16;
        }
        feature += 1;
    };
    for offset in OWN {
        let x = own.at(X, offset);
        see(norm(&each(|l| 64 * x[l] - p[l]), &reciprocal));
    }
    see(norm(&each(|l| 64 * median[l] - p[l]), &reciprocal));
    for offset in SIGNED {
        let (x, p) = (own.at(X, offset), own.at(P, offset));
        see(norm(&each(|l| 64 * x[l] - p[l]), &reciprocal));
    }
    let shift = 8 - (32 - (place.levels as u32 - 1).leading_zeros());
    see(each(|l| 2 * (g[l] - 56)));
    see(each(|l| (p[l] & 63) - 32));
    see(each(|l| ((p[l] << shift) >> 6) - 128));
    for (other, offsets) in others.iter().zip([&FIRST[..], &SECOND[..]]) {
        let center = other.at(P, [0, 0]);
        for &offset in offsets {
            let x = other.at(X, offset);
            see(norm(&each(|l| 64 * x[l] - center[l]), &reciprocal));
        }
    }
    for other in &others {
        let (here, near) = (other.at(A, [0, 0]), BESIDE.map(|offset| other.at(A, offset)));
        let own = other.at(G, [0, 0]);
        let sum = each(|l| near[0][l] + near[1][l] + near[2][l] + near[3][l] + 2 * here[l] + 96);
        see(each(|l| 2 * (logarithm(sum[l]) - 20 - g[l])));
        see(each(|l| 2 * (own[l] - g[l])));
    }
}

wide! {
    /// Makes the distributions of pixels from the outputs of their networks.
    fn distribute['a]['a](pixels: &'a mut Pixels, count: usize, levels: i32) {
        for first in (0..count).step_by(W) {
            distribute_at(pixels, first, levels);
        }
    }
}

#[inline(always)]
fn distribute_at(pixels: &mut Pixels, first: usize, levels: i32) {
    let outputs = &pixels.outputs[first..first + W];
    let y: [Lanes; OUTPUTS] = std::array::from_fn(|o| each(|l| outputs[l][o]));
    let get = |from: &All<i32>| -> Lanes { std::array::from_fn(|l| from[first + l]) };
    let (p, e) = (get(&pixels.prediction), get(&pixels.unit));
    let logs = [[0; W], y[0], y[1]];
    let powers = logs.map(|own| {
        let mut power = [0.0; W];
        for l in 0..W {
            let d = (own[l] - y[0][l].max(y[1][l]).max(0)).max(-1280);
            let f = d & 63;
            let scale = f32::from_bits(((d >> 6) + 127) as u32 * (1 << 23));
            power[l] = (11904 + f * (122 + f)) as f32 * scale;
        }
        power
    });
    let mut quotient = [0.0; W];
    for l in 0..W {
        quotient[l] = 65535.0 / ((powers[0][l] + powers[1][l]) + powers[2][l]);
    }
    let weights = powers.map(|power| each(|l| (power[l] * quotient[l]) as i32));
    let g = each(|l| logarithm(e[l]));
    let scales: [Lanes; 3] = std::array::from_fn(|k| each(|l| 2 * g[l] + y[5 + k][l] - 96));
    let heavy = |k: usize, l: usize| if weights[k][l] >= 4096 { scales[k][l] } else { i32::MIN + 100 };
    let bits = each(|l| ((heavy(0, l).max(heavy(1, l)).max(heavy(2, l)) - 13) >> 4).clamp(0, 4));
    let base = each(|l| (p[l] + 32) >> 6 >> bits[l] << bits[l]);
    put(&mut pixels.bits[first..], bits);
    put(&mut pixels.base[first..], base);
    put(&mut pixels.first[first..], each(|l| (32 - (base[l] >> bits[l])).max(0)));
    put(&mut pixels.last[first..], each(|l| (32 + ((levels - 1 - base[l]) >> bits[l])).min(63)));
    for k in 0..3 {
        let row = each(|l| {
            let moved = (y[2 + k][l] * 8 * e[l].min(4095) + (1 << 14)) >> 15;
            let t = p[l] + 32 - 64 * base[l] + moved;
            let m = ((t >> (3 + bits[l])) + 256).clamp(0, 511);
            let c = ((scales[k][l] - 16 * bits[l] + 82) >> 2).clamp(0, 35);
            (8 * c + (m & 7)) * ROW as i32 + 64 - (m >> 3)
        });
        put(&mut pixels.rows[k][first..], row.map(|place| place as u16));
        put(&mut pixels.weights[k][first..], weights[k].map(|weight| weight as u16));
    }
}

wide! {
    fn learn_all['a]['a](
        pixels: &'a Pixels,
        plane: &'a mut Plane,
        time: usize,
        slot: usize,
        count: usize,
    ) {
        for first in (0..count).step_by(W) {
            let get = |from: &All<i32>| -> Lanes { std::array::from_fn(|l| from[first + l]) };
            let (x, p, e) = (get(&pixels.levels), get(&pixels.prediction), get(&pixels.unit));
            let reciprocal = get(&pixels.reciprocal);
            let mut set = |ring: usize, lanes: Lanes| {
                put(plane.from_mut(ring, time, slot + first), lanes.map(|x| x as i16));
            };
            set(X, x);
            set(P, p);
            set(A, each(|l| (64 * x[l] - p[l]).abs().min(4095)));
            set(G, each(|l| logarithm(e[l])));
            let Some(cells) = &mut plane.cells else { continue };
            let (n, mut place) = (cells.inputs, cells.place(time) + slot + first);
            for i in 0..=n {
                let u = if i < n { get(&pixels.inputs[i]) } else { each(|l| x[l] - pixels.median[first + l]) };
                let v = norm(&each(|l| 64 * u[l]), &reciprocal);
                put(&mut cells.values[place..], each(|l| v[l].clamp(-1023, 1023)).map(|v| v as i16));
                place += plane.stride;
            }
        }
    }
}
