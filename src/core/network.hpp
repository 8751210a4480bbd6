// Integer networks: layers in order, each reading the source or earlier layers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "layers.hpp"
#include "linear.hpp"

namespace bitsback {

inline constexpr std::size_t max_width = std::size_t{1} << 24;        // elements a row of one value
inline constexpr std::size_t max_total_width = std::size_t{1} << 25;  // and of all values together

class Network {
  public:
    // The source, value 0, has `width` elements a row, each in [0, top].
    Network(std::size_t width, std::int32_t top) {
        if (top < 0 || top > 32767) throw std::invalid_argument("a source lies in [0, 32767]");
        add_value({width, 0, top});
    }

    // Each adds a layer that reads value `input` and returns the number of its own value. Throws
    // std::invalid_argument for a layer that does not fit its input.
    std::size_t add_linear(std::size_t input, std::shared_ptr<const Linear> linear) {
        if (linear->inputs() != width(input))
            throw std::invalid_argument("a layer's inputs do not fit its source");
        require_input(*linear, input);
        return add(LinearOf{input, linear}, {linear->outputs(), linear->low(), linear->high()});
    }

    std::size_t add_table(std::size_t input, std::vector<std::int16_t> table, std::int32_t low) {
        const Shape from = shape(input);
        if (low != from.low || table.size() != static_cast<std::size_t>(from.high - from.low) + 1)
            throw std::invalid_argument("a table has one entry for each value of its input");
        const auto [least, most] = std::ranges::minmax(table);
        return add(TableOf{input, from, std::move(table)}, {from.width, least, most});
    }

    std::size_t add_conv(std::size_t input, std::shared_ptr<const Linear> linear, std::size_t rows,
                         std::size_t columns, std::size_t kernel, std::size_t stride) {
        require_input(*linear, input);
        ConvolutionOf layer(input, linear, image_of(width(input), rows, columns), kernel, stride);
        if (linear->outputs() > max_width / layer.places())
            throw std::invalid_argument("the result of a convolution is too large");
        const Shape to{layer.places() * linear->outputs(), linear->low(), linear->high()};
        return add(std::move(layer), to);
    }

    std::size_t add_shuffle(std::size_t input, std::size_t rows, std::size_t columns,
                            std::size_t factor) {
        return add(ShuffleOf(input, image_of(width(input), rows, columns), factor), shape(input));
    }

    std::size_t add_sum(std::size_t input, std::size_t other, std::int32_t low, std::int32_t high) {
        if (width(input) != width(other))
            throw std::invalid_argument("the two values of a sum have the same number of elements");
        if (low >= high || low < -32768 || high > 32767)
            throw std::invalid_argument("clamp must be two increasing numbers of 16 bits");
        const Shape to{width(input), low, high};
        return add(SumOf(input, shape(input), other, shape(other), to), to);
    }

    // Makes the network give the values `wanted` and perhaps no others: a linear layer that only a
    // sum with bytes reads is computed together with it.
    void keep(const std::vector<std::size_t>& wanted) {
        std::vector<std::size_t> readers(shapes_.size());
        for (std::size_t value : wanted) ++readers.at(value);
        for (const Layer& layer : layers_)
            for (std::size_t value :
                 std::visit([](const auto& any) { return any.inputs(); }, layer))
                ++readers[value];
        for (Layer& layer : layers_) {
            const auto* sum = std::get_if<SumOf>(&layer);
            if (sum == nullptr || !sum->shape().bytes()) continue;
            const std::vector<std::size_t> inputs = sum->inputs();
            for (std::size_t i = 0; i < 2; ++i) {
                const std::size_t change = inputs[i], other = inputs[1 - i];
                if (change == 0 || readers[change] != 1 || !shape(other).bytes()) continue;
                const auto* linear = std::get_if<LinearOf>(&layers_[change - 1]);
                if (linear == nullptr) continue;
                layer = LinearSumOf{linear->input, linear->linear, other, sum->shape()};
                layers_[change - 1] = Joined{};
                break;
            }
        }
    }

    std::size_t source_width() const { return shapes_[0].width; }
    std::size_t width(std::size_t value) const { return shape(value).width; }
    const Shape& shape(std::size_t value) const {
        if (value >= shapes_.size()) throw std::invalid_argument("a network has no such value");
        return shapes_[value];
    }

    // So many rows that their values stay in a cache of some 256 kB: running more at once only
    // takes more memory.
    std::size_t rows_at_once() const {
        return std::max<std::size_t>((std::size_t{1} << 18) / total_bytes_, 1);
    }

    // Room for the values of `rows` rows, and the source in it, to be filled. A writer may overrun
    // it by 32 bytes.
    template <class T>
    std::span<T> source(Workspace& work, std::size_t rows) const {
        if (work.values.empty())
            for (const Shape& value : shapes_)
                work.values.push_back(value.bytes() ? Values(std::vector<std::uint8_t>())
                                                    : Values(std::vector<std::int16_t>()));
        auto* values = std::get_if<std::vector<T>>(&work.values[0]);
        if (values == nullptr) throw std::invalid_argument("the source has another type");
        values->resize(rows * source_width() + 32);
        return {values->data(), rows * source_width()};
    }

    // Computes all values from the source. Throws std::invalid_argument for a source out of its
    // range.
    void run(Workspace& work, std::size_t rows) const {
        const bool any_byte = shapes_[0].bytes() && shapes_[0].high == 255;
        if (!any_byte)
            std::visit(
                [&](const auto& values) { check_source(values.data(), rows * source_width()); },
                work.values.at(0));
        for (std::size_t value = 1; value < shapes_.size(); ++value)
            std::visit([&](const auto& layer) { run_layer(layer, work, rows, value); },
                       layers_[value - 1]);
    }

  private:
    using Layer =
        std::variant<LinearOf, TableOf, ConvolutionOf, ShuffleOf, SumOf, LinearSumOf, Joined>;

    template <class Any>
    void run_layer(const Any& layer, Workspace& work, std::size_t rows, std::size_t value) const {
        std::visit(
            [&](auto& out) {
                out.resize(rows * shapes_[value].width);
                layer.run(work, rows, out.data());
            },
            work.values[value]);
    }

    void run_layer(const LinearSumOf& layer, Workspace& work, std::size_t rows,
                   std::size_t value) const {
        auto& out = std::get<std::vector<std::uint8_t>>(work.values[value]);
        out.resize(rows * shapes_[value].width);
        layer.run(work, rows, out.data());
    }

    void run_layer(const Joined&, Workspace&, std::size_t, std::size_t) const {}

    void add_value(const Shape& value) {
        if (value.width == 0 || value.width > max_width ||
            value.width > max_total_width - total_width_)
            throw std::invalid_argument("a value of a network has no elements or too many");
        total_width_ += value.width;
        total_bytes_ += value.width * (value.bytes() ? 1 : 2);
        shapes_.push_back(value);
    }

    std::size_t add(Layer layer, const Shape& value) {
        add_value(value);
        layers_.push_back(std::move(layer));
        return shapes_.size() - 1;
    }

    void require_input(const Linear& linear, std::size_t input) const {
        const Shape& from = shape(input);
        if (from.low < 0 || from.high > static_cast<std::int32_t>(linear.input_top()))
            throw std::invalid_argument(
                "a linear layer's input leaves the range that its bounds were checked for");
    }

    template <class T>
    void check_source(const T* values, std::size_t size) const {
        T least = 0, most = 0;
        for (std::size_t i = 0; i < size; ++i) {
            least = values[i] < least ? values[i] : least;
            most = values[i] > most ? values[i] : most;
        }
        if (least < 0 || most > shapes_[0].high)
            throw std::invalid_argument("the source must lie in [0, " +
                                        std::to_string(shapes_[0].high) + "]");
    }

    std::vector<Shape> shapes_;
    std::vector<Layer> layers_;
    std::size_t total_width_ = 0;
    std::size_t total_bytes_ = 0;
};

}  // namespace bitsback
