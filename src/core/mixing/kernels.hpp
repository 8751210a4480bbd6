// What mixers compute of many weights at a time: plain functions, no inline code, since each set of
// kernels is compiled for an instruction set of its own. All give the same integers.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

// The weights and inputs of a decision, `count` of them, a multiple of eight.
struct MixingKernels {
    // The sum of weights[i] * inputs[i].
    int64_t (*dot)(const int32_t* weights, const int32_t* inputs, size_t count);
    // weights[i] += (inputs[i] * error + 2^31) >> 32, within [-2^24, 2^24]. The products fit 63
    // bits.
    void (*adjust)(int32_t* weights, const int32_t* inputs, int32_t error, size_t count);
};

// Those for the engine in use (linear.hpp).
const MixingKernels& mixing_kernels();

extern const MixingKernels mixing_plain;
extern const MixingKernels mixing_avx2;
extern const MixingKernels mixing_avx512;

}  // namespace bitsback
