// Pixel predictors, blended by their recent errors around a pixel (Seemann and Tischer 1997), and
// the probability of each binary decision under the blend. docs/model-format.md, Counted.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "../mixing/logistic.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

// The predictors of a model. Each pixel that several predictors use is read once.
class Predictors {
  public:
    explicit Predictors(const Terms& terms) {
        for (const Term& term : terms) {
            Sum& sum = sums_.emplace_back(Sum{{}, term.shift, term.low, term.high});
            for (const Term::Part& part : term.parts) {
                const auto found = std::ranges::find(sites_, part.site);
                sum.parts.push_back(
                    {static_cast<std::size_t>(found - sites_.begin()), part.weight});
                if (found == sites_.end()) sites_.push_back(part.site);
            }
        }
    }

    std::size_t count() const { return sums_.size(); }

    void predict(const SymbolPicture& picture, std::size_t plane, std::size_t row,
                 std::size_t column, std::int32_t* predictions) const {
        std::array<std::int32_t, CountedSettings::most_predictors * 16> symbols;
        for (std::size_t i = 0; i < sites_.size(); ++i) {
            const auto [back, rows, columns] = sites_[i];
            symbols[i] = picture.at(plane, static_cast<std::size_t>(back), row,
                                    column)[rows * picture.stride() + columns];
        }
        for (std::size_t k = 0; k < sums_.size(); ++k) {
            std::int32_t sum = 0;
            for (const auto& [site, weight] : sums_[k].parts) sum += weight * symbols[site];
            predictions[k] =
                std::clamp(sum >> sums_[k].shift, sums_[k].low, sums_[k].high) - sums_[k].low;
        }
    }

  private:
    struct Sum {
        std::vector<std::pair<std::size_t, std::int32_t>> parts;  // a site, and its weight
        unsigned shift;
        std::int32_t low;
        std::int32_t high;
    };

    std::vector<Site> sites_;
    std::vector<Sum> sums_;
};

// A cache of the errors of each predictor at the pixels of the last rows of a plane. Outside of the
// plane all errors are 0.
class PlaneErrors {
  public:
    // lag: the number of columns by which each row is coded later than the row above.
    PlaneErrors(const Predictors& predictors, const ItemShape& shape, std::size_t lag)
        : predictors_(predictors),
          columns_(shape.columns),
          rows_(std::min(shape.rows, (columns_ - 1) / std::min(lag, columns_) + 1) + 2),
          known_(rows_.size() * stride()),
          errors_(known_.size() * predictors.count()) {}

    // Adds the errors at the pixels around this one to `sums`, one per predictor.
    void add(const SymbolPicture& picture, std::size_t plane, std::size_t row, std::size_t column,
             std::uint32_t* sums) {
        if (plane + 1 != planes_) std::ranges::fill(rows_, 0);
        planes_ = plane + 1;
        for (const auto [above, columns] : around) {
            if (row < above) continue;
            const std::size_t number = start(row - above) + column + columns;
            std::uint8_t* const errors = errors_.data() + number * predictors_.count();
            if (known_[number] == 0) {
                find(picture, plane, row - above, column + columns - left, errors);
                known_[number] = 1;
            }
            for (std::size_t k = 0; k < predictors_.count(); ++k) sums[k] += errors[k];
        }
    }

  private:
    static constexpr std::size_t left = 2, right = 1;  // margins
    // The pixels around a pixel: rows above it, and columns to the right of the one that is two to
    // its left.
    static constexpr std::array<std::array<std::size_t, 2>, 6> around{
        {{0, 1}, {1, 2}, {1, 1}, {1, 3}, {0, 0}, {2, 2}}};

    std::size_t stride() const { return left + columns_ + right; }

    // The place of a row in the cache, which is a ring of rows.
    std::size_t start(std::size_t row) {
        const std::size_t place = row % rows_.size(), start = place * stride();
        if (rows_[place] != row + 1) {
            rows_[place] = row + 1;
            std::fill_n(known_.data() + start, stride(), std::uint8_t{1});
            std::fill_n(known_.data() + start + left, columns_, std::uint8_t{0});
        }
        return start;
    }

    void find(const SymbolPicture& picture, std::size_t plane, std::size_t row, std::size_t column,
              std::uint8_t* errors) const {
        std::array<std::int32_t, CountedSettings::most_predictors> predictions;
        predictors_.predict(picture, plane, row, column, predictions.data());
        const std::int32_t symbol = *picture.at(plane, 0, row, column);
        for (std::size_t k = 0; k < predictors_.count(); ++k)
            errors[k] = static_cast<std::uint8_t>(std::abs(symbol - predictions[k]));
    }

    const Predictors& predictors_;
    std::size_t columns_;
    std::size_t planes_ = 0;         // the number of the plane of the errors, plus one
    std::vector<std::size_t> rows_;  // the numbers of the stored rows, plus one
    std::vector<std::uint8_t> known_;
    std::vector<std::uint8_t> errors_;
};

// A blend, with the interface of NoBlend (coder.hpp).
class Blending {
  public:
    static constexpr bool exists = true;

    Blending(const CountedSettings& settings, const LogisticTables& logistic)
        : predictors_(settings.predictors()), lag_(settings.lag()), logistic_(logistic) {
        for (std::uint32_t e = 0; e < weights_.size(); ++e)
            weights_[e] = std::max((1u << 18) / (4 + e * e), 1u);
        for (auto& deviations : deviations_)
            for (std::size_t unit = 0; unit < units; ++unit) deviations[unit].mean = 16 << unit / 2;
    }

    void begin(std::size_t item, const ItemShape& shape) {
        items_.try_emplace(item, Item{PlaneErrors(predictors_, shape, lag_), shape});
    }
    void end(std::size_t item) { items_.erase(item); }

    void add(std::size_t item, const SymbolPicture& picture, std::size_t plane, std::size_t row,
             std::size_t column) {
        coming_.push_back({&items_.find(item)->second, &picture, plane, row, column});
    }
    // Begins a step with the pixels that were added.
    void look() {
        pixels_.swap(coming_);
        coming_.clear();
    }

    // Predicts a pixel, and marks it for learning.
    PixelPrediction predict(std::size_t i) {
        Pixel& pixel = pixels_[i];
        std::array<std::int32_t, CountedSettings::most_predictors> predictions;
        std::array<std::uint32_t, CountedSettings::most_predictors> errors{};
        predictors_.predict(*pixel.picture, pixel.plane, pixel.row, pixel.column,
                            predictions.data());
        pixel.item->errors.add(*pixel.picture, pixel.plane, pixel.row, pixel.column, errors.data());
        std::uint64_t sum = 0, weights = 0;
        for (std::size_t k = 0; k < predictors_.count(); ++k) {
            const std::uint64_t weight = weights_[errors[k]];
            weights += weight;
            sum += weight * static_cast<std::uint32_t>(predictions[k]);
        }
        pixel.prediction = static_cast<std::int32_t>((16 * sum + weights / 2) / weights);
        const auto end = errors.begin() + static_cast<std::ptrdiff_t>(predictors_.count());
        const std::uint32_t unit = unit_of(3 * *std::min_element(errors.begin(), end));
        const std::size_t channel = pixel.plane % pixel.item->shape.channels;
        pixel.deviation = &deviations_[std::min(channel, deviations_.size() - 1)][unit];
        pixel.scale = (5678 << 12) / std::max(pixel.deviation->mean, 16);
        pixel.first = below(pixel, 0);
        pixel.end = below(pixel, static_cast<std::int32_t>(pixel.item->shape.levels));
        return {pixel.prediction >> 4, static_cast<std::int32_t>(unit)};
    }

    void divide(std::size_t i, std::uint32_t middle) {
        pixels_[i].middle = below(pixels_[i], static_cast<std::int32_t>(middle));
    }
    // The probability, in units of 2^-28, that the symbol is in the upper part of the remaining
    // range.
    std::uint32_t probability(std::size_t i) const {
        const Pixel& pixel = pixels_[i];
        return static_cast<std::uint32_t>((std::uint64_t{pixel.end - pixel.middle} << 28) /
                                          (pixel.end - pixel.first));
    }
    void end_at(std::size_t i, std::uint32_t symbol) {
        pixels_[i].end = below(pixels_[i], static_cast<std::int32_t>(symbol));
    }
    void put(std::size_t i, std::uint32_t bit) {
        Pixel& pixel = pixels_[i];
        (bit != 0 ? pixel.first : pixel.end) = pixel.middle;
    }

    void learn(std::size_t i, std::uint32_t symbol) {
        const Pixel& pixel = pixels_[i];
        if (pixel.deviation == nullptr) return;
        auto& [mean, count] = *pixel.deviation;
        const std::int32_t error =
            std::abs(16 * static_cast<std::int32_t>(symbol) - pixel.prediction);
        const std::int64_t change = std::int64_t{16 * error - mean} * ((1 << 16) / (count + 2));
        mean += static_cast<std::int32_t>(change >> 16);
        if (count < 100) ++count;
    }

  private:
    static constexpr std::size_t units = 16;

    // The mean error of blends, in units of 2^-8, and the number of errors.
    struct Deviation {
        std::int32_t mean;
        std::int32_t count = 0;
    };
    struct Item {
        PlaneErrors errors;
        ItemShape shape;
    };
    struct Pixel {
        Item* item;
        const SymbolPicture* picture;
        std::size_t plane;
        std::size_t row;
        std::size_t column;
        // Set by `predict`.
        Deviation* deviation = nullptr;
        std::int32_t prediction = 0;  // in units of 2^-4
        std::int32_t scale = 0;
        std::uint32_t first = 0;  // distribution function at the bounds of the remaining range
        std::uint32_t end = 0;
        std::uint32_t middle = 0;
    };

    // The index of the unit of an error: twice its binary logarithm.
    static std::uint32_t unit_of(std::uint32_t error) {
        if (error < 2) return error;
        const auto lead = static_cast<std::uint32_t>(std::bit_width(error)) - 1;
        return std::min(2 * lead + (error >> (lead - 1) & 1),
                        static_cast<std::uint32_t>(units) - 1);
    }

    // The distribution function of a pixel: a logistic distribution plus a small constant per
    // symbol.
    std::uint32_t below(const Pixel& pixel, std::int32_t symbol) const {
        const std::int64_t apart = 16 * (16 * symbol - 8 - pixel.prediction);
        constexpr std::int64_t reach = LogisticTables::reach;
        const std::int64_t odds = std::clamp(apart * pixel.scale >> 12, -reach, reach - 1);
        return static_cast<std::uint32_t>(logistic_.squash(static_cast<std::int32_t>(odds)) +
                                          (symbol << 9));
    }

    Predictors predictors_;
    std::size_t lag_;
    const LogisticTables& logistic_;
    std::array<std::uint32_t, 6 * 255 + 1> weights_;  // by the sum of errors around a pixel
    std::array<std::array<Deviation, units>, 4> deviations_;
    std::map<std::size_t, Item> items_;  // the items in progress
    std::vector<Pixel> pixels_;
    std::vector<Pixel> coming_;
};

}  // namespace bitsback
