// Codes pixels as the JPEG that was found behind them, and corrections. docs/jpeg-format.md, J8.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "../deflate/counters.hpp"
#include "coefficients.hpp"
#include "recovery.hpp"

namespace bitsback::jpeg {

// Codes pictures one after another. Coder: a BitEncoder or a BitDecoder.
template <class Coder>
class PictureCoder {
  public:
    PictureCoder(const LogisticTables& logistic, Coder& coder)
        : coder_(coder), coefficients_(logistic, coder) {}

    // pixels: the input, or the output of the decoder.
    void code(RecoveredJpeg& recovered, std::span<std::uint8_t> pixels, std::size_t rows,
              std::size_t columns, std::size_t channels) {
        if (rows < least || columns < least)
            throw std::invalid_argument("a picture is smaller than a block");
        head(recovered, channels);
        const Frame frame = frame_of(rows, columns, channels, recovered);
        if (!Coder::encodes)
            for (const Component& component : frame.components)
                recovered.planes.emplace_back(component.blocks() * block_size);
        coefficients_.code(Strip(frame, recovered.planes), recovered.steps);
        const auto made =
            frame_pixels(frame, recovered.steps, recovered.planes, recovered.top, recovered.left);
        if (!Coder::encodes) std::copy(made.begin(), made.end(), pixels.begin());
        corrections(recovered, made, pixels, rows, columns, channels);
    }

  private:
    static constexpr std::size_t least = 8;
    static constexpr int most_step = 255;

    std::uint32_t plain(std::uint32_t number, unsigned bits) {
        std::uint32_t made = 0;
        for (unsigned i = bits; i-- > 0;) made = 2 * made + coder_.bit(1u << 15, number >> i & 1);
        return made;
    }
    // Maps signed to unsigned numbers.
    static std::uint32_t fold(int number) {
        return static_cast<std::uint32_t>(number < 0 ? -2 * number - 1 : 2 * number);
    }
    static std::int64_t unfold(std::int64_t number) {
        return number % 2 == 0 ? number / 2 : -(number + 1) / 2;
    }

    void head(RecoveredJpeg& recovered, std::size_t channels) {
        if (channels == 3) {
            recovered.down = 1 + plain(static_cast<std::uint32_t>(recovered.down - 1), 1);
            recovered.across = 1 + plain(static_cast<std::uint32_t>(recovered.across - 1), 1);
        }
        recovered.top = plain(static_cast<std::uint32_t>(recovered.top), 4);
        recovered.left = plain(static_cast<std::uint32_t>(recovered.left), 4);
        if (recovered.top >= 8 * recovered.down || recovered.left >= 8 * recovered.across)
            throw std::invalid_argument("a picture begins behind the first unit");
        recovered.steps.resize(channels);
        for (std::size_t table = 0; table < std::min<std::size_t>(channels, 2); ++table) {
            Steps& steps = recovered.steps[table];
            if (same_.code(coder_, Coder::encodes && steps == tables_[table] ? 1 : 0) == 0) {
                int before = 0;
                for (std::uint16_t& step : steps) {
                    const std::int64_t read =
                        before + unfold(steps_[table].code(coder_, fold(step - before)));
                    if (read < 1 || read > most_step)
                        throw std::invalid_argument("a step of quantisation is 0");
                    step = static_cast<std::uint16_t>(read);
                    before = step;
                }
                tables_[table] = steps;
            }
            if (tables_[table][0] == 0)
                throw std::invalid_argument("steps of quantisation are missing");
            steps = tables_[table];
        }
        if (channels == 3) recovered.steps[2] = recovered.steps[1];
    }

    void corrections(const RecoveredJpeg& recovered, std::span<const std::uint8_t> made,
                     std::span<std::uint8_t> pixels, std::size_t rows, std::size_t columns,
                     std::size_t channels) {
        const std::size_t cell_columns = (recovered.left + columns + 7) / 8;
        std::vector<std::uint8_t> above(cell_columns), wrong(rows * columns);
        for (std::size_t cell_row = 0; cell_row < (recovered.top + rows + 7) / 8; ++cell_row) {
            const std::size_t top = std::max(8 * cell_row, recovered.top) - recovered.top,
                              bottom = std::min(8 * cell_row + 8 - recovered.top, rows);
            std::uint8_t before = 0;
            for (std::size_t cell = 0; cell < cell_columns; ++cell) {
                const std::size_t left = std::max(8 * cell, recovered.left) - recovered.left,
                                  right = std::min(8 * cell + 8 - recovered.left, columns);
                if (8 * cell_row + 8 <= recovered.top || 8 * cell + 8 <= recovered.left) continue;
                bool differs = false;
                if (Coder::encodes)
                    for (std::size_t y = top; y < bottom; ++y) {
                        const std::size_t from = (y * columns + left) * channels,
                                          size = (right - left) * channels;
                        differs =
                            differs || !std::equal(made.begin() + from, made.begin() + from + size,
                                                   pixels.begin() + from);
                    }
                before = static_cast<std::uint8_t>(
                    cells_[before + above[cell]].code(coder_, differs ? 1 : 0));
                above[cell] = before;
                if (before == 0) continue;
                for (std::size_t y = top; y < bottom; ++y)
                    for (std::size_t x = left; x < right; ++x) {
                        const std::size_t at = y * columns + x;
                        const std::size_t near =
                            (x > 0 ? wrong[at - 1] : 0u) + (y > 0 ? wrong[at - columns] : 0u);
                        pixel(made.data() + at * channels, pixels.data() + at * channels, channels,
                              near, wrong[at]);
                    }
            }
        }
    }

    void pixel(const std::uint8_t* made, std::uint8_t* pixel, std::size_t channels,
               std::size_t near, std::uint8_t& wrong) {
        wrong = static_cast<std::uint8_t>(
            wrong_[near].code(coder_, std::equal(made, made + channels, pixel) ? 0 : 1));
        if (wrong == 0) return;
        std::uint32_t before = 0;
        for (std::size_t c = 0; c < channels; ++c) {
            before = changes_[c][std::min(before, 3u)].code(coder_, fold(pixel[c] - made[c]));
            const std::int64_t read = made[c] + unfold(before);
            if (read < 0 || read > 255)
                throw std::invalid_argument("a corrected pixel is out of range");
            pixel[c] = static_cast<std::uint8_t>(read);
        }
    }

    Coder& coder_;
    CoefficientCoder<Coder> coefficients_;
    deflate::Counter same_;
    std::array<Steps, 2> tables_{};
    std::array<deflate::NumberCounters, 2> steps_;
    std::array<deflate::Counter, 3> cells_, wrong_;
    std::array<std::array<deflate::NumberCounters, 4>, 3> changes_;
};

using PictureShape = std::array<std::size_t, 3>;  // rows, columns, channels

inline std::size_t size_of(const PictureShape& shape) { return shape[0] * shape[1] * shape[2]; }

// Codes pictures, whose pixels are concatenated.
inline std::vector<std::uint8_t> pack_pictures(std::span<RecoveredJpeg> recovered,
                                               std::span<const PictureShape> shapes,
                                               std::span<const std::uint8_t> pixels,
                                               const LogisticTables& logistic) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        const auto& [rows, columns, channels] = shapes[i];
        size += size_of(shapes[i]);
        if (recovered.size() != shapes.size() || !recovered[i].fits(rows, columns, channels))
            throw std::invalid_argument("the coefficients do not fit the shapes of the pictures");
    }
    if (size != pixels.size())
        throw std::invalid_argument("the number of pixels does not match the shapes");
    BitEncoder coder;
    const auto model = std::make_unique<PictureCoder<BitEncoder>>(logistic, coder);
    std::vector<std::uint8_t> copy(pixels.begin(), pixels.end());
    std::span<std::uint8_t> left = copy;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        const auto& [rows, columns, channels] = shapes[i];
        model->code(recovered[i], left.first(size_of(shapes[i])), rows, columns, channels);
        left = left.subspan(size_of(shapes[i]));
    }
    return coder.end();
}

// Throws std::invalid_argument for invalid input.
inline std::vector<std::uint8_t> unpack_pictures(std::span<const PictureShape> shapes,
                                                 std::span<const std::uint8_t> coded,
                                                 const LogisticTables& logistic) {
    BitDecoder coder(coded);
    const auto model = std::make_unique<PictureCoder<BitDecoder>>(logistic, coder);
    std::size_t size = 0;
    for (const PictureShape& shape : shapes) size += size_of(shape);
    std::vector<std::uint8_t> pixels(size);
    std::span<std::uint8_t> left = pixels;
    for (const PictureShape& shape : shapes) {
        RecoveredJpeg recovered;
        model->code(recovered, left.first(size_of(shape)), shape[0], shape[1], shape[2]);
        left = left.subspan(size_of(shape));
    }
    coder.end();
    return pixels;
}

}  // namespace bitsback::jpeg
