// The predictions of a model alone: the inputs of its network for known symbols.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "../codecs.hpp"
#include "settings.hpp"
#include "wavefront.hpp"

namespace bitsback {

// The view of the network on each symbol, in the order of the symbols.
struct SeenSymbols {
    std::span<std::uint8_t> contexts;     // [symbols, width]
    std::span<std::int32_t> predictions;  // in 2^-8 levels
    std::span<std::uint8_t> units;        // logarithms, in quarters
};

template <class Symbol>
void see_symbols(const PredictiveSettings& settings, std::span<const ItemShape> shapes,
                 std::span<const Symbol> symbols, const SeenSymbols& out) {
    require_planes(shapes, symbols);
    const std::size_t width = settings.width();
    std::vector<std::uint8_t> contexts;
    std::vector<Expected> expected;
    for (std::size_t element = 0; !shapes.empty();) {
        const std::size_t items = items_at_once(settings, shapes);
        Wavefront wavefront(settings, shapes.first(items));
        for (std::size_t time = 0; time < wavefront.times(); ++time) {
            expected.clear();
            const auto room = [&](std::size_t count) {
                contexts.resize((count + front_size) * width);
                return contexts.data();
            };
            wavefront.look(time, room, expected);
            for (std::size_t i = 0; i < wavefront.pixels(); ++i) {
                const std::size_t at = element + wavefront.element(i);
                std::memcpy(out.contexts.data() + at * width, contexts.data() + i * width, width);
                out.predictions[at] = expected[i].prediction;
                out.units[at] = static_cast<std::uint8_t>(expected[i].unit.index());
            }
            wavefront.learn(symbols.subspan(element));
        }
        for (const ItemShape& shape : shapes.first(items)) element += shape.elements();
        shapes = shapes.subspan(items);
    }
}

}  // namespace bitsback
