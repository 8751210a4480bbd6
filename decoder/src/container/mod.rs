//! The sections of a file and their content (A5, A7).

pub mod archive;
pub mod catalogue;
pub mod collection;
pub mod entries;
pub mod lone;
pub mod names;
pub mod ranges;
