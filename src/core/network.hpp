// Integer networks (docs/model-format.md, M7): a list of layers, which read sources or earlier
// layers, for one size of image.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "layers/layer.hpp"
#include "value.hpp"

namespace bitsback {

class Network {
  public:
    // The sources are the first values. Throws std::invalid_argument for an invalid source.
    explicit Network(const std::vector<Shape>& sources);

    // Adds a layer that reads the values `inputs`, and returns the number of its result. Throws
    // std::invalid_argument for a layer that does not fit its inputs.
    std::size_t add(const std::string& op, const std::vector<std::size_t>& inputs,
                    NamedFields fields);

    // Prepares the network to compute the values `wanted` only: merges two layers if possible, and
    // if nothing else reads the first one.
    void keep(std::vector<std::size_t> wanted);

    std::size_t sources() const { return sources_; }
    std::size_t width(std::size_t value) const { return shape(value).width(); }
    const Shape& shape(std::size_t value) const {
        if (value >= shapes_.size()) throw std::invalid_argument("a network has no such value");
        return shapes_[value];
    }

    // The number of items whose values fit into an L2 cache of about 256 kB. Larger batches are not
    // faster.
    std::size_t items_at_once() const {
        return std::max<std::size_t>((std::size_t{1} << 18) / total_bytes_, 1);
    }

    // The number of rows of a wanted value, at most `rows`, whose computation takes a few MB.
    std::size_t rows_at_once(std::size_t rows) const {
        const std::size_t most = std::size_t{1} << 22;
        if (total_bytes_ <= most) return rows;
        return std::clamp<std::size_t>(rows * most / total_bytes_, 16,
                                       std::max<std::size_t>(rows, 16));
    }

    // Allocates values for `items` items: all rows, or those that a strip of the wanted values
    // depends on, which must then have the same number of rows. Fill the sources afterwards.
    void prepare(Workspace& work, std::size_t items, std::optional<RowRange> strip = {}) const;

    // The elements of a source. A writer may overrun them by 32 bytes.
    template <class T>
    T* source(Workspace& work, std::size_t value = 0) const {
        auto* values = std::get_if<std::vector<T>>(&work.values.at(value));
        if (values == nullptr) throw std::invalid_argument("the source has another type");
        return values->data();
    }

    // Fills a source with the needed rows of `from`, [items, rows, columns, channels].
    template <class T>
    void fill(Workspace& work, std::size_t value, const T* from) const {
        const Shape& value_shape = shape(value);
        const RowRange rows = work.rows[value];
        std::visit(
            [&](auto& values) {
                auto out = values.begin();
                for (std::size_t item = 0; item < work.items; ++item)
                    out = std::transform(
                        from + (item * value_shape.rows + rows.first) * value_shape.line(),
                        from + (item * value_shape.rows + rows.end) * value_shape.line(), out,
                        [](T element) {
                            return static_cast<std::remove_cvref_t<decltype(*out)>>(element);
                        });
            },
            work.values[value]);
    }

    // Computes the wanted values from the sources.
    void run(Workspace& work) const;

  private:
    // The rows of each value that a strip of the wanted values, or all of them, depend on.
    std::vector<RowRange> ranges(std::optional<RowRange> strip) const;
    void add_value(const Shape& value);
    // The layer that computes a value; null for a source, and for a value of a merged layer.
    const Layer* layer(std::size_t value) const {
        return value < sources_ ? nullptr : layers_[value - sources_].get();
    }

    std::size_t sources_ = 0;
    std::vector<Shape> shapes_;
    std::vector<std::size_t> readers_;  // the number of layers that read or want a value
    std::vector<std::shared_ptr<const Layer>> layers_;
    std::vector<std::size_t> wanted_;
    std::vector<RowRange> whole_;
    std::size_t total_bytes_ = 0;
};

}  // namespace bitsback
