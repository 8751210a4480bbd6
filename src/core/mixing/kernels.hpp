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
    uint32_t* numbers;       // of those of the decision
    const uint32_t* checks;  // a slot with another check has counted nothing for this key
    size_t count;
    uint32_t probability_bits;
    uint32_t check_bits;
};

// Where slots of decisions that follow one another are, for each context.
struct Within {
    const uint32_t* lines;   // where they begin
    const uint32_t* direct;  // all ones in contexts whose keys have slots of their own, else 0
    uint32_t node;           // of the decision
    uint32_t place;          // its number in the tree of these decisions
};

// What mixers take of a decision: a multiple of sixteen of numbers.
struct MixerInputs {
    const int16_t* first;
    size_t count;
};

struct MixingKernels {
    // Finds the numbers of the slots, and the inputs that they give, in [2 * slots.count]: first
    // the log-odds, by a table of those against probabilities up to a half, and then the
    // probabilities, as far as they are trusted; and how often each came.
    void (*look)(const SlotView& slots, const Within& within, const int32_t* stretch,
                 uint32_t trust, int16_t* inputs, uint32_t* counts);
    // Takes the bit that came. rates: [slots.count, counts that there can be], of units of 2^-16.
    // limits: of counts. contexts: so many of the slots are learned.
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

// Those for the engine in use (linear.hpp).
const MixingKernels& mixing_kernels();

extern const MixingKernels mixing_plain;
extern const MixingKernels mixing_avx2;
extern const MixingKernels mixing_avx512;

}  // namespace bitsback
