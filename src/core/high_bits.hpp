// Codes of up to 16 bits in bytes, from the highest bits on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace bitsback {

class HighWriter {
  public:
    void put(std::uint32_t code, int width) {
        buffer_ = buffer_ << width | code;
        for (count_ += width; count_ >= 8; count_ -= 8)
            stream.push_back(static_cast<std::uint8_t>(buffer_ >> (count_ - 8)));
    }
    std::size_t bits() const { return 8 * stream.size() + static_cast<std::size_t>(count_); }
    // Zeros fill the last byte.
    void end() {
        if (count_ > 0) stream.push_back(static_cast<std::uint8_t>(buffer_ << (8 - count_)));
        count_ = 0;
    }

    std::vector<std::uint8_t> stream;

  private:
    std::uint32_t buffer_ = 0;
    int count_ = 0;
};

class HighReader {
  public:
    explicit HighReader(std::span<const std::uint8_t> stream) : stream_(stream) {}

    std::optional<std::uint32_t> get(int width) {
        for (; count < width && bytes < stream_.size(); count += 8)
            buffer = buffer << 8 | stream_[bytes++];
        if (count < width) return std::nullopt;
        count -= width;
        const std::uint32_t code = buffer >> count;
        buffer &= (std::uint32_t{1} << count) - 1;
        return code;
    }

    std::uint32_t buffer = 0;  // the bits that were not read of the first `bytes` bytes
    int count = 0;             // their number
    std::size_t bytes = 0;

  private:
    std::span<const std::uint8_t> stream_;
};

}  // namespace bitsback
