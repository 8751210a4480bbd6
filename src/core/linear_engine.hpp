// What a linear layer's engine is: plain data and plain functions, no inline code, since each
// engine is compiled for an instruction set of its own.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

struct LinearLayer {
    const int8_t* weight;  // in the engine's own order
    const int32_t* bias;
    const int32_t* multiplier;
    size_t inputs;
    size_t outputs;
    unsigned shift;
    int32_t low;
    int32_t high;
    bool wide;  // (acc * multiplier + half) >> shift can leave 32 bits
};

// Values that a layer's outputs are added to: [rows, outputs], and the range that sums are clamped
// to.
struct LinearSum {
    const uint8_t* other;
    int32_t low;
    int32_t high;
};

struct LinearEngine {
    const char* name;
    // Bytes of a packed weight matrix, and the packing of a [outputs, inputs] one.
    size_t (*packed_size)(size_t inputs, size_t outputs);
    void (*pack)(const int8_t* weight, size_t inputs, size_t outputs, int8_t* packed);
    // in [rows, inputs], out [rows, outputs] in bytes (8 bit) or int16 (16 bit).
    void (*run_8)(const LinearLayer& layer, const uint8_t* in, size_t rows, uint8_t* out);
    void (*run_16)(const LinearLayer& layer, const uint8_t* in, size_t rows, int16_t* out);
    // out = clamp(other + what the layer gives), in bytes.
    void (*run_sum)(const LinearLayer& layer, const uint8_t* in, size_t rows, const LinearSum& sum,
                    uint8_t* out);
};

extern const LinearEngine linear_scalar;
extern const LinearEngine linear_avx2;
extern const LinearEngine linear_avx512;

}  // namespace bitsback
