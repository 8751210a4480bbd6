// Fast division of 64-bit integers by way of doubles, with a correction. The instruction takes 40
// cycles or more on many processors.
#pragma once

#include <cstdint>

namespace bitsback {

// n / d rounded down, for 0 <= n < 2^53 and d > 0. The quotient of doubles is off by at most one
// with any rounding, which the integers correct, so rounding does not affect the result.
inline std::int64_t quotient(std::int64_t n, std::int64_t d) {
    auto q = static_cast<std::int64_t>(static_cast<double>(n) / static_cast<double>(d));
    q -= q * d > n ? 1 : 0;
    q += n - q * d >= d ? 1 : 0;
    return q;
}

}  // namespace bitsback
