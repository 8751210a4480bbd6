//! The pixels of a step, which do not depend on each other, looked at together (model-format.md, M4).

use crate::networks::network::{Network, Scratch};
use crate::planes::least_squares::Solver;
use crate::planes::pixel::{Pixel, Planes, Sight};
use crate::planes::predictive::{Predictive, Predictor};
use crate::planes::sums::{entry, Sums};
use crate::processor::simd::wide;

/// What has the planes of an item.
pub trait HasPlanes {
    fn planes(&mut self) -> Option<&mut Planes>;
}

/// What has a pixel of a step.
pub trait HasPixel {
    fn pixel(&mut self) -> &mut Pixel;
}

impl HasPlanes for Planes {
    fn planes(&mut self) -> Option<&mut Planes> {
        Some(self)
    }
}

impl HasPixel for Pixel {
    fn pixel(&mut self) -> &mut Pixel {
        self
    }
}

/// How many systems of least squares are solved at a time.
const LANES: usize = 4;

/// Systems of one size that wait to be solved.
#[derive(Default)]
struct Systems {
    solver: Solver<LANES>,
    /// S of each.
    h: [Vec<i32>; LANES],
    inputs: usize,
    /// The item, the plane and the row of each.
    owners: Vec<[usize; 3]>,
    weights: Vec<[i32; LANES]>,
}

/// What is needed while the pixels of a step are looked at.
#[derive(Default)]
pub struct Front {
    /// The values of the network, for all pixels.
    pub scratch: Scratch,
    systems: Systems,
    sight: Sight,
}

impl Front {
    /// Predicts pixels, and runs the network for all of them.
    pub fn look<I: HasPlanes, P: HasPixel>(
        &mut self,
        codec: &Predictive,
        network: &Network,
        items: &mut [I],
        pixels: &mut [P],
    ) {
        for pixel in pixels.iter_mut().map(P::pixel) {
            if let Some(planes) = items[pixel.item].planes() {
                planes.begin(codec, pixel.plane);
            }
        }
        for j in 0..codec.predictors.len() {
            self.systems.weigh(codec, j, items, pixels);
        }
        self.scratch.values.resize_with(network.values.len(), Vec::new);
        let source = &mut self.scratch.values[0];
        source.resize(pixels.len() * codec.width(), 0);
        see_all(codec, items, pixels, &mut self.sight, source);
        network.run_items(&mut self.scratch, pixels.len());
        let [weight, mean, scale] = [0, 1, 2].map(|i| &self.scratch.values[codec.outputs[i]][..]);
        let count = codec.mixture.components;
        for (i, pixel) in pixels.iter_mut().map(P::pixel).enumerate() {
            let own = i * count..(i + 1) * count;
            codec.mixture.components(count, &weight[own.clone()], &mean[own.clone()], &scale[own], &mut pixel.parts);
        }
    }
}

wide! {
    /// Predicts pixels, and makes their contexts, the source of the network.
    fn see_all['a, I: HasPlanes, P: HasPixel]['a, I, P](
        codec: &'a Predictive,
        items: &'a mut [I],
        pixels: &'a mut [P],
        sight: &'a mut Sight,
        contexts: &'a mut [i16],
    ) {
        let (mut pixels, mut contexts) = (pixels, contexts);
        while let Some(&mut Pixel { item, plane, .. }) = pixels.first_mut().map(P::pixel) {
            let own = |pixel: &mut P| {
                let pixel = pixel.pixel();
                pixel.item == item && pixel.plane == plane
            };
            let count = pixels.iter_mut().position(|pixel| !own(pixel)).unwrap_or(pixels.len());
            let (of_plane, others) = pixels.split_at_mut(count);
            let (own, rest) = contexts.split_at_mut(count * codec.width());
            if let Some(planes) = items[item].planes() {
                planes.look(codec, of_plane, sight, own);
            }
            (pixels, contexts) = (others, rest);
        }
    }
}

wide! {
    fn begin_cell['a]['a](
        sums: &'a mut Sums,
        predictor: &'a Predictor,
        r: usize,
        k: usize,
        h: &'a mut Vec<i32>,
    ) {
        sums.begin_cell(predictor, r, k, h);
    }
}

impl Systems {
    /// Makes the weights of a predictor for the pixels that begin a cell.
    fn weigh<I: HasPlanes, P: HasPixel>(&mut self, codec: &Predictive, j: usize, items: &mut [I], pixels: &mut [P]) {
        let predictor = &codec.predictors[j];
        for &mut Pixel { item, plane, r, q, .. } in pixels.iter_mut().map(P::pixel) {
            if q % predictor.cell > 0 {
                continue;
            }
            let Some(inputs) = items[item].planes().and_then(|planes| planes.sums(plane, j)).map(|sums| sums.inputs)
            else {
                continue;
            };
            if self.owners.len() == LANES || self.inputs != inputs {
                self.solve(codec, j, items);
                self.inputs = inputs;
            }
            if let Some(sums) = items[item].planes().and_then(|planes| planes.sums(plane, j)) {
                begin_cell(sums, predictor, r, q / predictor.cell, &mut self.h[self.owners.len()]);
                self.owners.push([item, plane, r]);
            }
        }
        self.solve(codec, j, items);
    }

    fn solve<I: HasPlanes>(&mut self, codec: &Predictive, j: usize, items: &mut [I]) {
        if self.owners.is_empty() {
            return;
        }
        let n = self.inputs;
        self.weights.resize(n, [0; LANES]);
        // What stands in a lane without a system means nothing.
        let size = self.h[0].len();
        self.h.iter_mut().for_each(|h| h.resize(size, 0));
        let h = self.h.each_ref().map(|h| &h[..size]);
        let of = |i: usize, j: usize| {
            let place = entry(i, j, n);
            h.map(|h| f64::from(h[place]))
        };
        self.solver.solve(of, n, codec.predictors[j].ridge, 12, 32767.0, &mut self.weights);
        for (lane, [item, plane, r]) in self.owners.drain(..).enumerate() {
            if let Some(sums) = items[item].planes().and_then(|planes| planes.sums(plane, j)) {
                sums.set_weights(r, self.weights.iter().map(|weights| weights[lane]));
            }
        }
    }
}
