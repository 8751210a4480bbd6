// Least squares over sums that fade with time. Each operation on doubles is rounded by itself: this
// is compiled without contraction.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitsback {

class FadingLeastSquares {
  public:
    FadingLeastSquares(std::size_t inputs, unsigned fade, std::int32_t ridge)
        : inputs_(inputs),
          keep_(1 - std::ldexp(1.0, -static_cast<int>(fade))),
          ridge_(ridge),
          sums_((inputs + 1) * (inputs + 1)),
          weights_(inputs) {}

    std::span<const std::int32_t> weights() const { return weights_; }

    // v: the inputs, and behind them the target.
    void add(std::span<const double> v) {
        const std::size_t side = inputs_ + 1;
        for (std::size_t a = 0; a < side; ++a) {
            double* column = sums_.data() + a * side;
            for (std::size_t b = a; b < side; ++b) column[b] = column[b] * keep_ + v[a] * v[b];
        }
    }

    // Columns of C and D, whose rows from the diagonal on are there, in one buffer that all
    // solutions share.
    void solve(std::vector<double>& work) {
        const std::size_t n = inputs_, side = n + 1;
        work.assign(2 * side * side, 0);
        double* c = work.data();
        double* d = c + side * side;
        bool whole = true;
        for (std::size_t j = 0; j < n && whole; ++j) {
            double* of = c + j * side;
            for (std::size_t i = j; i < side; ++i) of[i] = sums_[j * side + i];
            of[j] += ridge_;
            for (std::size_t k = 0; k < j; ++k) {
                const double factor = d[k * side + j];
                const double* before = c + k * side;
                for (std::size_t i = j; i < side; ++i) of[i] -= before[i] * factor;
            }
            whole = of[j] > 0;
            for (std::size_t i = j + 1; i < side; ++i) d[j * side + i] = of[i] / of[j];
        }
        double* y = c + n * side;
        for (std::size_t i = n; whole && i-- > 0;) {
            double t = d[i * side + n];
            for (std::size_t k = n; k-- > i + 1;) t -= d[i * side + k] * y[k];
            y[i] = t;
            whole = t == t;
        }
        for (std::size_t i = 0; i < n; ++i) weights_[i] = whole ? weight(y[i]) : 0;
    }

  private:
    // In units of 2^-16.
    static std::int32_t weight(double y) {
        constexpr double most = (1 << 21) - 1;
        double t = y * 65536 + 0.5;
        t = t > -most ? t : -most;
        t = t < most ? t : most;
        const auto cut = static_cast<std::int32_t>(t);
        return cut - (t < cut ? 1 : 0);
    }

    std::size_t inputs_;
    double keep_;
    double ridge_;
    std::vector<double> sums_;  // column by column, from the diagonal down
    std::vector<std::int32_t> weights_;
};

}  // namespace bitsback
