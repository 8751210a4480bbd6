//! The ANS stack, and the codecs on it (A1, A2).

pub mod coder;
pub mod message;
