// The kernels as loops, which compilers turn into vectors of what they compile for.
//
// All of it is internal to the file that includes it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernels.hpp"

namespace bitsback {
namespace {

inline int32_t clamped(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

void differences(const int32_t* x, const int32_t* offsets, size_t count, int32_t from,
                 int32_t* out) {
    for (size_t i = 0; i < count; ++i) out[i] = x[offsets[i]] - from;
}

int32_t dot(const int32_t* a, const int32_t* b, size_t count) {
    int32_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += a[i] * b[i];
    return sum;
}

int64_t long_dot(const int32_t* a, const int32_t* b, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += static_cast<int64_t>(a[i]) * b[i];
    return sum;
}

void scale(const int32_t* in, size_t count, int32_t reciprocal, int32_t half, int32_t shift,
           int16_t* out) {
    for (size_t i = 0; i < count; ++i)
        out[i] = static_cast<int16_t>(clamped((in[i] * reciprocal + half) >> shift, -1023, 1023));
}

void look(const int32_t* x, const int32_t* offsets, size_t count, const Sight& sight,
          uint8_t* out) {
    for (size_t i = 0; i < count; ++i) {
        const int32_t seen = (x[offsets[i]] * sight.reciprocal + sight.base) >> sight.shift;
        out[i] = sight.table[clamped(seen, -1024, 1023) + 1024];
    }
}

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

void accumulate(const int16_t* values, size_t count, size_t stride, size_t size, int32_t* matrix) {
    for (size_t c = 0; c < count; ++c, values += stride)
        for (size_t a = 0; a < size; ++a) {
            int32_t* row = matrix + triangle_row(a);
            const int32_t factor = values[a];
            for (size_t b = 0; b <= a; ++b) row[b] += factor * values[b];
        }
}

}  // namespace
}  // namespace bitsback
