// The order of the items of a multiset: that of their bytes, from the first to the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace bitsback {

// Items are numbers in x, [items, elements]. Symbols of two bytes come with the low one first.
template <class Symbol>
struct ItemOrder {
    std::span<const Symbol> x;
    std::size_t elements;
    bool falling;  // whether the bytes of symbol 0 come behind those of symbol 1, of two levels

    int operator()(std::uint32_t a, std::uint32_t b) const {
        const Symbol* left = x.data() + a * elements;
        const Symbol* right = x.data() + b * elements;
        if constexpr (std::is_same_v<Symbol, std::uint8_t>) {
            const int order = std::memcmp(left, right, elements);
            return falling ? -order : order;
        } else {
            for (std::size_t i = 0; i < elements; ++i)
                if (left[i] != right[i]) return bytes(left[i]) < bytes(right[i]) ? -1 : 1;
            return 0;
        }
    }

  private:
    static unsigned bytes(Symbol symbol) { return (symbol & 255u) << 8 | symbol >> 8; }
};

}  // namespace bitsback
