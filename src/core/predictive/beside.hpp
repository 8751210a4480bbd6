// The network of pixels beside contexts that are counted: what it says of each binary decision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "../counted/pictures.hpp"
#include "mixtures.hpp"
#include "step_predictor.hpp"

namespace bitsback {

class NetworkBeside {
  public:
    static constexpr bool exists = true;

    NetworkBeside(const PredictiveSettings& settings, const PixelMixtures& mixtures,
                  Arithmetic arithmetic)
        : settings_(&settings), mixtures_(&mixtures), predictor_(settings, arithmetic) {}

    void begin(std::size_t item, const ItemShape& shape) {
        items_.try_emplace(item, *settings_, predictive_kernels(), shape, 0);
    }
    void end(std::size_t item) { items_.erase(item); }

    // Takes one more pixel into the step.
    void add(std::size_t item, const SymbolPicture&, std::size_t plane, std::size_t row,
             std::size_t column) {
        places_.push_back(items_.find(item)->second.place(plane, row, column));
    }

    void look() {
        rows_.clear();
        predictor_.look(places_, mixtures_->add(rows_, places_.size()));
        for (std::size_t i = 0; i < places_.size(); ++i)
            rows_.expected.push_back(predictor_.expected(i, places_[i]));
        mixtures_->run(rows_);
        pixels_.clear();
        mixtures_->for_distributions(rows_, [&](const auto& distribution) {
            for (std::size_t i = 0; i < rows_.count(); ++i) {
                pixels_.push_back({distribution(i), 0, 0, 0});
                pixels_.back().end = pixels_.back().distribution.total();
            }
        });
        places_.clear();
    }

    Foreseen foreseen(std::size_t i) const {
        const Expected& of = rows_.expected[i];
        return {of.prediction >> 8, of.unit.index()};
    }

    // The probability, in units of 2^-28, that a symbol of what is left is this one or more: none
    // or all of it where no other can be.
    std::uint32_t probability(std::size_t i, std::uint32_t middle) {
        Ranged& of = pixels_[i];
        of.middle = of.distribution.below(middle);
        return static_cast<std::uint32_t>((std::uint64_t{of.end - of.middle} << 28) /
                                          (of.end - of.first));
    }
    void end_at(std::size_t, std::uint32_t) {}  // there are no candidates
    void put(std::size_t i, std::uint32_t bit) {
        Ranged& of = pixels_[i];
        (bit != 0 ? of.first : of.end) = of.middle;
    }

    void learn(std::size_t i, std::uint32_t symbol) {
        predictor_.learn(i, static_cast<std::int32_t>(symbol));
    }

  private:
    // The distribution of a pixel, and the part of it that is left.
    struct Ranged {
        PixelDistribution distribution;
        std::uint32_t first;
        std::uint32_t end;
        std::uint32_t middle;  // of the decision
    };

    const PredictiveSettings* settings_;
    const PixelMixtures* mixtures_;
    StepPredictor predictor_;
    std::map<std::size_t, PlaneItem> items_;  // that are being coded
    std::vector<Place> places_;
    PixelMixtures::Rows rows_;
    std::vector<Ranged> pixels_;
};

}  // namespace bitsback
