//! Functions compiled for the vector instructions of the processor.

pub mod simd;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
