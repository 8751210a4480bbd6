// The coded pixels of a batch of images, from which contexts are read: planes of bytes with a
// margin, so that the window of a pixel is a slice of each row. Only the rows of one window are
// stored.
//
//              2 side + 1 pixels
//             +---------------+
//      above  | . . . . . . . |     the window of the pixel x: the rows above it, and what is to
//       rows  | . . . . . . . |     its left
//             | . . . x - - - +
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

    std::size_t above;  // 1 to most, like `side`
    std::size_t side;

    std::size_t line() const { return 2 * side + 1; }
    std::size_t pixels() const { return above * line() + side; }
};

// The representation of each symbol in contexts, one byte per plane, and whether the symbol is
// flat.
class ContextPlanes {
  public:
    // bytes: [planes, levels]. flat: [levels], or empty if no symbol is flat.
    ContextPlanes(std::vector<std::uint8_t> bytes, std::size_t levels,
                  std::vector<std::uint8_t> flat)
        : bytes_(std::move(bytes)), levels_(levels), flat_(std::move(flat)) {
        require(levels >= 2 && levels <= 65536, "planes have 2 to 65,536 levels");
        require(!bytes_.empty() && bytes_.size() % levels == 0 && bytes_.size() / levels <= 8,
                "there are 1 to 8 planes, each with one byte per level");
        require(flat_.empty() || flat_.size() == levels, "`flat` has one entry per level");
    }

    std::size_t count() const { return bytes_.size() / levels_; }
    std::size_t levels() const { return levels_; }
    std::uint8_t at(std::size_t plane, std::size_t symbol) const {
        return bytes_[plane * levels_ + symbol];
    }
    const std::uint8_t* plane(std::size_t plane) const { return bytes_.data() + plane * levels_; }
    bool gated() const { return !flat_.empty(); }
    bool flat(std::size_t symbol) const { return flat_[symbol] != 0; }

  private:
    std::vector<std::uint8_t> bytes_;
    std::size_t levels_;
    std::vector<std::uint8_t> flat_;
};

class ContextRows {
  public:
    static constexpr std::size_t overrun = 32;

    // For `size` images with `columns` columns and `channels` channels in coding order. All symbols
    // are initially 0, as are those outside of the images.
    ContextRows(const ContextPlanes& table, Window window, std::size_t columns,
                std::size_t channels, std::size_t size)
        : table_(table),
          window_(window),
          channels_(channels),
          size_(size),
          line_((columns + 2 * window.side) * channels),
          plane_((window.above + 1) * line_) {
        bytes_.reserve(size * table.count() * plane_ + overrun);
        for (std::size_t item = 0; item < size; ++item)
            for (std::size_t plane = 0; plane < table.count(); ++plane)
                bytes_.insert(bytes_.end(), plane_, table.at(plane, 0));
        bytes_.resize(bytes_.size() + overrun);
        if (table.gated()) varied_.assign(size * plane_ + overrun, table.flat(0) ? 0 : 1);
    }

    // Sets `count` channels of one pixel of all items, from channel `first` on: `symbols` [size,
    // count]. A new row overwrites the row that is above + 1 rows higher.
    template <class Symbol>
    void set(std::size_t row, std::size_t column, std::size_t first, std::size_t count,
             const Symbol* symbols) {
        const std::size_t planes = table_.count(), plane_step = plane_;
        const std::size_t place = place_of(row) + (column + window_.side) * channels_ + first;
        for (std::size_t c = 0; c < count; ++c) {
            std::uint8_t* at = bytes_.data() + place + c;
            for (std::size_t item = 0; item < size_; ++item)
                for (std::size_t plane = 0; plane < planes; ++plane, at += plane_step)
                    *at = table_.plane(plane)[symbols[item * count + c]];
            if (!table_.gated()) continue;
            std::uint8_t* varied = varied_.data() + place + c;
            for (std::size_t item = 0; item < size_; ++item, varied += plane_step)
                *varied = table_.flat(symbols[item * count + c]) ? 0 : 1;
        }
    }

    // The context of a group of channels for one pixel of some items: in each plane the window and
    // the `known` channels of the pixel itself, and then the `features`, [size, feature channels].
    // Copies have fixed sizes, which is much faster, so up to 32 bytes behind the contexts are
    // overwritten, and up to 32 bytes behind the features are read.
    void contexts(std::size_t row, std::size_t column, std::size_t known,
                  std::span<const std::uint32_t> items, const std::uint8_t* features,
                  std::size_t feature_channels, std::uint8_t* out) const {
        const std::size_t line = window_.line() * channels_;
        if (line <= 8)
            gather<8>(row, column, known, items, features, feature_channels, out);
        else if (line <= 16)
            gather<16>(row, column, known, items, features, feature_channels, out);
        else
            gather<32>(row, column, known, items, features, feature_channels, out);
    }

    // Whether all symbols in the window of a pixel of an item are flat.
    bool flat(std::size_t row, std::size_t column, std::size_t item) const {
        const std::uint8_t* in = varied_.data() + item * plane_ + column * channels_;
        const std::size_t line = window_.line() * channels_;
        for (std::size_t i = 1; i <= window_.above; ++i)
            if (any(in + place_of(row + i), line)) return false;
        return !any(in + place_of(row), window_.side * channels_);
    }

  private:
    // The place of a row in a plane.
    std::size_t place_of(std::size_t row) const { return row % (window_.above + 1) * line_; }

    static bool any(const std::uint8_t* in, std::size_t count) {
        std::uint64_t some = 0, eight = 0;
        for (; count >= 8; count -= 8, in += 8) {
            std::memcpy(&eight, in, 8);
            some |= eight;
        }
        for (; count > 0; --count) some |= *in++;
        return some != 0;
    }

    template <std::size_t block>
    static void copy(const std::uint8_t* from, std::size_t count, std::uint8_t* to) {
        std::memcpy(to, from, block);
        for (std::size_t at = block; at < count; at += block)
            std::memcpy(to + at, from + at, block);
    }

    template <std::size_t block>
    void gather(std::size_t row, std::size_t column, std::size_t known,
                std::span<const std::uint32_t> items, const std::uint8_t* features,
                std::size_t feature_channels, std::uint8_t* out) const {
        const std::size_t planes = table_.count(), above = window_.above;
        const std::size_t line = window_.line() * channels_;
        const std::size_t left = window_.side * channels_ + known;
        std::array<std::size_t, Window::most + 1> places;  // of the rows from row - above to row
        for (std::size_t i = 0; i <= above; ++i) places[i] = place_of(row + 1 + i);
        for (const std::uint32_t item : items) {
            const std::uint8_t* in = bytes_.data() + item * planes * plane_ + column * channels_;
            for (std::size_t plane = 0; plane < planes; ++plane, in += plane_) {
                for (std::size_t i = 0; i < above; ++i, out += line)
                    copy<block>(in + places[i], line, out);
                copy<block>(in + places[above], left, out);
                out += left;
            }
            const std::uint8_t* of_item = features + item * feature_channels;
            for (std::size_t i = 0; i < feature_channels; i += 16)
                std::memcpy(out + i, of_item + i, 16);
            out += feature_channels;
        }
    }

    const ContextPlanes& table_;
    Window window_;
    std::size_t channels_;
    std::size_t size_;
    std::size_t line_;                  // bytes of a row of a plane
    std::size_t plane_;                 // bytes of a plane
    std::vector<std::uint8_t> bytes_;   // [size, planes, above + 1, columns + 2 side, channels]
    std::vector<std::uint8_t> varied_;  // [size, above + 1, columns + 2 side, channels]: not flat
};

}  // namespace bitsback
