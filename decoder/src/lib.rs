//! A decoder of the bitsback format, written only from its specification (docs/format.md, docs/model-format.md and
//! docs/jpeg-format.md).

#![deny(unsafe_code)]

pub mod ans;
pub mod blocks;
pub mod container;
pub mod counting;
pub mod foundations;
pub mod jpeg;
pub mod models;
pub mod networks;
pub mod processor;
pub mod restored;
pub mod series;
pub mod tokens;
pub mod types;
pub mod wavefront;
