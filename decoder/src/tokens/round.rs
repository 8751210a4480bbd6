//! A round of the extraction of deflate streams from bytes (format.md, A5.20).

use crate::foundations::bytes::Bytes;
use crate::foundations::error::{demand, Result};
use crate::tokens::stream::most_bytes;
use crate::tokens::Streams;

const MISMATCH: &str = "the sizes of deflate streams do not match";
const SECTION: &str = "format.md, A5.20";

/// The header of the rest of a round.
pub struct Round {
    /// The size of the bytes before the round.
    pub total: u64,
    /// For each stream the sizes of the gap before it, of the stream, and of its plaintext.
    streams: Vec<[u64; 3]>,
    /// The total size of plaintexts.
    pub plaintexts: u64,
}

impl Round {
    pub fn read(bytes: &mut Bytes) -> Result<Round> {
        let total = bytes.varint()?;
        let mut round = Round { total, streams: Vec::new(), plaintexts: 0 };
        let mut used = 0u64;
        for _ in 0..bytes.varint()? {
            let [gap, size, plaintext] = [bytes.varint()?, bytes.varint()?, bytes.varint()?];
            used = used.saturating_add(gap).saturating_add(size);
            round.plaintexts = round.plaintexts.saturating_add(plaintext);
            demand(used <= total && (plaintext == 0 || size <= most_bytes(plaintext)), MISMATCH, SECTION)?;
            round.streams.push([gap, size, plaintext]);
        }
        Ok(round)
    }

    /// Restores the bytes before the round. An empty plaintext stands for the next bytes of `files`.
    pub fn restore(
        &self,
        plaintexts: &[u8],
        others: &[u8],
        tokens: &mut Streams,
        files: &mut Bytes,
    ) -> Result<Vec<u8>> {
        let [mut plaintexts, mut others] = [plaintexts, others].map(|bytes| Bytes::new(bytes, SECTION));
        let mut out = Vec::new();
        for &[gap, size, plaintext] in &self.streams {
            out.extend_from_slice(others.take_long(gap)?);
            if plaintext > 0 {
                out.extend_from_slice(&tokens.next(plaintexts.take_long(plaintext)?, size)?);
            } else {
                out.extend_from_slice(files.take_long(size)?);
            }
        }
        out.extend_from_slice(others.rest());
        demand(out.len() as u64 == self.total && plaintexts.left() == 0, MISMATCH, SECTION)?;
        Ok(out)
    }
}
