// The common data of all planes of an item.
//
// A plane is kept in the order in which it is coded: the pixels of one time lie next to one
// another, by ascending rows, and those of a time behind those of the time before. So what lies
// somewhere beside the pixels of a step is next to one another, too. If the plane has fewer rows
// than a time could have pixels, a time has a place for each row.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../item_shape.hpp"
#include "../prefetch.hpp"
#include "settings.hpp"

namespace bitsback {

// The least multiple of eight that is no less.
constexpr std::size_t eights(std::size_t count) { return (count + 7) / 8 * 8; }

struct ItemFrame {
    // Rows above a plane, and columns on either side, that repeat what is inside.
    static constexpr std::int32_t margin = PredictiveSettings::reach;

    // All places of one plane that a pixel looks at: each is looked up once, since what the
    // predictors look at is mostly some of the window, which comes first.
    struct Sights {
        std::size_t window;
        std::vector<std::vector<std::uint16_t>> predictors;  // which of the places
        std::array<std::uint16_t, 3> median;  // to the west, to the north and to the north-west
        std::size_t count;
        std::vector<std::int32_t> distances;  // [phases, count]
    };

    // A time at a plane: where its pixels are kept.
    struct Time {
        std::int32_t phase;
        std::int64_t number;   // from 0 on
        std::int64_t top_row;  // the first one that has a place
    };

    std::int32_t rows;
    std::int32_t columns;
    std::int32_t top;    // the highest level
    std::int32_t lag;    // times from a pixel to the one below
    std::int64_t most;   // pixels of a time, if there are rows enough
    std::int64_t width;  // places of a time
    std::size_t times;
    std::size_t lines;              // rows of which more than their symbols is needed at one time
    std::uint64_t line_reciprocal;  // 2^32 / lines, rounded up
    std::array<Sights, 3> sights;   // of the plane itself, and of the two it looks at

    // Where a row is no longer than the lag, one row is coded after the other, so that they can be
    // kept nearer to one another.
    ItemFrame(const PredictiveSettings& settings, const ItemShape& shape)
        : rows(static_cast<std::int32_t>(shape.rows)),
          columns(static_cast<std::int32_t>(shape.columns)),
          top(static_cast<std::int32_t>(shape.levels) - 1),
          lag(std::min(static_cast<std::int32_t>(settings.lag()), columns + 2 * margin)),
          most((columns + 2 * margin - 1) / lag + 1),
          width(std::min<std::int64_t>(most, margin + rows + std::max(settings.below(), 1))),
          times(
              static_cast<std::size_t>(time(rows - 1 + settings.below(), columns + margin).number)),
          lines(std::min(shape.rows, (shape.columns - 1) / settings.lag() + 3)),
          line_reciprocal(((std::uint64_t{1} << 32) + lines - 1) / lines),
          sights{look(settings, &Places::own), look(settings, &Places::first),
                 look(settings, &Places::second)} {}

    std::int32_t middle() const { return (top + 1) >> 1; }
    bool few_rows() const { return width < most; }

    Time time(std::int32_t row, std::int32_t column) const {
        const std::int64_t since = std::int64_t{lag} * row + column;
        // As many rows above as make it positive.
        const std::int64_t before = most + margin + 1;
        const auto shifted =
            static_cast<std::uint32_t>(since - (columns - 1 + margin) + lag - 1 + before * lag);
        const std::uint32_t rows_before = shifted / static_cast<std::uint32_t>(lag);
        return {static_cast<std::int32_t>(shifted - rows_before * static_cast<std::uint32_t>(lag)),
                since + lag * margin + margin, few_rows() ? -margin : rows_before - before};
    }
    // The time of what lies near the pixels of another one: fewer columns apart than the lag.
    Time moved(const Time& from, const Offset& by) const {
        const std::int32_t phase = from.phase + by.columns;
        const std::int32_t turn = phase < 0 ? -1 : phase >= lag ? 1 : 0;
        return {phase - turn * lag, from.number + std::int64_t{lag} * by.rows + by.columns,
                few_rows() ? from.top_row : from.top_row + by.rows + turn};
    }
    // The place of a pixel, where all times are kept.
    std::int64_t place(const Time& time, std::int32_t row) const {
        return time.number * width + row - time.top_row;
    }

  private:
    Sights look(const PredictiveSettings& settings, std::vector<Offset> Places::* plane) const {
        std::vector<Offset> all = settings.window().*plane;
        Sights out{all.size(), {}, {}, 0, {}};
        const auto find = [&](const Offset& at) {
            const auto found = std::ranges::find(all, at) - all.begin();
            if (found == std::ssize(all)) all.push_back(at);
            return static_cast<std::uint16_t>(found);
        };
        for (const PredictorSettings& of : settings.predictors()) {
            out.predictors.emplace_back();
            for (const Offset& at : of.inputs.*plane) out.predictors.back().push_back(find(at));
        }
        out.median = {find({0, -1}), find({-1, 0}), find({-1, -1})};
        out.count = all.size();
        for (std::int32_t phase = 0; phase < lag; ++phase)
            for (const Offset& at : all) {
                const std::int32_t moved = phase + at.columns + margin * lag;
                const std::int64_t times = std::int64_t{lag} * at.rows + at.columns;
                const std::int64_t rows = few_rows() ? at.rows : margin - moved / lag;
                out.distances.push_back(static_cast<std::int32_t>(times * width + rows));
            }
        return out;
    }
};

// The frames of items, one after the other: many have the same.
class ItemFrames {
  public:
    const std::shared_ptr<const ItemFrame>& frame(const PredictiveSettings& settings,
                                                  const ItemShape& shape) {
        if (last_ == nullptr || last_->rows != static_cast<std::int32_t>(shape.rows) ||
            last_->columns != static_cast<std::int32_t>(shape.columns) ||
            last_->top != static_cast<std::int32_t>(shape.levels) - 1)
            last_ = std::make_shared<const ItemFrame>(settings, shape);
        return last_;
    }

  private:
    std::shared_ptr<const ItemFrame> last_;
};

// Pixels of one plane in a front: so many from one on, the first of which is at a row and a column,
// and others each in the row below, by the lag to the left of the one before.
struct FrontPart {
    std::size_t first;
    std::size_t count;
    std::int32_t row;
    std::int32_t column;

    std::int32_t last_row() const { return row + static_cast<std::int32_t>(count) - 1; }
    std::int32_t last_column(std::int32_t lag) const { return column - lag * (last_row() - row); }
};

// The numbers of the lines of a plane that hold the data of a row and of the one above it.
struct LineNumbers {
    std::size_t own;
    std::size_t above;

    LineNumbers() = default;
    // row modulo lines by multiplications, exact since row * lines < 2^32: an item has at most 2^26
    // elements.
    LineNumbers(const ItemFrame& frame, std::int32_t row)
        : own(static_cast<std::size_t>(row) -
              (static_cast<std::uint64_t>(row) * frame.line_reciprocal >> 32) * frame.lines),
          above(own == 0 ? frame.lines - 1 : own - 1) {}

    // Those of the row below.
    LineNumbers next(const ItemFrame& frame) const {
        LineNumbers out;
        out.own = own + 1 == frame.lines ? 0 : own + 1;
        out.above = own;
        return out;
    }
};

}  // namespace bitsback
