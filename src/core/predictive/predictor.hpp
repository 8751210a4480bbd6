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
    for (std::size_t element = 0; !shapes.empty();) {
        const std::size_t items = items_at_once(settings, shapes);
        Wavefront wavefront(settings, shapes.first(items));
        for (std::size_t time = 0; time < wavefront.times(); ++time) {
            wavefront.look(time, [&](std::size_t count) {
                contexts.resize(count * width);
                return contexts.data();
            });
            for (std::size_t i = 0; i < wavefront.pixels(); ++i) {
                const std::size_t at = element + wavefront.element(i);
                std::memcpy(out.contexts.data() + at * width, contexts.data() + i * width, width);
                out.predictions[at] = wavefront.pixel(i).predictions.blend();
                out.units[at] = static_cast<std::uint8_t>(wavefront.pixel(i).unit.index());
                wavefront.learn(i, static_cast<std::int32_t>(symbols[at]));
            }
        }
        for (const ItemShape& shape : shapes.first(items)) element += shape.elements();
        shapes = shapes.subspan(items);
    }
}

}  // namespace bitsback
