//! Restores arrays and files (A6).

pub mod animated;
pub mod byte_runs;
pub mod choices;
pub mod deflated;
pub mod gif;
pub mod group4;
pub mod high_bits;
pub mod lossless_jpeg;
pub mod lzw;
pub mod metadata;
pub mod npy;
pub mod output;
pub mod picture;
pub mod restore;
pub mod sheet;
pub mod tiff;
pub mod zip;
