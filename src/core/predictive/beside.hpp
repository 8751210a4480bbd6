// The network of pixels beside contexts that are counted: what it says of each binary decision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "../counted/pictures.hpp"
#include "../quotient.hpp"
#include "mixtures.hpp"
#include "step_predictor.hpp"

namespace bitsback {

class NetworkBeside {
  public:
    static constexpr bool exists = true, is_network = true;

    NetworkBeside(const PredictiveSettings& settings, const PixelMixtures& mixtures,
                  Arithmetic arithmetic)
        : settings_(&settings), mixtures_(&mixtures), predictor_(settings, arithmetic) {}

    void begin(std::size_t item, const ItemShape& shape) {
        items_.try_emplace(item, *settings_, predictive_kernels(), shape,
                           frames_.frame(*settings_, shape), 0);
    }
    void end(std::size_t item) { items_.erase(item); }

    // Takes one more pixel into the step.
    template <class Picture>
    void add(std::size_t item, const Picture&, std::size_t plane, std::size_t row,
             std::size_t column) {
        PlaneItem& of = items_.find(item)->second;
        places_.push_back(
            {&of.plane(plane), row, column, of.shape().levels, of.blues(plane, row, column)});
    }

    void look() {
        rows_.clear();
        symbols_.clear();
        predictor_.begin();
        for (std::size_t i = 0, rows = 1; i < places_.size(); i += rows, rows = 1) {
            while (i + rows < places_.size() &&
                   places_[i].below(places_[i + rows], rows, settings_->lag()))
                ++rows;
            predictor_.add(*places_[i].plane, static_cast<std::int32_t>(places_[i].row),
                           static_cast<std::int32_t>(places_[i].column), rows);
        }
        predictor_.look(mixtures_->add(rows_, places_.size()));
        predictor_.for_expected([&](const Expected& of) {
            const Place& at = places_[rows_.count()];
            rows_.expected.push_back({of.prediction, of.unit, at.levels, at.blues});
        });
        mixtures_->run(rows_);
        pixels_.clear();
        mixtures_->for_distributions(rows_, [&](const auto& distribution) {
            for (std::size_t i = 0; i < rows_.count(); ++i)
                pixels_.emplace_back(distribution, i, rows_.expected[i].levels);
        });
        places_.clear();
    }

    Foreseen foreseen(std::size_t i) const {
        const Expected& of = rows_.expected[i];
        return {of.prediction >> 8, of.unit.index(), 0,
                rows_.contexts.data() + i * settings_->width()};
    }

    // What its network sees of a pixel and makes of it, for mixers, if they take it.
    void describe(std::size_t i, std::int16_t* out) const {
        const std::size_t width = settings_->width(), features = mixtures_->features();
        if (features == 0) return;
        const std::uint8_t* context = rows_.contexts.data() + i * width;
        for (std::size_t k = 0; k < width; ++k)
            *out++ = static_cast<std::int16_t>((context[k] - 64) * 32);
        const std::uint8_t* made = mixtures_->features(rows_, i);
        for (std::size_t k = 0; k < features; ++k) *out++ = static_cast<std::int16_t>(made[k] * 32);
    }

    // Divides what is left of a pixel's symbols at this one; or at one near the median, if there
    // are several.
    void divide(std::size_t i, std::uint32_t split) {
        Ranged& of = pixels_[i];
        of.split = split;
        of.below = of.distribution.below(split);
    }
    bool divide(std::size_t i) {
        Ranged& of = pixels_[i];
        const auto [low, high, first, end] = of.left;
        if (high - low == 1) return false;
        const std::uint32_t twice = first + end;
        const Bracket median = of.distribution.holding(twice / 2, of.left);
        const bool lower = median.low > low && (median.high == high ||
                                                twice - 2 * median.first <= 2 * median.end - twice);
        of.split = lower ? median.low : median.high;
        of.below = lower ? median.first : median.end;
        return true;
    }
    std::uint32_t split(std::size_t i) const { return pixels_[i].split; }
    // The probability, in units of 2^-28, that a symbol of what is left is that of the split or
    // more: none or all of it where no other can be.
    std::uint32_t probability(std::size_t i) const {
        const Ranged& of = pixels_[i];
        return static_cast<std::uint32_t>(
            quotient(std::int64_t{of.left.end - of.below} << 28, of.left.end - of.left.first));
    }
    void end_at(std::size_t, std::uint32_t) {}  // there are no candidates
    void put(std::size_t i, std::uint32_t bit) {
        Ranged& of = pixels_[i];
        (bit != 0 ? of.left.low : of.left.high) = of.split;
        (bit != 0 ? of.left.first : of.left.end) = of.below;
    }

    void keep(std::size_t i, std::uint32_t symbol) {
        Bracket& left = pixels_[i].left;
        left.low = symbol;
        left.high = symbol + 1;
    }

    // What is left of a pixel's symbols.
    const Bracket& left(std::size_t i) const { return pixels_[i].left; }
    // The interval of one of them, if they are all that there are.
    Interval interval(std::size_t i, std::uint32_t symbol) const {
        const std::uint32_t first = scaled(i, symbol);
        return {first, scaled(i, symbol + 1) - first};
    }
    // The one whose interval holds x.
    std::uint32_t find(std::size_t i, std::uint32_t x) const {
        const Bracket& left = pixels_[i].left;
        return halve(x, {left.low, left.high, 0, 1u << mixtures_->precision()},
                     [&](std::uint32_t c) { return scaled(i, c); })
            .low;
    }

    // Takes the symbol of pixel i, one after the other.
    void learn(std::size_t i, std::uint32_t symbol) {
        symbols_.push_back(static_cast<std::int32_t>(symbol));
        if (i + 1 < rows_.count()) return;
        const std::int32_t* next = symbols_.data();
        predictor_.learn([&] { return *next++; });
    }

  private:
    // A pixel of a step.
    struct Place {
        Plane* plane;
        std::size_t row;
        std::size_t column;
        std::uint32_t levels;
        const JpegColours::Blues* blues;  // those that it may have, if not all

        // Whether another one lies so many rows below, coded at the same time.
        bool below(const Place& other, std::size_t rows, std::size_t lag) const {
            return other.plane == plane && other.row == row + rows &&
                   other.column + lag * rows == column;
        }
    };

    // The distribution of a pixel, and the part of it that is left.
    struct Ranged {
        Bracket left;
        std::uint32_t split = 0;         // of the decision
        std::uint32_t below = 0;         // what symbols below it leave of the distribution
        PixelDistribution distribution;  // large, and so made where it stays

        template <class Make>
        Ranged(const Make& make, std::size_t i, std::uint32_t levels) : distribution(make(i)) {
            left = {0, levels, 0, distribution.total()};
        }
    };

    std::uint32_t scaled(std::size_t i, std::uint32_t c) const {
        const Ranged& of = pixels_[i];
        const std::uint64_t part = of.distribution.below(c) - of.left.first;
        return static_cast<std::uint32_t>((part << mixtures_->precision()) /
                                          (of.left.end - of.left.first));
    }

    const PredictiveSettings* settings_;
    const PixelMixtures* mixtures_;
    StepPredictor predictor_;
    ItemFrames frames_;
    std::map<std::size_t, PlaneItem> items_;  // that are being coded
    std::vector<Place> places_;
    std::vector<std::int32_t> symbols_;
    PixelMixtures::Rows rows_;
    std::vector<Ranged> pixels_;
};

}  // namespace bitsback
