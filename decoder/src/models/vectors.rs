//! Test vectors: a reader runs the test of each model before it uses it (model-format.md, M8).

use crate::ans::coder::{Noter, Popper};
use crate::ans::message::Message;
use crate::foundations::error::{demand, Result};
use crate::foundations::sha256::{hex, sha256, Sha256};
use crate::foundations::splitmix::Outputs;
use crate::models::model::{Codec, Model, Starts, TestItems};
use crate::networks::network::{Network, Scratch};
use crate::series::rules::{self as series, inputs_of_channel, Series};
use crate::types::image::Image;
use crate::types::tensor::triangle;
use crate::wavefront::rules::{self, Wavefront};

const SECTION: &str = "model-format.md, M8";

impl Model {
    /// Runs the test of the model.
    pub fn test(&self) -> Result<()> {
        crate::models::cost::check_test(self)?;
        let mut drawn = Outputs::new(self.test.seed);
        let mut expected = 0;
        for (network, outputs) in self.networks.iter().zip(&self.outputs) {
            let digests = self.run_test(network, outputs, &mut drawn);
            expected += outputs.len();
            for (output, digest) in outputs.iter().zip(digests) {
                let key = format!("{}.{}", network.name, network.values[*output].name);
                let same = self.test.sha256.get(&key).is_some_and(|known| *known == digest);
                demand(same, &format!("the test of {key} fails"), SECTION)?;
            }
        }
        demand(self.test.sha256.len() == expected, "a test names outputs that do not exist", SECTION)?;
        match &self.test.items {
            Some(items) => self.test_items(items),
            None => Ok(()),
        }
    }

    /// Computes the digests of outputs of a network, over all items of the test.
    fn run_test(&self, network: &Network, outputs: &[usize], drawn: &mut Outputs) -> Vec<String> {
        let (count, size) = (self.test.count, self.test.size);
        let mut sources: Vec<Vec<i16>> = Vec::new();
        for source in &network.values[..network.sources] {
            let span = (source.high - source.low + 1) as u64;
            let draw = |_| (source.low + (u64::from(drawn.draw()) % span) as i64) as i16;
            sources.push((0..count * source.elements(size)).map(draw).collect());
        }
        let mut scratch = Scratch::default();
        let mut digests = vec![Sha256::default(); outputs.len()];
        for item in 0..count {
            scratch.values.resize_with(network.values.len(), Vec::new);
            for (i, source) in sources.iter().enumerate() {
                let length = source.len() / count;
                scratch.values[i].clear();
                scratch.values[i].extend_from_slice(&source[item * length..][..length]);
            }
            network.run(&mut scratch, size);
            for (digest, &output) in digests.iter_mut().zip(outputs) {
                for &bits in &scratch.values[output] {
                    digest.update(&network.values[output].number(bits).to_le_bytes());
                }
            }
        }
        digests.into_iter().map(|digest| hex(&digest.finish())).collect()
    }

    /// Pushes the items of the test, and pops them again.
    fn test_items(&self, items: &TestItems) -> Result<()> {
        let mut message = Message::infinite();
        let first = message.clone();
        let mut pushed = Vec::new();
        for &seed in &items.seeds {
            let mut drawn = Outputs::new(seed);
            let image = draw_image(items, &mut drawn);
            let starts = Starts::draw(self.x_codec(), items.shape[3], &mut drawn);
            let mut noter = Noter::default();
            let mut images = [image];
            self.x_codec().code_images(&mut noter, &mut images, &starts)?;
            noter.push(&mut message);
            let [image] = images;
            pushed.push((image, starts));
        }
        let digest = hex(&sha256(&message.to_bytes()));
        demand(digest == items.sha256, "the test of items fails", SECTION)?;
        for (image, starts) in pushed.iter().rev() {
            let shape = [image.slices, image.rows, image.columns, image.channels];
            let mut images = [Image::new(shape, image.levels, false)];
            self.x_codec().code_images(&mut Popper::new(&mut message), &mut images, starts)?;
            demand(images[0].symbols == image.symbols, "the test of items does not restore its items", SECTION)?;
        }
        message.reduce();
        demand(message == first, "the test of items does not restore its message", SECTION)
    }
}

/// The symbols of an item of the test.
fn draw_image(items: &TestItems, drawn: &mut Outputs) -> Image {
    let mut image = Image::new(items.shape, items.levels, false);
    let [_, rows, columns, channels] = items.shape;
    let levels = i64::from(items.levels);
    let spread = (levels / 64).max(1);
    for i in 0..image.symbols.len() {
        let (r, q) = (i / (columns * channels) % rows, i / channels % columns);
        let at = |inside: bool, back: usize| if inside { i64::from(image.symbols[i - back]) } else { levels / 2 };
        let (left, above) = (at(q > 0, channels), at(r > 0, columns * channels));
        let noise = i64::from(drawn.draw()) % (2 * spread + 1) - spread;
        image.symbols[i] = (((left + above) >> 1) + noise).clamp(0, levels - 1) as u16;
    }
    image
}

impl Starts {
    fn draw(codec: &Codec, channels: usize, drawn: &mut Outputs) -> Starts {
        match codec {
            Codec::Wavefront(codec) => Starts::Wavefront(draw_wavefront(codec, drawn)),
            Codec::Series(codec) => Starts::Series(draw_series(codec, channels, drawn)),
            _ => Starts::None,
        }
    }
}

/// B = V^T V for n inputs, its lower triangle row by row.
fn draw_matrix(n: usize, drawn: &mut Outputs) -> Vec<i64> {
    let mut matrix = vec![0; triangle(n)];
    for _ in 1..n {
        let row: Vec<i64> = (0..=n).map(|_| i64::from(drawn.draw() % 1201) - 600).collect();
        let mut place = 0;
        for a in 0..=n {
            for b in 0..=a {
                matrix[place] += row[a] * row[b];
                place += 1;
            }
        }
    }
    matrix
}

/// The same, with a matrix so nearly singular that rounding affects the weights.
fn draw_singular(n: usize, ridge: i64, drawn: &mut Outputs) -> Vec<i64> {
    let mut matrix = draw_matrix(n, drawn);
    for i in 0..n {
        let entry = &mut matrix[triangle(i) - 1];
        *entry = (*entry - ridge).max(0);
    }
    matrix
}

fn draw_wavefront(codec: &Wavefront, drawn: &mut Outputs) -> rules::Starts {
    rules::INPUTS.map(|n| draw_singular(n, codec.ridge as i64, drawn).iter().map(|&entry| entry as i32).collect())
}

fn draw_series(codec: &Series, channels: usize, drawn: &mut Outputs) -> series::Starts {
    let mut starts = Vec::new();
    for channel in 0..channels {
        let mut own = Vec::new();
        for predictor in &codec.predictors {
            let inputs = inputs_of_channel(predictor, channel, channels);
            let n = inputs.len();
            let mut matrix: Vec<f64> = draw_matrix(n, drawn).iter().map(|&entry| entry as f64).collect();
            let keep = 1.0 - 1.0 / f64::from(1 << predictor.forgetting);
            let power = if inputs.iter().any(|&[b, _]| b == 0) { keep } else { keep * keep };
            for i in 0..n {
                matrix[triangle(i) - 1] -= predictor.ridge / power;
            }
            own.push(matrix);
        }
        starts.push(own);
    }
    starts
}
