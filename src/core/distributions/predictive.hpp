// The predictive distribution: images of any size, number of planes and number of levels, pixel by
// pixel. Each pixel is predicted from those before it; a network sees the differences of its
// surroundings to that prediction, and gives a mixture around it. A step is all pixels of a batch
// that are coded at one time (predictive/wavefront.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "../pixel_network.hpp"
#include "../predictive/pixel_distribution.hpp"
#include "../predictive/predictor.hpp"
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
          network_(std::move(network)),
          tables_(std::move(tables)),
          arithmetic_(arithmetic) {
        const Shape& source = network_.network.shape(0);
        require(network_.network.sources() == 1 && source.width() == settings_.width() &&
                    source.bytes(),
                "the network of a pixel does not fit its context");
        const std::vector<Shape> shapes = network_.shapes();
        require(shapes.size() == 3, "a mixture has three outputs");
        components_ = shapes[0].width();
        for (const Shape& shape : shapes)
            require(shape.width() == components_ && components_ <= MixtureTables::max_components,
                    "a mixture has another number of components");
        require_mixture_outputs(shapes);
        network_.network.keep(network_.outputs);
    }

  private:
    friend OfData<PredictiveDistribution>;

    static constexpr std::size_t rows_at_once = 256;

    // The intervals of some items, in the order of decoding.
    struct Steps {
        std::vector<Interval> intervals;
        std::vector<std::uint32_t> counts;  // of each time
    };

    // Pixels that the network sees together.
    struct Rows {
        std::vector<std::uint8_t> contexts;
        std::vector<Expected> expected;
        Workspace work;

        std::size_t count() const { return expected.size(); }
        void clear() {
            contexts.clear();
            expected.clear();
        }
    };

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
            push_step(message, tables_.precision(), step.size(),
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
            wavefront.look(time, [&](std::size_t count) { return add(rows, count); });
            for (std::size_t i = 0; i < wavefront.pixels(); ++i)
                rows.expected.push_back(expected(wavefront, i));
            run(rows);
            for_distributions(rows, [&](const auto& distribution) {
                pop_step(message, tables_.precision(), rows.count(),
                         [&](std::size_t i, std::uint32_t x) {
                             std::uint32_t symbol = 0;
                             const Interval interval = distribution(i).find(x, symbol);
                             symbols[wavefront.element(i)] = static_cast<Symbol>(symbol);
                             return interval;
                         });
            });
            for (std::size_t i = 0; i < wavefront.pixels(); ++i)
                wavefront.learn(i, symbols[wavefront.element(i)]);
        }
    }

    static Expected expected(const Wavefront& wavefront, std::size_t i) {
        const Pixel& pixel = wavefront.pixel(i);
        return {pixel.predictions.blend(), pixel.unit,
                static_cast<std::uint32_t>(wavefront.levels(i))};
    }

    template <class Symbol>
    Steps steps(std::span<const ItemShape> shapes, std::span<const Symbol> symbols) const {
        Wavefront wavefront(settings_, shapes, arithmetic_);
        Steps out;
        out.intervals.reserve(symbols.size());
        Rows rows;
        std::vector<std::uint32_t> known;
        const auto finish = [&] {
            run(rows);
            for_distributions(rows, [&](const auto& distribution) {
                for (std::size_t i = 0; i < rows.count(); ++i)
                    out.intervals.push_back(distribution(i).interval(known[i]));
            });
            rows.clear();
            known.clear();
        };
        for (std::size_t time = 0; time < wavefront.times(); ++time) {
            wavefront.look(time, [&](std::size_t count) { return add(rows, count); });
            out.counts.push_back(static_cast<std::uint32_t>(wavefront.pixels()));
            for (std::size_t i = 0; i < wavefront.pixels(); ++i) {
                rows.expected.push_back(expected(wavefront, i));
                known.push_back(symbols[wavefront.element(i)]);
                wavefront.learn(i, static_cast<std::int32_t>(known.back()));
            }
            if (rows.count() >= rows_at_once) finish();
        }
        finish();
        return out;
    }

    // Room for the contexts of some more pixels.
    std::uint8_t* add(Rows& rows, std::size_t count) const {
        const std::size_t before = rows.contexts.size();
        rows.contexts.resize(before + count * settings_.width());
        return rows.contexts.data() + before;
    }

    void run(Rows& rows) const {
        if (rows.count() == 0) return;
        const Network& network = network_.network;
        network.prepare(rows.work, rows.count());
        std::memcpy(network.source<std::uint8_t>(rows.work), rows.contexts.data(),
                    rows.contexts.size());
        network.run(rows.work);
    }

    // Calls `code` with what makes the distribution of a pixel.
    template <class Code>
    void for_distributions(const Rows& rows, const Code& code) const {
        if (rows.count() == 0) return;
        const Parameters parameters = network_.parameters(rows.work, components_);
        const auto of = [&](const auto* means) {
            code([&, means](std::size_t i) {
                const std::size_t at = i * components_;
                return PixelDistribution(tables_, rows.expected[i], parameters.bytes[0] + at,
                                         means + at, parameters.bytes[2] + at, components_);
            });
        };
        if (parameters.words[1] != nullptr)
            of(parameters.words[1]);
        else
            of(parameters.bytes[1]);
    }

    PredictiveSettings settings_;
    PixelNetwork network_;
    MixtureTables tables_;
    Arithmetic arithmetic_;
    std::size_t components_;
};

}  // namespace bitsback
