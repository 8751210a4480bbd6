// The order in which the pixels of all items of a batch are coded: at each time those whose
// surroundings have been coded at earlier times, item after item, plane after plane, row after row.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <vector>

#include "../codecs.hpp"
#include "step_predictor.hpp"

namespace bitsback {

// The number of items, from the first on, that have some pixels at once, whose surroundings stay in
// a near cache.
inline std::size_t items_at_once(const PredictiveSettings& settings,
                                 std::span<const ItemShape> shapes) {
    constexpr std::size_t enough = 48;
    std::size_t items = 0, at_once = 0;
    for (; items < shapes.size() && at_once < enough; ++items) {
        const ItemShape& shape = shapes[items];
        at_once += shape.planes() * std::min(shape.rows, (shape.columns - 1) / settings.lag() + 1);
    }
    return items;
}

class Wavefront {
  public:
    Wavefront(const PredictiveSettings& settings, std::span<const ItemShape> shapes,
              Arithmetic arithmetic = Arithmetic::exact)
        : settings_(settings), predictor_(settings, arithmetic) {
        std::size_t first = 0;
        ItemFrames frames;
        for (const ItemShape& shape : shapes) {
            items_.emplace_back(settings, predictive_kernels(), shape,
                                frames.frame(settings, shape), first);
            first += shape.elements();
            unfinished_.push_back(&items_.back());
            times_ = std::max(times_, end_of(shape));
        }
    }

    // From 0 to this, exclusively; at some there may be no pixels.
    std::size_t times() const { return times_; }
    std::size_t pixels() const { return elements_.size(); }
    // The place of pixel i among the symbols of all items.
    std::size_t element(std::size_t i) const { return elements_[i]; }

    // Goes to a time, and predicts its pixels. contexts(count): the place for the contexts of
    // `count` pixels, and of front_size more. expected: what is expected of them is put there.
    template <class Contexts>
    void look(std::size_t time, const Contexts& contexts, std::vector<Expected>& expected) {
        elements_.clear();
        runs_.clear();
        predictor_.begin();
        std::erase_if(unfinished_,
                      [&](const PlaneItem* item) { return time >= end_of(item->shape()); });
        for (PlaneItem* item : unfinished_) find(*item, time);
        predictor_.look(contexts(elements_.size()));
        std::size_t i = expected.size();
        predictor_.for_expected([&](const Expected& of) { expected.push_back(of); });
        for (const Run& run : runs_)
            for (std::size_t k = 0; k < run.rows; ++k, ++i) {
                expected[i].levels = run.item->shape().levels;
                expected[i].blues =
                    run.item->blues(run.plane, run.row + k, run.column - settings_.lag() * k);
            }
    }

    // Takes the symbols of the pixels: they are among those of all items.
    template <class Symbol>
    void learn(std::span<Symbol> symbols) {
        std::size_t i = 0;
        predictor_.learn([&] { return symbols[elements_[i++]]; });
    }

  private:
    // Pixels of a step in one plane: the first of them, and others in the rows below.
    struct Run {
        const PlaneItem* item;
        std::size_t plane;
        std::size_t row;
        std::size_t column;
        std::size_t rows;
    };

    // Times from the first pixel of a plane to its last.
    std::size_t duration(const ItemShape& shape) const {
        return settings_.lag() * (shape.rows - 1) + shape.columns;
    }

    // The time after that of the last pixel of an item.
    std::size_t end_of(const ItemShape& shape) const {
        return settings_.delay() * (shape.planes() - 1) + duration(shape);
    }

    void find(PlaneItem& item, std::size_t time) {
        const ItemShape& shape = item.shape();
        const std::size_t lag = settings_.lag(), delay = settings_.delay();
        const std::size_t whole = duration(shape);
        const std::size_t first = time < whole ? 0 : (time - whole) / delay + 1;
        const std::size_t last = std::min(time / delay + 1, shape.planes());
        for (std::size_t p = first; p < last; ++p) {
            const std::size_t since = time - delay * p;
            const std::size_t top = since < shape.columns ? 0 : (since - shape.columns) / lag + 1;
            const std::size_t bottom = std::min(since / lag + 1, shape.rows);
            if (top >= bottom) continue;
            const std::size_t column = since - lag * top, rows = bottom - top;
            predictor_.add(item.plane(p), static_cast<std::int32_t>(top),
                           static_cast<std::int32_t>(column), rows);
            runs_.push_back({&item, p, top, column, rows});
            for (std::size_t k = 0; k < rows; ++k)
                elements_.push_back(item.element(p, top + k, column - lag * k));
        }
    }

    const PredictiveSettings& settings_;
    StepPredictor predictor_;
    std::deque<PlaneItem> items_;
    std::vector<PlaneItem*> unfinished_;
    std::size_t times_ = 0;
    std::vector<Run> runs_;  // of the step
    std::vector<std::size_t> elements_;
};

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
