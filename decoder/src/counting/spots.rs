//! The items in progress, and the pixels of a step (model-format.md, M6).

use crate::counting::blend::{Blend, ErrorRows};
use crate::counting::counted::{Counted, Flat};
use crate::counting::decider::Place;
use crate::counting::memory::Recall;
use crate::counting::terms::{Field, View};
use crate::types::image::Image;

/// An item in progress.
pub struct Item {
    pub number: usize,
    pub plane: usize,
    /// The time of the plane.
    pub time: usize,
    pub field: Field,
    pub wrong: Option<ErrorRows>,
}

/// A predicted decision of the tree: its number for learning, and its bit.
pub type Learned = (usize, u32);

#[derive(Default)]
pub struct Spot {
    /// The place in the list of active items.
    pub item: usize,
    pub r: usize,
    pub q: usize,
    pub channel: usize,
    /// The place of its symbol in the image.
    pub place: usize,
    /// The symbol, when encoding.
    pub known: u32,
    pub levels: u32,
    pub keys: Vec<u64>,
    pub selected: Vec<u32>,
    /// The slots of the current group of decisions.
    pub places: Vec<Place>,
    /// The symbol is known to be in [a, e).
    pub a: u32,
    pub e: u32,
    pub done: bool,
    /// The decisions to learn.
    pub learned: Vec<Learned>,
    pub recall: Recall,
    pub candidate_keys: Vec<u64>,
    pub candidate_selected: Vec<u32>,
    pub candidate_learned: Option<Learned>,
    pub is_candidate: bool,
    pub blend: Option<Blend>,
    /// The key of flat surroundings, and the bit.
    pub flat: Option<(usize, u32)>,
}

impl Item {
    pub fn new(codec: &Counted, image: &Image, number: usize) -> Item {
        let lag = codec.lag.min(image.columns);
        let rows = image.rows.min((image.columns - 1) / lag + 1);
        let count = codec.predictors.len();
        Item {
            number,
            plane: 0,
            time: 0,
            field: Field::new(image.rows, image.columns, image.planes(), codec.term_depth()),
            wrong: (count > 0).then(|| ErrorRows::new(image.columns, rows, count)),
        }
    }

    /// Lists the pixels of this time.
    pub fn list(&self, codec: &Counted, image: &Image, place: usize, spots: &mut Vec<Spot>, mut count: usize) -> usize {
        let lag = codec.lag.min(image.columns);
        let top = (self.time + 1).saturating_sub(image.columns).div_ceil(lag);
        for r in top..=(self.time / lag).min(image.rows - 1) {
            if count == spots.len() {
                spots.push(Spot::default());
            }
            let spot = &mut spots[count];
            (spot.item, spot.r, spot.q) = (place, r, self.time - r * lag);
            spot.channel = self.plane % image.channels;
            spot.levels = image.levels;
            spot.place = image.place(self.plane, r, spot.q);
            spot.known = image.symbols[spot.place].into();
            count += 1;
        }
        count
    }

    pub fn advance(&mut self, codec: &Counted, image: &Image) {
        self.time += 1;
        let lag = codec.lag.min(image.columns);
        if self.time == lag * (image.rows - 1) + image.columns {
            self.time = 0;
            self.plane += 1;
            self.field.begin();
            if let Some(wrong) = &mut self.wrong {
                wrong.begin();
            }
        }
    }
}

impl Spot {
    /// The node of decision d of `depth`, from the known bits.
    pub fn node(&self, depth: u32, d: u32) -> u32 {
        (1 << d) + (self.a >> (depth - d))
    }

    /// Whether the symbol may be in [low, high).
    pub fn may_be(&self, low: u32, high: u32) -> bool {
        let high = high.min(self.e);
        match self.recall.candidate {
            Some(candidate) if low + 1 == high => low != candidate,
            _ => low < high,
        }
    }
}

impl Flat {
    /// The key of a pixel with flat surroundings.
    pub fn key(&self, view: &View, levels: u32) -> Option<usize> {
        if levels != 2 || self.around.iter().any(|&spot| view.at(spot) > 0) {
            return None;
        }
        let any = |region: &Vec<_>| region.iter().any(|&spot| view.at(spot) == 1);
        Some(self.regions.iter().fold(0, |key, region| 2 * key + usize::from(any(region))))
    }
}
