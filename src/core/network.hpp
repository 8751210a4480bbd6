// Integer networks: layers in order, each reading sources or earlier layers, bound to a size of
// image.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "layers/conv.hpp"
#include "layers/join.hpp"
#include "layers/linear.hpp"
#include "layers/shuffle.hpp"
#include "layers/spread.hpp"
#include "layers/sum.hpp"
#include "layers/table.hpp"
#include "value.hpp"

namespace bitsback {

class Network {
  public:
    // The sources are the first values. Throws std::invalid_argument for one that is none.
    explicit Network(const std::vector<Shape>& sources) {
        require_layer(!sources.empty(), "a network has at least one source");
        for (const Shape& source : sources) {
            require_layer(source.low <= source.high && source.low >= 0 && source.high <= 65535,
                          "a source lies in [0, 65535]");
            add_value(source);
        }
        sources_ = sources.size();
    }

    // Each adds a layer that reads value `input` and returns the number of its own value. Throws
    // std::invalid_argument for a layer that does not fit its input.
    std::size_t add_linear(std::size_t input, std::shared_ptr<const Linear> linear) {
        return add(LinearLayerOf(input, shape(input), std::move(linear)));
    }
    std::size_t add_conv(std::size_t input, std::shared_ptr<const Linear> linear,
                         std::size_t kernel, std::size_t stride) {
        return add(ConvLayer(input, shape(input), std::move(linear), kernel, stride));
    }
    std::size_t add_table(std::size_t input, std::vector<std::int16_t> table) {
        return add(TableLayer(input, shape(input), std::move(table)));
    }
    std::size_t add_sum(std::size_t input, std::size_t other, std::int32_t low, std::int32_t high) {
        return add(SumLayer(input, shape(input), other, shape(other), low, high));
    }
    std::size_t add_join(std::size_t input, std::size_t other) {
        return add(JoinLayer(input, shape(input), other, shape(other)));
    }
    std::size_t add_shuffle(std::size_t input, std::size_t factor, std::size_t rows,
                            std::size_t columns) {
        return add(ShuffleLayer(input, shape(input), factor, rows, columns));
    }
    std::size_t add_spread(std::size_t input, std::size_t rows, std::size_t columns) {
        return add(SpreadLayer(input, shape(input), rows, columns));
    }
    // The same elements, seen as so many rows and columns.
    std::size_t add_view(std::size_t input, std::size_t rows, std::size_t columns) {
        const Shape from = shape(input);
        require_layer(rows > 0 && columns > 0 && rows <= from.width() && columns <= from.width() &&
                          from.width() % (rows * columns) == 0,
                      "the size of an image does not fit its value");
        return add(View{input,
                        from.rows,
                        {rows, columns, from.width() / (rows * columns), from.low, from.high}});
    }

    // Makes the network give the values `wanted` and perhaps no others: a linear layer that only a
    // sum with bytes reads is computed together with it.
    void keep(std::vector<std::size_t> wanted) {
        wanted_ = std::move(wanted);
        readers_.assign(shapes_.size(), 0);
        for (std::size_t value : wanted_) ++readers_.at(value);
        for (const Layer& layer : layers_)
            for (std::size_t value : inputs_of(layer)) ++readers_[value];
        for (Layer& layer : layers_) {
            const auto* sum = std::get_if<SumLayer>(&layer);
            if (sum == nullptr || !sum->shape().bytes()) continue;
            const std::vector<std::size_t> inputs = sum->inputs();
            for (std::size_t i = 0; i < 2; ++i) {
                const std::size_t change = inputs[i], other = inputs[1 - i];
                if (change < sources_ || readers_[change] != 1 || !shape(other).bytes()) continue;
                Layer& before = layers_[change - sources_];
                const auto* linear = std::get_if<LinearLayerOf>(&before);
                if (linear == nullptr) continue;
                layer = LinearSum{*linear, other, sum->shape()};
                before = Joined{};
                break;
            }
        }
        whole_ = ranges(std::nullopt);
    }

    std::size_t sources() const { return sources_; }
    std::size_t width(std::size_t value) const { return shape(value).width(); }
    const Shape& shape(std::size_t value) const {
        if (value >= shapes_.size()) throw std::invalid_argument("a network has no such value");
        return shapes_[value];
    }

    // So many items that their values stay in a cache of some 256 kB: running more at once only
    // takes more memory.
    std::size_t items_at_once() const {
        return std::max<std::size_t>((std::size_t{1} << 18) / total_bytes_, 1);
    }

    // So many rows of a wanted value, of `rows` rows, as it takes some MB to compute.
    std::size_t rows_at_once(std::size_t rows) const {
        const std::size_t most = std::size_t{1} << 22;
        if (total_bytes_ <= most) return rows;
        return std::clamp<std::size_t>(rows * most / total_bytes_, 16,
                                       std::max<std::size_t>(rows, 16));
    }

    // Room for the values of some items: all of them, or what some rows of the wanted values need,
    // which must then all have rows alike. The sources are to be filled after it.
    void prepare(Workspace& work, std::size_t items, std::optional<RowRange> strip = {}) const {
        work.items = items;
        work.rows = strip ? ranges(strip) : whole_;
        if (work.values.empty())
            for (const Shape& value : shapes_) work.values.push_back(value.empty());
        for (std::size_t value = 0; value < shapes_.size(); ++value) {
            const std::size_t overrun = value < sources_ ? 32 : 0;
            const std::size_t size = items * work.rows[value].count() * shapes_[value].line();
            if (!is_view(value))
                std::visit([&](auto& values) { values.resize(size + overrun); },
                           work.values[value]);
        }
    }

    // Where the elements of a source go, for some items. A writer may overrun it by 32 bytes.
    template <class T>
    T* source(Workspace& work, std::size_t value = 0) const {
        auto* values = std::get_if<std::vector<T>>(&work.values.at(value));
        if (values == nullptr) throw std::invalid_argument("the source has another type");
        return values->data();
    }

    // Fills a source with what it needs of `from`, [items, rows, columns, channels].
    template <class T>
    void fill(Workspace& work, std::size_t value, const T* from) const {
        const Shape& of = shape(value);
        const RowRange rows = work.rows[value];
        std::visit(
            [&](auto& values) {
                auto out = values.begin();
                for (std::size_t item = 0; item < work.items; ++item)
                    out = std::transform(
                        from + (item * of.rows + rows.first) * of.line(),
                        from + (item * of.rows + rows.end) * of.line(), out, [](T element) {
                            return static_cast<std::remove_cvref_t<decltype(*out)>>(element);
                        });
            },
            work.values[value]);
    }

    // Computes the wanted values from the sources.
    void run(Workspace& work) const {
        for (std::size_t value = sources_; value < shapes_.size(); ++value)
            std::visit([&](const auto& layer) { run_layer(layer, work, value); },
                       layers_[value - sources_]);
    }

    // Of one item.
    std::size_t multiply_adds() const {
        std::size_t sum = 0;
        for (const Layer& layer : layers_)
            sum += std::visit([](const auto& any) { return any.multiply_adds(); }, layer);
        return sum;
    }

  private:
    // What is another value, seen as another image. Only of all its rows.
    struct View {
        std::size_t input;
        std::size_t rows;
        Shape to;

        std::vector<std::size_t> inputs() const { return {input}; }
        Shape shape() const { return to; }
        RowRange need(RowRange) const { return {0, rows}; }
        std::size_t multiply_adds() const { return 0; }
    };

    // A linear layer and the sum of its result with bytes, in one.
    struct LinearSum {
        LinearLayerOf linear;
        std::size_t other;
        Shape to;

        std::vector<std::size_t> inputs() const { return {linear.inputs()[0], other}; }
        Shape shape() const { return to; }
        RowRange need(RowRange wanted) const { return wanted; }
        std::size_t multiply_adds() const { return linear.multiply_adds(); }
    };

    // What has become a part of a later layer.
    struct Joined {
        std::vector<std::size_t> inputs() const { return {}; }
        RowRange need(RowRange wanted) const { return wanted; }
        std::size_t multiply_adds() const { return 0; }
    };

    using Layer = std::variant<LinearLayerOf, ConvLayer, TableLayer, SumLayer, JoinLayer,
                               ShuffleLayer, SpreadLayer, View, LinearSum, Joined>;

    static std::vector<std::size_t> inputs_of(const Layer& layer) {
        return std::visit([](const auto& any) { return any.inputs(); }, layer);
    }

    bool is_view(std::size_t value) const {
        return value >= sources_ && std::holds_alternative<View>(layers_[value - sources_]);
    }

    template <class Any>
    void run_layer(const Any& layer, Workspace& work, std::size_t value) const {
        const RowRange rows = work.rows[value];
        if (rows.count() == 0) return;
        std::visit([&](auto& out) { layer.run(work, rows, out.data()); }, work.values[value]);
    }
    void run_layer(const LinearSum& layer, Workspace& work, std::size_t value) const {
        layer.linear.run_sum(work, work.rows[value], layer.other, layer.to.low, layer.to.high,
                             std::get<std::vector<std::uint8_t>>(work.values[value]).data());
    }
    // Where nothing else reads the elements, they move on.
    void run_layer(const View& layer, Workspace& work, std::size_t value) const {
        if (readers_[layer.input] == 1)
            std::swap(work.values[value], work.values[layer.input]);
        else
            work.values[value] = work.values[layer.input];
    }
    void run_layer(const Joined&, Workspace&, std::size_t) const {}

    // Of each value: the rows that a strip of the wanted ones needs, or all that they need.
    std::vector<RowRange> ranges(std::optional<RowRange> strip) const {
        std::vector<RowRange> needed(shapes_.size());
        for (std::size_t value : wanted_)
            needed[value] = strip.value_or(RowRange{0, shapes_[value].rows});
        for (std::size_t value = shapes_.size(); value-- > sources_;) {
            if (needed[value].count() == 0) continue;
            const Layer& layer = layers_[value - sources_];
            if (std::holds_alternative<View>(layer)) needed[value] = {0, shapes_[value].rows};
            const RowRange rows =
                std::visit([&](const auto& any) { return any.need(needed[value]); }, layer);
            for (std::size_t input : inputs_of(layer)) needed[input] = needed[input].with(rows);
        }
        return needed;
    }

    void add_value(const Shape& value) {
        require_layer(value.rows > 0 && value.columns > 0 && value.channels > 0,
                      "a value of a network has no elements");
        total_bytes_ += value.width() * value.element_size();
        shapes_.push_back(value);
    }

    std::size_t add(Layer layer) {
        add_value(std::visit(
            [](const auto& any) -> Shape {
                if constexpr (requires { any.shape(); })
                    return any.shape();
                else
                    throw std::logic_error("no layer to add");
            },
            layer));
        layers_.push_back(std::move(layer));
        return shapes_.size() - 1;
    }

    std::size_t sources_ = 0;
    std::vector<Shape> shapes_;
    std::vector<std::size_t> readers_;  // how many layers read a value, or want it
    std::vector<Layer> layers_;
    std::vector<std::size_t> wanted_;
    std::vector<RowRange> whole_;
    std::size_t total_bytes_ = 0;
};

}  // namespace bitsback
