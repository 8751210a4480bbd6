// What contexts and mixers compute of many numbers at a time: plain data and plain functions, no
// inline code, since each set of kernels is compiled for an instruction set of its own. All give
// the same integers.
//
//      slot      probability of a one | count | check of the key
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

// The slots of a decision, one for each context, padded to a multiple of eight with one that has
// counted nothing.
struct SlotView {
    uint32_t* all;
    const uint32_t* numbers;  // of those of the decision
    const uint32_t* checks;   // a slot with another check has counted nothing for this key
    size_t count;
    uint32_t probability_bits;
    uint32_t check_bits;
};

struct MixingKernels {
    // The inputs that slots give, in [2 * slots.count]: first the log-odds, by a table of those
    // against probabilities up to a half, and then the probabilities, as far as they are trusted;
    // and how often each came.
    void (*look)(const SlotView& slots, const int32_t* stretch, uint32_t trust, int32_t* inputs,
                 uint32_t* counts);
    // Takes the bit that came. rates: [slots.count, counts that there can be], of units of 2^-16.
    // limits: of counts. contexts: so many of the slots are learned.
    void (*learn)(const SlotView& slots, const int32_t* rates, const uint32_t* limits,
                  size_t contexts, uint32_t bit);
    // The sum of weights[i] * inputs[i], of a multiple of eight.
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
