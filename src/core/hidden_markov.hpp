// Hidden Markov models of series of symbols, with bits back over the path of states
// (docs/codecs.md).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "step.hpp"
#include "weights.hpp"

namespace bitsback {

// Rows of distributions over the same symbols, in units of 2^-24.
class Distributions {
  public:
    Distributions(std::span<const std::uint32_t> frequencies, std::size_t levels)
        : levels_(levels), starts_(frequencies.size() / levels * (levels + 1)) {
        std::uint32_t* start = starts_.data();
        for (std::size_t at = 0; at < frequencies.size(); at += levels, start += levels + 1)
            for (std::size_t c = 0; c < levels; ++c) start[c + 1] = start[c] + frequencies[at + c];
        for (std::size_t row = 0; row < rows(); ++row)
            require(starts_[row * (levels + 1) + levels] == std::uint32_t{1} << max_precision,
                    "the frequencies of a hidden Markov model must sum to 2^24");
    }

    std::size_t rows() const { return starts_.size() / (levels_ + 1); }
    std::size_t levels() const { return levels_; }

    std::uint64_t frequency(std::size_t row, std::size_t symbol) const {
        return interval(row, symbol).freq;
    }
    Interval interval(std::size_t row, std::size_t symbol) const {
        const std::uint32_t* start = starts_.data() + row * (levels_ + 1) + symbol;
        return {start[0], start[1] - start[0]};
    }
    Interval find(std::size_t row, std::uint32_t x, std::uint32_t& symbol) const {
        const std::uint32_t* starts = starts_.data() + row * (levels_ + 1);
        symbol = static_cast<std::uint32_t>(std::upper_bound(starts + 1, starts + levels_, x) -
                                            starts - 1);
        return interval(row, symbol);
    }

  private:
    std::size_t levels_;
    std::vector<std::uint32_t> starts_;
};

// The posterior of the hidden state given the known symbols. Weights become frequencies.
class StatePosterior {
  public:
    explicit StatePosterior(std::size_t states) : weights_(states), starts_(states + 1) {}

    // `weight_of(k)` is below 2^53, and above 0 for some k.
    template <class Weight>
    const StatePosterior& assign(Weight&& weight_of) {
        for (std::size_t k = 0; k < weights_.size(); ++k)
            weights_[k] = static_cast<double>(weight_of(k));
        starts_of(weights_, largest_of(weights_), max_precision, starts_.data());
        return *this;
    }
    Interval interval(std::uint32_t state) const {
        return {starts_[state], starts_[state + std::size_t{1}] - starts_[state]};
    }
    Interval find(std::uint32_t x, std::uint32_t& state) const {
        const auto found = std::upper_bound(starts_.begin() + 1, starts_.end() - 1, x);
        state = static_cast<std::uint32_t>(found - starts_.begin() - 1);
        return interval(state);
    }

  private:
    DefaultFloats floats_;
    std::vector<double> weights_;
    std::vector<std::uint32_t> starts_;
};

// The layout of several series of different lengths, stored one after another.
class Ragged {
  public:
    explicit Ragged(std::span<const std::size_t> lengths) {
        for (std::size_t length : lengths) {
            require(length <= std::numeric_limits<std::uint32_t>::max() - size_,
                    "series have less than 2^32 symbols");
            first_.push_back(size_);
            size_ += length;
            longest_ = std::max(longest_, length);
        }
        first_.push_back(size_);
        ends_.resize(longest_);
        for (std::size_t length : lengths)
            if (length) ends_[length - 1] = true;
    }

    std::size_t size() const { return size_; }
    std::size_t longest() const { return longest_; }
    std::size_t count() const { return first_.size() - 1; }
    std::size_t length(std::size_t n) const { return first_[n + 1] - first_[n]; }
    // The place of symbol t of series n.
    std::size_t at(std::size_t n, std::size_t t) const { return first_[n] + t; }

    // Whether t is the last step of a series.
    bool ends(std::size_t t) const { return ends_[t]; }
    // The series longer than t, and those that end at t, in order.
    std::vector<std::size_t> beyond(std::size_t t) const {
        return those([&](std::size_t n) { return length(n) > t; });
    }
    std::vector<std::size_t> ending(std::size_t t) const {
        return those([&](std::size_t n) { return length(n) == t + 1; });
    }

  private:
    template <class Condition>
    std::vector<std::size_t> those(Condition&& condition) const {
        std::vector<std::size_t> found;
        for (std::size_t n = 0; n < count(); ++n)
            if (condition(n)) found.push_back(n);
        return found;
    }

    std::vector<std::size_t> first_;
    std::size_t size_ = 0, longest_ = 0;
    std::vector<bool> ends_;
};

class HiddenMarkov {
  public:
    // The probability of a symbol given those before it: likely / all, in units of 2^-24.
    struct Evidence {
        std::uint64_t likely;
        std::uint64_t all;
    };

    // initial [states], transition [states, states], emission [states, levels].
    HiddenMarkov(std::span<const std::uint32_t> initial, std::span<const std::uint32_t> transition,
                 std::span<const std::uint32_t> emission, std::size_t levels)
        : states_(initial.size()),
          initial_(initial, states_),
          transition_(transition, states_),
          emission_(emission, levels),
          changes_(transition.begin(), transition.end()),
          weights_(states_),
          posterior_(states_) {
        require(transition_.rows() == states_ && emission_.rows() == states_,
                "a hidden Markov model needs a row of frequencies for each state");
    }

    // symbols: all series, one after another. The last symbol of each series is pushed first. An
    // error leaves the message unchanged.
    void push(Message& message, std::span<const std::uint32_t> symbols,
              std::span<const std::size_t> lengths) {
        const Ragged series(lengths);
        require(symbols.size() == series.size(),
                "the number of symbols must be the sum of the lengths");
        require_symbols(symbols, emission_.levels());
        std::vector<std::uint32_t> filters(symbols.size() * states_);
        const auto filter_of = [&](std::size_t n, std::size_t t) {
            return filters.data() + series.at(n, t) * states_;
        };
        for (std::size_t n = 0; n < series.count(); ++n)
            for (std::size_t t = 0; t < series.length(n); ++t)
                filter(t ? filter_of(n, t - 1) : nullptr, symbols[series.at(n, t)],
                       filter_of(n, t));

        std::vector<std::uint32_t> state(series.count()), before(series.count());
        std::vector<std::size_t> beyond;
        message.transaction([&](Message& work) {
            for (std::size_t t = series.longest(); t-- > 0;) {
                if (series.ends(t)) {
                    beyond = series.beyond(t);
                    pop_for(work, series.ending(t), [&](std::size_t n, std::uint32_t x) {
                        return last(filter_of(n, t)).find(x, state[n]);
                    });
                }
                push_for(work, beyond, [&](std::size_t n) {
                    return emission_.interval(state[n], symbols[series.at(n, t)]);
                });
                if (t == 0) {
                    push_for(work, beyond,
                             [&](std::size_t n) { return initial_.interval(0, state[n]); });
                    break;
                }
                pop_for(work, beyond, [&](std::size_t n, std::uint32_t x) {
                    return before_known(filter_of(n, t - 1), state[n]).find(x, before[n]);
                });
                push_for(work, beyond,
                         [&](std::size_t n) { return transition_.interval(before[n], state[n]); });
                state.swap(before);
            }
        });
    }

    void pop(Message& message, std::span<std::uint32_t> symbols,
             std::span<const std::size_t> lengths) {
        const Ragged series(lengths);
        std::vector<std::uint32_t> filters(series.count() * states_);
        const auto filter_of = [&](std::size_t n) { return filters.data() + n * states_; };

        std::vector<std::uint32_t> state(series.count()), next(series.count());
        std::vector<std::size_t> beyond = series.beyond(0);
        message.transaction([&](Message& work) {
            for (std::size_t t = 0; t < series.longest(); ++t) {
                if (t == 0) {
                    pop_for(work, beyond, [&](std::size_t n, std::uint32_t x) {
                        return initial_.find(0, x, state[n]);
                    });
                } else {
                    pop_for(work, beyond, [&](std::size_t n, std::uint32_t x) {
                        return transition_.find(state[n], x, next[n]);
                    });
                    push_for(work, beyond, [&](std::size_t n) {
                        return before_known(filter_of(n), next[n]).interval(state[n]);
                    });
                    state.swap(next);
                }
                pop_for(work, beyond, [&](std::size_t n, std::uint32_t x) {
                    return emission_.find(state[n], x, symbols[series.at(n, t)]);
                });
                for (std::size_t n : beyond)
                    filter(t ? filter_of(n) : nullptr, symbols[series.at(n, t)], filter_of(n));
                if (series.ends(t)) {
                    push_for(work, series.ending(t),
                             [&](std::size_t n) { return last(filter_of(n)).interval(state[n]); });
                    beyond = series.beyond(t + 1);
                }
            }
        });
    }

    void evidence(std::span<const std::uint32_t> symbols, std::span<const std::size_t> lengths,
                  std::span<std::uint64_t> likely, std::span<std::uint64_t> all) {
        const Ragged series(lengths);
        require(symbols.size() == series.size(),
                "the number of symbols must be the sum of the lengths");
        require_symbols(symbols, emission_.levels());
        std::vector<std::uint32_t> filtered(states_);
        for (std::size_t n = 0; n < series.count(); ++n)
            for (std::size_t t = 0; t < series.length(n); ++t) {
                const std::size_t at = series.at(n, t);
                const Evidence evidence =
                    filter(t ? filtered.data() : nullptr, symbols[at], filtered.data());
                likely[at] = evidence.likely;
                all[at] = evidence.all;
            }
    }

  private:
    // One step with a symbol of each of these series.
    template <class Intervals>
    static void push_for(Message& message, const std::vector<std::size_t>& series,
                         Intervals&& interval_of) {
        push_step(message, max_precision, series.size(),
                  [&](std::size_t i) { return interval_of(series[i]); });
    }
    template <class Find>
    static void pop_for(Message& message, const std::vector<std::size_t>& series, Find&& find) {
        pop_step(message, max_precision, series.size(),
                 [&](std::size_t i, std::uint32_t x) { return find(series[i], x); });
    }

    // Computes the weights `now` of the states from those at the previous step (null at the first
    // one) and the symbol. `before` and `now` may be the same. They sum to less than 2^32, and to
    // 2^31 before rounding down.
    Evidence filter(const std::uint32_t* before, std::uint32_t symbol, std::uint32_t* now) {
        std::ranges::fill(weights_, std::uint64_t{0});
        for (std::size_t j = 0; before && j < states_; ++j) {
            const std::uint64_t likely = before[j];
            const std::uint32_t* changes = changes_.data() + j * states_;
            for (std::size_t k = 0; k < states_; ++k) weights_[k] += likely * changes[k];
        }
        Evidence found{0, 0};
        for (std::size_t k = 0; k < states_; ++k) {
            const std::uint64_t predicted =
                before ? weights_[k] >> 24 : initial_.frequency(0, k) << 8;
            weights_[k] = predicted * emission_.frequency(k, symbol);
            found.likely += weights_[k];
            found.all += predicted;
        }
        const int above = static_cast<int>(std::bit_width(found.likely)) - 32;
        for (std::size_t k = 0; k < states_; ++k)
            now[k] = static_cast<std::uint32_t>(above > 0 ? weights_[k] >> above
                                                          : weights_[k] << -above);
        return found;
    }

    const StatePosterior& last(const std::uint32_t* filtered) {
        return posterior_.assign([&](std::size_t k) { return filtered[k]; });
    }
    // The posterior of the state before a known state.
    const StatePosterior& before_known(const std::uint32_t* filtered, std::uint32_t next) {
        return posterior_.assign([&](std::size_t k) {
            return (std::uint64_t{filtered[k]} * changes_[k * states_ + next]) >> 4;
        });
    }

    std::size_t states_;
    Distributions initial_, transition_, emission_;
    std::vector<std::uint32_t> changes_;  // the frequencies of the transitions
    std::vector<std::uint64_t> weights_;
    StatePosterior posterior_;
};

}  // namespace bitsback
