// Searches for the quantised coefficients of a block whose samples are known or bounded. Floats
// only choose what to try; results are verified in integers.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "pixels.hpp"
#include "quantities.hpp"

namespace bitsback::jpeg {

using Values = std::array<float, block_size>;

// Orthonormal basis functions of a row: [pixel][frequency].
inline constexpr auto row_functions = [] {
    // cos(n pi / 16)
    constexpr std::array<double, 9> cosines = {1,
                                               0.98078528040323044913,
                                               0.92387953251128675613,
                                               0.83146961230254523708,
                                               0.70710678118654752440,
                                               0.55557023301960222474,
                                               0.38268343236508977173,
                                               0.19509032201612826785,
                                               0};
    std::array<std::array<float, 8>, 8> functions{};
    for (std::size_t x = 0; x < 8; ++x)
        for (std::size_t f = 0; f < 8; ++f) {
            std::size_t n = (2 * x + 1) * f % 32;
            if (n > 16) n = 32 - n;
            const double cosine = n > 8 ? -cosines[16 - n] : cosines[n];
            functions[x][f] = static_cast<float>(0.5 * (f == 0 ? cosines[4] : cosine));
        }
    return functions;
}();

// Basis functions of a block: [place][pixel].
inline constexpr auto basis_functions = [] {
    std::array<Values, block_size> functions{};
    for (std::size_t r = 0; r < block_size; ++r)
        for (std::size_t p = 0; p < block_size; ++p)
            functions[r][p] = row_functions[p / 8][r / 8] * row_functions[p % 8][r % 8];
    return functions;
}();

// The transform of a row of samples.
template <class Sample>
std::array<float, 8> transform_row(const Sample* samples) {
    std::array<float, 8> values{};
    for (std::size_t x = 0; x < 8; ++x)
        for (std::size_t f = 0; f < 8; ++f)
            values[f] += static_cast<float>(samples[x]) * row_functions[x][f];
    return values;
}

// Adds the transformed row y to the transform of a block.
inline void add_row(const std::array<float, 8>& row, std::size_t y, Values& values) {
    for (std::size_t g = 0; g < 8; ++g)
        for (std::size_t f = 0; f < 8; ++f) values[8 * g + f] += row[f] * row_functions[y][g];
}

// The transform of samples less 128.
inline Values transform(const Values& samples) {
    Values values{};
    for (std::size_t y = 0; y < 8; ++y) add_row(transform_row(&samples[8 * y]), y, values);
    return values;
}

// Bounds of the samples of a component, block by block, and estimates within them.
struct Bounds {
    static constexpr std::int16_t far = 2000;  // beyond all samples

    std::size_t rows, columns;  // of blocks
    std::vector<std::int16_t> low, high, guess;

    Bounds(std::size_t block_rows, std::size_t block_columns)
        : rows(block_rows),
          columns(block_columns),
          low(rows * columns * block_size, -far),
          high(rows * columns * block_size, far),
          guess(rows * columns * block_size, outside) {}

    std::size_t place(std::size_t row, std::size_t column) const {
        return (row / 8 * columns + column / 8) * block_size + row % 8 * 8 + column % 8;
    }
    // Sets the bounds of a sample. Samples that the decoder may have clamped have one bound, or
    // none.
    void set(std::size_t at, int level, int least, int most) {
        guess[at] = static_cast<std::int16_t>(level);
        low[at] = static_cast<std::int16_t>(least == 0 ? -far : least);
        high[at] = static_cast<std::int16_t>(most == 255 ? far : most);
    }

    static constexpr std::int16_t outside = -1;  // the estimate of a sample that no pixel needs
};

// Steps in row-major order.
using NaturalSteps = std::array<float, block_size>;

class BlockSearch {
  public:
    explicit BlockSearch(const Steps& steps) {
        for (std::size_t k = 0; k < block_size; ++k) {
            steps_[natural[k]] = steps[k];
            integers_[natural[k]] = steps[k];
        }
        for (std::size_t r = 0; r < block_size; ++r)
            for (std::size_t p = 0; p < block_size; ++p)
                change_[r][p] = basis_functions[r][p] * steps_[r];
    }

    // Finds coefficients. Returns the number of samples that are out of bounds.
    int solve(const Bounds& bounds, std::size_t block, std::int16_t* coefficients) {
        start(bounds, block * block_size);
        int wrong = mismatches(coefficients);
        for (int turn = 0; turn < most_turns && wrong > 0; ++turn) {
            if (!improve()) break;
            wrong = mismatches(coefficients);
        }
        return wrong;
    }

    // The samples to which coefficients decode.
    std::array<std::uint8_t, block_size> samples(const std::int16_t* coefficients) const {
        std::array<std::int32_t, block_size> block;
        std::array<std::uint8_t, block_size> made;
        for (std::size_t r = 0; r < block_size; ++r) block[r] = coefficients[r] * integers_[r];
        block_samples(block, made.data(), 8);
        return made;
    }
    const NaturalSteps& steps() const { return steps_; }

  private:
    static constexpr int most_turns = 24, most_projections = 12;
    static constexpr std::size_t uncertain = 16;

    void start(const Bounds& bounds, std::size_t first) {
        bool open = false;
        float sum = 0;
        int count = 0;
        Values goal;
        for (std::size_t p = 0; p < block_size; ++p) {
            const std::int16_t guess = bounds.guess[first + p];
            low_[p] = static_cast<float>(bounds.low[first + p]) - 128.5f;
            high_[p] = static_cast<float>(bounds.high[first + p]) - 127.5f;
            open = open || high_[p] - low_[p] > 1;
            goal[p] = static_cast<float>(guess) - 128;
            if (guess == Bounds::outside) continue;
            sum += goal[p];
            ++count;
        }
        for (std::size_t p = 0; p < block_size; ++p)
            if (bounds.guess[first + p] == Bounds::outside)
                goal[p] = count > 0 ? sum / static_cast<float>(count) : 0;
        round(goal);
        cost_ = excess(pixels_);
        for (int turn = 0; open && turn < most_projections && cost_ > 0; ++turn) {
            for (std::size_t p = 0; p < block_size; ++p)
                goal[p] = std::clamp(pixels_[p], low_[p] + 0.5f, high_[p] - 0.5f);
            const auto before = levels_;
            const Values pixels = pixels_;
            const float cost = cost_;
            round(goal);
            cost_ = excess(pixels_);
            if (cost_ >= cost) {
                levels_ = before;
                pixels_ = pixels;
                cost_ = cost;
                break;
            }
        }
    }

    void round(const Values& goal) {
        const Values found = transform(goal);
        pixels_.fill(0);
        for (std::size_t r = 0; r < block_size; ++r) {
            levels_[r] = std::nearbyint(found[r] / steps_[r]);
            if (levels_[r] != 0)
                for (std::size_t p = 0; p < block_size; ++p)
                    pixels_[p] += levels_[r] * change_[r][p];
        }
    }

    template <class Pixel>
    float excess_of(const Pixel& pixel) const {
        std::array<float, 8> sums{};
        for (std::size_t p = 0; p < block_size; p += 8)
            for (std::size_t i = 0; i < 8; ++i) {
                const float x = pixel(p + i);
                const float over = std::max(std::max(low_[p + i] - x, x - high_[p + i]), 0.0f);
                sums[i] += over * over;
            }
        return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
    }
    float excess(const Values& pixels) const {
        return excess_of([&](std::size_t p) { return pixels[p]; });
    }
    float excess_with(const Values& pixels, const Values& change, float times) const {
        return excess_of([&](std::size_t p) { return pixels[p] + times * change[p]; });
    }

    void move(std::size_t place, float times) {
        levels_[place] += times;
        for (std::size_t p = 0; p < block_size; ++p) pixels_[p] += times * change_[place][p];
    }

    // Changes one or two coefficients so that samples come nearer to their bounds. Returns false if
    // no change does.
    bool improve() {
        struct Flip {
            float cost;
            std::size_t place;
            float times;
        };
        std::array<Flip, 2 * block_size> flips;
        for (std::size_t r = 0; r < block_size; ++r)
            for (std::size_t s = 0; s < 2; ++s) {
                const float times = s == 0 ? 1.0f : -1.0f;
                flips[2 * r + s] = {excess_with(pixels_, change_[r], times), r, times};
            }
        std::partial_sort(flips.begin(), flips.begin() + uncertain, flips.end(),
                          [](const Flip& a, const Flip& b) { return a.cost < b.cost; });
        float best = cost_ * 0.9999f;
        std::size_t first = flips.size(), second = flips.size();
        if (flips[0].cost < best) {
            best = flips[0].cost;
            first = 0;
        }
        for (std::size_t i = 0; i + 1 < uncertain; ++i) {
            Values with;
            for (std::size_t p = 0; p < block_size; ++p)
                with[p] = pixels_[p] + flips[i].times * change_[flips[i].place][p];
            for (std::size_t j = i + 1; j < uncertain; ++j) {
                if (flips[j].place == flips[i].place) continue;
                const float cost = excess_with(with, change_[flips[j].place], flips[j].times);
                if (cost < best) {
                    best = cost;
                    first = i;
                    second = j;
                }
            }
        }
        if (first == flips.size()) return false;
        move(flips[first].place, flips[first].times);
        if (second < flips.size()) move(flips[second].place, flips[second].times);
        cost_ = best;
        return true;
    }

    int mismatches(std::int16_t* coefficients) const {
        for (std::size_t r = 0; r < block_size; ++r)
            coefficients[r] = static_cast<std::int16_t>(levels_[r]);
        const auto made = samples(coefficients);
        int wrong = 0;
        for (std::size_t p = 0; p < block_size; ++p)
            wrong += made[p] < low_[p] + 128.5f || made[p] > high_[p] + 127.5f;
        return wrong;
    }

    NaturalSteps steps_{};
    std::array<std::int32_t, block_size> integers_{};
    std::array<Values, block_size> change_;
    Values low_, high_, pixels_, levels_;
    float cost_ = 0;
};

}  // namespace bitsback::jpeg
