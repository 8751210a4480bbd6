// Kernels: functions of many numbers at a time for the coefficients of JPEG streams. Each set of
// kernels is compiled for an instruction set of its own, so this header has plain data and plain
// functions, and no inline code. All sets give the same integers. A slot of a context:
//
//      probability of a one, 22 bits | count, 7 bits | check of the key, 3 bits
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback::jpeg {

constexpr size_t contexts = 8, distributions = 4, mixers = 4;
constexpr size_t mixer_inputs = 16, linear_inputs = 24;
constexpr uint32_t table_bits = 19, line_bits = 4;  // log2 of a context's slots, a line's
constexpr unsigned weight_bits = 16;                // of a weight of 1 of a mixer
constexpr int16_t most_uses = 255;

// What all decisions share.
struct MixtureTables {
    uint32_t* slots;
    const int32_t* stretch;      // the log-odds of probabilities up to a half
    const int32_t* logarithms;   // 64 for each factor of two
    const int32_t* cdf;          // the logistic distribution function (logistic.hpp)
    const int32_t* rates;        // of slots, by the count, in units of 2^-16
    const int32_t* mixer_rates;  // by the uses of a set of weights, likewise
};

// The inputs and weights of a decision.
struct Mixture {
    // Of the coefficient, for each context: where its slots begin, and the check of its key.
    alignas(32) uint32_t lines[contexts];
    alignas(32) uint32_t checks[contexts];
    // Of the decision: its slots, the inputs of the mixers and their weights. The last input is 0,
    // and its weight counts the uses of the set.
    alignas(32) uint32_t slots[contexts];
    alignas(32) int16_t inputs[mixer_inputs];
    int16_t* weights[mixers];
};

// Logistic distributions around predictions. Means and scales are integers in units of 2^-8 of a
// step of quantisation. rates: 2^28 / the scale, rounded down.
struct Logistics {
    alignas(32) double means[distributions];
    alignas(32) double rates[distributions];
    // The probabilities of -1 and less, and of 1 and more, in units of 2^-28.
    alignas(16) int32_t low[distributions];
    alignas(16) int32_t high[distributions];
};

struct Kernels {
    // Finds the line of each context by its value.
    void (*find)(Mixture& mixture, const int32_t* values, uint32_t seed);
    // The probability of a one, in units of 2^-28. place: of a slot in its line. parts:
    // [2][distributions], the probabilities of both outcomes by each distribution, in the same
    // units.
    int32_t (*mix)(Mixture& mixture, const MixtureTables& tables, uint32_t place,
                   const int32_t* parts);
    // Learns a coded bit. p: the probability of a one that `mix` gave.
    void (*learn)(const Mixture& mixture, const MixtureTables& tables, uint32_t place, uint32_t bit,
                  int32_t p);
    // Places distributions with these scales around rest, middle, 0, and rest again. rest and
    // middle: predictions.
    void (*spread)(Logistics& logistics, const int32_t* cdf, const int32_t* scales, double rest,
                   double middle);
    // The probabilities of `least` and more, or of -least and less, in units of 2^-28.
    void (*tails)(const Logistics& logistics, const int32_t* cdf, int32_t least, int32_t negative,
                  int32_t* out);
    // Shifts inputs down, limits them to [-8191, 8191], and returns the sum of weights[i] *
    // inputs[i] modulo 2^32. power: the sum of the squares of the inputs.
    int32_t (*predict)(const int32_t* weights, int32_t* inputs, int32_t shift, int32_t* power);
    // weights[i] += (step * inputs[i] + 2^11) >> 12, within [-2^20, 2^20], for a step within
    // (-2^15, 2^15).
    void (*nudge)(int32_t* weights, const int32_t* inputs, int32_t step);
    // Adds `size` times a weight for the distance (quantities.hpp) to the 5 x 5 places around a
    // place. sums: the first of these, in rows of 16.
    void (*surround)(int32_t* sums, int32_t size);
    // Sums around each of the 64 numbers of a block: 4 times itself, 2 times each of the 4 beside
    // it, and the 4 at its corners.
    void (*smooth)(const int32_t* from, int32_t* to);
};

// The kernels for the engine in use (linear.hpp).
const Kernels& kernels();

extern const Kernels jpeg_plain;
extern const Kernels jpeg_avx2;
extern const Kernels jpeg_avx512;

}  // namespace bitsback::jpeg
