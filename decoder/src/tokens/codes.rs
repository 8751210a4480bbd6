//! The Huffman codes of blocks.

use crate::foundations::arithmetic::Decoder;
use crate::foundations::deflate::Writer;
use crate::foundations::error::{demand, refuse, Result};
use crate::tokens::counters::{Counter, Number};
use crate::tokens::{heap, sorted, DISTANCES, LITERALS, PRECODES, SECTION};

/// The order of the lengths of the code of code lengths.
const ORDER: [usize; PRECODES] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The symbols for several lengths: the least and the largest number, and the extra bits.
const RUNS: [(usize, usize, u32); 3] = [(3, 6, 2), (3, 10, 3), (11, 138, 7)];

/// Lengths in the header of a block: a symbol, and its number of lengths.
type Run = (usize, usize);

#[derive(Default)]
pub struct Codes {
    usual: Counter,
    builder: [Counter; 2],
    differs: [[[Counter; 2]; 2]; 3],
    more: [Counter; 3],
    size: [[[Number; 2]; 2]; 3],
    count: [Number; 3],
    is: [[[[Counter; 2]; 12]; 2]; 2],
    zeros: Counter,
    many: [Counter; 2],
    crosses: [[Counter; 2]; 2],
    all: [[[Counter; 3]; 2]; 2],
    less: [[Number; 2]; 2],
}

impl Codes {
    /// Reads the codes of literals and lengths and of distances from the counts of a block, and writes their header.
    pub fn read(
        &mut self,
        coder: &mut Decoder,
        literals: &[u32; LITERALS],
        distances: &[u32; DISTANCES],
        out: &mut Writer,
    ) -> Result<(Code, Code)> {
        // Whether all decisions are those of zlib's headers.
        let usual = self.usual.bit(coder)?;
        let mut builder = 0;
        if !usual && self.builder[0].bit(coder)? {
            builder = 1 + usize::from(self.builder[1].bit(coder)?);
        }
        let build = |counts: &[u32], most| match builder {
            0 => heap::lengths(counts, most),
            1 if counts.len() == LITERALS => sorted::lengths(counts, 14),
            _ => sorted::lengths(counts, most),
        };
        let mut lengths = build(literals, 15);
        self.change(coder, usual, 0, &mut lengths, 15)?;
        let mut far = build(distances, 15);
        self.change(coder, usual, 1, &mut far, 15)?;
        let literal_count = self.needed(coder, usual, 0, &lengths, 257)?;
        let distance_count = self.needed(coder, usual, 1, &far, 1)?;
        let codes = (Code::new(&lengths, false)?, Code::new(&far, false)?);
        lengths.truncate(literal_count);
        lengths.extend_from_slice(&far[..distance_count]);
        let runs = self.runs(coder, usual, &lengths, literal_count)?;
        let mut counts = [0; PRECODES];
        runs.iter().for_each(|&(symbol, _)| counts[symbol] += 1);
        let mut precode = build(&counts, 7);
        self.change(coder, usual, 2, &mut precode, 7)?;
        let ordered = ORDER.map(|symbol| precode[symbol]);
        let count = self.needed(coder, usual, 2, &ordered, 4)?;
        out.put(literal_count as u32 - 257, 5);
        out.put(distance_count as u32 - 1, 5);
        out.put(count as u32 - 4, 4);
        ordered[..count].iter().for_each(|&length| out.put(length.into(), 3));
        let code = Code::new(&precode, true)?;
        for (symbol, count) in runs {
            code.put(symbol, out)?;
            if let Some((least, _, bits)) = symbol.checked_sub(16).map(|kind| RUNS[kind]) {
                out.put((count - least) as u32, bits);
            }
        }
        Ok(codes)
    }

    /// Reads the differences of lengths to those of the builder.
    fn change(&mut self, coder: &mut Decoder, usual: bool, t: usize, lengths: &mut [u8], most: usize) -> Result<()> {
        if usual {
            return Ok(());
        }
        let mut differs = false;
        for length in lengths {
            let b = usize::from(*length);
            let some = usize::from(b > 0);
            differs = self.differs[t][some][usize::from(differs)].bit(coder)?;
            if !differs {
                continue;
            }
            let more = b == 0 || self.more[t].bit(coder)?;
            let by = 1 + self.size[t][some][usize::from(more)].read(coder)?;
            let changed = if more { b.checked_add(by) } else { b.checked_sub(by) };
            match changed.filter(|&changed| changed <= most) {
                Some(changed) => *length = changed as u8,
                None => return refuse("coded tokens have a wrong length of a code word", SECTION),
            }
        }
        Ok(())
    }

    /// Reads the number of written lengths.
    fn needed(&mut self, coder: &mut Decoder, usual: bool, t: usize, lengths: &[u8], least: usize) -> Result<usize> {
        let used = lengths.iter().rposition(|&length| length > 0).map_or(0, |last| last + 1);
        let needed = used.max(least) + if usual { 0 } else { self.count[t].read(coder)? };
        demand(needed <= lengths.len(), "coded tokens have too many lengths of code words", SECTION)?;
        Ok(needed)
    }

    fn runs(&mut self, coder: &mut Decoder, usual: bool, lengths: &[u8], literal_count: usize) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        let mut i = 0;
        while let Some(&length) = lengths.get(i) {
            let mut same = lengths[i..].iter().take(138).take_while(|&&other| other == length).count();
            let near = if i < literal_count { same.min(literal_count - i) } else { same };
            if usual {
                same = near;
            }
            let [zero, repeats] = [length == 0, i > 0 && lengths[i - 1] == length];
            let [z, r] = [zero, repeats].map(usize::from);
            let possible = same >= 3 && (zero || repeats);
            let is = &mut self.is[z][r][near.min(11)][usize::from(near < same)];
            if !possible || !(usual || is.bit(coder)?) {
                runs.push((length.into(), 1));
                i += 1;
                continue;
            }
            let mut kind = if zero && repeats { usize::from(usual || self.zeros.bit(coder)?) } else { z };
            if kind == 1 && same >= 11 {
                kind += usize::from(usual || self.many[r].bit(coder)?);
            }
            let crosses = near == same || self.crosses[z][r].bit(coder)?;
            let (least, most, _) = RUNS[kind];
            let mut count = most.min(if crosses { same } else { near });
            if !(usual || self.all[z][r][kind].bit(coder)?) {
                count = count.saturating_sub(1 + self.less[z][r].read(coder)?);
            }
            demand(count >= least, "coded tokens have a run that is too short", SECTION)?;
            runs.push((16 + kind, count));
            i += count;
        }
        Ok(runs)
    }
}

pub struct Code {
    /// For each symbol its code word and length.
    words: Vec<(u32, u32)>,
}

impl Code {
    pub fn new(lengths: &[u8], complete: bool) -> Result<Code> {
        let used: u32 = lengths.iter().filter(|&&length| length > 0).map(|length| 1 << (15 - length)).sum();
        let single = !complete && lengths.iter().all(|&length| length < 2);
        let right = used == 1 << 15 || (used < 1 << 15 && single);
        demand(right, "coded tokens have an invalid deflate code", SECTION)?;
        let mut words = vec![(0, 0); lengths.len()];
        let mut code = 0;
        for bits in 1..=15 {
            for (word, _) in words.iter_mut().zip(lengths).filter(|(_, &length)| u32::from(length) == bits) {
                *word = (code, bits);
                code += 1;
            }
            code <<= 1;
        }
        Ok(Code { words })
    }

    pub fn put(&self, symbol: usize, out: &mut Writer) -> Result<()> {
        match self.words.get(symbol) {
            Some(&(word, bits)) if bits > 0 => {
                out.word(word, bits);
                Ok(())
            }
            _ => refuse("coded tokens have a symbol without a code word", SECTION),
        }
    }
}
