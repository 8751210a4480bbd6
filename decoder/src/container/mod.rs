//! The sections of a file, and what they say (A5, A7).

pub mod adaptive;
pub mod archive;
pub mod block;
pub mod catalogue;
pub mod collection;
pub mod digits;
pub mod fallback;
pub mod lone;
pub mod names;
pub mod ranges;
