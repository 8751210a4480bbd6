// The kernels as loops.
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

int64_t predict(const int32_t* inputs, size_t count, const int32_t* weights, const Normal& normal,
                int16_t* out) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; ++i) {
        sum += static_cast<int64_t>(weights[i]) * inputs[i];
        const int32_t normalised = (inputs[i] * normal.reciprocal + normal.half) >> normal.shift;
        out[i] = static_cast<int16_t>(clamped(normalised, -1023, 1023));
    }
    return sum;
}

void look(const int32_t* x, const int32_t* offsets, size_t count, const Sight& sight,
          uint8_t* out) {
    for (size_t i = 0; i < count; ++i) {
        const int32_t seen = (x[offsets[i]] * sight.reciprocal + sight.base) >> sight.shift;
        out[i] = sight.table[clamped(seen, -1024, 1023) + 1024];
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

// Row i of eight systems as doubles, [i + 1, lanes].
void spread_row(const int32_t* const* systems, size_t i, double* out) {
    constexpr size_t lanes = PredictiveKernels::lanes;
    for (size_t j = 0; j <= i; ++j)
        for (size_t lane = 0; lane < lanes; ++lane)
            out[j * lanes + lane] = systems[lane][triangle_row(i) + j];
}

}  // namespace
}  // namespace bitsback
