// The distribution of a symbol of a series: logistics of several scales around one prediction.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "../codecs.hpp"
#include "../step.hpp"
#include "settings.hpp"

namespace bitsback {

class SeriesLaw {
  public:
    static constexpr std::size_t most_components = 32;

    SeriesLaw(const SeriesSettings& settings, std::uint32_t levels)
        : cdf_{settings.cdf, 4},
          components_(2 * settings.scales.size()),
          levels_(levels),
          precision_(settings.precision) {}

    // weights: of any sum. inverse_scales: in 2^-24 of 2^-8 levels.
    void set(std::int64_t prediction, const std::array<std::int64_t, most_components>& weights,
             const std::array<std::int64_t, most_components>& inverse_scales) {
        prediction_ = prediction;
        inverse_scale_ = inverse_scales;
        std::int64_t sum = 0, before = 0, all = 0;
        for (std::size_t k = 0; k < components_; ++k) all += weights[k];
        for (std::size_t k = 0; k < components_; ++k) {
            sum += weights[k];
            const std::int64_t end = (sum << 16) / all;
            weight_[k] = end - before;
            before = end;
        }
    }

    Interval interval(std::uint32_t c) const {
        const std::uint32_t first = start(c);
        return {first, start(c + 1) - first};
    }

    // Looked for from the prediction outwards, in steps that grow.
    Interval find(std::uint32_t x, std::uint32_t& symbol) const {
        const auto middle =
            std::min(static_cast<std::uint32_t>((prediction_ + 128) >> 8), levels_ - 1);
        std::uint32_t low = middle, high = middle, first = start(middle), end = first, step = 1;
        if (x >= first) {
            for (;; step *= 2) {
                high = step < levels_ - low ? low + step : levels_;
                end = start(high);
                if (x < end) break;
                low = high;
                first = end;
            }
        } else {
            for (;; step *= 2) {
                high = low;
                end = first;
                low = step < low ? low - step : 0;
                first = start(low);
                if (x >= first) break;
            }
        }
        while (high - low > 1) {
            const std::uint32_t half = (low + high) / 2, at = start(half);
            (x >= at ? low : high) = half;
            (x >= at ? first : end) = at;
        }
        symbol = low;
        return {first, end - first};
    }

    // For each component its weight times how likely it makes the symbol, in 2^-44.
    void shares(std::uint32_t c, std::array<std::int64_t, most_components>& found) const {
        constexpr std::int64_t one = std::int64_t{1} << 28;
        for (std::size_t k = 0; k < components_; ++k) {
            const std::int64_t low = c == 0 ? 0 : below(k, c);
            const std::int64_t high = c + 1 == levels_ ? one : below(k, c + 1);
            found[k] = weight_[k] * (high - low + 1);
        }
    }

  private:
    std::int64_t below(std::size_t k, std::uint32_t c) const {
        return cdf_.at((256 * std::int64_t{c} - 128 - prediction_) * inverse_scale_[k]);
    }

    std::uint32_t start(std::uint32_t c) const {
        const std::uint32_t total = std::uint32_t{1} << precision_;
        if (c == 0) return 0;
        if (c == levels_) return total;
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < components_; ++k) sum += weight_[k] * below(k, c);
        return c + static_cast<std::uint32_t>(((sum >> 16) * (total - levels_)) >> 28);
    }

    CdfTable cdf_;
    std::size_t components_;
    std::uint32_t levels_;
    unsigned precision_;
    std::int64_t prediction_ = 0;
    std::array<std::int64_t, most_components> weight_{};
    std::array<std::int64_t, most_components> inverse_scale_{};
};

}  // namespace bitsback
