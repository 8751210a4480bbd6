//! A pixel of the codec `predictive`: its predictions, its context, its distribution, and what it teaches
//! (model-format.md, M4).

use crate::ans::coder::mixture_bound;
use crate::foundations::tables;
use crate::networks::family::Components;
use crate::planes::front::HasPixel;
use crate::planes::jpeg::Blues;
use crate::planes::offsets::Offsets;
use crate::planes::predictive::{Predictive, Starts};
use crate::planes::ring::Ring;
use crate::planes::skew::{Skew, LANES};
use crate::planes::sums::{normalised, Sums};
use crate::types::image::{references, Image};

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
    /// Those of Ej + 16.
    indices: [i32; 8],
    /// M
    median: i32,
    pub parts: Components,
}

/// A number of each of some pixels of a step, whose rows follow one another.
type Lanes = [i32; LANES];

/// The most inputs of a predictor.
const INPUTS: usize = 48;

/// The most differences that the context of a pixel sees.
const DIFFERENCES: usize = 256;

/// What pixels of a step see while their contexts are made.
pub struct Sight {
    /// Where what the window and each predictor see stands, less the row.
    window: Vec<usize>,
    inputs: Vec<Vec<usize>>,
    /// The inputs of a predictor, and v of them.
    values: [Lanes; INPUTS],
    /// For each difference d the place of see(d).
    seen: [[u16; LANES]; DIFFERENCES],
}

impl Default for Sight {
    fn default() -> Sight {
        let (values, seen) = ([[0; LANES]; INPUTS], [[0; LANES]; DIFFERENCES]);
        Sight { window: Vec::new(), inputs: Vec::new(), values, seen }
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
        let moved = i64::from(self.prediction) + (((self.parts.heaviest() << (lead - 4)) * reciprocal) >> 20);
        ((moved + 128) >> 8).max(0) as u32
    }

    pub fn bounds(&self, precision: u32, levels: u32) -> Bounds<'_> {
        Bounds { pixel: self, table: tables::logistic_cdf(), precision, levels }
    }
}

struct Plane {
    refs: usize,
    /// The numbers of the references.
    references: [Option<usize>; 2],
    x: Vec<u16>,
    p: Vec<i32>,
    /// Gone when the plane has been coded.
    errors: Option<Ring<Errors>>,
    sums: Vec<Sums>,
    left: usize,
}

/// The planes of an item; each is made when it begins.
pub struct Planes {
    rows: usize,
    columns: usize,
    channels: usize,
    levels: i32,
    starts: Option<Starts>,
    skew: Skew,
    planes: Vec<Option<Plane>>,
    /// How many rows are coded at one time.
    active: usize,
}

impl Planes {
    pub fn new(codec: &Predictive, image: &Image, starts: Option<&Starts>) -> Planes {
        Planes {
            rows: image.rows,
            columns: image.columns,
            channels: image.channels,
            levels: image.levels as i32,
            starts: starts.cloned(),
            skew: Skew::new(image.rows, image.columns, codec.lag),
            planes: (0..image.planes()).map(|_| None).collect(),
            active: image.rows.min((image.columns - 1) / codec.lag + 2),
        }
    }

    /// Begins a plane, unless that has been done.
    pub fn begin(&mut self, codec: &Predictive, number: usize) {
        if self.planes[number].is_some() {
            return;
        }
        let references = references(number, self.channels);
        let refs = references.iter().flatten().count();
        let (rows, columns) = (self.rows, self.columns);
        let mut sums = Vec::new();
        for (j, predictor) in codec.predictors.iter().enumerate() {
            let start = match &self.starts {
                Some(starts) => &starts[j][refs],
                None => &predictor.start[refs],
            };
            sums.push(Sums::new(predictor, start, refs, columns, self.active));
        }
        let start = (self.levels << 8) >> 5;
        self.planes[number] = Some(Plane {
            refs,
            references,
            x: self.skew.numbers((self.levels >> 1) as u16),
            p: self.skew.numbers((self.levels >> 1) << 8),
            errors: Some(Ring::new(self.active, codec.lag, [start; 8])),
            sums,
            left: rows * columns,
        });
    }

    /// The green and the red of a pixel of blue.
    pub fn jpeg_colours(&self, pixel: &Pixel) -> Blues {
        let level = |plane: usize| match &self.planes[plane] {
            Some(plane) => plane.x[self.skew.place(pixel.r, pixel.q)],
            None => 0,
        };
        Blues::new(level(pixel.plane - 2), level(pixel.plane - 1))
    }

    /// The sums of a predictor in a plane that has begun.
    pub fn sums(&mut self, plane: usize, predictor: usize) -> Option<&mut Sums> {
        self.planes[plane].as_mut()?.sums.get_mut(predictor)
    }

    /// Predicts pixels of a plane and a step, one row after the other, and makes their contexts.
    #[inline(always)]
    pub fn look<P: HasPixel>(&mut self, codec: &Predictive, pixels: &mut [P], sight: &mut Sight, contexts: &mut [i16]) {
        let Some(&mut Pixel { plane: number, r, q, .. }) = pixels.first_mut().map(P::pixel) else { return };
        let (before, rest) = self.planes.split_at_mut(number);
        let Some(plane) = &mut rest[0] else { return };
        let time = self.skew.time(r, q);
        sight.find(codec, &self.skew, time, plane.refs);
        let reference = |i: usize| before[plane.references[i]?].as_ref();
        let step =
            Step { codec, levels: self.levels, skew: &self.skew, time, references: [reference(0), reference(1)] };
        let (mut pixels, mut contexts) = (pixels, contexts);
        while let Some(&mut Pixel { r, .. }) = pixels.first_mut().map(P::pixel) {
            let count = (LANES - r % LANES).min(pixels.len());
            let (own, others) = pixels.split_at_mut(count);
            let (own_contexts, rest) = contexts.split_at_mut(count * codec.width());
            // Of these, differences may have more than 32 bits once they are multiplied.
            if self.levels > 1024 {
                step.look::<P, true>(plane, r - r % LANES, own, sight, own_contexts);
            } else {
                step.look::<P, false>(plane, r - r % LANES, own, sight, own_contexts);
            }
            (pixels, contexts) = (others, rest);
        }
    }

    /// Learns the symbol of a pixel that has been looked at.
    #[inline(always)]
    pub fn learn(&mut self, pixel: &Pixel, symbol: u32) {
        let Some(plane) = &mut self.planes[pixel.plane] else { return };
        let Pixel { r, q, .. } = *pixel;
        let x = symbol as i32;
        self.skew.set(&mut plane.x, r, q, symbol as u16);
        self.skew.set(&mut plane.p, r, q, pixel.prediction);
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
    /// Finds what the pixels of a time see.
    #[inline(always)]
    fn find(&mut self, codec: &Predictive, skew: &Skew, time: usize, refs: usize) {
        let find = |offsets: &Offsets, places: &mut Vec<usize>| {
            places.clear();
            let offsets = offsets.lists(refs).into_iter().flatten();
            places.extend(offsets.map(|&offset| skew.around(time, offset)));
        };
        find(&codec.window, &mut self.window);
        self.inputs.resize_with(codec.predictors.len(), Vec::new);
        for (predictor, places) in codec.predictors.iter().zip(&mut self.inputs) {
            find(&predictor.offsets, places);
        }
    }
}

/// What the pixels of a step and a plane have in common.
struct Step<'a> {
    codec: &'a Predictive,
    levels: i32,
    skew: &'a Skew,
    time: usize,
    references: [Option<&'a Plane>; 2],
}

impl Step<'_> {
    /// Predicts pixels, the rows of which are some of the `LANES` rows from `top` on, and makes their contexts.
    #[inline(always)]
    fn look<P: HasPixel, const DEEP: bool>(
        &self,
        plane: &mut Plane,
        top: usize,
        pixels: &mut [P],
        sight: &mut Sight,
        contexts: &mut [i16],
    ) {
        let Step { codec, levels, skew, time, references } = *self;
        let Plane { x, p, errors: Some(errors), sums: all_sums, refs, .. } = plane else { return };
        let count = codec.predictors.len();
        let highest = i64::from(levels - 1) << 8;
        let planes = [Some(&x[..]), references[0].map(|plane| &plane.x[..]), references[1].map(|plane| &plane.x[..])];
        let planes = planes.map(|x| x.unwrap_or(&[]));
        let mut near = [0; 5];
        for (place, offset) in near.iter_mut().zip([[0, -1], [-1, 0], [-1, -1], [-1, 1], [0, 0]]) {
            *place = skew.around(time, offset) + top;
        }
        let [left, above, corner, right, here] = near;
        let mut medians = [[0; LANES]; 3];
        for (median, x) in medians.iter_mut().zip(&planes[..=*refs]) {
            let (a, b, c) = (eight(x, left), eight(x, above), eight(x, corner));
            for l in 0..LANES {
                median[l] = (a[l] + b[l] - c[l]).min(a[l].max(b[l])).max(a[l].min(b[l]));
            }
        }

        // The lanes of other rows mean nothing.
        let mut recent: [Errors; LANES] = [[0; 8]; LANES];
        for pixel in pixels.iter_mut().map(P::pixel) {
            recent[pixel.r % LANES] = recent_errors(errors.around(pixel.r, pixel.q));
        }
        let mut normals = [Unit::default(); LANES];
        let mut predictions = [[0; LANES]; 8];
        for l in 0..LANES {
            normals[l] = Unit::new(recent[l][BLEND] + 64);
            predictions[0][l] = medians[0][l] << 8;
        }
        for (j, sums) in all_sums.iter_mut().enumerate() {
            let values = &mut sight.values[..sight.inputs[j].len()];
            let mut waiting = values.iter_mut().zip(&sight.inputs[j]);
            for (i, offsets) in codec.predictors[j].offsets.lists(*refs).into_iter().enumerate() {
                for (value, place) in waiting.by_ref().take(offsets.len()) {
                    *value = differences(eight(planes[i], place + top), medians[i]);
                }
            }
            let moved = sums.predict::<DEEP>(top, values);
            for l in 0..LANES {
                let prediction = i64::from(predictions[0][l]) + ((moved[l] + 8) >> 4);
                predictions[1 + j][l] = prediction.clamp(0, highest) as i32;
            }
            for value in values.iter_mut() {
                for l in 0..LANES {
                    value[l] = normalised(value[l], normals[l]);
                }
            }
            for pixel in pixels.iter_mut().map(P::pixel) {
                sums.note(pixel.r, pixel.q, values);
            }
        }

        let mut units = [Unit::new(16); LANES];
        for pixel in pixels.iter_mut().map(P::pixel) {
            let l = pixel.r % LANES;
            let mut own = [0; 8];
            for (own, predictions) in own.iter_mut().zip(&predictions) {
                *own = predictions[l];
            }
            own[BLEND] = blend(&own[1..=count], &recent[l][1..=count]);
            predictions[BLEND][l] = own[BLEND];
            let mut indices = [0; 8];
            for (index_of, error) in indices.iter_mut().zip(&recent[l]) {
                *index_of = index(error + 16);
            }
            units[l] = Unit::of_index(indices[BLEND]);
            pixel.median = medians[0][l];
            pixel.predictions = own;
            pixel.prediction = own[BLEND];
            pixel.normal = normals[l];
            pixel.unit = units[l];
            pixel.indices = indices;
        }
        let prediction = predictions[BLEND];
        let mut see = See::<DEEP> { seen: &mut sight.seen, count: 0, rho: [0; LANES], shift: [0; LANES] };
        for (l, unit) in units.iter().enumerate() {
            (see.rho[l], see.shift[l]) = (unit.rho, unit.lead as i32 - 4);
        }
        let mut places = sight.window.iter();
        for (i, offsets) in codec.window.lists(2).into_iter().enumerate() {
            if i > *refs {
                see.skip(offsets.len());
                continue;
            }
            let base = match if i > 0 { references[i - 1] } else { None } {
                Some(reference) => numbers(&reference.p, here),
                None => prediction,
            };
            for place in places.by_ref().take(offsets.len()) {
                see.put(eight(planes[i], place + top), base);
            }
        }
        for own in &predictions[..=count] {
            see.put([0; LANES], differences(prediction, *own));
        }
        for place in [left, above, corner, right] {
            see.put(eight(x, place), numbers(p, place));
        }
        see.put([0; LANES], differences([0; LANES], prediction));
        see.put([levels - 1; LANES], prediction);

        let width = codec.width();
        for (pixel, context) in pixels.iter_mut().map(P::pixel).zip(contexts.chunks_exact_mut(width)) {
            write_context(codec, &sight.seen, *refs, levels, pixel, context);
        }
    }
}

/// The differences of pixels, in their units.
struct See<'a, const DEEP: bool> {
    seen: &'a mut [[u16; LANES]; DIFFERENCES],
    count: usize,
    rho: Lanes,
    /// lead - 4
    shift: Lanes,
}

impl<const DEEP: bool> See<'_, DEEP> {
    /// Puts down the places of see(d), d the differences of symbols, in units of 2^-8, and bases.
    #[inline(always)]
    fn put(&mut self, symbols: Lanes, base: Lanes) {
        let seen = &mut self.seen[self.count % DIFFERENCES];
        let place = |scaled: i32, shift: i32| ((scaled >> shift).clamp(-1024, 1023) + 1024) as u16;
        if DEEP {
            for l in 0..LANES {
                let d = (symbols[l] << 8) - base[l];
                // The high and the low bits apart, so that 32 bits are enough.
                let scaled = (d >> 8) * self.rho[l] + (((d & 255) * self.rho[l]) >> 8);
                seen[l] = place(scaled, self.shift[l]);
            }
        } else {
            for l in 0..LANES {
                let d = (symbols[l] << 8) - base[l];
                seen[l] = place((d * self.rho[l]) >> 8, self.shift[l]);
            }
        }
        self.count += 1;
    }

    /// Puts down that of see(0) so many times.
    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.seen[self.count..][..count].fill([1024; LANES]);
        self.count += count;
    }
}

/// The symbols that stand from a place on.
#[inline(always)]
fn eight(x: &[u16], place: usize) -> Lanes {
    let mut own = [0; LANES];
    for (own, &x) in own.iter_mut().zip(&x[place..][..LANES]) {
        *own = x.into();
    }
    own
}

#[inline(always)]
fn numbers(p: &[i32], place: usize) -> Lanes {
    let mut own = [0; LANES];
    own.copy_from_slice(&p[place..][..LANES]);
    own
}

#[inline(always)]
fn differences(a: Lanes, b: Lanes) -> Lanes {
    let mut own = [0; LANES];
    for l in 0..LANES {
        own[l] = a[l] - b[l];
    }
    own
}

/// The inputs of a pixel's network; `seen` are the places of see(d) of its lane and others.
#[inline(always)]
fn write_context(
    codec: &Predictive,
    seen: &[[u16; LANES]; DIFFERENCES],
    refs: usize,
    levels: i32,
    pixel: &Pixel,
    context: &mut [i16],
) {
    let Pixel { r, q, prediction, unit, indices, .. } = *pixel;
    let predictions = codec.predictors.len() + 1;
    let lane = r % LANES;
    let (own, context) = context.split_at_mut(codec.window.len() + predictions);
    let (units, context) = context.split_at_mut(predictions);
    let (around, others) = context.split_at_mut(6);
    let (first, last) = seen.split_at(own.len());
    for (out, places) in [(own, first), (around, last)] {
        for (out, places) in out.iter_mut().zip(places) {
            *out = codec.see[places[lane] as usize & 2047].into();
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
