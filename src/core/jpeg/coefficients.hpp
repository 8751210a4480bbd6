// The coefficients of a JPEG stream as binary decisions. Contexts, linear predictions and mixers
// give their probabilities, all in integers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "../arithmetic.hpp"
#include "../default_floats.hpp"
#include "../series/least_squares.hpp"
#include "decisions.hpp"
#include "kernels.hpp"
#include "markers.hpp"
#include "quantities.hpp"
#include "scans.hpp"
#include "shared_luma.hpp"
#include "strips.hpp"

namespace bitsback::jpeg {

// Inputs of linear predictions, after limiting: dequantised coefficients, in quarters.
using LinearInputs = std::array<std::int32_t, linear_inputs>;

// Limits inputs, and computes their power, the sum of their squares. weights: in units of 2^-14.
inline std::int32_t predict(const Kernels& kernels, const LinearInputs& weights, LinearInputs& x,
                            unsigned shift, std::int32_t& power) {
    return kernels.predict(weights.data(), x.data(), static_cast<std::int32_t>(shift), &power) >>
           14 << shift;
}

// A linear prediction that learns (normalised least mean squares).
struct LinearModel {
    // rate: in units of 2^-12. floor: added to the power of the inputs.
    void learn(const Kernels& kernels, const LinearInputs& x, std::int32_t power, Int error,
               Int rate, Int floor) {
        const Int step = std::clamp<Int>(error * rate * (1 << 14) / (power + floor), -32767, 32767);
        kernels.nudge(weights.data(), x.data(), static_cast<std::int32_t>(step));
    }

    alignas(32) LinearInputs weights{};
};

// A linear prediction by least squares. Its weights minimise the error on the coefficients coded so
// far; older ones count less.
class SolvedModel {
  public:
    // first: the initial weights; the sums begin as if samples had given them.
    explicit SolvedModel(const LinearInputs& first) : weights_(first) {
        for (std::size_t i = 0; i < inputs; ++i) {
            sums_[i][i] = first_sum;
            sums_[i][inputs] = static_cast<float>(first[i]) * (first_sum / (1 << 14));
        }
    }

    const LinearInputs& weights() const { return weights_; }

    // Adds a sample of weight 64 / floor for each of the first coefficients, and then for every
    // second one. floor: from 1 to 2^24.
    void learn(const LeastSquares& solver, const LinearInputs& x, std::int32_t target,
               std::int32_t floor) {
        ++count_;
        if (count_ <= period || count_ % 2 == 0)
            solver.add_sample(sums_[0].data(), x.data(), target, 64.0F / static_cast<float>(floor));
        const bool periodic = count_ % period == 0;
        if (periodic || (count_ >= first_solved && count_ < period && std::has_single_bit(count_)))
            solve(solver);
        if (periodic) age();
    }

  private:
    static constexpr std::size_t inputs = 22, side = inputs + 1;
    static constexpr std::uint32_t first_solved = 16, period = 256;
    static constexpr float first_sum = 16;
    static constexpr double ridge = 0.25;

    void solve(const LeastSquares& solver) {
        std::array<double, side * side> columns;
        std::array<double, 2 * side * side> work;
        std::array<std::int32_t, inputs> solved;
        for (std::size_t a = 0; a < side; ++a)
            for (std::size_t b = a; b < side; ++b) columns[a * side + b] = sums_[a][b];
        solver.solve(columns.data(), inputs, ridge, work.data(), solved.data());
        for (std::size_t i = 0; i < inputs; ++i) weights_[i] = solved[i] >> 2;
    }
    // Makes older samples count less. Sums too small to matter become zero, so that none is
    // subnormal.
    void age() {
        constexpr float keep = 0.9375F, least = 0x1p-64F;
        for (auto& row : sums_)
            for (float& sum : row) {
                sum *= keep;
                if (sum > -least && sum < least) sum = 0;
            }
    }

    std::uint32_t count_ = 0;
    alignas(32) LinearInputs weights_;
    // The upper triangle of the sums of products of two inputs, or of an input and the target.
    alignas(32) std::array<std::array<float, sample_columns>, sample_columns> sums_{};
};

// Codes the planes of a stream, one after the other, in the order of its components. Coder: a
// BitEncoder or a BitDecoder.
template <class Coder>
class CoefficientCoder {
  public:
    CoefficientCoder(const LogisticTables& logistic, Coder& coder)
        : cdf_(logistic.cdf()), decisions_(logistic, coder) {
        for (std::size_t place = 0; place < sizes_.size(); ++place) {
            LinearInputs weights{};
            const std::size_t i = place % block_size / 8, j = place % 8;
            const bool top = i == 0, left = j == 0;
            weights[0] = top && left ? 8192 : top ? 0 : left ? 9830 : 4915;
            weights[1] = top && left ? 8192 : top ? 9830 : left ? 0 : 4915;
            values_.emplace_back(weights);
            sizes_[place].weights.fill(819);
        }
        for (std::size_t i = 0; i < scales_.size(); ++i) scales_[i] = {first_scales[i % levels], 0};
    }

    void code(const Strip& strip, std::span<const std::array<std::uint16_t, block_size>> steps) {
        const DefaultFloats floats;
        const auto& [frame, planes] = strip;
        const auto in_rows = [&](std::size_t c, std::array<std::int32_t, block_size>& out) {
            for (std::size_t k = 0; k < block_size; ++k) out[natural[k]] = known_step(steps[c][k]);
        };
        for (std::size_t c = 0; c < frame.components.size(); ++c) {
            in_rows(c, step_);
            for (std::size_t r = 0; r < block_size; ++r) inverse_[r] = (1 << 20) / step_[r];
            component_ = c;
            shift_ = 2 + (frame.precision - 8);
            const Component& own = frame.components[c];
            std::optional<SharedLuma> luma;
            if (c > 0 && SharedLuma::fits(frame.components[0], own))
                luma.emplace(frame.components[0], steps[0], planes[0], own);
            const bool before = c > 1 && frame.components[c - 1].rows == own.rows &&
                                frame.components[c - 1].columns == own.columns;
            if (before) in_rows(c - 1, before_step_);
            plane(own, planes[c], luma ? &*luma : nullptr, before ? planes[c - 1].data() : nullptr);
        }
    }

  private:
    // Whether the expectation of coefficient k needs coefficient k + 1: they share a row or a
    // column, or both change an edge's DC.
    static constexpr std::array<bool, block_size> needs_previous = [] {
        std::array<bool, block_size> turns{};
        for (std::size_t k = 0; k + 1 < block_size; ++k)
            turns[k] = natural[k] / 8 == natural[k + 1] / 8 ||
                       natural[k] % 8 == natural[k + 1] % 8 || k == 1;
        return turns;
    }();
    static constexpr std::size_t levels = 41;      // of expected sizes
    static constexpr Int most_expected = 1 << 19;  // (it * a step)^2 fits into 63 bits
    // 2^12 * (0.05 + 2^((i - 16) / 3 - 1)), rounded down.
    static constexpr std::array<std::int32_t, levels> first_scales = {
        255,    268,    285,    306,    332,    366,    407,    460,   527,   611,   716,
        849,    1017,   1228,   1494,   1830,   2252,   2785,   3455,  4300,  5365,  6706,
        8396,   10526,  13208,  16588,  20847,  26212,  32972,  41489, 52220, 65740, 82774,
        104236, 131276, 165345, 208268, 262348, 330485, 416332, 524492};
    static constexpr std::int32_t most_scale_uses = 50;
    static constexpr std::array<Int, most_scale_uses + 1> scale_rates = [] {
        std::array<Int, most_scale_uses + 1> rates{};
        for (std::size_t n = 0; n < rates.size(); ++n)
            rates[n] = std::max(1311, 65536 / (1 + static_cast<std::int32_t>(n)));
        return rates;
    }();
    struct Scale {
        std::int32_t value;  // in units of 2^-12
        std::int32_t uses;
    };
    using Parts = typename Decisions<Coder>::Parts;
    using Block = std::array<std::int32_t, block_size>;
    using Edge = std::array<std::int32_t, 8>;  // in units of 2^-12

    // A block, as the blocks to the right and below read it.
    struct Known {
        alignas(32) Block sizes{};  // AC magnitudes, smoothed, in units of 2^-4
        Edge right{}, bottom{}, right_pixels{}, bottom_pixels{};
        int nonzero = 0;
    };

    // What is known around a block.
    struct Around {
        const std::int16_t *left, *above, *above_left, *above_right, *left2, *above2;
        const Known *known_left, *known_above, *known_above_left, *known_above_right;
        const Known *left_edge, *above_edge;
        bool has_left, has_above;
        const std::int32_t *luma, *luma_sizes;
        const std::int16_t* before;
        int luma_last;
        int last_left, last_above, last_above_left, last_above_right, last_left2, last_above2;
    };

    void plane(const Component& component, PlaneView plane, SharedLuma* luma,
               const std::int16_t* before) {
        static const std::array<std::int16_t, block_size> none{};
        static const Known nothing{};
        const std::size_t columns = component.columns;
        std::vector<Known> upper(columns), own_row(columns);
        Block luma_sizes{};
        std::vector<std::uint8_t> lasts(component.blocks());
        for (std::size_t row = 0; row < component.rows; ++row) {
            if (luma != nullptr) luma->row(row, inverse_);
            upper.swap(own_row);
            for (std::size_t column = 0; column < columns; ++column) {
                const std::size_t b = row * columns + column;
                const bool has_left = column > 0, has_above = row > 0,
                           has_right = column + 1 < columns;
                const auto block = [&](bool there, std::size_t back) -> const std::int16_t* {
                    return there ? plane.data() + (b - back) * block_size : none.data();
                };
                const auto known = [](bool there, const Known* at) {
                    return there ? at : &nothing;
                };
                const auto last = [&](bool there, std::size_t back, int otherwise) -> int {
                    return there ? lasts[b - back] : otherwise;
                };
                Around at;
                at.has_left = has_left;
                at.has_above = has_above;
                Known* const own_known = &own_row[column];
                const Known* const upper_known = &upper[column];
                at.left_edge = known(has_left, own_known - 1);
                at.above_edge = known(has_above, upper_known);
                if (has_above) {
                    at.above = block(true, columns);
                    at.known_above = upper_known;
                    at.left = has_left ? block(true, 1) : at.above;
                    at.known_left = has_left ? own_known - 1 : upper_known;
                    at.above_left = block(has_left, columns + 1);
                    at.known_above_left = known(has_left, upper_known - 1);
                    at.above_right = block(has_right, columns - 1);
                    at.known_above_right = known(has_right, upper_known + 1);
                } else {
                    at.left = at.above = at.above_left = at.above_right = block(has_left, 1);
                    at.known_left = at.known_above = at.known_above_left = at.known_above_right =
                        at.left_edge;
                }
                at.left2 = block(column > 1, 2);
                at.above2 = block(row > 1, 2 * columns);
                at.last_left = last(has_left, 1, last(has_above, columns, 0));
                at.last_above = last(has_above, columns, at.last_left);
                at.last_above_right = last(has_above && has_right, columns - 1, at.last_above);
                at.last_above_left = last(has_above && has_left, columns + 1, at.last_above);
                at.last_left2 = last(column > 1, 2, at.last_left);
                at.last_above2 = last(row > 1, 2 * columns, at.last_above);
                at.luma = luma != nullptr ? luma->block(column) : nothing.sizes.data();
                at.luma_last = luma != nullptr ? luma->last(column) : 0;
                at.luma_sizes = luma_sizes.data();
                if (luma != nullptr) {
                    for (std::size_t r = 1; r < block_size; ++r) size_[r] = std::abs(at.luma[r]);
                    size_[0] = 0;
                    kernels_.smooth(size_.data(), luma_sizes.data());
                }
                at.before = before != nullptr ? before + b * block_size : none.data();

                std::int16_t* own = plane.data() + b * block_size;
                lasts[b] = static_cast<std::uint8_t>(last_of(at, own));
                coefficients(at, own, lasts[b], *own_known);
            }
        }
    }

    // Converts a dequantised number in units of 2^-4 to steps of place r, in units of 2^-8.
    Int in_steps(Int x, std::size_t r) const { return (x * inverse_[r]) >> 16; }

    // The place of the last coefficient that is not 0, in zigzag order; 0 if there is none but DC.
    int last_of(const Around& at, const std::int16_t* own) {
        int target = 0;
        if constexpr (Coder::encodes)
            for (int k = 63; k > 0 && target == 0; --k)
                if (own[natural[static_cast<std::size_t>(k)]] != 0) target = k;
        const int left = at.last_left, above = at.last_above, luma = at.luma_last;
        const int nearby = (3 * left + 3 * above + at.last_above_right + at.last_above_left) >> 1;
        const int nonzero = at.known_left->nonzero + at.known_above->nonzero;
        Int edges = 0;  // in units of 2^-8
        for (std::size_t i = 1; i < 8; ++i)
            edges += in_steps(std::abs(at.left_edge->right[i]) >> 8, i * 8) +
                     in_steps(std::abs(at.above_edge->bottom[i]) >> 8, i);
        const int rough = thirds(edges);
        const std::array<int, contexts> values = {
            left * 64 + at.last_left2,
            rough * 8 + (luma >> 3),
            nonzero * 64 + (luma >> 1),
            ((left >> 2) * 16 + (above >> 2)) * 256 + (at.last_above_right >> 2) * 16 +
                (at.last_above_left >> 2),
            rough * 64 + (nearby >> 3),
            luma * 64 + (nearby >> 3),
            above * 64 + at.last_above2,
            (left + above + at.last_above_right + at.last_above_left + at.last_left2 +
             at.last_above2) >>
                1};
        const int comp = static_cast<int>(component_);
        Expected& guess = expected_[0];
        int node = 1;
        for (int depth = 0; depth < 6; ++depth) {
            if (depth % 3 == 0) find(guess.mixture, 3, static_cast<std::size_t>(64 + node), values);
            const int place =
                depth < 3 ? node : 1 << (depth - 3) | (node & ((1 << (depth - 3)) - 1));
            node = 2 * node + decide(guess, target >> (5 - depth) & 1, place, {},
                                     {comp * 64 + node, 256 + depth * 32 + (luma >> 1),
                                      (left >> 2) * 16 + (above >> 2), rough * 8 + depth});
        }
        return node - 64;
    }

    // What is known of a coefficient before it is coded.
    struct Expected {
        alignas(32) LinearInputs x, y;  // of the predictions
        Mixture mixture;
        Int predicted_size, expected;
        std::int32_t size_power, whole;  // whole: the steps that are subtracted from DC
        int rest_size, middle_size, count;
        struct {
            int rest, place, sizes;
        } sets;  // of mixers
        std::array<Scale*, distributions> scale;
        Logistics logistics;
    };

    // Codes the coefficients of a block from the last one down to DC. If coefficient k - 1 does not
    // need k, its contexts are computed before k is coded, so that memory is fetched meanwhile.
    void coefficients(const Around& at, std::int16_t* own, int last, Known& found) {
        found = {};
        quantised_.fill(0);
        known_.fill(0);
        size_.fill(0);
        inside_.fill(0);
        rows_ = columns_ = row_sizes_ = column_sizes_ = row_sums_ = column_sums_ = {};
        nonzero_ = size_sum_ = 0;
        expect(expected_[last & 1], at, last, last);
        for (int k = last; k >= 0; --k) {
            const bool waits = k > 0 && needs_previous[static_cast<std::size_t>(k - 1)];
            if (k > 0 && !waits) expect(expected_[(k - 1) & 1], at, k - 1, last);
            code(expected_[k & 1], own, k, last, found);
            if (waits) expect(expected_[(k - 1) & 1], at, k - 1, last);
        }
        found.nonzero = 0;
        for (std::size_t r = 1; r < block_size; ++r) found.nonzero += size_[r] != 0 ? 1 : 0;
        kernels_.smooth(size_.data(), found.sizes.data());
    }

    void expect(Expected& guess, const Around& at, int k, int last) {
        const int comp = static_cast<int>(component_);
        const std::size_t r = natural[static_cast<std::size_t>(k)], i = r >> 3, j = r & 7;
        const std::int32_t step = step_[r], one = step << 4;
        const bool dc = k == 0;
        const std::size_t place = component_ * block_size + r;

        // Adds coefficient k + 2 to the sums of the block: k + 1 may not be coded yet.
        if (k + 2 <= last) {
            const std::size_t n = natural[static_cast<std::size_t>(k + 2)];
            const std::int32_t far_size = size_[n];
            if (far_size != 0) {
                ++nonzero_;
                size_sum_ += far_size;
                kernels_.surround(&inside_[(n >> 3) * 16 + (n & 7)], far_size);
            }
        }

        // The values of the coefficient that continue the edges of the neighbours.
        const auto left_gap = [&](std::size_t n) { return Int{at.left_edge->right[n]} - rows_[n]; };
        const auto above_gap = [&](std::size_t n) {
            return Int{at.above_edge->bottom[n]} - columns_[n];
        };
        // DC is unknown yet, but the same in both edges.
        const bool top = i == 0 && !dc, leftmost = j == 0 && !dc;
        auto by_left = static_cast<std::int32_t>(
            (left_gap(i) - (top ? above_gap(0) : 0)) * inverse_outside[j] >> 20);
        auto by_above = static_cast<std::int32_t>(
            (above_gap(j) - (leftmost ? left_gap(0) : 0)) * inverse_outside[i] >> 20);
        if (!at.has_left) by_left = at.has_above ? by_above : 0;
        if (!at.has_above) by_above = by_left;

        const std::array<const std::int16_t*, 6> near = {at.left,        at.above, at.above_left,
                                                         at.above_right, at.left2, at.above2};
        std::array<std::int32_t, 6> near_sizes;
        for (std::size_t n = 0; n < near.size(); ++n) near_sizes[n] = std::abs(int{near[n][r]});
        const std::int32_t luma = at.luma[r], before = at.before[r] * before_step_[r] * 16;

        // Magnitudes around it: of the same place in other blocks, in steps (near_blocks), and of
        // nearby places in this block (inner) and in others (beside).
        const Int near_blocks =
            dc ? (std::abs(at.left[0] - at.above_left[0]) +
                  std::abs(at.above[0] - at.above_left[0]))
                     << 7
               : (13 * (near_sizes[0] + near_sizes[1]) + 4 * (near_sizes[2] + near_sizes[3]) +
                  3 * (near_sizes[4] + near_sizes[5])) *
                         Int{1638} >>
                     8;
        const std::int32_t inner = dc ? 0
                                      : static_cast<std::int32_t>(
                                            Int{inside_[(i + 2) * 16 + j + 2]} * inside_shares[r] >>
                                            26),
                           beside =
                               dc ? 0
                                  : static_cast<std::int32_t>(
                                        (2 * (at.known_left->sizes[r] + at.known_above->sizes[r]) +
                                         at.known_above_left->sizes[r] +
                                         at.known_above_right->sizes[r]) *
                                            Int{43} >>
                                        8);
        const Int inner_steps = in_steps(inner, r), beside_steps = in_steps(beside, r);

        const auto dc_apart = [&](const std::int16_t* a, const std::int16_t* b) {
            return (a[0] - b[0]) * (step_[0] << 4);
        };

        // A prediction of the value, with its sign.
        LinearInputs x{};
        x[0] = by_left;
        x[1] = by_above;
        x[2] = at.left[r] * one;
        x[3] = at.above[r] * one;
        x[4] = luma;
        x[5] = before;
        x[10] = at.above_left[r] * one;
        x[11] = at.above_right[r] * one;
        x[14] = at.left_edge->right_pixels[i] >> 8;
        x[15] = at.above_edge->bottom_pixels[j] >> 8;
        if (dc) {
            x[12] = at.left2[0] * one;
            x[13] = at.above2[0] * one;
        } else {
            x[6] = j < 7 ? known_[r + 1] * 16 : 0;
            x[7] = i < 7 ? known_[r + 8] * 16 : 0;
            x[8] = j < 6 ? known_[r + 2] * 16 : 0;
            x[9] = i < 6 ? known_[r + 16] * 16 : 0;
            x[12] = at.left_edge->right[i] >> 8;
            x[13] = at.above_edge->bottom[j] >> 8;
            x[16] = leftmost         ? dc_apart(at.left, at.above_left)
                    : j > 0 && r > 1 ? at.left[r - 1] * step_[r - 1] * 16
                                     : 0;
            x[17] = top              ? dc_apart(at.above_right, at.above)
                    : i > 0 && r > 8 ? at.above[r - 8] * step_[r - 8] * 16
                                     : 0;
            x[18] = i < 7 && j < 7 ? known_[r + 9] * 16 : 0;
            x[19] = static_cast<std::int32_t>(
                (j > 0 ? by_left : by_above) * std::min<Int>(256, inner_steps) >> 8);
            if (top) {
                x[20] = dc_apart(at.above, at.above_left);
                x[21] = dc_apart(at.left, at.above_left);
            } else if (leftmost) {
                x[20] = dc_apart(at.above, at.above2);
                x[21] = dc_apart(at.above, at.above_left);
            }
        }
        in_fours(guess.x, x);
        std::int32_t power;
        const Int predicted = predict(kernels_, values_[place].weights(), guess.x, shift_, power);
        // The prediction of DC is split into whole steps, limited to 16 bits, and a rest.
        const std::int32_t whole = dc ? static_cast<std::int32_t>(std::clamp<Int>(
                                            (in_steps(predicted, r) + 128) >> 8, -32767, 32767))
                                      : 0;
        guess.whole = whole;
        const Int rest = predicted - Int{whole} * one;
        const std::int32_t off_left = by_left - whole * one, off_above = by_above - whole * one;
        const std::int32_t spread = std::abs(off_left - off_above);

        // A prediction of its magnitude.
        LinearInputs y{};
        y[0] = one * 77 >> 8;
        y[10] = std::abs(off_left);
        y[11] = std::abs(off_above);
        y[15] = at.known_left->sizes[r];
        y[16] = at.known_above->sizes[r];
        y[17] = at.known_above_right->sizes[r];
        y[18] = at.luma_sizes[r] >> 4;
        y[19] = row_sizes_[i] * 16;
        y[20] = column_sizes_[j] * 16;
        y[21] = size_sum_ * 16 / (1 + nonzero_);
        y[22] = one * (last - k) * 13 >> 8;
        Int least;  // of the predicted size
        if (dc) {
            y[1] = std::abs(dc_apart(at.left, at.above_left));
            y[2] = std::abs(dc_apart(at.above, at.above_left));
            y[3] = std::abs(dc_apart(at.above, at.above_right));
            y[4] = std::abs(dc_apart(at.left, at.left2));
            y[5] = std::abs(dc_apart(at.above, at.above2));
            y[6] = spread;
            y[7] = std::abs(dc_apart(at.left, at.above));
            y[8] = one * last * 26 >> 8;
            y[9] = (std::abs(at.left_edge->right[1]) >> 9) +
                   (std::abs(at.above_edge->bottom[1]) >> 9) +
                   (std::abs(at.left_edge->right[2]) >> 9) +
                   (std::abs(at.above_edge->bottom[2]) >> 9);
            least = in_steps(Int{154} * spread >> 8, r) + (102 * near_blocks >> 8);
        } else {
            for (std::size_t n = 0; n < near.size(); ++n) y[n + 1] = near_sizes[n] * one;
            y[7] = (std::abs(guess.x[6]) + std::abs(guess.x[7])) << shift_;
            y[8] = inner;
            y[9] = beside;
            y[12] = std::abs(luma);
            y[13] = std::abs(before);
            y[14] = static_cast<std::int32_t>(std::abs(rest));
            least = (90 * near_blocks + 77 * inner_steps + 64 * beside_steps +
                     26 * in_steps(std::abs(rest), r)) >>
                    8;
        }
        in_fours(guess.y, y);
        guess.predicted_size =
            predict(kernels_, sizes_[place].weights, guess.y, shift_, guess.size_power);
        const Int expected = std::min(
            std::max<Int>(in_steps(guess.predicted_size, r), (39 * least >> 8) + 3), most_expected);
        const int size_level = thirds(expected);
        guess.expected = expected;

        const Int middle = top ? off_above : leftmost ? off_left : (Int{off_left} + off_above) >> 1;
        const Int rest_steps = in_steps(rest, r), middle_steps = in_steps(middle, r),
                  luma_steps = in_steps(luma, r), before_steps = in_steps(before, r);

        // Contexts.
        const int near_level = halves(near_blocks), inner_level = halves(inner_steps),
                  count = std::min(nonzero_, 15);
        const auto value_at = [&](bool there, std::size_t n, int most) {
            return within(there ? quantised_[n] : 0, most);
        };
        int row_sum = std::min(row_sums_[i], 31), column_sum = std::min(column_sums_[j], 31);
        if (dc)
            row_sum = std::min(thirds(in_steps(spread, r)), 31), column_sum = std::min(last, 31);
        find(guess.mixture, dc ? 2 : 1, r,
             {halves(beside_steps) * 32 + inner_level,
              (within(at.above_left[r], 3) * 7 + within(at.above_right[r], 3)) * 64 +
                  within(at.left2[r], 2) * 5 + within(at.above2[r], 2),
              row_sum * 32 + column_sum,
              signed_halves(rest_steps * 2) * 64 + signed_halves(middle_steps * 2),
              (halves(std::abs(luma_steps)) * 64 + size_level) * 16 +
                  static_cast<int>(std::min<Int>(15, std::abs(before_steps) >> 7)),
              value_at(j < 6, r + 2, 2) * 5 + value_at(i < 6, r + 16, 2) +
                  25 * value_at(j < 7, r + 1, 2) + 125 * value_at(i < 7, r + 8, 2) +
                  625 * near_level,
              signed_halves(in_steps(off_left, r) * 2) * 64 + inner_level,
              signed_halves(in_steps(off_above, r) * 2) * 64 + inner_level});

        // Sets of mixers.
        const int chroma = std::min(comp, 1);
        guess.count = count;
        guess.rest_size = std::min(12, halves(std::abs(rest_steps)));
        guess.middle_size = std::min(15, halves(std::abs(middle_steps)));
        guess.sets = {
            600 + guess.rest_size * 64, 256 + (k >> 1) * 64 + (last >> 2) * 4,
            330 + ((std::min(12, near_level) * 13 + std::min(12, inner_level)) * 2 + chroma) * 4};
        decisions_.expect(zero_sets(guess, static_cast<int>(place)));

        // Logistic distributions around predictions.
        const std::size_t level = static_cast<std::size_t>(size_level);
        constexpr std::size_t table = most_components * block_size * levels;
        guess.scale = {
            &scales_[place * levels + level], &scales_[table + place * levels + level],
            &scales_[2 * table + place * levels + level],
            &scales_[3 * table +
                     static_cast<std::size_t>((chroma * 2 + k % 2) * 25 + near_level) * levels +
                     static_cast<std::size_t>(inner_level)]};
        std::array<std::int32_t, distributions> scales, copy;
        for (std::size_t t = 0; t < distributions; ++t) scales[t] = guess.scale[t]->value;
        in_fours(copy, scales);
        kernels_.spread(guess.logistics, cdf_, copy.data(), static_cast<double>(rest_steps),
                        static_cast<double>(middle_steps));
    }

    static std::array<int, mixers> zero_sets(const Expected& guess, int place) {
        return {256 + place, guess.sets.rest + guess.count * 4, guess.sets.place, guess.sets.sizes};
    }

    void code(Expected& guess, std::int16_t* own, int k, int last, Known& found) {
        const std::size_t r = natural[static_cast<std::size_t>(k)], i = r >> 3, j = r & 7;
        const std::int32_t step = step_[r], one = step << 4;
        const bool dc = k == 0;
        const int place = static_cast<int>(component_ * block_size + r);
        int value = 0;
        if constexpr (Coder::encodes) value = own[r] - guess.whole;
        const auto &low = guess.logistics.low, &high = guess.logistics.high;
        Parts parts;
        bool other = true;  // whether the value is not 0
        if (k != last || dc) {
            for (std::size_t t = 0; t < distributions; ++t)
                set(parts, t, low[t] + high[t], (1 << 28) - low[t] - high[t]);
            other = decide(guess, value != 0, 0, parts, zero_sets(guess, place)) != 0;
        }
        if (other) {
            for (std::size_t t = 0; t < distributions; ++t) set(parts, t, low[t], high[t]);
            const int negative = decide(guess, value < 0, 1, parts,
                                        {512 + place, guess.sets.rest + guess.middle_size * 4 + 1,
                                         guess.sets.place + 1, guess.sets.sizes + 1});
            value = magnitude(guess, std::abs(value), negative, place);
            if (negative != 0) value = -value;
        } else {
            value = 0;
        }

        // Learn.
        for (std::size_t t = 0; t < distributions; ++t) {
            const Int mean = static_cast<Int>(guess.logistics.means[t]);
            const Int miss = (std::abs(Int{value} * 256 - mean) * 154 >> 4) + 82;
            Scale& scale = *guess.scale[t];
            scale.value = static_cast<std::int32_t>(std::min<Int>(
                scale.value +
                    ((miss - scale.value) * scale_rates[static_cast<std::size_t>(scale.uses)] >>
                     16),
                1 << 30));
            scale.uses = std::min(scale.uses + 1, most_scale_uses);
        }
        const std::int32_t full = value + guess.whole;
        if (full < -32767 || full > 32767)
            throw std::invalid_argument("a coefficient of a JPEG stream is out of range");
        own[r] = static_cast<std::int16_t>(full);
        const std::int32_t known = std::clamp(full * step, -(1 << 16), 1 << 16);
        const Int floor = ((65536 + guess.expected * guess.expected) >> 8) * step * step;
        values_[static_cast<std::size_t>(place)].learn(
            solver_, guess.x, known * 16 >> shift_,
            static_cast<std::int32_t>(std::min<Int>((floor >> (2 * shift_ - 4)) + 1, 1 << 24)));
        sizes_[static_cast<std::size_t>(place)].learn(
            kernels_, guess.y, guess.size_power,
            (std::abs(Int{value}) * one - guess.predicted_size) >> shift_, 120,
            (Int{one} * one >> (2 * shift_ + 3)) + 1);
        if (full == 0) return;
        const std::int32_t across = outside[j] * known, down = outside[i] * known,
                           across_pixels = inside[j] * known, down_pixels = inside[i] * known;
        rows_[i] += across;
        columns_[j] += down;
        found.right[i] += j % 2 == 0 ? across : -across;
        found.bottom[j] += i % 2 == 0 ? down : -down;
        found.right_pixels[i] += j % 2 == 0 ? across_pixels : -across_pixels;
        found.bottom_pixels[j] += i % 2 == 0 ? down_pixels : -down_pixels;
        if (dc) return;
        quantised_[r] = own[r];
        known_[r] = known;
        const std::int32_t known_size = std::abs(known);
        size_[r] = known_size;
        row_sizes_[i] += known_size;
        column_sizes_[j] += known_size;
        row_sums_[i] += std::abs(full);
        column_sums_[j] += std::abs(full);
    }

    static void set(Parts& parts, std::size_t t, std::int32_t one, std::int32_t zero) {
        parts[t] = one;
        parts[distributions + t] = zero;
    }

    // A magnitude of 1 or more: the length of its number in unary, and then its bits.
    int magnitude(Expected& guess, int target, int negative, int place) {
        // The probabilities of n and more with this sign, for three n: the least number that is
        // still possible, one above the greatest, and one between.
        using Tails = std::array<std::int32_t, distributions>;
        alignas(16) Tails least, end, middle;
        std::ranges::copy(negative != 0 ? guess.logistics.low : guess.logistics.high,
                          least.begin());
        Parts parts;
        int length = 1;
        while (true) {
            kernels_.tails(guess.logistics, cdf_, 1 << length, negative, end.data());
            for (std::size_t t = 0; t < distributions; ++t)
                set(parts, t, end[t], least[t] - end[t]);
            if (decide(guess, target >= 1 << length, 1 + std::min(length, 5), parts,
                       {768 + place * 4 + std::min(length, 3),
                        guess.sets.rest + guess.count * 4 + (length > 1 ? 3 : 2),
                        guess.sets.place + 2, guess.sets.sizes + 2}) == 0)
                break;
            if (++length > 16)
                throw std::invalid_argument("a coefficient of a JPEG stream is out of range");
            least = end;
        }
        int low = 1 << (length - 1), known = 1;
        for (int bit = length - 2; bit >= 0; --bit) {
            const int depth = length - 2 - bit;
            kernels_.tails(guess.logistics, cdf_, low + (1 << bit), negative, middle.data());
            for (std::size_t t = 0; t < distributions; ++t)
                set(parts, t, middle[t] - end[t], least[t] - middle[t]);
            const int slot = length < 4  ? 7 + (length == 3 ? known : 0)
                             : depth < 2 ? 10 + known
                                         : 14 + std::min(depth - 2, 1);
            const int one =
                decide(guess, target >= low + (1 << bit), slot, parts,
                       {1792 + place * 4 + std::min(depth, 3),
                        1432 + guess.rest_size * 16 + std::min(length, 7) * 2 + (depth > 0 ? 1 : 0),
                        guess.sets.place + 3, guess.sets.sizes + 3});
            if (one != 0) {
                low += 1 << bit;
                least = middle;
            } else {
                end = middle;
            }
            known = 2 * known + one;
        }
        return low;
    }

    void find(Mixture& mixture, std::size_t kind, std::size_t place,
              const std::array<int, contexts>& values) {
        decisions_.find(mixture, static_cast<std::uint32_t>((component_ * 4 + kind) * 128 + place),
                        values);
    }
    int decide(Expected& guess, bool bit, int place, const Parts& parts,
               const std::array<int, mixers>& sets) {
        return decisions_.decide(guess.mixture, bit, static_cast<std::uint32_t>(place), parts,
                                 sets);
    }

    const std::int32_t* const cdf_;
    const Kernels& kernels_ = kernels();
    const LeastSquares& solver_ = least_squares(Arithmetic::exact);
    Decisions<Coder> decisions_;
    std::vector<SolvedModel> values_;
    std::array<LinearModel, most_components * block_size> sizes_;
    std::array<Scale, distributions * most_components * block_size * levels> scales_;
    // Of the component.
    std::size_t component_ = 0;
    unsigned shift_ = 2;
    std::array<std::int32_t, block_size> step_{}, before_step_{};
    std::array<Int, block_size> inverse_{};
    // The AC coefficients of the block, quantised and dequantised, and their magnitudes; then the
    // magnitudes spread to nearby places, in 12 rows of 16 with a margin of 2.
    std::array<std::int16_t, block_size> quantised_{};
    Block known_{}, size_{};
    std::array<std::int32_t, 12 * 16> inside_{};
    Edge rows_{}, columns_{};  // what is known of the left and upper edges, in units of 2^-12
    Edge row_sizes_{}, column_sizes_{}, row_sums_{}, column_sums_{};
    int nonzero_ = 0;
    std::int32_t size_sum_ = 0;
    std::array<Expected, 2> expected_{};  // of the coefficient and the next one
};

}  // namespace bitsback::jpeg
