// The state of one channel of a series (docs/model-format.md, M5): its mean, the recent errors of
// predictions, and the probabilities of the scales.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../codecs.hpp"
#include "../search.hpp"
#include "../step.hpp"
#include "settings.hpp"

namespace bitsback {

// The distribution of a symbol of a series: logistics of several scales around one prediction.
class SymbolDistribution {
  public:
    static constexpr std::size_t most_components = 32;

    SymbolDistribution(const SeriesSettings& settings, std::uint32_t levels)
        : cdf_{settings.cdf, 4},
          components_(2 * settings.scales.size()),
          levels_(levels),
          precision_(settings.precision) {}

    // weights: with any sum. inverse_scales: in units of 2^-24 per 2^-8 levels.
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

    // The search goes outwards from the prediction, in growing steps.
    Interval find(std::uint32_t x, std::uint32_t& symbol) const {
        const auto middle =
            std::min(static_cast<std::uint32_t>((prediction_ + 128) >> 8), levels_ - 1);
        const Bracket found =
            search_outwards(x, middle, levels_, [&](std::uint32_t c) { return start(c); });
        symbol = found.low;
        return found.interval();
    }

    // The weight of each component times its probability of the symbol, in units of 2^-44.
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

    ComponentCdf cdf_;
    std::size_t components_;
    std::uint32_t levels_;
    unsigned precision_;
    std::int64_t prediction_ = 0;
    std::array<std::int64_t, most_components> weight_{};
    std::array<std::int64_t, most_components> inverse_scale_{};
};

// A mean over about the last 2^shift errors, in units of 2^-8 levels.
class RecentError {
  public:
    RecentError(std::uint32_t levels, unsigned shift)
        : shift_(shift), sum_(((std::int64_t{levels} << 8) >> 5) << shift) {}

    std::int64_t get() const { return sum_ >> shift_; }
    void add(std::int64_t error) { sum_ += error - (sum_ >> shift_); }

  private:
    unsigned shift_;
    std::int64_t sum_;
};

// A unit of errors: a magnitude of 4 or more, rounded down to a quarter of a power of two.
class Unit {
  public:
    explicit Unit(std::uint32_t s)
        : lead_(std::bit_width(s) - 1), reciprocal_(reciprocals[s >> (lead_ - 2) & 3]) {}

    // A difference of levels in 2^-6 of this unit.
    double scaled(std::int64_t difference) const {
        const std::int64_t v = (difference * reciprocal_ * 64) >> lead_;
        return static_cast<double>(std::clamp<std::int64_t>(v, -32767, 32767));
    }

  private:
    static constexpr std::int32_t reciprocals[4] = {256, 205, 171, 146};

    std::int32_t lead_;
    std::int32_t reciprocal_;  // 256 / (1 + the fraction / 4), rounded
};

class SeriesChannel {
  public:
    using Components = std::array<std::int64_t, SymbolDistribution::most_components>;

    SeriesChannel(std::size_t predictions, std::size_t components, std::uint32_t levels)
        : errors_(predictions, RecentError(levels, 4)),
          quick_(levels, 3),
          slow_(levels, 6),
          unit_(levels, 5),
          components_(components),
          mean_(std::int64_t{levels >> 1} << 16) {
        const auto of_each = (std::int64_t{1} << (16 + rate)) / static_cast<int>(components);
        std::fill_n(weights_.begin(), components, of_each);
    }

    std::int64_t mean() const { return (mean_ + (1 << 15)) >> 16; }
    const Components& weights() const { return weights_; }

    // The blend of predictions; smaller recent errors give a larger weight.
    std::int64_t blend(const std::vector<std::int64_t>& predictions) const {
        std::int64_t least = errors_[0].get();
        for (const RecentError& error : errors_) least = std::min(least, error.get());
        std::int64_t sum = 0, weighted = 0;
        for (std::size_t j = 0; j < predictions.size(); ++j) {
            const std::int64_t ratio = ((least + 16) << 12) / (errors_[j].get() + 16);
            const std::int64_t root = (ratio * ratio) >> 12, weight = root * root;
            sum += weight;
            weighted += weight * predictions[j];
        }
        return (weighted + (sum >> 1)) / sum;
    }

    void inverse_scales(const std::vector<std::int32_t>& scales, Components& found) const {
        std::size_t k = 0;
        for (const RecentError* error : {&quick_, &slow_})
            for (const std::int32_t scale : scales) {
                const std::int64_t s = std::max<std::int64_t>((error->get() * scale) >> 8, 8);
                found[k++] = std::max<std::int64_t>((1 << 24) / s, 1);
            }
    }

    Unit unit() const { return Unit(static_cast<std::uint32_t>(unit_.get() + 16)); }

    // shares: those of the components in the probability of the symbol. step: number of the time
    // step.
    void learn(std::int64_t symbol, std::uint64_t step, std::int64_t blend,
               const std::vector<std::int64_t>& predictions, const Components& shares) {
        for (std::size_t j = 0; j < predictions.size(); ++j)
            errors_[j].add(distance(symbol, predictions[j]));
        for (RecentError* error : {&quick_, &slow_, &unit_}) error->add(distance(symbol, blend));
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < components_; ++k) sum += shares[k];
        for (std::size_t k = 0; k < components_; ++k) {
            const std::int64_t share = (shares[k] << 12) / std::max<std::int64_t>(sum >> 4, 1);
            weights_[k] = std::max<std::int64_t>(weights_[k] + share - (weights_[k] >> rate), 256);
        }
        const auto count = static_cast<std::int64_t>(std::min<std::uint64_t>(step + 1, 4096));
        const std::int64_t change = symbol * 65536 - mean_;
        mean_ += change / count - (change % count < 0 ? 1 : 0);
    }

  private:
    static constexpr unsigned rate = 5;

    static std::int64_t distance(std::int64_t symbol, std::int64_t prediction) {
        const std::int64_t difference = 256 * symbol - prediction;
        return difference < 0 ? -difference : difference;
    }

    std::vector<RecentError> errors_;
    RecentError quick_, slow_, unit_;
    std::size_t components_;
    Components weights_{};
    std::int64_t mean_;  // in units of 2^-16 levels
};

}  // namespace bitsback
