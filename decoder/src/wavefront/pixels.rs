//! The independent pixels of a plane at one time: predictions, inputs of the network, and distributions from its
//! outputs (model-format.md, M10).

use crate::processor::simd::wide;
use crate::wavefront::around::{each, get, load, norm, put, All, Around, Lanes, Offset, Place, PIXELS, W};
use crate::wavefront::mixture::ROW;
use crate::wavefront::network::{Network, Scratch, OUTPUTS};
use crate::wavefront::plane::{logarithm, Plane, Window, A, G, HIGH, P, X};
use crate::wavefront::rules::{FEATURES, INPUTS};

/// Planes with references use only the first 12.
#[rustfmt::skip]
const OWN: [Offset; 24] = [
    [-1, 0], [0, -1], [-1, -1], [-1, 1], [-2, 0], [0, -2], [-2, -1], [-2, 1], [-1, -2], [-1, 2], [-3, 0], [0, -3],
    [-2, -2], [-2, 2], [-1, -3], [-1, 3], [-3, -1], [-3, 1], [-3, -2], [-3, 2], [-2, -3], [-2, 3], [-3, -3], [-3, 3],
];
const FIRST: [Offset; 10] = [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0], [-1, -1], [-1, 1], [1, -1], [1, 1], [-2, 0]];
const SECOND: [Offset; 6] = [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0], [-1, -1]];
/// The indices of the inputs of least squares; with references only the first nine.
const OWN_INPUTS: [usize; 18] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 6, 10, 11, 12, 13, 14, 15, 16, 17];
const FIRST_INPUTS: [usize; 6] = [0, 1, 2, 3, 5, 6];
const SECOND_INPUTS: [usize; 3] = [0, 1, 2];
const SIGNED: [Offset; 4] = [[0, -1], [-1, 0], [-1, -1], [-1, 1]];
/// The places of the errors that determine the unit; the first two count twice.
const RECENT: [Offset; 6] = [[0, -1], [-1, 0], [-1, -1], [-1, 1], [0, -2], [-2, 0]];
const BESIDE: [Offset; 4] = [[0, 1], [1, 0], [0, -1], [-1, 0]];

/// The predictions of pixels.
pub struct Pixels {
    /// The median M and the prediction P.
    median: All<i32>,
    pub prediction: All<i32>,
    /// The shift s, the unit e, its reciprocal, and its logarithm G.
    pub shift: All<i32>,
    unit: All<i32>,
    pub reciprocal: All<i32>,
    pub logarithm: All<i32>,
    inputs: [All<i32>; 18],
    outputs: [[i32; OUTPUTS]; PIXELS],
    /// The bits of a bin, the level where bin 32 begins, and the first and the last bin that have levels.
    pub bits: All<i32>,
    pub base: All<i32>,
    pub first: All<i32>,
    pub last: All<i32>,
    /// The weights of components, and the starts of their rows in the table.
    pub weights: [All<u16>; 3],
    pub rows: [All<u16>; 3],
    /// Set when the levels are known.
    pub levels: All<i32>,
}

impl Default for Pixels {
    fn default() -> Pixels {
        let none = [0; PIXELS];
        Pixels {
            median: none,
            prediction: none,
            shift: none,
            unit: none,
            reciprocal: none,
            logarithm: none,
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

impl Pixels {
    /// A likely level.
    pub fn guess(&self, pixel: usize) -> i32 {
        self.prediction[pixel] >> 6
    }

    /// Predicts pixels and their distributions.
    pub fn look(&mut self, place: &Place, network: &Network, scratch: &mut Scratch) {
        let refs = place.references.iter().flatten().count();
        scratch.inputs.resize(place.count.next_multiple_of(W) * FEATURES[refs], 0);
        if place.depth > 8 {
            self.look_by::<true>(place, &mut scratch.inputs);
        } else {
            self.look_by::<false>(place, &mut scratch.inputs);
        }
        network.run(scratch, &mut self.outputs);
        distribute(self, place.count, place.levels, place.depth as i32);
    }

    fn look_by<const WIDE: bool>(&mut self, place: &Place, inputs: &mut [i16]) {
        match place.references {
            [None, _] => look_all::<0, WIDE>(self, place, &[], inputs),
            [Some(first), None] => look_all::<1, WIDE>(self, place, &[first], inputs),
            [Some(first), Some(second)] => look_all::<2, WIDE>(self, place, &[first, second], inputs),
        }
    }

    /// Stores the levels of pixels, and the values for least squares.
    pub fn learn(&self, plane: &mut Plane, window: &Window, time: usize, slot: usize, count: usize) {
        if window.is_wide() {
            learn_all::<true>(self, plane, window, time, slot, count);
        } else {
            learn_all::<false>(self, plane, window, time, slot, count);
        }
    }
}

/// s16(x): clamped to 16 bits.
#[inline(always)]
fn word(x: i32) -> i32 {
    x.clamp(-(1 << 15), (1 << 15) - 1)
}

/// A difference of levels in 2^s levels.
#[inline(always)]
fn step<const WIDE: bool>(difference: &Lanes, shift: &Lanes) -> Lanes {
    if !WIDE {
        return *difference;
    }
    each!(l => {
        let twice = word(2 * word(difference[l]));
        ((twice * (1 << (14 - shift[l])) + (1 << 14)) >> 15).clamp(-511, 511)
    })
}

/// A number in 2^-6 of a level in 2^(s - 6).
#[inline(always)]
pub fn down<const WIDE: bool>(x: &Lanes, shift: &Lanes) -> Lanes {
    if !WIDE {
        return *x;
    }
    each!(l => word(x[l] >> shift[l]))
}

/// The centre to which levels are relative: the median and the prediction of a plane.
struct Center {
    median: Lanes,
    prediction: Lanes,
    /// The prediction less the median.
    change: Lanes,
}

impl Center {
    #[inline(always)]
    fn new<const WIDE: bool>(median: Lanes, prediction: Lanes, shift: &Lanes) -> Center {
        let change = each!(l => prediction[l] - 64 * median[l]);
        Center { median, prediction, change: down::<WIDE>(&change, shift) }
    }

    /// The difference of levels to the prediction.
    #[inline(always)]
    fn difference<const WIDE: bool>(&self, x: &Lanes, shift: &Lanes) -> Lanes {
        if !WIDE {
            return each!(l => 64 * x[l] - self.prediction[l]);
        }
        let d = step::<WIDE>(&each!(l => x[l] - self.median[l]), shift);
        each!(l => word(64 * d[l] - self.change[l]))
    }
}

wide! {
    /// Predicts pixels, and computes the inputs of their network.
    fn look_all['a, const REFS: usize, const WIDE: bool]['a, REFS, WIDE](
        pixels: &'a mut Pixels,
        place: &'a Place<'a>,
        references: &'a [&'a Plane; REFS],
        inputs: &'a mut [i16],
    ) {
        let width = FEATURES[REFS];
        for (number, inputs) in inputs.chunks_exact_mut(W * width).enumerate() {
            look_at::<REFS, WIDE>(pixels, place, references, number * W, inputs);
        }
    }
}

#[inline(always)]
fn look_at<const REFS: usize, const WIDE: bool>(
    pixels: &mut Pixels,
    place: &Place,
    references: &[&Plane; REFS],
    first: usize,
    read: &mut [i16],
) {
    let own = Around::new(place.plane, place, first);
    let mut others = [own; REFS];
    for (other, plane) in others.iter_mut().zip(references) {
        *other = Around::new(plane, place, first);
    }
    let median = own.median::<WIDE>();
    put(&mut pixels.median[first..], median);

    // The unit.
    let mut errors = [4; W];
    for (i, offset) in RECENT.into_iter().enumerate() {
        let a = own.number::<WIDE>(A, offset);
        let weight = if i < 2 { 2 } else { 1 };
        errors = each!(l => errors[l] + weight * a[l]);
    }
    let mean = each!(l => errors[l] >> 3);
    let shift = if WIDE { each!(l => (((mean[l] as f32).to_bits() >> 23) as i32 - 138).max(0)) } else { [0; W] };
    let e = each!(l => (mean[l] + 16) >> shift[l]);
    // A quotient that is not an integer is at least 2^-19 of itself below the next integer, so its float is below it,
    // too.
    let reciprocal = each!(l => ((524_288.0 / e[l] as f32) as i32).min(32767));
    let g = each!(l => logarithm(mean[l] + 16));
    put(&mut pixels.shift[first..], shift);
    put(&mut pixels.unit[first..], e);
    put(&mut pixels.reciprocal[first..], reciprocal);
    put(&mut pixels.logarithm[first..], g);

    // The prediction.
    let mut medians = [[0; W]; REFS];
    for (median, other) in medians.iter_mut().zip(&others) {
        *median = other.median::<WIDE>();
    }
    let mut inputs = [[0; W]; 18];
    for (input, &i) in inputs.iter_mut().zip(&OWN_INPUTS[..if REFS == 0 { 18 } else { 9 }]) {
        let x = own.level::<WIDE>(OWN[i]);
        *input = step::<WIDE>(&each!(l => x[l] - median[l]), &shift);
    }
    if REFS > 0 {
        let median = medians[0];
        for (input, &i) in inputs[9..].iter_mut().zip(&FIRST_INPUTS) {
            let x = others[0].level::<WIDE>(FIRST[i]);
            *input = step::<WIDE>(&each!(l => x[l] - median[l]), &shift);
        }
    }
    if REFS > 1 {
        let median = medians[1];
        for (input, &i) in inputs[15..].iter_mut().zip(&SECOND_INPUTS) {
            let x = others[1].level::<WIDE>(SECOND[i]);
            *input = step::<WIDE>(&each!(l => x[l] - median[l]), &shift);
        }
    }
    let mut sum = [32; W];
    if let Some(cells) = &place.plane.cells {
        for (i, u) in inputs[..INPUTS[REFS]].iter().enumerate() {
            put(&mut pixels.inputs[i][first..], *u);
            let w = load(&cells.weights[i * place.plane.stride + place.slot + first..]);
            sum = each!(l => sum[l] + u[l] * w[l]);
        }
    }
    let top = 64 * (place.levels - 1);
    let p = each!(l => {
        let change = if WIDE { word(sum[l] >> 6) << shift[l] } else { sum[l] >> 6 };
        (64 * median[l] + change).max(0).min(top)
    });
    put(&mut pixels.prediction[first..], p);

    // The features.
    let mut f = [[0; W]; 40];
    let center = Center::new::<WIDE>(median, p, &shift);
    let own_difference = |f: &mut Lanes, offset| {
        let x = own.level::<WIDE>(offset);
        *f = norm(&center.difference::<WIDE>(&x, &shift), &reciprocal);
    };
    for (f, &offset) in f.iter_mut().zip(&OWN[..12]) {
        own_difference(f, offset);
    }
    f[12] = norm(&center.difference::<WIDE>(&median, &shift), &reciprocal);
    for (f, offset) in f[13..].iter_mut().zip(SIGNED) {
        let (x, p) = (own.level::<WIDE>(offset), own.number::<WIDE>(P, offset));
        *f = norm(&down::<WIDE>(&each!(l => 64 * x[l] - p[l]), &shift), &reciprocal);
    }
    let bits = 32 - (place.levels as u32 - 1).leading_zeros();
    f[17] = each!(l => 2 * (g[l] - 56));
    f[18] = each!(l => (p[l] & 63) - 32);
    f[19] = each!(l => ((p[l] << 2) >> bits) - 128);
    if REFS == 0 {
        for (f, &offset) in f[20..].iter_mut().zip(&OWN[12..]) {
            own_difference(f, offset);
        }
    }
    let behind = [32, 30, 36][REFS];
    if REFS > 0 {
        let center = Center::new::<WIDE>(medians[0], others[0].number::<WIDE>(P, [0, 0]), &shift);
        for (f, offset) in f[20..].iter_mut().zip(FIRST) {
            let x = others[0].level::<WIDE>(offset);
            *f = norm(&center.difference::<WIDE>(&x, &shift), &reciprocal);
        }
    }
    if REFS > 1 {
        let center = Center::new::<WIDE>(medians[1], others[1].number::<WIDE>(P, [0, 0]), &shift);
        for (f, offset) in f[30..].iter_mut().zip(SECOND) {
            let x = others[1].level::<WIDE>(offset);
            *f = norm(&center.difference::<WIDE>(&x, &shift), &reciprocal);
        }
    }
    for (k, other) in others.iter().enumerate() {
        let here = other.number::<WIDE>(A, [0, 0]);
        let mut sum = each!(l => 2 * here[l] + 96);
        for offset in BESIDE {
            let a = other.number::<WIDE>(A, offset);
            sum = each!(l => sum[l] + a[l]);
        }
        let own = other.at(G, [0, 0]);
        f[behind + 2 * k] = each!(l => 2 * (logarithm(sum[l]) - 20 - g[l]));
        f[behind + 2 * k + 1] = each!(l => 2 * (own[l] - g[l]));
    }
    // Four at a time, from lanes to pixels.
    let width = FEATURES[REFS];
    for (i, f) in f[..width].chunks_exact(4).enumerate() {
        let mut four = [[0; W]; 4];
        for (x, f) in four.iter_mut().zip(f) {
            *x = each!(l => ((f[l].clamp(-128, 127) + 128) >> 1) as i16);
        }
        for l in 0..W {
            let to = &mut read[l * width + 4 * i..][..4];
            to.copy_from_slice(&[four[0][l], four[1][l], four[2][l], four[3][l]]);
        }
    }
}

wide! {
    /// Computes the distributions of pixels from the outputs of their networks.
    fn distribute['a]['a](pixels: &'a mut Pixels, count: usize, levels: i32, depth: i32) {
        for first in (0..count).step_by(W) {
            distribute_at(pixels, first, levels, depth);
        }
    }
}

#[inline(always)]
fn distribute_at(pixels: &mut Pixels, first: usize, levels: i32, depth: i32) {
    let outputs = &pixels.outputs[first..first + W];
    let mut y = [[0; W]; OUTPUTS];
    for (o, y) in y.iter_mut().enumerate() {
        *y = each!(l => outputs[l][o]);
    }
    let (p, e) = (get(&pixels.prediction, first), get(&pixels.unit, first));
    let (g, shift) = (get(&pixels.logarithm, first), get(&pixels.shift, first));
    let logs = [[0; W], y[0], y[1]];
    let top = each!(l => y[0][l].max(y[1][l]).max(0));
    let mut powers = [[0.0; W]; 3];
    for (power, log) in powers.iter_mut().zip(&logs) {
        for l in 0..W {
            let d = (log[l] - top[l]).max(-1280);
            let f = d & 63;
            let scale = f32::from_bits((((d >> 6) + 127) << 23) as u32);
            power[l] = (11904 + f * (122 + f)) as f32 * scale;
        }
    }
    let mut quotient = [0.0; W];
    for l in 0..W {
        quotient[l] = 65535.0 / ((powers[0][l] + powers[1][l]) + powers[2][l]);
    }
    let (least, finest) = if depth > 8 { (16384, 5) } else { (4096, 29) };
    let (mut weights, mut scales, mut widest) = ([[0; W]; 3], [[0; W]; 3], [-(1 << 20); W]);
    for k in 0..3 {
        weights[k] = each!(l => (powers[k][l] * quotient[l]) as i32);
        scales[k] = each!(l => 2 * g[l] + y[5 + k][l] - 96);
        widest = each!(l => if weights[k][l] >= least { scales[k][l].max(widest[l]) } else { widest[l] });
    }
    let bits = each!(l => ((widest[l] - finest) >> 4).clamp(0, depth - 4));
    let base = each!(l => (p[l] + 32) >> 6 >> bits[l] << bits[l]);
    put(&mut pixels.bits[first..], bits);
    put(&mut pixels.base[first..], base);
    put(&mut pixels.first[first..], each!(l => (32 - (base[l] >> bits[l])).max(0)));
    put(&mut pixels.last[first..], each!(l => (32 + ((levels - 1 - base[l]) >> bits[l])).min(63)));
    for k in 0..3 {
        let row = each!(l => {
            let moved = (y[2 + k][l] * 8 * e[l].min(4095) + (1 << 14)) >> 15;
            let t = p[l] + 32 - 64 * base[l] + (moved << shift[l]);
            let m = ((t >> (3 + bits[l])) + 256).clamp(0, 511);
            let c = ((scales[k][l] - 16 * bits[l] + 82) >> 2).clamp(0, 35);
            (8 * c + (m & 7)) * ROW as i32 + 64 - (m >> 3)
        });
        put(&mut pixels.rows[k][first..], each!(l => row[l] as u16));
        put(&mut pixels.weights[k][first..], each!(l => weights[k][l] as u16));
    }
}

wide! {
    fn learn_all['a, const WIDE: bool]['a, WIDE](
        pixels: &'a Pixels,
        plane: &'a mut Plane,
        window: &'a Window,
        time: usize,
        slot: usize,
        count: usize,
    ) {
        for first in (0..count).step_by(W) {
            let (x, p) = (get(&pixels.levels, first), get(&pixels.prediction, first));
            let (g, reciprocal) = (get(&pixels.logarithm, first), get(&pixels.reciprocal, first));
            let (slot, most) = (slot + first, (16 << window.depth) - 1);
            let a = each!(l => (64 * x[l] - p[l]).abs().min(most));
            put(plane.from_mut(X, time, slot), each!(l => x[l] as i16));
            put(plane.from_mut(P, time, slot), each!(l => p[l] as i16));
            put(plane.from_mut(A, time, slot), each!(l => a[l] as i16));
            put(plane.from_mut(G, time, slot), each!(l => g[l] as i16));
            if WIDE {
                put(plane.from_mut(P + HIGH, time, slot), each!(l => (p[l] >> 16) as i16));
                put(plane.from_mut(A + HIGH, time, slot), each!(l => (a[l] >> 16) as i16));
            }
            let Some(cells) = &mut plane.cells else { continue };
            let (n, mut place, median) = (cells.inputs, cells.place(time) + slot, get(&pixels.median, first));
            let target = step::<WIDE>(&each!(l => x[l] - median[l]), &get(&pixels.shift, first));
            for i in 0..=n {
                let u = if i < n { get(&pixels.inputs[i], first) } else { target };
                let v = norm(&each!(l => 64 * u[l]), &reciprocal);
                put(&mut cells.values[place..], each!(l => v[l].clamp(-1023, 1023) as i16));
                place += plane.stride;
            }
        }
    }
}
