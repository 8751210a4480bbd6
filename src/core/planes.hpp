// What a pixel sees of those before it, in a batch of images: planes of bytes with a margin, in
// which the window of the pixel is a piece of a few rows. No more rows are kept than a window has.
//
//            2 side + 1 columns
//           +---------------+
//    above  | . . . . . . . |      the window of the pixel x: the rows above it, and what is to its
//    left rows   | . . . . . . . |
//           | . . . x - - - +
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "codecs.hpp"

namespace bitsback {

struct Window {
    static constexpr std::size_t most = 8;

    std::size_t above;  // 1 to most, as is the other
    std::size_t side;

    std::size_t line() const { return 2 * side + 1; }
    std::size_t pixels() const { return above * line() + side; }
};

// The planes of a model: what each says of a symbol.
class PlaneTable {
  public:
    // bytes: [planes, levels].
    PlaneTable(std::vector<std::uint8_t> bytes, std::size_t levels)
        : bytes_(std::move(bytes)), levels_(levels) {
        require(levels >= 2 && levels <= 256, "planes are of 2 to 256 levels");
        require(!bytes_.empty() && bytes_.size() % levels == 0 && bytes_.size() / levels <= 8,
                "there are 1 to 8 planes, each of all levels");
    }

    std::size_t count() const { return bytes_.size() / levels_; }
    std::size_t levels() const { return levels_; }
    const std::uint8_t* data() const { return bytes_.data(); }

  private:
    std::vector<std::uint8_t> bytes_;
    std::size_t levels_;
};

class PlaneRows {
  public:
    // For `size` images of so many columns. All symbols are 0, as are those outside of the images.
    PlaneRows(const PlaneTable& table, Window window, std::size_t columns, std::size_t size)
        : table_(table),
          window_(window),
          size_(size),
          line_(columns + 2 * window.side),
          plane_((window.above + 1) * line_) {
        bytes_.reserve(size * table.count() * plane_ + overrun);
        for (std::size_t item = 0; item < size; ++item)
            for (std::size_t plane = 0; plane < table.count(); ++plane)
                bytes_.insert(bytes_.end(), plane_, table.data()[plane * table.levels()]);
        bytes_.resize(bytes_.size() + overrun);
    }

    // One pixel of all items: `symbols` [size]. Its row takes the place of the one that lies above
    // + 1 rows away.
    void set(std::size_t row, std::size_t column, const std::uint8_t* symbols) {
        const std::size_t planes = table_.count(), levels = table_.levels();
        const std::size_t size = size_, plane_step = plane_;
        const std::uint8_t* const table = table_.data();
        std::uint8_t* at = bytes_.data() + place(row) + column + window_.side;
        for (std::size_t item = 0; item < size; ++item)
            for (std::size_t plane = 0; plane < planes; ++plane, at += plane_step)
                *at = table[plane * levels + symbols[item]];
    }

    // The contexts of one pixel of all items: its window in all planes, and then its `channels`
    // features, of which [size, channels] are given. Copies have fixed sizes, which is much the
    // faster: up to 32 bytes behind the contexts are written, and behind the features read.
    void contexts(std::size_t row, std::size_t column, const std::uint8_t* features,
                  std::size_t channels, std::uint8_t* out) const {
        if (window_.line() <= 8)
            gather<8>(row, column, features, channels, out);
        else if (window_.line() <= 16)
            gather<16>(row, column, features, channels, out);
        else
            gather<32>(row, column, features, channels, out);
    }

  private:
    static constexpr std::size_t overrun = 32;

    // Where a row is in a plane.
    std::size_t place(std::size_t row) const { return row % (window_.above + 1) * line_; }

    template <std::size_t block>
    void gather(std::size_t row, std::size_t column, const std::uint8_t* features,
                std::size_t channels, std::uint8_t* out) const {
        const std::size_t planes = table_.count(), above = window_.above, side = window_.side,
                          line = window_.line();
        const std::size_t size = size_, plane_step = plane_;
        std::array<std::size_t, Window::most + 1> places;  // of the rows from row - above to row
        for (std::size_t i = 0; i <= above; ++i) places[i] = place(row + 1 + i);
        const std::uint8_t* in = bytes_.data() + column;
        for (std::size_t item = 0; item < size; ++item) {
            for (std::size_t plane = 0; plane < planes; ++plane, in += plane_step) {
                for (std::size_t i = 0; i < above; ++i, out += line)
                    std::memcpy(out, in + places[i], block);
                std::memcpy(out, in + places[above], 8);
                out += side;
            }
            for (std::size_t i = 0; i < channels; i += 16) std::memcpy(out + i, features + i, 16);
            out += channels;
            features += channels;
        }
    }

    const PlaneTable& table_;
    Window window_;
    std::size_t size_;
    std::size_t line_;                 // bytes of a row of a plane
    std::size_t plane_;                // bytes of a plane
    std::vector<std::uint8_t> bytes_;  // [size, planes, above + 1, columns + 2 side]
};

}  // namespace bitsback
