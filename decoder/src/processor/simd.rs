//! Functions that are compiled for the vectors that the processor has, in safe code.

/// Work that is compiled more than once, for the vectors that a processor may have.
pub trait Wide {
    /// To be inlined always, with all that it calls.
    fn run(self);
}

#[cfg(target_arch = "x86_64")]
pub use crate::processor::x86::{prefetch, with_vectors};

/// Does work compiled for the vectors that there are, which are those of the target here. It stays a function of its
/// own: browsers compile a function well once it has been called often, but not while it runs.
#[cfg(not(target_arch = "x86_64"))]
#[inline(never)]
pub fn with_vectors(work: impl Wide) {
    work.run();
}

/// Asks for the memory of a number that is needed soon, by reading it.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn prefetch(number: &u32) {
    std::hint::black_box(*number);
}

/// Defines a function that runs with the vectors that the processor has, and all that is inlined into it. Its generic
/// parameters are given with their bounds, and without.
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
