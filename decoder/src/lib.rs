//! A decoder of the bitsback format, written from its specification (docs/format.md and docs/model-format.md) alone.

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
