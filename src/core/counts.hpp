// Distributions of counts, 0 ... levels - 1, with recursive weights (docs/codecs.md): w[c + 1] =
// w[c] * (up(c) / down(c)), from w = 1 at a place near the most likely count. Weights are IEEE
// doubles, computed in this order without contraction. Only those of one symbol are stored.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "step.hpp"
#include "weights.hpp"

namespace bitsback {

// Parameters of symbol i: a[i] and b[i], each in fixed point.
struct CountParameters {
    std::span<const std::uint32_t> a;
    std::span<const std::uint32_t> b;
};

struct PoissonCounts {  // a: the rate in units of 2^-16
    static constexpr bool two_parameters = false;
    double rate;
    std::size_t place;

    PoissonCounts(std::uint32_t a, std::uint32_t, std::size_t levels)
        : rate(a / 65536.0), place(std::min<std::size_t>(a >> 16, levels - 1)) {}
    double up(double) const { return rate; }
    double down(double c) const { return c + 1; }
    static bool allowed(std::uint32_t a, std::uint32_t) { return a >= 1; }
};

// a: the number of successes in units of 2^-16; b: the probability of one in units of 2^-24.
struct NegativeBinomialCounts {
    static constexpr bool two_parameters = true;
    double successes, failure;
    std::size_t place;

    NegativeBinomialCounts(std::uint32_t a, std::uint32_t b, std::size_t levels)
        : successes(a / 65536.0), failure(((1u << 24) - b) / 16777216.0) {
        const double mode = std::floor((successes - 1) * failure / (b / 16777216.0));
        place = static_cast<std::size_t>(std::clamp(mode, 0.0, static_cast<double>(levels - 1)));
    }
    double up(double c) const { return (successes + c) * failure; }
    double down(double c) const { return c + 1; }
    static bool allowed(std::uint32_t a, std::uint32_t b) {
        return a >= 1 && b >= 1 && b < 1u << 24;
    }
};

struct BetaBinomialCounts {  // a, b: alpha and beta in units of 2^-16; levels - 1 trials
    static constexpr bool two_parameters = true;
    double alpha, beta, trials;
    std::size_t place;

    BetaBinomialCounts(std::uint32_t a, std::uint32_t b, std::size_t levels)
        : alpha(a / 65536.0), beta(b / 65536.0), trials(static_cast<double>(levels - 1)) {
        place = (levels - 1) * std::uint64_t{a} / (std::uint64_t{a} + b);
    }
    double up(double c) const { return (trials - c) * (alpha + c); }
    double down(double c) const { return (c + 1) * (beta + (trials - 1 - c)); }
    static bool allowed(std::uint32_t a, std::uint32_t b) { return a >= 1 && b >= 1; }
};

// Computes the distributions of symbols one after the other, and keeps the last one.
template <class Counts>
class CountCodec {
  public:
    CountCodec(CountParameters parameters, std::size_t levels, unsigned precision)
        : parameters_(parameters), precision_(precision), weights_(levels), starts_(levels + 1) {
        require_levels(levels, precision);
        const auto& [a, b] = parameters;
        require(!Counts::two_parameters || a.size() == b.size(),
                "both parameters of a codec of counts need the same number of elements");
        for (std::size_t i = 0; i < a.size(); ++i)
            require(Counts::allowed(a[i], second(i)),
                    "a parameter of a codec of counts is out of range");
    }

    std::size_t size() const { return parameters_.a.size(); }
    std::size_t levels() const { return weights_.size(); }
    unsigned precision() const { return precision_; }

    Interval interval(std::size_t i, std::size_t c) {
        make(i);
        return {starts_[c], starts_[c + 1] - starts_[c]};
    }
    Interval find(std::size_t i, std::uint32_t x, std::uint32_t& symbol) {
        make(i);
        const auto above = std::upper_bound(starts_.begin(), starts_.end() - 1, x);
        symbol = static_cast<std::uint32_t>(above - starts_.begin() - 1);
        return {starts_[symbol], starts_[symbol + std::size_t{1}] - starts_[symbol]};
    }

  private:
    std::uint32_t second(std::size_t i) const {
        return Counts::two_parameters ? parameters_.b[i] : 0;
    }

    void make(std::size_t i) {
        const std::uint32_t a = parameters_.a[i], b = second(i);
        if (made_ && a == a_ && b == b_) return;
        const Counts counts(a, b, levels());
        weights_[counts.place] = 1;
        for (std::size_t c = counts.place; c + 1 < levels(); ++c) {
            const auto at = static_cast<double>(c);
            weights_[c + 1] = weights_[c] * (counts.up(at) / counts.down(at));
        }
        for (std::size_t c = counts.place; c-- > 0;) {
            const auto at = static_cast<double>(c);
            weights_[c] = weights_[c + 1] * (counts.down(at) / counts.up(at));
        }
        starts_of(weights_, largest_of(weights_), precision_, starts_.data());
        made_ = true;
        a_ = a;
        b_ = b;
    }

    DefaultFloats floats_;
    CountParameters parameters_;
    unsigned precision_;
    std::vector<double> weights_;
    std::vector<std::uint32_t> starts_;
    bool made_ = false;
    std::uint32_t a_ = 0, b_ = 0;
};

}  // namespace bitsback
