// The first component on the grid of another one: its pixels are averaged and transformed again.
// docs/jpeg-format.md, J6.2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "markers.hpp"
#include "quantities.hpp"
#include "scans.hpp"
#include "strips.hpp"

namespace bitsback::jpeg {

class SharedLuma {
  public:
    // Whether a block of the component covers whole blocks of the first one.
    static bool fits(const Component& first, const Component& own) {
        return first.rows % own.rows == 0 && first.columns % own.columns == 0;
    }

    SharedLuma(const Component& first, const std::array<std::uint16_t, block_size>& steps,
               PlaneView plane, const Component& own)
        : plane_(plane),
          columns_(own.columns),
          down_(first.rows / own.rows),
          across_(first.columns / own.columns),
          width_(first.columns * 8),
          pixels_(width_ * down_ * 8),
          blocks_(columns_ * block_size),
          lasts_(columns_) {
        for (std::size_t k = 0; k < block_size; ++k) steps_[natural[k]] = known_step(steps[k]);
    }

    // Computes a row of blocks of the component. inverse: 2^20 / step for each place.
    void row(std::size_t row, const std::array<Int, block_size>& inverse) {
        for (std::size_t r = 0; r < down_; ++r)
            for (std::size_t c = 0; c < width_ / 8; ++c)
                to_pixels(((row * down_ + r) * (width_ / 8) + c) * block_size, r * 8, c * 8);
        for (std::size_t c = 0; c < columns_; ++c) from_pixels(c, inverse);
    }

    // The dequantised coefficients of a block of the row, in units of 2^-4.
    const std::int32_t* block(std::size_t column) const { return &blocks_[column * block_size]; }
    // The place of the last coefficient above half a step.
    int last(std::size_t column) const { return lasts_[column]; }

  private:
    void to_pixels(std::size_t block, std::size_t top, std::size_t left) {
        std::array<Int, block_size> half;
        for (std::size_t i = 0; i < 8; ++i)
            for (std::size_t x = 0; x < 8; ++x) {
                Int sum = 0;
                for (std::size_t j = 0; j < 8; ++j) {
                    const std::size_t n = i * 8 + j;
                    sum += Int{plane_[block + n]} * steps_[n] * basis[j][x];
                }
                half[i * 8 + x] = sum >> 8;
            }
        for (std::size_t y = 0; y < 8; ++y)
            for (std::size_t x = 0; x < 8; ++x) {
                Int sum = 0;
                for (std::size_t i = 0; i < 8; ++i) sum += half[i * 8 + x] * basis[i][y];
                pixels_[(top + y) * width_ + left + x] = sum >> 12;
            }
    }

    void from_pixels(std::size_t column, const std::array<Int, block_size>& inverse) {
        const Int share = static_cast<Int>(down_ * across_);
        std::array<Int, block_size> pixels, half;
        for (std::size_t y = 0; y < 8; ++y)
            for (std::size_t x = 0; x < 8; ++x) {
                Int sum = 0;
                for (std::size_t v = 0; v < down_; ++v)
                    for (std::size_t h = 0; h < across_; ++h)
                        sum += pixels_[(y * down_ + v) * width_ + (column * 8 + x) * across_ + h];
                pixels[y * 8 + x] = sum / share;
            }
        for (std::size_t y = 0; y < 8; ++y)
            for (std::size_t j = 0; j < 8; ++j) {
                Int sum = 0;
                for (std::size_t x = 0; x < 8; ++x) sum += pixels[y * 8 + x] * basis[j][x];
                half[y * 8 + j] = sum >> 12;
            }
        std::int32_t* out = &blocks_[column * block_size];
        for (std::size_t i = 0; i < 8; ++i)
            for (std::size_t j = 0; j < 8; ++j) {
                Int sum = 0;
                for (std::size_t y = 0; y < 8; ++y) sum += half[y * 8 + j] * basis[i][y];
                out[i * 8 + j] =
                    static_cast<std::int32_t>(std::clamp<Int>(sum >> 12, -(1 << 24), 1 << 24));
            }
        int& last = lasts_[column];
        for (last = 63; last > 0; --last) {
            const std::size_t r = natural[static_cast<std::size_t>(last)];
            if (std::abs(Int{out[r]}) * inverse[r] >> 16 > 128) break;
        }
    }

    PlaneView plane_;
    std::array<Int, block_size> steps_{};
    std::size_t columns_, down_, across_, width_;
    std::vector<Int> pixels_;
    std::vector<std::int32_t> blocks_;
    std::vector<int> lasts_;
};

}  // namespace bitsback::jpeg
