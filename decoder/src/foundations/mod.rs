//! Bytes, checksums, numbers, and standard formats.

pub mod arithmetic;
pub mod bytes;
pub mod crc;
pub mod deflate;
pub mod dtype;
pub mod error;
pub mod inflate;
pub mod json;
pub mod lzma2;
pub mod sha256;
pub mod splitmix;
pub mod tables;
