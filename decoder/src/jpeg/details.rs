//! The choices of the encoder of a JPEG stream (jpeg-format.md, J3).

use std::iter::Peekable;
use std::vec::IntoIter;

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, Result};

const SECTION: &str = "jpeg-format.md, J3";

/// Ascending places, each with a value.
pub struct List {
    entries: Peekable<IntoIter<(u64, u64)>>,
}

impl Default for List {
    fn default() -> Self {
        List { entries: Vec::new().into_iter().peekable() }
    }
}

impl List {
    fn read(bytes: &mut Bytes) -> Result<List> {
        let mut entries = Vec::new();
        let mut place = 0u64;
        for _ in 0..bytes.varint()? {
            place = place.saturating_add(bytes.varint()?);
            entries.push((place, bytes.varint()?));
        }
        Ok(List { entries: entries.into_iter().peekable() })
    }

    /// The value of a place. Places must ascend from call to call.
    pub fn at(&mut self, place: u64) -> Option<u64> {
        while self.entries.next_if(|entry| entry.0 < place).is_some() {}
        self.entries.peek().filter(|entry| entry.0 == place).map(|entry| entry.1)
    }
}

/// A scan whose data do not end with its last unit.
#[derive(Clone, Copy, Default)]
pub struct Cut<'a> {
    /// The number of written units; None for all.
    pub units: Option<u64>,
    pub rest: &'a [u8],
}

#[derive(Default)]
pub struct Details<'a> {
    pub zeros: bool,
    pub long_runs: bool,
    pub no_restarts: bool,
    pub padding: List,
    pub zero_runs: List,
    pub breaks: List,
    cuts: Vec<(u64, Cut<'a>)>,
}

impl<'a> Details<'a> {
    /// Reads the details of a stream with a number of scans.
    pub fn read(packed: &'a [u8], scans: u64) -> Result<Self> {
        if packed.is_empty() {
            return Ok(Details::default());
        }
        let mut bytes = Bytes::new(packed, SECTION);
        let flags = bytes.byte()?;
        demand(flags < 8, "a JPEG stream has unknown details", SECTION)?;
        let mut details = Details {
            zeros: flags & 1 != 0,
            long_runs: flags & 2 != 0,
            no_restarts: flags & 4 != 0,
            padding: List::read(&mut bytes)?,
            zero_runs: List::read(&mut bytes)?,
            breaks: List::read(&mut bytes)?,
            cuts: Vec::new(),
        };
        while bytes.left() > 0 {
            let scan = bytes.varint()?;
            demand(scan < scans, "a JPEG stream has a cut of a scan that does not exist", SECTION)?;
            let units = bytes.varint()?.checked_sub(1);
            let size = bytes.varint()?;
            details.cuts.push((scan, Cut { units, rest: bytes.take_long(size)? }));
        }
        // The last cut of a scan replaces earlier ones.
        details.cuts.sort_by_key(|cut| cut.0);
        Ok(details)
    }

    pub fn cut(&self, scan: u64) -> Cut<'a> {
        match self.cuts[..self.cuts.partition_point(|cut| cut.0 <= scan)].last() {
            Some(&(number, cut)) if number == scan => cut,
            _ => Cut::default(),
        }
    }
}
