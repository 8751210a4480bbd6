// The layers of integer networks, each from one or two values to another: docs/model-format.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "linear.hpp"

// Without it a compiler has to reckon with a result that overlaps what it is computed from, and
// sums one by one.
#if defined(_MSC_VER)
#define BITSBACK_RESTRICT __restrict
#else
#define BITSBACK_RESTRICT __restrict__
#endif

namespace bitsback {

// A row-major array of what flows between layers: bytes where the range allows, 16 bits otherwise.
using Values = std::variant<std::vector<std::uint8_t>, std::vector<std::int16_t>>;

// What is known of a value before anything runs: its elements a row, and the range they lie in.
struct Shape {
    std::size_t width;
    std::int32_t low;
    std::int32_t high;

    bool bytes() const { return low >= 0 && high <= 255; }
};

// Rows and columns of a value that is seen as an image, and the channels of each pixel.
struct ImageSize {
    std::size_t rows;
    std::size_t columns;
    std::size_t channels;
};

// Throws std::invalid_argument unless the elements make up that many rows and columns.
inline ImageSize image_of(std::size_t width, std::size_t rows, std::size_t columns) {
    if (rows == 0 || columns == 0 || rows > width || columns > width ||
        width % (rows * columns) != 0)
        throw std::invalid_argument("the size of an image does not fit its value");
    return {rows, columns, width / (rows * columns)};
}

// What the layers of a network compute in: the arrays of all values, and room for patches.
struct Workspace {
    std::vector<Values> values;
    std::vector<std::uint8_t> patches;

    template <class T>
    const T* get(std::size_t value) const {
        return std::get<std::vector<T>>(values[value]).data();
    }
    const std::uint8_t* bytes(std::size_t value) const { return get<std::uint8_t>(value); }
};

struct LinearOf {
    std::size_t input;
    std::shared_ptr<const Linear> linear;

    std::vector<std::size_t> inputs() const { return {input}; }

    template <class Out>
    void run(Workspace& work, std::size_t rows, Out* out) const {
        linear->run(work.bytes(input), rows, out);
    }
};

struct TableOf {
    std::size_t input;
    Shape from;
    std::vector<std::int16_t> table;  // one entry for each value from from.low to from.high

    std::vector<std::size_t> inputs() const { return {input}; }

    template <class Out>
    void run(Workspace& work, std::size_t rows, Out* out) const {
        const std::int16_t* const entries = table.data();
        std::visit(
            [&](const auto& values) {
                for (std::size_t i = 0; i < rows * from.width; ++i)
                    out[i] = static_cast<Out>(entries[values[i] - from.low]);
            },
            work.values[input]);
    }
};

// A linear layer on the patch around every stride-th pixel; zeros outside the image.
class ConvolutionOf {
  public:
    ConvolutionOf(std::size_t input, std::shared_ptr<const Linear> linear, ImageSize image,
                  std::size_t kernel, std::size_t stride)
        : input_(input),
          linear_(std::move(linear)),
          image_(image),
          kernel_(kernel),
          stride_(stride) {
        if (kernel % 2 == 0 || kernel > 7)
            throw std::invalid_argument("the kernel of a convolution is 1, 3, 5 or 7");
        if (stride < 1 || stride > 4)
            throw std::invalid_argument("the stride of a convolution is from 1 to 4");
        if (linear_->inputs() % (kernel * kernel) != 0 ||
            linear_->inputs() / (kernel * kernel) != image.channels)
            throw std::invalid_argument(
                "the inputs of a convolution do not fit its kernel and its source");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }
    std::size_t places() const { return out_rows() * out_columns(); }

    template <class Out>
    void run(Workspace& work, std::size_t rows, Out* out) const {
        const std::uint8_t* in = work.bytes(input_);
        if (kernel_ == 1 && stride_ == 1) {
            linear_->run(in, rows * places(), out);
            return;
        }
        // So many patches at once as stay in the nearest cache, with the weights.
        const std::size_t size = linear_->inputs();
        const std::size_t most = std::max<std::size_t>((std::size_t{1} << 15) / size, 1);
        work.patches.resize(most * size);
        std::size_t count = 0;
        for (std::size_t row = 0; row < rows;
             ++row, in += image_.rows * image_.columns * image_.channels)
            for (std::size_t y = 0; y < out_rows(); ++y)
                for (std::size_t x = 0; x < out_columns(); ++x) {
                    gather(in, y * stride_, x * stride_, work.patches.data() + count * size);
                    if (++count < most) continue;
                    linear_->run(work.patches.data(), count, out);
                    out += count * linear_->outputs();
                    count = 0;
                }
        linear_->run(work.patches.data(), count, out);
    }

  private:
    std::size_t out_rows() const { return (image_.rows + stride_ - 1) / stride_; }
    std::size_t out_columns() const { return (image_.columns + stride_ - 1) / stride_; }

    // The patch in whose middle (y, x) is: its rows are pieces of those of the image.
    void gather(const std::uint8_t* in, std::size_t y, std::size_t x, std::uint8_t* patch) const {
        const std::size_t margin = kernel_ / 2;
        const std::size_t pixel = image_.channels;
        const std::size_t left =
            x < margin ? margin - x : 0;  // columns of the patch outside the image
        const std::size_t end = std::min(kernel_, image_.columns + margin - x);
        for (std::size_t k = 0; k < kernel_; ++k, patch += kernel_ * pixel) {
            if (y + k < margin || y + k >= image_.rows + margin) {
                std::memset(patch, 0, kernel_ * pixel);
                continue;
            }
            const std::size_t first = (y + k - margin) * image_.columns + x + left - margin;
            std::memset(patch, 0, left * pixel);
            std::memcpy(patch + left * pixel, in + first * pixel, (end - left) * pixel);
            std::memset(patch + end * pixel, 0, (kernel_ - end) * pixel);
        }
    }

    std::size_t input_;
    std::shared_ptr<const Linear> linear_;
    ImageSize image_;
    std::size_t kernel_;
    std::size_t stride_;
};

// Each pixel becomes factor x factor pixels, of so many times fewer channels.
class ShuffleOf {
  public:
    ShuffleOf(std::size_t input, ImageSize image, std::size_t factor)
        : input_(input), image_(image), factor_(factor) {
        if (factor < 2 || factor > 8)
            throw std::invalid_argument("the factor of a shuffle is from 2 to 8");
        if (image.channels % (factor * factor) != 0)
            throw std::invalid_argument("the channels of a shuffle do not make up its squares");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }

    template <class Out>
    void run(Workspace& work, std::size_t rows, Out* out) const {
        const Out* in = work.get<Out>(input_);
        // A row of a square is one piece, in the source and in the result.
        const std::size_t piece = image_.channels / factor_;
        const std::size_t line = image_.columns * image_.channels;
        for (std::size_t row = 0; row < rows * image_.rows; ++row, in += line)
            for (std::size_t i = 0; i < factor_; ++i)
                for (std::size_t x = 0; x < image_.columns; ++x, out += piece)
                    std::memcpy(out, in + x * image_.channels + i * piece, piece * sizeof(Out));
    }

  private:
    std::size_t input_;
    ImageSize image_;
    std::size_t factor_;
};

class SumOf {
  public:
    SumOf(std::size_t input, const Shape& one, std::size_t other, const Shape& two, const Shape& to)
        : input_(input),
          other_(other),
          to_(to),
          narrow_(one.low + two.low >= -32768 && one.high + two.high <= 32767) {}

    std::vector<std::size_t> inputs() const { return {input_, other_}; }
    const Shape& shape() const { return to_; }

    template <class Out>
    void run(Workspace& work, std::size_t rows, Out* out) const {
        std::visit(
            [&](const auto& one, const auto& two) {
                // Sums of 16 bits where they fit: twice as many at once.
                if (narrow_)
                    add<std::int16_t>(one.data(), two.data(), rows * to_.width, out);
                else
                    add<std::int32_t>(one.data(), two.data(), rows * to_.width, out);
            },
            work.values[input_], work.values[other_]);
    }

  private:
    template <class Wide, class One, class Two, class Out>
    void add(const One* BITSBACK_RESTRICT one, const Two* BITSBACK_RESTRICT two, std::size_t size,
             Out* BITSBACK_RESTRICT out) const {
        const auto low = static_cast<Wide>(to_.low);
        const auto high = static_cast<Wide>(to_.high);
        for (std::size_t i = 0; i < size; ++i) {
            Wide sum = static_cast<Wide>(one[i] + two[i]);
            sum = sum < low ? low : sum;
            out[i] = static_cast<Out>(sum > high ? high : sum);
        }
    }

    std::size_t input_;
    std::size_t other_;
    Shape to_;
    bool narrow_;
};

// A linear layer and the sum of its result with bytes, in one.
struct LinearSumOf {
    std::size_t input;
    std::shared_ptr<const Linear> linear;
    std::size_t other;
    Shape to;

    std::vector<std::size_t> inputs() const { return {input, other}; }

    void run(Workspace& work, std::size_t rows, std::uint8_t* out) const {
        linear->run_sum(work.bytes(input), rows, {work.bytes(other), to.low, to.high}, out);
    }
};

// What has become a part of a later layer.
struct Joined {
    std::vector<std::size_t> inputs() const { return {}; }
};

}  // namespace bitsback
