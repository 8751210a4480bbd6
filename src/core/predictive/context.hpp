// What the network of a pixel sees: its surroundings as differences to the prediction, in units of
// the errors that are expected of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "errors.hpp"
#include "frame.hpp"
#include "kernels.hpp"
#include "settings.hpp"
#include "unit.hpp"

namespace bitsback {

// The unit of the least squares.
inline Normal normal_of(std::uint32_t recent_error) {
    const Unit unit(recent_error + 64);
    return {unit.reciprocal, 1 << (unit.lead - 5), unit.lead - 4};
}

// Numbers of one plane around a pixel, in the order of a gathering. What stands behind them means
// nothing.
struct Gathered {
    std::array<std::int32_t, eights(ItemFrame::Gathering::most) + 8> numbers;

    void gather(const ItemFrame::Gathering& gathering, const std::int32_t* x) {
        const std::int32_t* distances = gathering.distances.data();
#if defined(__GNUC__)
#pragma GCC unroll 8
#endif
        for (std::size_t i = 0; i < gathering.distances.size(); ++i) numbers[i] = x[distances[i]];
    }
    const std::int32_t* at(const ItemFrame::Part& part) const {
        return numbers.data() + part.first;
    }
};

struct Surroundings {
    const PredictiveSettings* settings;
    const ItemFrame* frame;
    const PredictiveKernels* kernels;
    std::size_t references;
    std::int32_t row;
    std::int32_t column;
    PixelErrors recent;                       // what errors are expected to be
    std::array<std::int32_t, 4> residuals;    // of the pixels to the west, north and beside it
    std::array<Gathered, 3> planes;           // of the pixel, and those that it looks at
    std::array<std::int32_t, 3> medians;      // there
    std::array<std::int32_t, 3> predictions;  // and what is predicted there

    // Fills a context, for the order of which see docs/model-format.md.
    void describe(const Predictions& of, const Unit& unit, std::uint8_t* out) const {
        static constexpr std::array<std::int32_t, 64> nothing{};
        const std::size_t predictors = settings->predictors().size();
        std::array<Sight, 4> sights;
        std::size_t seen = 0;
        for (std::size_t i = 0; i < planes.size(); ++i) {
            const ItemFrame::Part& window = frame->gatherings[i].window;
            if (i <= references)
                sights[i] = {planes[i].at(window), window.count, unit.reciprocal,
                             unit.scaled(-predictions[i])};
            else
                sights[i] = {nothing.data(), window.count, 0, 0};
            seen += window.count;
        }
        // Differences in 2^-8 levels, with a gap for what is said of the errors.
        const std::int32_t p = of.blend();
        std::array<std::int32_t, 16> differences{};
        auto* next = differences.data();
        for (std::size_t j = 0; j <= predictors; ++j) *next++ = unit.scaled(of.of[j] - p);
        next += predictors + 1;
        for (std::int32_t residual : residuals) *next++ = unit.scaled(residual);
        *next++ = unit.scaled(p);
        *next++ = unit.scaled(256 * frame->top - p);
        const std::size_t fine = 2 * (predictors + 1) + 6;
        sights[3] = {differences.data(), fine, 1, 0};
        kernels->look(sights.data(), sights.size(), settings->see(), unit.lead - 4, out);

        out += seen + predictors + 1;
        const auto put = [&](std::int32_t value) { *out++ = static_cast<std::uint8_t>(value); };
        for (std::size_t j = 0; j <= predictors; ++j) {
            const Unit other(static_cast<std::uint32_t>(recent[j]) + 16);
            put(std::clamp(64 + 4 * (other.index() - unit.index()), 0, 127));
        }
        out += 6;
        put(unit.index());
        put(Unit(4 * (static_cast<std::uint32_t>(frame->top) + 1)).index());
        put((p & 255) >> 1);
        put(static_cast<std::int32_t>(63 * references));
        put(8 * std::min(row, 15));
        put(8 * std::min(column, 15));
    }
};

}  // namespace bitsback
