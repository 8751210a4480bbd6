// Units of differences: a magnitude rounded to a quarter of a power of two.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace bitsback {

// s >= 4 as lead(s) = floor(log2 s) and f(s) = (s >> (lead - 2)) & 3.
struct Unit {
    std::int32_t lead;
    std::int32_t fraction;
    std::int32_t reciprocal;  // 256 / (1 + fraction / 4), rounded

    Unit() = default;
    explicit Unit(std::uint32_t s) : lead(static_cast<std::int32_t>(std::bit_width(s)) - 1) {
        constexpr std::int32_t reciprocals[4] = {256, 205, 171, 146};
        fraction = static_cast<std::int32_t>(s >> (lead - 2) & 3);
        reciprocal = reciprocals[fraction];
    }

    std::int32_t index() const { return 4 * lead + fraction; }

    // A difference of 2^-8 levels in what a sixteenth of the unit has 2^(lead - 4) of; s is 16 or
    // more.
    std::int32_t scaled(std::int32_t difference) const {
        return static_cast<std::int32_t>((std::int64_t{difference} * reciprocal) >> 8);
    }
    // The difference in 2^-12 of the unit.
    std::int64_t fine(std::int32_t difference) const {
        return (std::int64_t{difference} * reciprocal) >> (lead - 4);
    }
};

}  // namespace bitsback
