// The layers that multiply by weights.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "layer.hpp"

namespace bitsback {
namespace {

// Throws std::invalid_argument if the input exceeds the range for which the layer's bounds were
// checked.
void require_input(const Linear& linear, const Shape& from) {
    require_layer(from.low >= 0 && from.high <= static_cast<std::int32_t>(linear.input_top()),
                  "a linear layer's input leaves the range that its bounds were checked for");
}

// A linear layer merged with the addition of bytes to its result.
class ResidualLayer : public Layer {
  public:
    ResidualLayer(std::size_t input, const Shape& from, std::shared_ptr<const Linear> linear,
                  std::size_t other, const Shape& to)
        : Layer({input, other}, {from, to}, to), linear_(std::move(linear)) {}

    void run(Workspace& work, RowRange wanted, Values& out) const override {
        const std::size_t input = inputs_[0], other = inputs_[1];
        const std::uint8_t* in = work.bytes(input);
        const std::uint8_t* add = work.bytes(other);
        std::uint8_t* const to = std::get<std::vector<std::uint8_t>>(out).data();
        const std::size_t channels = from_[0].channels, outputs = linear_->outputs();
        for_chunks(work, shape_.columns, wanted, work.rows[input], work.rows[other],
                   [&](std::size_t from, std::size_t with, std::size_t at, std::size_t places) {
                       linear_->run_sum(in + from * channels, places,
                                        {add + with * outputs, shape_.low, shape_.high},
                                        to + at * outputs);
                   });
    }

  private:
    std::shared_ptr<const Linear> linear_;
};

// A linear layer at each place.
class LinearOfPlaces : public Computed<LinearOfPlaces> {
  public:
    explicit LinearOfPlaces(const LayerFields& fields)
        : Computed(fields), linear_(fields.linear()) {
        const Shape& from = from_[0];
        require_input(*linear_, from);
        require_layer(linear_->inputs() == from.channels, "a layer's inputs do not fit its source");
        shape_ = {from.rows, from.columns, linear_->outputs(), linear_->low(), linear_->high()};
    }

    std::shared_ptr<const Layer> with_sum(std::size_t other, const Shape& to) const override {
        return std::make_shared<ResidualLayer>(inputs_[0], from_[0], linear_, other, to);
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const std::uint8_t* in = work.bytes(inputs_[0]);
        for_chunks(work, shape_.columns, wanted, work.rows[inputs_[0]],
                   [&](std::size_t from, std::size_t to, std::size_t places) {
                       linear_->run(in + from * from_[0].channels, places,
                                    out + to * linear_->outputs());
                   });
    }

  private:
    std::shared_ptr<const Linear> linear_;
};

const LayerOp<LinearOfPlaces> linear("linear", 1);

// A linear layer on the patch around every stride-th place, with zeros outside the grid.
class ConvLayer : public Computed<ConvLayer> {
  public:
    explicit ConvLayer(const LayerFields& fields)
        : Computed(fields),
          linear_(fields.linear()),
          kernel_(fields.count("kernel")),
          stride_(fields.count("stride")) {
        const Shape& from = from_[0];
        require_input(*linear_, from);
        require_layer(kernel_ % 2 == 1 && kernel_ <= 7,
                      "the kernel of a convolution is 1, 3, 5 or 7");
        require_layer(stride_ >= 1 && stride_ <= 4, "the stride of a convolution is from 1 to 4");
        require_layer(linear_->inputs() % (kernel_ * kernel_) == 0 &&
                          linear_->inputs() / (kernel_ * kernel_) == from.channels,
                      "the inputs of a convolution do not fit its kernel and its source");
        shape_ = {(from.rows + stride_ - 1) / stride_, (from.columns + stride_ - 1) / stride_,
                  linear_->outputs(), linear_->low(), linear_->high()};
    }

    RowRange need(RowRange wanted) const override {
        const std::size_t margin = kernel_ / 2;
        const std::size_t first = wanted.first * stride_;
        const std::size_t end = (wanted.end - 1) * stride_ + margin + 1;
        return {first > margin ? first - margin : 0, std::min(end, from_[0].rows)};
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const RowRange rows = work.rows[inputs_[0]];
        // The number of patches that fit into the L1 cache together with the weights.
        const std::size_t size = linear_->inputs(), columns = shape_.columns;
        const std::size_t most = std::max<std::size_t>((std::size_t{1} << 15) / size, 1);
        work.patches.resize(most * size);
        const std::uint8_t* in = work.bytes(inputs_[0]);
        std::size_t count = 0;
        for (std::size_t item = 0; item < work.items; ++item, in += rows.count() * from_[0].line())
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

  private:
    // Copies the patch around (y, x), row by row, from the image, whose `rows` are in `in`.
    void gather(const std::uint8_t* in, RowRange rows, std::size_t y, std::size_t x,
                std::uint8_t* patch) const {
        const std::size_t margin = kernel_ / 2;
        const std::size_t pixel = from_[0].channels;
        // Columns of the patch left of the image.
        const std::size_t left = x < margin ? margin - x : 0;
        const std::size_t end = std::min(kernel_, from_[0].columns + margin - x);
        for (std::size_t k = 0; k < kernel_; ++k, patch += kernel_ * pixel) {
            if (y + k < margin || y + k >= from_[0].rows + margin) {
                std::memset(patch, 0, kernel_ * pixel);
                continue;
            }
            const std::size_t row = y + k - margin - rows.first;
            const std::size_t first = row * from_[0].columns + x + left - margin;
            std::memset(patch, 0, left * pixel);
            std::memcpy(patch + left * pixel, in + first * pixel, (end - left) * pixel);
            std::memset(patch + end * pixel, 0, (kernel_ - end) * pixel);
        }
    }

    std::shared_ptr<const Linear> linear_;
    std::size_t kernel_;
    std::size_t stride_;
};

const LayerOp<ConvLayer> conv("conv", 1);

}  // namespace
}  // namespace bitsback
