// Python bindings of models: networks, programs of distributions, and multisets of items.
#include <nanobind/stl/map.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.hpp"
#include "distribution.hpp"
#include "linear/linear.hpp"
#include "multiset.hpp"
#include "network.hpp"
#include "program.hpp"

namespace nanobind::detail {

template <>
struct type_caster<bitsback::Shape> : struct_caster<bitsback::Shape, std::size_t, std::size_t,
                                                    std::size_t, std::int32_t, std::int32_t> {};
template <>
struct type_caster<bitsback::Variable>
    : struct_caster<bitsback::Variable, std::size_t, std::uint32_t> {};
template <>
struct type_caster<bitsback::Step>
    : struct_caster<bitsback::Step, bool, std::shared_ptr<bitsback::Distribution>> {};
template <>
struct type_caster<bitsback::Batches> : struct_caster<bitsback::Batches, std::size_t, std::size_t> {
};
template <>
struct type_caster<bitsback::ShapeRun>
    : struct_caster<bitsback::ShapeRun, std::size_t, bitsback::ItemShape> {};

}  // namespace nanobind::detail

namespace bitsback {
namespace {

std::vector<std::size_t> shape_of_result(const Linear& linear, const In<std::uint8_t>& x) {
    if (x.ndim() != 2 || x.shape(1) != linear.inputs())
        throw std::invalid_argument("a linear layer needs an input of [rows, " +
                                    std::to_string(linear.inputs()) + "]");
    return {x.shape(0), linear.outputs()};
}

void bind_linear(nb::module_& m) {
    nb::class_<Linear>(m, "Linear")
        .def(
            "__init__",
            [](Linear* self, const In<std::int8_t>& weight, const In<std::int32_t>& bias,
               const In<std::int32_t>& multiplier, unsigned shift, std::int32_t low,
               std::int32_t high, std::uint32_t input_top) {
                if (weight.ndim() != 2 || bias.ndim() != 1 || multiplier.ndim() != 1 ||
                    weight.shape(0) != bias.size())
                    throw std::invalid_argument(
                        "the shapes of weight, bias and multiplier do not match");
                new (self) Linear(view(weight), view(bias), view(multiplier), weight.shape(1),
                                  shift, low, high, input_top);
            },
            "weight"_a, "bias"_a, "multiplier"_a, "shift"_a, "low"_a, "high"_a, "input_top"_a)
        .def_prop_ro("outputs", &Linear::outputs)
        .def_prop_ro("low", &Linear::low)
        .def_prop_ro("high", &Linear::high)
        .def("__call__",
             [](const Linear& self, const In<std::uint8_t>& x) -> nb::object {
                 const std::vector<std::size_t> shape = shape_of_result(self, x);
                 auto run = [&](auto out) { self.run(x.data(), x.shape(0), out.data()); };
                 if (self.byte_output()) return nb::cast(make_array<std::uint8_t>(shape, run));
                 return nb::cast(make_array<std::int16_t>(shape, run));
             })
        .def(
            "run_sum",
            [](const Linear& self, const In<std::uint8_t>& x, const In<std::uint8_t>& other,
               std::uint8_t low, std::uint8_t high) {
                const std::vector<std::size_t> shape = shape_of_result(self, x);
                if (other.ndim() != 2 || other.shape(0) != shape[0] || other.shape(1) != shape[1])
                    throw std::invalid_argument("both parts of a sum have the same shape");
                return make_array<std::uint8_t>(shape, [&](auto out) {
                    self.run_sum(x.data(), x.shape(0), {other.data(), low, high}, out.data());
                });
            },
            "x"_a, "other"_a, "low"_a, "high"_a);
    m.def("simd_paths", [] { return nb::tuple(nb::cast(simd_paths())); });
    m.def("simd", &simd_path);
    m.def("set_simd", &set_simd_path);
}

// Computes the values `wanted` of a network, each [items, width of the value], from sources, each
// [items, width of the source].
nb::list run_network(Network network, const std::vector<In<std::uint16_t>>& sources,
                     const std::vector<std::size_t>& wanted) {
    if (sources.size() != network.sources())
        throw std::invalid_argument("a network needs an array for each source");
    const std::size_t items = sources[0].shape(0);
    for (std::size_t i = 0; i < sources.size(); ++i)
        if (sources[i].ndim() != 2 || sources[i].shape(0) != items ||
            sources[i].shape(1) != network.width(i))
            throw std::invalid_argument("a network needs a source of [items, " +
                                        std::to_string(network.width(i)) + "]");
    nb::list outputs;
    std::vector<void*> pointers;
    for (std::size_t value : wanted) {
        const std::vector<std::size_t> shape{items, network.width(value)};
        const auto keep = [&](auto array) {
            pointers.push_back(array.data());
            outputs.append(array);
        };
        std::visit(
            [&](auto values) {
                keep(make_array<typename decltype(values)::value_type>(shape, [](auto) {}));
            },
            network.shape(value).empty());
    }
    nb::gil_scoped_release release;
    network.keep(wanted);
    Workspace work;
    const std::size_t at_once = network.items_at_once();
    for (std::size_t start = 0; start < items; start += at_once) {
        const std::size_t count = std::min(at_once, items - start);
        network.prepare(work, count);
        for (std::size_t i = 0; i < sources.size(); ++i)
            network.fill(work, i, sources[i].data() + start * network.width(i));
        network.run(work);
        for (std::size_t i = 0; i < wanted.size(); ++i)
            std::visit(
                [&](const auto& values) {
                    using Element = typename std::remove_cvref_t<decltype(values)>::value_type;
                    const std::size_t width = network.width(wanted[i]);
                    std::copy_n(values.data(), count * width,
                                static_cast<Element*>(pointers[i]) + start * width);
                },
                work.values[wanted[i]]);
    }
    return outputs;
}

Field to_field(nb::handle value) {
    if (nb::isinstance<Linear>(value)) return nb::cast<std::shared_ptr<Linear>>(value);
    if (std::int64_t number = 0; nb::try_cast(value, number)) return number;
    const nb::object array =
        nb::module_::import_("numpy").attr("ascontiguousarray")(value, "int64");
    const auto numbers = nb::cast<In<std::int64_t>>(array);
    return copy(numbers);
}

void bind_network(nb::module_& m) {
    nb::class_<Network>(m, "Network")
        .def(nb::init<std::vector<Shape>>(), "sources"_a)
        .def(
            "add",
            [](Network& self, const std::string& op, const std::vector<std::size_t>& inputs,
               const nb::dict& fields) {
                NamedFields all;
                for (const auto& [name, value] : fields)
                    all[nb::cast<std::string>(name)] = to_field(value);
                return self.add(op, inputs, std::move(all));
            },
            "op"_a, "inputs"_a, "fields"_a)
        .def("__call__", &run_network, "sources"_a, "wanted"_a);
    nb::class_<Conditional>(m, "Conditional")
        .def(nb::init<Network, std::vector<std::size_t>, std::vector<std::size_t>>(), "network"_a,
             "sources"_a, "outputs"_a);
}

using Items = std::variant<In<std::uint8_t>, In<std::uint16_t>>;

void push_items(const Program& self, Message& message, const Items& x,
                const std::vector<ShapeRun>& shapes, const std::vector<Batches>& batches,
                bool kept) {
    const bool bytes = self.data().bytes();
    require(self.data().any_shape() || bytes == (x.index() == 0),
            bytes ? "this model has items of uint8" : "this model has items of uint16");
    nb::gil_scoped_release release;
    std::visit([&](const auto& array) { self.push(message, view(array), shapes, batches, kept); },
               x);
}

constexpr std::size_t most_items = std::size_t{1} << 32;

// The items are bytes if all have at most 256 levels.
nb::object pop_items(const Program& self, Message& message, const std::vector<ShapeRun>& shapes,
                     const std::vector<Batches>& batches, bool kept) {
    std::size_t elements = 0;
    bool bytes = self.data().bytes() || (self.data().any_shape() && !shapes.empty());
    for (const auto& [count, shape] : shapes) {
        shape.check();
        require(count <= most_items, "there are too many items");
        elements += count * shape.elements();
        bytes = bytes && (shape.levels <= 256 || !self.data().any_shape());
    }
    const auto fill = [&](auto out) { self.pop(message, out, shapes, batches, kept); };
    if (bytes) return nb::cast(make_array<std::uint8_t>({elements}, fill));
    return nb::cast(make_array<std::uint16_t>({elements}, fill));
}

// Symbols [items, elements] by the number of their variable.
using SymbolArrays = std::map<std::size_t, Items>;

Batch batch_of(const Program& self, std::size_t items, const ItemShape& shape,
               const SymbolArrays& arrays) {
    Batch batch = self.zeros(items, shape);
    for (const auto& [variable, symbols] : arrays)
        std::visit([&](const auto& array) { self.set(batch, variable, view(array)); }, symbols);
    return batch;
}

// Pushes the variable of a step by its distribution, whether the step itself pushes or pops.
void push_step_of(const Program& self, Message& message, std::size_t step, std::size_t items,
                  const ItemShape& shape, const SymbolArrays& arrays) {
    nb::gil_scoped_release release;
    const Batch batch = batch_of(self, items, shape, arrays);
    message.transaction([&](Message& work) { self.distribution(step).push(work, batch); });
}

nb::object pop_step_of(const Program& self, Message& message, std::size_t step, std::size_t items,
                       const ItemShape& shape, const SymbolArrays& arrays, std::size_t variable) {
    Batch batch = batch_of(self, items, shape, arrays);
    {
        nb::gil_scoped_release release;
        message.transaction([&](Message& work) { self.distribution(step).pop(work, batch); });
    }
    return std::visit(
        [&](const auto& symbols) {
            using Symbol = typename std::remove_cvref_t<decltype(symbols)>::value_type;
            return nb::cast(make_array<Symbol>(
                {symbols.size()}, [&](auto out) { std::ranges::copy(symbols, out.begin()); }));
        },
        batch.variables.at(variable));
}

void bind_program(nb::module_& m) {
    nb::class_<Program>(m, "Program")
        .def(nb::init<std::vector<Variable>, std::vector<Step>>(), "variables"_a, "steps"_a)
        .def("push", &push_items, "message"_a, nb::arg("x").noconvert(), "shapes"_a, "batches"_a,
             "kept"_a = true)
        .def("pop", &pop_items, "message"_a, "shapes"_a, "batches"_a, "kept"_a = true)
        .def("push_step", &push_step_of, "message"_a, "step"_a, "items"_a, "shape"_a,
             nb::arg("values").noconvert())
        .def("pop_step", &pop_step_of, "message"_a, "step"_a, "items"_a, "shape"_a,
             nb::arg("values").noconvert(), "variable"_a);
}

// The keys of a list of bytes, or of the rows of an array.
Keys keys_of(const nb::object& list) {
    Keys keys;
    if (In<std::uint8_t> rows; nb::try_cast(list, rows)) {
        require(rows.ndim() == 2, "keys are the rows of an array");
        keys.bytes.assign(reinterpret_cast<const char*>(rows.data()), rows.size());
        for (std::size_t i = 1; i <= rows.shape(0); ++i) keys.ends.push_back(i * rows.shape(1));
        return keys;
    }
    for (const nb::handle key : list) {
        const auto bytes = nb::cast<nb::bytes>(key);
        keys.add({bytes.c_str(), bytes.size()});
    }
    return keys;
}

void bind_multiset(nb::module_& m) {
    nb::class_<KeyedMultiset>(m, "Multiset")
        .def(nb::init<>())
        .def(
            "add", [](KeyedMultiset& self, const nb::object& keys) { self.add(keys_of(keys)); },
            "keys"_a)
        .def(
            "pop",
            [](KeyedMultiset& self, Message& message, std::size_t count) {
                return make_array<std::uint32_t>({count},
                                                 [&](auto out) { self.pop(message, out); });
            },
            "message"_a, "count"_a)
        .def("sorted",
             [](const KeyedMultiset& self) {
                 return make_array<std::uint8_t>({self.bytes()},
                                                 [&](auto out) { self.copy_keys(out); });
             })
        .def(
            "push",
            [](KeyedMultiset& self, Message& message, const nb::object& keys) {
                Keys all = keys_of(keys);
                nb::gil_scoped_release release;
                self.push(message, std::move(all));
            },
            "message"_a, "keys"_a);
}

}  // namespace

void bind_models(nb::module_& m) {
    bind_linear(m);
    bind_network(m);
    bind_program(m);
    bind_multiset(m);
}

}  // namespace bitsback
