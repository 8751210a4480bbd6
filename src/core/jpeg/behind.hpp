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
        const std::size_t some = std::clamp<std::size_t>(rows_ * columns_ / 3072, 12, 96);
        const auto [top, left] = find_grid(planes_[0], some);
        BusyBlocks blocks;
        blocks.add(planes_[0], top, left);
        const auto [score, steps] = blocks.find_steps(0);
        if (score < least_score) return std::nullopt;
        behind_.top = (8 - top) % 8;
        behind_.left = (8 - left) % 8;
        behind_.steps = {steps};
        if (!succeeds(blocks)) return std::nullopt;
        if (channels_ == 3) find_sampling();
        behind_.planes.resize(channels_);
        frame_ = frame_of(rows_, columns_, channels_, behind_);
        for (std::size_t c = 0; c < channels_; ++c)
            behind_.planes[c].resize(frame_.components[c].blocks() * block_size);
        if (channels_ == 3) find_chroma();
        find_luma();
        return std::move(behind_);
    }

  private:
    static constexpr std::size_t least = 16;  // rows and columns
    static constexpr float least_score = 60;

    bool split_grey() {
        planes_.push_back({rows_, columns_, {pixels_.begin(), pixels_.end()}, {}});
        return true;
    }

    // Luma and chroma of pixels that can have only one; false if a pixel can have none.
    bool split_colours() {
        struct Inverse {  // of what chroma adds: a level, or -1
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
        };
        static const Inverse inverse;
        const std::size_t count = rows_ * columns_;
        planes_.assign(3, {rows_, columns_, std::vector<std::uint8_t>(count),
                           std::vector<std::uint8_t>(count)});
        for (std::size_t at = 0; at < count; ++at) {
            const int red = pixels_[3 * at], green = pixels_[3 * at + 1],
                      blue = pixels_[3 * at + 2];
            const bool clamped =
                std::min({red, green, blue}) == 0 || std::max({red, green, blue}) == 255;
            const int near = (19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16;
            int found = 0;
            std::array<int, 3> values{};
            for (const int luma : {near, near - 1, near + 1}) {
                if (luma < 0 || luma > 255 || std::abs(red - luma) > 255) continue;
                const int cr = inverse.red[static_cast<std::size_t>(red - luma + 256)],
                          cb = inverse.blue[static_cast<std::size_t>(blue - luma + 256)];
                if (cr < 0 || cb < 0 || luma + Shift(cb, cr).green != green) continue;
                if (++found == 1) values = {luma, cb, cr};
            }
            if (found == 0 && !clamped) return false;
            if (found == 0)
                values = {near, std::clamp(128 + (blue - near) * 9 / 16, 0, 255),
                          std::clamp(128 + (red - near) * 5 / 7, 0, 255)};
            for (std::size_t c = 0; c < 3; ++c) {
                planes_[c].levels[at] = static_cast<std::uint8_t>(values[c]);
                planes_[c].known[at] = found == 1 && !clamped ? 1 : 0;
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
            for (std::size_t p = 0; p < block_size; ++p)
                bounds.set(p, static_cast<int>(block.samples[p]) + 128);
            ++tried;
            right += search.solve(bounds.low.data(), bounds.high.data(), coefficients.data()) == 0;
        }
        return 3 * right >= tried;
    }

    void find_sampling() {
        float best = -1;
        const std::size_t top = behind_.top, left = behind_.left;
        for (const auto& [down, across] :
             {std::pair<std::size_t, std::size_t>{2, 2}, {1, 1}, {1, 2}, {2, 1}}) {
            std::vector<Plane> samples;
            for (std::size_t c = 1; c < 3; ++c)
                samples.push_back(ChromaSearch(planes_[c], top, left, down, across).samples());
            for (std::size_t more_down = 0; more_down < down; ++more_down)
                for (std::size_t more = 0; more < across; ++more) {
                    const std::size_t first_row = (top + 8 * more_down) / down,
                                      first_column = (left + 8 * more) / across;
                    BusyBlocks blocks;
                    for (const Plane& plane : samples)
                        blocks.add(plane, (8 - first_row % 8) % 8, (8 - first_column % 8) % 8);
                    const auto [score, steps] = blocks.find_steps(1);
                    if (score <= best) continue;
                    best = score;
                    behind_.down = down;
                    behind_.across = across;
                    behind_.top = top + 8 * more_down;
                    behind_.left = left + 8 * more;
                    behind_.steps.resize(1);
                    behind_.steps.resize(3, steps);
                }
        }
    }

    void find_chroma() {
        std::vector<ChromaSearch> searches;
        std::vector<Plane> samples;
        BusyBlocks blocks;
        for (std::size_t c = 1; c < channels_; ++c) {
            searches.emplace_back(planes_[c], behind_.top, behind_.left, behind_.down,
                                  behind_.across);
            searches.back().refine();
            samples.push_back(searches.back().samples());
            blocks.add(samples.back(), (8 - searches.back().first_row() % 8) % 8,
                       (8 - searches.back().first_column() % 8) % 8);
        }
        const auto [score, steps] = blocks.find_steps(1);
        for (std::size_t c = 1; c < channels_; ++c) {
            behind_.steps[c] = steps;
            find_chroma(c, searches[c - 1], samples[c - 1]);
        }
    }

    void find_chroma(std::size_t c, ChromaSearch& chroma, const Plane& samples) {
        const Component& own = frame_.components[c];
        Coefficients& plane = behind_.planes[c];
        Bounds bounds(own.rows, own.columns);
        for (std::size_t i = 0; i < samples.rows; ++i)
            for (std::size_t j = 0; j < samples.columns; ++j) {
                const std::size_t at = i * samples.columns + j,
                                  to = bounds.place(i + chroma.first_row(),
                                                    j + chroma.first_column());
                bounds.set(to, samples.levels[at]);
                if (samples.known[at] == 0 && chroma.rows() > 0) {
                    bounds.low[to] = static_cast<std::int16_t>(samples.levels[at] - 1);
                    bounds.high[to] = static_cast<std::int16_t>(samples.levels[at] + 1);
                }
            }
        BlockSearch search(behind_.steps[c]);
        for (std::size_t b = 0; b < own.blocks(); ++b)
            search.solve(bounds.low.data() + b * block_size, bounds.high.data() + b * block_size,
                         plane.data() + b * block_size);
        for (std::size_t b = 0; b < own.blocks(); ++b)
            chroma.judge(search, b / own.columns * 8, b % own.columns * 8,
                         plane.data() + b * block_size);
    }

    void find_luma() {
        const Component& own = frame_.components[0];
        Bounds bounds(own.rows, own.columns);
        std::vector<Samples> chroma;
        std::vector<Upsampler> upsamplers;
        chroma.reserve(2);
        for (std::size_t c = 1; c < channels_; ++c) {
            chroma.push_back(
                component_samples(frame_.components[c], behind_.steps[c], behind_.planes[c],
                                  (frame_.height + behind_.down - 1) / behind_.down,
                                  (frame_.width + behind_.across - 1) / behind_.across));
            upsamplers.emplace_back(chroma.back(), behind_.down, behind_.across);
        }
        for (std::size_t row = 0; row < rows_; ++row) {
            std::span<const std::uint8_t> cb, cr;
            if (channels_ == 3) {
                cb = upsamplers[0].row(row + behind_.top).subspan(behind_.left);
                cr = upsamplers[1].row(row + behind_.top).subspan(behind_.left);
            }
            for (std::size_t x = 0; x < columns_; ++x) {
                const std::size_t at = row * columns_ + x,
                                  to = bounds.place(row + behind_.top, x + behind_.left);
                if (channels_ == 1 || planes_[0].known[at] != 0)
                    bounds.set(to, planes_[0].levels[at]);
                else
                    bound(bounds, to, pixels_.data() + 3 * at, Shift(cb[x], cr[x]));
            }
        }
        BlockSearch search(behind_.steps[0]);
        for (std::size_t b = 0; b < own.blocks(); ++b)
            search.solve(bounds.low.data() + b * block_size, bounds.high.data() + b * block_size,
                         behind_.planes[0].data() + b * block_size);
    }

    // The luma that makes a colour with this chroma.
    static void bound(Bounds& bounds, std::size_t to, const std::uint8_t* colour,
                      const Shift& shift) {
        int low = 0, high = 255;
        const std::array<int, 3> shifts = {shift.red, shift.green, shift.blue};
        for (std::size_t c = 0; c < 3; ++c) {
            if (colour[c] > 0) low = std::max(low, colour[c] - shifts[c]);
            if (colour[c] < 255) high = std::min(high, colour[c] - shifts[c]);
        }
        if (low > high) return;
        bounds.low[to] = static_cast<std::int16_t>(low == 0 ? -Bounds::far : low);
        bounds.high[to] = static_cast<std::int16_t>(high == 255 ? Bounds::far : high);
    }

    std::span<const std::uint8_t> pixels_;
    std::size_t rows_, columns_, channels_;
    std::vector<Plane> planes_;
    Behind behind_;
    Frame frame_;
};

}  // namespace bitsback::jpeg
