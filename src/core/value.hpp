// The values between the layers of a network, with rows, columns and channels. A run computes all
// rows, or a strip of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <variant>
#include <vector>

namespace bitsback {

// Elements in the narrowest of three types that holds their range.
using Values =
    std::variant<std::vector<std::uint8_t>, std::vector<std::int16_t>, std::vector<std::uint16_t>>;

// The properties of a value that are known before the network runs. A value per item has one place.
struct Shape {
    std::size_t rows;
    std::size_t columns;
    std::size_t channels;
    std::int32_t low;
    std::int32_t high;

    std::size_t places() const { return rows * columns; }
    std::size_t line() const { return columns * channels; }
    std::size_t width() const { return rows * line(); }
    bool bytes() const { return low >= 0 && high <= 255; }
    std::size_t element_size() const { return bytes() ? 1 : 2; }

    Values empty() const {
        if (bytes()) return std::vector<std::uint8_t>();
        if (high <= 32767) return std::vector<std::int16_t>();
        return std::vector<std::uint16_t>();
    }
};

// Rows first ... end - 1 of a value.
struct RowRange {
    std::size_t first = 0;
    std::size_t end = 0;

    std::size_t count() const { return end - first; }
    bool operator==(const RowRange&) const = default;

    // The least range that contains both.
    RowRange with(RowRange other) const {
        if (count() == 0) return other;
        if (other.count() == 0) return *this;
        return {std::min(first, other.first), std::max(end, other.end)};
    }
};

// The memory in which the layers of a network compute: some rows of all values, for some items.
struct Workspace {
    std::size_t items = 0;
    std::vector<Values> values;  // [items, rows, columns, channels]
    std::vector<RowRange> rows;
    std::vector<std::uint8_t> patches;  // of convolutions

    template <class T>
    const T* get(std::size_t value) const {
        return std::get<std::vector<T>>(values[value]).data();
    }
    const std::uint8_t* bytes(std::size_t value) const { return get<std::uint8_t>(value); }
};

// Calls `chunk(in, other, out, count)` with the offsets of consecutive chunks, which cover `wanted`
// rows of all items, for values with lines of the same length.
template <class Chunk>
void for_chunks(const Workspace& work, std::size_t line, RowRange wanted, RowRange in,
                RowRange other, const Chunk& chunk) {
    const std::size_t count = wanted.count() * line;
    if (in == wanted && other == wanted) {
        chunk(std::size_t{0}, std::size_t{0}, std::size_t{0}, work.items * count);
        return;
    }
    for (std::size_t item = 0; item < work.items; ++item)
        chunk((item * in.count() + wanted.first - in.first) * line,
              (item * other.count() + wanted.first - other.first) * line, item * count, count);
}

template <class Chunk>
void for_chunks(const Workspace& work, std::size_t line, RowRange wanted, RowRange in,
                const Chunk& chunk) {
    for_chunks(work, line, wanted, in, wanted,
               [&](std::size_t from, std::size_t, std::size_t to, std::size_t count) {
                   chunk(from, to, count);
               });
}

inline void require_layer(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

}  // namespace bitsback
