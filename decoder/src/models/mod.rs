//! Model files (A8, M1, M2), their test vectors (M8) and their cost (M9).

pub mod cost;
pub mod description;
pub mod embedded;
pub mod library;
pub mod model;
pub mod vectors;
