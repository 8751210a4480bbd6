//! What the modules hand to one another: blocks, images, variables, values and tensors.

pub mod batch;
pub mod block;
pub mod image;
pub mod tensor;
pub mod value;
