//! Families of distributions whose parameters are outputs of a network (model-format.md, M2.3).

use crate::ans::coder::{gaussian_bound, logistic, mixture_bound, normal, table_bound, Coder};
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::json::{Fields, Json};
use crate::foundations::tables;
use crate::networks::network::Network;
use crate::networks::parts::Parts;
use crate::types::value::Place;

const SECTION: &str = "model-format.md, M2.3";

/// The variable of a distribution.
#[derive(Clone, Copy)]
pub struct Over {
    pub is_x: bool,
    pub levels: u32,
    /// The bits of a latent.
    pub bits: u32,
    pub channels: usize,
    pub place: Place,
}

enum Kind {
    Gaussian {
        bits: u32,
        inverse_scale: Vec<u32>,
    },
    Bernoulli {
        probability: Vec<u32>,
    },
    /// Rows of a grid: beta-binomial, exponential.
    Grid {
        rows: Rows,
        width: usize,
    },
    Mixture(Mixture),
    Normal {
        mean_shift: u32,
        inverse_scale: Vec<i64>,
        coupled: bool,
    },
}

enum Rows {
    BetaBinomial,
    Own(Vec<u32>),
}

/// The parts that all mixtures of a network share.
struct Mixture {
    mean_shift: u32,
    exponential: Vec<u64>,
    inverse_scale: Vec<i32>,
}

/// A family of distributions, and the source of its parameters.
pub struct Family {
    pub precision: u32,
    pub network: usize,
    /// The numbers of the network's values.
    pub outputs: Vec<usize>,
    levels: u32,
    channels: usize,
    kind: Kind,
}

#[derive(Default)]
struct Components {
    count: usize,
    all: [Component; 32],
}

#[derive(Clone, Copy, Default)]
struct Component {
    weight: i32,
    mean: i32,
    inverse_scale: i32,
}

impl Components {
    /// The mean of the component with the largest weight.
    fn heaviest(&self) -> i64 {
        let (mut mean, mut most) = (0, 0);
        for own in &self.all[..self.count] {
            if own.weight > most {
                (mean, most) = (own.mean, own.weight);
            }
        }
        mean.into()
    }

    /// The weighted sum of their distribution functions.
    #[inline(always)]
    fn value(&self, table: &[i32; 2049], x: i64) -> i64 {
        let value = |own: &Component| {
            i64::from(own.weight) * logistic(table, (x - i64::from(own.mean)) * i64::from(own.inverse_scale))
        };
        self.all[..self.count].iter().map(value).sum()
    }
}

impl Mixture {
    /// Checks the outputs of a mixture for n channels.
    fn check(network: &Network, outputs: &[usize], n: usize) -> Result<()> {
        let channels = network.values[outputs[0]].channels;
        let fits = channels % n == 0 && (1..=32).contains(&(channels / n));
        demand(fits, "a mixture has too many components", SECTION)?;
        check_output(network, outputs[0], channels, 0, 255)?;
        check_output(network, outputs[1], channels, -32768, 32767)?;
        check_output(network, outputs[2], channels, 0, 255)
    }

    /// Reads the tensors of a mixture, and checks its outputs.
    fn read(network: &Network, outputs: &[usize], n: usize, mean_shift: u32, parts: &mut Parts) -> Result<Mixture> {
        Self::check(network, outputs, n)?;
        let exponential = parts.shared(&network.name, "exponential", "U32", &[256], 1, 1 << 24)?;
        let inverse_scale = parts.shared(&network.name, "inverse_scale", "U32", &[256], 1, 1 << 26)?;
        let exponential = exponential.iter().map(|&entry| entry as u64).collect();
        let inverse_scale = inverse_scale.iter().map(|&entry| entry as i32).collect();
        Ok(Mixture { mean_shift, exponential, inverse_scale })
    }

    /// Reads the components of an element from the outputs of a network.
    #[inline]
    fn components(&self, weight: &[i16], mean: &[i16], scale: &[i16], out: &mut Components) {
        let total: u64 = weight.iter().map(|&w| self.exponential[w as usize]).sum();
        let (mut sum, mut before) = (0, 0);
        out.count = weight.len();
        for k in 0..weight.len() {
            sum += self.exponential[weight[k] as usize];
            let share = ((sum << 16) / total) as i32;
            out.all[k] = Component {
                weight: share - before,
                mean: i32::from(mean[k]) << self.mean_shift,
                inverse_scale: self.inverse_scale[scale[k] as usize],
            };
            before = share;
        }
    }
}

/// Checks the channels and the range of an output.
fn check_output(network: &Network, output: usize, channels: usize, low: i64, high: i64) -> Result<()> {
    let value = &network.values[output];
    let fits = value.channels == channels && value.low >= low && value.high <= high;
    demand(fits, &format!("the output {}.{} does not fit its distribution", network.name, value.name), SECTION)
}

/// Reads the outputs that a distribution names, which must be different layers.
pub fn read_outputs(json: &Json, network: &mut Network) -> Result<Vec<usize>> {
    let mut outputs = Vec::new();
    for name in json.list_of(1, 3, "outputs")? {
        let output = network.output(name.text("an output")?)?;
        demand(!outputs.contains(&output), "two outputs are the same", SECTION)?;
        outputs.push(output);
    }
    Ok(outputs)
}

fn count_outputs(outputs: &[usize], count: usize) -> Result<()> {
    demand(outputs.len() == count, "a distribution has a wrong number of outputs", SECTION)
}

impl Family {
    /// Reads the keys of a codec, with the network that they name.
    pub fn read(codec: &str, fields: &mut Fields, over: Over, network: usize, parts: &mut Parts) -> Result<Family> {
        let mut own = parts.take_network(network)?;
        let outputs = read_outputs(fields.take("outputs")?, &mut own)?;
        for &output in &outputs {
            demand(own.values[output].place == over.place, "an output is at another place than its variable", SECTION)?;
        }
        let log = 32 - (over.levels - 1).leading_zeros();
        let (low, high) = match codec {
            "gaussian" => (over.bits + 4, 24),
            "bernoulli" => (8, 16),
            "mixture" | "normal" => (20.max(log + 4), 24),
            _ => (16, 24),
        };
        let precision = fields.integer("precision", low.into(), high)? as u32;
        let n = over.channels;
        let kind = match codec {
            "gaussian" if !over.is_x => {
                count_outputs(&outputs, 2)?;
                check_output(&own, outputs[0], n, -2048, 2047)?;
                check_output(&own, outputs[1], n, 0, 255)?;
                let scale = parts.shared(&own.name, "inverse_scale", "U32", &[256], 1 << 10, 1 << 26)?;
                Kind::Gaussian { bits: over.bits, inverse_scale: scale.iter().map(|&entry| entry as u32).collect() }
            }
            "bernoulli" if over.is_x && over.levels == 2 => {
                count_outputs(&outputs, 1)?;
                check_output(&own, outputs[0], n, 0, 255)?;
                let most = (1 << precision) - 1;
                let probability = parts.shared(&own.name, "probability", "U16", &[256], 1, most)?;
                Kind::Bernoulli { probability: probability.iter().map(|&entry| entry as u32).collect() }
            }
            "beta-binomial" if over.is_x && over.levels == 256 => {
                count_outputs(&outputs, 2)?;
                check_output(&own, outputs[0], n, 0, 63)?;
                check_output(&own, outputs[1], n, 0, 31)?;
                Kind::Grid { rows: Rows::BetaBinomial, width: 32 }
            }
            "exponential" if over.is_x && over.levels <= 256 => {
                count_outputs(&outputs, 2)?;
                let (rows, [height, width]) = read_exponential(&own.name, over.levels as usize, parts)?;
                check_output(&own, outputs[0], n, 0, height as i64 - 1)?;
                check_output(&own, outputs[1], n, 0, width as i64 - 1)?;
                Kind::Grid { rows: Rows::Own(rows), width }
            }
            "mixture" => {
                count_outputs(&outputs, 3)?;
                let mean_shift = fields.integer("mean_shift", 0, 9)? as u32;
                Kind::Mixture(Mixture::read(&own, &outputs, n, mean_shift, parts)?)
            }
            "normal" => {
                let coupled = outputs.len() == 3;
                count_outputs(&outputs, if coupled { 3 } else { 2 })?;
                check_output(&own, outputs[0], n, -32768, 32767)?;
                check_output(&own, outputs[1], n, 0, 255)?;
                if coupled {
                    demand(over.is_x && n >= 2, "coupling needs at least two channels of x", SECTION)?;
                    check_output(&own, outputs[2], n * (n - 1) / 2, -128, 127)?;
                }
                let mean_shift = fields.integer("mean_shift", 0, 9)? as u32;
                let inverse_scale = parts.shared(&own.name, "inverse_scale", "U32", &[256], 1, 1 << 26)?;
                Kind::Normal { mean_shift, inverse_scale, coupled }
            }
            _ => return refuse(format!("the codec {codec:?} is unknown, or does not fit its variable"), SECTION),
        };
        parts.put_network(network, own);
        Ok(Family { precision, network, outputs, levels: over.levels, channels: n, kind })
    }

    /// Checks the outputs of another network, which replaces that of the family for flat contexts.
    pub fn check_stand_in(&self, network: &Network, outputs: &[usize]) -> Result<()> {
        count_outputs(outputs, self.outputs.len())?;
        let n = self.channels;
        match &self.kind {
            Kind::Bernoulli { .. } => check_output(network, outputs[0], n, 0, 255),
            Kind::Grid { rows, width } => {
                let height = match rows {
                    Rows::BetaBinomial => 64,
                    Rows::Own(rows) => rows.len() / self.levels as usize / width,
                };
                check_output(network, outputs[0], n, 0, height as i64 - 1)?;
                check_output(network, outputs[1], n, 0, *width as i64 - 1)
            }
            Kind::Mixture(_) => Mixture::check(network, outputs, n),
            _ => refuse("the codec of a group is not allowed", SECTION),
        }
    }

    /// Whether the channels of x are coupled.
    pub fn is_coupled(&self) -> bool {
        matches!(self.kind, Kind::Normal { coupled: true, .. })
    }

    /// Codes elements in one step, or in a part of one. outputs: the parameters of these elements.
    pub fn code<C: Coder>(&self, coder: &mut C, outputs: &[&[i16]], symbols: &mut [u32]) {
        let (r, levels) = (self.precision, self.levels);
        match &self.kind {
            Kind::Gaussian { bits, inverse_scale } => {
                for (i, symbol) in symbols.iter_mut().enumerate() {
                    let (mean, scale) = (i32::from(outputs[0][i]) << 8, inverse_scale[outputs[1][i] as usize]);
                    let bound = |c| gaussian_bound(*bits, r, mean, scale, c);
                    *symbol = coder.search(r, levels, *symbol, bound);
                }
            }
            Kind::Bernoulli { probability } => {
                for (symbol, &logit) in symbols.iter_mut().zip(outputs[0]) {
                    *symbol = coder.bit(r, probability[logit as usize], *symbol);
                }
            }
            Kind::Grid { rows, width } => {
                for (i, symbol) in symbols.iter_mut().enumerate() {
                    let row = (outputs[0][i] as usize * width + outputs[1][i] as usize) * levels as usize;
                    let entry = |c: u32| match rows {
                        Rows::BetaBinomial => u32::from(tables::beta_binomial()[row + c as usize]),
                        Rows::Own(rows) => rows[row + c as usize],
                    };
                    *symbol = coder.search(r, levels, *symbol, |c| table_bound(entry(c), levels, r, c));
                }
            }
            Kind::Mixture(mixture) => {
                // A network for flat contexts may have a different number of components.
                let count = outputs[0].len() / symbols.len().max(1);
                let table = tables::logistic_cdf();
                let mut parts = Components::default();
                for (i, symbol) in symbols.iter_mut().enumerate() {
                    let own = |output: usize| &outputs[output][i * count..][..count];
                    mixture.components(own(0), own(1), own(2), &mut parts);
                    let bound = |c: u32| mixture_bound(c, parts.value(table, (2 * i64::from(c) - 1) << 7), levels, r);
                    let known = if C::KNOWN { *symbol } else { (parts.heaviest().max(0) >> 8) as u32 };
                    *symbol = coder.search(r, levels, known, bound);
                }
            }
            Kind::Normal { mean_shift, inverse_scale, .. } => {
                for (i, symbol) in symbols.iter_mut().enumerate() {
                    let mean = i64::from(outputs[0][i]) << mean_shift;
                    let scale = inverse_scale[outputs[1][i] as usize];
                    *symbol = self.code_normal(coder, mean, scale, *symbol);
                }
            }
        }
    }

    fn code_normal<C: Coder>(&self, coder: &mut C, mean: i64, inverse_scale: i64, known: u32) -> u32 {
        let table = tables::normal_cdf();
        let bound = |c: u32| {
            let t = (((2 * i64::from(c) - 1) << 7) - mean) * inverse_scale;
            mixture_bound(c, normal(table, t) << 16, self.levels, self.precision)
        };
        coder.search(self.precision, self.levels, known, bound)
    }

    /// Codes coupled channels, one step each. symbols: [items, places, channels].
    pub fn code_coupled<C: Coder>(&self, coder: &mut C, outputs: &[&[i16]], symbols: &mut [u32]) {
        let Kind::Normal { mean_shift, inverse_scale, .. } = &self.kind else { return };
        let n = self.channels;
        let pairs = n * (n - 1) / 2;
        for c in 0..n {
            coder.step();
            for place in 0..symbols.len() / n {
                let means = &outputs[0][place * n..][..n];
                let coupling = &outputs[2][place * pairs + c * c.saturating_sub(1) / 2..][..c];
                let apart = |j: usize| (i64::from(symbols[place * n + j]) << 8) - (i64::from(means[j]) << mean_shift);
                let sum: i64 = coupling.iter().enumerate().map(|(j, &factor)| i64::from(factor) * apart(j)).sum();
                let moved = i64::from(means[c]) + ((sum + (1 << (mean_shift + 5))) >> (mean_shift + 6));
                let mean = moved.clamp(-32768, 32767) << mean_shift;
                let scale = inverse_scale[outputs[1][place * n + c] as usize];
                let known = symbols[place * n + c];
                symbols[place * n + c] = self.code_normal(coder, mean, scale, known);
            }
        }
    }
}

/// Reads the rows of a grid of exponential distributions, and its extents.
fn read_exponential(network: &str, levels: usize, parts: &mut Parts) -> Result<(Vec<u32>, [usize; 2])> {
    let mut own = |name: &str, length: usize| parts.shared(network, name, "I16", &[length], -32768, 32767);
    let base = own("base", levels)?;
    let first = own("first_statistic", levels)?;
    let second = own("second_statistic", levels)?;
    let height = parts.length(network, "first_value")?;
    let width = parts.length(network, "second_value")?;
    let fits = (1..=256).contains(&height) && (1..=256).contains(&width) && height * width <= 4096;
    demand(fits, "a grid of distributions is too large", SECTION)?;
    let first_value = parts.shared(network, "first_value", "I16", &[height], -32768, 32767)?;
    let second_value = parts.shared(network, "second_value", "I16", &[width], -32768, 32767)?;
    let exp2 = tables::exp2();
    let mut rows = Vec::with_capacity(height * width * levels);
    for i in &first_value {
        for j in &second_value {
            let e: Vec<i64> = (0..levels).map(|c| (base[c] << 10) + i * first[c] + j * second[c]).collect();
            let most = e.iter().copied().max().unwrap_or(0);
            let weight = |e: i64| {
                let d = most - e;
                u64::from(exp2[(d >> 10) as usize & 1023] >> (d >> 20).min(31))
            };
            let total: u64 = e.iter().map(|&e| weight(e)).sum();
            let mut sum = 0u64;
            for &e in &e {
                rows.push(((sum << 16) / total) as u32);
                sum += weight(e);
            }
        }
    }
    Ok((rows, [height, width]))
}
