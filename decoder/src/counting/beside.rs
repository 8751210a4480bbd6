//! Contexts beside a network: what `counts` says (model-format.md, M6.4).

use crate::ans::coder::Coder;
use crate::counting::contexts::{Extra, Shape, Spec};
use crate::counting::counted::{Beside, Counted, Head};
use crate::counting::mixing;
use crate::counting::terms::{log2_up, Allowed};
use crate::foundations::error::{demand, Result};
use crate::foundations::json::Fields;
use crate::networks::network::Network;
use crate::networks::parts::Parts;
use crate::planes::predictive::{Predictive, Starts};
use crate::types::image::Image;

const SECTION: &str = "model-format.md, M6.4";

/// The codec `predictive`, and the contexts beside its network where there are any.
pub struct PredictiveCodec {
    pub planes: Predictive,
    pub counts: Option<Counted>,
}

impl PredictiveCodec {
    pub fn read(fields: &mut Fields, levels: u32, parts: &mut Parts) -> Result<Self> {
        let planes = Predictive::read(fields, parts)?;
        let mut counts = None;
        if let Some(json) = fields.optional("counts") {
            let mut network = parts.take_network(planes.network)?;
            counts = Some(read_counts(json.fields("counts")?, levels, &planes, &mut network)?);
            parts.put_network(planes.network, network);
        }
        Ok(PredictiveCodec { planes, counts })
    }

    /// Codes the images of a batch; tests bring their own starts.
    pub fn code<C: Coder>(&self, coder: &mut C, networks: &[Network], images: &mut [Image], starts: Option<&Starts>) {
        let network = &networks[self.planes.network];
        match &self.counts {
            Some(counts) => mixing::code(counts, coder, images, Some((&self.planes, network, starts))),
            None => self.planes.code(coder, network, images, starts),
        }
    }
}

/// Reads the keys of `counts`.
fn read_counts(mut fields: Fields, levels: u32, planes: &Predictive, network: &mut Network) -> Result<Counted> {
    let (precision, lag, width) = (planes.precision, planes.lag, planes.width());
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
    let shape =
        Shape { levels, depth, slot, trust, is_candidate: false, quantiles: quantiles.is_some(), odds: true, allowed };
    let mut tree = Spec::read(&mut fields, &shape, None)?;
    fields.end()?;
    tree.extra = Some(Extra::One);
    if features.is_some() {
        tree.features = width + feature_channels;
    }
    let beside = Some(Beside { sure, quantiles: quantiles.is_some(), features, feature_channels });
    Ok(Counted {
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
    })
}
