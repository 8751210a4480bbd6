//! Offsets of pixels in a plane and in its references, as a predictor and the window have them
//! (model-format.md, M4).

use crate::foundations::error::{demand, Result};
use crate::foundations::json::{Fields, Json};

pub const SECTION: &str = "model-format.md, M4";

#[derive(Clone, Debug)]
pub struct Offsets {
    pub own: Vec<[i32; 2]>,
    pub first: Vec<[i32; 2]>,
    pub second: Vec<[i32; 2]>,
}

fn read_list(json: &Json, low: usize, high: usize) -> Result<Vec<[i32; 2]>> {
    let read = |pair: &Json| Ok(pair.integers(-8, 8, "an offset")?.map(|n| n as i32));
    json.list_of(low, high, "a list of offsets")?.iter().map(read).collect()
}

impl Offsets {
    /// Reads the three lists, with the most that `own` and the others may have.
    pub fn read(fields: &mut Fields, own: usize, others: usize) -> Result<Offsets> {
        let offsets = Offsets {
            own: read_list(fields.take("own")?, 1, own)?,
            first: read_list(fields.take("first")?, 0, others)?,
            second: read_list(fields.take("second")?, 0, others)?,
        };
        let before = offsets.own.iter().all(|&[rows, columns]| rows < 0 || rows == 0 && columns < 0);
        demand(before, "an offset leads to a pixel that comes later", SECTION)?;
        Ok(offsets)
    }

    pub fn len(&self) -> usize {
        self.own.len() + self.first.len() + self.second.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The offsets that count in a plane with so many references.
    pub fn lists(&self, refs: usize) -> [&[[i32; 2]]; 3] {
        [&self.own, if refs >= 1 { &self.first } else { &[] }, if refs >= 2 { &self.second } else { &[] }]
    }

    /// How many of them there are.
    pub fn counting(&self, refs: usize) -> usize {
        self.lists(refs).iter().map(|list| list.len()).sum()
    }

    /// All offsets that lead to references.
    pub fn references(&self) -> impl Iterator<Item = &[i32; 2]> {
        self.first.iter().chain(&self.second)
    }
}
