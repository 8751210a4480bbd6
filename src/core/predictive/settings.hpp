// The settings of a model's predictions, checked.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "../codecs.hpp"
#include "kernels.hpp"

namespace bitsback {

// A place, as rows below and columns to the right of a pixel.
struct Offset {
    std::int32_t rows;
    std::int32_t columns;

    bool operator==(const Offset&) const = default;
};

// Places in the plane of a pixel, all before it, and in its two references.
struct Places {
    std::vector<Offset> own;
    std::vector<Offset> first;
    std::vector<Offset> second;

    // Their number in a plane with this number of references.
    std::size_t count(std::size_t references) const {
        return own.size() + (references >= 1 ? first.size() : 0) +
               (references >= 2 ? second.size() : 0);
    }
};

// A prediction by least squares: its inputs, and how the sums of their products decay.
struct PredictorSettings {
    Places inputs;
    std::int32_t cell;                  // columns that share their weights
    std::array<std::int32_t, 3> decay;  // of the cells above, to its left and to its right, in 2^-8
    std::int32_t ridge;                 // added to the diagonal
};

class PredictiveSettings {
  public:
    static constexpr std::size_t most_predictors = 4;
    static constexpr std::size_t most_inputs = 48;
    static constexpr std::int32_t reach = 8;  // of an offset

    // see: what a network sees of differences, [2048]. starts: for each predictor [3, T], T the
    // size of the lower triangle of its largest matrix.
    PredictiveSettings(std::vector<PredictorSettings> predictors, Places window,
                       std::vector<std::uint8_t> see,
                       const std::vector<std::vector<std::int32_t>>& starts)
        : predictors_(std::move(predictors)), window_(std::move(window)), see_(std::move(see)) {
        require(see_.size() == 2048 && std::ranges::max(see_) <= 127,
                "the table of what is seen has 2,048 entries within [0, 127]");
        require(!predictors_.empty() && predictors_.size() <= most_predictors,
                "there are 1 to 4 predictors by least squares");
        for (const PredictorSettings& of : predictors_) require_predictor(of);
        require_places(window_, 112, 64, 64);
        require(starts.size() == predictors_.size(), "each predictor has matrices to start from");
        for (std::size_t j = 0; j < starts.size(); ++j)
            read_starts(predictors_[j].inputs, starts[j]);
        find_order();
        find_curve();
    }

    const std::vector<PredictorSettings>& predictors() const { return predictors_; }
    const Places& window() const { return window_; }
    const std::uint8_t* see() const { return see_.data(); }
    // What a network sees of differences that are not negative, as a curve that rises by one at
    // most within each sixteenth of an octave, from 32 on, of the difference plus 32:
    // (entry + part) >> 6, with the part of the sixteenth in 2^-6. Of a negative difference it
    // sees as much below 64 as of its magnitude above. Null if it is no such curve.
    const std::int16_t* curve() const { return curve_.empty() ? nullptr : curve_.data(); }

    // The matrix that predictor j starts from, in a plane with this number of references.
    const std::int32_t* start(std::size_t j, std::size_t references) const {
        return starts_[j][references].data();
    }
    // Bytes that the network of a pixel sees.
    std::size_t width() const { return window_.count(2) + 2 * (1 + predictors_.size()) + 12; }

    // A pixel of plane p is coded at the time column + lag * row + delay * p.
    std::size_t lag() const { return lag_; }
    std::size_t delay() const { return delay_; }
    // The number of rows below a pixel that are used in its references.
    std::int32_t below() const { return below_; }

  private:
    static void require_places(const Places& places, std::size_t own, std::size_t first,
                               std::size_t second) {
        require(!places.own.empty() && places.own.size() <= own && places.first.size() <= first &&
                    places.second.size() <= second,
                "a predictor or a window has another number of places");
        for (const auto* some : {&places.own, &places.first, &places.second})
            for (const Offset& at : *some)
                require(std::abs(at.rows) <= reach && std::abs(at.columns) <= reach,
                        "a place lies within 8 rows and 8 columns");
        for (const Offset& at : places.own)
            require(at.rows < 0 || (at.rows == 0 && at.columns < 0),
                    "a place in a pixel's own plane lies before it");
    }

    static void require_predictor(const PredictorSettings& of) {
        require(of.cell >= 4 && of.cell <= 32, "a cell has 4 to 32 columns");
        const auto& decay = of.decay;
        require(std::ranges::min(decay) >= 0 && std::ranges::max(decay) <= 252 &&
                    decay[0] + decay[1] + decay[2] <= 252,
                "the decay is three numbers, 0 or more, whose sum is 252 at most");
        require(of.ridge >= 1 && of.ridge <= 1 << 20, "the ridge lies within [1, 2^20]");
        require_places(of.inputs, 32, 32, 32);
        require(of.inputs.count(2) <= most_inputs, "a predictor has at most 48 inputs");
    }

    void read_starts(const Places& of, const std::vector<std::int32_t>& rows) {
        const std::size_t most = of.count(2) + 1, size = most * (most + 1) / 2;
        require(rows.size() == 3 * size, "the matrices to start from have another size");
        std::array<std::vector<std::int32_t>, 3> all;
        for (std::size_t references = 0; references < 3; ++references) {
            const std::size_t n = of.count(references) + 1;
            const std::int32_t* from = rows.data() + references * size;
            all[references].resize(triangle_row(n));
            for (std::size_t a = 0; a < most; ++a)
                for (std::size_t b = 0; b <= a; ++b, ++from) {
                    require(a < n
                                ? std::abs(std::int64_t{*from}) <= 1 << 26 && (a != b || *from >= 0)
                                : *from == 0,
                            "a matrix to start from has an entry that it may not have");
                    if (a < n) all[references][triangle_row(a) + b] = *from;
                }
        }
        starts_.push_back(std::move(all));
    }

    void find_order() {
        std::int32_t lag = 0;
        for (const PredictorSettings& of : predictors_) lag = std::max(lag, 2 * of.cell);
        const auto for_all = [&](const auto& use) {
            for (const PredictorSettings& of : predictors_) use(of.inputs);
            use(window_);
        };
        for_all([&](const Places& of) {
            for (const Offset& at : of.own)
                while (at.columns + 1 > lag * -at.rows && at.rows < 0) ++lag;
        });
        std::int32_t after = 0;
        for_all([&](const Places& of) {
            for (const auto* some : {&of.first, &of.second})
                for (const Offset& at : *some) {
                    after = std::max(after, lag * at.rows + at.columns);
                    below_ = std::max(below_, at.rows);
                }
        });
        lag_ = static_cast<std::size_t>(lag);
        delay_ = static_cast<std::size_t>(after) + 1;
    }

    void find_curve() {
        const auto seen = [&](std::int32_t d) { return see_[static_cast<std::size_t>(d + 1024)]; };
        const auto at = [](std::int32_t d) {
            const auto x = static_cast<std::uint32_t>(d) + 32;
            const auto lead = static_cast<std::uint32_t>(std::bit_width(x)) - 1;
            return (lead - 5) * 1024 + ((x - (1u << lead)) << 10 >> lead);
        };
        std::vector<std::int32_t> curve(96);
        for (std::int32_t d = 0; d < 1024; ++d) {
            std::int32_t& entry = curve[at(d) >> 6];
            if (entry == 0) entry = 64 * seen(d);  // the first of its sixteenth
            if (entry % 64 == 0 && seen(d) > entry / 64)
                entry += 64 - static_cast<std::int32_t>(at(d) % 64);
        }
        for (std::int32_t d = 0; d < 1024; ++d) {
            const std::int32_t of =
                (curve[at(d) >> 6] + static_cast<std::int32_t>(at(d) % 64)) >> 6;
            if (seen(d) != of || seen(d == 0 ? 0 : -d) != (d == 0 ? of : 128 - of)) return;
        }
        if (seen(-1024) != seen(-1023)) return;
        curve_.assign(curve.begin(), curve.end());
    }

    std::vector<PredictorSettings> predictors_;
    Places window_;
    std::vector<std::int16_t> curve_;
    std::vector<std::uint8_t> see_;
    std::vector<std::array<std::vector<std::int32_t>, 3>> starts_;
    std::size_t lag_ = 0;
    std::size_t delay_ = 0;
    std::int32_t below_ = 0;
};

}  // namespace bitsback
