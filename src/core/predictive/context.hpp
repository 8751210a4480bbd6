// What the network of a pixel sees: its surroundings as differences to the prediction, in units of
// the errors that are expected of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

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

struct Surroundings {
    const PredictiveSettings& settings;
    const ItemFrame& frame;
    const PredictiveKernels& kernels;
    const std::int32_t* own;                        // the pixel among the symbols of its plane
    std::array<const std::int32_t*, 2> others;      // and in the planes that it looks at
    std::array<std::int32_t, 2> other_predictions;  // and what was predicted there
    std::size_t references;
    std::int32_t row;
    std::int32_t column;

    // Fills a context, for the order of which see docs/model-format.md.
    void describe(const Predictions& predictions, const Unit& unit, const ErrorLines::Near& near,
                  const PixelErrors& recent, std::uint8_t* out) const {
        const std::size_t predictors = settings.predictors().size();
        const std::int32_t p = predictions.blend();
        const std::uint8_t* see = settings.see();
        const auto put = [&](std::int32_t value) { *out++ = static_cast<std::uint8_t>(value); };
        const auto put_seen = [&](std::int32_t difference) {
            put(see[std::clamp(unit.coarse(difference), -1024, 1023) + 1024]);
        };
        out = describe_window(p, unit, out);
        for (std::size_t j = 0; j <= predictors; ++j) put_seen(predictions.of[j] - p);
        for (std::size_t j = 0; j <= predictors; ++j) {
            const Unit other(static_cast<std::uint32_t>(recent[j]) + 16);
            put(std::clamp(64 + 4 * (other.index() - unit.index()), 0, 127));
        }
        for (const PixelErrors* errors : {&near.w, &near.n, &near.nw, &near.ne})
            put_seen((*errors)[PixelErrors::residual]);
        put_seen(p);
        put_seen(256 * frame.top - p);
        put(unit.index());
        put(Unit(4 * (static_cast<std::uint32_t>(frame.top) + 1)).index());
        put((p & 255) >> 1);
        put(static_cast<std::int32_t>(63 * references));
        put(8 * std::min(row, 15));
        put(8 * std::min(column, 15));
    }

  private:
    std::uint8_t* describe_window(std::int32_t prediction, const Unit& unit,
                                  std::uint8_t* out) const {
        const auto look = [&](const std::int32_t* from, std::int32_t center,
                              const std::vector<std::int32_t>& offsets, std::size_t count) {
            // -center is 256 * high + low.
            const std::int32_t high = -center >> 8, low = -center & 255;
            const std::int32_t base = high * unit.reciprocal + ((low * unit.reciprocal) >> 8);
            const Sight sight{settings.see(), unit.reciprocal, base, unit.lead - 4};
            kernels.look(from, offsets.data(), count, sight, out);
        };
        const Places& places = settings.window();
        look(own, prediction, frame.window.own, places.own.size());
        out += places.own.size();
        for (std::size_t i = 0; i < others.size(); ++i) {
            const std::size_t count = i == 0 ? places.first.size() : places.second.size();
            if (i < references)
                look(others[i], other_predictions[i],
                     i == 0 ? frame.window.first : frame.window.second, count);
            else
                std::memset(out, settings.see()[1024], count);
            out += count;
        }
        return out;
    }
};

}  // namespace bitsback
