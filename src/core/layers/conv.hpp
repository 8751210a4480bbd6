// A linear layer on the patch around every stride-th place; zeros outside the grid.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "linear.hpp"

namespace bitsback {

class ConvLayer {
  public:
    ConvLayer(std::size_t input, const Shape& from, std::shared_ptr<const Linear> linear,
              std::size_t kernel, std::size_t stride)
        : input_(input), from_(from), linear_(std::move(linear)), kernel_(kernel), stride_(stride) {
        require_input(*linear_, from);
        require_layer(kernel % 2 == 1 && kernel <= 7,
                      "the kernel of a convolution is 1, 3, 5 or 7");
        require_layer(stride >= 1 && stride <= 4, "the stride of a convolution is from 1 to 4");
        require_layer(linear_->inputs() % (kernel * kernel) == 0 &&
                          linear_->inputs() / (kernel * kernel) == from.channels,
                      "the inputs of a convolution do not fit its kernel and its source");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }
    Shape shape() const {
        return {(from_.rows + stride_ - 1) / stride_, (from_.columns + stride_ - 1) / stride_,
                linear_->outputs(), linear_->low(), linear_->high()};
    }
    RowRange need(RowRange wanted) const {
        const std::size_t margin = kernel_ / 2;
        const std::size_t first = wanted.first * stride_;
        const std::size_t end = (wanted.end - 1) * stride_ + margin + 1;
        return {first > margin ? first - margin : 0, std::min(end, from_.rows)};
    }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        const RowRange rows = work.rows[input_];
        // So many patches at once as stay in the nearest cache, with the weights.
        const std::size_t size = linear_->inputs(), columns = shape().columns;
        const std::size_t most = std::max<std::size_t>((std::size_t{1} << 15) / size, 1);
        work.patches.resize(most * size);
        const std::uint8_t* in = work.bytes(input_);
        std::size_t count = 0;
        for (std::size_t item = 0; item < work.items; ++item, in += rows.count() * from_.line())
            for (std::size_t y = wanted.first; y < wanted.end; ++y)
                for (std::size_t x = 0; x < columns; ++x) {
                    gather(in, rows, y * stride_, x * stride_, work.patches.data() + count * size);
                    if (++count < most) continue;
                    linear_->run(work.patches.data(), count, out);
                    out += count * linear_->outputs();
                    count = 0;
                }
        linear_->run(work.patches.data(), count, out);
    }

    std::size_t multiply_adds() const {
        return shape().places() * linear_->inputs() * linear_->outputs();
    }

  private:
    // The patch in whose middle (y, x) is: its rows are pieces of those of the image, of which `in`
    // has `rows`.
    void gather(const std::uint8_t* in, RowRange rows, std::size_t y, std::size_t x,
                std::uint8_t* patch) const {
        const std::size_t margin = kernel_ / 2;
        const std::size_t pixel = from_.channels;
        const std::size_t left =
            x < margin ? margin - x : 0;  // columns of the patch outside the image
        const std::size_t end = std::min(kernel_, from_.columns + margin - x);
        for (std::size_t k = 0; k < kernel_; ++k, patch += kernel_ * pixel) {
            if (y + k < margin || y + k >= from_.rows + margin) {
                std::memset(patch, 0, kernel_ * pixel);
                continue;
            }
            const std::size_t row = y + k - margin - rows.first;
            const std::size_t first = row * from_.columns + x + left - margin;
            std::memset(patch, 0, left * pixel);
            std::memcpy(patch + left * pixel, in + first * pixel, (end - left) * pixel);
            std::memset(patch + end * pixel, 0, (kernel_ - end) * pixel);
        }
    }

    std::size_t input_;
    Shape from_;
    std::shared_ptr<const Linear> linear_;
    std::size_t kernel_;
    std::size_t stride_;
};

}  // namespace bitsback
