// Group 4, the coding of black and white pages of ITU-T T.6, as TIFF files have it. Sources: ITU-T
// T.4, tables 2, 3a and 3b; ITU-T T.6, section 2. docs/format.md, A6.12.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "high_bits.hpp"

namespace bitsback::group4 {

struct Code {
    std::uint16_t bits;
    std::uint8_t width;
};

// The codes of runs of 0 to 63 pixels, and then of 64, 128, ..., 2560.
inline constexpr Code white[] = {
    {0x35, 8},  {0x7, 6},   {0x7, 4},   {0x8, 4},   {0xB, 4},   {0xC, 4},   {0xE, 4},   {0xF, 4},
    {0x13, 5},  {0x14, 5},  {0x7, 5},   {0x8, 5},   {0x8, 6},   {0x3, 6},   {0x34, 6},  {0x35, 6},
    {0x2A, 6},  {0x2B, 6},  {0x27, 7},  {0xC, 7},   {0x8, 7},   {0x17, 7},  {0x3, 7},   {0x4, 7},
    {0x28, 7},  {0x2B, 7},  {0x13, 7},  {0x24, 7},  {0x18, 7},  {0x2, 8},   {0x3, 8},   {0x1A, 8},
    {0x1B, 8},  {0x12, 8},  {0x13, 8},  {0x14, 8},  {0x15, 8},  {0x16, 8},  {0x17, 8},  {0x28, 8},
    {0x29, 8},  {0x2A, 8},  {0x2B, 8},  {0x2C, 8},  {0x2D, 8},  {0x4, 8},   {0x5, 8},   {0xA, 8},
    {0xB, 8},   {0x52, 8},  {0x53, 8},  {0x54, 8},  {0x55, 8},  {0x24, 8},  {0x25, 8},  {0x58, 8},
    {0x59, 8},  {0x5A, 8},  {0x5B, 8},  {0x4A, 8},  {0x4B, 8},  {0x32, 8},  {0x33, 8},  {0x34, 8},
    {0x1B, 5},  {0x12, 5},  {0x17, 6},  {0x37, 7},  {0x36, 8},  {0x37, 8},  {0x64, 8},  {0x65, 8},
    {0x68, 8},  {0x67, 8},  {0xCC, 9},  {0xCD, 9},  {0xD2, 9},  {0xD3, 9},  {0xD4, 9},  {0xD5, 9},
    {0xD6, 9},  {0xD7, 9},  {0xD8, 9},  {0xD9, 9},  {0xDA, 9},  {0xDB, 9},  {0x98, 9},  {0x99, 9},
    {0x9A, 9},  {0x18, 6},  {0x9B, 9},  {0x8, 11},  {0xC, 11},  {0xD, 11},  {0x12, 12}, {0x13, 12},
    {0x14, 12}, {0x15, 12}, {0x16, 12}, {0x17, 12}, {0x1C, 12}, {0x1D, 12}, {0x1E, 12}, {0x1F, 12}};
inline constexpr Code black[] = {
    {0x37, 10}, {0x2, 3},   {0x3, 2},   {0x2, 2},   {0x3, 3},   {0x3, 4},   {0x2, 4},   {0x3, 5},
    {0x5, 6},   {0x4, 6},   {0x4, 7},   {0x5, 7},   {0x7, 7},   {0x4, 8},   {0x7, 8},   {0x18, 9},
    {0x17, 10}, {0x18, 10}, {0x8, 10},  {0x67, 11}, {0x68, 11}, {0x6C, 11}, {0x37, 11}, {0x28, 11},
    {0x17, 11}, {0x18, 11}, {0xCA, 12}, {0xCB, 12}, {0xCC, 12}, {0xCD, 12}, {0x68, 12}, {0x69, 12},
    {0x6A, 12}, {0x6B, 12}, {0xD2, 12}, {0xD3, 12}, {0xD4, 12}, {0xD5, 12}, {0xD6, 12}, {0xD7, 12},
    {0x6C, 12}, {0x6D, 12}, {0xDA, 12}, {0xDB, 12}, {0x54, 12}, {0x55, 12}, {0x56, 12}, {0x57, 12},
    {0x64, 12}, {0x65, 12}, {0x52, 12}, {0x53, 12}, {0x24, 12}, {0x37, 12}, {0x38, 12}, {0x27, 12},
    {0x28, 12}, {0x58, 12}, {0x59, 12}, {0x2B, 12}, {0x2C, 12}, {0x5A, 12}, {0x66, 12}, {0x67, 12},
    {0xF, 10},  {0xC8, 12}, {0xC9, 12}, {0x5B, 12}, {0x33, 12}, {0x34, 12}, {0x35, 12}, {0x6C, 13},
    {0x6D, 13}, {0x4A, 13}, {0x4B, 13}, {0x4C, 13}, {0x4D, 13}, {0x72, 13}, {0x73, 13}, {0x74, 13},
    {0x75, 13}, {0x76, 13}, {0x77, 13}, {0x52, 13}, {0x53, 13}, {0x54, 13}, {0x55, 13}, {0x5A, 13},
    {0x5B, 13}, {0x64, 13}, {0x65, 13}, {0x8, 11},  {0xC, 11},  {0xD, 11},  {0x12, 12}, {0x13, 12},
    {0x14, 12}, {0x15, 12}, {0x16, 12}, {0x17, 12}, {0x1C, 12}, {0x1D, 12}, {0x1E, 12}, {0x1F, 12}};

inline constexpr Code pass = {1, 4}, horizontal = {1, 3}, end_of_line = {1, 12};
// By how far a change is behind the one above, and 3.
inline constexpr Code vertical[] = {{2, 7}, {2, 6}, {2, 3}, {1, 1}, {3, 3}, {3, 6}, {3, 7}};

// The places in a row where its colour changes, at first from white, and then thrice its end. Black
// pixels are ones.
inline void find_changes(std::span<const std::uint8_t> row, std::int64_t columns,
                         std::vector<std::int64_t>& changes) {
    changes.clear();
    unsigned before = 0;
    std::int64_t place = 0;
    for (const std::uint8_t byte : row) {
        auto changed = static_cast<std::uint8_t>(byte ^ (byte >> 1 | before << 7));
        before = byte & 1u;
        while (changed != 0) {
            const int bit = std::countl_zero(changed);
            changed &= static_cast<std::uint8_t>(0x7f >> bit);
            // The bits behind the last pixel are no pixels.
            if (place + bit < columns) changes.push_back(place + bit);
        }
        place += 8;
    }
    changes.insert(changes.end(), 3, columns);
}

class Encoder {
  public:
    // Codes a row by its changes, and those of the row above it.
    void put_row(std::span<const std::int64_t> changes, std::span<const std::int64_t> above,
                 std::int64_t columns) {
        std::int64_t a0 = -1;      // the place up to which the row is coded
        std::size_t a = 0, b = 0;  // the next change, and the one above to the same colour
        bool is_black = false;
        while (a0 < columns) {
            while (above[b] <= a0 && above[b] < columns) b += 2;
            const std::int64_t a1 = changes[a], b1 = above[b], b2 = above[b + 1];
            if (b2 < a1) {
                put(pass);
                a0 = b2;
            } else if (std::abs(a1 - b1) <= 3) {
                put(vertical[a1 - b1 + 3]);
                a0 = a1;
                a += 1;
                b = b > 0 ? b - 1 : 1;
                is_black = !is_black;
            } else {
                put(horizontal);
                put_run(a1 - std::max<std::int64_t>(a0, 0), is_black);
                a0 = changes[a + 1];
                put_run(a0 - a1, !is_black);
                a += 2;
            }
        }
    }

    // Ends the stream. Two codes for the end of a line follow if `size` bytes have room for them,
    // and zeros up to so many bytes.
    std::vector<std::uint8_t> end(std::size_t size) {
        if (out_.bits() + 2 * end_of_line.width <= 8 * size) {
            put(end_of_line);
            put(end_of_line);
        }
        out_.end();
        if (out_.stream.size() < size) out_.stream.resize(size);
        return std::move(out_.stream);
    }

    std::size_t bits() const { return out_.bits(); }

  private:
    void put(Code code) { out_.put(code.bits, code.width); }
    void put_run(std::int64_t length, bool is_black) {
        const auto& codes = is_black ? black : white;
        for (; length >= 2560 + 64; length -= 2560) put(codes[63 + 2560 / 64]);
        if (length >= 64) put(codes[63 + length / 64]);
        put(codes[length % 64]);
    }

    HighWriter out_;
};

// The stream of `size` bytes of rows of pixels, each of whole bytes. Throws std::invalid_argument
// if they need more.
inline std::vector<std::uint8_t> pack(std::span<const std::uint8_t> bytes, std::size_t columns,
                                      std::size_t size) {
    const auto end = static_cast<std::int64_t>(columns);
    const std::size_t in_a_row = (columns + 7) / 8;
    Encoder encoder;
    std::vector<std::int64_t> changes, above(3, end);
    for (std::size_t at = 0; at + in_a_row <= bytes.size() && in_a_row > 0; at += in_a_row) {
        find_changes(bytes.subspan(at, in_a_row), end, changes);
        encoder.put_row(changes, above, end);
        if (encoder.bits() > 8 * size) throw std::invalid_argument("the rows need more bytes");
        changes.swap(above);
    }
    return encoder.end(size);
}

}  // namespace bitsback::group4
