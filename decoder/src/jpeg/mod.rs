//! JPEG streams: their markers, scans and coefficients (jpeg-format.md).

pub mod arithmetic;
pub mod around;
pub mod coefficients;
pub mod decisions;
pub mod decoded;
pub mod details;
pub mod levels;
pub mod markers;
pub mod pixels;
pub mod scans;
pub mod streams;
pub mod symbol_blocks;
pub mod symbols;
