//! Converts the symbols of a block's items to bytes (format.md, A4 and A5.6).

use crate::ans::message::Message;
use crate::blocks::multiset::Multiset;
use crate::foundations::error::{refuse, Result};
use crate::types::batch::{Batch, Group};
use crate::types::block::{Block, Run, ValueMap};

const SECTION: &str = "format.md, A5.6";

/// The bytes of a block's items while they are decoded.
pub struct Content<'a> {
    runs: &'a [Run],
    /// The first item of each run, and the total number, counted as the model codes them.
    starts: Vec<usize>,
    /// The first byte of each run.
    places: Vec<usize>,
    bytes: Vec<u8>,
    sets: Option<Vec<Multiset>>,
}

impl<'a> Content<'a> {
    pub fn new(block: &'a Block, groups: &[Group], multiset: bool) -> Self {
        let (mut starts, mut places) = (vec![0], vec![0]);
        for (run, group) in block.runs.iter().zip(groups) {
            starts.push(starts[starts.len() - 1] + group.items as usize);
            places.push(places[places.len() - 1] + run.bytes() as usize);
        }
        let sets = multiset.then(|| block.runs.iter().map(|_| Multiset::default()).collect());
        Content { runs: &block.runs, starts, places, bytes: vec![0; block.size()], sets }
    }

    pub fn run_of(&self, item: usize) -> usize {
        self.starts.partition_point(|&start| start <= item) - 1
    }

    /// The range of the bytes of an item.
    fn range(&self, item: usize) -> std::ops::Range<usize> {
        let run = self.run_of(item);
        let size = (self.places[run + 1] - self.places[run]) / (self.starts[run + 1] - self.starts[run]);
        let start = self.places[run] + (item - self.starts[run]) * size;
        start..start + size
    }

    /// Writes the symbols of an item as bytes.
    pub fn write(&mut self, item: usize, symbols: impl Iterator<Item = u32>) -> Result<()> {
        let range = self.range(item);
        let run = &self.runs[self.run_of(item)];
        let size = run.dtype.size();
        let outside = "a symbol has no value in its run";
        let out = &mut self.bytes[range];
        match &run.map {
            ValueMap::None | ValueMap::Jpeg if size == 1 => {
                for (byte, symbol) in out.iter_mut().zip(symbols) {
                    *byte = symbol as u8;
                }
            }
            ValueMap::Pair(values) => {
                for (element, symbol) in out.chunks_exact_mut(size).zip(symbols) {
                    let Some(value) = values.get(symbol as usize) else {
                        return refuse(outside, SECTION);
                    };
                    element.copy_from_slice(value);
                }
            }
            map => {
                for (element, symbol) in out.chunks_exact_mut(size).zip(symbols) {
                    let value = match map {
                        ValueMap::Range { low, levels } if symbol < *levels => low + u64::from(symbol),
                        ValueMap::Set(values) if (symbol as usize) < values.len() => values[symbol as usize],
                        ValueMap::None => symbol.into(),
                        _ => return refuse(outside, SECTION),
                    };
                    element.copy_from_slice(&run.dtype.element(value)[..size]);
                }
            }
        }
        Ok(())
    }

    /// Pushes the picks of a batch of a multiset: one step for each of its runs, from the last to the first.
    pub fn push_picks(&mut self, batch: Batch, message: &mut Message) {
        let Some(mut sets) = self.sets.take() else { return };
        let end = batch.first + batch.count;
        for (run, set) in sets.iter_mut().enumerate().rev() {
            let (first, last) = (batch.first.max(self.starts[run]), end.min(self.starts[run + 1]));
            if first < last {
                set.push_picks(first..last, message, |item| &self.bytes[self.range(item)]);
            }
        }
        self.sets = Some(sets);
    }

    /// All bytes, with the items of a multiset sorted.
    pub fn finish(mut self) -> Vec<u8> {
        if self.sets.is_some() {
            for (run, ends) in self.runs.iter().zip(self.places.windows(2)) {
                let size = (run.elements as usize * run.dtype.size()).max(1);
                let mut items: Vec<&[u8]> = self.bytes[ends[0]..ends[1]].chunks_exact(size).collect();
                items.sort_unstable();
                let sorted = items.concat();
                self.bytes[ends[0]..ends[1]].copy_from_slice(&sorted);
            }
        }
        self.bytes
    }
}
