// The SIMD kernels of contexts and mixers. The interface has plain data and functions and no inline
// code, since each set of kernels is compiled for its own instruction set. All sets compute the
// same integers.
//
//      slot      probability of a one | count | check of the key
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

// The slots of a decision, one per context, padded to a multiple of eight with an empty slot.
struct SlotView {
    uint32_t* all;
    uint32_t* numbers;       // of the slots of the decision
    const uint32_t* checks;  // a slot with another check is of another key
    size_t count;
    uint32_t probability_bits;
    uint32_t check_bits;
};

// The slots of a group of decisions, per context.
struct Within {
    const uint32_t* lines;   // first slots
    const uint32_t* direct;  // all ones for contexts whose keys have their own slots, else 0
    uint32_t node;           // of the decision
    uint32_t place;          // its place in the tree of the group
};

// The inputs of mixers for a decision. Their number is a multiple of sixteen.
struct MixerInputs {
    const int16_t* first;
    size_t count;
};

struct MixingKernels {
    // Finds the numbers of the slots, and their inputs [2 * slots.count]: first the log-odds, by
    // the table `stretch` for probabilities up to a half, and then the confidences; and the counts.
    void (*look)(const SlotView& slots, const Within& within, const int32_t* stretch,
                 uint32_t trust, int16_t* inputs, uint32_t* counts);
    // Learns a bit. rates: [slots.count, number of counts], in units of 2^-16. limits: of counts.
    // contexts: the number of slots to update.
    void (*learn)(const SlotView& slots, const int32_t* rates, const uint32_t* limits,
                  size_t contexts, uint32_t bit);
    // The sum of weights[m][i] * inputs[i], for 1 to 4 mixers; no weight is -2^15.
    void (*mix)(const int16_t* const* weights, size_t mixers, const MixerInputs& inputs,
                int64_t* sums);
    // weights[m][i] += (inputs[i] * errors[m] + 2^14) >> 15, within [-(2^15 - 1), 2^15 - 1], for 1
    // to 4 mixers.
    void (*adjust)(int16_t* const* weights, const int16_t* errors, size_t mixers,
                   const MixerInputs& inputs);
};

// The kernels for the engine in use (linear.hpp).
const MixingKernels& mixing_kernels();

extern const MixingKernels mixing_plain;
extern const MixingKernels mixing_avx2;
extern const MixingKernels mixing_avx512;

}  // namespace bitsback
