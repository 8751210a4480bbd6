//! Contexts beside a network: what `counts` says (model-format.md, M6.4).

use crate::ans::coder::Coder;
use crate::counting::contexts::{Extra, Shape, Spec};
use crate::counting::counted::{Beside, Counted, Head};
use crate::counting::mixing;
use crate::counting::terms::{log2_up, Allowed};
use crate::foundations::error::{demand, Result};
use crate::foundations::json::Fields;
use crate::networks::network::Network;
use crate::planes::image::Image;
use crate::planes::predictive::{Predictive, Starts};

const SECTION: &str = "model-format.md, M6.4";

pub struct Counts {
    pub counted: Counted,
}

impl Counts {
    /// Reads the keys of `counts`; the context of a pixel has `width` bytes.
    pub fn read(
        mut fields: Fields,
        levels: u32,
        precision: u32,
        lag: usize,
        width: usize,
        network: &mut Network,
    ) -> Result<Counts> {
        let Head { queues, slot, trust } = Head::read(&mut fields)?;
        let sure = fields.integer("sure", 1, 28)? as u32;
        let quantiles = match fields.optional("quantiles") {
            Some(json) => Some(json.integer(1, 8, "quantiles")? as u32),
            None => None,
        };
        demand(quantiles.is_some() || levels <= 256, "counts without quantiles have too many levels", SECTION)?;
        let depth = quantiles.unwrap_or(log2_up(levels.into()));
        let (mut features, mut feature_channels) = (None, 0);
        if let Some(json) = fields.optional("features") {
            let layer = network.output(json.text("features")?)?;
            let value = &network.values[layer];
            let fits = value.channels <= 1024 && value.low >= 0 && value.high <= 255;
            demand(fits, "the features do not fit", SECTION)?;
            feature_channels = value.channels;
            features = Some(layer);
        }
        let allowed = Allowed { lag: lag as i64, candidate: false, prediction: true, inputs: width };
        let shape = Shape {
            levels,
            depth,
            slot,
            trust,
            is_candidate: false,
            quantiles: quantiles.is_some(),
            odds: true,
            allowed,
        };
        let mut tree = Spec::read(&mut fields, &shape, None)?;
        fields.end()?;
        tree.extra = Some(Extra::One);
        if features.is_some() {
            tree.features = width + feature_channels;
        }
        let beside = Some(Beside { sure, quantiles: quantiles.is_some(), features, feature_channels });
        let counted = Counted {
            precision,
            lag,
            queues,
            levels,
            depth,
            tree,
            candidate: None,
            predictors: Vec::new(),
            flat: None,
            beside,
        };
        Ok(Counts { counted })
    }

    pub fn code<C: Coder>(
        &self,
        coder: &mut C,
        codec: &Predictive,
        network: &Network,
        images: &mut [Image],
        starts: Option<&Starts>,
    ) {
        mixing::code(&self.counted, coder, images, Some((codec, network, starts)));
    }
}
