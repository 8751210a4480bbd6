// The predictive distribution: images of any size, number of planes and number of levels, pixel by
// pixel. Each pixel is predicted from those before it; a network sees the differences of its
// surroundings to that prediction, and gives a mixture around it. A step is all pixels of a batch
// that are coded at one time (predictive/wavefront.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../predictive/mixtures.hpp"
#include "../predictive/settings.hpp"
#include "../predictive/wavefront.hpp"
#include "../step.hpp"
#include "of_data.hpp"

namespace bitsback {

class PredictiveDistribution : public OfData<PredictiveDistribution> {
  public:
    // The distribution of the data, whose number in the program is `variable`.
    PredictiveDistribution(std::size_t variable, PredictiveSettings settings, PixelNetwork network,
                           MixtureTables tables, Arithmetic arithmetic = Arithmetic::exact)
        : OfData(variable),
          settings_(std::move(settings)),
          mixtures_(std::move(network), std::move(tables), settings_.width()),
          arithmetic_(arithmetic) {}

  private:
    friend OfData<PredictiveDistribution>;

    static constexpr std::size_t rows_at_once = 256;

    // The intervals of some items, in the order of decoding.
    struct Steps {
        std::vector<Interval> intervals;
        std::vector<std::uint32_t> counts;  // of each time
    };

    using Rows = PixelMixtures::Rows;

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        require_planes(shapes, symbols);
        std::vector<Steps> parts;
        std::size_t times = 0;
        while (!shapes.empty()) {
            const std::size_t items = items_at_once(settings_, shapes);
            std::size_t elements = 0;
            for (const ItemShape& shape : shapes.first(items)) elements += shape.elements();
            parts.push_back(steps(shapes.first(items), symbols.first(elements)));
            times = std::max(times, parts.back().counts.size());
            shapes = shapes.subspan(items);
            symbols = symbols.subspan(elements);
        }
        std::vector<Interval> step;
        for (std::size_t time = times; time-- > 0;) {
            step.clear();
            for (Steps& part : parts) {
                if (time >= part.counts.size()) continue;
                const auto first = part.intervals.end() - part.counts[time];
                step.insert(step.end(), first, part.intervals.end());
                part.intervals.erase(first, part.intervals.end());
            }
            push_step(message, mixtures_.precision(), step.size(),
                      [&](std::size_t i) { return step[i]; });
        }
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        Wavefront wavefront(settings_, shapes, arithmetic_);
        Rows rows;
        for (std::size_t time = 0; time < wavefront.times(); ++time) {
            rows.clear();
            look(wavefront, time, rows);
            mixtures_.run(rows);
            mixtures_.for_distributions(rows, [&](const auto& distribution) {
                pop_step(message, mixtures_.precision(), rows.count(),
                         [&](std::size_t i, std::uint32_t x) {
                             std::uint32_t symbol = 0;
                             const Interval interval = distribution(i).find(x, symbol);
                             symbols[wavefront.element(i)] = static_cast<Symbol>(symbol);
                             return interval;
                         });
            });
            wavefront.learn(symbols);
        }
    }

    void look(Wavefront& wavefront, std::size_t time, Rows& rows) const {
        wavefront.look(
            time, [&](std::size_t count) { return mixtures_.add(rows, count); }, rows.expected);
    }

    template <class Symbol>
    Steps steps(std::span<const ItemShape> shapes, std::span<const Symbol> symbols) const {
        Wavefront wavefront(settings_, shapes, arithmetic_);
        Steps out;
        out.intervals.reserve(symbols.size());
        Rows rows;
        std::vector<std::uint32_t> known;
        const auto finish = [&] {
            mixtures_.run(rows);
            mixtures_.for_distributions(rows, [&](const auto& distribution) {
                const std::size_t first = out.intervals.size();
                out.intervals.resize(first + rows.count());
                for (std::size_t i = 0; i < rows.count(); ++i)
                    out.intervals[first + i] = distribution(i).interval(known[i]);
            });
            rows.clear();
            known.clear();
        };
        for (std::size_t time = 0; time < wavefront.times(); ++time) {
            look(wavefront, time, rows);
            out.counts.push_back(static_cast<std::uint32_t>(wavefront.pixels()));
            for (std::size_t i = 0; i < wavefront.pixels(); ++i)
                known.push_back(symbols[wavefront.element(i)]);
            wavefront.learn(symbols);
            if (rows.count() >= rows_at_once) finish();
        }
        finish();
        return out;
    }

    PredictiveSettings settings_;
    PixelMixtures mixtures_;
    Arithmetic arithmetic_;
};

}  // namespace bitsback
