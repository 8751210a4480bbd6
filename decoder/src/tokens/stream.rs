//! The blocks of a stream.

use std::sync::LazyLock;

use crate::foundations::arithmetic::Decoder;
use crate::foundations::deflate::Writer;
use crate::foundations::error::{demand, error, Result};
use crate::tokens::choice::{self, Choice, Level};
use crate::tokens::codes::{Code, Codes};
use crate::tokens::counters::{Counter, Number};
use crate::tokens::matches::{Learned, Others, Specs, Token, Tokens};
use crate::tokens::search::{plain, Settings};
use crate::tokens::{DISTANCES, LITERALS, MOST_MATCH, SECTION};

const MOST_TEXT: usize = (1 << 31) - 2;
const MOST_STORED: usize = (1 << 16) - 1;
const END: usize = 256;

/// The largest size of a stream with this much plaintext.
pub fn most_bytes(plaintext: u64) -> u64 {
    plaintext.saturating_mul(2).saturating_add(1 << 16)
}

/// A number that often repeats.
#[derive(Default)]
struct Repeated {
    value: usize,
    same: Counter,
    number: Number,
}

impl Repeated {
    fn read(&mut self, coder: &mut Decoder) -> Result<usize> {
        if !self.same.bit(coder)? {
            self.value = self.number.read(coder)?;
        }
        Ok(self.value)
    }
}

/// What predicts the tokens of a stream.
#[derive(Clone, Copy)]
enum Encoder {
    Zlib(Level),
    Other(Settings),
}

impl Encoder {
    fn read(coder: &mut Decoder) -> Result<Encoder> {
        let number = plain(coder, 4)?;
        demand(number <= choice::LITERALS, "coded tokens have an unknown level of zlib", SECTION)?;
        Ok(match number {
            0 => Encoder::Other(Settings::read(coder)?),
            1..=9 => Encoder::Zlib(Level { number, hash: plain(coder, 1)?, filtered: plain(coder, 1)? == 1 }),
            _ => Encoder::Zlib(Level { number, hash: 0, filtered: false }),
        })
    }
}

/// The decisions about tokens that zlib would choose.
struct Guesses {
    right: Counter,
    matched: Counter,
}

enum Source<'a, 'b> {
    Guessed(Choice<'a>, &'a mut Guesses, &'a mut Others),
    Searched(Tokens<'a, 'b>),
}

impl Source<'_, '_> {
    /// The token at a position.
    fn next(&mut self, coder: &mut Decoder, text: &[u8], at: usize) -> Result<Token> {
        let (choice, guesses, others) = match self {
            Source::Guessed(choice, guesses, others) => (choice, guesses, others),
            Source::Searched(tokens) => return tokens.next(coder, at),
        };
        let mut token = choice.guess(at);
        if !guesses.right.bit(coder)? {
            let matched = token.length == 0 || guesses.matched.bit(coder)?;
            token = if matched { others.read(coder, text, at)? } else { Token::default() };
        }
        choice.take(at, token.length.into());
        Ok(token)
    }
}

/// Decodes a sequence of streams from coded tokens.
pub struct Streams<'a> {
    coder: Decoder<'a>,
    other: Counter,
    encoder: Option<Encoder>,
    guesses: Guesses,
    /// Made for the first stream of an encoder other than zlib.
    learned: Option<Learned<'static>>,
    others: Others,
    codes: Codes,
    is_last: Counter,
    types: [[Counter; 2]; 3],
    padding: Number,
    stored: Repeated,
    counts: Repeated,
}

impl<'a> Streams<'a> {
    pub fn new(coded: &'a [u8]) -> Result<Streams<'a>> {
        Ok(Streams {
            coder: Decoder::new(coded, SECTION)?,
            other: Counter::default(),
            encoder: None,
            guesses: Guesses { right: Counter::likely(), matched: Counter::default() },
            learned: None,
            others: Others::default(),
            codes: Codes::default(),
            is_last: Counter::default(),
            types: [[Counter::default(); 2]; 3],
            padding: Number::default(),
            stored: Repeated::default(),
            counts: Repeated { value: 16_383, ..Repeated::default() },
        })
    }

    /// The next raw stream, of `size` bytes, with this plaintext.
    pub fn next(&mut self, text: &[u8], size: u64) -> Result<Vec<u8>> {
        demand(text.len() <= MOST_TEXT, "the plaintext of a deflate stream is too long", SECTION)?;
        demand(size <= most_bytes(text.len() as u64), "a deflate stream is too long for its plaintext", SECTION)?;
        let coder = &mut self.coder;
        let encoder = match self.encoder {
            Some(encoder) if !self.other.bit(coder)? => encoder,
            _ => Encoder::read(coder)?,
        };
        self.encoder = Some(encoder);
        let mut tokens = match encoder {
            Encoder::Zlib(level) => Source::Guessed(Choice::new(text, level), &mut self.guesses, &mut self.others),
            Encoder::Other(settings) => {
                static SPECS: LazyLock<Specs> = LazyLock::new(Specs::new);
                let learned = self.learned.get_or_insert_with(|| Learned::new(&SPECS));
                Source::Searched(Tokens::new(text, settings, learned, &mut self.others))
            }
        };
        let mut out = Writer::default();
        let mut made = Vec::new();
        let (mut at, mut kind, mut last) = (0, 2, false);
        while !last {
            last = self.is_last.bit(coder)?;
            let [first, second] = &mut self.types[kind];
            kind = if first.bit(coder)? { 2 } else { second.bit(coder)?.into() };
            out.put(last.into(), 1);
            out.put(kind as u32, 2);
            if kind == 0 {
                pad(self.padding.read(coder)?, &mut out)?;
                let count = self.stored.read(coder)?;
                let bytes = text[at..].get(..count).filter(|bytes| bytes.len() <= MOST_STORED);
                let bytes = bytes.ok_or_else(|| error("coded tokens are of a longer plaintext", SECTION))?;
                out.put(count as u32, 16);
                out.put(!(count as u32) & 0xFFFF, 16);
                bytes.iter().for_each(|&byte| out.put(byte.into(), 8));
                at += count;
            } else {
                let count = if last { None } else { Some(self.counts.read(coder)?) };
                made.clear();
                let start = at;
                while count.map_or(at < text.len(), |count| made.len() < count) {
                    demand(at < text.len(), "coded tokens are of a longer plaintext", SECTION)?;
                    let token = tokens.next(coder, text, at)?;
                    at += usize::from(token.length.max(1));
                    made.push(token);
                }
                let symbols = Symbols { text: &text[start..], tokens: &made };
                let (literals, distances) = match kind {
                    1 => (Code::new(&FIXED, false)?, Code::new(&[5; 32], false)?),
                    _ => {
                        let (literals, distances) = symbols.counts();
                        self.codes.read(coder, &literals, &distances, &mut out)?
                    }
                };
                symbols.put(&literals, &distances, &mut out)?;
            }
            demand(out.bytes() as u64 <= size, "coded tokens do not match the size of their stream", SECTION)?;
        }
        pad(self.padding.read(coder)?, &mut out)?;
        demand(at == text.len() && out.bytes() as u64 == size, "coded tokens do not match their stream", SECTION)?;
        Ok(out.out)
    }

    /// Refuses unread tokens.
    pub fn end(&self) -> Result<()> {
        self.coder.end()
    }
}

/// Writes bits as the padding up to a byte boundary.
fn pad(bits: usize, out: &mut Writer) -> Result<()> {
    let room = out.room();
    demand(bits < 1 << room, "coded tokens have too much padding", SECTION)?;
    out.put(bits as u32, room);
    Ok(())
}

/// The lengths of the words of the fixed code.
const FIXED: [u8; 288] = {
    let mut lengths = [8; 288];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    lengths
};

struct Symbols<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
}

/// A symbol, its extra bits, and their number.
type Symbol = (u32, u32, u32);

impl Symbols<'_> {
    /// Each symbol of a literal or a length, with the symbol of its distance.
    fn each(&self) -> impl Iterator<Item = (Symbol, Option<Symbol>)> + '_ {
        const MOST: u16 = MOST_MATCH as u16;
        let mut at = 0;
        self.tokens.iter().map(move |token| {
            let literal = self.text[at];
            at += usize::from(token.length.max(1));
            if token.length == 0 {
                return ((literal.into(), 0, 0), None);
            }
            let (symbol, low, extra) = match token.length {
                MOST if !token.odd => (28, 0, 0),
                length => Writer::ranged(u32::from(length) - 3, 2),
            };
            ((257 + symbol, low, extra), Some(Writer::ranged(u32::from(token.distance) - 1, 1)))
        })
    }

    fn counts(&self) -> ([u32; LITERALS], [u32; DISTANCES]) {
        let (mut literals, mut distances) = ([0; LITERALS], [0; DISTANCES]);
        literals[END] = 1;
        for ((literal, ..), distance) in self.each() {
            literals[literal as usize] += 1;
            if let Some((distance, ..)) = distance {
                distances[distance as usize] += 1;
            }
        }
        (literals, distances)
    }

    fn put(&self, literals: &Code, distances: &Code, out: &mut Writer) -> Result<()> {
        for ((literal, low, extra), distance) in self.each() {
            literals.put(literal as usize, out)?;
            out.put(low, extra);
            if let Some((distance, low, extra)) = distance {
                distances.put(distance as usize, out)?;
                out.put(low, extra);
            }
        }
        literals.put(END, out)
    }
}
