// A search for the JPEG behind pixels: coefficients of which the decoder makes them again, or
// nearly so.
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

// What makes pixels: a frame, of which they are a part.
struct Behind {
    std::size_t down = 1, across = 1;  // rows and columns of pixels for a sample of chroma
    std::size_t top = 0, left = 0;     // of the pixels in the frame
    std::vector<Steps> steps;          // of each component, in zigzag order
    std::vector<Coefficients> planes;

    bool fits(std::size_t rows, std::size_t columns, std::size_t channels) const;
};

// The frame of pixels that begin at a row and a column of it and end with it.
inline Frame frame_of(std::size_t rows, std::size_t columns, std::size_t channels,
                      const Behind& behind) {
    Frame frame;
    frame.precision = 8;
    frame.height = behind.top + rows;
    frame.width = behind.left + columns;
    frame.rows = (frame.height + 8 * behind.down - 1) / (8 * behind.down);
    frame.columns = (frame.width + 8 * behind.across - 1) / (8 * behind.across);
    for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t down = c == 0 ? behind.down : 1, across = c == 0 ? behind.across : 1;
        frame.components.push_back({static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(across),
                                    static_cast<std::uint8_t>(down), 0, frame.rows * down,
                                    frame.columns * across, 0, 0});
    }
    return frame;
}

inline bool Behind::fits(std::size_t rows, std::size_t columns, std::size_t channels) const {
    const Frame frame = frame_of(rows, columns, channels, *this);
    if (planes.size() != channels) return false;
    for (std::size_t c = 0; c < channels; ++c)
        if (planes[c].size() != frame.components[c].blocks() * block_size) return false;
    return true;
}

class BehindSearch {
  public:
    BehindSearch(std::span<const std::uint8_t> pixels, std::size_t rows, std::size_t columns,
                 std::size_t channels)
        : pixels_(pixels), rows_(rows), columns_(columns), channels_(channels) {}

    std::optional<Behind> find() {
        if (rows_ < least || columns_ < least) return std::nullopt;
        if (!(channels_ == 1 ? split_grey() : split_colours())) return std::nullopt;
        const auto grid = find_grid(planes_[0]);
        if (!grid) return std::nullopt;
        const auto [top, left] = *grid;
        BusyBlocks blocks;
        blocks.add(planes_[0], top, left);
        const auto [score, steps] = blocks.find_steps(0);
        if (score < least_score) return std::nullopt;
        behind_.top = (8 - top) % 8;
        behind_.left = (8 - left) % 8;
        behind_.steps = {steps};
        if (!succeeds(blocks)) return std::nullopt;
        behind_.planes.resize(channels_);
        if (channels_ == 1) {
            frame_ = frame_of(rows_, columns_, channels_, behind_);
            find_luma();
            return std::move(behind_);
        }
        find_sampling();
        bool bounded = find_chroma(true);
        find_luma();
        for (int turn = 0; bounded && turn < most_turns && bound_chroma(); ++turn) {
            bounded = find_chroma(false);
            find_luma();
        }
        return std::move(behind_);
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

    // Levels that chroma has where it adds so much, or -1.
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

    // Luma and chroma, where a pixel has only one; false if many have none.
    bool split_colours() {
        const Inverse& inverse = Inverse::all();
        std::size_t strange = 0;  // libjpeg 9 rounds a few pixels otherwise
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

    // Whether the steps make some blocks as they are.
    bool succeeds(const BusyBlocks& blocks) {
        BlockSearch search(behind_.steps[0]);
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

    // The part of a plane that changes most, and begins at a whole unit behind the first pixel.
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

    // The share of what is known of a plane, without its edges.
    static double inner_share(const Plane& plane) {
        std::size_t known = 0, all = 0;
        for (std::size_t y = 2; y + 2 < plane.rows; ++y)
            for (std::size_t x = 2; x + 2 < plane.columns; ++x) {
                known += plane.known(y * plane.columns + x);
                ++all;
            }
        return static_cast<double>(known) / static_cast<double>(all);
    }

    // The greatest sampling whose samples make the pixels of chroma.
    void find_sampling() {
        const std::array<Plane, 2> parts = {busiest(planes_[1]), busiest(planes_[2])};
        behind_.down = behind_.across = 1;
        for (const auto& [down, across] :
             {std::pair<std::size_t, std::size_t>{2, 2}, {1, 2}, {2, 1}}) {
            double right = 0, all = 0;
            for (const Plane& part : parts) {
                ChromaSearch search(part, behind_.top, behind_.left, down, across);
                search.refine();
                const Plane samples = search.samples();
                right += inner_share(samples);
                all += inner_share(part);
            }
            // 0.94 and more with the sampling there was, 0.86 and less with another
            if (right < 0.9 * all) continue;
            behind_.down = down;
            behind_.across = across;
            return;
        }
    }

    // Finds the coefficients of chroma, and where its units begin if that is not known; whether
    // some of its pixels are not known.
    bool find_chroma(bool first) {
        std::vector<ChromaSearch> searches;
        std::vector<Plane> samples;
        for (std::size_t c = 1; c < channels_; ++c) {
            searches.emplace_back(planes_[c], behind_.top, behind_.left, behind_.down,
                                  behind_.across);
            searches.back().refine();
            samples.push_back(searches.back().samples());
        }
        if (first) find_units(samples);
        for (std::size_t c = 1; c < channels_; ++c) {
            // The units of chroma do not change which samples make a pixel.
            const Component& own = frame_.components[c];
            const std::size_t row = behind_.top / behind_.down,
                              column = behind_.left / behind_.across;
            Coefficients& plane = behind_.planes[c];
            plane.assign(own.blocks() * block_size, 0);
            const Plane& known = samples[c - 1];
            Bounds bounds(own.rows, own.columns);
            for (std::size_t i = 0; i < known.rows; ++i)
                for (std::size_t j = 0; j < known.columns; ++j) {
                    const std::size_t at = i * known.columns + j;
                    bounds.set(bounds.place(i + row, j + column), known.levels[at], known.low[at],
                               known.high[at]);
                }
            BlockSearch search(behind_.steps[c]);
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

    // Where the units of chroma begin, of the places that the blocks of luma leave, and its steps.
    void find_units(const std::vector<Plane>& samples) {
        const std::size_t top = behind_.top, left = behind_.left;
        float best = -1;
        for (std::size_t row = top; row < 8 * behind_.down; row += 8)
            for (std::size_t column = left; column < 8 * behind_.across; column += 8) {
                BusyBlocks blocks;
                for (const Plane& plane : samples)
                    blocks.add(plane, (8 - row / behind_.down % 8) % 8,
                               (8 - column / behind_.across % 8) % 8);
                const auto [score, steps] = blocks.find_steps(1);
                if (score <= best) continue;
                best = score;
                behind_.top = row;
                behind_.left = column;
                behind_.steps.resize(1);
                behind_.steps.resize(3, steps);
            }
        frame_ = frame_of(rows_, columns_, channels_, behind_);
    }

    void find_luma() {
        const Component& own = frame_.components[0];
        Bounds bounds(own.rows, own.columns);
        const auto samples = chroma();
        std::vector<Upsampler> upsamplers;
        for (const Samples& one : samples)
            upsamplers.emplace_back(one, behind_.down, behind_.across);
        for (std::size_t row = 0; row < rows_; ++row) {
            std::span<const std::uint8_t> cb, cr;
            if (channels_ == 3) {
                cb = upsamplers[0].row(row + behind_.top).subspan(behind_.left);
                cr = upsamplers[1].row(row + behind_.top).subspan(behind_.left);
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
                bounds.set(bounds.place(row + behind_.top, x + behind_.left),
                           std::clamp<int>(planes_[0].levels[at], low, high), low, high);
            }
        }
        BlockSearch search(behind_.steps[0]);
        behind_.planes[0].assign(own.blocks() * block_size, 0);
        for (std::size_t b = 0; b < own.blocks(); ++b)
            search.solve(bounds, b, behind_.planes[0].data() + b * block_size);
    }

    Samples samples_of(std::size_t c) const {
        const std::size_t down = c == 0 ? 1 : behind_.down, across = c == 0 ? 1 : behind_.across;
        return component_samples(frame_.components[c], behind_.steps[c], behind_.planes[c],
                                 (frame_.height + down - 1) / down,
                                 (frame_.width + across - 1) / across);
    }
    std::vector<Samples> chroma() const {
        std::vector<Samples> samples;
        for (std::size_t c = 1; c < channels_; ++c) samples.push_back(samples_of(c));
        return samples;
    }

    // Bounds the chroma of pixels that are clamped by the luma that was found; whether a pixel is
    // wrong.
    bool bound_chroma() {
        const auto made =
            frame_pixels(frame_, behind_.steps, behind_.planes, behind_.top, behind_.left);
        if (std::equal(made.begin(), made.end(), pixels_.begin())) return false;
        const Samples luma = samples_of(0);
        const Inverse& inverse = Inverse::all();
        const auto bound = [](Plane& plane, std::size_t at, const std::array<std::int16_t, 512>& of,
                              int level, int base) {
            int low = 0, high = 255;
            const auto place = static_cast<std::size_t>(level - base + 256);
            if (level > 0 && level < 255) {
                if (of[place] < 0) return;
                low = high = of[place];
            } else if (level == 255) {  // the least chroma that adds so much
                std::size_t least_place = place;
                while (least_place < 512 && of[least_place] < 0) ++least_place;
                if (least_place == 512) return;
                low = of[least_place];
            } else {
                std::size_t most_place = place;
                while (most_place > 0 && of[most_place] < 0) --most_place;
                if (of[most_place] < 0) return;
                high = of[most_place];
            }
            plane.set(at, plane.levels[at], low, high);
        };
        for (std::size_t row = 0; row < rows_; ++row)
            for (std::size_t x = 0; x < columns_; ++x) {
                const std::size_t at = row * columns_ + x;
                if (planes_[0].known(at)) continue;
                const int base = luma.row(row + behind_.top)[x + behind_.left];
                bound(planes_[2], at, inverse.red, pixels_[3 * at], base);
                bound(planes_[1], at, inverse.blue, pixels_[3 * at + 2], base);
            }
        return true;
    }

    std::span<const std::uint8_t> pixels_;
    std::size_t rows_, columns_, channels_;
    std::vector<Plane> planes_;
    Behind behind_;
    Frame frame_;
};

}  // namespace bitsback::jpeg
