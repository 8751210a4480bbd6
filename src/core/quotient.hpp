// Division of integers of 64 bits, which takes many processors forty cycles and more, by a quotient
// of doubles that is put right.
#pragma once

#include <cstdint>

namespace bitsback {

// n / d rounded down, for 0 <= n < 2^53 and d > 0. The doubles' quotient is off by one at most,
// however it is rounded, and so has no part in the result.
inline std::int64_t quotient(std::int64_t n, std::int64_t d) {
    auto q = static_cast<std::int64_t>(static_cast<double>(n) / static_cast<double>(d));
    q -= q * d > n ? 1 : 0;
    q += n - q * d >= d ? 1 : 0;
    return q;
}

}  // namespace bitsback
