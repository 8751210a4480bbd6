//! A pixel of the codec `predictive`: its predictions, its context, its distribution, and what it teaches
//! (model-format.md, M4).

use crate::coder::{logistic, mixture_bound};
use crate::family::Components;
use crate::image::Image;
use crate::jpeg::Blues;
use crate::least_squares::Solver;
use crate::network::{Network, Scratch};
use crate::padded::Padded;
use crate::predictive::{Predictive, Starts};
use crate::sums::Sums;
use crate::tables;

/// The errors of P0, P1, ... and, in the last place, of P.
type Errors = [i32; 6];
const BLEND: usize = 5;

/// The parts of a unit s >= 4.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unit {
    pub lead: u32,
    pub index: i32,
    pub rho: i64,
}

impl Unit {
    #[inline]
    pub fn new(s: i32) -> Unit {
        let lead = 31 - (s as u32).leading_zeros();
        let f = (s >> (lead - 2)) & 3;
        Unit { lead, index: 4 * lead as i32 + f, rho: [256, 205, 171, 146][f as usize] }
    }
}

/// What is known of a pixel before its symbol.
#[derive(Default)]
pub struct Pixel {
    pub plane: usize,
    pub r: usize,
    pub q: usize,
    /// P
    pub prediction: i32,
    /// index(E + 16)
    pub unit: Unit,
    /// E
    error: i32,
    /// P0, P1, ...
    predictions: [i32; 5],
    /// M
    median: i32,
    /// The inputs of all predictors, and for each how many it has.
    inputs: Vec<i32>,
    counts: [usize; 4],
    pub context: Vec<u8>,
    pub parts: Components,
}

/// What pixels need while they are looked at, one after the other.
#[derive(Default)]
pub struct Work {
    pub scratch: Scratch,
}

/// The bounds of the intervals of a pixel's distribution.
pub struct Bounds<'a> {
    pixel: &'a Pixel,
    table: &'static [i32; 2049],
    precision: u32,
    levels: u32,
}

impl Bounds<'_> {
    /// C(c), for 0 <= c <= L.
    #[inline]
    pub fn at(&self, c: u32) -> u32 {
        if c == 0 {
            return 0;
        }
        if c >= self.levels {
            return 1 << self.precision;
        }
        let Unit { lead, rho, .. } = self.pixel.unit;
        let n = (((i64::from(c) << 8) - 128 - i64::from(self.pixel.prediction)) * rho) >> (lead - 4);
        let parts = &self.pixel.parts;
        let mut sum = 0;
        for k in 0..parts.count {
            sum += parts.weight[k] * logistic(self.table, (n - parts.mean[k]) * parts.inverse_scale[k]);
        }
        mixture_bound(c, sum, self.levels, self.precision)
    }
}

impl Pixel {
    pub fn bounds(&self, precision: u32, levels: u32) -> Bounds<'_> {
        Bounds { pixel: self, table: tables::logistic_cdf(), precision, levels }
    }
}

struct Plane {
    refs: usize,
    /// The numbers of the references.
    references: [usize; 2],
    x: Padded<u16>,
    p: Padded<i32>,
    /// Gone when the plane has been coded.
    errors: Option<Padded<Errors>>,
    sums: Vec<Sums>,
    window: Vec<isize>,
    left: usize,
}

/// The planes of an item; each is made when it begins.
pub struct Planes {
    rows: usize,
    columns: usize,
    channels: usize,
    levels: i32,
    starts: Option<Starts>,
    planes: Vec<Option<Plane>>,
    /// How many rows are coded at one time.
    active: usize,
    solver: Solver,
    matrix: Vec<f64>,
}

/// The median of LOCO-I at a place.
#[inline]
fn median(x: &Padded<u16>, place: usize) -> i32 {
    let a = i32::from(x.data[place - 1]);
    let b = i32::from(x.data[place - x.stride]);
    let c = i32::from(x.data[place - x.stride - 1]);
    if c >= a.max(b) {
        a.min(b)
    } else if c <= a.min(b) {
        a.max(b)
    } else {
        a + b - c
    }
}

impl Planes {
    pub fn new(codec: &Predictive, image: &Image, starts: Option<&Starts>) -> Planes {
        Planes {
            rows: image.rows,
            columns: image.columns,
            channels: image.channels,
            levels: image.levels as i32,
            starts: starts.cloned(),
            planes: (0..image.planes()).map(|_| None).collect(),
            active: image.rows.min((image.columns - 1) / codec.lag + 2),
            solver: Solver::default(),
            matrix: Vec::new(),
        }
    }

    fn begin(&mut self, codec: &Predictive, number: usize) {
        let (s, c) = (number / self.channels, number % self.channels);
        let mut references = [0; 2];
        let mut refs = 0;
        for (slices, channels) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
            if refs < 2 && s >= slices && c >= channels {
                references[refs] = (s - slices) * self.channels + c - channels;
                refs += 1;
            }
        }
        let (rows, columns) = (self.rows, self.columns);
        let x = Padded::new(rows, columns, 8, 8, (self.levels >> 1) as u16);
        let mut sums = Vec::new();
        for (j, predictor) in codec.predictors.iter().enumerate() {
            let start = match &self.starts {
                Some(starts) => &starts[j][refs],
                None => &predictor.start[refs],
            };
            sums.push(Sums::new(predictor, start, refs, columns, self.active, &x));
        }
        let window = &codec.window;
        let window = window.own.iter().chain(&window.first).chain(&window.second).map(|&o| x.distance(o)).collect();
        let start = (self.levels << 8) >> 5;
        self.planes[number] = Some(Plane {
            refs,
            references,
            x,
            p: Padded::new(rows, columns, 1, 0, (self.levels >> 1) << 8),
            errors: Some(Padded::new(rows, columns, 2, 0, [start; 6])),
            sums,
            window,
            left: rows * columns,
        });
    }

    /// The green and the red of a pixel of blue.
    pub fn jpeg_colours(&self, pixel: &Pixel) -> Blues {
        let level = |plane: usize| match &self.planes[plane] {
            Some(plane) => plane.x.data[plane.x.index(pixel.r, pixel.q)],
            None => 0,
        };
        Blues::new(level(pixel.plane - 2), level(pixel.plane - 1))
    }

    /// Predicts a pixel, and runs its network.
    #[allow(clippy::too_many_arguments)]
    pub fn look(
        &mut self,
        codec: &Predictive,
        network: &Network,
        number: usize,
        r: usize,
        q: usize,
        work: &mut Work,
        pixel: &mut Pixel,
    ) {
        if self.planes[number].is_none() {
            self.begin(codec, number);
        }
        let (before, rest) = self.planes.split_at_mut(number);
        let Some(plane) = &mut rest[0] else { return };
        let reference = |i: usize| if i < plane.refs { before[plane.references[i]].as_ref() } else { None };
        let references = [reference(0), reference(1)];
        let place = plane.x.index(r, q);
        (pixel.plane, pixel.r, pixel.q) = (number, r, q);
        let top = (self.levels - 1) << 8;
        let medians = [
            median(&plane.x, place),
            references[0].map_or(0, |reference| median(&reference.x, place)),
            references[1].map_or(0, |reference| median(&reference.x, place)),
        ];
        pixel.median = medians[0];
        pixel.predictions[0] = medians[0] << 8;
        pixel.inputs.clear();
        for (j, (predictor, sums)) in codec.predictors.iter().zip(&mut plane.sums).enumerate() {
            if q % predictor.cell == 0 {
                sums.weigh(predictor, r, q / predictor.cell, &mut self.solver, &mut self.matrix);
            }
            let start = pixel.inputs.len();
            let (own, others) = sums.distances.split_at(predictor.offsets.own.len());
            let (first, second) = others.split_at(if plane.refs >= 1 { predictor.offsets.first.len() } else { 0 });
            let own = own.iter().map(|&d| i32::from(plane.x.at(place, d)) - medians[0]);
            pixel.inputs.extend(own);
            if let Some(other) = references[0] {
                pixel.inputs.extend(first.iter().map(|&d| i32::from(other.x.at(place, d)) - medians[1]));
            }
            if let Some(other) = references[1] {
                pixel.inputs.extend(second.iter().map(|&d| i32::from(other.x.at(place, d)) - medians[2]));
            }
            pixel.counts[j] = sums.inputs;
            let weights = sums.weights_of_row(r);
            let inputs = &pixel.inputs[start..];
            let sum: i64 = weights.iter().zip(inputs).map(|(&w, &u)| i64::from(w) * i64::from(u)).sum();
            let moved = i64::from(medians[0] << 8) + ((sum + 8) >> 4);
            pixel.predictions[j + 1] = moved.clamp(0, top.into()) as i32;
        }
        let count = codec.predictors.len();
        let Some(errors) = &plane.errors else { return };
        let recent = recent_errors(errors, errors.index(r, q));
        pixel.error = recent[BLEND];
        pixel.prediction = blend(&pixel.predictions[1..=count], &recent[1..=count]);
        pixel.unit = Unit::new(recent[BLEND] + 16);
        see_context(codec, plane, references, self.levels, &recent, pixel);
        work.scratch.values.resize_with(network.values.len(), Vec::new);
        let source = &mut work.scratch.values[0];
        source.clear();
        source.extend(pixel.context.iter().map(|&byte| i32::from(byte)));
        network.run(&mut work.scratch, [1, 1]);
        let output = |i: usize| &work.scratch.values[codec.outputs[i]][..];
        let (weight, mean, scale) = (output(0), output(1), output(2));
        codec.mixture.components(codec.mixture.components, weight, mean, scale, &mut pixel.parts);
    }

    /// Learns the symbol of a pixel that has been looked at.
    pub fn learn(&mut self, codec: &Predictive, pixel: &Pixel, symbol: u32) {
        let Some(plane) = &mut self.planes[pixel.plane] else { return };
        let Pixel { r, q, .. } = *pixel;
        let x = symbol as i32;
        plane.x.set(r, q, symbol as u16);
        plane.p.set(r, q, pixel.prediction);
        let mut own = [0; 6];
        for (error, prediction) in own.iter_mut().zip(&pixel.predictions[..=codec.predictors.len()]) {
            *error = ((x << 8) - prediction).abs();
        }
        own[BLEND] = ((x << 8) - pixel.prediction).abs();
        if let Some(errors) = &mut plane.errors {
            errors.set(r, q, own);
        }
        let unit = Unit::new(pixel.error + 64);
        let mut inputs = &pixel.inputs[..];
        for ((predictor, sums), &count) in codec.predictors.iter().zip(&mut plane.sums).zip(&pixel.counts) {
            let (used, others) = inputs.split_at(count);
            inputs = others;
            sums.add(r, q / predictor.cell, used, x - pixel.median, unit);
        }
        plane.left -= 1;
        if plane.left == 0 {
            plane.errors = None;
            plane.sums = Vec::new();
        }
    }
}

#[inline]
fn recent_errors(errors: &Padded<Errors>, place: usize) -> Errors {
    let up = place - errors.stride;
    let at = |place: usize| &errors.data[place];
    let (left, above, corner) = (at(place - 1), at(up), at(up - 1));
    let (right, left2, above2) = (at(up + 1), at(place - 2), at(up - errors.stride));
    let mut recent = [0; 6];
    for (j, e) in recent.iter_mut().enumerate() {
        *e = (2 * left[j] + 2 * above[j] + corner[j] + right[j] + left2[j] + above2[j] + 4) >> 3;
    }
    recent
}

/// The blend of predictions by their recent errors.
fn blend(predictions: &[i32], recent: &[i32]) -> i32 {
    let m = i64::from(recent.iter().copied().min().unwrap_or(0) + 48);
    let (mut sum, mut total) = (0, 0);
    for (&prediction, &error) in predictions.iter().zip(recent) {
        let h = (m << 8) / i64::from(error + 48);
        sum += h * h * i64::from(prediction);
        total += h * h;
    }
    ((sum + (total >> 1)) / total) as i32
}

/// The inputs of a pixel's network.
fn see_context(
    codec: &Predictive,
    plane: &Plane,
    references: [Option<&Plane>; 2],
    levels: i32,
    recent: &Errors,
    pixel: &mut Pixel,
) {
    let Pixel { r, q, prediction, unit, predictions, .. } = *pixel;
    let see = |d: i32| codec.see[(((i64::from(d) * unit.rho) >> (unit.lead + 4)).clamp(-1024, 1023) + 1024) as usize];
    let place = plane.x.index(r, q);
    let level = |x: &Padded<u16>, distance: isize| i32::from(x.at(place, distance)) << 8;
    let context = &mut pixel.context;
    context.clear();
    let (own, others) = plane.window.split_at(codec.window.own.len());
    let (first, second) = others.split_at(codec.window.first.len());
    context.extend(own.iter().map(|&d| see(level(&plane.x, d) - prediction)));
    for (distances, reference) in [first, second].into_iter().zip(references) {
        match reference {
            Some(other) => {
                let base = other.p.data[other.p.index(r, q)];
                context.extend(distances.iter().map(|&d| see(level(&other.x, d) - base)));
            }
            None => context.extend(distances.iter().map(|_| see(0))),
        }
    }
    let count = codec.predictors.len() + 1;
    context.extend(predictions[..count].iter().map(|p| see(p - prediction)));
    let relative = |error: &i32| (64 + 4 * (Unit::new(error + 16).index - unit.index)).clamp(0, 127) as u8;
    context.extend(recent[..count].iter().map(relative));
    let p = &plane.p;
    let p_place = p.index(r, q);
    for offset in [[0, -1], [-1, 0], [-1, -1], [-1, 1]] {
        context.push(see(level(&plane.x, plane.x.distance(offset)) - p.at(p_place, p.distance(offset))));
    }
    context.push(see(prediction));
    context.push(see(((levels - 1) << 8) - prediction));
    context.push(unit.index as u8);
    context.push(Unit::new(4 * levels).index as u8);
    context.push(((prediction & 255) >> 1) as u8);
    context.push(63 * plane.refs as u8);
    context.push(8 * r.min(15) as u8);
    context.push(8 * q.min(15) as u8);
}
