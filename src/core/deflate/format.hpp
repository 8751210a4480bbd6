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

// How many bytes a stream with so much plaintext may have; longer ones are not coded.
inline constexpr std::uint64_t most_bytes(std::uint64_t plaintext) {
    return 2 * plaintext + (1 << 16);
}

inline constexpr std::uint8_t precode_order[precodes] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                         11, 4,  12, 3, 13, 2, 14, 1, 15};

// A length or a distance is a symbol and extra bits. Both are spaced by powers of two.
struct Symbol {
    unsigned symbol;
    unsigned bits;
    unsigned extra;
};

// Numbers from 0 on, with 2^steps symbols for each factor of two.
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

// The symbol of a length, above `first_length`; 258 has its own one.
inline Symbol length_symbol(unsigned length) {
    return length == most_match ? Symbol{28, 0, 0} : spaced(length - least_match, 2);
}
inline Symbol distance_symbol(unsigned distance) { return spaced(distance - 1, 1); }

struct Token {
    std::uint16_t length : 15 = 0;  // 0 of a literal
    std::uint16_t odd : 1 = 0;      // length 258 as symbol 284 and extra bits
    std::uint16_t before = 0;       // distance - 1

    unsigned distance() const { return before + 1u; }
    std::size_t bytes() const { return std::max<std::size_t>(length, 1); }
};

// Symbols of the code of code lengths: 0 to 15 are lengths, 16 repeats the one before, 17 and 18
// are zeros.
struct Run {
    std::uint8_t symbol;
    std::uint8_t count;
};
inline constexpr unsigned run_bits[3] = {2, 3, 7}, run_least[3] = {3, 3, 11},
                          run_most[3] = {6, 10, 138};

// How the code lengths of a block are written.
struct Header {
    unsigned literals = 0, distances = 0, precodes = 0;  // so many are written
    std::array<std::uint8_t, deflate::precodes> precode{};
    std::vector<Run> runs;
};

// Lengths of the code words of literals and lengths, and of distances.
struct CodeLengths {
    std::array<std::uint8_t, 288> literal{};
    std::array<std::uint8_t, 32> distance{};

    static CodeLengths fixed() {
        CodeLengths of;
        of.literal.fill(8);
        std::fill(of.literal.begin() + 144, of.literal.begin() + 256, std::uint8_t{9});
        std::fill(of.literal.begin() + 256, of.literal.begin() + 280, std::uint8_t{7});
        of.distance.fill(5);
        return of;
    }
    static CodeLengths of(const Header& header) {
        std::vector<std::uint8_t> all;
        for (const Run& run : header.runs)
            all.insert(all.end(), run.count,
                       run.symbol < 16    ? run.symbol
                       : run.symbol == 16 ? all.back()
                                          : std::uint8_t{0});
        CodeLengths of;
        std::copy_n(all.begin(), header.literals, of.literal.begin());
        std::copy(all.begin() + header.literals, all.end(), of.distance.begin());
        return of;
    }
};

struct Block {
    bool last = false;
    std::uint8_t type = 0;      // as in the stream
    std::uint32_t padding = 0;  // the bits before the length of a stored block
    std::uint32_t stored = 0;   // bytes
    std::size_t tokens = 0;
    std::unique_ptr<Header> header;  // of type 2

    CodeLengths lengths() const { return header ? CodeLengths::of(*header) : CodeLengths::fixed(); }
};

class BitWriter {
  public:
    void put(std::uint32_t bits, unsigned count) {
        held_ |= std::uint64_t{bits} << count_;
        for (count_ += count; count_ >= 8; count_ -= 8, held_ >>= 8)
            bytes_.push_back(static_cast<std::uint8_t>(held_));
    }
    // The bits up to the next byte.
    unsigned room() const { return (8 - count_) % 8; }
    std::vector<std::uint8_t>& bytes() { return bytes_; }

  private:
    std::vector<std::uint8_t> bytes_;
    std::uint64_t held_ = 0;
    unsigned count_ = 0;
};

class BitReader {
  public:
    explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    // The next bits, at most 32; zeros behind the end, which `take` refuses.
    std::uint32_t look(unsigned count) {
        for (; count_ <= 56; count_ += 8)
            held_ |= std::uint64_t{at_ < bytes_.size() ? bytes_[at_] : std::uint8_t{0}} << count_,
                ++at_;
        return static_cast<std::uint32_t>(held_ & ((std::uint64_t{1} << count) - 1));
    }
    void skip(unsigned count) {
        held_ >>= count;
        count_ -= count;
        if (at_ - count_ / 8 > bytes_.size())
            throw std::invalid_argument("a deflate stream is cut");
    }
    std::uint32_t take(unsigned count) {
        const std::uint32_t bits = look(count);
        skip(count);
        return bits;
    }
    unsigned room() const { return count_ % 8; }
    // Bytes that have been begun.
    std::size_t bytes() const { return at_ - count_ / 8; }

  private:
    std::span<const std::uint8_t> bytes_;
    std::uint64_t held_ = 0;
    unsigned count_ = 0;
    std::size_t at_ = 0;
};

inline std::uint32_t reversed(std::uint32_t code, unsigned bits) {
    std::uint32_t out = 0;
    for (unsigned i = 0; i < bits; ++i) out |= (code >> i & 1) << (bits - 1 - i);
    return out;
}

// A canonical code. Like zlib, it refuses one that is incomplete but for a single word of one bit
// or none at all, which a code of code lengths has to be, too.
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

    // Makes it ready to read.
    void fill() {
        table_.assign(std::size_t{1} << longest_, none);
        for (std::size_t i = 0; i < words_.size(); ++i)
            if (lengths_[i] != 0)
                for (std::size_t at = words_[i]; at < table_.size();
                     at += std::size_t{1} << lengths_[i])
                    table_[at] = static_cast<std::uint16_t>(i);
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
