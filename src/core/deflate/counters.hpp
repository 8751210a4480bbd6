// Adaptive probabilities of binary decisions and of numbers. docs/format.md, A6.8.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "../arithmetic.hpp"

namespace bitsback::deflate {

// An adaptive probability of a one.
class Counter {
  public:
    Counter() = default;
    // p: the probability, in units of 2^-22. n: how often it counts as used.
    Counter(std::uint32_t p, std::uint32_t n) : p_(p), n_(n) {}

    template <class Coder>
    std::uint32_t code(Coder& coder, std::uint32_t bit) {
        bit = coder.bit(std::clamp(p_ >> 6, 1u, (1u << 16) - 1), bit);
        const auto goal = static_cast<std::int32_t>(bit << 22) - static_cast<std::int32_t>(bit);
        const auto change = static_cast<std::int64_t>(goal - static_cast<std::int32_t>(p_)) *
                            ((1 << 20) / (16 * static_cast<std::int32_t>(n_) + 24));
        p_ = std::clamp(p_ + static_cast<std::uint32_t>(change >> 16), 32u, (1u << 22) - 32);
        n_ = std::min(n_ + 1, 255u);
        return bit;
    }

  private:
    std::uint32_t p_ = 1u << 21;  // in units of 2^-22
    std::uint32_t n_ = 0;
};

// Codes numbers below 2^31 - 1: the bit length of the number plus 1 in unary, then its lower bits
// from the highest on. Only the first two of these have counters.
class NumberCounters {
  public:
    template <class Coder>
    std::uint32_t code(Coder& coder, std::uint32_t number) {
        const auto size = static_cast<std::uint32_t>(std::bit_width(number + 1)) - 1;
        std::uint32_t bits = 0;
        while (bits < most && counters_[bits].code(coder, bits < size ? 1 : 0) != 0) ++bits;
        std::uint32_t made = 1;
        for (std::uint32_t i = bits; i-- > 0;) {
            const std::uint32_t bit = (number + 1) >> i & 1;
            const std::uint32_t known = bits - i - 1;
            const std::uint32_t node = known == 0 ? most + bits : 2 * (most + bits) + (made & 1);
            made = 2 * made +
                   (known < 2 ? counters_[node].code(coder, bit) : coder.bit(1u << 15, bit));
        }
        return made - 1;
    }

  private:
    static constexpr std::uint32_t most = 30;

    Counter counters_[4 * most + 2];
};

}  // namespace bitsback::deflate
