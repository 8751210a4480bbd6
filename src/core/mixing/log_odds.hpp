// The logistic function and its inverse for kernels, internal to the including file. logistic.hpp
// describes the tables.
#pragma once

#include "../lanes.hpp"

namespace bitsback {
namespace {

// The probability of log-odds within [-2^16, 2^16), in units of 2^-28.
inline BITSBACK_INLINE int32_t squash(const int32_t* cdf, int32_t odds) {
    const auto at = static_cast<uint32_t>(odds + (1 << 16));
    const int32_t* const entry = cdf + (at >> 6);
    return entry[0] + ((entry[1] - entry[0]) * static_cast<int32_t>(at & 63) >> 6);
}

// By a table with 64 entries for each factor of two, of numbers from 1 to 2^24 - 1: a float has
// their logarithm and first bits as they are.
inline BITSBACK_INLINE Lanes by_logarithm(const int32_t* table, Lanes x) {
    const auto wide = seen_as<Lanes>(converted<Vector<float, width>>(x));
    return gathered(table, (wide >> lanes(17)) - lanes(127 * 64));
}

// The log-odds of probabilities, in units of 2^-22.
inline BITSBACK_INLINE Lanes stretched(const int32_t* stretch, Lanes p) {
    const Lanes half = lanes(1 << 21);
    const Lanes odds = by_logarithm(stretch, least_of(p, half + half - p));
    return chosen(half < p, odds, lanes(0) - odds);
}

}  // namespace
}  // namespace bitsback
