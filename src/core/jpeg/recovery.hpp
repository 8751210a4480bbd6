// Recovers the JPEG compression history of pixels: coefficients that decode to exactly these
// pixels, or nearly so. docs/jpeg-format.md, J8.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "chroma_search.hpp"
#include "pixels.hpp"
#include "step_search.hpp"

namespace bitsback::jpeg {

// A decoded JPEG frame that contains the pixels.
struct RecoveredJpeg {
    std::size_t down = 1, across = 1;  // rows and columns of pixels per sample of chroma
    std::size_t top = 0, left = 0;     // of the pixels in the frame
    std::vector<Steps> steps;          // of each component, in zigzag order
    std::vector<Coefficients> planes;

    bool fits(std::size_t rows, std::size_t columns, std::size_t channels) const;
};

// The frame whose pixels from a row and a column on are the picture.
inline Frame frame_of(std::size_t rows, std::size_t columns, std::size_t channels,
                      const RecoveredJpeg& recovered) {
    Frame frame;
    frame.precision = 8;
    frame.height = recovered.top + rows;
    frame.width = recovered.left + columns;
    frame.rows = (frame.height + 8 * recovered.down - 1) / (8 * recovered.down);
    frame.columns = (frame.width + 8 * recovered.across - 1) / (8 * recovered.across);
    for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t down = c == 0 ? recovered.down : 1,
                          across = c == 0 ? recovered.across : 1;
        frame.components.push_back({static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(across),
                                    static_cast<std::uint8_t>(down), 0, frame.rows * down,
                                    frame.columns * across, 0, 0});
    }
    return frame;
}

inline bool RecoveredJpeg::fits(std::size_t rows, std::size_t columns, std::size_t channels) const {
    const Frame frame = frame_of(rows, columns, channels, *this);
    if (planes.size() != channels) return false;
    for (std::size_t c = 0; c < channels; ++c)
        if (planes[c].size() != frame.components[c].blocks() * block_size) return false;
    return true;
}

class JpegRecovery {
  public:
    JpegRecovery(std::span<const std::uint8_t> pixels, std::size_t rows, std::size_t columns,
                 std::size_t channels)
        : pixels_(pixels), rows_(rows), columns_(columns), channels_(channels) {}

    std::optional<RecoveredJpeg> find() {
        if (rows_ < least || columns_ < least) return std::nullopt;
        if (!(channels_ == 1 ? split_grey() : split_colours())) return std::nullopt;
        const auto grid = find_grid(planes_[0]);
        if (!grid) return std::nullopt;
        const auto [top, left] = *grid;
        BusyBlocks blocks;
        blocks.add(planes_[0], top, left);
        const auto [score, steps] = blocks.find_steps(0);
        if (score < least_score) return std::nullopt;
        recovered_.top = (8 - top) % 8;
        recovered_.left = (8 - left) % 8;
        recovered_.steps = {steps};
        if (!succeeds(blocks)) return std::nullopt;
        recovered_.planes.resize(channels_);
        if (channels_ == 1) {
            frame_ = frame_of(rows_, columns_, channels_, recovered_);
            find_luma();
            return std::move(recovered_);
        }
        find_sampling();
        bool bounded = find_chroma(true);
        find_luma();
        for (int turn = 0; bounded && turn < most_turns && bound_chroma(); ++turn) {
            bounded = find_chroma(false);
            find_luma();
        }
        return std::move(recovered_);
    }

  private:
    static constexpr std::size_t least = 16;  // rows and columns
    static constexpr float least_score = 60;
    static constexpr int most_turns = 2;
    static constexpr std::size_t most_strange = 16;
    static constexpr std::size_t window = 192;  // rows and columns, in units of 16

    bool split_grey() {
        planes_.emplace_back(rows_, columns_);
        planes_[0].levels.assign(pixels_.begin(), pixels_.end());
        planes_[0].low = planes_[0].high = planes_[0].levels;
        return true;
    }

    // The inverse of the colour conversion: for each contribution of chroma its level, or -1.
    struct Inverse {
        std::array<std::int16_t, 512> red, blue;

        Inverse() {
            red.fill(-1);
            blue.fill(-1);
            for (int c = 0; c < 256; ++c) {
                const Shift shift(c, c);
                red[static_cast<std::size_t>(shift.red + 256)] = static_cast<std::int16_t>(c);
                blue[static_cast<std::size_t>(shift.blue + 256)] = static_cast<std::int16_t>(c);
            }
        }
        static const Inverse& all() {
            static const Inverse made;
            return made;
        }
    };

    // Converts pixels to luma and chroma where the inverse is unique. Returns false if many pixels
    // have none.
    bool split_colours() {
        const Inverse& inverse = Inverse::all();
        std::size_t strange = 0;  // libjpeg 9 rounds a few pixels differently
        planes_.assign(3, Plane(rows_, columns_));
        for (std::size_t at = 0; at < rows_ * columns_; ++at) {
            const int red = pixels_[3 * at], green = pixels_[3 * at + 1],
                      blue = pixels_[3 * at + 2];
            const bool clamped =
                std::min({red, green, blue}) == 0 || std::max({red, green, blue}) == 255;
            const int near = (19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16;
            int found = 0;
            std::array<int, 3> values = {near, 128 + (blue - near) * 9 / 16,
                                         128 + (red - near) * 5 / 7};
            for (const int luma : {near, near - 1, near + 1}) {
                if (luma < 0 || luma > 255) continue;
                const int cr = inverse.red[static_cast<std::size_t>(red - luma + 256)],
                          cb = inverse.blue[static_cast<std::size_t>(blue - luma + 256)];
                if (cr < 0 || cb < 0 || luma + Shift(cb, cr).green != green) continue;
                if (++found == 1) values = {luma, cb, cr};
            }
            if (found == 0 && !clamped && ++strange > most_strange + at / 64) return false;
            for (std::size_t c = 0; c < 3; ++c) {
                const int value = std::clamp(values[c], 0, 255);
                const bool sure = found == 1 && !clamped;
                planes_[c].set(at, value, sure ? value : 0, sure ? value : 255);
            }
        }
        return true;
    }

    // Whether the steps reproduce some of the blocks exactly.
    bool succeeds(const BusyBlocks& blocks) {
        BlockSearch search(recovered_.steps[0]);
        std::size_t tried = 0, right = 0;
        for (const SampledBlock& block : blocks.blocks()) {
            if (tried == 48) break;
            Bounds bounds(1, 1);
            std::array<std::int16_t, block_size> coefficients;
            for (std::size_t p = 0; p < block_size; ++p) {
                const int level = static_cast<int>(block.samples[p]) + 128;
                bounds.set(p, level, level, level);
            }
            ++tried;
            right += search.solve(bounds, 0, coefficients.data()) == 0;
        }
        return 3 * right >= tried;
    }

    // The part of a plane with the most detail that begins at a whole unit behind the first pixel.
    Plane busiest(const Plane& plane) const {
        const std::size_t rows = std::min(window, rows_), columns = std::min(window, columns_);
        std::size_t best_row = 0, best_column = 0;
        long most = -1;
        for (std::size_t row = 0; row + rows <= rows_; row += window / 2)
            for (std::size_t column = 0; column + columns <= columns_; column += window / 2) {
                long sum = 0;
                for (std::size_t y = row; y < row + rows; y += 2)
                    for (std::size_t x = column; x + 2 < column + columns; x += 2) {
                        const std::size_t at = y * columns_ + x;
                        if (plane.known(at) && plane.known(at + 2))
                            sum += std::abs(plane.levels[at] - plane.levels[at + 2]);
                    }
                if (sum > most) {
                    most = sum;
                    best_row = row;
                    best_column = column;
                }
            }
        Plane part(rows, columns);
        for (std::size_t y = 0; y < rows; ++y)
            for (std::size_t x = 0; x < columns; ++x) {
                const std::size_t at = (best_row + y) * columns_ + best_column + x;
                part.set(y * columns + x, plane.levels[at], plane.low[at], plane.high[at]);
            }
        return part;
    }

    // The share of known samples of a plane, without its edges.
    static double inner_share(const Plane& plane) {
        std::size_t known = 0, all = 0;
        for (std::size_t y = 2; y + 2 < plane.rows; ++y)
            for (std::size_t x = 2; x + 2 < plane.columns; ++x) {
                known += plane.known(y * plane.columns + x);
                ++all;
            }
        return static_cast<double>(known) / static_cast<double>(all);
    }

    // Finds the coarsest sampling whose samples reproduce the pixels of chroma.
    void find_sampling() {
        const std::array<Plane, 2> parts = {busiest(planes_[1]), busiest(planes_[2])};
        recovered_.down = recovered_.across = 1;
        for (const auto& [down, across] :
             {std::pair<std::size_t, std::size_t>{2, 2}, {1, 2}, {2, 1}}) {
            double right = 0, all = 0;
            for (const Plane& part : parts) {
                ChromaSearch search(part, recovered_.top, recovered_.left, down, across);
                search.refine();
                const Plane samples = search.samples();
                right += inner_share(samples);
                all += inner_share(part);
            }
            // 0.94 and more with the right sampling, 0.86 and less with others
            if (right < 0.9 * all) continue;
            recovered_.down = down;
            recovered_.across = across;
            return;
        }
    }

    // Finds the coefficients of chroma, and the place of its units if that is unknown. Returns
    // whether some pixels of chroma are unknown.
    bool find_chroma(bool first) {
        std::vector<ChromaSearch> searches;
        std::vector<Plane> samples;
        for (std::size_t c = 1; c < channels_; ++c) {
            searches.emplace_back(planes_[c], recovered_.top, recovered_.left, recovered_.down,
                                  recovered_.across);
            searches.back().refine();
            samples.push_back(searches.back().samples());
        }
        if (first) find_units(samples);
        for (std::size_t c = 1; c < channels_; ++c) {
            // The place of the units of chroma does not change which samples form a pixel.
            const Component& own = frame_.components[c];
            const std::size_t row = recovered_.top / recovered_.down,
                              column = recovered_.left / recovered_.across;
            Coefficients& plane = recovered_.planes[c];
            plane.assign(own.blocks() * block_size, 0);
            const Plane& known = samples[c - 1];
            Bounds bounds(own.rows, own.columns);
            for (std::size_t i = 0; i < known.rows; ++i)
                for (std::size_t j = 0; j < known.columns; ++j) {
                    const std::size_t at = i * known.columns + j;
                    bounds.set(bounds.place(i + row, j + column), known.levels[at], known.low[at],
                               known.high[at]);
                }
            BlockSearch search(recovered_.steps[c]);
            for (std::size_t b = 0; b < own.blocks(); ++b)
                search.solve(bounds, b, plane.data() + b * block_size);
            for (std::size_t b = 0; b < own.blocks(); ++b)
                searches[c - 1].judge(search, b / own.columns * 8, b % own.columns * 8, row, column,
                                      plane.data() + b * block_size);
        }
        for (std::size_t at = 0; at < rows_ * columns_; ++at)
            if (!planes_[1].known(at)) return true;
        return false;
    }

    // Finds the place of the units of chroma, among those that the blocks of luma allow, and the
    // steps.
    void find_units(const std::vector<Plane>& samples) {
        const std::size_t top = recovered_.top, left = recovered_.left;
        float best = -1;
        for (std::size_t row = top; row < 8 * recovered_.down; row += 8)
            for (std::size_t column = left; column < 8 * recovered_.across; column += 8) {
                BusyBlocks blocks;
                for (const Plane& plane : samples)
                    blocks.add(plane, (8 - row / recovered_.down % 8) % 8,
                               (8 - column / recovered_.across % 8) % 8);
                const auto [score, steps] = blocks.find_steps(1);
                if (score <= best) continue;
                best = score;
                recovered_.top = row;
                recovered_.left = column;
                recovered_.steps.resize(1);
                recovered_.steps.resize(3, steps);
            }
        frame_ = frame_of(rows_, columns_, channels_, recovered_);
    }

    void find_luma() {
        const Component& own = frame_.components[0];
        Bounds bounds(own.rows, own.columns);
        const auto samples = chroma();
        std::vector<Upsampler> upsamplers;
        for (const Samples& one : samples)
            upsamplers.emplace_back(one, recovered_.down, recovered_.across);
        for (std::size_t row = 0; row < rows_; ++row) {
            std::span<const std::uint8_t> cb, cr;
            if (channels_ == 3) {
                cb = upsamplers[0].row(row + recovered_.top).subspan(recovered_.left);
                cr = upsamplers[1].row(row + recovered_.top).subspan(recovered_.left);
            }
            for (std::size_t x = 0; x < columns_; ++x) {
                const std::size_t at = row * columns_ + x;
                int low = planes_[0].low[at], high = planes_[0].high[at];
                if (low < high) {
                    const Shift shift(cb[x], cr[x]);
                    const std::array<int, 3> shifts = {shift.red, shift.green, shift.blue};
                    for (std::size_t c = 0; c < 3; ++c) {
                        const int level = pixels_[3 * at + c];
                        if (level > 0) low = std::max(low, level - shifts[c]);
                        if (level < 255) high = std::min(high, level - shifts[c]);
                    }
                    if (low > high) {
                        low = planes_[0].low[at];
                        high = planes_[0].high[at];
                    }
                }
                bounds.set(bounds.place(row + recovered_.top, x + recovered_.left),
                           std::clamp<int>(planes_[0].levels[at], low, high), low, high);
            }
        }
        BlockSearch search(recovered_.steps[0]);
        recovered_.planes[0].assign(own.blocks() * block_size, 0);
        for (std::size_t b = 0; b < own.blocks(); ++b)
            search.solve(bounds, b, recovered_.planes[0].data() + b * block_size);
    }

    Samples samples_of(std::size_t c) const {
        const std::size_t down = c == 0 ? 1 : recovered_.down,
                          across = c == 0 ? 1 : recovered_.across;
        return component_samples(frame_.components[c], recovered_.steps[c], recovered_.planes[c],
                                 (frame_.height + down - 1) / down,
                                 (frame_.width + across - 1) / across);
    }
    std::vector<Samples> chroma() const {
        std::vector<Samples> samples;
        for (std::size_t c = 1; c < channels_; ++c) samples.push_back(samples_of(c));
        return samples;
    }

    // Bounds the chroma of clamped pixels by the recovered luma. Returns whether a pixel is wrong.
    bool bound_chroma() {
        const auto made = frame_pixels(frame_, recovered_.steps, recovered_.planes, recovered_.top,
                                       recovered_.left);
        if (std::equal(made.begin(), made.end(), pixels_.begin())) return false;
        const Samples luma = samples_of(0);
        const Inverse& inverse = Inverse::all();
        const auto bound = [](Plane& plane, std::size_t at,
                              const std::array<std::int16_t, 512>& levels, int level, int base) {
            int low = 0, high = 255;
            const auto place = static_cast<std::size_t>(level - base + 256);
            if (level > 0 && level < 255) {
                if (levels[place] < 0) return;
                low = high = levels[place];
            } else if (level == 255) {  // clamped: the least chroma that reaches this level
                std::size_t least_place = place;
                while (least_place < 512 && levels[least_place] < 0) ++least_place;
                if (least_place == 512) return;
                low = levels[least_place];
            } else {
                std::size_t most_place = place;
                while (most_place > 0 && levels[most_place] < 0) --most_place;
                if (levels[most_place] < 0) return;
                high = levels[most_place];
            }
            plane.set(at, plane.levels[at], low, high);
        };
        for (std::size_t row = 0; row < rows_; ++row)
            for (std::size_t x = 0; x < columns_; ++x) {
                const std::size_t at = row * columns_ + x;
                if (planes_[0].known(at)) continue;
                const int base = luma.row(row + recovered_.top)[x + recovered_.left];
                bound(planes_[2], at, inverse.red, pixels_[3 * at], base);
                bound(planes_[1], at, inverse.blue, pixels_[3 * at + 2], base);
            }
        return true;
    }

    std::span<const std::uint8_t> pixels_;
    std::size_t rows_, columns_, channels_;
    std::vector<Plane> planes_;
    RecoveredJpeg recovered_;
    Frame frame_;
};

}  // namespace bitsback::jpeg
