// The settings of a series codec. docs/model-format.md, M5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../codecs.hpp"

namespace bitsback {

// The symbol `back` steps and `channels` channels before the current one.
struct SeriesInput {
    std::int32_t back;
    std::int32_t channels;
};

// A prediction by least squares, whose weights adapt to the series.
struct SeriesPredictor {
    std::vector<SeriesInput> inputs;
    unsigned forgetting;  // the sums keep 1 - 2^-forgetting at each step
    std::uint32_t every;  // steps from one solution to the next
    std::int32_t ridge;
};

struct SeriesSettings {
    static constexpr std::int32_t farthest = 64;
    static constexpr std::size_t most_inputs = 64;

    std::vector<SeriesPredictor> predictors;
    std::vector<std::int32_t> scales;  // of the components, in 2^-8 of the recent error
    std::vector<std::int32_t> cdf;     // of a logistic
    std::uint32_t levels;
    unsigned precision;
    // The initial sums, per channel and predictor. Only tests use values other than zeros.
    std::vector<std::vector<double>> starts = {};

    SeriesSettings(std::vector<SeriesPredictor> predictors, std::vector<std::int32_t> scales,
                   std::span<const std::int32_t> cdf, std::uint32_t levels, unsigned precision)
        : predictors(std::move(predictors)),
          scales(std::move(scales)),
          cdf(cdf.begin(), cdf.end()),
          levels(levels),
          precision(precision) {
        require(this->predictors.size() >= 1 && this->predictors.size() <= 4,
                "a series has 1 to 4 predictors");
        for (const SeriesPredictor& predictor : this->predictors) {
            require(predictor.inputs.size() >= 1 && predictor.inputs.size() <= most_inputs &&
                        predictor.forgetting >= 1 && predictor.forgetting <= 14 &&
                        predictor.every >= 1 && predictor.ridge >= 1,
                    "a predictor of a series is out of range");
            for (const SeriesInput& input : predictor.inputs)
                require(input.back >= 0 && input.back <= farthest && input.channels >= -farthest &&
                            input.channels <= farthest && (input.back > 0 || input.channels > 0),
                        "an input of a predictor does not precede the predicted symbol");
        }
        require(this->scales.size() >= 1 && this->scales.size() <= 16,
                "a series has 1 to 16 scales");
        for (const std::int32_t scale : this->scales)
            require(scale >= 1 && scale <= 65536, "a scale of a series is from 1 to 65,536");
        require(this->cdf.size() == cdf_size,
                "the table of the distribution function has another size");
        require(precision >= 20 && precision <= max_precision && levels >= 2 &&
                    levels <= 1u << (precision - 4),
                "a series needs a precision from 20 to 24, and 2 to 2^(precision - 4) levels");
    }
};

}  // namespace bitsback
