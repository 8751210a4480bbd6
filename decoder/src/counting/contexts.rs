//! The description of contexts, mixers and probability maps; keys and slots of contexts (model-format.md, M6).

use crate::counting::terms::{log2_up, Allowed, Term, View, SECTION};
use crate::foundations::error::{demand, refuse, Result};
use crate::foundations::json::{Fields, Json};

pub const F: u64 = 0x9E37_79B9_7F4A_7C15;

pub struct Context {
    pub offset: u32,
    pub limit: u32,
    /// The numbers of the terms.
    terms: Vec<usize>,
    bits: Vec<u32>,
    pub total_bits: u32,
    pub direct: bool,
}

#[derive(Clone)]
pub enum Selector {
    Node,
    Depth,
    Known(usize),
    Odds,
    Failures,
    Term(usize),
}

pub struct Mixer {
    pub select: Vec<(Selector, u32)>,
    pub start: i16,
    pub rates: [u32; 2],
    pub sets: usize,
}

/// The contexts and mixers of one kind of decisions.
pub struct Spec {
    pub table: u32,
    pub a: u32,
    pub b: u32,
    pub trust: i32,
    pub contexts: Vec<Context>,
    pub mixers: Vec<Mixer>,
    /// The distinct terms of contexts and mixers.
    terms: Vec<Term>,
    /// The numbers of the terms that select sets.
    select_terms: Vec<usize>,
    pub maps: Option<(i64, u32)>,
    /// D
    pub depth: u32,
    /// Whether the blend of predictors is another input.
    pub is_blended: bool,
}

/// The kind of decisions of a spec.
pub struct Shape {
    pub levels: u32,
    pub depth: u32,
    pub slot: [u32; 2],
    pub trust: i32,
    pub is_candidate: bool,
    pub allowed: Allowed,
}

pub fn read_slot(json: &Json) -> Result<[u32; 2]> {
    let slot = json.list_of(2, 2, "slot")?;
    let a = slot[0].integer(12, 22, "slot")? as u32;
    let b = slot[1].integer(4, 10, "slot")? as u32;
    demand(a + b <= 32, "a slot has too many bits", SECTION)?;
    Ok([a, b])
}

impl Spec {
    /// Reads `table`, `contexts`, `mixers` and `maps`. `memory`: a context whose terms may not use the candidate.
    pub fn read(fields: &mut Fields, shape: &Shape, memory: Option<usize>) -> Result<Spec> {
        let table = fields.integer("table", 10, 24)? as u32;
        let [a, b] = shape.slot;
        let (mut contexts, mut all_terms) = (Vec::new(), Vec::new());
        for (i, json) in fields.take("contexts")?.list_of(1, 32, "contexts")?.iter().enumerate() {
            let mut fields = json.fields("a context")?;
            let offset = fields.integer("offset", 16, 255)? as u32;
            let limit = fields.integer("limit", 1, (1 << b) - 1)? as u32;
            let candidate = shape.allowed.candidate && memory != Some(i);
            let allowed = Allowed { candidate, ..shape.allowed };
            let terms = fields.take("terms")?.list_of(0, 64, "terms")?;
            let terms: Vec<Term> = terms.iter().map(|json| Term::read(json, allowed)).collect::<Result<_>>()?;
            fields.end()?;
            let bits: Vec<u32> = terms.iter().map(|term| term.bits(shape.levels)).collect();
            let terms = terms.into_iter().map(|term| number_of(&mut all_terms, term)).collect();
            let total_bits = bits.iter().sum();
            demand(total_bits <= 512, "the terms of a context have too many bits", SECTION)?;
            let direct = total_bits + shape.depth <= table;
            contexts.push(Context { offset, limit, terms, bits, total_bits, direct });
        }
        let mut spec = Spec {
            table,
            a,
            b,
            trust: shape.trust,
            contexts,
            mixers: Vec::new(),
            terms: all_terms,
            select_terms: Vec::new(),
            maps: None,
            depth: shape.depth,
            is_blended: shape.allowed.prediction,
        };
        for json in fields.take("mixers")?.list_of(1, 4, "mixers")? {
            let mixer = spec.read_mixer(&mut json.fields("a mixer")?, shape)?;
            spec.mixers.push(mixer);
        }
        if let Some(maps) = fields.optional("maps") {
            let maps = maps.list_of(2, 2, "maps")?;
            spec.maps = Some((maps[0].integer(0, 16, "maps")?, maps[1].integer(1, 1023, "maps")? as u32));
        }
        Ok(spec)
    }

    /// A spec of single decisions, whose keys and set the caller provides.
    pub fn with_keys([a, b]: [u32; 2], trust: i32, contexts: Vec<Context>, mixer: Mixer) -> Spec {
        Spec {
            table: 24,
            a,
            b,
            trust,
            contexts,
            mixers: vec![mixer],
            terms: Vec::new(),
            select_terms: Vec::new(),
            maps: None,
            depth: 1,
            is_blended: false,
        }
    }

    fn read_mixer(&mut self, fields: &mut Fields, shape: &Shape) -> Result<Mixer> {
        let mut select = Vec::new();
        let mut sets = 1u64;
        for json in fields.take("select")?.list_of(0, 8, "select")? {
            let (selector, n) = match json {
                Json::Text(name) => match name.as_str() {
                    "node" if !shape.is_candidate => (Selector::Node, 1 << shape.depth),
                    "depth" if !shape.is_candidate => (Selector::Depth, shape.depth),
                    "odds" if shape.allowed.prediction => (Selector::Odds, 16),
                    "failures" if shape.is_candidate => (Selector::Failures, 15),
                    _ => return refuse(format!("the selector {name:?} is not allowed here"), SECTION),
                },
                Json::Map(map) if map.len() == 1 && map[0].0 == "known" => {
                    let context = map[0].1.integer(0, self.contexts.len() as i64 - 1, "known")?;
                    (Selector::Known(context as usize), 11)
                }
                json => {
                    let term = Term::read(json, shape.allowed)?;
                    let n = term.count(shape.levels);
                    self.select_terms.push(number_of(&mut self.terms, term));
                    (Selector::Term(self.select_terms.len() - 1), n)
                }
            };
            sets = sets.saturating_mul(n.into());
            select.push((selector, n));
        }
        demand(sets <= 1 << 16, "a mixer has too many sets", SECTION)?;
        let start = fields.integer("start", 0, (1 << 15) - 1)? as i16;
        let rates = fields.take("rates")?.integers(1, 2047, "rates")?.map(|rate| rate as u32);
        demand(rates[1] <= rates[0], "the second rate of a mixer is greater than the first", SECTION)?;
        let mixer = Mixer { select, start, rates, sets: sets as usize };
        Ok(mixer)
    }

    /// log2 of the number of slots of a table, for a number of elements times decisions.
    pub fn table_bits(&self, elements: u64) -> u32 {
        log2_up(elements).clamp(10, self.table)
    }

    /// The number of slots of a context's table.
    pub fn slots(&self, context: &Context, elements: u64) -> u64 {
        if context.direct {
            1 << (context.total_bits + self.depth)
        } else {
            1 << self.table_bits(elements)
        }
    }

    /// The number of inputs of a decision, padded with zeros, and of weights of a set.
    pub fn inputs(&self) -> usize {
        (2 * self.contexts.len() + 1 + usize::from(self.is_blended)).next_multiple_of(16)
    }

    /// The terms of all contexts and mixers, with repetitions.
    pub fn all_terms(&self) -> impl Iterator<Item = &Term> {
        let contexts = self.contexts.iter().flat_map(|context| &context.terms);
        contexts.chain(&self.select_terms).map(|&number| &self.terms[number])
    }

    /// Computes the keys of a pixel, and the values of the terms that select. `values`: a buffer for all terms.
    pub fn look(&self, view: &View, values: &mut Vec<u32>, keys: &mut Vec<u64>, selected: &mut Vec<u32>) {
        values.clear();
        values.extend(self.terms.iter().map(|term| term.value(view)));
        keys.clear();
        keys.extend(self.contexts.iter().map(|context| context.key(|number| values[number])));
        selected.clear();
        selected.extend(self.select_terms.iter().map(|&number| values[number]));
    }

    /// The key of a pixel for one context.
    pub fn key(&self, context: usize, view: &View) -> u64 {
        self.contexts[context].key(|number| self.terms[number].value(view))
    }
}

/// The number of a term, which is appended if it is new.
fn number_of(terms: &mut Vec<Term>, term: Term) -> usize {
    terms.iter().position(|other| *other == term).unwrap_or_else(|| {
        terms.push(term);
        terms.len() - 1
    })
}

impl Context {
    /// A direct context whose key has `bits` bits and no terms.
    pub fn with_key(bits: u32, offset: u32, limit: u32) -> Context {
        Context { offset, limit, terms: Vec::new(), bits: Vec::new(), total_bits: bits, direct: true }
    }

    /// The key, from the values of all terms.
    #[inline]
    fn key(&self, value: impl Fn(usize) -> u32) -> u64 {
        let (mut hash, mut word, mut used) = (0u64, 0u64, 0);
        for (&term, &bits) in self.terms.iter().zip(&self.bits) {
            if used + bits > 64 {
                hash = mix(hash, word);
                (word, used) = (0, 0);
            }
            word = word << bits | u64::from(value(term));
            used += bits;
        }
        if self.direct {
            word
        } else {
            mix(hash, word)
        }
    }
}

/// Adds a word to a hash.
#[inline]
pub fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(F);
    hash ^ hash >> 32
}

impl Spec {
    /// The slot after learning a bit.
    #[inline]
    pub fn learn_slot(&self, slot: u32, check: u32, bit: u32, step: impl Fn(u32) -> u32, limit: u32) -> u32 {
        let (a, b) = (self.a, self.b);
        let fresh = u64::from(slot) >> (a + b) != u64::from(check);
        let (p, n) = if fresh { (1 << (a - 1), 0) } else { (slot & ((1 << a) - 1), slot >> a & ((1 << b) - 1)) };
        let goal = i64::from(((1u32 << a) - 1) * bit);
        let least = (1i64 << a >> 17).max(1);
        let moved = i64::from(p) + (((goal - i64::from(p)) * i64::from(step(n))) >> 16);
        let p = moved.clamp(least, (1 << a) - least) as u32;
        let n = (n + 1).min(limit);
        (u64::from(check) << (a + b)) as u32 | n << a | p
    }

    /// The initial slot, without a check.
    pub fn first_slot(&self) -> u32 {
        1 << (self.a - 1)
    }

    /// The probability of a 1 by a single slot, in units of 2^-28.
    pub fn slot_probability(&self, slot: u32) -> i64 {
        i64::from(slot & ((1 << self.a) - 1)) << (28 - self.a)
    }

    /// The slot of flat pixels after learning a bit.
    pub fn learn_flat(&self, slot: u32, bit: u32, offset: u32, limit: u32) -> u32 {
        self.learn_slot(slot, 0, bit, |n| (1 << 20) / (16 * n + offset), limit)
    }
}
