// What all planes of an item share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "settings.hpp"
#include "shape.hpp"

namespace bitsback {

// The least multiple of eight that is no less.
constexpr std::size_t eights(std::size_t count) { return (count + 7) / 8 * 8; }

struct ItemFrame {
    // Rows above and below a plane, and columns on either side, that repeat what is inside.
    static constexpr std::int32_t margin = PredictiveSettings::reach;

    // Places as distances in the array of a plane, with zeros behind them to fill eights.
    struct Distances {
        std::vector<std::int32_t> own, first, second;
    };

    std::int32_t rows;
    std::int32_t columns;
    std::int32_t top;  // the highest level
    std::int32_t stride;
    std::size_t lines;  // rows of which more than their symbols is needed at one time
    std::vector<Distances> predictors;
    Distances window;

    ItemFrame(const PredictiveSettings& settings, const PlaneShape& shape)
        : rows(static_cast<std::int32_t>(shape.rows)),
          columns(static_cast<std::int32_t>(shape.columns)),
          top(static_cast<std::int32_t>(shape.levels) - 1),
          stride(columns + 2 * margin),
          lines(std::min(shape.rows, (shape.columns - 1) / settings.lag() + 3)),
          window(distances(settings.window())) {
        for (const PredictorSettings& of : settings.predictors())
            predictors.push_back(distances(of.inputs));
    }

    std::int32_t middle() const { return (top + 1) >> 1; }

  private:
    Distances distances(const Places& of) const {
        const auto all = [&](const std::vector<Offset>& places) {
            std::vector<std::int32_t> out;
            for (const Offset& at : places) out.push_back(at.rows * stride + at.columns);
            out.resize(eights(out.size()));
            return out;
        };
        return {all(of.own), all(of.first), all(of.second)};
    }
};

// Where what is kept of a row and of the two above it stands among the lines of a plane.
struct LineNumbers {
    std::size_t own;
    std::size_t above;
    std::size_t second_above;

    LineNumbers(const ItemFrame& frame, std::int32_t row)
        : own(static_cast<std::uint32_t>(row) % static_cast<std::uint32_t>(frame.lines)),
          above(own == 0 ? frame.lines - 1 : own - 1),
          second_above(above == 0 ? frame.lines - 1 : above - 1) {}
};

}  // namespace bitsback
