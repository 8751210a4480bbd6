// Recovers the samples of chroma from the smoothly upsampled pixels.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "step_search.hpp"

namespace bitsback::jpeg {

// The upsampling along rows or columns: with two pixels per sample, a pixel is 3/4 of one sample
// and 1/4 of its neighbour.
class Taps {
  public:
    struct Pixel {
        std::size_t near, far;
    };
    struct Use {
        std::size_t pixel;
        int weight;
    };

    // first: the place of the first pixel in the frame.
    Taps(std::size_t first, std::size_t count, std::size_t factor)
        : factor_(factor), first_(first), pixels_(count) {
        const std::size_t begin = first / factor, end = (first + count - 1) / factor + 1;
        uses_.resize(end - begin);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t place = first + i, own = place / factor;
            std::size_t other = own;
            if (factor == 2 && place % 2 == 0 && own > begin) other = own - 1;
            if (factor == 2 && place % 2 == 1 && own + 1 < end) other = own + 1;
            pixels_[i] = {own - begin, other - begin};
            if (factor == 1 || other == own) {
                uses_[own - begin].push_back({i, factor == 1 ? 1 : 4});
            } else {
                uses_[own - begin].push_back({i, 3});
                uses_[other - begin].push_back({i, 1});
            }
        }
        factorise();
    }

    std::size_t pixels() const { return pixels_.size(); }
    std::size_t samples() const { return uses_.size(); }
    std::size_t place(std::size_t pixel) const { return first_ + pixel; }
    const Pixel& pixel(std::size_t number) const { return pixels_[number]; }
    const std::vector<Use>& uses(std::size_t sample) const { return uses_[sample]; }
    // Whether the pixel depends on a sample of the frame that lies outside of the picture.
    bool begins_outside(std::size_t pixel) const {
        return factor_ == 2 && pixel == 0 && first_ % 2 == 0 && first_ > 0;
    }

    // The least squares solution for samples, in place, for several columns at once.
    void solve(std::vector<float>& pixels, std::size_t columns) const {
        const std::size_t count = samples();
        std::vector<float> sums(count * columns, 0.0f);
        const float unit = factor_ == 1 ? 1.0f : 0.25f;
        for (std::size_t i = 0; i < count; ++i)
            for (const Use& use : uses_[i])
                for (std::size_t x = 0; x < columns; ++x)
                    sums[i * columns + x] +=
                        unit * static_cast<float>(use.weight) * pixels[use.pixel * columns + x];
        for (std::size_t i = 1; i < count; ++i)
            for (std::size_t x = 0; x < columns; ++x)
                sums[i * columns + x] -= below_[i] * sums[(i - 1) * columns + x];
        for (std::size_t i = count; i-- > 0;)
            for (std::size_t x = 0; x < columns; ++x) {
                const float next = i + 1 < count ? sums[(i + 1) * columns + x] : 0.0f;
                sums[i * columns + x] = (sums[i * columns + x] - above_[i] * next) * inverse_[i];
            }
        pixels = std::move(sums);
    }

    // The unrounded pixels of samples, in place.
    void upsample(std::vector<float>& samples, std::size_t columns) const {
        std::vector<float> made(pixels_.size() * columns);
        const float own = factor_ == 1 ? 1.0f : 0.75f, other = 1 - own;
        for (std::size_t i = 0; i < pixels_.size(); ++i)
            for (std::size_t x = 0; x < columns; ++x)
                made[i * columns + x] = own * samples[pixels_[i].near * columns + x] +
                                        other * samples[pixels_[i].far * columns + x];
        samples = std::move(made);
    }

  private:
    // The LU factors of the tridiagonal equations of least squares.
    void factorise() {
        const std::size_t count = samples();
        std::vector<float> own(count, 0), next(count, 0);
        for (const Pixel& pixel : pixels_) {
            if (pixel.near == pixel.far) {
                own[pixel.near] += 1;
                continue;
            }
            own[pixel.near] += 0.5625f;
            own[pixel.far] += 0.0625f;
            next[std::min(pixel.near, pixel.far)] += 0.1875f;
        }
        below_.assign(count, 0);
        above_ = next;
        inverse_.assign(count, 0);
        for (std::size_t i = 0; i < count; ++i) {
            if (i > 0) {
                below_[i] = next[i - 1] * inverse_[i - 1];
                own[i] -= below_[i] * next[i - 1];
            }
            inverse_[i] = 1 / own[i];
        }
    }

    std::size_t factor_, first_;
    std::vector<Pixel> pixels_;
    std::vector<std::vector<Use>> uses_;
    std::vector<float> below_, above_, inverse_;
};

inline void transpose(std::vector<float>& values, std::size_t rows, std::size_t columns) {
    std::vector<float> made(values.size());
    for (std::size_t y = 0; y < rows; ++y)
        for (std::size_t x = 0; x < columns; ++x) made[x * rows + y] = values[y * columns + x];
    values = std::move(made);
}

// The search for the samples of a plane of pixels, some of which are known.
class ChromaSearch {
  public:
    ChromaSearch(const Plane& pixels, std::size_t top, std::size_t left, std::size_t down,
                 std::size_t across)
        : pixels_(pixels),
          rows_(top, pixels.rows, down),
          columns_(left, pixels.columns, across),
          down_(down),
          across_(across) {
        nearest();
    }

    std::size_t rows() const { return rows_.samples(); }
    std::size_t columns() const { return columns_.samples(); }

    // The samples. Those that reproduce all of their pixels are known.
    Plane samples() const {
        Plane made(rows(), columns());
        for (std::size_t i = 0; i < rows(); ++i)
            for (std::size_t j = 0; j < columns(); ++j) {
                const std::size_t at = i * columns() + j;
                const int own = std::clamp(levels_[at], 0, 255);
                const auto [known, right] = look(i, j);
                const int doubt = !known ? 255 : right ? 0 : 1;
                made.set(at, own, std::max(own - doubt, 0), std::min(own + doubt, 255));
            }
        return made;
    }

    // Changes samples until they reproduce the pixels, or no change of one or two reduces the
    // error.
    void refine() {
        for (int turn = 0; turn < most_turns; ++turn) {
            bool changed = false;
            for (std::size_t i = 0; i < rows(); ++i)
                for (std::size_t j = 0; j < columns(); ++j)
                    if (cost(i, j) > 0) changed = refine(i, j) || changed;
            if (!changed) break;
        }
    }

    // Sets the samples of a block, at this place of the component, from its coefficients. Changes
    // the coefficients until they reproduce the pixels, or no change reduces the error.
    void judge(const BlockSearch& search, std::size_t block_row, std::size_t block_column,
               std::size_t first_row, std::size_t first_column, std::int16_t* coefficients) {
        const std::size_t row = block_row - first_row, column = block_column - first_column;
        auto best = put(row, column, search.samples(coefficients));
        for (int turn = 0; turn < most_turns && best > 0; ++turn) {
            struct Flip {
                std::int64_t cost;
                std::size_t place;
                std::int16_t times;
            };
            std::array<Flip, 2 * tried> flips;
            const auto trial = [&](std::size_t place, std::int16_t times) {
                coefficients[place] = static_cast<std::int16_t>(coefficients[place] + times);
                const auto cost = put(row, column, search.samples(coefficients));
                coefficients[place] = static_cast<std::int16_t>(coefficients[place] - times);
                return cost;
            };
            const auto places = promising(search, row, column);
            for (std::size_t i = 0; i < tried; ++i) {
                flips[2 * i] = {trial(places[i], 1), places[i], 1};
                flips[2 * i + 1] = {trial(places[i], -1), places[i], -1};
            }
            std::partial_sort(flips.begin(), flips.begin() + uncertain, flips.end(),
                              [](const Flip& a, const Flip& b) { return a.cost < b.cost; });
            std::size_t first = flips.size(), second = flips.size();
            const auto before = best;
            if (flips[0].cost < best) {
                best = flips[0].cost;
                first = 0;
            }
            for (std::size_t i = 0; i + 1 < uncertain; ++i) {
                std::int16_t& one = coefficients[flips[i].place];
                one = static_cast<std::int16_t>(one + flips[i].times);
                for (std::size_t j = i + 1; j < uncertain; ++j) {
                    if (flips[i].place == flips[j].place) continue;
                    const auto cost = trial(flips[j].place, flips[j].times);
                    if (cost < best) {
                        best = cost;
                        first = i;
                        second = j;
                    }
                }
                one = static_cast<std::int16_t>(one - flips[i].times);
            }
            if (best < before) {
                for (const std::size_t flip : {first, second})
                    if (flip < flips.size())
                        coefficients[flips[flip].place] = static_cast<std::int16_t>(
                            coefficients[flips[flip].place] + flips[flip].times);
            }
            put(row, column, search.samples(coefficients));
            if (best == before) break;
        }
    }

  private:
    static constexpr int most_turns = 8, fillings = 4;
    static constexpr std::size_t tried = 16, uncertain = 9;  // coefficients and changes of them

    // The coefficients of a block, sorted by how well a change by a step would match the errors of
    // the pixels.
    std::array<std::size_t, block_size> promising(const BlockSearch& search, std::size_t row,
                                                  std::size_t column) const {
        Values pulls{};
        for (std::size_t p = 0; p < block_size; ++p) {
            const std::size_t i = row + p / 8, j = column + p % 8;
            if (i >= rows() || j >= columns()) continue;
            int pull = 0;
            for (const Taps::Use& y : rows_.uses(i))
                for (const Taps::Use& x : columns_.uses(j)) {
                    const std::size_t at = y.pixel * columns_.pixels() + x.pixel;
                    const int over = excess(y.pixel, x.pixel, sums_[at]);
                    if (over == 0) continue;
                    const bool above = excess(y.pixel, x.pixel, sums_[at] - 1) < over;
                    pull += (above ? -over : over) * y.weight * x.weight;
                }
            pulls[p] = static_cast<float>(pull);
        }
        const Values found = transform(pulls);
        std::array<std::size_t, block_size> places;
        std::iota(places.begin(), places.end(), std::size_t{0});
        const auto gain = [&](std::size_t r) { return std::abs(found[r]) / search.steps()[r]; };
        std::partial_sort(places.begin(), places.begin() + tried, places.end(),
                          [&](std::size_t a, std::size_t b) { return gain(a) > gain(b); });
        return places;
    }

    // Sets the samples to the rounded least squares solution.
    void nearest() {
        const std::size_t height = rows_.pixels(), width = columns_.pixels();
        std::vector<float> goal(pixels_.levels.begin(), pixels_.levels.end()), samples;
        bool open = false;
        for (std::size_t at = 0; at < goal.size(); ++at) open = open || !pixels_.known(at);
        for (int turn = 0; turn < fillings; ++turn) {
            samples = goal;
            rows_.solve(samples, width);
            transpose(samples, rows(), width);
            columns_.solve(samples, rows());
            transpose(samples, columns(), rows());
            if (!open || turn + 1 == fillings) break;
            auto again = samples;
            rows_.upsample(again, columns());
            transpose(again, height, columns());
            columns_.upsample(again, height);
            transpose(again, width, height);
            for (std::size_t at = 0; at < goal.size(); ++at)
                goal[at] = pixels_.known(at)
                               ? goal[at]
                               : std::clamp<float>(again[at], pixels_.low[at], pixels_.high[at]);
        }
        levels_.resize(samples.size());
        for (std::size_t at = 0; at < samples.size(); ++at)
            levels_[at] = std::clamp(static_cast<int>(std::nearbyint(samples[at])), 0, 255);
        sums_.assign(height * width, 0);
        for (std::size_t i = 0; i < rows(); ++i)
            for (std::size_t j = 0; j < columns(); ++j) add(i, j, levels_[i * columns() + j]);
    }

    void add(std::size_t i, std::size_t j, int change) {
        for (const Taps::Use& y : rows_.uses(i))
            for (const Taps::Use& x : columns_.uses(j))
                sums_[y.pixel * columns_.pixels() + x.pixel] += change * y.weight * x.weight;
    }

    // The error of the weighted sum of a pixel, in units of the sum.
    int excess(std::size_t y, std::size_t x, int sum) const {
        const std::size_t at = y * columns_.pixels() + x;
        if (rows_.begins_outside(y) || columns_.begins_outside(x)) return 0;
        const int unit = static_cast<int>(down_ * across_ * down_ * across_);
        int bias = 0;
        if (across_ == 2)
            bias = columns_.place(x) % 2 == 0 ? (down_ == 2 ? 8 : 1) : (down_ == 2 ? 7 : 2);
        else if (down_ == 2)
            bias = rows_.place(y) % 2 == 0 ? 1 : 2;
        const int low = pixels_.low[at] == 0 ? 0 : unit * pixels_.low[at] - bias;
        const int high = unit * pixels_.high[at] + unit - 1 - bias;
        return std::max({low - sum, sum - high, 0});
    }

    // The cost of the pixels that depend on a sample, after a change of it.
    std::int64_t cost(std::size_t i, std::size_t j, int change = 0) const {
        std::int64_t sum = 0;
        for (const Taps::Use& y : rows_.uses(i))
            for (const Taps::Use& x : columns_.uses(j)) {
                const int over = excess(
                    y.pixel, x.pixel,
                    sums_[y.pixel * columns_.pixels() + x.pixel] + change * y.weight * x.weight);
                sum += over * over;
            }
        return sum;
    }
    // Whether a known pixel depends mostly on a sample, and whether all pixels of the sample are
    // right.
    std::pair<bool, bool> look(std::size_t i, std::size_t j) const {
        const int most = (down_ == 2 ? 3 : 1) * (across_ == 2 ? 3 : 1);
        bool known = false, right = true;
        for (const Taps::Use& y : rows_.uses(i))
            for (const Taps::Use& x : columns_.uses(j)) {
                const std::size_t at = y.pixel * columns_.pixels() + x.pixel;
                right = right && excess(y.pixel, x.pixel, sums_[at]) == 0;
                known =
                    known || (pixels_.known(at) && y.weight * x.weight >= most &&
                              !rows_.begins_outside(y.pixel) && !columns_.begins_outside(x.pixel));
            }
        return {known, right};
    }

    void change(std::size_t i, std::size_t j, int by) {
        levels_[i * columns() + j] += by;
        add(i, j, by);
    }

    bool refine(std::size_t i, std::size_t j) {
        const std::int64_t before = cost(i, j);
        std::int64_t best = 0;
        int own = 0, other = 0;
        std::size_t other_i = i, other_j = j;
        for (const int by : {1, -1, 2, -2}) {
            const std::int64_t gain = cost(i, j, by) - before;
            if (gain < best) {
                best = gain;
                own = by;
            }
        }
        if (own == 0) {
            for (const int by : {1, -1}) {
                const std::int64_t first = cost(i, j, by) - before;
                change(i, j, by);
                for (int y = -1; y <= 1; ++y)
                    for (int x = -1; x <= 1; ++x) {
                        const std::size_t near_i = i + static_cast<std::size_t>(y),
                                          near_j = j + static_cast<std::size_t>(x);
                        if ((y == 0 && x == 0) || near_i >= rows() || near_j >= columns()) continue;
                        const std::int64_t now = cost(near_i, near_j);
                        for (const int more : {1, -1}) {
                            const std::int64_t gain = first + cost(near_i, near_j, more) - now;
                            if (gain < best) {
                                best = gain;
                                own = by;
                                other = more;
                                other_i = near_i;
                                other_j = near_j;
                            }
                        }
                    }
                change(i, j, -by);
            }
        }
        if (best == 0) return false;
        change(i, j, own);
        if (other != 0) change(other_i, other_j, other);
        return true;
    }

    // Sets the samples of a block. Returns the cost of all pixels that depend on them.
    std::int64_t put(std::size_t row, std::size_t column,
                     const std::array<std::uint8_t, block_size>& made) {
        std::size_t top = ~std::size_t{0}, bottom = 0, left = ~std::size_t{0}, right = 0;
        for (std::size_t p = 0; p < block_size; ++p) {
            const std::size_t i = row + p / 8, j = column + p % 8;  // may be above 0
            if (i >= rows() || j >= columns()) continue;
            const int by = made[p] - levels_[i * columns() + j];
            if (by != 0) change(i, j, by);
            top = std::min(top, rows_.uses(i).front().pixel);
            bottom = std::max(bottom, rows_.uses(i).back().pixel);
            left = std::min(left, columns_.uses(j).front().pixel);
            right = std::max(right, columns_.uses(j).back().pixel);
        }
        std::int64_t sum = 0;
        if (top <= bottom)
            for (std::size_t y = top; y <= bottom; ++y)
                for (std::size_t x = left; x <= right; ++x) {
                    const int over = excess(y, x, sums_[y * columns_.pixels() + x]);
                    sum += over * over;
                }
        return sum;
    }

    const Plane& pixels_;
    Taps rows_, columns_;
    std::size_t down_, across_;
    std::vector<int> levels_;  // the samples
    std::vector<int> sums_;    // of each pixel
};

}  // namespace bitsback::jpeg
