// Compile-time loops over arrays of vector registers. Compilers keep an array in registers if all
// indices are constants, but not always in loops.
//
// It is internal to the file that includes it, since each engine is compiled for its own
// instruction set.
#pragma once

#include <stddef.h>

#if defined(__GNUC__)
#define BITSBACK_INLINE __attribute__((always_inline))
#else
#define BITSBACK_INLINE
#endif

namespace bitsback {
namespace {

template <size_t n>
struct Index {
    static constexpr size_t value = n;
};

// body(Index<0>()) ... body(Index<n - 1>()).
template <size_t n, class Body>
inline BITSBACK_INLINE void repeat(const Body& body) {
    if constexpr (n > 0) {
        repeat<n - 1>(body);
        body(Index<n - 1>());
    }
}

// Calls code with a number from 1 to `most` as a compile-time constant.
template <size_t most, class Code>
inline BITSBACK_INLINE void with_index(size_t n, const Code& code) {
    if constexpr (most > 1)
        if (n < most) return with_index<most - 1>(n, code);
    code(Index<most>());
}

}  // namespace
}  // namespace bitsback
