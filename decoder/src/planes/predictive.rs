//! The codec `predictive` (model-format.md, M4).

use crate::ans::coder::Coder;
use crate::foundations::error::{demand, Result};
use crate::foundations::json::Fields;
use crate::networks::family::{component_count, read_outputs, Mixture};
use crate::networks::network::Network;
use crate::networks::parts::Parts;
use crate::planes::front::Front;
use crate::planes::jpeg;
use crate::planes::least_squares::triangle;
use crate::planes::offsets::{Offsets, SECTION};
use crate::planes::pixel::{Pixel, Planes};
use crate::processor::simd::wide;
use crate::types::image::Image;
use crate::types::value::{Place, Value};

/// A predictor, and the sums that it starts from for 0, 1 and 2 references.
pub struct Predictor {
    pub cell: usize,
    pub decay: [i64; 3],
    pub ridge: f64,
    pub offsets: Offsets,
    pub start: [Vec<i32>; 3],
}

pub struct Predictive {
    pub precision: u32,
    pub predictors: Vec<Predictor>,
    pub window: Offsets,
    pub network: usize,
    pub outputs: Vec<usize>,
    pub see: Box<[u8; 2048]>,
    pub mixture: Mixture,
    pub lag: usize,
    pub delay: usize,
}

/// The starts of tests, for each predictor and each number of references.
pub type Starts = Vec<[Vec<i32>; 3]>;

impl Predictive {
    pub fn read(fields: &mut Fields, parts: &mut Parts) -> Result<Self> {
        let precision = fields.integer("precision", 20, 24)? as u32;
        let mean_shift = fields.integer("mean_shift", 0, 9)? as u32;
        let mut predictors = Vec::new();
        for (j, json) in fields.take("predictors")?.list_of(1, 4, "predictors")?.iter().enumerate() {
            let mut fields = json.fields("a predictor")?;
            let cell = fields.integer("cell", 4, 32)? as usize;
            let decay = fields.take("decay")?.integers(0, 252, "decay")?;
            let ridge = fields.integer("ridge", 1, 1 << 20)? as f64;
            let offsets = Offsets::read(&mut fields, 32, 32)?;
            fields.end()?;
            demand(decay.iter().sum::<i64>() <= 252, "the decay of a predictor is too large", SECTION)?;
            demand(offsets.len() <= 48, "a predictor has too many offsets", SECTION)?;
            let n = offsets.len();
            let start = parts.own(&format!("x.start.{j}"), "I32", &[3, triangle(n)], -(1 << 26), 1 << 26)?;
            let mut rows = [Vec::new(), Vec::new(), Vec::new()];
            for (refs, (row, values)) in rows.iter_mut().zip(start.chunks_exact(triangle(n))).enumerate() {
                let count = offsets.counting(refs);
                let (used, behind) = values.split_at(triangle(count));
                let diagonal = (0..=count).all(|i| used[triangle(i) - 1] >= 0);
                let fits = diagonal && behind.iter().all(|&entry| entry == 0);
                demand(fits, "x.start has a negative diagonal, or no zeros behind", "model-format.md, M4.1")?;
                *row = used.iter().map(|&entry| entry as i32).collect();
            }
            predictors.push(Predictor { cell, decay, ridge, offsets, start: rows });
        }
        let mut window_fields = fields.take("window")?.fields("window")?;
        let window = Offsets::read(&mut window_fields, 112, 64)?;
        window_fields.end()?;
        let mut see = Box::new([0; 2048]);
        for (see, entry) in see.iter_mut().zip(parts.own("x.see", "U8", &[2048], 0, 127)?) {
            *see = entry as u8;
        }
        let width = window.len() + 2 * (1 + predictors.len()) + 12;
        let source = Value { name: "context".into(), channels: width, place: Place::Item, low: 0, high: 127 };
        let network = parts.network(fields.text("network")?, vec![source], true)?;
        let mut own = parts.take_network(network)?;
        let outputs = read_outputs(fields.take("outputs")?, &mut own)?;
        demand(outputs.len() == 3, "a pixel has another number of outputs", SECTION)?;
        component_count(own.values[outputs[0]].channels, 1)?;
        let mixture = Mixture::read(&own, &outputs, 1, mean_shift, parts)?;
        let (lag, delay) = order(&predictors, &window);
        parts.put_network(network, own);
        Ok(Predictive { precision, predictors, window, network, outputs, see, mixture, lag, delay })
    }

    /// The bytes of the context of a pixel.
    pub fn width(&self) -> usize {
        self.window.len() + 2 * (1 + self.predictors.len()) + 12
    }

    /// Codes the images of a batch; tests bring their own starts.
    pub fn code<C: Coder>(&self, coder: &mut C, network: &Network, images: &mut [Image], starts: Option<&Starts>) {
        let mut numbers: Vec<usize> = (0..images.len()).collect();
        let mut items: Vec<Planes> = images.iter().map(|image| Planes::new(self, image, starts)).collect();
        let mut front = Front::default();
        let mut pixels: Vec<Pixel> = Vec::new();
        let mut time = 0;
        while !items.is_empty() {
            coder.step();
            let mut count = 0;
            for (item, &number) in numbers.iter().enumerate() {
                count = self.list(time, item, &images[number], &mut pixels, count);
            }
            let pixels = &mut pixels[..count];
            front.look(self, network, &mut items, pixels);
            code_all(self, coder, &numbers, images, &items, pixels);
            learn_all(&numbers, images, &mut items, pixels);
            time += 1;
            for item in (0..items.len()).rev() {
                let image = &images[numbers[item]];
                if time == self.delay * (image.planes() - 1) + self.lag * (image.rows - 1) + image.columns {
                    items.remove(item);
                    numbers.remove(item);
                }
            }
        }
    }

    /// Lists the pixels of an item at this time.
    fn list(&self, time: usize, item: usize, image: &Image, pixels: &mut Vec<Pixel>, mut count: usize) -> usize {
        let length = self.lag * (image.rows - 1) + image.columns;
        let first = (time + 1).saturating_sub(length).div_ceil(self.delay);
        for plane in first..=(time / self.delay).min(image.planes() - 1) {
            let (own, start) = (time - plane * self.delay, image.place(plane, 0, 0));
            let top = (own + 1).saturating_sub(image.columns).div_ceil(self.lag);
            for r in top..=(own / self.lag).min(image.rows - 1) {
                if count == pixels.len() {
                    pixels.push(Pixel::default());
                }
                let pixel = &mut pixels[count];
                (pixel.item, pixel.plane, pixel.r, pixel.q) = (item, plane, r, own - r * self.lag);
                pixel.place = start + (r * image.columns + pixel.q) * image.channels;
                count += 1;
            }
        }
        count
    }

    #[inline(always)]
    fn code_symbol<C: Coder>(&self, coder: &mut C, pixel: &Pixel, image: &Image, planes: &Planes, known: u32) -> u32 {
        let bounds = pixel.bounds(self.precision, image.levels);
        if !image.jpeg || pixel.plane % 3 != 2 {
            return coder.search(self.precision, 0, image.levels, known, |c| bounds.at(c));
        }
        let sums = jpeg::sums(&bounds, planes.jpeg_colours(pixel));
        let r = self.precision;
        let known = if C::KNOWN { known } else { 128 };
        coder.search(r, 0, 256, known, |c| ((sums[c as usize] << r) / sums[256]) as u32)
    }
}

wide! {
    fn code_all['a, C: Coder]['a, C](
        codec: &'a Predictive,
        coder: &'a mut C,
        numbers: &'a [usize],
        images: &'a mut [Image],
        items: &'a [Planes],
        pixels: &'a [Pixel],
    ) {
        for pixel in pixels.iter() {
            let image = &mut images[numbers[pixel.item]];
            let known = if C::KNOWN { image.symbols[pixel.place].into() } else { pixel.guess() };
            let symbol = codec.code_symbol(coder, pixel, image, &items[pixel.item], known);
            image.symbols[pixel.place] = symbol as u16;
        }
    }
}

wide! {
    fn learn_all['a]['a](
        numbers: &'a [usize],
        images: &'a [Image],
        items: &'a mut [Planes],
        pixels: &'a [Pixel],
    ) {
        for pixel in pixels.iter() {
            let image = &images[numbers[pixel.item]];
            let symbol = image.symbols[pixel.place];
            items[pixel.item].learn(pixel, symbol.into());
        }
    }
}

/// The lag of rows and the delay of planes.
fn order(predictors: &[Predictor], window: &Offsets) -> (usize, usize) {
    let lists = || predictors.iter().map(|predictor| &predictor.offsets).chain([window]);
    let mut lag = predictors.iter().map(|predictor| 2 * predictor.cell as i64).max().unwrap_or(1);
    for &[rows, columns] in lists().flat_map(|offsets| &offsets.own) {
        if rows < 0 {
            let (over, rows) = (i64::from(columns) + 1, -i64::from(rows));
            lag = lag.max((over + rows - 1).div_euclid(rows));
        }
    }
    let reach = |&[rows, columns]: &[i32; 2]| 1 + lag * i64::from(rows) + i64::from(columns);
    let delay = lists().flat_map(Offsets::references).map(reach).max().unwrap_or(1).max(1);
    (lag as usize, delay as usize)
}
