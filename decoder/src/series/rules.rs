//! The description of the codec `series` (model-format.md, M5).

use crate::ans::coder::Coder;
use crate::foundations::error::Result;
use crate::foundations::json::Fields;
use crate::series::items::Item;
use crate::types::image::Image;

pub struct Predictor {
    /// Pairs [b, d] of steps and channels back.
    pub inputs: Vec<[i64; 2]>,
    pub forgetting: i32,
    pub every: usize,
    pub ridge: f64,
}

pub struct Series {
    pub precision: u32,
    pub predictors: Vec<Predictor>,
    pub scales: Vec<i64>,
}

/// The matrices of tests, for each channel and each predictor.
pub type Starts = Vec<Vec<Vec<f64>>>;

impl Series {
    pub fn read(fields: &mut Fields, levels: u32) -> Result<Self> {
        let log = 32 - (levels - 1).leading_zeros();
        let precision = fields.integer("precision", 20.max(i64::from(log) + 4), 24)? as u32;
        let mut predictors = Vec::new();
        for json in fields.take("predictors")?.list_of(1, 4, "predictors")? {
            let mut fields = json.fields("a predictor")?;
            let mut inputs = Vec::new();
            for pair in fields.take("inputs")?.list_of(1, 64, "inputs")? {
                let pair = pair.list_of(2, 2, "an input")?;
                let b = pair[0].integer(0, 64, "an input")?;
                inputs.push([b, pair[1].integer(if b == 0 { 1 } else { -64 }, 64, "an input")?]);
            }
            let forgetting = fields.integer("forgetting", 1, 14)? as i32;
            let every = fields.integer("every", 1, 4096)? as usize;
            let ridge = fields.integer("ridge", 1, 1 << 20)? as f64;
            fields.end()?;
            predictors.push(Predictor { inputs, forgetting, every, ridge });
        }
        let scales = fields.take("scales")?.integers_up_to(16, 1, 65536, "scales")?;
        Ok(Series { precision, predictors, scales })
    }

    /// Codes the items of a batch. starts: those of tests.
    pub fn code<C: Coder>(&self, coder: &mut C, images: &mut [Image], starts: Option<&Starts>) {
        for image in images {
            let mut item = Item::new(self, image, starts);
            for place in 0..image.symbols.len() {
                coder.step();
                item.code_symbol(self, coder, &mut image.symbols, place);
            }
        }
    }
}

/// The existing inputs of a predictor in a channel, as [b, channel].
pub fn inputs_of_channel(predictor: &Predictor, channel: usize, channels: usize) -> Vec<[usize; 2]> {
    let pairs = predictor.inputs.iter().map(|&[b, d]| (b as usize, channel as i64 - d));
    pairs.filter(|&(_, c)| (0..channels as i64).contains(&c)).map(|(b, c)| [b, c as usize]).collect()
}
