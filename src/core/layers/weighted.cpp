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

// Throws std::invalid_argument unless the input lies where the layer's bounds were checked for.
void require_input(const Linear& linear, const Shape& from) {
    require_layer(from.low >= 0 && from.high <= static_cast<std::int32_t>(linear.input_top()),
                  "a linear layer's input leaves the range that its bounds were checked for");
}

// A linear layer and the sum of its result with bytes, in one.
class ResidualLayer : public Layer {
  public:
    ResidualLayer(std::size_t input, const Shape& from, std::shared_ptr<const Linear> linear,
                  std::size_t other, const Shape& to)
        : Layer({input, other}, to), from_(from), linear_(std::move(linear)) {}

    void run(Workspace& work, RowRange wanted, Values& out) const override {
        const std::size_t input = inputs()[0], other = inputs()[1];
        const std::uint8_t* in = work.bytes(input);
        const std::uint8_t* add = work.bytes(other);
        std::uint8_t* const to = std::get<std::vector<std::uint8_t>>(out).data();
        const std::size_t outputs = linear_->outputs();
        for_pieces(work, from_.columns, wanted, work.rows[input], work.rows[other],
                   [&](std::size_t from, std::size_t with, std::size_t at, std::size_t places) {
                       linear_->run_sum(in + from * from_.channels, places,
                                        {add + with * outputs, shape().low, shape().high},
                                        to + at * outputs);
                   });
    }

  private:
    Shape from_;
    std::shared_ptr<const Linear> linear_;
};

// A linear layer at each place.
class LinearOfPlaces : public Computed<LinearOfPlaces> {
  public:
    explicit LinearOfPlaces(const LayerFields& fields)
        : LinearOfPlaces(fields, fields.shape(), fields.linear()) {}

    std::shared_ptr<const Layer> with_sum(std::size_t other, const Shape& to) const override {
        return std::make_shared<ResidualLayer>(inputs()[0], from_, linear_, other, to);
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const std::uint8_t* in = work.bytes(inputs()[0]);
        for_pieces(work, from_.columns, wanted, work.rows[inputs()[0]],
                   [&](std::size_t from, std::size_t to, std::size_t places) {
                       linear_->run(in + from * from_.channels, places,
                                    out + to * linear_->outputs());
                   });
    }

  private:
    LinearOfPlaces(const LayerFields& fields, const Shape& from,
                   std::shared_ptr<const Linear> linear)
        : Computed(fields.inputs(),
                   {from.rows, from.columns, linear->outputs(), linear->low(), linear->high()}),
          from_(from),
          linear_(std::move(linear)) {
        require_input(*linear_, from);
        require_layer(linear_->inputs() == from.channels, "a layer's inputs do not fit its source");
    }

    Shape from_;
    std::shared_ptr<const Linear> linear_;
};

const LayerOp<LinearOfPlaces> linear("linear", 1);

// A linear layer on the patch around every stride-th place; zeros outside the grid.
class ConvLayer : public Computed<ConvLayer> {
  public:
    explicit ConvLayer(const LayerFields& fields)
        : Computed(fields.inputs(), result(fields)),
          from_(fields.shape()),
          linear_(fields.linear()),
          kernel_(fields.count("kernel")),
          stride_(fields.count("stride")) {
        require_input(*linear_, from_);
        require_layer(kernel_ % 2 == 1 && kernel_ <= 7,
                      "the kernel of a convolution is 1, 3, 5 or 7");
        require_layer(linear_->inputs() % (kernel_ * kernel_) == 0 &&
                          linear_->inputs() / (kernel_ * kernel_) == from_.channels,
                      "the inputs of a convolution do not fit its kernel and its source");
    }

    RowRange need(RowRange wanted) const override {
        const std::size_t margin = kernel_ / 2;
        const std::size_t first = wanted.first * stride_;
        const std::size_t end = (wanted.end - 1) * stride_ + margin + 1;
        return {first > margin ? first - margin : 0, std::min(end, from_.rows)};
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const RowRange rows = work.rows[inputs()[0]];
        // So many patches at once as stay in the nearest cache, with the weights.
        const std::size_t size = linear_->inputs(), columns = shape().columns;
        const std::size_t most = std::max<std::size_t>((std::size_t{1} << 15) / size, 1);
        work.patches.resize(most * size);
        const std::uint8_t* in = work.bytes(inputs()[0]);
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

  private:
    static Shape result(const LayerFields& fields) {
        const Shape& from = fields.shape();
        const std::size_t stride = fields.count("stride");
        require_layer(stride >= 1 && stride <= 4, "the stride of a convolution is from 1 to 4");
        const auto linear = fields.linear();
        return {(from.rows + stride - 1) / stride, (from.columns + stride - 1) / stride,
                linear->outputs(), linear->low(), linear->high()};
    }

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

    Shape from_;
    std::shared_ptr<const Linear> linear_;
    std::size_t kernel_;
    std::size_t stride_;
};

const LayerOp<ConvLayer> conv("conv", 1);

}  // namespace
}  // namespace bitsback
