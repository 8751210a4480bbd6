// A binary arithmetic coder with an interval of 32 bits, and counters of what came.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback::deflate {

// An encoder and a decoder have the same functions: `bit` takes the bit that an encoder is given,
// and returns the one that is coded.
class Encoder {
  public:
    static constexpr bool encodes = true;

    // one: the probability of a one, in units of 2^-16, within [1, 2^16 - 1].
    std::uint32_t bit(std::uint32_t one, std::uint32_t bit) {
        const auto middle =
            low_ + static_cast<std::uint32_t>(std::uint64_t{high_ - low_} * one >> 16);
        if (bit != 0)
            high_ = middle;
        else
            low_ = middle + 1;
        for (; (low_ ^ high_) >> 24 == 0; low_ <<= 8, high_ = high_ << 8 | 255)
            bytes_.push_back(static_cast<std::uint8_t>(high_ >> 24));
        return bit;
    }
    std::vector<std::uint8_t> end() {
        bytes_.push_back(static_cast<std::uint8_t>(high_ >> 24));
        return std::move(bytes_);
    }

  private:
    std::uint32_t low_ = 0, high_ = ~0u;
    std::vector<std::uint8_t> bytes_;
};

class Decoder {
  public:
    static constexpr bool encodes = false;

    explicit Decoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        for (int i = 0; i < 4; ++i) shift();
    }

    std::uint32_t bit(std::uint32_t one, std::uint32_t) {
        const auto middle =
            low_ + static_cast<std::uint32_t>(std::uint64_t{high_ - low_} * one >> 16);
        const std::uint32_t bit = value_ <= middle ? 1 : 0;
        if (bit != 0)
            high_ = middle;
        else
            low_ = middle + 1;
        for (; (low_ ^ high_) >> 24 == 0; low_ <<= 8, high_ = high_ << 8 | 255) shift();
        return bit;
    }
    // Throws std::invalid_argument unless exactly these bytes were needed.
    void end() const {
        if (at_ != bytes_.size() + 3) throw std::invalid_argument("coded tokens are too long");
    }

  private:
    void shift() {
        if (at_ > bytes_.size() + 2) throw std::invalid_argument("coded tokens are cut");
        value_ = value_ << 8 | (at_ < bytes_.size() ? bytes_[at_] : 0);
        ++at_;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint32_t low_ = 0, high_ = ~0u, value_ = 0;
};

// The probability of a one, by how often one came.
class Counter {
  public:
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

// A number below 2^31 - 1: its length after 1 is added, in unary, and its bits from the highest on,
// of which the first two are counted.
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
            const std::uint32_t of = known == 0 ? most + bits : 2 * (most + bits) + (made & 1);
            made =
                2 * made + (known < 2 ? counters_[of].code(coder, bit) : coder.bit(1u << 15, bit));
        }
        return made - 1;
    }

  private:
    static constexpr std::uint32_t most = 30;

    Counter counters_[4 * most + 2];
};

}  // namespace bitsback::deflate
