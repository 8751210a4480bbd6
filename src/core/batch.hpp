// The variables of a model, for a batch of items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "codecs.hpp"
#include "item_shape.hpp"

namespace bitsback {

// The symbols of a variable, [items, elements]: bytes if the levels allow.
using Symbols = std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>>;

struct Variable {
    std::size_t elements;  // of an item; 0: each item has its own number and levels
    std::uint32_t levels;

    bool any_shape() const { return elements == 0; }
    bool bytes() const { return levels <= 256; }
};

struct Batch {
    std::size_t items;
    std::vector<ItemShape> shapes;  // of the data of each item
    std::vector<Symbols> variables;
};

}  // namespace bitsback
