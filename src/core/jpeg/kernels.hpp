// What the coefficients of JPEG streams compute of many numbers at a time: plain data and plain
// functions, no inline code, since each set of kernels is compiled for an instruction set of its
// own. All give the same integers.
//
//      slot      probability of a one, 22 bits | count, 7 bits | check of the key, 3 bits
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback::jpeg {

constexpr size_t contexts = 8, distributions = 4, mixers = 4;
constexpr size_t mixer_inputs = 16, linear_inputs = 24;
constexpr uint32_t table_bits = 19, line_bits = 4;  // of slots

// What a decision is mixed of.
struct Mixture {
    // Of the coefficient, for each context: where its slots begin, and the check of its key.
    alignas(32) uint32_t lines[contexts];
    alignas(32) uint32_t checks[contexts];
    // Of the decision: its slots, the inputs of the mixers and their weights.
    alignas(32) uint32_t slots[contexts];
    alignas(32) int16_t inputs[mixer_inputs];
    int16_t* weights[mixers];
};

struct Kernels {
    // Finds the lines of these values of the contexts.
    void (*find)(Mixture& of, const uint32_t* values, uint32_t seed);
    // The sum of weights times inputs, modulo 2^32. place: in the lines. stretch: the log-odds of
    // probabilities up to a half. logarithms: 64 for each factor of two. parts: [2][distributions],
    // the probabilities of both outcomes by each distribution, in units of 2^-28.
    int32_t (*mix)(Mixture& of, const uint32_t* slots, uint32_t place, const int32_t* stretch,
                   const int32_t* logarithms, const int32_t* parts);
    // Takes the bit that came. rates: by the count, in units of 2^-16. errors: of each mixer.
    void (*learn)(const Mixture& of, uint32_t* slots, uint32_t place, const int32_t* rates,
                  uint32_t bit, const int16_t* errors);
    // Shifts inputs down, within [-8191, 8191]; the sum of weights[i] * inputs[i] modulo 2^32, and
    // that of the squares of inputs.
    int32_t (*predict)(const int32_t* weights, int32_t* inputs, int32_t shift, int32_t* power);
    // weights[i] += (step * inputs[i] + 2^11) >> 12, within [-2^20, 2^20], for a step within
    // (-2^15, 2^15).
    void (*nudge)(int32_t* weights, const int32_t* inputs, int32_t step);
    // Of the 64 numbers of a block: each four times, those beside it twice, those at its corners
    // once.
    void (*smooth)(const int32_t* from, int32_t* to);
};

// Those for the engine in use (linear.hpp).
const Kernels& kernels();

extern const Kernels jpeg_plain;
extern const Kernels jpeg_avx2;
extern const Kernels jpeg_avx512;

}  // namespace bitsback::jpeg
