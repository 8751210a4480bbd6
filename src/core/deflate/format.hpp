// The format of deflate streams: symbols, bits and canonical codes. Source: RFC 1951.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback::deflate {

inline constexpr unsigned least_match = 3, most_match = 258, most_distance = 1 << 15;
inline constexpr unsigned end_of_block = 256, first_length = 257;
inline constexpr std::size_t literals = 286, distances = 30, precodes = 19;
inline constexpr unsigned most_bits = 15;
inline constexpr std::size_t most_plaintext = (std::size_t{1} << 31) - 2;

// The most bytes of a coded stream with this much plaintext.
inline constexpr std::uint64_t most_bytes(std::uint64_t plaintext) {
    return 2 * plaintext + (1 << 16);
}

inline constexpr std::uint8_t precode_order[precodes] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                         11, 4,  12, 3, 13, 2, 14, 1, 15};

// A length or a distance consists of a symbol and extra bits.
struct Symbol {
    unsigned symbol;
    unsigned bits;
    unsigned extra;
};

// The symbol of a number from 0 on, with 2^steps symbols per power of two.
inline Symbol spaced(unsigned value, unsigned steps) {
    const unsigned width = static_cast<unsigned>(std::bit_width(value));
    if (width <= steps + 1) return {value, 0, 0};
    const unsigned bits = width - steps - 1;
    return {(bits << steps) + (value >> bits), bits, value & ((1u << bits) - 1)};
}
inline Symbol base_of(unsigned symbol, unsigned steps) {
    if (symbol < 2u << steps) return {symbol, 0, symbol};
    const unsigned bits = (symbol >> steps) - 1;
    return {symbol, bits, (symbol - (bits << steps)) << bits};
}

// The symbol of a length, relative to `first_length`; 258 has a symbol of its own.
inline Symbol length_symbol(unsigned length) {
    return length == most_match ? Symbol{28, 0, 0} : spaced(length - least_match, 2);
}
inline Symbol distance_symbol(unsigned distance) { return spaced(distance - 1, 1); }

struct Token {
    std::uint16_t length : 15 = 0;  // 0 for a literal
    std::uint16_t odd : 1 = 0;      // length 258 coded as symbol 284 and extra bits
    std::uint16_t before = 0;       // distance - 1

    static Token match(std::size_t length, std::size_t distance) {
        Token made;
        made.length = static_cast<std::uint16_t>(length) & 0x7fff;
        made.before = static_cast<std::uint16_t>(distance - 1);
        return made;
    }
    bool operator==(const Token&) const = default;
    unsigned distance() const { return before + 1u; }
    std::size_t bytes() const { return std::max<std::size_t>(length, 1); }
};

// A symbol of the code of code lengths: 0 to 15 are lengths, 16 repeats the previous length, 17 and
// 18 are runs of zeros.
struct Run {
    std::uint8_t symbol;
    std::uint8_t count;

    bool operator==(const Run&) const = default;
};
inline constexpr unsigned run_bits[3] = {2, 3, 7}, run_least[3] = {3, 3, 11},
                          run_most[3] = {6, 10, 138};

// How the code lengths of a block are written.
struct Header {
    unsigned literals = 0, distances = 0, precodes = 0;  // numbers of written lengths
    std::array<std::uint8_t, deflate::precodes> precode{};
    std::vector<Run> runs;

    bool operator==(const Header&) const = default;
};

// Lengths of the code words of literals and lengths, and of distances.
struct CodeLengths {
    std::array<std::uint8_t, 288> literal{};
    std::array<std::uint8_t, 32> distance{};

    static CodeLengths fixed() {
        CodeLengths lengths;
        lengths.literal.fill(8);
        std::fill(lengths.literal.begin() + 144, lengths.literal.begin() + 256, std::uint8_t{9});
        std::fill(lengths.literal.begin() + 256, lengths.literal.begin() + 280, std::uint8_t{7});
        lengths.distance.fill(5);
        return lengths;
    }
    static CodeLengths from_header(const Header& header) {
        std::vector<std::uint8_t> all;
        for (const Run& run : header.runs)
            all.insert(all.end(), run.count,
                       run.symbol < 16    ? run.symbol
                       : run.symbol == 16 ? all.back()
                                          : std::uint8_t{0});
        CodeLengths lengths;
        std::copy_n(all.begin(), header.literals, lengths.literal.begin());
        std::copy(all.begin() + header.literals, all.end(), lengths.distance.begin());
        return lengths;
    }
};

struct Block {
    bool last = false;
    std::uint8_t type = 0;      // as in the stream
    std::uint32_t padding = 0;  // bits in front of the length of a stored block
    std::uint32_t stored = 0;   // bytes
    std::size_t tokens = 0;
    std::unique_ptr<Header> header;  // of type 2

    CodeLengths lengths() const {
        return header ? CodeLengths::from_header(*header) : CodeLengths::fixed();
    }
};

class BitWriter {
  public:
    void put(std::uint32_t bits, unsigned count) {
        buffer_ |= std::uint64_t{bits} << count_;
        for (count_ += count; count_ >= 8; count_ -= 8, buffer_ >>= 8)
            bytes_.push_back(static_cast<std::uint8_t>(buffer_));
    }
    // The number of bits up to the next byte.
    unsigned room() const { return (8 - count_) % 8; }
    std::vector<std::uint8_t>& bytes() { return bytes_; }

  private:
    std::vector<std::uint8_t> bytes_;
    std::uint64_t buffer_ = 0;
    unsigned count_ = 0;
};

class BitReader {
  public:
    explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    // The next `count` bits, at most 32. Behind the end they are zeros, which `take` refuses.
    std::uint32_t look(unsigned count) {
        for (; count_ <= 56; count_ += 8)
            buffer_ |= std::uint64_t{at_ < bytes_.size() ? bytes_[at_] : std::uint8_t{0}} << count_,
                ++at_;
        return static_cast<std::uint32_t>(buffer_ & ((std::uint64_t{1} << count) - 1));
    }
    void skip(unsigned count) {
        buffer_ >>= count;
        count_ -= count;
        if (at_ - count_ / 8 > bytes_.size())
            throw std::invalid_argument("a deflate stream is cut off");
    }
    std::uint32_t take(unsigned count) {
        const std::uint32_t bits = look(count);
        skip(count);
        return bits;
    }
    unsigned room() const { return count_ % 8; }
    // The number of bytes of which bits have been read.
    std::size_t bytes() const { return at_ - count_ / 8; }

  private:
    std::span<const std::uint8_t> bytes_;
    std::uint64_t buffer_ = 0;
    unsigned count_ = 0;
    std::size_t at_ = 0;
};

inline std::uint32_t reversed(std::uint32_t code, unsigned bits) {
    std::uint32_t out = 0;
    for (unsigned i = 0; i < bits; ++i) out |= (code >> i & 1) << (bits - 1 - i);
    return out;
}

// A canonical code. Like zlib, it refuses incomplete codes, except for no word at all or a single
// word of one bit. A code of code lengths has no such exceptions.
class Code {
  public:
    explicit Code(std::span<const std::uint8_t> lengths, bool complete = false)
        : lengths_(lengths), words_(lengths.size()) {
        std::array<std::uint32_t, most_bits + 2> next{};
        for (const std::uint8_t length : lengths)
            if (length != 0) ++next[length + 1], longest_ = std::max<unsigned>(longest_, length);
        std::uint32_t used = 0;
        for (unsigned bits = 1; bits <= most_bits; ++bits) {
            const std::uint32_t count = next[bits + 1];
            next[bits] = used >> (most_bits - bits);
            used += count << (most_bits - bits);
            if (used > 1u << most_bits)
                throw std::invalid_argument("a code of a deflate stream has too many words");
        }
        if (used != 1u << most_bits && (longest_ > 1 || complete))
            throw std::invalid_argument("a code of a deflate stream is incomplete");
        for (std::size_t i = 0; i < lengths.size(); ++i)
            if (lengths[i] != 0) words_[i] = reversed(next[lengths[i]]++, lengths[i]);
    }

    void put(BitWriter& out, unsigned symbol) const { out.put(words_[symbol], lengths_[symbol]); }
    bool has(unsigned symbol) const { return lengths_[symbol] != 0; }

    // Builds the table for reading, and returns the number of its entries.
    std::size_t fill() {
        table_.assign(std::size_t{1} << longest_, none);
        for (std::size_t i = 0; i < words_.size(); ++i)
            if (lengths_[i] != 0)
                for (std::size_t at = words_[i]; at < table_.size();
                     at += std::size_t{1} << lengths_[i])
                    table_[at] = static_cast<std::uint16_t>(i);
        return table_.size();
    }
    unsigned take(BitReader& in) const {
        const std::uint16_t symbol = table_[in.look(longest_)];
        if (symbol == none) throw std::invalid_argument("a deflate stream has an unknown code");
        in.skip(lengths_[symbol]);
        return symbol;
    }

  private:
    static constexpr std::uint16_t none = 0xffff;

    std::span<const std::uint8_t> lengths_;
    std::vector<std::uint32_t> words_;
    std::vector<std::uint16_t> table_;
    unsigned longest_ = 0;
};

}  // namespace bitsback::deflate
