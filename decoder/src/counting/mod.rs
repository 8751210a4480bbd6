//! Context mixing (M6).

pub mod blend;
pub mod contexts;
pub mod counted;
pub mod decider;
pub mod memory;
pub mod mixing;
pub mod spots;
pub mod terms;
