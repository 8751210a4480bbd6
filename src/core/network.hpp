// Integer networks: layers in order, each reading the source or an earlier layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "linear.hpp"

namespace bitsback {

// A row-major array of what flows between layers: bytes where the range allows, 16 bits otherwise.
using Values = std::variant<std::vector<std::uint8_t>, std::vector<std::int16_t>>;

class Network {
  public:
    // The source, value 0, has `width` elements a row, each in [0, top].
    Network(std::size_t width, std::int32_t top) : widths_{width}, top_(top) {
        if (width == 0 || top < 0 || top > 32767) throw std::invalid_argument("a source lies in [0, 32767]");
    }

    // Both add a layer that reads value `input` and return the number of its own value.
    std::size_t add_linear(std::size_t input, std::shared_ptr<const Linear> linear) {
        if (linear->inputs() != width(input)) throw std::invalid_argument("a layer's inputs do not fit its source");
        widths_.push_back(linear->outputs());
        layers_.push_back({input, std::move(linear), {}, 0, false});
        return widths_.size() - 1;
    }

    std::size_t add_table(std::size_t input, std::vector<std::int16_t> table, std::int32_t low) {
        if (table.empty()) throw std::invalid_argument("a table has at least one entry");
        widths_.push_back(width(input));
        bool bytes = true;
        for (std::int16_t value : table) bytes = bytes && value >= 0 && value <= 255;
        layers_.push_back({input, nullptr, std::move(table), low, bytes});
        return widths_.size() - 1;
    }

    std::size_t source_width() const { return widths_[0]; }
    std::size_t width(std::size_t value) const { return widths_.at(value); }

    // All values for `rows` rows, the source first. Throws std::invalid_argument for a source out of its range.
    std::vector<Values> run(Values source, std::size_t rows) const {
        std::visit([&](const auto& values) { check_source(values, rows); }, source);
        std::vector<Values> values;
        values.reserve(widths_.size());
        values.push_back(std::move(source));
        for (const Layer& layer : layers_) {
            const Values& input = values[layer.input];
            values.push_back(layer.linear ? run_linear(*layer.linear, input, rows) : run_table(layer, input));
        }
        return values;
    }

  private:
    struct Layer {
        std::size_t input;
        std::shared_ptr<const Linear> linear;  // or else a table
        std::vector<std::int16_t> table;
        std::int32_t low;
        bool bytes;  // the table's output fits bytes
    };

    template <class T>
    void check_source(const std::vector<T>& values, std::size_t rows) const {
        if (values.size() != rows * source_width()) throw std::invalid_argument("the source has another size");
        T least = 0, most = 0;
        for (T value : values) {
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
        if (least < 0 || most > top_)
            throw std::invalid_argument("the source must lie in [0, " + std::to_string(top_) + "]");
    }

    static Values run_linear(const Linear& linear, const Values& input, std::size_t rows) {
        const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&input);
        if (bytes == nullptr) throw std::invalid_argument("a linear layer needs bytes");
        if (linear.byte_output()) {
            std::vector<std::uint8_t> out(rows * linear.outputs());
            linear.run(bytes->data(), rows, out.data());
            return out;
        }
        std::vector<std::int16_t> out(rows * linear.outputs());
        linear.run(bytes->data(), rows, out.data());
        return out;
    }

    static Values run_table(const Layer& layer, const Values& input) {
        return std::visit(
            [&](const auto& values) -> Values {
                return layer.bytes ? Values(look_up<std::uint8_t>(layer, values))
                                   : Values(look_up<std::int16_t>(layer, values));
            },
            input);
    }

    template <class Out, class In>
    static std::vector<Out> look_up(const Layer& layer, const std::vector<In>& values) {
        std::vector<Out> out(values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            out[i] = static_cast<Out>(layer.table.at(static_cast<std::size_t>(values[i] - layer.low)));
        return out;
    }

    std::vector<std::size_t> widths_;
    std::vector<Layer> layers_;
    std::int32_t top_;
};

}  // namespace bitsback
