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

int64_t predict(const Inputs* inputs, size_t parts, const int32_t* weights, const Normal& normal,
                int16_t* out) {
    int64_t sum = 0;
    for (const Inputs* part = inputs; part != inputs + parts; ++part)
        for (size_t i = 0; i < part->count; ++i) {
            const int32_t input = part->x[i] - part->center;
            sum += static_cast<int64_t>(*weights++) * input;
            const int32_t normalised = (input * normal.reciprocal + normal.half) >> normal.shift;
            *out++ = static_cast<int16_t>(clamped(normalised, -1023, 1023));
        }
    return sum;
}

void look(const Sight* sights, size_t parts, const uint8_t* table, int32_t shift, uint8_t* out) {
    for (const Sight* part = sights; part != sights + parts; ++part)
        for (size_t i = 0; i < part->count; ++i) {
            const int32_t seen = (part->x[i] * part->reciprocal + part->base) >> shift;
            *out++ = table[clamped(seen, -1024, 1023) + 1024];
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

void spread(const int32_t* const* systems, size_t rows, double* out) {
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j <= i; ++j)
            for (size_t lane = 0; lane < PredictiveKernels::lanes; ++lane)
                *out++ = systems[lane][triangle_row(i) + j];
}

}  // namespace
}  // namespace bitsback
