// Categorical codecs with a row of float weights per symbol, without computing all frequencies of a
// row: a push needs the sum of the row and the sum before one symbol, a pop a search. The
// frequencies are those of weights.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "prefetch.hpp"
#include "step.hpp"
#include "weights.hpp"

namespace bitsback {

namespace own_weights {

inline constexpr std::size_t block = 64;  // weights with a stored sum
inline constexpr std::size_t few = 16;    // weights that are summed at once
inline constexpr std::size_t sums = 4;    // partial sums, each of every fourth weight
inline constexpr std::size_t ahead = 4;   // rows to prefetch

inline void fetch(const void* from, const void* to) {
    constexpr std::ptrdiff_t line = 64;
    for (auto at = static_cast<const char*>(from); at < to; at += line) prefetch(at);
}

// The units of a weight: the lower bits of the scaled weight plus 2^52.
template <class Weight>
std::uint64_t raised(Weight weight, double scale) {
    return std::bit_cast<std::uint64_t>(weight * scale + 0x1p52);
}

// The sum of the units of `count` weights.
template <class Weight>
std::uint64_t units_of(const Weight* weights, std::size_t count, double scale) {
    std::array<std::uint64_t, sums> partial{};
    std::size_t c = 0;
    for (; c + few <= count; c += few)
        for (std::size_t i = 0; i < few; i += sums)
            for (std::size_t j = 0; j < sums; ++j) partial[j] += raised(weights[c + i + j], scale);
    std::uint64_t sum = 0;
    for (std::uint64_t one : partial) sum += one;
    for (; c < count; ++c) sum += raised(weights[c], scale);
    return sum - count * std::bit_cast<std::uint64_t>(0x1p52);
}

// The largest weight, or -1 if a weight is negative, infinite, or NaN. Signs and the sum detect
// these; in case of doubt weights are checked one by one.
template <class Weight>
double largest_in(std::span<const Weight> row) {
    double most = 0, sum = 0;
    std::uint64_t signs = 0;
#if defined(__GNUC__)
#pragma omp simd reduction(max : most) reduction(+ : sum) reduction(| : signs)
#endif
    for (std::size_t c = 0; c < row.size(); ++c) {
        const double weight = row[c];
        most = most < weight ? weight : most;
        sum += weight;
        signs |= std::bit_cast<std::uint64_t>(weight);
    }
    if (sum <= std::numeric_limits<double>::max() && signs >> 63 == 0) return most;
    return largest_of(std::vector<double>(row.begin(), row.end()));
}

}  // namespace own_weights

inline std::size_t blocks_of(std::size_t levels) {
    return (levels + own_weights::block - 1) / own_weights::block;
}

// Analyses a row, in the default floating-point environment. Returns the scale from weights to
// units of 2^e / 2^32, and sets ends[b] to the sum, in units, up to the end of block b.
template <class Weight>
double look_at(std::span<const Weight> row, std::span<std::uint64_t> ends) {
    const double largest = own_weights::largest_in(row);
    require(largest >= least_weight,
            "probabilities must be finite and not negative, and not all zero or below 2^-900");
    const double scale = WeightUnits(largest).scale;
    std::uint64_t sum = 0;
    for (std::size_t b = 0; b < ends.size(); ++b) {
        const std::size_t c = b * own_weights::block;
        const std::size_t count = std::min(own_weights::block, row.size() - c);
        ends[b] = sum += own_weights::units_of(row.data() + c, count, scale);
    }
    return scale;
}

// Symbol i has the weights of row i.
template <class Weight>
class OwnWeights {
  public:
    // weights: [n, levels]; the results of `look_at`: scales, [n], and ends, [n, blocks].
    OwnWeights(std::span<const Weight> weights, std::size_t levels, unsigned precision,
               std::span<const double> scales, std::span<const std::uint64_t> ends)
        : weights_(weights), levels_(levels), precision_(precision), scales_(scales), ends_(ends) {
        require_levels(levels, precision);
        require(scales.size() * levels == weights.size() &&
                    ends.size() == scales.size() * blocks_of(levels),
                "each row of weights has a scale and sums");
    }

    std::size_t size() const { return scales_.size(); }
    std::size_t levels() const { return levels_; }
    unsigned precision() const { return precision_; }

    Interval interval(std::size_t i, std::size_t c) const {
        const Row row = at(i);
        const std::size_t b = c / own_weights::block, first = b * own_weights::block;
        const std::uint64_t below = row.before(b) + row.units(first, c - first);
        return row.between(c, below, below + row.units(c, 1));
    }

    Interval find(std::size_t i, std::uint32_t x, std::uint32_t& symbol) const {
        const Row row = at(i);
        std::size_t b = 0;
        const std::size_t last = blocks_of(levels_) - 1;
        while (b < last && row.start((b + 1) * own_weights::block, row.ends[b]) <= x) ++b;
        std::uint64_t below = row.before(b);
        std::size_t c = b * own_weights::block;
        const std::size_t end = std::min(c + own_weights::block, levels_);
        for (; c + own_weights::few < end; c += own_weights::few) {
            const std::uint64_t next = below + row.units(c, own_weights::few);
            if (row.start(c + own_weights::few, next) > x) break;
            below = next;
        }
        for (;; ++c) {
            const std::uint64_t next = below + row.units(c, 1);
            if (c + 1 >= end || row.start(c + 1, next) > x) {
                symbol = static_cast<std::uint32_t>(c);
                return row.between(c, below, next);
            }
            below = next;
        }
    }

    // Prefetches the weights of row i for the interval of symbol c, or for a search.
    void fetch(std::size_t i, std::size_t c) const {
        const Weight* row = weights_.data() + i * levels_;
        own_weights::fetch(row + c / own_weights::block * own_weights::block, row + c + 1);
    }
    void fetch(std::size_t i) const {
        const Weight* row = weights_.data() + i * levels_;
        own_weights::fetch(row, row + std::min<std::size_t>(levels_, 512));
    }

  private:
    struct Row {
        const Weight* weights;
        const std::uint64_t* ends;
        double scale;
        std::uint64_t over_sum, spread;
        std::size_t levels;
        std::uint32_t total;

        std::uint64_t before(std::size_t b) const { return b == 0 ? 0 : ends[b - 1]; }
        std::uint64_t units(std::size_t c, std::size_t count) const {
            return own_weights::units_of(weights + c, count, scale);
        }
        // The interval of symbol c, before which there are `before` units.
        std::uint32_t start(std::size_t c, std::uint64_t below) const {
            return static_cast<std::uint32_t>(c + ((((below * over_sum) >> 31) * spread) >> 32));
        }
        Interval between(std::size_t c, std::uint64_t below, std::uint64_t next) const {
            const std::uint32_t first = start(c, below);
            return {first, (c + 1 == levels ? total : start(c + 1, next)) - first};
        }
    };

    Row at(std::size_t i) const {
        const std::size_t blocks = blocks_of(levels_);
        const std::uint64_t* ends = ends_.data() + i * blocks;
        const std::uint32_t total = std::uint32_t{1} << precision_;
        return {weights_.data() + i * levels_,
                ends,
                scales_[i],
                (std::uint64_t{1} << 63) / ends[blocks - 1],
                total - levels_,
                levels_,
                total};
    }

    DefaultFloats floats_;
    std::span<const Weight> weights_;
    std::size_t levels_;
    unsigned precision_;
    std::span<const double> scales_;
    std::span<const std::uint64_t> ends_;
};

// The intervals of symbols. Throws if weights have changed since their analysis.
template <class Weight>
std::vector<Interval> intervals_of(const OwnWeights<Weight>& codec,
                                   std::span<const std::uint32_t> symbols) {
    require(symbols.size() == codec.size(), "a categorical codec needs one symbol per row");
    require_symbols(symbols, codec.levels());
    const std::uint32_t total = std::uint32_t{1} << codec.precision();
    std::vector<Interval> intervals(symbols.size());
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        if (i + own_weights::ahead < symbols.size())
            codec.fetch(i + own_weights::ahead, symbols[i + own_weights::ahead]);
        const Interval here = codec.interval(i, symbols[i]);
        require(here.freq >= 1 && here.start < total && here.freq <= total - here.start,
                "the probabilities of a categorical codec were changed after it was made");
        intervals[i] = here;
    }
    return intervals;
}

template <class Weight>
void push(Message& message, const OwnWeights<Weight>& codec,
          std::span<const std::uint32_t> symbols) {
    const std::vector<Interval> intervals = intervals_of(codec, symbols);
    push_step(message, codec.precision(), symbols.size(),
              [&](std::size_t i) { return intervals[i]; });
}

template <class Weight>
void pop(Message& message, const OwnWeights<Weight>& codec, std::span<std::uint32_t> symbols) {
    pop_step(message, codec.precision(), symbols.size(), [&](std::size_t i, std::uint32_t x) {
        if (i + own_weights::ahead < symbols.size()) codec.fetch(i + own_weights::ahead);
        return codec.find(i, x, symbols[i]);
    });
}

}  // namespace bitsback
