//! The description of the codec `wavefront` (model-format.md, M10).

use crate::ans::coder::Coder;
use crate::foundations::error::{demand, Result};
use crate::foundations::json::Fields;
use crate::networks::parts::Parts;
use crate::types::image::Image;
use crate::types::tensor::triangle;
use crate::wavefront::decisions::Decisions;
use crate::wavefront::network::Network;
use crate::wavefront::sheet::{group, Sheets};

pub const SECTION: &str = "model-format.md, M10";

/// The numbers of inputs of least squares and of networks, for 0, 1 and 2 references.
pub const INPUTS: [usize; 3] = [18, 15, 18];
pub const FEATURES: [usize; 3] = [32, 32, 40];

/// The initial sums of least squares, for 0, 1 and 2 references: lower triangles, row by row.
pub type Starts = [Vec<i32>; 3];

pub struct Wavefront {
    pub decay: [f32; 3],
    pub ridge: f32,
    pub networks: [Network; 3],
    pub levels: u32,
    /// log2 of the largest number of slots of a table of contexts.
    pub contexts: Option<u32>,
    starts: Starts,
}

impl Wavefront {
    pub fn read(fields: &mut Fields, levels: u32, parts: &mut Parts) -> Result<Wavefront> {
        let decay: [i64; 3] = fields.take("decay")?.integers(0, 252, "decay")?;
        demand(decay.iter().sum::<i64>() <= 252, "the decay is too large", SECTION)?;
        let ridge = fields.integer("ridge", 1, 1 << 20)? as f32;
        let hidden: [i64; 3] = fields.take("hidden")?.integers(16, 128, "hidden")?;
        demand(
            hidden.iter().all(|count| count % 16 == 0),
            "the number of hidden units is not a multiple of 16",
            SECTION,
        )?;
        let residual: [i64; 3] = fields.take("residual")?.integers(0, 3, "residual")?;
        let contexts = match fields.optional("contexts") {
            Some(json) => Some(json.integer(10, 22, "contexts")? as u32),
            None => None,
        };
        let mut starts = Starts::default();
        let size = triangle(INPUTS[2]);
        let rows = parts.own("x.start", "I32", &[3, size], -(1 << 24), 1 << 24)?;
        for ((start, row), n) in starts.iter_mut().zip(rows.chunks_exact(size)).zip(INPUTS) {
            let (used, behind) = row.split_at(triangle(n));
            let diagonal = (0..=n).all(|i| used[triangle(i) - 1] >= 0);
            let fits = diagonal && behind.iter().all(|&entry| entry == 0);
            demand(fits, "x.start has a negative diagonal, or nonzero padding", SECTION)?;
            *start = used.iter().map(|&entry| entry as i32).collect();
        }
        let mut network =
            |refs: usize| Network::read(parts, refs, FEATURES[refs], hidden[refs] as usize, residual[refs] as usize);
        let networks = [network(0)?, network(1)?, network(2)?];
        Ok(Wavefront { decay: decay.map(|d| d as f32), ridge, networks, levels, contexts, starts })
    }

    /// The multiply-adds of the largest network.
    pub fn macs(&self) -> u64 {
        self.networks.iter().map(|network| network.macs).max().unwrap_or(0)
    }

    /// Codes the images of a batch. starts: those of tests.
    pub fn code<C: Coder>(&self, coder: &mut C, images: &mut [Image], starts: Option<&Starts>) {
        let elements = images.iter().map(|image| image.symbols.len() as u64).sum();
        let decisions = self.contexts.map(|most| Decisions::new(elements, most));
        let mut sheets = Sheets::new(self, starts.unwrap_or(&self.starts), decisions);
        let mut left = images;
        while !left.is_empty() {
            let (own, rest) = left.split_at_mut(group(left));
            sheets.code(coder, own);
            left = rest;
        }
    }
}
