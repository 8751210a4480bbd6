//! The tokens that zlib chooses.

use crate::tokens::matches::Token;
use crate::tokens::search::{equal, hash_of};
use crate::tokens::{LEAST_MATCH, MOST_MATCH};

/// The numbers of zlib's strategies of runs and of literals alone, behind its levels.
const RUNS: usize = 10;
pub const LITERALS: usize = 11;

/// good, lazy, nice and depth of each level.
const LEVELS: [[usize; 4]; 10] = [
    [0; 4],
    [4, 4, 8, 4],
    [4, 5, 16, 8],
    [4, 6, 32, 32],
    [4, 4, 16, 16],
    [8, 16, 32, 32],
    [8, 16, 128, 128],
    [8, 32, 128, 256],
    [32, 128, 258, 1024],
    [32, 258, 258, 4096],
];

const WINDOW: usize = 1 << 15;
const REACH: usize = WINDOW - 262;
const NEAR: usize = 4096;
/// The shortest match of the strategy Z_FILTERED.
const LEAST_FILTERED: usize = 6;

#[derive(Clone, Copy)]
pub struct Level {
    pub number: usize,
    pub hash: usize,
    pub filtered: bool,
}

#[derive(Clone, Copy, Default)]
struct Match {
    length: usize,
    distance: usize,
}

impl From<Match> for Token {
    fn from(found: Match) -> Token {
        Token { length: found.length as u16, distance: found.distance as u16, odd: false }
    }
}

pub struct Choice<'a> {
    text: &'a [u8],
    level: Level,
    good: usize,
    lazy: usize,
    nice: usize,
    depth: usize,
    /// The last position with each hash, plus 1, and the distance of each position to the one before it.
    last: Vec<u32>,
    before: Vec<u16>,
    /// The first position that is in no chain.
    next: usize,
    /// The matches at the position of the last guess, and at the next one.
    here: Match,
    later: Match,
    /// The position of `here`, if its match is known before the guess.
    known: Option<usize>,
    work: u64,
}

impl<'a> Choice<'a> {
    pub fn new(text: &'a [u8], level: Level) -> Choice<'a> {
        let [good, lazy, nice, depth] = LEVELS.get(level.number).copied().unwrap_or_default();
        Choice {
            text,
            level,
            good,
            lazy,
            nice,
            depth,
            last: vec![0; 1 << 16],
            before: vec![0; WINDOW],
            next: 0,
            here: Match::default(),
            later: Match::default(),
            known: None,
            work: 0,
        }
    }

    fn is_greedy(&self) -> bool {
        self.level.number <= 3
    }

    /// The token at a position.
    pub fn guess(&mut self, p: usize) -> Token {
        match self.level.number {
            LITERALS => return Token::default(),
            RUNS => {
                let most = MOST_MATCH.min(self.text.len() - p);
                let length = if p > 0 { equal(self.text, p - 1, p, most) } else { 0 };
                return if length < LEAST_MATCH { Token::default() } else { Match { length, distance: 1 }.into() };
            }
            _ => {}
        }
        if self.known != Some(p) {
            self.here = self.longest(p, LEAST_MATCH - 1);
        }
        let Match { length, .. } = self.here;
        if !self.is_greedy() && length > 0 {
            self.later = if length < self.lazy { self.longest(p + 1, length) } else { Match::default() };
            if self.later.length > 0 {
                return Token::default();
            }
        }
        self.here.into()
    }

    /// Takes the token at the position of the last guess, a match of this length or a literal.
    pub fn take(&mut self, p: usize, length: usize) {
        if self.level.number >= RUNS {
            return;
        }
        self.insert(p + 1);
        if length == 0 && !self.is_greedy() && self.here.length > 0 {
            self.here = self.later;
            self.known = Some(p + 1);
        }
        if self.is_greedy() && length > self.lazy {
            self.next = p + length;
        }
    }

    /// Inserts all positions before this one into chains.
    fn insert(&mut self, end: usize) {
        for i in self.next..end.min((self.text.len() + 1).saturating_sub(LEAST_MATCH)) {
            self.before[i % WINDOW] = self.back(i);
            self.last[hash_of(&self.text[i..i + LEAST_MATCH], self.level.hash)] = i as u32 + 1;
        }
        self.next = self.next.max(end);
    }

    /// The distance to the last position with the same hash, 0 if there is none in reach. Position 0 is in no chain.
    fn back(&self, p: usize) -> u16 {
        match self.last[hash_of(&self.text[p..p + LEAST_MATCH], self.level.hash)] as usize {
            0 | 1 => 0,
            last if p + 1 - last > REACH => 0,
            last => (p + 1 - last) as u16,
        }
    }

    /// The longest match at a position, if it is longer than `least`.
    fn longest(&mut self, p: usize, least: usize) -> Match {
        let d = self.text;
        let mut found = Match::default();
        if p + LEAST_MATCH > d.len() {
            return found;
        }
        self.insert(p);
        let most = MOST_MATCH.min(d.len() - p);
        let stop = most.min(self.nice);
        let mut best = least;
        if best >= most {
            return found;
        }
        let mut left = if least >= self.good { self.depth / 4 } else { self.depth };
        if self.work > 1024 * (p as u64 + (1 << 16)) {
            left = left.min(16);
        }
        let (mut at, mut step, mut reach) = (p, usize::from(self.back(p)), REACH);
        while step > 0 && left > 0 {
            at -= step;
            if p - at > reach {
                break;
            }
            reach = REACH - 1;
            left -= 1;
            step = usize::from(self.before[at % WINDOW]);
            self.work += 1;
            if d[at + best - 1..=at + best] != d[p + best - 1..=p + best] || d[at..at + 2] != d[p..p + 2] {
                continue;
            }
            let length = equal(d, at, p, most);
            self.work += length as u64 / 16;
            if length > best {
                best = length;
                found = Match { length, distance: p - at };
                if length >= stop {
                    break;
                }
            }
        }
        let far = found.length == LEAST_MATCH && found.distance > NEAR;
        if !self.is_greedy() && (far || self.level.filtered && found.length < LEAST_FILTERED) {
            return Match::default();
        }
        found
    }
}
