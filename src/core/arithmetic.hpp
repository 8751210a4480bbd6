// A binary arithmetic coder with an interval of 32 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback {

// The encoder and the decoder have the same interface, so that one template codes in both
// directions: `bit` takes the bit to encode (the decoder ignores it) and returns the coded bit.
class BitEncoder {
  public:
    static constexpr bool encodes = true;

    // one: the probability of a one in units of 2^-16, within [1, 2^16 - 1].
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

class BitDecoder {
  public:
    static constexpr bool encodes = false;

    explicit BitDecoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
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
    // Throws std::invalid_argument unless the decoder has read exactly these bytes.
    void end() const {
        if (at_ != bytes_.size() + 3) throw std::invalid_argument("coded decisions are too long");
    }

  private:
    void shift() {
        if (at_ > bytes_.size() + 2) throw std::invalid_argument("coded decisions are cut off");
        value_ = value_ << 8 | (at_ < bytes_.size() ? bytes_[at_] : 0);
        ++at_;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint32_t low_ = 0, high_ = ~0u, value_ = 0;
};

}  // namespace bitsback
