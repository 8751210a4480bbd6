// The samples of a lossless JPEG stream as binary decisions: a linear prediction, and what differs
// from it by mixed contexts, all in integers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../mixing/logistic.hpp"
#include "markers.hpp"
#include "quantities.hpp"
#include "scans.hpp"
#include "strips.hpp"

namespace bitsback::jpeg {

// Coder: a BitEncoder or a BitDecoder.
template <class Coder>
class SampleCoder {
  public:
    SampleCoder(const LogisticTables& logistic, Coder& coder)
        : logistic_(logistic), coder_(coder), counters_(contexts * slots * nodes) {
        for (auto& sets : weights_)
            for (Weights& weights : sets) {
                weights.fill(9830);
                weights.back() = 0;
            }
        for (std::size_t i = 0; i < scales_.size(); ++i)
            scales_[i].value = Int{1} << (10 + i % levels / 2);
        for (auto& weights : linear_) weights[3] = 19661, weights[8] = 39322;
    }

    // The planes of a stream, one after the other.
    void code(const Frame& frame, std::span<const PlaneView> planes) {
        for (component_ = 0; component_ < planes.size(); ++component_) {
            const Component& own = frame.components[component_];
            const auto before = [&](std::size_t back) -> const std::int16_t* {
                const bool same = component_ >= back &&
                                  frame.components[component_ - back].rows == own.rows &&
                                  frame.components[component_ - back].columns == own.columns;
                return same ? planes[component_ - back].data() : nullptr;
            };
            plane(own, planes[component_].data(), before(1), before(2));
        }
    }

  private:
    static constexpr std::size_t contexts = 6, slots = 2048, nodes = 128;
    static constexpr std::size_t distributions = 2, inputs = contexts + distributions + 1;
    static constexpr std::size_t mixers = 2, sets = 256, levels = 48, terms = 14;
    using Weights = std::array<std::int32_t, inputs>;  // in units of 2^-16
    struct Counter {
        std::uint32_t one = 1 << 21;  // in units of 2^-22
        std::uint32_t uses = 0;
    };
    struct Scale {
        Int value;  // in units of 2^-12
        Int uses = 0;
    };
    struct Around {
        Int left, above, above_left, above_right, left2, above2, above2_left, above2_right;
        Int guess;
    };

    // 0, and half octaves: 1 at 1, 3 and 4 at 2.
    static std::size_t level(Int x) {
        if (x == 0) return 0;
        const auto lead = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(x))) - 1;
        return 2 * lead + 1 + (lead > 0 ? static_cast<std::size_t>(x >> (lead - 1) & 1) : 0);
    }
    static std::size_t level(Int x, std::size_t most) { return std::min(level(std::abs(x)), most); }
    static Int value(std::int16_t sample) { return static_cast<std::uint16_t>(sample); }

    static Around around(const std::int16_t* sample, std::size_t columns, std::size_t row,
                         std::size_t column) {
        const bool up = row > 0, back = column > 0, right = up && column + 1 < columns;
        const auto at = [&](bool there, std::size_t rows, std::size_t left, Int otherwise) {
            return there ? value(sample[-static_cast<std::ptrdiff_t>(rows * columns + left)])
                         : otherwise;
        };
        Around s;
        s.left = at(back, 0, 1, at(up, 1, 0, 0));
        s.above = at(up, 1, 0, s.left);
        s.above_left = at(up && back, 1, 1, s.left);
        s.above_right = right ? value(*(sample - columns + 1)) : s.above;
        s.left2 = at(column > 1, 0, 2, s.left);
        s.above2 = at(row > 1, 2, 0, s.above);
        s.above2_left = at(row > 1 && back, 2, 1, s.above_left);
        s.above2_right = row > 1 && right ? value(*(sample - 2 * columns + 1)) : s.above_right;
        s.guess = std::clamp(s.left + s.above - s.above_left, std::min(s.left, s.above),
                             std::max(s.left, s.above));
        return s;
    }

    void plane(const Component& own, std::int16_t* samples, const std::int16_t* before,
               const std::int16_t* before2) {
        const std::size_t columns = own.columns;
        if (before == nullptr) misses_.clear();
        const std::vector<std::int32_t> misses_before =
            std::exchange(misses_, std::vector<std::int32_t>(own.blocks()));
        for (std::size_t row = 0; row < own.rows; ++row)
            for (std::size_t column = 0; column < columns; ++column) {
                const std::size_t at = row * columns + column;
                const Around s = around(samples + at, columns, row, column);
                Terms x = {s.left - s.guess,         s.above - s.guess,      s.above_left - s.guess,
                           s.above_right - s.guess,  s.left2 - s.guess,      s.above2 - s.guess,
                           s.above2_right - s.guess, s.above2_left - s.guess};
                if (before != nullptr) {
                    const Around b = around(before + at, columns, row, column);
                    const Int known = value(before[at]);
                    x[8] = known - b.guess;
                    x[9] = b.left - b.guess;
                    x[10] = b.above - b.guess;
                    if (column + 1 < columns) x[11] = value(before[at + 1]) - known;
                    if (row + 1 < own.rows) x[12] = value(before[at + columns]) - known;
                }
                if (before2 != nullptr)
                    x[13] = value(before2[at]) - around(before2 + at, columns, row, column).guess;
                const auto miss = [&](bool there, std::size_t back) {
                    return there ? Int{misses_[at - back]} : 0;
                };
                const bool up = row > 0, back = column > 0;
                const Misses misses = {miss(back, 1), miss(up, columns),
                                       miss(up && back, columns + 1),
                                       miss(up && column + 1 < columns, columns - 1),
                                       misses_before.empty() ? 0 : misses_before[at]};
                const Int coded = sample(s, x, misses, before != nullptr, value(samples[at]));
                samples[at] = static_cast<std::int16_t>(static_cast<std::uint16_t>(coded));
                misses_[at] = miss_;
            }
    }

    using Terms = std::array<Int, terms>;
    struct Misses {
        Int left, above, above_left, above_right, before;
    };
    Int sample(const Around& s, const Terms& x, const Misses& misses, bool before, Int target) {
        auto& weights = linear_[component_];
        Int sum = 0, power = 64;
        for (std::size_t i = 0; i < terms; ++i) {
            sum += weights[i] * x[i];
            power += x[i] * x[i];
        }
        const Int raw = s.guess * 256 + (sum >> 8);
        const Int predicted = std::clamp<Int>(raw, 0, 65535 << 8), whole = (predicted + 128) >> 8;
        mean_ = predicted - whole * 256;

        std::size_t pattern = 0;
        for (const Int one : {s.left, s.above, s.above_left, s.above_right, s.left2, s.above2})
            pattern = 2 * pattern + (one * 256 > raw ? 1 : 0);
        const Int missed_left = std::abs(misses.left), missed_above = std::abs(misses.above),
                  missed_before = std::abs(misses.before);
        const std::size_t rough =
            level(2 * (std::abs(s.left - s.above_left) + std::abs(s.above - s.above_left) +
                       std::abs(s.above - s.above_right)) +
                  2 * missed_left + missed_above + 2 * missed_before);
        const std::size_t missed =
            level(2 * missed_left + 2 * missed_above + std::abs(misses.above_left) +
                  std::abs(misses.above_right) + 3 * missed_before);
        const Int near = before ? misses.before : (misses.left + misses.above) >> 1;
        const std::size_t c = component_, near_level = level(near, 30);
        slots_ = {c * levels + rough,
                  c * levels + missed,
                  level(missed_left, 31) * 32 + level(missed_above, 31),
                  (static_cast<std::size_t>((mean_ + 128) >> 5) * 24 + missed / 2) * 4 + c,
                  (near < 0 ? 31 - near_level : 31 + near_level) * 16 + missed / 4,
                  pattern * 16 + rough / 3 + (c > 0 ? 1024 : 0)};
        chroma_ = c > 0 ? nodes : 0;
        rough_ = rough;
        const std::array<Scale*, distributions> scales = {
            &scales_[c * levels + rough], &scales_[(most_components + c) * levels + missed]};
        for (std::size_t t = 0; t < distributions; ++t)
            rates_[t] = (1 << 28) / std::max<Int>(scales[t]->value, 40);

        const Int rest = residual(Coder::encodes ? target - whole : 0), found = whole + rest;
        if (found < 0 || found > 65535)
            throw std::invalid_argument("a sample of a JPEG stream is out of range");
        miss_ = static_cast<std::int32_t>(rest);
        for (Scale* scale : scales) {
            const Int far = (std::abs(rest * 256 - mean_) * 154 >> 4) + 82;
            const Int rate = std::max<Int>(1311, 65536 / (1 + scale->uses));
            scale->value =
                std::min<Int>(scale->value + ((far - scale->value) * rate >> 16), 1 << 30);
            scale->uses = std::min<Int>(scale->uses + 1, 100);
        }
        const Int step = std::clamp<Int>((found * 256 - raw) * 8000 / power, -(1 << 24), 1 << 24);
        for (std::size_t i = 0; i < terms; ++i)
            weights[i] = std::clamp<Int>(weights[i] + ((step * x[i] + (1 << 11)) >> 12), -(1 << 20),
                                         1 << 20);
        return found;
    }

    // How much a sample is beyond its prediction.
    Int residual(Int target) {
        const Int other = decide(target != 0, 0, [&](std::size_t t) {
            return -odds(below(t, 128) - below(t, -128), 1 << 28);
        });
        if (other == 0) return 0;
        const bool negative = decide(target < 0, 1, [&](std::size_t t) {
                                  const Int part = below(t, -128);
                                  return odds(part, part + (1 << 28) - below(t, 128));
                              }) != 0;
        target = std::abs(target);
        std::size_t length = 1;
        for (; length < 16; ++length) {
            const Int low = Int{1} << length;
            const auto more = [&](std::size_t t) {
                return odds(tail(t, low, negative), tail(t, low / 2, negative));
            };
            if (decide(target >= low, 1 + length, more) == 0) break;
        }
        Int low = Int{1} << (length - 1), known = 0;
        for (std::size_t depth = 0; depth + 1 < length; ++depth) {
            const std::size_t left = length - 2 - depth;  // bits behind this one
            const Int half = Int{1} << left;
            const std::size_t node = depth == 0 ? 18 + length
                                     : depth == 1
                                         ? 36 + 2 * length + static_cast<std::size_t>(known)
                                         : 72 + 16 * std::min<std::size_t>(depth - 2, 2) + left;
            known = decide(target >= low + half, node, [&](std::size_t t) {
                const Int beyond = tail(t, low + 2 * half, negative);
                return odds(tail(t, low + half, negative) - beyond,
                            tail(t, low, negative) - beyond);
            });
            low += known * half;
        }
        return negative ? -low : low;
    }

    // The distribution function of a prediction, 2^28 is 1, at x in units of 2^-8.
    Int below(std::size_t t, Int x) const {
        const Int at = std::clamp<Int>((x - mean_) * rates_[t] >> 12, -65536, 65535);
        return logistic_.squash(static_cast<std::int32_t>(at));
    }
    Int tail(std::size_t t, Int low, bool negative) const {
        const Int x = low * 256 - 128;
        return below(t, negative ? -x : 2 * mean_ - x);
    }
    Int odds(Int part, Int whole) const {
        const Int p = std::clamp<Int>(((part + 1) << 22) / (whole + 2), 420, (1 << 22) - 420);
        return logistic_.stretch(static_cast<std::uint32_t>(p));
    }

    template <class Odds>
    Int decide(bool bit, std::size_t node, const Odds& odds_of) {
        std::array<Int, inputs> x;
        std::array<Counter*, contexts> counters;
        for (std::size_t i = 0; i < contexts; ++i) {
            counters[i] = &counters_[(i * slots + slots_[i]) * nodes + node];
            x[i] = logistic_.stretch(std::max<std::uint32_t>(counters[i]->one, 1));
        }
        for (std::size_t t = 0; t < distributions; ++t) x[contexts + t] = odds_of(t);
        x.back() = 256;
        const std::size_t kind = node < 2 ? node : node < 18 ? 2 : 3;
        const std::array<Weights*, mixers> weights = {&weights_[0][chroma_ + node],
                                                      &weights_[1][rough_ * 4 + kind]};
        std::array<std::int32_t, mixers> outputs;
        for (std::size_t m = 0; m < mixers; ++m) {
            Int sum = 0;
            for (std::size_t i = 0; i < inputs; ++i) sum += (*weights[m])[i] * x[i];
            outputs[m] = static_cast<std::int32_t>(std::clamp<Int>(sum >> 15, -65536, 65535));
        }
        const std::int32_t mean = (outputs[0] + outputs[1]) >> 1;
        const auto one =
            static_cast<std::uint32_t>(std::clamp(logistic_.squash(mean) >> 12, 1, 65535));
        const std::uint32_t coded = coder_.bit(one, bit ? 1 : 0);
        for (std::size_t m = 0; m < mixers; ++m) {
            const Int error = (Int{coded} << 16) - (logistic_.squash(outputs[m]) >> 12);
            for (std::size_t i = 0; i < inputs; ++i) {
                std::int32_t& w = (*weights[m])[i];
                w = static_cast<std::int32_t>(
                    std::clamp<Int>(w + ((x[i] * error + (1 << 17)) >> 18), -(1 << 20), 1 << 20));
            }
        }
        for (Counter* counter : counters) {
            const Int miss = (coded != 0 ? (1 << 22) - 1 : 0) - Int{counter->one};
            counter->one = static_cast<std::uint32_t>(counter->one +
                                                      (miss * (65536 / (counter->uses + 2)) >> 16));
            counter->uses = std::min<std::uint32_t>(counter->uses + 1, 255);
        }
        return coded;
    }

    const LogisticTables& logistic_;
    Coder& coder_;
    std::vector<Counter> counters_;
    std::array<std::array<Weights, sets>, mixers> weights_;
    std::array<Scale, distributions * most_components * levels> scales_;
    std::array<Terms, most_components> linear_{};  // weights, in units of 2^-16
    std::vector<std::int32_t> misses_;             // of the plane
    // Of the sample.
    std::size_t component_ = 0, chroma_ = 0, rough_ = 0;
    Int mean_ = 0;
    std::int32_t miss_ = 0;
    std::array<std::size_t, contexts> slots_{};
    std::array<Int, distributions> rates_{};
};

}  // namespace bitsback::jpeg
