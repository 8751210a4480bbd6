// A pixel near another one.
#pragma once

#include <cstdint>

namespace bitsback {

// In the plane that comes so many before, so many rows below and columns to the right.
struct Site {
    std::int32_t back;
    std::int32_t rows;
    std::int32_t columns;

    bool operator==(const Site&) const = default;
};

}  // namespace bitsback
