// The common data of all planes of an item.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../item_shape.hpp"
#include "../prefetch.hpp"
#include "settings.hpp"

namespace bitsback {

// The least multiple of eight that is no less.
constexpr std::size_t eights(std::size_t count) { return (count + 7) / 8 * 8; }

struct ItemFrame {
    // Rows above and below a plane, and columns on either side, that repeat what is inside.
    static constexpr std::int32_t margin = PredictiveSettings::reach;

    // Some of the places that are gathered, next to one another.
    struct Part {
        std::size_t first;
        std::size_t count;
    };
    // All places of one plane that a pixel looks at: each is looked up once, since what the
    // predictors look at is mostly some of the window.
    struct Gathering {
        static constexpr std::size_t most = 112 + 32 * PredictiveSettings::most_predictors;

        std::vector<std::int32_t> distances;  // in the array of the plane
        std::vector<std::int32_t> ends;       // of each row of places, likewise
        Part window;
        std::vector<Part> predictors;
    };

    std::int32_t rows;
    std::int32_t columns;
    std::int32_t top;  // the highest level
    std::int32_t stride;
    std::size_t lines;              // rows of which more than their symbols is needed at one time
    std::uint64_t line_reciprocal;  // 2^32 / lines, rounded up
    std::array<Gathering, 3> gatherings;  // of the plane itself, and of the two it looks at

    ItemFrame(const PredictiveSettings& settings, const ItemShape& shape)
        : rows(static_cast<std::int32_t>(shape.rows)),
          columns(static_cast<std::int32_t>(shape.columns)),
          top(static_cast<std::int32_t>(shape.levels) - 1),
          stride(columns + 2 * margin),
          lines(std::min(shape.rows, (shape.columns - 1) / settings.lag() + 3)),
          line_reciprocal(((std::uint64_t{1} << 32) + lines - 1) / lines),
          gatherings{gathering(settings, &Places::own), gathering(settings, &Places::first),
                     gathering(settings, &Places::second)} {}

    std::int32_t middle() const { return (top + 1) >> 1; }

  private:
    Gathering gathering(const PredictiveSettings& settings,
                        std::vector<Offset> Places::* plane) const {
        std::vector<Offset> all = settings.window().*plane;
        Gathering out{{}, {}, {0, all.size()}, {}};
        for (const PredictorSettings& of : settings.predictors()) {
            const std::vector<Offset>& some = of.inputs.*plane;
            const auto found = std::search(all.begin(), all.end(), some.begin(), some.end());
            const bool missing = found == all.end();
            out.predictors.push_back({static_cast<std::size_t>(found - all.begin()), some.size()});
            if (missing) all.insert(all.end(), some.begin(), some.end());
        }
        for (const Offset& at : all) out.distances.push_back(at.rows * stride + at.columns);
        for (std::int32_t row = -margin; row <= margin; ++row) {
            std::int32_t left = margin + 1, right = -margin - 1;
            for (const Offset& at : all)
                if (at.rows == row) {
                    left = std::min(left, at.columns);
                    right = std::max(right, at.columns);
                }
            if (left > right) continue;
            out.ends.push_back(row * stride + left);
            if (right > left) out.ends.push_back(row * stride + right);
        }
        return out;
    }
};

// The numbers of the lines of a plane that hold the data of a row and of the two above it.
struct LineNumbers {
    std::size_t own;
    std::size_t above;
    std::size_t second_above;

    LineNumbers() = default;
    // row modulo lines by multiplications, exact since row * lines < 2^32: an item has at most 2^26
    // elements.
    LineNumbers(const ItemFrame& frame, std::int32_t row)
        : own(static_cast<std::size_t>(row) -
              (static_cast<std::uint64_t>(row) * frame.line_reciprocal >> 32) * frame.lines),
          above(own == 0 ? frame.lines - 1 : own - 1),
          second_above(above == 0 ? frame.lines - 1 : above - 1) {}
};

}  // namespace bitsback
