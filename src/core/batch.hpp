// The variables of a model, for a batch of items.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "codecs.hpp"

namespace bitsback {

// The symbols of a variable, [items, elements]: bytes where the levels allow.
using Symbols = std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>>;

struct Variable {
    std::size_t elements;  // an item
    std::uint32_t levels;

    bool bytes() const { return levels <= 256; }
};

struct Batch {
    std::size_t items;
    std::vector<Symbols> variables;
};

}  // namespace bitsback
