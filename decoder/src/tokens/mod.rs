//! Restores deflate streams from their plaintext and coded tokens (format.md, A6.8).

mod choice;
mod codes;
pub mod counters;
mod heap;
mod matches;
mod round;
mod search;
mod sorted;
mod stream;

pub use round::Round;
pub use stream::Streams;

const SECTION: &str = "format.md, A6.8";

const LEAST_MATCH: usize = 3;
const MOST_MATCH: usize = 258;
const MOST_DISTANCE: usize = 1 << 15;

/// The numbers of symbols: of literals and lengths, of distances, and of code lengths.
const LITERALS: usize = 286;
const DISTANCES: usize = 30;
const PRECODES: usize = 19;
