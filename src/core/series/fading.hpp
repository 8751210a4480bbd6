// The least squares of one predictor of a channel, over sums that fade with time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../codecs.hpp"
#include "../least_squares/least_squares.hpp"

namespace bitsback {

class FadingLeastSquares {
  public:
    FadingLeastSquares(const LeastSquares& of, std::size_t inputs, unsigned fade,
                       std::int32_t ridge)
        : of_(of),
          keep_(1 - std::ldexp(1.0, -static_cast<int>(fade))),
          ridge_(ridge),
          sums_((inputs + 1) * (inputs + 1)),
          weights_(inputs) {}

    // sums: [side, side], of which the lower triangle counts, column by column.
    void start(const std::vector<double>& sums) {
        require(sums.size() == sums_.size(), "there is a sum for each two inputs");
        sums_ = sums;
    }

    std::span<const std::int32_t> weights() const { return weights_; }

    // v: the inputs, and behind them the target.
    void add(std::span<const double> v) { of_.add(sums_.data(), v.data(), v.size(), keep_); }

    // work: a buffer that all solutions share.
    void solve(std::vector<double>& work) {
        work.resize(2 * sums_.size());
        of_.solve_series(sums_.data(), weights_.size(), ridge_, work.data(), weights_.data());
    }

  private:
    const LeastSquares& of_;
    double keep_;
    double ridge_;
    std::vector<double> sums_;  // column by column, from the diagonal down
    std::vector<std::int32_t> weights_;
};

}  // namespace bitsback
