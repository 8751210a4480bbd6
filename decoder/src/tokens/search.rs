//! The search for matches of an encoder.

use crate::foundations::arithmetic::Decoder;
use crate::foundations::error::{demand, Result};
use crate::tokens::counters::PLAIN;
use crate::tokens::{LEAST_MATCH, MOST_DISTANCE, MOST_MATCH, SECTION};

const LIBDEFLATE: usize = 2;
/// The number of libdeflate's hash of three bytes.
const THREE: usize = 4;

#[derive(Clone, Copy)]
pub struct Settings {
    hash: usize,
    pub depth: usize,
    nice: usize,
    insert: usize,
    ends: bool,
}

impl Settings {
    pub fn read(coder: &mut Decoder) -> Result<Settings> {
        let mut number = |bits: u32| plain(coder, bits);
        let hash = number(2)?;
        let depth = number(12)? + 1;
        let nice = number(9)?;
        let insert = number(9)?;
        let ends = number(1)? == 1;
        let known = (LEAST_MATCH..=MOST_MATCH).contains(&nice) && insert <= MOST_MATCH;
        demand(known, "coded tokens have invalid search settings", SECTION)?;
        Ok(Settings { hash, depth, nice, insert, ends })
    }
}

/// A number in plain bits.
pub fn plain(coder: &mut Decoder, bits: u32) -> Result<usize> {
    (0..bits).try_fold(0, |n, _| Ok(2 * n + usize::from(coder.bit(PLAIN)?)))
}

/// A match in the list of a position.
#[derive(Clone, Copy)]
pub struct Entry {
    pub length: usize,
    pub distance: usize,
    pub depth: usize,
}

pub struct Search<'a> {
    text: &'a [u8],
    pub settings: Settings,
    before: Vec<u16>,
    before_three: Vec<u16>,
    left_out: Vec<bool>,
    /// The lists of recent positions, by position modulo 4.
    lists: [(usize, Vec<Entry>); 4],
    work: usize,
}

impl<'a> Search<'a> {
    pub fn new(text: &'a [u8], settings: Settings) -> Search<'a> {
        Search {
            text,
            before: chains(text, settings.hash),
            before_three: if settings.hash == LIBDEFLATE { chains(text, THREE) } else { Vec::new() },
            left_out: vec![false; text.len()],
            lists: std::array::from_fn(|_| (usize::MAX, Vec::new())),
            work: 0,
            settings,
        }
    }

    /// Finds the candidates of a position, unless they are cached.
    pub fn find(&mut self, position: usize) {
        let (listed, list) = &mut self.lists[position % 4];
        if *listed == position {
            return;
        }
        *listed = position;
        let mut list = std::mem::take(list);
        list.clear();
        self.fill(position, &mut list);
        self.lists[position % 4].1 = list;
    }

    /// The candidates of a position, after `find`.
    pub fn list(&self, position: usize) -> &[Entry] {
        &self.lists[position % 4].1
    }

    /// Inserts the positions of a match.
    pub fn take(&mut self, position: usize, length: usize) {
        if length > self.settings.insert {
            self.left_out[position + 1..position + length - usize::from(self.settings.ends)].fill(true);
        }
    }

    fn fill(&mut self, p: usize, made: &mut Vec<Entry>) {
        let (d, settings) = (self.text, &self.settings);
        if p + LEAST_MATCH > d.len() {
            return;
        }
        let most = MOST_MATCH.min(d.len() - p);
        let stop = most.min(settings.nice);
        let busy = self.work as u64 > 256 * (p as u64 + (1 << 16));
        let depth = if busy { settings.depth.min(16) } else { settings.depth };
        let all = 4 * depth + 256;
        let (mut best, mut deep, mut at, mut left) = (LEAST_MATCH - 1, 0, p, all);
        let three = self.before_three.get(p).map_or(0, |&three| usize::from(three));
        if three > 0 && equal(d, p - three, p, LEAST_MATCH) == LEAST_MATCH {
            best = LEAST_MATCH;
            made.push(Entry { length: best, distance: three, depth: 0 });
        }
        while best < stop && self.before[at] > 0 && deep < depth && left > 0 {
            at -= usize::from(self.before[at]);
            if p - at > MOST_DISTANCE {
                break;
            }
            left -= 1;
            if self.left_out[at] {
                continue;
            }
            deep += 1;
            if d[at + best] != d[p + best] || d[at] != d[p] || d[at + 1] != d[p + 1] {
                continue;
            }
            let length = equal(d, at, p, most);
            left = left.saturating_sub(length / 16);
            if length > best {
                best = length;
                made.push(Entry { length, distance: p - at, depth: deep });
            }
        }
        self.work += all - left;
    }
}

/// The number of equal bytes from two positions on.
pub fn equal(text: &[u8], a: usize, b: usize, most: usize) -> usize {
    text[a..].iter().zip(&text[b..]).take(most).take_while(|(x, y)| x == y).count()
}

/// H of the bytes from a position on.
pub fn hash_of(bytes: &[u8], hash: usize) -> usize {
    let four = bytes.iter().rev().fold(0, |four, &byte| four << 8 | u32::from(byte));
    let [a, b, c, _] = four.to_le_bytes().map(u32::from);
    let found = match hash {
        0 => (a << 10 ^ b << 5 ^ c) & 0x7FFF,
        1 => (a << 12 ^ b << 6 ^ c) & 0xFFFF,
        LIBDEFLATE => four.wrapping_mul(0x1E35_A7BD) >> 16,
        THREE => (four & 0xFF_FFFF).wrapping_mul(0x1E35_A7BD) >> 17,
        _ => four.wrapping_mul(0x9E37_79B1) >> 16,
    };
    found as usize
}

/// For each position the distance to the previous one with the same hash.
fn chains(text: &[u8], hash: usize) -> Vec<u16> {
    let mut before = vec![0; text.len()];
    let mut last = vec![usize::MAX; 1 << 16];
    for (i, bytes) in text.windows(if hash < 2 { 3 } else { 4 }).enumerate() {
        let other = std::mem::replace(&mut last[hash_of(bytes, hash)], i);
        if other < i && i - other <= MOST_DISTANCE {
            before[i] = (i - other) as u16;
        }
    }
    before
}
