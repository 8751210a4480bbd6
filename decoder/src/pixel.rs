//! A pixel of the codec `predictive`: its predictions, its context, its distribution, and what it teaches
//! (model-format.md, M4).

use crate::coder::{logistic, mixture_bound};
use crate::family::Components;
use crate::image::Image;
use crate::jpeg::Blues;
use crate::padded::Padded;
use crate::predictive::{Predictive, Starts};
use crate::ring::Ring;
use crate::sums::Sums;
use crate::tables;

/// The errors of P0, P1, ... and, in the last place, of P; some are nothing.
type Errors = [i32; 8];
const BLEND: usize = 7;

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
    /// The place in a list of items.
    pub item: usize,
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
    /// The differences that the context sees.
    differences: Vec<i32>,
    pub context: Vec<u8>,
    pub parts: Components,
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
    /// A symbol that is likely, to search from.
    pub fn guess(&self) -> u32 {
        let Unit { lead, rho, .. } = self.unit;
        let moved = i64::from(self.prediction) + (self.parts.heaviest() << (lead - 4)) / rho;
        ((moved + 128) >> 8).max(0) as u32
    }

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
    errors: Option<Ring<Errors>>,
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
        }
    }

    /// Begins a plane, unless that has been done.
    pub fn begin(&mut self, codec: &Predictive, number: usize) {
        if self.planes[number].is_some() {
            return;
        }
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
            errors: Some(Ring::new(self.active, codec.lag, [start; 8])),
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

    /// The sums of a predictor in a plane that has begun.
    pub fn sums(&mut self, plane: usize, predictor: usize) -> Option<&mut Sums> {
        self.planes[plane].as_mut()?.sums.get_mut(predictor)
    }

    /// Predicts a pixel, and sees its context.
    #[inline(always)]
    pub fn look(&mut self, codec: &Predictive, pixel: &mut Pixel) {
        if self.levels <= 1 << 10 {
            self.look_with(codec, pixel, dot_narrow, |d, unit| (d * unit.rho as i32) >> (unit.lead + 4));
        } else {
            self.look_with(codec, pixel, dot_wide, |d, unit| ((i64::from(d) * unit.rho) >> (unit.lead + 4)) as i32);
        }
    }

    #[inline(always)]
    fn look_with(
        &mut self,
        codec: &Predictive,
        pixel: &mut Pixel,
        dot: impl Fn(&[i32], &[i32]) -> i64,
        units: impl Fn(i32, Unit) -> i32,
    ) {
        let Pixel { plane: number, r, q, .. } = *pixel;
        let (before, rest) = self.planes.split_at_mut(number);
        let Some(plane) = &mut rest[0] else { return };
        let reference = |i: usize| if i < plane.refs { before[plane.references[i]].as_ref() } else { None };
        let references = [reference(0), reference(1)];
        let place = plane.x.index(r, q);
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
            let moved = i64::from(medians[0] << 8) + ((dot(weights, inputs) + 8) >> 4);
            pixel.predictions[j + 1] = moved.clamp(0, top.into()) as i32;
        }
        let count = codec.predictors.len();
        let Some(errors) = &plane.errors else { return };
        let recent = recent_errors(errors.around(r, q));
        pixel.error = recent[BLEND];
        pixel.prediction = blend(&pixel.predictions[1..=count], &recent[1..=count]);
        pixel.unit = Unit::new(recent[BLEND] + 16);
        see_context(codec, plane, references, self.levels, &recent, units, pixel);
    }

    /// Learns the symbol of a pixel that has been looked at.
    #[inline(always)]
    pub fn learn(&mut self, codec: &Predictive, pixel: &Pixel, symbol: u32) {
        let Some(plane) = &mut self.planes[pixel.plane] else { return };
        let Pixel { r, q, .. } = *pixel;
        let x = symbol as i32;
        plane.x.set(r, q, symbol as u16);
        plane.p.set(r, q, pixel.prediction);
        let mut own = [0; 8];
        for (error, prediction) in own.iter_mut().zip(&pixel.predictions[..=codec.predictors.len()]) {
            *error = ((x << 8) - prediction).abs();
        }
        own[BLEND] = ((x << 8) - pixel.prediction).abs();
        if let Some(errors) = &mut plane.errors {
            errors.set(r, q, self.columns, own);
        }
        let unit = Unit::new(pixel.error + 64);
        let mut inputs = &pixel.inputs[..];
        for (sums, &count) in plane.sums.iter_mut().zip(&pixel.counts) {
            let (used, others) = inputs.split_at(count);
            inputs = others;
            sums.add(r, q, used, x - pixel.median, unit);
        }
        plane.left -= 1;
        if plane.left == 0 {
            plane.errors = None;
            plane.sums = Vec::new();
        }
    }
}

/// The sum of products, where 10 bits are enough for levels.
#[inline(always)]
fn dot_narrow(weights: &[i32], inputs: &[i32]) -> i64 {
    weights.iter().zip(inputs).map(|(&w, &u)| w * u).sum::<i32>().into()
}

#[inline(always)]
fn dot_wide(weights: &[i32], inputs: &[i32]) -> i64 {
    weights.iter().zip(inputs).map(|(&w, &u)| i64::from(w) * i64::from(u)).sum()
}

#[inline(always)]
fn recent_errors([left, above, corner, right, left2, above2]: [&Errors; 6]) -> Errors {
    let mut recent = [0; 8];
    for (j, e) in recent.iter_mut().enumerate() {
        *e = (2 * left[j] + 2 * above[j] + corner[j] + right[j] + left2[j] + above2[j] + 4) >> 3;
    }
    recent
}

/// The blend of predictions by their recent errors.
#[inline(always)]
fn blend(predictions: &[i32], recent: &[i32]) -> i32 {
    if let &[alone] = predictions {
        return alone;
    }
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
#[inline(always)]
fn see_context(
    codec: &Predictive,
    plane: &Plane,
    references: [Option<&Plane>; 2],
    levels: i32,
    recent: &Errors,
    units: impl Fn(i32, Unit) -> i32,
    pixel: &mut Pixel,
) {
    let Pixel { r, q, prediction, unit, predictions, .. } = *pixel;
    let place = plane.x.index(r, q);
    let level = |x: &Padded<u16>, distance: isize| i32::from(x.at(place, distance)) << 8;
    let (own, others) = plane.window.split_at(codec.window.own.len());
    let (first, second) = others.split_at(codec.window.first.len());
    let seen = &mut pixel.differences;
    seen.clear();
    seen.extend(own.iter().map(|&d| level(&plane.x, d) - prediction));
    for (distances, reference) in [first, second].into_iter().zip(references) {
        match reference {
            Some(other) => {
                let base = other.p.data[other.p.index(r, q)];
                seen.extend(distances.iter().map(|&d| level(&other.x, d) - base));
            }
            None => seen.resize(seen.len() + distances.len(), 0),
        }
    }
    let count = codec.predictors.len() + 1;
    seen.extend(predictions[..count].iter().map(|p| p - prediction));
    let before = seen.len();
    let p_place = plane.p.index(r, q);
    let stride = plane.p.stride;
    let mut apart = |place: usize, p_place: usize| {
        seen.push((i32::from(plane.x.data[place]) << 8) - plane.p.data[p_place]);
    };
    apart(place - 1, p_place - 1);
    apart(place - plane.x.stride, p_place - stride);
    apart(place - plane.x.stride - 1, p_place - stride - 1);
    apart(place - plane.x.stride + 1, p_place - stride + 1);
    seen.push(prediction);
    seen.push(((levels - 1) << 8) - prediction);
    for d in seen.iter_mut() {
        *d = units(*d, unit).clamp(-1024, 1023) + 1024;
    }
    let see = |&d: &i32| codec.see[d as usize & 2047];
    let context = &mut pixel.context;
    context.clear();
    context.extend(seen[..before].iter().map(see));
    context.extend(
        recent[..count].iter().map(|error| (64 + 4 * (Unit::new(error + 16).index - unit.index)).clamp(0, 127) as u8),
    );
    context.extend(seen[before..].iter().map(see));
    context.extend([
        unit.index as u8,
        Unit::new(4 * levels).index as u8,
        ((prediction & 255) >> 1) as u8,
        63 * plane.refs as u8,
        8 * r.min(15) as u8,
        8 * q.min(15) as u8,
    ]);
}
