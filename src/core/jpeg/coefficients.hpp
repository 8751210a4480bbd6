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
#include "../mixing/context_mixer.hpp"
#include "markers.hpp"
#include "quantities.hpp"
#include "scans.hpp"
#include "shared_luma.hpp"

namespace bitsback::jpeg {

// A linear prediction that learns (normalised least mean squares). Inputs are in quarters of a
// dequantised coefficient.
class LinearModel {
  public:
    using Inputs = std::array<std::int32_t, linear_inputs>;
    static constexpr unsigned bits = 14;  // of a weight of 1

    void start(std::int32_t weight) { weights_.fill(weight); }
    std::int32_t& weight(std::size_t i) { return weights_[i]; }

    std::int32_t predict(const MixingKernels& kernels, const Inputs& x) const {
        return kernels.predict(weights_.data(), x.data()) >> bits;
    }
    // rate: in units of 2^-12. floor: added to the power of the inputs.
    void learn(const MixingKernels& kernels, const Inputs& x, Int error, Int rate, Int floor) {
        const Int power = static_cast<Int>(kernels.power(x.data())) + floor;
        const Int step = std::clamp<Int>((error * rate * (1 << bits)) / power, -32767, 32767);
        kernels.nudge(weights_.data(), x.data(), static_cast<std::int32_t>(step), 12);
    }

  private:
    alignas(32) Inputs weights_{};
};

inline constexpr std::size_t contexts = 16, mixers = 6, parametric = 4;

inline MixingSettings mixing_settings() {
    MixingSettings settings;
    settings.decisions = 1;
    settings.node_bits = 31;
    settings.nodes = 1;
    settings.table = 18;
    settings.probability_bits = 22;
    settings.count_bits = 7;
    settings.trust = 60;
    settings.beside = MixingSettings::Beside::network;
    settings.features = parametric;
    for (std::size_t c = 0; c < contexts; ++c) settings.contexts.push_back({512, 32, 127, false});
    constexpr std::array<std::uint32_t, mixers> sets = {2816, 1920, 1664, 136, 2304, 1696};
    for (std::size_t m = 0; m < mixers; ++m)
        settings.mixers.push_back({{{Selector::Kind::value, m, sets[m]}}, 800, 1200, 120});
    settings.maps = {1, 255};
    settings.together = 1;
    return settings;
}

// Codes the planes of a stream, one after the other, in the order of its components. Coder: a
// BitEncoder or a BitDecoder.
template <class Coder>
class CoefficientCoder {
  public:
    CoefficientCoder(const LogisticTables& logistic, Coder& coder)
        : logistic_(logistic),
          coder_(coder),
          mixer_(settings_, logistic, std::size_t{1} << 30, mixers) {
        mixer_.begin(1);
        for (std::size_t place = 0; place < signed_.size(); ++place) {
            LinearModel& of = signed_[place];
            const std::size_t i = place % block_size / 8, j = place % 8;
            const bool top = i == 0, left = j == 0;
            of.weight(0) = top && left ? 8192 : top ? 0 : left ? 9830 : 4915;
            of.weight(1) = top && left ? 8192 : top ? 9830 : left ? 0 : 4915;
            sizes_[place].start(819);
        }
        for (std::size_t i = 0; i < scales_.size(); ++i)
            scales_[i] = {first_scales[i % (thirds_of_size + 1)], 0};
    }

    void code(const Frame& frame, std::span<const std::array<std::uint16_t, block_size>> steps,
              std::span<Coefficients> planes) {
        std::vector<std::uint8_t> lasts, lasts_before;
        for (std::size_t c = 0; c < frame.components.size(); ++c) {
            for (std::size_t k = 0; k < block_size; ++k)
                step_[natural[k]] = std::max<std::uint16_t>(steps[c][k], 1);
            for (std::size_t r = 0; r < block_size; ++r) inverse_[r] = (1 << 20) / step_[r];
            component_ = c;
            shift_ = 2 + (frame.precision - 8);
            const Component& own = frame.components[c];
            std::optional<SharedLuma> luma;
            if (c > 0 && SharedLuma::fits(frame.components[0], own))
                luma.emplace(frame.components[0], steps[0], planes[0], own);
            const bool before = c > 1 && frame.components[c - 1].rows == own.rows &&
                                frame.components[c - 1].columns == own.columns;
            if (before)
                for (std::size_t k = 0; k < block_size; ++k)
                    before_step_[natural[k]] = std::max<std::uint16_t>(steps[c - 1][k], 1);
            lasts_before.swap(lasts);
            plane(own, planes[c], luma ? &*luma : nullptr, before ? &planes[c - 1] : nullptr,
                  lasts_before, lasts);
        }
    }

  private:
    static constexpr int thirds_of_size = 40;
    static constexpr Int most_expected = 1 << 19;  // its square times that of a step has 63 bits
    // 2^12 * (0.05 + 2^((i - 16) / 3 - 1)), rounded down.
    static constexpr std::array<std::int32_t, thirds_of_size + 1> first_scales = {
        255,    268,    285,    306,    332,    366,    407,    460,   527,   611,   716,
        849,    1017,   1228,   1494,   1830,   2252,   2785,   3455,  4300,  5365,  6706,
        8396,   10526,  13208,  16588,  20847,  26212,  32972,  41489, 52220, 65740, 82774,
        104236, 131276, 165345, 208268, 262348, 330485, 416332, 524492};
    struct Scale {
        std::int32_t value;  // in units of 2^-12
        std::int32_t uses;
    };
    using Edge = std::array<Int, 8>;  // in units of 2^-4

    // What is known around a block.
    struct Around {
        const std::int16_t *left, *above, *above_left, *above_right, *left2, *above2;
        const Edge *right_edge, *bottom_edge, *right_pixels, *bottom_pixels;
        bool has_left, has_above;
        const std::int32_t* luma;
        const std::int16_t* before;
        int luma_last, before_last;
        int last_left, last_above, last_above_left, last_above_right, last_left2, last_above2;
        int nonzero_left, nonzero_above;
    };
    struct Column {  // the block above in a column, and what was computed of it
        Edge bottom{}, bottom_pixels{};
        std::uint8_t nonzero = 0;
    };

    void plane(const Component& component, Coefficients& plane, SharedLuma* luma,
               const Coefficients* before, const std::vector<std::uint8_t>& lasts_before,
               std::vector<std::uint8_t>& lasts) {
        static const std::array<std::int16_t, block_size> none{};
        static const std::array<std::int32_t, block_size> no_luma{};
        static const Edge no_edge{};
        const std::size_t columns = component.columns;
        std::vector<Column> above(columns);
        lasts.assign(component.blocks(), 0);
        for (std::size_t row = 0; row < component.rows; ++row) {
            if (luma != nullptr) luma->row(row, inverse_);
            Edge right{}, right_pixels{};
            int nonzero_left = 0;
            for (std::size_t column = 0; column < columns; ++column) {
                const std::size_t b = row * columns + column;
                const bool has_left = column > 0, has_above = row > 0,
                           has_right = column + 1 < columns;
                const auto block = [&](bool there, std::size_t back) -> const std::int16_t* {
                    return there ? plane.data() + (b - back) * block_size : none.data();
                };
                const auto last = [&](bool there, std::size_t back, int otherwise) -> int {
                    return there ? lasts[b - back] : otherwise;
                };
                Around at;
                at.has_left = has_left;
                at.has_above = has_above;
                at.left = has_left || !has_above ? block(has_left, 1) : block(true, columns);
                at.above = has_above ? block(true, columns) : at.left;
                at.above_left = has_left && has_above ? block(true, columns + 1)
                                : has_left            ? at.left
                                                      : none.data();
                at.above_right = has_above  ? block(has_right, columns - 1)
                                 : has_left ? at.left
                                            : none.data();
                at.left2 = block(column > 1, 2);
                at.above2 = block(row > 1, 2 * columns);
                at.right_edge = has_left ? &right : &no_edge;
                at.right_pixels = has_left ? &right_pixels : &no_edge;
                at.bottom_edge = has_above ? &above[column].bottom : &no_edge;
                at.bottom_pixels = has_above ? &above[column].bottom_pixels : &no_edge;
                at.last_left = last(has_left, 1, last(has_above, columns, 0));
                at.last_above = last(has_above, columns, at.last_left);
                at.last_above_right = last(has_above && has_right, columns - 1, at.last_above);
                at.last_above_left = last(has_above && has_left, columns + 1, at.last_above);
                at.last_left2 = last(column > 1, 2, at.last_left);
                at.last_above2 = last(row > 1, 2 * columns, at.last_above);
                at.nonzero_left = has_left ? nonzero_left : above[column].nonzero;
                at.nonzero_above = has_above ? above[column].nonzero : at.nonzero_left;
                at.luma = luma != nullptr ? luma->block(column) : no_luma.data();
                at.luma_last = luma != nullptr ? luma->last(column) : 0;
                at.before = before != nullptr ? before->data() + b * block_size : nullptr;
                at.before_last = before != nullptr ? lasts_before[b] : 0;

                std::int16_t* own = plane.data() + b * block_size;
                lasts[b] = static_cast<std::uint8_t>(last_of(at, own));
                nonzero_left = coefficients(at, own, lasts[b]);
                above[column].nonzero = static_cast<std::uint8_t>(nonzero_left);
                for (std::size_t i = 0; i < 8; ++i) {
                    Int r = 0, b2 = 0, r7 = 0, b7 = 0;
                    for (std::size_t j = 0; j < 8; ++j) {
                        const Int sign = j % 2 == 0 ? 1 : -1;
                        r += sign * outside[j] * known_[i * 8 + j];
                        b2 += sign * outside[j] * known_[j * 8 + i];
                        r7 += sign * inside[j] * known_[i * 8 + j];
                        b7 += sign * inside[j] * known_[j * 8 + i];
                    }
                    right[i] = r >> 8;
                    right_pixels[i] = r7 >> 8;
                    above[column].bottom[i] = b2 >> 8;
                    above[column].bottom_pixels[i] = b7 >> 8;
                }
            }
        }
    }

    // Dequantised: in units of 2^-4 to those of the step at place r, in units of 2^-8.
    Int in_steps(Int x, std::size_t r) const { return (x * inverse_[r]) >> 16; }
    std::int32_t quarters(Int x) const {
        return static_cast<std::int32_t>(std::clamp<Int>(x >> shift_, -32767, 32767));
    }

    // The place of the last coefficient that is not 0, in zigzag order; 0 if there is none but DC.
    int last_of(const Around& at, const std::int16_t* own) {
        int target = 0;
        if constexpr (Coder::encodes)
            for (int k = 63; k > 0 && target == 0; --k)
                if (own[natural[static_cast<std::size_t>(k)]] != 0) target = k;
        const int left = at.last_left, above = at.last_above, luma = at.luma_last;
        const int nearby = (3 * left + 3 * above + at.last_above_right + at.last_above_left) >> 1;
        const int nonzero = at.nonzero_left + at.nonzero_above;
        Int edges = 0;  // in units of 2^-8
        for (std::size_t i = 1; i < 8; ++i)
            edges += (std::abs((*at.right_edge)[i]) * inverse_[i * 8] +
                      std::abs((*at.bottom_edge)[i]) * inverse_[i]) >>
                     16;
        const int rough = thirds(edges);
        begin_keys(3, block_size);
        key(0, (left >> 1) * 32 + (above >> 1));
        key(1, at.nonzero_left * 64 + at.nonzero_above);
        key(2, luma * 64 + at.before_last);
        key(3, at.before_last * 64 + (luma >> 3) * 8 + (nearby >> 5));
        key(4, left * 64 + at.last_left2);
        key(5, nonzero * 64 + rough);
        key(6, rough * 8 + (luma >> 3));
        key(7, at.last_above_right * 64 + above);
        key(8, std::min(left, above) * 64 + std::max(left, above));
        key(9, nonzero * 64 + (luma >> 1));
        key(10, nearby >> 1);
        key(11, ((left >> 2) * 16 + (above >> 2)) * 256 + (at.last_above_right >> 2) * 16 +
                    (at.last_above_left >> 2));
        key(12, rough * 64 + (nearby >> 3));
        key(13, luma * 64 + (nearby >> 3));
        key(14, above * 64 + at.last_above2);
        key(15, (left + above + at.last_above_right + at.last_above_left + at.last_left2 +
                 at.last_above2) >>
                    1);
        odds_ = {};
        const int comp = static_cast<int>(component_);
        int node = 1;
        for (int depth = 0; depth < 6; ++depth) {
            if (depth % 3 == 0) find(node);
            sets_ = {
                comp * 64 + node, 256 + (nearby >> 4) * 8 + depth, 256 + depth * 32 + (luma >> 1),
                comp * 8 + depth, (left >> 2) * 16 + (above >> 2), rough * 8 + depth};
            const int place =
                depth < 3 ? node : 1 << (depth - 3) | (node & ((1 << (depth - 3)) - 1));
            node = 2 * node + decide(target >> (5 - depth) & 1, place);
        }
        return node - 64;
    }

    // Codes the coefficients of a block up to the last one, and DC. Returns how many others than DC
    // are not 0. Leaves the dequantised block in known_.
    int coefficients(const Around& at, std::int16_t* own, int last) {
        quantised_.fill(0);
        known_.fill(0);
        Edge rows{}, columns{};  // what is known of the left and upper edges, in units of 2^-12
        int nonzero = 0, before1 = 0, before2 = 0;
        Int size_sum = 0;
        const int comp = static_cast<int>(component_);
        for (int k = last; k >= 0; --k) {
            const std::size_t r = natural[static_cast<std::size_t>(k)], i = r >> 3, j = r & 7;
            const Int step = step_[r], one = step << 4;
            const bool dc = k == 0;
            const std::size_t place = component_ * block_size + r;

            // What the edges of the neighbours ask for.
            Int by_left = ((*at.right_edge)[i] * 256 - rows[i]) * inverse_outside[j] >> 20;
            Int by_above = ((*at.bottom_edge)[j] * 256 - columns[j]) * inverse_outside[i] >> 20;
            if (!at.has_left) by_left = at.has_above ? by_above : 0;
            if (!at.has_above) by_above = by_left;

            const auto dequantised = [&](const std::int16_t* block, std::size_t n) {
                return Int{block[n]} * step_[n] * 16;
            };
            const auto size = [&](const std::int16_t* block) { return std::abs(Int{block[r]}); };
            const Int luma = at.luma[r];
            const Int before = at.before != nullptr ? Int{at.before[r]} * before_step_[r] * 16 : 0;
            const bool right1 = j < 7, below1 = i < 7, right2 = j < 6, below2 = i < 6;
            const auto own_at = [&](bool there, std::size_t n) {
                return there && !dc ? Int{known_[n]} * 16 : 0;
            };

            // Sizes around it: of the same place in other blocks, in steps; and of places nearby.
            const Int near_blocks = dc ? (std::abs(Int{at.left[0]} - at.above_left[0]) +
                                          std::abs(Int{at.above[0]} - at.above_left[0]))
                                             << 7
                                       : (13 * (size(at.left) + size(at.above)) +
                                          4 * (size(at.above_left) + size(at.above_right)) +
                                          3 * (size(at.left2) + size(at.above2))) *
                                                 1638 >>
                                             8;
            const Surroundings around = dc ? Surroundings{} : surroundings(at, i, j);

            // A prediction with its sign.
            LinearModel::Inputs x{};
            x[0] = quarters(by_left);
            x[1] = quarters(by_above);
            x[2] = quarters(dequantised(at.left, r));
            x[3] = quarters(dequantised(at.above, r));
            x[4] = quarters(luma);
            x[5] = quarters(before);
            x[6] = quarters(own_at(right1, r + 1));
            x[7] = quarters(own_at(below1, r + 8));
            x[8] = quarters(own_at(right2, r + 2));
            x[9] = quarters(own_at(below2, r + 16));
            x[10] = quarters(dequantised(at.above_left, r));
            x[11] = quarters(dequantised(at.above_right, r));
            x[12] = quarters(dc ? dequantised(at.left2, 0) : (*at.right_edge)[i]);
            x[13] = quarters(dc ? dequantised(at.above2, 0) : (*at.bottom_edge)[j]);
            x[14] = quarters((*at.right_pixels)[i]);
            x[15] = quarters((*at.bottom_pixels)[j]);
            x[16] = quarters(j > 0 && r > 1 ? dequantised(at.left, r - 1) : 0);
            x[17] = quarters(i > 0 && r > 8 ? dequantised(at.above, r - 8) : 0);
            x[18] = quarters(own_at(right1 && below1, r + 9));
            const Int inner = in_steps(around.inside, r);
            x[19] =
                quarters(dc ? 0 : (j > 0 ? by_left : by_above) * std::min<Int>(256, inner) >> 8);
            LinearModel& signed_model = signed_[place];
            const Int predicted = Int{signed_model.predict(kernels_, x)} << shift_;
            // That of DC is taken off in whole steps, so few that 16 bits hold what is left.
            const Int whole =
                dc ? std::clamp<Int>((in_steps(predicted, r) + 128) >> 8, -32767, 32767) : 0;
            const Int rest = predicted - whole * one;
            by_left -= whole * one;
            by_above -= whole * one;
            const Int spread = std::abs(by_left - by_above);

            // A prediction of its size.
            LinearModel::Inputs y{};
            const auto sized = [&](const std::int16_t* block) {
                return quarters(size(block) * one);
            };
            const auto apart = [&](const std::int16_t* a, const std::int16_t* b) {
                return quarters(std::abs(Int{a[0]} - b[0]) * one);
            };
            y[0] = quarters(one * 77 >> 8);
            y[8] = quarters(around.inside);
            y[9] = quarters(around.blocks);
            y[10] = quarters(std::abs(by_left));
            y[11] = quarters(std::abs(by_above));
            y[15] = quarters(around.left);
            y[16] = quarters(around.above);
            y[17] = quarters(around.above_right);
            y[18] = quarters(component_ > 0 ? around.luma : 0);
            y[19] = quarters(around.row);
            y[20] = quarters(around.column);
            y[21] = quarters((size_sum << 4) / (1 + nonzero));
            y[22] = quarters(one * (last - k) / 20);
            Int least;  // of the predicted size
            if (dc) {
                y[1] = apart(at.left, at.above_left);
                y[2] = apart(at.above, at.above_left);
                y[3] = apart(at.above, at.above_right);
                y[4] = apart(at.left, at.left2);
                y[5] = apart(at.above, at.above2);
                y[6] = quarters(spread);
                y[7] = apart(at.left, at.above);
                y[8] = quarters(one * last / 10);
                y[9] = quarters((std::abs((*at.right_edge)[1]) + std::abs((*at.bottom_edge)[1]) +
                                 std::abs((*at.right_edge)[2]) + std::abs((*at.bottom_edge)[2])) /
                                2);
                least = in_steps(154 * spread >> 8, r) + (102 * near_blocks >> 8);
            } else {
                y[1] = sized(at.left);
                y[2] = sized(at.above);
                y[3] = sized(at.above_left);
                y[4] = sized(at.above_right);
                y[5] = sized(at.left2);
                y[6] = sized(at.above2);
                y[7] = std::min(std::abs(x[6]) + std::abs(x[7]), 32767);
                y[12] = quarters(std::abs(luma));
                y[13] = quarters(std::abs(before));
                y[14] = quarters(std::abs(rest));
                least = (90 * near_blocks + 77 * inner + 64 * in_steps(around.blocks, r) +
                         26 * in_steps(std::abs(rest), r)) >>
                        8;
            }
            LinearModel& size_model = sizes_[place];
            const Int predicted_size = Int{size_model.predict(kernels_, y)} << shift_;
            const Int expected = std::min(
                std::max<Int>(in_steps(predicted_size, r), (39 * least >> 8) + 3), most_expected);
            const int size_level = thirds(expected);

            const Int middle = i == 0 && j > 0   ? by_above
                               : j == 0 && i > 0 ? by_left
                                                 : (by_left + by_above) >> 1;
            const Int rest_steps = in_steps(rest, r), middle_steps = in_steps(middle, r),
                      luma_steps = in_steps(luma, r), before_steps = in_steps(before, r);

            // Contexts.
            const int rest_level = signed_halves(rest_steps * 2),
                      middle_level = signed_halves(middle_steps * 2),
                      luma_level = signed_halves(luma_steps), near_level = halves(near_blocks),
                      inner_level = halves(inner), count = std::min(nonzero, 15);
            const auto value_at = [&](bool there, std::size_t n) {
                return there ? quantised_[n] : 0;
            };
            const int n1 = value_at(right1, r + 1), n2 = value_at(below1, r + 8),
                      n3 = value_at(right1 && below1, r + 9), n4 = value_at(right2, r + 2),
                      n5 = value_at(below2, r + 16);
            int row_sum = 0, column_sum = 0;
            for (std::size_t t = 0; t < 8; ++t) {
                if (t != j) row_sum += std::abs(quantised_[i * 8 + t]);
                if (t != i) column_sum += std::abs(quantised_[t * 8 + j]);
            }
            if (dc) row_sum = thirds(in_steps(spread, r)), column_sum = last;
            const auto least_of = [](int most, Int x) {
                return static_cast<int>(std::min<Int>(most, x));
            };
            begin_keys(dc ? 2 : 1, r);
            key(0, least_of(7, size(at.left)) * 8 + least_of(7, size(at.above)));
            key(1, middle_level * 32 + near_level);
            key(2, (within(n1, 3) * 7 + within(n2, 3)) * 7 + within(n3, 3));
            key(3, count * 64 + (last >> 1));
            key(4, halves(in_steps(around.blocks, r)) * 32 + inner_level);
            key(5, luma_level * 64 + signed_halves(before_steps));
            key(6, (within(at.above_left[r], 3) * 7 + within(at.above_right[r], 3)) * 64 +
                       within(at.left2[r], 2) * 5 + within(at.above2[r], 2));
            key(7, (luma_level * 64 + rest_level) * 64 +
                       (component_ > 1 ? within((before_steps + 128) >> 8, 2) : 0));
            key(8, within(before1, 5) * 11 + within(before2, 5));
            key(9, std::min(row_sum, 31) * 32 + std::min(column_sum, 31));
            key(11, rest_level * 64 + middle_level);
            key(12, (halves(std::abs(luma_steps)) * 64 + size_level) * 16 +
                        least_of(15, std::abs(before_steps) >> 7));
            key(13, within(n4, 2) * 5 + within(n5, 2) + 25 * within(n1, 2) + 125 * within(n2, 2) +
                        625 * near_level);
            key(14, signed_halves(in_steps(by_left, r) * 2) * 64 + inner_level);
            key(15, signed_halves(in_steps(by_above, r) * 2) * 64 + inner_level);
            begin_keys(dc ? 2 : 1, block_size);
            key(10, size_level * 16 + count);
            find(0);

            // Logistic distributions around predictions.
            means_ = {rest_steps, middle_steps, 0, rest_steps};
            const std::size_t level = static_cast<std::size_t>(size_level);
            constexpr std::size_t row = thirds_of_size + 1,
                                  table = most_components * block_size * row;
            const std::array<Scale*, parametric> scale = {
                &scales_[place * row + level], &scales_[table + place * row + level],
                &scales_[2 * table + place * row + level],
                &scales_[3 * table + std::min<std::size_t>(component_, 1) * row + level]};
            for (std::size_t t = 0; t < parametric; ++t)
                rates_[t] = (1 << 28) / std::max(scale[t]->value, 40);

            const int chroma = std::min(comp, 1), own_place = static_cast<int>(place);
            const int rest_size = std::min(12, halves(std::abs(rest_steps)));
            const int band = dc ? 8 : std::min(7, static_cast<int>(i + j));
            const int by_size = 600 + (size_level * 2 + chroma) * 3, by_rest = 600 + rest_size * 64,
                      by_band = 64 + band * 8 + chroma * 4,
                      by_place = 256 + (k >> 1) * 64 + (last >> 2) * 4,
                      by_sizes =
                          330 + ((std::min(12, near_level) * 13 + std::min(12, inner_level)) * 2 +
                                 chroma) *
                                    4;
            int value = 0;
            if constexpr (Coder::encodes) value = own[r] - static_cast<int>(whole);
            bool other = true;  // than 0
            if (k != last || dc) {
                for (std::size_t t = 0; t < parametric; ++t)
                    odds_[t] = -odds_of(below(t, 128) - below(t, -128), 1 << 28);
                sets_ = {256 + own_place, by_size,  by_rest + count * 4,
                         by_band,         by_place, by_sizes};
                other = decide(value != 0, 0) != 0;
            }
            if (other) {
                for (std::size_t t = 0; t < parametric; ++t) {
                    const Int a = below(t, -128);
                    odds_[t] = odds_of(a, a + (1 << 28) - below(t, 128));
                }
                sets_ = {512 + own_place,
                         by_size + 1,
                         by_rest + std::min(15, halves(std::abs(middle_steps))) * 4 + 1,
                         by_band + 1,
                         by_place + 1,
                         by_sizes + 1};
                const int negative = decide(value < 0, 1);
                value = magnitude(std::abs(value), negative, own_place, size_level, rest_size,
                                  count, {by_band, by_place, by_sizes, by_rest});
                if (negative != 0) value = -value;
            } else {
                value = 0;
            }

            // Learn.
            for (std::size_t t = 0; t < parametric; ++t) {
                const Int miss = (std::abs(Int{value} * 256 - means_[t]) * 154 >> 4) + 82;
                Scale& of = *scale[t];
                const Int rate = std::max(1311, 65536 / (1 + of.uses));
                of.value = static_cast<std::int32_t>(
                    std::min<Int>(of.value + ((miss - of.value) * rate >> 16), 1 << 30));
                of.uses = std::min(of.uses + 1, 100);
            }
            const Int full = value + whole;
            if (full < -32767 || full > 32767)
                throw std::invalid_argument("a coefficient of a JPEG stream is out of range");
            quantised_[r] = static_cast<std::int16_t>(full);
            own[r] = quantised_[r];
            known_[r] =
                static_cast<std::int32_t>(std::clamp<Int>(full * step, -(1 << 20), 1 << 20));
            const Int floor = ((19661 + expected * expected) >> 8) * step * step;
            signed_model.learn(kernels_, x, (Int{known_[r]} * 16 - predicted) >> shift_, 300,
                               (floor >> (2 * shift_ - 4)) + 1);
            size_model.learn(kernels_, y, (std::abs(Int{value}) * one - predicted_size) >> shift_,
                             120, (one * one >> (2 * shift_ + 3)) + 1);
            if (!dc) {
                before2 = before1;
                before1 = quantised_[r];
                nonzero += value != 0 ? 1 : 0;
                size_sum += std::abs(Int{quantised_[r]}) * step;
            }
            rows[i] += outside[j] * known_[r];
            columns[j] += outside[i] * known_[r];
        }
        return nonzero;
    }

    struct Surroundings {  // sizes of places nearby, dequantised, in units of 2^-4
        Int inside = 0;    // in the block itself
        Int blocks = 0, left = 0, above = 0, above_right = 0;
        Int luma = 0;
        Int row = 0, column = 0;  // of what is known of the row and the column, summed up
    };
    Surroundings surroundings(const Around& at, std::size_t i, std::size_t j) const {
        Surroundings found;
        Int weights = 0;
        const std::size_t top = i < 2 ? 0 : i - 2, bottom = std::min<std::size_t>(7, i + 2);
        const std::size_t first = j < 2 ? 0 : j - 2, end = std::min<std::size_t>(7, j + 2);
        for (std::size_t a = top; a <= bottom; ++a)
            for (std::size_t b = first; b <= end; ++b) {
                const Int w = inside_weights[a + 2 - i][b + 2 - j];
                if (w == 0 || a + b == 0) continue;
                found.inside += w * std::abs(known_[a * 8 + b]);
                weights += w;
            }
        found.inside = (found.inside << 4) / weights;
        weights = 0;
        for (std::size_t a = i == 0 ? 0 : i - 1; a <= std::min<std::size_t>(7, i + 1); ++a)
            for (std::size_t b = j == 0 ? 0 : j - 1; b <= std::min<std::size_t>(7, j + 1); ++b) {
                if (a + b == 0) continue;
                const std::size_t n = a * 8 + b;
                const Int w = 6 / (1 + (a != i ? 1 : 0) + (b != j ? 1 : 0)), ws = w * step_[n];
                const Int l = std::abs(at.left[n]), u = std::abs(at.above[n]),
                          ur = std::abs(at.above_right[n]);
                found.blocks += ws * (2 * (l + u) + std::abs(at.above_left[n]) + ur);
                found.left += ws * l;
                found.above += ws * u;
                found.above_right += ws * ur;
                found.luma += w * std::abs(at.luma[n]);
                weights += w;
            }
        found.blocks = (found.blocks << 4) / (6 * weights);
        found.left = (found.left << 4) / weights;
        found.above = (found.above << 4) / weights;
        found.above_right = (found.above_right << 4) / weights;
        found.luma /= weights;
        for (std::size_t t = j + 1; t < 8; ++t) found.row += std::abs(known_[i * 8 + t]);
        for (std::size_t t = i + 1; t < 8; ++t) found.column += std::abs(known_[t * 8 + j]);
        found.row <<= 4;
        found.column <<= 4;
        return found;
    }

    struct SetsBy {
        int band, place, sizes, rest;
    };
    // A magnitude of 1 or more: the length of its number in unary, and then its bits.
    int magnitude(int of, int negative, int place, int size_level, int rest_size, int count,
                  const SetsBy& by) {
        int length = 1;
        while (true) {
            for (std::size_t t = 0; t < parametric; ++t)
                odds_[t] =
                    odds_of(tail(t, 1 << length, negative), tail(t, 1 << (length - 1), negative));
            sets_ = {768 + place * 4 + std::min(length, 3),
                     1000 + size_level * 10 + std::min(length, 9),
                     by.rest + count * 4 + (length > 1 ? 3 : 2),
                     by.band + 2,
                     by.place + 2,
                     by.sizes + 2};
            if (decide(of >= 1 << length, 2 * std::min(length, 7) + negative) == 0) break;
            if (++length > 16)
                throw std::invalid_argument("a coefficient of a JPEG stream is out of range");
        }
        int low = 1 << (length - 1), high = 1 << length, known = 1;
        if (length > 1) find(2 * length + negative);
        for (int bit = length - 2; bit >= 0; --bit) {
            const int middle = low + (1 << bit), depth = length - 2 - bit;
            for (std::size_t t = 0; t < parametric; ++t) {
                const Int beyond = tail(t, high, negative);
                odds_[t] =
                    odds_of(tail(t, middle, negative) - beyond, tail(t, low, negative) - beyond);
            }
            sets_ = {1792 + place * 4 + std::min(depth, 3),
                     1500 + size_level * 10 + std::min(length, 9),
                     1432 + rest_size * 16 + std::min(length, 7) * 2 + (depth > 0 ? 1 : 0),
                     by.band + 3,
                     by.place + 3,
                     by.sizes + 3};
            const int one = decide(of >= middle, depth < 3 ? known : 8 + std::min(depth, 7));
            (one != 0 ? low : high) = middle;
            known = 2 * known + one;
        }
        return low;
    }

    // The keys of a kind of decisions and a place, or block_size for all of them.
    void begin_keys(int kind, std::size_t place) {
        const std::uint64_t first = component_ * 4 + static_cast<std::uint64_t>(kind);
        start_ = hash_word(0, first * 128 + place);
    }
    void key(std::size_t c, int value) {
        mixer_.keys(0)[c] =
            hash_word(start_ + c, static_cast<std::uint64_t>(static_cast<std::uint32_t>(value)));
    }
    void find(int node) { mixer_.find(0, 0, static_cast<std::uint32_t>(node)); }

    // The distribution function of a prediction at x, in units of 2^-8 of a step; 2^28 is 1.
    Int below(std::size_t t, Int x) const {
        const Int odds = std::clamp<Int>((x - means_[t]) * rates_[t] >> 12, -65536, 65535);
        return logistic_.squash(static_cast<std::int32_t>(odds));
    }
    // That of a magnitude of low or more, with this sign.
    Int tail(std::size_t t, int low, int negative) const {
        const Int x = Int{low} * 256 - 128;
        return below(t, negative != 0 ? -x : 2 * means_[t] - x);
    }
    std::int32_t odds_of(Int part, Int whole) const {
        const Int p = std::clamp<Int>(((part + 1) << 22) / (whole + 2), 420, (1 << 22) - 420);
        return logistic_.stretch(static_cast<std::uint32_t>(p));
    }

    int decide(bool bit, int place) {
        std::uint32_t* sets = mixer_.values(0);
        for (std::size_t m = 0; m < mixers; ++m) sets[m] = static_cast<std::uint32_t>(sets_[m]);
        std::int16_t* features = mixer_.features(0);
        std::int32_t sum = 0;
        for (std::size_t t = 0; t < parametric; ++t) {
            features[t] = static_cast<std::int16_t>(std::clamp(odds_[t], -8192, 8192));
            sum += odds_[t];
        }
        mixer_.again(0);
        mixer_.start(0);
        mixer_.look(0, 0, 1, static_cast<std::uint32_t>(place), sum >> 2);
        mixer_.mix(0, 0);
        const std::int32_t one = std::clamp(mixer_.predict(0, 0) >> 12, 1, 65535);
        const std::uint32_t coded = coder_.bit(static_cast<std::uint32_t>(one), bit ? 1 : 0);
        mixer_.learn(0, coded);
        return static_cast<int>(coded);
    }

    MixingSettings settings_ = mixing_settings();
    const LogisticTables& logistic_;
    const MixingKernels& kernels_ = mixing_kernels();
    Coder& coder_;
    ContextMixer mixer_;
    std::array<LinearModel, most_components * block_size> signed_, sizes_;
    std::array<Scale, parametric * most_components * block_size*(thirds_of_size + 1)> scales_;
    // Of the component.
    std::size_t component_ = 0;
    unsigned shift_ = 2;
    std::array<Int, block_size> step_{}, inverse_{}, before_step_{};
    // Of the block.
    std::array<std::int16_t, block_size> quantised_{};
    std::array<std::int32_t, block_size> known_{};
    // Of the coefficient and its decisions.
    std::uint64_t start_ = 0;
    std::array<Int, parametric> means_{}, rates_{};
    std::array<std::int32_t, parametric> odds_{};
    std::array<int, mixers> sets_{};
};

}  // namespace bitsback::jpeg
