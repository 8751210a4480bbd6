// The errors of predictions around a pixel.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "frame.hpp"

namespace bitsback {

// The data kept of a pixel, in 2^-8 levels: the errors of the predictions, that of their blend, and
// this one with its sign.
struct PixelErrors {
    static constexpr std::size_t blend = 5, residual = 6;

    std::array<std::int32_t, 8> of;

    std::int32_t operator[](std::size_t i) const { return of[i]; }
    std::int32_t& operator[](std::size_t i) { return of[i]; }
};

// The predictions of a pixel, in 2^-8 levels: the median's, those by least squares, and their blend
// wherever an error of it belongs.
struct Predictions {
    std::array<std::int32_t, 8> of{};

    std::int32_t blend() const { return of[PixelErrors::blend]; }
    void set_blend(std::int32_t blend) {
        of[PixelErrors::blend] = of[PixelErrors::residual] = blend;
    }

    // Once the symbol is known.
    void errors(std::int32_t symbol, PixelErrors& out) const {
        constexpr std::array<std::int32_t, 8> unsigned_errors{-1, -1, -1, -1, -1, -1, 0, -1};
        for (std::size_t j = 0; j < of.size(); ++j) {
            const std::int32_t error = 256 * symbol - of[j];
            const std::int32_t negative = (error >> 31) & unsigned_errors[j];
            out[j] = (error ^ negative) - negative;
        }
    }
};

class ErrorLines {
  public:
    // The errors of the pixels near one: west, north and so on.
    struct Near {
        const PixelErrors& w;
        const PixelErrors& ww;
        const PixelErrors& n;
        const PixelErrors& nw;
        const PixelErrors& ne;
        const PixelErrors& nn;

        // The expected errors.
        PixelErrors recent() const {
            PixelErrors out;
            for (std::size_t j = 0; j < out.of.size(); ++j)
                out[j] = (2 * (w[j] + n[j]) + nw[j] + ne[j] + ww[j] + nn[j] + 4) >> 3;
            return out;
        }
    };

    // lag: how far the row above is ahead.
    void open(const ItemFrame& frame, std::size_t lag) {
        circle_ = std::bit_ceil(2 * lag + 8) - 1;
        lines_.resize(frame.lines * (circle_ + 1));
        outside_.of.fill((256 * (frame.top + 1)) >> 5);
        outside_[PixelErrors::residual] = 0;
    }
    void close() { lines_ = std::vector<PixelErrors>(); }

    // To the left of the image is what stands above its left edge.
    void start_row(const LineNumbers& lines, std::int32_t row) {
        const PixelErrors beside = row == 0 ? outside_ : at(lines.above, 0);
        at(lines.own, -2) = beside;
        at(lines.own, -1) = beside;
    }

    Near near(const LineNumbers& lines, std::int32_t row, std::int32_t column) {
        const auto above = [&](std::int32_t of) -> const PixelErrors& {
            return row < 1 ? outside_ : at(lines.above, of);
        };
        return {at(lines.own, column - 1),
                at(lines.own, column - 2),
                above(column),
                above(column - 1),
                above(column + 1),
                row < 2 ? outside_ : at(lines.second_above, column)};
    }

    // Has brought what is near a pixel into the cache.
    void prefetch(const LineNumbers& lines, std::int32_t column) {
        bitsback::prefetch(&at(lines.own, column));
        bitsback::prefetch(&at(lines.above, column + 1));
        bitsback::prefetch(&at(lines.second_above, column));
    }

    // The errors of a pixel; to the right of the last one they are the same.
    void put(const LineNumbers& lines, std::int32_t column, bool last,
             const Predictions& predictions, std::int32_t symbol) {
        PixelErrors& errors = at(lines.own, column);
        predictions.errors(symbol, errors);
        if (last) at(lines.own, column + 1) = errors;
    }

  private:
    // Of a row only the columns are kept at which the two rows below may look.
    PixelErrors& at(std::size_t line, std::int32_t column) {
        return lines_[line * (circle_ + 1) + (static_cast<std::size_t>(column + 2) & circle_)];
    }

    std::vector<PixelErrors> lines_;
    PixelErrors outside_{};
    std::size_t circle_ = 0;
};

}  // namespace bitsback
