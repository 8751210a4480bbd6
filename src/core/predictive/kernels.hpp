// Computations on many numbers at a time: plain data and plain functions, no inline code, since
// each set of kernels is compiled for an instruction set of its own. All give the same integers.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

// The lower triangle of a symmetric matrix: row a has the entries 0 ... a, and is padded to
// eights.
static constexpr inline size_t triangle_row(size_t a) {
    return (a / 8 + 1) * (a / 8 * 32 + a % 8 * 8);
}

// Numbers of which bytes are made that a network sees: entry clamp((x * reciprocal + base) >>
// shift) of a table, in which -1024 is the first.
struct Sight {
    const int32_t* x;
    size_t count;
    int32_t reciprocal;
    int32_t base;
};

// Numbers whose differences to a center are inputs of least squares.
struct Inputs {
    const int32_t* x;
    size_t count;
    int32_t center;
};

// Normalises differences to the terms of least squares: clamp((x * reciprocal + half) >> shift) to
// ten bits and a sign.
struct Normal {
    int32_t reciprocal;
    int32_t half;
    int32_t shift;
};

// All arrays are padded to a multiple of eight elements, and what stands behind `count` of them in
// those that are written means nothing.
struct PredictiveKernels {
    // Systems that are spread at once.
    static constexpr size_t lanes = 8;

    // The sum of weights[i] * inputs[i], input i being the i-th of all `parts`, and the inputs,
    // normalised.
    int64_t (*predict)(const Inputs* inputs, size_t parts, const int32_t* weights,
                       const Normal& normal, int16_t* out);
    // The bytes that the network sees of all `parts`, one after the other. table: [2048].
    void (*look)(const Sight* sights, size_t parts, const uint8_t* table, int32_t shift,
                 uint8_t* out);
    // out = (decay[0] * above + decay[1] * left + decay[2] * right) >> 8, of matrices of 31 bits.
    void (*decay_sums)(const int32_t* above, const int32_t* left, const int32_t* right,
                       const int32_t* decay, size_t size, int32_t* out);
    // matrix[a][b] += the sum of v[a] * v[b] over the vectors v of `values`, [count, stride]: at
    // most 32, of which the first `size` elements count. The stride is a multiple of eight, 56 at
    // most.
    void (*accumulate)(const int16_t* values, size_t count, size_t stride, size_t size,
                       int32_t* matrix);
    // From `lanes` lower triangles of `rows` rows, in rows as above, the entries next to one
    // another as doubles: [triangle, lanes], and 64 more that mean nothing, to an address that 64
    // divides.
    void (*spread)(const int32_t* const* systems, size_t rows, double* out);
};

// The kernels for the engine in use (linear.hpp).
const PredictiveKernels& predictive_kernels();

extern const PredictiveKernels predictive_plain;
extern const PredictiveKernels predictive_avx2;
extern const PredictiveKernels predictive_avx512;

}  // namespace bitsback
