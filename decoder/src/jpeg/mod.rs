//! JPEG streams: their markers, scans and coefficients (jpeg-format.md).

pub mod around;
pub mod coefficients;
pub mod decisions;
pub mod details;
pub mod levels;
pub mod markers;
pub mod scans;
pub mod streams;
