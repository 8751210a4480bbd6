//! The items that are being coded by binary decisions, and the pixels of a step (model-format.md, M6).

use crate::counting::blend::{Blend, Wrong};
use crate::counting::counted::{Counted, Flat};
use crate::counting::decider::Place;
use crate::counting::memory::Recall;
use crate::counting::terms::{Field, View};
use crate::networks::network::Network;
use crate::planes::front::{HasPixel, HasPlanes};
use crate::planes::jpeg::Blues;
use crate::planes::pixel::{Pixel, Planes};
use crate::planes::predictive::{Predictive, Starts};
use crate::types::image::Image;

/// The codec `predictive` with its network, and starts that tests bring.
pub type Beside<'a> = (&'a Predictive, &'a Network, Option<&'a Starts>);

/// An item that is being coded.
pub struct Item {
    pub number: usize,
    pub plane: usize,
    /// The time of the plane.
    pub time: usize,
    pub field: Field,
    pub wrong: Option<Wrong>,
    pub planes: Option<Planes>,
}

/// A decision of the tree that has been predicted: where it is learned, and its bit.
pub type Learned = (usize, u32);

/// A pixel of a step.
#[derive(Default)]
pub struct Spot {
    /// The place in the list of active items.
    pub item: usize,
    pub r: usize,
    pub q: usize,
    pub channel: usize,
    /// The symbol, where it is known.
    pub known: u32,
    pub levels: u32,
    pub keys: Vec<u64>,
    pub selected: Vec<u32>,
    /// The slots of the decisions that come next.
    pub places: Vec<Place>,
    /// Of a decision: the features are there from the start.
    pub inputs: Vec<i16>,
    /// What is known of the symbol: it is from a to e - 1, and its first bits.
    pub a: u32,
    pub e: u32,
    /// The bounds of a and of e, where they are known.
    pub ends: [Option<u64>; 2],
    pub bits: u32,
    pub done: bool,
    /// What is learned from.
    pub learned: Vec<Learned>,
    pub recall: Recall,
    pub candidate_keys: Vec<u64>,
    pub candidate_selected: Vec<u32>,
    pub candidate_inputs: Vec<i16>,
    pub candidate_learned: Option<Learned>,
    pub is_candidate: bool,
    pub blend: Option<Blend>,
    pub pixel: Pixel,
    /// M, of a pixel of blue of an item with colours of JPEG.
    pub sums: Option<Box<([u64; 257], Blues)>>,
    /// The key of a flat pixel, and its bit.
    pub flat: Option<(usize, u32)>,
}

impl HasPlanes for Item {
    fn planes(&mut self) -> Option<&mut Planes> {
        self.planes.as_mut()
    }
}

impl HasPixel for Spot {
    fn pixel(&mut self) -> &mut Pixel {
        &mut self.pixel
    }
}

impl Item {
    pub fn new(codec: &Counted, beside: Option<Beside>, image: &Image, number: usize) -> Item {
        let lag = codec.lag.min(image.columns);
        let rows = image.rows.min((image.columns - 1) / lag + 1);
        let count = codec.predictors.len();
        Item {
            number,
            plane: 0,
            time: 0,
            field: Field::new(image.rows, image.columns, image.planes(), codec.term_depth()),
            wrong: (count > 0).then(|| Wrong::new(image.columns, rows, count)),
            planes: beside.map(|(codec, _, starts)| Planes::new(codec, image, starts)),
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
            (spot.pixel.item, spot.pixel.plane, spot.pixel.r, spot.pixel.q) = (place, self.plane, r, spot.q);
            spot.channel = self.plane % image.channels;
            spot.levels = image.levels;
            spot.pixel.place = image.place(self.plane, r, spot.q);
            spot.known = image.symbols[spot.pixel.place].into();
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

impl Flat {
    /// The key of a pixel, if it is flat.
    pub fn key(&self, view: &View, levels: u32) -> Option<usize> {
        if levels != 2 || self.around.iter().any(|&spot| view.at(spot) > 0) {
            return None;
        }
        let any = |region: &Vec<crate::counting::terms::Spot>| region.iter().any(|&spot| view.at(spot) == 1);
        Some(self.regions.iter().fold(0, |key, region| 2 * key + usize::from(any(region))))
    }
}
