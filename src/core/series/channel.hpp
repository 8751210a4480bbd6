// What is known of one channel of a series: its mean, how good predictions have been, how likely
// each scale is.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "law.hpp"
#include "settings.hpp"

namespace bitsback {

// A mean over about the last 2^shift errors, in 2^-8 levels.
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

class SeriesChannel {
  public:
    using Components = std::array<std::int64_t, SeriesLaw::most_components>;

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

    // The blend of predictions, each the more the smaller its recent errors are.
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

    // A difference of levels in 2^-6 of the unit of errors.
    double scaled(std::int64_t difference) const {
        constexpr std::int64_t reciprocals[4] = {256, 205, 171, 146};
        const auto s = static_cast<std::uint64_t>(unit_.get() + 16);
        const int lead = static_cast<int>(std::bit_width(s)) - 1;
        const std::int64_t v = (difference * reciprocals[s >> (lead - 2) & 3] * 64) >> lead;
        return static_cast<double>(std::clamp<std::int64_t>(v, -32767, 32767));
    }

    // shares: what each component made of the symbol. step: its number, from 0 on.
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
    std::int64_t mean_;  // in 2^-16 levels
};

}  // namespace bitsback
