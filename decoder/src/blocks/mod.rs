//! The methods of blocks, including the coding by models (A3, A4, A5.5 to A5.10, A5.20).

pub mod adaptive;
pub mod chain;
pub mod content;
pub mod digits;
pub mod fallback;
pub mod inflated;
pub mod methods;
pub mod multiset;
