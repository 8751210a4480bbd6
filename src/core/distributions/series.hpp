// The series distribution (docs/model-format.md, M5): items as time series, each symbol predicted
// from the previous ones by weights that adapt to the series.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../series/least_squares.hpp"
#include "../series/series.hpp"
#include "../series/settings.hpp"
#include "../step.hpp"
#include "data_distribution.hpp"

namespace bitsback {

class SeriesDistribution : public DataDistribution<SeriesDistribution> {
  public:
    // The distribution of the data, whose number in the program is `variable`.
    SeriesDistribution(std::size_t variable, SeriesSettings settings,
                       Arithmetic arithmetic = Arithmetic::exact)
        : DataDistribution(variable), settings_(std::move(settings)), arithmetic_(arithmetic) {}

  private:
    friend DataDistribution<SeriesDistribution>;

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        const DefaultFloats floats(arithmetic_);
        const LeastSquares& solver = least_squares(arithmetic_);
        std::vector<Interval> intervals;
        intervals.reserve(symbols.size());
        for (const ItemShape& shape : shapes) {
            Series series(settings_, solver, shape.channels, shape.levels);
            const auto item = symbols.subspan(intervals.size(), shape.elements());
            require_symbols(item, shape.levels);
            for (const Symbol symbol : item) {
                intervals.push_back(series.look().interval(symbol));
                series.learn(symbol);
            }
        }
        for (std::size_t i = intervals.size(); i-- > 0;)
            push_step(message, settings_.precision, 1, [&](std::size_t) { return intervals[i]; });
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        const DefaultFloats floats(arithmetic_);
        const LeastSquares& solver = least_squares(arithmetic_);
        std::size_t at = 0;
        for (const ItemShape& shape : shapes) {
            Series series(settings_, solver, shape.channels, shape.levels);
            for (const std::size_t end = at + shape.elements(); at < end; ++at) {
                const SymbolDistribution& distribution = series.look();
                std::uint32_t symbol = 0;
                pop_step(message, settings_.precision, 1, [&](std::size_t, std::uint32_t x) {
                    return distribution.find(x, symbol);
                });
                series.learn(symbol);
                symbols[at] = static_cast<Symbol>(symbol);
            }
        }
    }

    SeriesSettings settings_;
    Arithmetic arithmetic_;
};

}  // namespace bitsback
