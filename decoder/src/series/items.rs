//! Codes an item of a series: predictions, distributions and learning (model-format.md, M5).

use crate::ans::coder::{logistic, mixture_bound, Coder};
use crate::foundations::tables;
use crate::series::least_squares::Solver;
use crate::series::rules::{inputs_of_channel, Series, Starts};
use crate::types::image::Image;
use crate::types::tensor::triangle;

/// A recent error of a shift.
#[derive(Clone, Copy)]
struct Recent {
    sum: i64,
    shift: u32,
}

impl Recent {
    fn new(levels: i64, shift: u32) -> Self {
        Recent { sum: ((levels << 8) >> 5) << shift, shift }
    }

    fn value(self) -> i64 {
        self.sum >> self.shift
    }

    fn learn(&mut self, error: i64) {
        self.sum += error - (self.sum >> self.shift);
    }
}

/// The state of a predictor in a channel.
struct Learner {
    inputs: Vec<[usize; 2]>,
    /// A, its lower triangle row by row.
    matrix: Vec<f64>,
    weights: Vec<i32>,
    values: Vec<i64>,
}

struct Channel {
    mean: i64,
    learners: Vec<Learner>,
    /// E0, E1, ...
    recent: Vec<Recent>,
    quick: Recent,
    slow: Recent,
    unit: Recent,
    shares: Vec<i64>,
}

pub struct Item {
    channels: Vec<Channel>,
    levels: i64,
    solver: Solver,
    predictions: Vec<i64>,
    weight: Vec<i64>,
    inverse_scale: Vec<i64>,
}

impl Item {
    pub fn new(codec: &Series, image: &Image, starts: Option<&Starts>) -> Self {
        let levels = i64::from(image.levels);
        let count = 2 * codec.scales.len();
        let channel = |c: usize| Channel {
            mean: (levels >> 1) << 16,
            learners: codec
                .predictors
                .iter()
                .enumerate()
                .map(|(j, predictor)| {
                    let inputs = inputs_of_channel(predictor, c, image.channels);
                    let n = inputs.len();
                    let matrix = match starts {
                        Some(starts) => starts[c][j].clone(),
                        None => vec![0.0; triangle(n)],
                    };
                    Learner { inputs, matrix, weights: vec![0; n], values: vec![0; n + 1] }
                })
                .collect(),
            recent: vec![Recent::new(levels, 4); codec.predictors.len() + 1],
            quick: Recent::new(levels, 3),
            slow: Recent::new(levels, 6),
            unit: Recent::new(levels, 5),
            shares: vec![(1 << 21) / count as i64; count],
        };
        Item {
            channels: (0..image.channels).map(channel).collect(),
            levels,
            solver: Solver::default(),
            predictions: Vec::new(),
            weight: vec![0; count],
            inverse_scale: vec![0; count],
        }
    }

    pub fn code_symbol<C: Coder>(&mut self, codec: &Series, coder: &mut C, symbols: &mut [u16], place: usize) {
        let count = self.channels.len();
        let (t, c) = (place / count, place % count);
        let mean = |channel: &Channel| (channel.mean + (1 << 15)) >> 16;
        let top = (self.levels - 1) << 8;
        let own_mean = mean(&self.channels[c]);
        self.predictions.clear();
        self.predictions.push(if t == 0 { own_mean << 8 } else { i64::from(symbols[place - count]) << 8 });
        for (j, predictor) in codec.predictors.iter().enumerate() {
            let mut learner = std::mem::replace(
                &mut self.channels[c].learners[j],
                Learner { inputs: Vec::new(), matrix: Vec::new(), weights: Vec::new(), values: Vec::new() },
            );
            if t > 0 && (t <= 64 || t % predictor.every == 0) {
                self.solver.solve(&learner.matrix, predictor.ridge, &mut learner.weights);
            }
            for (value, &[b, channel]) in learner.values.iter_mut().zip(&learner.inputs) {
                *value = if b > t {
                    0
                } else {
                    i64::from(symbols[(t - b) * count + channel]) - mean(&self.channels[channel])
                };
            }
            let sum: i64 = learner.weights.iter().zip(&learner.values).map(|(&w, u)| i64::from(w) * u).sum();
            self.predictions.push(((own_mean << 8) + ((sum + 128) >> 8)).clamp(0, top));
            self.channels[c].learners[j] = learner;
        }
        let channel = &mut self.channels[c];
        let prediction = blend(&self.predictions, &channel.recent);
        let half = codec.scales.len();
        for (k, v) in self.inverse_scale.iter_mut().enumerate() {
            let error = if k < half { channel.quick.value() } else { channel.slow.value() };
            let s = ((error * codec.scales[k % half]) >> 8).max(8);
            *v = ((1 << 24) / s).max(1);
        }
        let total: i64 = channel.shares.iter().sum();
        let (mut sum, mut before) = (0, 0);
        for (weight, share) in self.weight.iter_mut().zip(&channel.shares) {
            sum += share;
            let bound = (sum << 16) / total;
            *weight = bound - before;
            before = bound;
        }
        let table = tables::logistic_cdf();
        let (weight, inverse_scale) = (&self.weight, &self.inverse_scale);
        let value = |k: usize, c: u32| logistic(table, (((2 * i64::from(c) - 1) << 7) - prediction) * inverse_scale[k]);
        let (r, levels) = (codec.precision, self.levels as u32);
        let bound = |c: u32| {
            let sum = (0..weight.len()).map(|k| weight[k] * value(k, c)).sum();
            mixture_bound(c, sum, levels, r)
        };
        let known = if C::KNOWN { symbols[place].into() } else { (prediction >> 8) as u32 };
        let symbol = coder.search(r, levels, known, bound);
        symbols[place] = symbol as u16;
        // Learns the symbol.
        let value = |k: usize, c: u32| match c {
            0 => 0,
            c if c == levels => 1 << 28,
            c => value(k, c),
        };
        let likely: Vec<i64> =
            (0..weight.len()).map(|k| weight[k] * (value(k, symbol + 1) - value(k, symbol) + 1)).collect();
        let norm = (likely.iter().sum::<i64>() >> 4).max(1);
        for (share, l) in channel.shares.iter_mut().zip(&likely) {
            *share = (*share + (l << 12) / norm - (*share >> 5)).max(256);
        }
        let x = i64::from(symbol);
        let unit = channel.unit.value() + 16;
        for (learner, predictor) in channel.learners.iter_mut().zip(&codec.predictors) {
            learner.learn(x - own_mean, unit, predictor.forgetting);
        }
        for (recent, prediction) in channel.recent.iter_mut().zip(&self.predictions) {
            recent.learn(((x << 8) - prediction).abs());
        }
        let error = ((x << 8) - prediction).abs();
        channel.quick.learn(error);
        channel.slow.learn(error);
        channel.unit.learn(error);
        channel.mean += ((x << 16) - channel.mean).div_euclid((t as i64 + 1).min(4096));
    }
}

impl Learner {
    fn learn(&mut self, target: i64, unit: i64, forgetting: i32) {
        let n = self.inputs.len();
        self.values[n] = target;
        let lead = unit.ilog2();
        let rho = [256, 205, 171, 146][(unit >> (lead - 2)) as usize & 3];
        let scaled = |u: i64| ((u * rho * 64) >> lead).clamp(-32767, 32767) as f64;
        let keep = 1.0 - 1.0 / f64::from(1 << forgetting);
        let v: Vec<f64> = self.values.iter().map(|&u| scaled(u)).collect();
        let mut rest = &mut self.matrix[..];
        for a in 0..=n {
            let (row, behind) = std::mem::take(&mut rest).split_at_mut(a + 1);
            rest = behind;
            for (sum, b) in row.iter_mut().zip(&v) {
                *sum = *sum * keep + v[a] * b;
            }
        }
    }
}

fn blend(predictions: &[i64], recent: &[Recent]) -> i64 {
    let m = recent.iter().map(|recent| recent.value()).min().unwrap_or(0) + 16;
    let (mut sum, mut total) = (0, 0);
    for (prediction, recent) in predictions.iter().zip(recent) {
        let h = (m << 12) / (recent.value() + 16);
        let g = ((h * h) >> 12) * ((h * h) >> 12);
        sum += g * prediction;
        total += g;
    }
    (sum + (total >> 1)) / total
}
