//! Decodes tokens, literals and matches, given the candidates of the search.

use crate::counting::contexts::{Context, Mixer, Selector, Spec};
use crate::counting::decider::{Decider, Decision, Place};
use crate::foundations::arithmetic::Decoder;
use crate::foundations::error::{demand, Result};
use crate::tokens::counters::{Counter, Number};
use crate::tokens::search::{equal, Entry, Search, Settings};
use crate::tokens::{LEAST_MATCH, MOST_DISTANCE, MOST_MATCH, SECTION};

/// A literal has no length.
#[derive(Clone, Copy, Default)]
pub struct Token {
    pub length: u16,
    pub distance: u16,
    /// Whether the length 258 is coded by the symbol of the next shorter lengths.
    pub odd: bool,
}

/// The contexts and mixers of each kind of decisions.
pub struct Specs([Spec; 3]);

impl Specs {
    pub fn new() -> Specs {
        Specs([
            spec(&[10, 15, 13, 9, 14, 12, 15, 13, 12, 16, 15], 4),
            spec(&[9, 12, 14, 9, 12, 9, 12, 9], 6),
            spec(&[6, 9, 4, 12, 6], 1),
        ])
    }
}

/// Contexts with these sizes of keys, and a mixer.
fn spec(bits: &[u32], sets: usize) -> Spec {
    let contexts = bits.iter().map(|&bits| Context::with_key(bits, 24, 1000)).collect();
    let mixer = Mixer { select: vec![(Selector::Term(0), sets as u32)], start: 6000, rates: [2000, 120], sets };
    Spec::with_keys([22, 10], 80, contexts, mixer)
}

struct Mixed<'a> {
    decider: Decider<'a>,
    places: Vec<Place>,
}

impl<'a> Mixed<'a> {
    fn new(spec: &'a Spec) -> Mixed<'a> {
        Mixed { decider: Decider::new(spec, 0), places: Vec::new() }
    }

    fn bit(&mut self, coder: &mut Decoder, keys: &[usize], set: usize) -> Result<bool> {
        const ONLY: Decision = Decision { direct: 1, flip: 0, node: 1, depth: 0, failures: 0 };
        let mut room = [0; 11];
        let room = &mut room[..keys.len()];
        room.iter_mut().zip(keys).for_each(|(room, &key)| *room = key as u64);
        self.decider.begin_step();
        self.decider.find(room, 0, &mut self.places);
        let (p, number) = self.decider.predict(&self.places, &[set as u32], ONLY, None);
        let bit = coder.bit((p >> 12).clamp(1, (1 << 16) - 1) as u32)?;
        self.decider.learn(number, bit.into());
        Ok(bit)
    }
}

/// Matches that no search predicts.
#[derive(Default)]
pub struct Others {
    length: Number,
    distance: Number,
}

impl Others {
    pub fn read(&mut self, coder: &mut Decoder, text: &[u8], p: usize) -> Result<Token> {
        let length = LEAST_MATCH + self.length.read(coder)?;
        let distance = 1 + self.distance.read(coder)?;
        let possible = length <= MOST_MATCH.min(text.len() - p) && distance <= MOST_DISTANCE.min(p);
        let right = possible && equal(text, p - distance, p, length) == length;
        demand(right, "coded tokens have a wrong match", SECTION)?;
        Ok(Token { length: length as u16, distance: distance as u16, odd: false })
    }
}

pub struct Learned<'a> {
    matches: Mixed<'a>,
    candidates: Mixed<'a>,
    lengths: Mixed<'a>,
    hidden: Counter,
    odd: Counter,
    shorter: [Number; 32],
}

impl<'a> Learned<'a> {
    pub fn new(Specs([matches, candidates, lengths]): &'a Specs) -> Learned<'a> {
        Learned {
            matches: Mixed::new(matches),
            candidates: Mixed::new(candidates),
            lengths: Mixed::new(lengths),
            hidden: Counter::default(),
            odd: Counter::default(),
            shorter: [Number::default(); 32],
        }
    }
}

pub struct Tokens<'a, 'b> {
    text: &'a [u8],
    search: Search<'a>,
    learned: &'a mut Learned<'b>,
    others: &'a mut Others,
    history: usize,
    literals: usize,
    lost: usize,
}

impl<'a, 'b> Tokens<'a, 'b> {
    pub fn new(
        text: &'a [u8],
        settings: Settings,
        learned: &'a mut Learned<'b>,
        others: &'a mut Others,
    ) -> Tokens<'a, 'b> {
        Tokens { text, search: Search::new(text, settings), learned, others, history: 0, literals: 0, lost: 0 }
    }

    /// Decodes the token at a position.
    pub fn next(&mut self, coder: &mut Decoder, position: usize) -> Result<Token> {
        self.search.find(position);
        let longest = self.search.list(position).last().copied();
        let matched = match longest {
            None => self.learned.hidden.bit(coder)?,
            Some(_) => self.is_match(coder, position)?,
        };
        if !matched {
            self.history = 2 * self.history % 64;
            self.literals += 1;
            self.lost = match longest {
                Some(Entry { length: LEAST_MATCH, distance: 4097.., .. }) | None => 0,
                Some(entry) => entry.length,
            };
            return Ok(Token::default());
        }
        let (length, distance) = self.read_match(coder, position)?;
        let odd = length == MOST_MATCH && self.learned.odd.bit(coder)?;
        self.history = (2 * self.history + 1) % 64;
        (self.literals, self.lost) = (0, 0);
        self.search.take(position, length);
        Ok(Token { length: length as u16, distance: distance as u16, odd })
    }

    /// The length and the distance of the last entry with at most this depth.
    fn best(&self, position: usize, depth: usize) -> (usize, usize) {
        let entries = self.search.list(position).iter();
        entries.rev().find(|entry| entry.depth <= depth).map_or((0, 0), |entry| (entry.length, entry.distance))
    }

    /// V, the bucket of the length of the match that the last literal left out.
    fn lost_bucket(&self) -> usize {
        if self.literals == 0 {
            45
        } else {
            bucket(self.lost)
        }
    }

    fn is_match(&mut self, coder: &mut Decoder, p: usize) -> Result<bool> {
        self.search.find(p + 1);
        self.search.find(p + 2);
        let (depth, literals, v) = (self.search.settings.depth, self.literals, self.lost_bucket());
        let list = self.search.list(p);
        let k = list.len();
        let run = if list[0].distance == 1 { bucket(list[0].length) } else { 0 };
        let (l, g) = self.best(p, depth);
        let (l1, g1) = self.best(p + 1, depth);
        let half = self.best(p + 1, depth.div_ceil(2));
        let (lq, _) = self.best(p + 1, depth / 4);
        let (l2, _) = self.best(p + 2, depth);
        let after = self.best(p + 2, depth.div_ceil(4));
        let far = usize::from(g > 4096) + usize::from(g > 32_506);
        let near = usize::from(g > 4096) + usize::from(g > 8192);
        let step = difference(l1, l, -3, 3);
        let since = if literals == 0 { 5 } else { difference(l, self.lost, -2, 2) };
        let bits = difference(log2(g + 1), log2(g1 + 1), -3, 3);
        let h = self.history % 8;
        let gain = |(x, y): (usize, usize)| {
            if x < l {
                return 23;
            }
            difference(4 * (x - l) + log2(g), log2(y), -10, 12)
        };
        let (half, after) = (gain(half), gain(after));
        let b = bucket(l);
        let keys = [
            ((step * 6 + since) * 8 + literals.min(7)) * 3 + far,
            (b * 46 + bucket(l1)) * 8 + since,
            (b * 46 + v) * 3 + far,
            l.min(15) * 32 + quarters(g) / 2,
            (b * 4 + self.history % 4) * 46 + bucket(lq),
            ((step * 7 + bits) * 8 + difference(l2, l, -3, 4)) * 8 + l.min(7),
            (run * 46 + b) * 8 + h,
            (l.min(20) * 32 + literals.min(31)) * 8 + h,
            difference(lq, l, -3, 3) * 8 + since + 64 * b,
            ((half * 24 + after) * 16 + l.min(15)) * 4 + near,
            (half * 46 + b) * 16 + log2(g),
        ];
        self.learned.matches.bit(coder, &keys, (k - 1).min(3))
    }

    /// Decodes the length and the distance of a match.
    fn read_match(&mut self, coder: &mut Decoder, p: usize) -> Result<(usize, usize)> {
        let v = self.lost_bucket();
        let depth = self.search.settings.depth;
        let list = self.search.list(p);
        for (j, &Entry { length: l, distance: g, depth: z }) in list.iter().enumerate().rev() {
            let after = list.len() - 1 - j;
            let (m, log_y) = if j > 0 { (list[j - 1].length, log2(list[j - 1].distance)) } else { (0, 15) };
            let zn = usize::from(z > depth / 4) + usize::from(z > depth.div_ceil(2));
            let top = usize::from(after == 0);
            let keys = [
                (zn * 2 + top) * 46 + v,
                quarters(z) * 46 + v,
                (bucket(l) * 46 + bucket(m)) * 4 + zn,
                (after.min(7) * 4 + zn) * 16 + log2(g),
                ((l - m).min(15) * 16 + log2(g)) * 16 + log_y,
                (bucket(m) * 4 + zn) * 2 + top,
                quarters(z) * 46 + bucket(m),
                (j.min(15) * 4 + zn) * 8 + self.history % 8,
            ];
            if !self.learned.candidates.bit(coder, &keys, zn * 2 + top)? {
                continue;
            }
            let b = bucket(l);
            let keys = [b, b * 8 + after.min(7), log2(g), b * 46 + bucket(m), self.history];
            if self.learned.lengths.bit(coder, &keys, 0)? {
                return Ok((l, g));
            }
            let less = 1 + self.learned.shorter[b.min(31)].read(coder)?;
            demand(less + LEAST_MATCH <= l, "coded tokens have a wrong length", SECTION)?;
            return Ok((l - less, g));
        }
        let Token { length, distance, .. } = self.others.read(coder, self.text, p)?;
        Ok((length.into(), distance.into()))
    }
}

fn log2(x: usize) -> usize {
    x.checked_ilog2().unwrap_or(0) as usize
}

/// a - b, clamped to two bounds, relative to the lower one.
fn difference(a: usize, b: usize, low: isize, high: isize) -> usize {
    ((a as isize - b as isize).clamp(low, high) - low) as usize
}

/// B, the bucket of a length.
fn bucket(x: usize) -> usize {
    match x {
        0..=34 => x,
        35..=63 => 35,
        64..=65 => x - 28,
        66..=127 => 38,
        128..=130 => x - 89,
        131..=191 => 42,
        192..=256 => 43,
        _ => 44,
    }
}

/// Q, a logarithm in quarters.
fn quarters(x: usize) -> usize {
    if x < 8 {
        x
    } else {
        4 * log2(x) + (x >> (log2(x) - 2)) % 4 - 4
    }
}
