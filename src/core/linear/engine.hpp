// The interface of a linear layer's engine. It has plain data and plain functions, no inline code,
// since each engine is compiled for its own instruction set.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

// The input for packing: weights [outputs, inputs] of a layer whose inputs lie in [0, input_top].
struct LinearWeights {
    const int8_t* weight;
    size_t inputs;
    size_t outputs;
    uint32_t input_top;
};

// The cheapest form of a layer's requantisation, which uses only the high word of a product.
//
//     (acc * multiplier + half) >> shift  ==  (high((acc << lift) * multiplier) + half) >> shift
//
// On the right `multiplier`, `half` and `shift` are those below, and high(p) is p >> 32; the whole
// right side fits into 32 bits. If `exact`, the equation holds for every possible accumulator of
// the layer; otherwise the scale is so large that most results are clamped.
struct LinearHighWord {
    bool exact;
    const int32_t* multiplier;
    int32_t half;
    unsigned shift;
    unsigned lift;
};

struct LinearLayer {
    const int8_t* weight;       // in the engine's own order, aligned to 64 bytes
    const int32_t* bias;        // padded with zeros to a multiple of 64 outputs
    const int32_t* multiplier;  // likewise
    size_t inputs;
    size_t outputs;
    uint32_t input_top;
    unsigned shift;
    int32_t low;
    int32_t high;
    LinearHighWord high_word;
};

// Values to which a layer's outputs are added, [rows, outputs], and the range to which sums are
// clamped.
struct LinearSum {
    const uint8_t* other;
    int32_t low;
    int32_t high;
};

struct LinearEngine {
    const char* name;
    // An upper bound of the size of a packed weight matrix in bytes, and the packing.
    size_t (*packed_size)(const LinearWeights& weights);
    void (*pack)(const LinearWeights& weights, int8_t* packed);
    // in [rows, inputs], out [rows, outputs] in bytes (8 bit) or int16 (16 bit).
    void (*run_8)(const LinearLayer& layer, const uint8_t* in, size_t rows, uint8_t* out);
    void (*run_16)(const LinearLayer& layer, const uint8_t* in, size_t rows, int16_t* out);
    // out = clamp(other + result of the layer), in bytes.
    void (*run_sum)(const LinearLayer& layer, const uint8_t* in, size_t rows, const LinearSum& sum,
                    uint8_t* out);
};

// Requantises and clamps `count` accumulators in place, from the output `first` on, by the
// definition. For layers whose high_word is not exact.
void requantise(const LinearLayer& layer, size_t first, size_t count, int32_t* acc);

extern const LinearEngine linear_scalar;
extern const LinearEngine linear_avx2;
extern const LinearEngine linear_avxvnni;
extern const LinearEngine linear_avx512vl;
extern const LinearEngine linear_avx512;
extern const LinearEngine linear_neon;
extern const LinearEngine linear_dotprod;

}  // namespace bitsback
