// Estimates the grid of blocks and the steps of quantisation from samples.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "block_search.hpp"

namespace bitsback::jpeg {

inline constexpr int most_step = 255;
inline constexpr std::size_t few_levels = 3;

// libjpeg's tables of luma and chroma (T.81, annex K), in row-major order.
inline constexpr std::array<std::array<std::uint8_t, block_size>, 2> usual_steps = {{
    {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,  //
     14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,  //
     18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,  //
     49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99},
    {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,  //
     24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,  //
     99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,  //
     99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99},
}};

// The usual table for a quality from 1 to 100.
inline int usual_step(std::size_t table, std::size_t place, int quality) {
    const int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    return std::clamp((usual_steps[table][place] * scale + 50) / 100, 1, most_step);
}

// Estimates steps from the coefficients of some blocks.
class StepSearch {
  public:
    void add(const Values& coefficients) {
        for (std::size_t r = 0; r < block_size; ++r)
            if (std::abs(coefficients[r]) > 1.3f && values_[r].size() < most_values)
                values_[r].push_back(std::abs(coefficients[r]));
    }

    // The most likely steps in zigzag order, and the logarithm of their likelihood relative to
    // steps of 1. table: the usual one to compare with.
    std::pair<float, Steps> find(std::size_t table) const {
        std::array<std::array<float, most_step + 1>, block_size> scores;
        std::array<int, block_size> best{};
        float sum = 0;
        for (std::size_t r = 0; r < block_size; ++r) {
            scores[r] = score(values_[r]);
            best[r] = static_cast<int>(std::max_element(scores[r].begin() + 1, scores[r].end()) -
                                       scores[r].begin());
            sum += std::max(scores[r][static_cast<std::size_t>(best[r])] - doubt, 0.0f);
        }
        int quality = 0;
        float most = -1e30f;
        for (int one = 1; one <= 100; ++one) {
            float all = 0;
            for (std::size_t r = 0; r < block_size; ++r)
                all += scores[r][static_cast<std::size_t>(usual_step(table, r, one))];
            if (all > most) {
                most = all;
                quality = one;
            }
        }
        const bool usual = most > 0.5f * sum;
        // In an unusual table, places where all coefficients are 0 get a large step, so that they
        // stay 0.
        Steps steps{};
        std::uint16_t greatest = 1;
        for (std::size_t k = 0; k < block_size; ++k) {
            const std::size_t r = natural[k];
            const auto likely = static_cast<std::size_t>(best[r]);
            const auto expected =
                static_cast<std::size_t>(usual ? usual_step(table, r, quality) : 0);
            // scores[r][0], without an expected step, is 0.
            const bool sure = scores[r][likely] > scores[r][expected] + doubt;
            if (sure || (!usual && values_[r].size() > few_values))
                greatest = std::max(greatest, steps[k] = static_cast<std::uint16_t>(likely));
            else if (usual)
                steps[k] = static_cast<std::uint16_t>(expected);
        }
        for (std::uint16_t& step : steps)
            if (step == 0) step = greatest;
        return {std::max(sum, most), steps};
    }

  private:
    static constexpr std::size_t most_values = 256, few_values = 8;
    static constexpr float doubt = 6;  // required margin of the score

    static std::array<float, most_step + 1> score(const std::vector<float>& values) {
        std::array<float, most_step + 1> scores{};
        for (int step = 1; step <= most_step; ++step) {
            const float size = static_cast<float>(step), inverse = 1 / size;
            const float near = std::log(1.13f * size), far = std::log(0.043f * size);
            float sum = 0;
            for (const float value : values) {
                const float times = static_cast<float>(static_cast<int>(value * inverse + 0.5f));
                const float rest = value - times * size, power = rest * rest;
                sum += times > 0 ? std::max({near - power * 5.5f, far - power * 0.35f, -4.0f})
                                 : std::max(-power * 0.35f, -4.0f);
            }
            scores[static_cast<std::size_t>(step)] = sum;
        }
        return scores;
    }

    std::array<std::vector<float>, block_size> values_;
};

// A plane of bounded samples. A sample is known if its bounds are equal.
struct Plane {
    std::size_t rows, columns;
    std::vector<std::uint8_t> levels;  // estimates within the bounds
    std::vector<std::uint8_t> low, high;

    Plane(std::size_t some_rows, std::size_t some_columns)
        : rows(some_rows),
          columns(some_columns),
          levels(rows * columns),
          low(rows * columns),
          high(rows * columns) {}

    bool known(std::size_t at) const { return low[at] == high[at]; }
    void set(std::size_t at, int level, int least, int most) {
        levels[at] = static_cast<std::uint8_t>(std::clamp(level, least, most));
        low[at] = static_cast<std::uint8_t>(least);
        high[at] = static_cast<std::uint8_t>(most);
    }
};

// A block of samples less 128, and its number of levels.
struct SampledBlock {
    Values samples;
    std::size_t levels;
};

// Nothing if a sample is unknown or may have been clamped.
inline std::optional<SampledBlock> block_at(const Plane& plane, std::size_t row,
                                            std::size_t column) {
    SampledBlock block;
    std::array<std::uint64_t, 4> present{};
    for (std::size_t p = 0; p < block_size; ++p) {
        const std::size_t at = (row + p / 8) * plane.columns + column + p % 8;
        const std::uint8_t level = plane.levels[at];
        if (level == 0 || level == 255 || !plane.known(at)) return std::nullopt;
        block.samples[p] = static_cast<float>(level) - 128;
        present[level / 64] |= std::uint64_t{1} << level % 64;
    }
    block.levels = 0;
    for (const std::uint64_t word : present)
        block.levels += static_cast<std::size_t>(std::popcount(word));
    return block;
}

// Calls take(row, column) for the corners of about `most` blocks of a grid, evenly spaced.
template <class Take>
void visit_blocks(const Plane& plane, std::size_t top, std::size_t left, std::size_t most,
                  const Take& take) {
    if (plane.rows < top + 8 || plane.columns < left + 8) return;
    const std::size_t rows = (plane.rows - top) / 8, columns = (plane.columns - left) / 8;
    const std::size_t count = rows * columns, some = std::min(count, most);
    for (std::size_t i = 0; i < some; ++i) {
        const std::size_t block = i * count / some;
        take(top + 8 * (block / columns), left + 8 * (block % columns));
    }
}

// Counts the coefficients near 0 in the 64 blocks that begin at the first 8 rows and columns.
inline void count_zeros(const Plane& plane, std::size_t row, std::size_t column,
                        std::array<int, block_size>& zeros) {
    std::array<std::array<std::array<float, 8>, 15>, 8> half;  // [left][row][frequency]
    for (std::size_t y = 0; y < 15; ++y)
        for (std::size_t left = 0; left < 8; ++left)
            half[left][y] = transform_row(&plane.levels[(row + y) * plane.columns + column + left]);
    for (std::size_t at = 0; at < block_size; ++at) {
        Values whole{};
        for (std::size_t y = 0; y < 8; ++y) add_row(half[at % 8][at / 8 + y], y, whole);
        for (const float value : whole) zeros[at] += std::abs(value) < 0.75f;
    }
}

// The row and column, from 0 to 7, of the first whole block of the grid: coefficients are 0 much
// more often there than at other places. Nothing if no place stands out.
inline std::optional<std::pair<std::size_t, std::size_t>> find_grid(const Plane& plane) {
    // The excess of zeros per block is 12 to 38 for qualities of 95 to 50, and 2 to 8 in other
    // pictures.
    constexpr int clear = 8, hopeless = 6, least_looks = 4, most_looks = 16;
    std::array<int, block_size> zeros{};
    int looks = 0, above = 0;
    std::size_t place = 0;
    bool open = true;
    visit_blocks(plane, 0, 0, 16 * most_looks, [&](std::size_t row, std::size_t column) {
        if (!open || row + 15 > plane.rows || column + 15 > plane.columns) return;
        const auto block = block_at(plane, row + 4, column + 4);
        if (!block || block->levels < 2 * few_levels) return;
        count_zeros(plane, row, column, zeros);
        ++looks;
        const auto best = std::max_element(zeros.begin(), zeros.end());
        place = static_cast<std::size_t>(best - zeros.begin());
        above = *best - (std::accumulate(zeros.begin(), zeros.end(), 0) - *best) / 63;
        open = looks < 2 || above >= hopeless * looks - 2;
        if (looks == most_looks || (looks >= least_looks && above >= clear * (looks + 2)))
            open = false;
    });
    if (looks == 0 || above < clear * (looks + 2)) return std::nullopt;
    return std::pair{place / 8, place % 8};
}

// The blocks with the most levels. In blocks with few levels rounding errors correlate, so
// coefficients are not near multiples of steps.
class BusyBlocks {
  public:
    void add(const Plane& plane, std::size_t top, std::size_t left) {
        visit_blocks(plane, top, left, most_looks, [&](std::size_t row, std::size_t column) {
            const auto block = block_at(plane, row, column);
            if (block && block->levels >= few_levels) blocks_.push_back(*block);
        });
    }
    std::pair<float, Steps> find_steps(std::size_t table) {
        const std::size_t some = std::min(blocks_.size(), most_blocks);
        std::nth_element(
            blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(some), blocks_.end(),
            [](const SampledBlock& a, const SampledBlock& b) { return a.levels > b.levels; });
        blocks_.resize(some);
        StepSearch search;
        for (const SampledBlock& block : blocks_) search.add(transform(block.samples));
        return search.find(table);
    }
    const std::vector<SampledBlock>& blocks() const { return blocks_; }

  private:
    static constexpr std::size_t most_looks = 2048, most_blocks = 192;

    std::vector<SampledBlock> blocks_;
};

}  // namespace bitsback::jpeg
