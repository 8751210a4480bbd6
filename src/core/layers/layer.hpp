// A layer of an integer network, its fields, and its registration. Each layer of
// docs/model-format.md, M7, is a class in a file of this folder, followed by a `LayerOp`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../linear/linear.hpp"
#include "../value.hpp"

namespace bitsback {

// An integer, an array of integers, or the weights of a linear layer.
using Field = std::variant<std::int64_t, std::vector<std::int64_t>, std::shared_ptr<const Linear>>;
using NamedFields = std::map<std::string, Field>;

// The description of a layer: the values that it reads, and its fields by name. Each method throws
// std::invalid_argument for a field that is missing or has another type.
class LayerFields {
  public:
    // inputs: the numbers of the values that the layer reads. shapes: of these values.
    LayerFields(std::string op, std::vector<std::size_t> inputs, std::vector<Shape> shapes,
                NamedFields fields)
        : op_(std::move(op)),
          inputs_(std::move(inputs)),
          shapes_(std::move(shapes)),
          fields_(std::move(fields)) {}

    const std::string& op() const { return op_; }
    const std::vector<std::size_t>& inputs() const { return inputs_; }
    const std::vector<Shape>& shapes() const { return shapes_; }

    // An integer that is not negative.
    std::size_t count(const std::string& name) const {
        const auto value = get<std::int64_t>(name, "an integer");
        if (value < 0) fail(name, "is negative");
        return static_cast<std::size_t>(value);
    }
    template <class T>
    std::vector<T> array(const std::string& name) const {
        const auto& values = get<std::vector<std::int64_t>>(name, "an array of integers");
        std::vector<T> out;
        out.reserve(values.size());
        for (const std::int64_t value : values) {
            if (!std::in_range<T>(value)) fail(name, "holds an integer that is out of range");
            out.push_back(static_cast<T>(value));
        }
        return out;
    }
    std::shared_ptr<const Linear> linear() const {
        return get<std::shared_ptr<const Linear>>("linear", "a linear layer");
    }

  private:
    template <class T>
    const T& get(const std::string& name, const char* type) const {
        const auto found = fields_.find(name);
        if (found == fields_.end()) fail(name, "is missing");
        const T* value = std::get_if<T>(&found->second);
        if (value == nullptr) fail(name, std::string("must be ") + type);
        return *value;
    }
    [[noreturn]] void fail(const std::string& name, const std::string& what) const {
        throw std::invalid_argument(op_ + ": the field '" + name + "' " + what);
    }

    std::string op_;
    std::vector<std::size_t> inputs_;
    std::vector<Shape> shapes_;
    NamedFields fields_;
};

class Layer {
  public:
    virtual ~Layer() = default;

    // The numbers of the values that the layer reads.
    const std::vector<std::size_t>& inputs() const { return inputs_; }
    const Shape& shape() const { return shape_; }

    // The rows of the inputs that these rows of the result depend on.
    virtual RowRange need(RowRange wanted) const { return wanted; }
    // Computes rows of the result. `out` has the type of the shape and the right size.
    virtual void run(Workspace& work, RowRange wanted, Values& out) const = 0;

    // Whether the result is the whole input with another shape.
    virtual bool is_view() const { return false; }
    // This layer merged with `before`, which computes its input i, or null if that is impossible.
    virtual std::shared_ptr<const Layer> fused([[maybe_unused]] std::size_t i,
                                               [[maybe_unused]] const Layer& before) const {
        return nullptr;
    }
    // This layer merged with the addition of a value of bytes to its result, whose sum has the
    // shape `to`, or null if that is impossible.
    virtual std::shared_ptr<const Layer> with_sum([[maybe_unused]] std::size_t other,
                                                  [[maybe_unused]] const Shape& to) const {
        return nullptr;
    }

  protected:
    // A constructor sets `shape_` too.
    explicit Layer(const LayerFields& fields) : inputs_(fields.inputs()) {
        std::ranges::copy(fields.shapes(), from_.begin());
    }
    Layer(std::vector<std::size_t> inputs, std::array<Shape, 2> from, const Shape& shape)
        : inputs_(std::move(inputs)), from_(from), shape_(shape) {}

    std::vector<std::size_t> inputs_;
    std::array<Shape, 2> from_{};  // the shapes of the inputs
    Shape shape_{};
};

// A layer whose method `compute(work, wanted, out)` takes a pointer to elements of any type.
template <class Derived>
class Computed : public Layer {
  public:
    void run(Workspace& work, RowRange wanted, Values& out) const override {
        std::visit(
            [&](auto& values) {
                static_cast<const Derived*>(this)->compute(work, wanted, values.data());
            },
            out);
    }

  protected:
    using Layer::Layer;
};

using LayerMaker = std::shared_ptr<const Layer> (*)(const LayerFields&);

// Registers a layer under its name in model files. inputs: their number, one or two.
void register_layer(const char* op, std::size_t inputs, LayerMaker make);

// Makes the layer that the fields describe. Throws std::invalid_argument for an unknown op, and for
// invalid inputs or fields.
std::shared_ptr<const Layer> make_layer(const LayerFields& fields);

// A variable of this type at namespace scope registers a layer that is constructed from its fields.
template <class Made>
struct LayerOp {
    LayerOp(const char* op, std::size_t inputs) {
        register_layer(op, inputs, [](const LayerFields& fields) -> std::shared_ptr<const Layer> {
            return std::make_shared<Made>(fields);
        });
    }
};

}  // namespace bitsback
