//! Series (M5).

pub mod items;
pub mod least_squares;
pub mod rules;
