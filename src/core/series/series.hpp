// Codes a series symbol by symbol, channel by channel at each time step. docs/model-format.md, M5.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../codecs.hpp"
#include "channel.hpp"
#include "least_squares.hpp"
#include "settings.hpp"

namespace bitsback {

// The least squares of one predictor of a channel, with exponential forgetting.
class ForgettingLeastSquares {
  public:
    ForgettingLeastSquares(const LeastSquares& least_squares, std::size_t inputs,
                           unsigned forgetting, std::int32_t ridge)
        : least_squares_(least_squares),
          keep_(1 - std::ldexp(1.0, -static_cast<int>(forgetting))),
          ridge_(ridge),
          sums_((inputs + 1) * (inputs + 1)),
          weights_(inputs) {}

    // sums: [side, side], whose lower triangle is used, column by column.
    void start(const std::vector<double>& sums) {
        require(sums.size() == sums_.size(), "the sums need an entry for each pair of inputs");
        sums_ = sums;
    }

    std::span<const std::int32_t> weights() const { return weights_; }

    // v: the inputs and the target.
    void add(std::span<const double> v) {
        least_squares_.add(sums_.data(), v.data(), v.size(), keep_);
    }

    // work: a buffer that all solutions share.
    void solve(std::vector<double>& work) {
        work.resize(2 * sums_.size());
        least_squares_.solve(sums_.data(), weights_.size(), ridge_, work.data(), weights_.data());
    }

  private:
    const LeastSquares& least_squares_;
    double keep_;
    double ridge_;
    std::vector<double> sums_;  // column by column, from the diagonal down
    std::vector<std::int32_t> weights_;
};

class Series {
  public:
    Series(const SeriesSettings& settings, const LeastSquares& least_squares, std::size_t channels,
           std::uint32_t levels)
        : settings_(settings),
          channels_(channels),
          levels_(levels),
          past_((SeriesSettings::farthest + 1) * channels),
          distribution_(settings, levels),
          predictions_(settings.predictors.size() + 1),
          inputs_(settings.predictors.size()) {
        for (std::size_t c = 0; c < channels; ++c) {
            states_.emplace_back(predictions_.size(), 2 * settings.scales.size(), levels);
            for (const SeriesPredictor& predictor : settings.predictors)
                solvers_.emplace_back(least_squares, reach(predictor, c), predictor.forgetting,
                                      predictor.ridge);
        }
        if (settings.starts.empty()) return;
        require(settings.starts.size() == solvers_.size(),
                "the sums at the start need an entry per channel and predictor");
        for (std::size_t i = 0; i < solvers_.size(); ++i) solvers_[i].start(settings.starts[i]);
    }

    // The distribution of the next symbol. Call `learn` with that symbol afterwards.
    const SymbolDistribution& look() {
        const SeriesChannel& state = states_[channel_];
        const std::int64_t mean = state.mean();
        predictions_[0] = 256 * (step_ == 0 ? mean : at(1, channel_));
        for (std::size_t j = 0; j < settings_.predictors.size(); ++j) predict(j, mean);
        blend_ = state.blend(predictions_);
        SeriesChannel::Components inverse_scales{};
        state.inverse_scales(settings_.scales, inverse_scales);
        distribution_.set(blend_, state.weights(), inverse_scales);
        return distribution_;
    }

    void learn(std::uint32_t symbol) {
        SeriesChannel& state = states_[channel_];
        const std::int64_t mean = state.mean();
        const Unit unit = state.unit();
        for (std::size_t j = 0; j < settings_.predictors.size(); ++j) {
            values_.clear();
            for (const std::int64_t input : inputs_[j]) values_.push_back(unit.scaled(input));
            values_.push_back(unit.scaled(symbol - mean));
            solver(j).add(values_);
        }
        SeriesChannel::Components shares{};
        distribution_.shares(symbol, shares);
        state.learn(symbol, step_, blend_, predictions_, shares);
        past_[place(0, channel_)] = static_cast<std::int32_t>(symbol);
        if (++channel_ == channels_) {
            channel_ = 0;
            ++step_;
        }
    }

  private:
    // The number of a predictor's inputs whose channels exist.
    std::size_t reach(const SeriesPredictor& predictor, std::size_t channel) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            predictor.inputs, [&](const SeriesInput& input) { return is_there(input, channel); }));
    }
    bool is_there(const SeriesInput& input, std::size_t channel) const {
        const std::int64_t c = static_cast<std::int64_t>(channel) - input.channels;
        return c >= 0 && c < static_cast<std::int64_t>(channels_);
    }

    std::size_t place(std::int32_t back, std::size_t channel) const {
        constexpr std::uint64_t rows = SeriesSettings::farthest + 1;
        return (step_ + rows - static_cast<std::uint64_t>(back)) % rows * channels_ + channel;
    }
    std::int64_t at(std::int32_t back, std::size_t channel) const {
        return past_[place(back, channel)];
    }
    ForgettingLeastSquares& solver(std::size_t j) {
        return solvers_[channel_ * settings_.predictors.size() + j];
    }

    // Sets the existing inputs of a predictor, as differences to means; 0 before the first step.
    void gather(std::size_t j) {
        inputs_[j].clear();
        for (const SeriesInput& input : settings_.predictors[j].inputs) {
            if (!is_there(input, channel_)) continue;
            const std::size_t c =
                static_cast<std::size_t>(static_cast<std::int64_t>(channel_) - input.channels);
            const bool before = static_cast<std::uint64_t>(input.back) > step_;
            inputs_[j].push_back(before ? 0 : at(input.back, c) - states_[c].mean());
        }
    }

    void predict(std::size_t j, std::int64_t mean) {
        ForgettingLeastSquares& least_squares = solver(j);
        if (step_ > 0 && (step_ <= 64 || step_ % settings_.predictors[j].every == 0))
            least_squares.solve(work_);
        gather(j);
        std::int64_t sum = 128;
        for (std::size_t i = 0; i < inputs_[j].size(); ++i)
            sum += inputs_[j][i] * least_squares.weights()[i];
        predictions_[j + 1] =
            std::clamp<std::int64_t>(256 * mean + (sum >> 8), 0, 256 * (std::int64_t{levels_} - 1));
    }

    const SeriesSettings& settings_;
    std::size_t channels_;
    std::uint32_t levels_;
    std::vector<SeriesChannel> states_;
    std::vector<ForgettingLeastSquares> solvers_;  // of each channel, for each predictor
    std::vector<std::int32_t> past_;               // the last steps, in a ring
    std::uint64_t step_ = 0;
    std::size_t channel_ = 0;
    SymbolDistribution distribution_;
    std::vector<std::int64_t> predictions_;
    std::int64_t blend_ = 0;
    std::vector<std::vector<std::int64_t>> inputs_;  // of each predictor
    std::vector<double> values_;
    std::vector<double> work_;
};

}  // namespace bitsback
