// The series distribution: items as series over time, each symbol predicted from those before it,
// by weights that follow the series. Nothing of it is learned from other data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../least_squares.hpp"
#include "../message.hpp"
#include "../predictive/shape.hpp"
#include "../series/series.hpp"
#include "../series/settings.hpp"
#include "../step.hpp"

namespace bitsback {

class SeriesDistribution {
  public:
    explicit SeriesDistribution(SeriesSettings settings) : settings_(std::move(settings)) {}

    // symbols: those of all items, [slices, rows, columns, channels] each.
    template <class Symbol>
    void push(Message& message, std::span<const PlaneShape> shapes, std::span<const Symbol> symbols,
              Arithmetic arithmetic = Arithmetic::exact) const {
        check(shapes, symbols.size());
        const DefaultFloats floats(arithmetic);
        const LeastSquares& of = least_squares(arithmetic);
        std::vector<Interval> intervals;
        intervals.reserve(symbols.size());
        for (const PlaneShape& shape : shapes) {
            Series series(settings_, of, shape.channels, shape.levels);
            const auto item = symbols.subspan(intervals.size(), shape.elements());
            require_symbols(item, shape.levels);
            for (const Symbol symbol : item) {
                intervals.push_back(series.look().interval(symbol));
                series.learn(symbol);
            }
        }
        message.transaction([&](Message& work) {
            for (std::size_t i = intervals.size(); i-- > 0;)
                push_step(work, settings_.precision, 1, [&](std::size_t) { return intervals[i]; });
        });
    }

    template <class Symbol>
    void pop(Message& message, std::span<const PlaneShape> shapes,
             std::span<Symbol> symbols) const {
        check(shapes, symbols.size());
        const DefaultFloats floats;
        const LeastSquares& of = least_squares(Arithmetic::exact);
        message.transaction([&](Message& work) {
            std::size_t at = 0;
            for (const PlaneShape& shape : shapes) {
                Series series(settings_, of, shape.channels, shape.levels);
                for (const std::size_t end = at + shape.elements(); at < end; ++at) {
                    const SeriesLaw& law = series.look();
                    std::uint32_t symbol = 0;
                    pop_step(work, settings_.precision, 1,
                             [&](std::size_t, std::uint32_t x) { return law.find(x, symbol); });
                    series.learn(symbol);
                    symbols[at] = static_cast<Symbol>(symbol);
                }
            }
        });
    }

  private:
    void check(std::span<const PlaneShape> shapes, std::size_t symbols) const {
        std::size_t elements = 0;
        for (const PlaneShape& shape : shapes) {
            shape.check();
            require(shape.levels <= settings_.levels, "an item has more levels than the model");
            elements += shape.elements();
        }
        require(elements == symbols, "there must be one symbol for each element of the items");
    }

    SeriesSettings settings_;
};

}  // namespace bitsback
