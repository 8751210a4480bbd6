//! Wavefronts (M10).

pub mod cells;
pub mod mixture;
pub mod network;
pub mod pixels;
pub mod plane;
pub mod rules;
pub mod sheet;
