// What remains of sums from one row to the next, as a loop that compilers turn into vectors of what
// they compile for.
//
// All of it is internal to the file that includes it.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {
namespace {

// A product d * x is d * (x >> 8) * 256 + d * (x & 255): all sums stay within 32 bits.
void fade(const int32_t* above, const int32_t* left, const int32_t* right, const int32_t* decay,
          size_t size, int32_t* out) {
    const int32_t d0 = decay[0], d1 = decay[1], d2 = decay[2];
    for (size_t i = 0; i < size; ++i) {
        const int32_t high = d0 * (above[i] >> 8) + d1 * (left[i] >> 8) + d2 * (right[i] >> 8);
        const int32_t low = d0 * (above[i] & 255) + d1 * (left[i] & 255) + d2 * (right[i] & 255);
        out[i] = high + (low >> 8);
    }
}

}  // namespace
}  // namespace bitsback
