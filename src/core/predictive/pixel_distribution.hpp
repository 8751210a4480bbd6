// The distribution of a pixel around its prediction.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../families/mixture.hpp"
#include "../search.hpp"
#include "../step.hpp"
#include "unit.hpp"

namespace bitsback {

// The part of a pixel's distribution that its prediction gives; the network gives the rest.
struct Expected {
    std::int32_t prediction;  // in 2^-8 levels
    Unit unit;
    std::uint32_t levels;
};

// A mixture whose positions are differences to the prediction, in 2^-12 units.
class PixelDistribution {
  public:
    template <class Mean>
    PixelDistribution(const MixtureTables& tables, const Expected& expected,
                      const std::uint8_t* weight, const Mean* mean, const std::uint8_t* scale,
                      std::size_t components)
        : curve_(tables, weight, mean, scale, components),
          expected_(expected),
          precision_(tables.precision()) {}

    // The lower end of symbol c, for c = 0 ... levels.
    std::uint32_t start(std::uint32_t c) const {
        const std::uint32_t total = std::uint32_t{1} << precision_;
        if (c == 0) return 0;
        if (c == expected_.levels) return total;
        const auto end = static_cast<std::int32_t>(256 * c) - 128;
        const std::int64_t below = curve_.at(expected_.unit.fine(end - expected_.prediction));
        return c + static_cast<std::uint32_t>((below * (total - expected_.levels)) >> 28);
    }

    Interval interval(std::uint32_t c) const {
        const std::uint32_t first = start(c);
        return {first, start(c + 1) - first};
    }

    // The symbol whose interval holds x, and that interval: looked for from the prediction
    // outwards, in steps that grow from about the size of the errors.
    Interval find(std::uint32_t x, std::uint32_t& symbol) const {
        const std::uint32_t levels = expected_.levels;
        const auto near = static_cast<std::uint32_t>((expected_.prediction + 128) >> 8);
        const std::uint32_t step = std::max<std::uint32_t>((1u << expected_.unit.lead) >> 9, 1);
        const std::uint32_t middle = std::min(near, levels - 1);
        const Bracket found =
            search_outwards(x, middle, step, levels, [&](std::uint32_t c) { return start(c); });
        symbol = found.low;
        return found.interval();
    }

  private:
    MixtureCurve curve_;
    Expected expected_;
    unsigned precision_;
};

}  // namespace bitsback
