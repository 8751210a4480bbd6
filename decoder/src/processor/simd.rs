//! Safe code compiled for several sets of vector instructions, selected at run time.

/// Work that is compiled once per set of vector instructions.
pub trait Wide {
    /// Must always be inlined, with everything that it calls.
    fn run(self);
}

#[cfg(target_arch = "x86_64")]
pub use crate::processor::x86::{prefetch, with_vectors};

/// Runs work with the vectors of the target. It is not inlined, since browsers optimise a function after many calls,
/// but not while it runs.
#[cfg(not(target_arch = "x86_64"))]
#[inline(never)]
pub fn with_vectors(work: impl Wide) {
    work.run();
}

/// Prefetches a number by reading it.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn prefetch(number: &u32) {
    std::hint::black_box(*number);
}

/// Defines a function that runs, with everything inlined into it, with the vectors of the processor. Its generic
/// parameters are listed with their bounds, and without.
macro_rules! wide {
    ($(#[$doc:meta])* fn $name:ident[$($bound:tt)*][$($plain:tt)*]($($field:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        fn $name<$($bound)*>($($field: $type),*) {
            struct Job<$($bound)*> {
                $($field: $type),*
            }
            impl<$($bound)*> $crate::processor::simd::Wide for Job<$($plain)*> {
                #[inline(always)]
                fn run(self) {
                    let Job { $($field),* } = self;
                    $body
                }
            }
            $crate::processor::simd::with_vectors(Job::<$($plain)*> { $($field),* })
        }
    };
}
pub(crate) use wide;
