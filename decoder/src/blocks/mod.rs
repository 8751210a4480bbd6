//! Blocks that models code (A3, A4).

pub mod chain;
pub mod content;
pub mod multiset;
