// Decodes coefficients to pixels, in integers: libjpeg's accurate transform and smooth upsampling.
// docs/jpeg-format.md, J8.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "markers.hpp"
#include "scans.hpp"

namespace bitsback::jpeg {

// One dimension of the inverse transform of 8 numbers, `stride` apart. Source: C. Loeffler,
// A. Ligtenberg and G. Moschytz, Practical fast 1-D DCT algorithms with 11 multiplications, 1989;
// constants in units of 2^-13, as in libjpeg's jidctint.c.
template <class Number>
inline void inverse_transform(Number* at, std::size_t stride, unsigned shift) {
    const auto x = [&](std::size_t i) -> Number& { return at[i * stride]; };
    const Number common = (x(2) + x(6)) * 4433;
    const Number even2 = common - x(6) * 15137, even3 = common + x(2) * 6270;
    const Number even0 = (x(0) + x(4)) * 8192, even1 = (x(0) - x(4)) * 8192;
    const std::array<Number, 4> even = {even0 + even3, even1 + even2, even1 - even2, even0 - even3};
    const Number z5 = (x(7) + x(3) + x(5) + x(1)) * 9633;
    const Number z1 = (x(7) + x(1)) * -7373, z2 = (x(5) + x(3)) * -20995;
    const Number z3 = (x(7) + x(3)) * -16069 + z5, z4 = (x(5) + x(1)) * -3196 + z5;
    const std::array<Number, 4> odd = {x(1) * 12299 + z1 + z4, x(3) * 25172 + z2 + z3,
                                       x(5) * 16819 + z2 + z4, x(7) * 2446 + z1 + z3};
    const Number half = Number{1} << (shift - 1);
    for (std::size_t i = 0; i < 4; ++i) {
        x(i) = (even[i] + odd[i] + half) >> shift;
        x(7 - i) = (even[i] - odd[i] + half) >> shift;
    }
}

// The samples of a block of dequantised coefficients, both in row-major order.
template <class Number>
inline void block_samples(std::array<Number, block_size>& block, std::uint8_t* samples,
                          std::size_t stride) {
    for (std::size_t column = 0; column < 8; ++column)
        inverse_transform(block.data() + column, 8, 11);
    for (std::size_t row = 0; row < 8; ++row) {
        inverse_transform(block.data() + 8 * row, 1, 18);
        for (std::size_t column = 0; column < 8; ++column)
            samples[row * stride + column] = static_cast<std::uint8_t>(
                std::clamp<Number>(block[8 * row + column] + 128, 0, 255));
    }
}

struct Samples {
    std::size_t rows, columns;  // without the padding of the last blocks
    std::size_t stride;
    std::vector<std::uint8_t> levels;

    const std::uint8_t* row(std::size_t number) const { return levels.data() + number * stride; }
};

using Steps = std::array<std::uint16_t, block_size>;  // in zigzag order

// The samples of a component. rows, columns: without the padding of the last blocks.
inline Samples component_samples(const Component& component, const Steps& steps,
                                 const Coefficients& plane, std::size_t rows, std::size_t columns) {
    Samples samples{rows, columns, 8 * component.columns, {}};
    samples.levels.resize(component.blocks() * block_size);
    std::array<std::int64_t, block_size> natural_steps, block;
    for (std::size_t k = 0; k < block_size; ++k) natural_steps[natural[k]] = steps[k];
    for (std::size_t b = 0; b < component.blocks(); ++b) {
        for (std::size_t r = 0; r < block_size; ++r)
            block[r] = plane[b * block_size + r] * natural_steps[r];
        block_samples(block,
                      samples.levels.data() + b / component.columns * 8 * samples.stride +
                          b % component.columns * 8,
                      samples.stride);
    }
    return samples;
}

// Upsamples rows of a component to the size of the picture. down, across: pixels per sample, 1 or
// 2.
class Upsampler {
  public:
    Upsampler(const Samples& samples, std::size_t down, std::size_t across)
        : samples_(samples),
          down_(down),
          across_(across),
          sums_(samples.columns),
          levels_(samples.columns * across) {}

    std::span<const std::uint8_t> row(std::size_t number) {
        const std::size_t own = number / down_;
        const std::uint8_t* near = samples_.row(own);
        const std::size_t columns = samples_.columns;
        if (down_ == 1 && across_ == 1) return {near, columns};
        const std::size_t other =
            number % 2 == 0 ? own - (own > 0 ? 1 : 0) : std::min(own + 1, samples_.rows - 1);
        const std::uint8_t* far = samples_.row(other);
        if (across_ == 1) {
            for (std::size_t x = 0; x < columns; ++x)
                levels_[x] =
                    static_cast<std::uint8_t>((3 * near[x] + far[x] + 1 + number % 2) >> 2);
            return levels_;
        }
        for (std::size_t x = 0; x < columns; ++x)
            sums_[x] = down_ == 1 ? near[x] : 3 * near[x] + far[x];
        const unsigned shift = down_ == 1 ? 2 : 4;
        const int left = down_ == 1 ? 1 : 8, right = down_ == 1 ? 2 : 7;
        for (std::size_t x = 0; x < columns; ++x) {
            const int before = sums_[x - (x > 0 ? 1 : 0)],
                      behind = sums_[std::min(x + 1, columns - 1)];
            levels_[2 * x] = static_cast<std::uint8_t>((3 * sums_[x] + before + left) >> shift);
            levels_[2 * x + 1] =
                static_cast<std::uint8_t>((3 * sums_[x] + behind + right) >> shift);
        }
        return levels_;
    }

  private:
    const Samples& samples_;
    std::size_t down_, across_;
    std::vector<int> sums_;
    std::vector<std::uint8_t> levels_;
};

// The contributions of chroma to red, green and blue.
struct Shift {
    int red, green, blue;

    Shift(int cb, int cr)
        : red((91881 * (cr - 128) + (1 << 15)) >> 16),
          green((-46802 * (cr - 128) - 22554 * (cb - 128) + (1 << 15)) >> 16),
          blue((116130 * (cb - 128) + (1 << 15)) >> 16) {}
};

inline std::uint8_t level(int x) { return static_cast<std::uint8_t>(std::clamp(x, 0, 255)); }

// The pixels of a frame from a row and a column on: grey for one component, or red, green and blue,
// with 1 or 2 rows and columns of pixels per sample of chroma.
inline std::vector<std::uint8_t> frame_pixels(const Frame& frame, std::span<const Steps> steps,
                                              std::span<const Coefficients> planes, std::size_t top,
                                              std::size_t left) {
    const std::size_t channels = frame.components.size(), width = frame.width - left;
    std::vector<Samples> samples;
    samples.reserve(channels);
    std::vector<Upsampler> rows;
    for (std::size_t c = 0; c < channels; ++c) {
        const Component& own = frame.components[c];
        const std::size_t down = frame.components[0].vertical / own.vertical,
                          across = frame.components[0].horizontal / own.horizontal;
        samples.push_back(component_samples(own, steps[c], planes[c],
                                            (frame.height + down - 1) / down,
                                            (frame.width + across - 1) / across));
        rows.emplace_back(samples[c], down, across);
    }
    std::vector<std::uint8_t> pixels((frame.height - top) * width * channels);
    auto* at = pixels.data();
    for (std::size_t row = top; row < frame.height; ++row) {
        const auto luma = rows[0].row(row).subspan(left, width);
        if (channels == 1) {
            at = std::copy(luma.begin(), luma.end(), at);
            continue;
        }
        const auto cb = rows[1].row(row).subspan(left, width),
                   cr = rows[2].row(row).subspan(left, width);
        for (std::size_t x = 0; x < width; ++x) {
            const Shift shift(cb[x], cr[x]);
            *at++ = level(luma[x] + shift.red);
            *at++ = level(luma[x] + shift.green);
            *at++ = level(luma[x] + shift.blue);
        }
    }
    return pixels;
}

}  // namespace bitsback::jpeg
