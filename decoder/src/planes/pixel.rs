//! A pixel of the codec `predictive`: its predictions, its context, its distribution, and what it teaches
//! (model-format.md, M4).

use crate::ans::coder::mixture_bound;
use crate::foundations::tables;
use crate::models::family::Components;
use crate::planes::image::Image;
use crate::planes::jpeg::Blues;
use crate::planes::padded::{Around, Padded};
use crate::planes::predictive::{Predictive, Starts};
use crate::planes::ring::Ring;
use crate::planes::sums::{Inputs, Sums};

/// The errors of P0, P1, ... and, in the last place, of P; some are nothing.
type Errors = [i32; 8];
const BLEND: usize = 7;

/// The parts of a unit s >= 4.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unit {
    pub lead: u32,
    pub index: i32,
    pub rho: i32,
}

impl Unit {
    #[inline(always)]
    pub fn new(s: i32) -> Unit {
        Unit::of_index(index(s))
    }

    #[inline(always)]
    fn of_index(index: i32) -> Unit {
        Unit { lead: index as u32 >> 2, index, rho: [256, 205, 171, 146][index as usize & 3] }
    }
}

/// index(s) of a number below 2^24, which a float holds exactly: its exponent, and the two bits behind the first.
#[inline(always)]
fn index(s: i32) -> i32 {
    ((s as f32).to_bits() >> 21) as i32 - 4 * 127
}

/// What is known of a pixel before its symbol.
#[derive(Default)]
pub struct Pixel {
    /// The place in a list of items.
    pub item: usize,
    pub plane: usize,
    pub r: usize,
    pub q: usize,
    /// Where its symbol stands among those of its image.
    pub place: usize,
    /// P
    pub prediction: i32,
    /// That of E + 16.
    pub unit: Unit,
    /// That of E + 64.
    normal: Unit,
    /// P0, P1, ... and, in the last place, P.
    predictions: [i32; 8],
    /// M
    median: i32,
    pub parts: Components,
}

/// The most differences that the context of a pixel sees, as a multiple of `LANES`.
const DIFFERENCES: usize = 264;

/// How many of them are looked at at a time.
const LANES: usize = 8;

/// The differences of the context of a pixel while it is made: each is one of symbols, in units of 2^-8, and a base.
pub struct Sight {
    symbols: [i32; DIFFERENCES],
    bases: [i32; DIFFERENCES],
}

impl Default for Sight {
    fn default() -> Sight {
        Sight { symbols: [0; DIFFERENCES], bases: [0; DIFFERENCES] }
    }
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
        let n = (((i64::from(c) << 8) - 128 - i64::from(self.pixel.prediction)) * i64::from(rho)) >> (lead - 4);
        mixture_bound(c, self.pixel.parts.value(self.table, n), self.levels, self.precision)
    }
}

impl Pixel {
    /// A symbol that is likely, to search from.
    pub fn guess(&self) -> u32 {
        // 2^20 by rho, nearly.
        let Unit { lead, index, .. } = self.unit;
        let reciprocal = [4096, 5115, 6132, 7182][index as usize & 3];
        let moved = i64::from(self.prediction) + ((self.parts.heaviest() << (lead - 4)) * reciprocal >> 20);
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
    /// Where what the window sees is: in the plane, in the first reference, in the second.
    window: [Around; 3],
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
        let window = codec.window.lists(refs).map(|list| x.around(list));
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
    pub fn look(&mut self, codec: &Predictive, pixel: &mut Pixel, sight: &mut Sight, context: &mut [i16]) {
        let Pixel { plane: number, r, q, .. } = *pixel;
        let (before, rest) = self.planes.split_at_mut(number);
        let Some(plane) = &mut rest[0] else { return };
        let Some(errors) = &plane.errors else { return };
        let reference = |i: usize| if i < plane.refs { before[plane.references[i]].as_ref() } else { None };
        let references = [reference(0), reference(1)];
        let [first, second] = references.map(|reference| reference.map_or(&plane.x, |reference| &reference.x));
        let planes = [&plane.x, first, second];
        let place = plane.x.index(r, q);
        let medians = planes.map(|x| median(x, place));
        let recent = recent_errors(errors.around(r, q));
        let normal = Unit::new(recent[BLEND] + 64);
        let top = i64::from(self.levels - 1) << 8;
        let mut predictions = [0; 8];
        predictions[0] = medians[0] << 8;
        for (sums, prediction) in plane.sums.iter_mut().zip(&mut predictions[1..]) {
            let (mut inputs, mut bases): (Inputs, Inputs) = ([0; 56], [0; 56]);
            let mut n = 0;
            for ((around, x), median) in sums.around.iter().zip(planes).zip(medians) {
                x.gather(place, around, &mut inputs[n..]);
                bases[n..n + around.count].fill(median);
                n += around.count;
            }
            inputs[n..].fill(0);
            for (input, base) in inputs.iter_mut().zip(&bases) {
                *input -= base;
            }
            let moved = i64::from(medians[0] << 8) + ((sums.predict(r, &inputs) + 8) >> 4);
            *prediction = moved.clamp(0, top) as i32;
            sums.note(r, q, &inputs, normal);
        }
        let count = codec.predictors.len();
        predictions[BLEND] = blend(&predictions[1..=count], &recent[1..=count]);
        let indices = recent.map(|error| index(error + 16));
        pixel.median = medians[0];
        pixel.predictions = predictions;
        pixel.prediction = predictions[BLEND];
        pixel.normal = normal;
        pixel.unit = Unit::of_index(indices[BLEND]);
        let bases =
            references.map(|reference| reference.map_or(0, |reference| reference.p.data[reference.p.index(r, q)]));
        let count = sight.look(codec, plane, planes, bases, (self.levels - 1) as u16, pixel);
        sight.see(count, pixel.unit);
        let recent = &indices[..=codec.predictors.len()];
        write_context(codec, &sight.symbols[..count], recent, plane.refs, self.levels, pixel, context);
    }

    /// Learns the symbol of a pixel that has been looked at.
    #[inline(always)]
    pub fn learn(&mut self, pixel: &Pixel, symbol: u32) {
        let Some(plane) = &mut self.planes[pixel.plane] else { return };
        let Pixel { r, q, .. } = *pixel;
        let x = symbol as i32;
        plane.x.set(r, q, symbol as u16);
        plane.p.set(r, q, pixel.prediction);
        let own = pixel.predictions.map(|prediction| ((x << 8) - prediction).abs());
        if let Some(errors) = &mut plane.errors {
            errors.set(r, q, self.columns, own);
        }
        for sums in &mut plane.sums {
            sums.add(r, q, x - pixel.median, pixel.normal);
        }
        plane.left -= 1;
        if plane.left == 0 {
            plane.errors = None;
            plane.sums = Vec::new();
        }
    }
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

impl Sight {
    /// Notes the differences of a pixel, and returns how many there are.
    #[inline(always)]
    fn look(
        &mut self,
        codec: &Predictive,
        plane: &Plane,
        planes: [&Padded<u16>; 3],
        bases: [i32; 2],
        top: u16,
        pixel: &Pixel,
    ) -> usize {
        let Pixel { r, q, prediction, predictions, .. } = *pixel;
        let place = plane.x.index(r, q);
        let counts = codec.window.lists(2).map(|list| list.len());
        let mut n = 0;
        for (i, base) in [prediction, bases[0], bases[1]].into_iter().enumerate() {
            self.bases[n..n + counts[i]].fill(base);
            if i <= plane.refs {
                planes[i].gather(place, &plane.window[i], &mut self.symbols[n..]);
            } else {
                self.symbols[n..n + counts[i]].fill(0);
            }
            n += counts[i];
        }
        let mut put = |symbol: u16, base: i32| {
            (self.symbols[n], self.bases[n]) = (symbol.into(), base);
            n += 1;
        };
        for own in &predictions[..=codec.predictors.len()] {
            put(0, prediction - own);
        }
        let (p_place, [stride, p_stride]) = (plane.p.index(r, q), [plane.x.stride, plane.p.stride]);
        for [before, p_before] in [[1, 1], [stride, p_stride], [stride + 1, p_stride + 1], [stride - 1, p_stride - 1]] {
            put(plane.x.data[place - before], plane.p.data[p_place - p_before]);
        }
        put(0, -prediction);
        put(top, prediction);
        n
    }

    /// Makes of each difference d, of which there are so many, the place of see(d).
    #[inline(always)]
    fn see(&mut self, count: usize, unit: Unit) {
        let Unit { lead, rho, .. } = unit;
        let lanes = self.symbols.chunks_exact_mut(LANES).zip(self.bases.chunks_exact(LANES));
        for (symbols, bases) in lanes.take(count.div_ceil(LANES)) {
            for l in 0..LANES {
                let d = (symbols[l] << 8) - bases[l];
                // The high and the low bits apart, so that 32 bits are enough.
                let scaled = (d >> 8) * rho + (((d & 255) * rho) >> 8);
                symbols[l] = (scaled >> (lead - 4)).clamp(-1024, 1023) + 1024;
            }
        }
    }
}

/// The inputs of a pixel's network: `seen` are the places of see(d), `indices` those of the units of predictions.
#[inline(always)]
fn write_context(
    codec: &Predictive,
    seen: &[i32],
    indices: &[i32],
    refs: usize,
    levels: i32,
    pixel: &Pixel,
    context: &mut [i16],
) {
    let Pixel { r, q, prediction, unit, .. } = *pixel;
    let (first, last) = seen.split_at(seen.len() - 6);
    let (own, context) = context.split_at_mut(first.len());
    let (units, context) = context.split_at_mut(indices.len());
    let (around, others) = context.split_at_mut(last.len());
    for (out, places) in [(own, first), (around, last)] {
        let see = |place: i32| codec.see[place as usize & 2047].into();
        let (mut out, mut places) = (out.chunks_exact_mut(LANES), places.chunks_exact(LANES));
        for (out, places) in (&mut out).zip(&mut places) {
            for l in 0..LANES {
                out[l] = see(places[l]);
            }
        }
        for (out, &place) in out.into_remainder().iter_mut().zip(places.remainder()) {
            *out = see(place);
        }
    }
    for (out, index) in units.iter_mut().zip(indices) {
        *out = (64 + 4 * (index - unit.index)).clamp(0, 127) as i16;
    }
    others.copy_from_slice(&[
        unit.index as i16,
        index(4 * levels) as i16,
        (prediction as i16 & 255) >> 1,
        63 * refs as i16,
        8 * r.min(15) as i16,
        8 * q.min(15) as i16,
    ]);
}
