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

// Pixels that are predicted at once, of one step. What belongs to them lies next to one another.
static constexpr size_t front_size = 16;

// What is the same for all planes of an item with as many references.
struct FrontSettings {
    size_t planes;                // the pixel's own, and its references
    size_t predictors;            // 4 at most
    size_t window[3];             // places in the window, and those of a plane that is not there
    uint16_t median[3][3];        // the places to the west, north and north-west
    size_t inputs[4][3];          // of each predictor
    const uint16_t* input[4][3];  // which of the places
    int32_t top;                  // the highest level
    bool deep;                    // whether sums of products may leave 32 bits
    const uint8_t* table;         // what is seen of differences, [2048]
    const int16_t* curve;         // the same as a curve (settings.hpp), [96], or null
    size_t width;                 // of a context
};

// The pixels of a front. What stands behind `count` of them means nothing.
struct PixelFront {
    static constexpr size_t most = 6, blend = 5;  // predictions: the median's, up to 4, their blend

    // Where the first pixel is, and the others behind it.
    size_t count;
    int32_t rows[front_size];
    int32_t columns[front_size];
    const uint16_t* symbols[3];   // of each plane
    const int32_t* distances[3];  // from there to the places that are looked at
    const int32_t* predicted[3];  // what was predicted at the pixels, in the references
    const int32_t* errors[6];   // to the west, north, north-west, north-east, and twice west, north
    size_t error_kinds;         // numbers from those of one prediction to those of the next
    const int32_t* weights[4];  // of each predictor: those of an input, and
    size_t weight_inputs;       // so many numbers behind them those of the next
    int16_t* values[4][front_size];  // for the normalised inputs

    // What is made of it.
    int32_t median[front_size];
    int32_t predictions[most][front_size];                                // in 2^-8 levels
    int32_t expected[front_size];                                         // the error of the blend
    int32_t reciprocal[front_size], half[front_size], shift[front_size];  // of the least squares
};

// All arrays are padded to a multiple of eight elements, and what stands behind `count` of them in
// those that are written means nothing.
struct PredictiveKernels {
    // Systems that are spread at once.
    static constexpr size_t lanes = 8;

    // Predicts the pixels of a front, normalises the inputs, and writes their contexts,
    // [front_size, width].
    void (*look)(const FrontSettings& settings, PixelFront& front, uint8_t* contexts);
    // The errors of their predictions, [kinds][front_size], and the normalised targets, once their
    // symbols are known. The errors are those of the predictions, of the blend if there is more
    // than one predictor, and the last again with its sign.
    void (*learn)(const FrontSettings& settings, const PixelFront& front, const int32_t* symbols,
                  int32_t* errors, int16_t* targets);
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
