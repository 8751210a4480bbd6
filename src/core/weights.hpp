// Separate frequencies for each symbol, and the rule by which float weights become frequencies
// (docs/codecs.md).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>

#include "codecs.hpp"
#include "default_floats.hpp"
#include "exact_floats.hpp"

namespace bitsback {

inline constexpr double least_weight = 0x1p-900;  // of the largest of a row

// Rounds weights to units of 2^e / 2^32, halves to even, where 2^e is the least power of two above
// the largest weight. The product is exact; adding 2^52 rounds it.
struct WeightUnits {
    double scale;

    explicit WeightUnits(double largest) {
        int exponent = 0;
        std::frexp(largest, &exponent);
        scale = std::ldexp(1.0, 32 - exponent);
    }
    std::uint64_t operator()(double weight) const {
        const auto bits = std::bit_cast<std::uint64_t>(weight * scale + 0x1p52);
        return bits & ((std::uint64_t{1} << 52) - 1);
    }
};

// The largest weight, or -1 if a weight is negative, infinite, or NaN. The bits of non-negative
// finite doubles sort like the numbers, before those of all others.
inline double largest_of(std::span<const double> weights) {
    std::uint64_t most = 0;
    for (double weight : weights) most = std::max(most, std::bit_cast<std::uint64_t>(weight + 0.0));
    const double largest = std::bit_cast<double>(most);
    return largest >= 0 && largest <= std::numeric_limits<double>::max() ? largest : -1;
}

// weights and frequencies: [n, levels].
inline void frequencies_of(std::span<const double> weights, std::size_t levels, unsigned precision,
                           std::span<std::uint32_t> frequencies) {
    require(precision >= 1 && precision <= max_precision && levels >= 1 && levels <= 65536 &&
                levels <= std::size_t{1} << precision,
            "there must be 1 to 65,536 levels, at most 2^precision, and a precision from 1 to 24");
    const DefaultFloats floats;
    const std::uint64_t spread = (std::uint64_t{1} << precision) - levels;
    for (std::size_t at = 0; at < weights.size(); at += levels) {
        const auto row = weights.subspan(at, levels);
        const double largest = largest_of(row);
        require(largest >= least_weight,
                "probabilities must be finite and not negative, and not all zero or below 2^-900");
        const WeightUnits units(largest);
        std::uint64_t sum = 0;
        for (double weight : row) sum += units(weight);
        const std::uint64_t over_sum = (std::uint64_t{1} << 63) / sum;
        std::uint64_t below = sum, end = std::uint64_t{1} << precision;
        for (std::size_t c = levels; c-- > 0;) {
            below -= units(row[c]);
            const std::uint64_t start = c + ((((below * over_sum) >> 31) * spread) >> 32);
            frequencies[at + c] = static_cast<std::uint32_t>(end - start);
            end = start;
        }
    }
}

// Symbol i has the frequencies of row i.
struct OwnCategorical {
    std::span<const std::uint32_t> frequencies;  // [n, levels]
    std::size_t levels_;
    unsigned precision_;

    OwnCategorical(std::span<const std::uint32_t> frequencies, std::size_t levels,
                   unsigned precision)
        : frequencies(frequencies), levels_(levels), precision_(precision) {
        require(precision >= 1 && precision <= max_precision,
                "a categorical codec needs a precision from 1 to 24");
        for (std::size_t at = 0; at < frequencies.size(); at += levels) {
            std::uint64_t sum = 0;
            std::uint32_t least = 1;
            for (std::uint32_t frequency : frequencies.subspan(at, levels)) {
                sum += frequency;
                least = std::min(least, frequency);
            }
            require(least == 1 && sum == std::uint64_t{1} << precision,
                    "the frequencies of a categorical codec must sum to 2^precision");
        }
    }

    std::size_t size() const { return frequencies.size() / levels_; }
    std::size_t levels() const { return levels_; }
    unsigned precision() const { return precision_; }

    Interval interval(std::size_t i, std::size_t c) const {
        const std::uint32_t* row = frequencies.data() + i * levels_;
        return {std::accumulate(row, row + c, std::uint32_t{0}), row[c]};
    }
    // Sixteen at a time, so that compilers vectorise the sum.
    Interval find(std::size_t i, std::uint32_t x, std::uint32_t& symbol) const {
        const std::uint32_t* row = frequencies.data() + i * levels_;
        std::uint32_t start = 0;
        std::size_t c = 0;
        for (; c + 16 <= levels_; c += 16) {
            const std::uint32_t sum = std::accumulate(row + c, row + c + 16, std::uint32_t{0});
            if (x - start < sum) break;
            start += sum;
        }
        while (x - start >= row[c]) start += row[c++];
        symbol = static_cast<std::uint32_t>(c);
        return {start, row[c]};
    }
};

}  // namespace bitsback
