// The logistic function for kernels: a plain function, internal to the including file.
#pragma once

#include <stdint.h>

#include "../repeat.hpp"

namespace bitsback {
namespace {

// The probability of log-odds within [-2^16, 2^16), in units of 2^-28. cdf: see logistic.hpp.
inline BITSBACK_INLINE int32_t squash(const int32_t* cdf, int32_t odds) {
    const auto at = static_cast<uint32_t>(odds + (1 << 16));
    const int32_t* const entry = cdf + (at >> 6);
    return entry[0] + ((entry[1] - entry[0]) * static_cast<int32_t>(at & 63) >> 6);
}

}  // namespace
}  // namespace bitsback
