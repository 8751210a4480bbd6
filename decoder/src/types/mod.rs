//! The types that modules share: blocks, images, variables, values and tensors.

pub mod batch;
pub mod block;
pub mod image;
pub mod tensor;
pub mod value;
