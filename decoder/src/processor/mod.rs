//! Functions compiled for the vectors of the processor.

pub mod simd;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
