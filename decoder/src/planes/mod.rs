//! Planes by prediction (M4), and series (M5).

pub mod front;
pub mod jpeg;
pub mod least_squares;
pub mod offsets;
pub mod pixel;
pub mod predictive;
pub mod ring;
pub mod series;
pub mod skew;
pub mod sums;
