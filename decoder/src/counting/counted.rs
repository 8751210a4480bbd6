//! The description of the codec `counted` (model-format.md, M6).

use crate::ans::coder::Coder;
use crate::counting::contexts::{read_slot, Shape, Spec};
use crate::counting::mixing;
use crate::counting::terms::{log2_up, read_spot, Allowed, Scale, Spot, Term, SECTION};
use crate::foundations::error::{demand, Result};
use crate::foundations::json::{Fields, Json};
use crate::types::image::Image;

/// The first decision of a pixel: whether it equals its candidate.
pub struct Candidate {
    pub memory: usize,
    pub sure: u32,
    pub spec: Spec,
}

/// Flat surroundings, whose pixels are coded without contexts.
pub struct Flat {
    pub around: Vec<Spot>,
    pub regions: Vec<Vec<Spot>>,
    pub offset: u32,
    pub limit: u32,
}

pub struct Counted {
    pub precision: u32,
    pub lag: usize,
    pub queues: usize,
    pub levels: u32,
    /// D
    pub depth: u32,
    pub tree: Spec,
    pub candidate: Option<Candidate>,
    pub predictors: Vec<Term>,
    pub flat: Option<Flat>,
}

impl Counted {
    pub fn read(fields: &mut Fields, levels: u32) -> Result<Self> {
        demand(levels <= 256, "the codec counted has too many levels", SECTION)?;
        let precision = fields.integer("precision", 16, 24)? as u32;
        let lag = fields.integer("lag", 1, 4096)?;
        let queues = fields.integer("queues", 1, 256)? as usize;
        let slot = read_slot(fields.take("slot")?)?;
        let trust = fields.integer("trust", 1, 255)? as i32;
        let depth = log2_up(levels.into());
        let candidate_json = fields.optional("candidate");
        let predictors_json = fields.optional("predictors");
        let flat_json = fields.optional("flat");
        let plain = Allowed { lag, candidate: false, prediction: false };
        let mut predictors = Vec::new();
        if let Some(json) = predictors_json {
            demand(lag >= 2, "predictors need a lag of 2 or more", SECTION)?;
            for json in json.list_of(1, 32, "predictors")? {
                let term = Term::read(json, plain)?;
                let kind = matches!(term, Term::Pixel { .. } | Term::Sum { scale: Scale::Range { .. }, .. });
                demand(
                    kind && term.count(levels) <= levels,
                    "a predictor is not a sum, or has too many values",
                    SECTION,
                )?;
                predictors.push(term);
            }
        }
        let allowed = Allowed { candidate: candidate_json.is_some(), prediction: !predictors.is_empty(), ..plain };
        let shape = Shape { levels, depth, slot, trust, is_candidate: false, allowed };
        let tree = Spec::read(fields, &shape, None)?;
        let mut candidate = None;
        if let Some(json) = candidate_json {
            let mut fields = json.fields("candidate")?;
            let memory = fields.integer("memory", 0, 31)? as usize;
            let sure = fields.integer("sure", 0, 15)? as u32;
            let allowed = Allowed { candidate: true, ..plain };
            let shape = Shape { is_candidate: true, allowed, ..shape };
            let spec = Spec::read(&mut fields, &shape, Some(memory))?;
            fields.end()?;
            demand(memory < spec.contexts.len(), "the memory is not the number of a context", SECTION)?;
            candidate = Some(Candidate { memory, sure, spec });
        }
        let mut flat = None;
        if let Some(json) = flat_json {
            let alone = levels == 2 && candidate.is_none() && predictors.is_empty();
            demand(alone && tree.all_terms().all(is_plain), "flat surroundings are not allowed here", SECTION)?;
            flat = Some(Flat::read(json, lag, slot[1])?);
        }
        let lag = lag as usize;
        Ok(Counted { precision, lag, queues, levels, depth, tree, candidate, predictors, flat })
    }

    /// Codes the images of a batch.
    pub fn code<C: Coder>(&self, coder: &mut C, images: &mut [Image]) {
        mixing::code(self, coder, images);
    }

    /// All terms of contexts, mixers and predictors.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let candidate = self.candidate.iter().flat_map(|candidate| candidate.spec.all_terms());
        self.tree.all_terms().chain(candidate).chain(&self.predictors)
    }

    /// The greatest k of any term.
    pub fn term_depth(&self) -> usize {
        let flat = self.flat.iter().flat_map(|flat| flat.around.iter().chain(flat.regions.iter().flatten()));
        self.terms().map(Term::depth).chain(flat.map(|spot| spot.k)).max().unwrap_or(0)
    }
}

/// Whether a term is a pixel without change, possibly written as a sum.
fn is_plain(term: &Term) -> bool {
    match term {
        Term::Pixel { shift: 0, .. } => true,
        Term::Sum { summands, scale: Scale::Range { shift: 0, low: 0, high: 1 } } => {
            matches!(summands[..], [(_, 1)])
        }
        _ => false,
    }
}

impl Flat {
    fn read(json: &Json, lag: i64, b: u32) -> Result<Flat> {
        let spots = |json: &Json| -> Result<Vec<Spot>> {
            let list = json.list_of(1, 64, "a list of pixels")?;
            list.iter().map(|spot| read_spot(spot.list_of(3, 3, "a pixel")?, lag)).collect()
        };
        let mut fields = json.fields("flat")?;
        let around = spots(fields.take("around")?)?;
        let regions = fields.take("regions")?.list_of(0, 8, "regions")?.iter().map(spots).collect::<Result<_>>()?;
        let offset = fields.integer("offset", 16, 255)? as u32;
        let limit = fields.integer("limit", 1, (1 << b) - 1)? as u32;
        fields.end()?;
        Ok(Flat { around, regions, offset, limit })
    }
}
