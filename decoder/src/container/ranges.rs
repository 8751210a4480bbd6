//! A file of which only some ranges of bytes are loaded.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use crate::foundations::error::{refuse, Result};

/// The loaded ranges, by their start.
#[derive(Default)]
pub struct Ranges<'a> {
    size: u64,
    loaded: BTreeMap<u64, Cow<'a, [u8]>>,
    missing: Cell<Option<(u64, u64)>>,
}

impl<'a> Ranges<'a> {
    pub fn new(size: u64) -> Ranges<'a> {
        Ranges { size, ..Ranges::default() }
    }

    /// A completely loaded file.
    pub fn whole(file: &'a [u8]) -> Ranges<'a> {
        Ranges { size: file.len() as u64, loaded: [(0, Cow::Borrowed(file))].into(), missing: Cell::default() }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn add(&mut self, start: u64, bytes: Vec<u8>) {
        self.loaded.insert(start, Cow::Owned(bytes));
        self.missing.set(None);
    }

    /// The start and the length of the range that `get` did not find.
    pub fn missing(&self) -> Option<(u64, u64)> {
        self.missing.get()
    }

    /// A range of the file. If it is not loaded, this is an error, and `missing` returns it.
    pub fn get(&self, start: u64, length: u64) -> Result<&[u8]> {
        let within = start.checked_add(length).is_some_and(|end| end <= self.size);
        if within {
            for (&first, bytes) in self.loaded.range(..=start).rev().take(8) {
                let skipped = start - first;
                if let Some(end) = skipped.checked_add(length).filter(|&end| end <= bytes.len() as u64) {
                    return Ok(&bytes[skipped as usize..end as usize]);
                }
            }
            self.missing.set(Some((start, length)));
        }
        refuse("bytes are missing", "format.md, A5")
    }
}
