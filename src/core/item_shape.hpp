// The shape of items of any size: slices of images with channels, which are coded plane by plane.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "codecs.hpp"
#include "jpeg_colours.hpp"

namespace bitsback {

struct ItemShape {
    std::size_t slices;
    std::size_t rows;
    std::size_t columns;
    std::size_t channels;
    std::uint32_t levels;
    bool jpeg = false;  // whether all pixels have colours of JPEG

    bool operator==(const ItemShape&) const = default;
    std::size_t planes() const { return slices * channels; }
    std::size_t elements() const { return planes() * rows * columns; }

    void check() const {
        constexpr std::size_t most = std::size_t{1} << 26;
        std::size_t elements = 1;
        for (std::size_t n : {slices, rows, columns, channels}) {
            require(n >= 1 && n <= most / elements, "an item has from 1 to 2^26 elements");
            elements *= n;
        }
        require(levels >= 2 && levels <= 65536, "an item has from 2 to 65,536 levels");
        require(!jpeg || (channels == 3 && levels == 256),
                "colours of JPEG have three channels and 256 levels");
    }

    // The channel that is coded as number c of a slice. Green precedes red and blue.
    std::size_t channel(std::size_t c) const {
        constexpr std::size_t colours[4] = {1, 0, 2, 3};
        return channels == 3 || channels == 4 ? colours[c] : c;
    }
    // The start of plane p in the elements [slices, rows, columns, channels].
    std::size_t first_element(std::size_t p) const {
        return p / channels * rows * columns * channels + channel(p % channels);
    }
};

// Throws MessageError unless the items have `elements` elements in total.
inline void require_elements(std::span<const ItemShape> shapes, std::size_t elements) {
    for (const ItemShape& shape : shapes) {
        shape.check();
        require(shape.elements() <= elements, "there are too few elements for the items");
        elements -= shape.elements();
    }
    require(elements == 0, "there are too many elements for the items");
}

// Throws MessageError unless all pixels have colours of JPEG.
template <class Symbol>
void require_colours(std::span<const Symbol> symbols) {
    const JpegColours& colours = JpegColours::all();
    for (std::size_t i = 0; i + 2 < symbols.size(); i += 3)
        require(colours.has(symbols[i], symbols[i + 1], symbols[i + 2]),
                "a pixel has a colour that JPEG has not");
}

// Throws MessageError unless each element has a symbol below its item's levels.
template <class Symbol>
void require_planes(std::span<const ItemShape> shapes, std::span<const Symbol> symbols) {
    require_elements(shapes, symbols.size());
    for (const ItemShape& shape : shapes) {
        require_symbols(symbols.first(shape.elements()), shape.levels);
        if (shape.jpeg) require_colours(symbols.first(shape.elements()));
        symbols = symbols.subspan(shape.elements());
    }
}

// The reference planes of plane p of an item, at most two: the nearest channels and slices.
struct References {
    std::size_t count = 0;
    std::array<std::size_t, 2> planes{};

    References(const ItemShape& shape, std::size_t p) {
        const std::size_t channels = shape.channels, slice = p / channels, channel = p % channels;
        for (std::size_t back = 1; back <= 2; ++back) {
            if (channel >= back) add(p - back);
            if (slice >= back) add(p - back * channels);
        }
    }

  private:
    void add(std::size_t p) {
        if (count < planes.size()) planes[count++] = p;
    }
};

}  // namespace bitsback
