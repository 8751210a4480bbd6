// Huffman codes and bits of JPEG streams. Source: ITU-T T.81, annexes C and F.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "reasons.hpp"

namespace bitsback::jpeg {

// Thrown where the data of a scan cannot be decoded any further.
struct Damaged {};

class BitReader {
  public:
    explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    // The next bits, at most 16, with zeros behind the end.
    std::uint32_t peek(unsigned bits) {
        if (count_ < bits) fill();
        return static_cast<std::uint32_t>(buffer_ >> (64 - bits));
    }
    void skip(unsigned bits) {
        if (bits > count_) throw Damaged{};
        buffer_ <<= bits;
        count_ -= bits;
    }
    std::uint32_t take(unsigned bits) {
        if (bits == 0) return 0;
        const std::uint32_t value = peek(bits);
        skip(bits);
        return value;
    }

    // The remaining bits of the current byte, and their number.
    struct Padding {
        unsigned bits, count;
    };
    Padding padding() {
        const unsigned count = count_ % 8;
        return {take(count), count};
    }
    // The place of the byte with the next bit, or behind the last byte.
    std::size_t place() const {
        std::size_t at = at_;
        for (unsigned left = (count_ + 7) / 8; left > 0; --left)
            at -= at >= 2 && bytes_[at - 1] == 0 && bytes_[at - 2] == 0xFF ? 2 : 1;
        return at;
    }
    // Reads a restart marker at a byte boundary. Returns its number.
    int restart() {
        const std::size_t at = place();
        if (at + 2 > bytes_.size() || bytes_[at] != 0xFF || bytes_[at + 1] < 0xD0 ||
            bytes_[at + 1] > 0xD7)
            return -1;
        at_ = at + 2;
        count_ = 0;
        buffer_ = 0;
        return bytes_[at + 1] - 0xD0;
    }

  private:
    void fill() {
        while (count_ <= 56 && at_ < bytes_.size()) {
            const std::uint8_t byte = bytes_[at_];
            if (byte == 0xFF) {
                if (at_ + 1 == bytes_.size() || bytes_[at_ + 1] != 0) return;
                ++at_;
            }
            ++at_;
            buffer_ |= std::uint64_t{byte} << (56 - count_);
            count_ += 8;
        }
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint64_t buffer_ = 0;
    unsigned count_ = 0;
};

class BitWriter {
  public:
    explicit BitWriter(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

    // count: at most 32
    void put(std::uint32_t bits, unsigned count) {
        buffer_ = buffer_ << count | bits;
        count_ += count;
        if (count_ >= 32) put_four();
    }
    // Appends the complete bytes. Until then up to 31 bits are missing from `bytes`.
    void flush() {
        while (count_ >= 8) {
            count_ -= 8;
            put_byte(static_cast<std::uint8_t>(buffer_ >> count_));
        }
    }
    unsigned missing() const { return (8 - count_) % 8; }  // bits up to the next byte
    // Discards the rest of the byte.
    void drop() {
        flush();
        count_ = 0;
    }

  private:
    void put_byte(std::uint8_t byte) {
        bytes_.push_back(byte);
        if (byte == 0xFF) bytes_.push_back(0);
    }
    void put_four() {
        count_ -= 32;
        const auto word = static_cast<std::uint32_t>(buffer_ >> count_);
        const std::array<std::uint8_t, 4> four = {
            static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
            static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
        // Whether some byte is 0xFF: a byte of ~word that is 0.
        if (((~word - 0x01010101U) & word & 0x80808080U) == 0)
            bytes_.insert(bytes_.end(), four.begin(), four.end());
        else
            for (const std::uint8_t byte : four) put_byte(byte);
    }

    std::vector<std::uint8_t>& bytes_;
    std::uint64_t buffer_ = 0;
    unsigned count_ = 0;
};

class HuffmanTable {
  public:
    struct Code {
        std::uint16_t bits = 0;
        std::uint8_t length = 0;
    };

    HuffmanTable(std::span<const std::uint8_t> counts, std::span<const std::uint8_t> symbols) {
        std::uint32_t code = 0;
        std::size_t next = 0;
        for (unsigned length = 1; length <= 16; ++length) {
            for (unsigned i = 0; i < counts[length - 1]; ++i, ++code, ++next) {
                if (code >> length != 0) throw Unsupported(Reason::table);
                if (length <= direct)
                    for (std::uint32_t rest = 0; rest < 1u << (direct - length); ++rest)
                        direct_[code << (direct - length) | rest] = {
                            symbols[next], static_cast<std::uint8_t>(length)};
                Code& of_symbol = codes_[symbols[next]];
                if (of_symbol.length == 0)
                    of_symbol = {static_cast<std::uint16_t>(code),
                                 static_cast<std::uint8_t>(length)};
                symbols_[next] = symbols[next];
            }
            end_[length] = code << (16 - length);
            offset_[length] = static_cast<std::int32_t>(next) - static_cast<std::int32_t>(code);
            code <<= 1;
        }
    }

    std::uint8_t read(BitReader& reader) const {
        const std::uint32_t bits = reader.peek(16);
        const Entry entry = direct_[bits >> (16 - direct)];
        if (entry.length != 0) {
            reader.skip(entry.length);
            return entry.symbol;
        }
        for (unsigned length = direct + 1; length <= 16; ++length)
            if (bits < end_[length]) {
                reader.skip(length);
                return symbols_[static_cast<std::size_t>(
                    static_cast<std::int32_t>(bits >> (16 - length)) + offset_[length])];
            }
        throw Damaged{};
    }
    // Writes a symbol, and `count` bits behind it, at most 16.
    void write(BitWriter& writer, unsigned symbol, std::uint32_t bits = 0,
               unsigned count = 0) const {
        const Code code = codes_[symbol];
        if (code.length == 0) throw std::invalid_argument("a symbol has no Huffman code");
        writer.put(std::uint32_t{code.bits} << count | bits, code.length + count);
    }

  private:
    static constexpr unsigned direct = 9;  // length of the codes in the lookup table
    struct Entry {
        std::uint8_t symbol = 0, length = 0;
    };
    std::array<Entry, 1 << direct> direct_{};
    std::array<Code, 256> codes_{};
    std::array<std::uint8_t, 256> symbols_{};
    std::array<std::uint32_t, 17> end_{};
    std::array<std::int32_t, 17> offset_{};
};

}  // namespace bitsback::jpeg
