//! Wavefronts (M10).

pub mod around;
pub mod cells;
pub mod colours;
pub mod contexts;
pub mod decisions;
pub mod mixers;
pub mod mixture;
pub mod network;
pub mod pixels;
pub mod plane;
pub mod rules;
pub mod sheet;
