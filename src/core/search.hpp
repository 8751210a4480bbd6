// Searches for the symbol whose interval contains a number. `start(c)` is the lower end of the
// interval of symbol c, for c from 0 to the number of levels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "message.hpp"
#include "step.hpp"

namespace bitsback {

// Symbols [low, high), whose intervals together are [first, end).
struct Bracket {
    std::uint32_t low, high;
    std::uint32_t first, end;

    Interval interval() const { return {first, end - first}; }
};

// The symbol of a bracket whose interval contains x.
template <class Start>
Bracket halve(std::uint32_t x, Bracket b, const Start& start) {
    while (b.high - b.low > 1) {
        const std::uint32_t middle = (b.low + b.high) / 2, at = start(middle);
        (x >= at ? b.low : b.high) = middle;
        (x >= at ? b.first : b.end) = at;
    }
    return b;
}

// The same, from the likely symbol `low`: its bracket is widened until it contains x, then halved.
template <class Start>
Bracket widen(std::uint32_t x, std::uint32_t low, std::uint32_t levels, const Start& start) {
    Bracket b{low, low + 1, start(low), start(low + 1)};
    for (std::uint32_t width = 1; x < b.first; width *= 2) {
        b.high = b.low;
        b.end = b.first;
        b.low = b.low > width ? b.low - width : 0;
        b.first = start(b.low);
    }
    for (std::uint32_t width = 1; x >= b.end; width *= 2) {
        b.low = b.high;
        b.first = b.end;
        b.high = std::min(b.high + width, levels);
        b.end = start(b.high);
    }
    return halve(x, b, start);
}

// The same, outwards from the lower end of the symbol `middle` in growing steps.
template <class Start>
Bracket search_outwards(std::uint32_t x, std::uint32_t middle, std::uint32_t levels,
                        const Start& start) {
    Bracket b{middle, middle, start(middle), 0};
    std::uint32_t step = 1;
    if (x >= b.first) {
        for (;; step *= 2) {
            b.high = step < levels - b.low ? b.low + step : levels;
            b.end = start(b.high);
            if (x < b.end) break;
            b.low = b.high;
            b.first = b.end;
        }
    } else {
        for (;; step *= 2) {
            b.high = b.low;
            b.end = b.first;
            b.low = step < b.low ? b.low - step : 0;
            b.first = start(b.low);
            if (x >= b.first) break;
        }
    }
    return halve(x, b, start);
}

}  // namespace bitsback
