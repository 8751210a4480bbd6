// Distributions over items of any shape, as Python sees them.
#pragma once

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "default_floats.hpp"
#include "message.hpp"
#include "predictive/shape.hpp"

namespace bitsback {

// slices, rows, columns, channels, levels
using ShapeTuple = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t, std::uint32_t>;

inline std::vector<PlaneShape> shapes_of(const std::vector<ShapeTuple>& tuples) {
    std::vector<PlaneShape> shapes;
    for (const auto& [slices, rows, columns, channels, levels] : tuples)
        shapes.push_back({slices, rows, columns, channels, levels});
    return shapes;
}

template <class Of, class Symbol>
void push_planes(const Of& self, Message& message, const In<Symbol>& symbols,
                 const std::vector<ShapeTuple>& tuples) {
    const std::vector<PlaneShape> shapes = shapes_of(tuples);
    nb::gil_scoped_release release;
    self.push(message, shapes, view(symbols));
}

// The same as another arithmetic has it, by its name.
template <class Of>
void push_planes_by(const Of& self, Message& message, const In<std::uint16_t>& symbols,
                    const std::vector<ShapeTuple>& tuples, const std::string& name) {
    static const std::map<std::string, Arithmetic> arithmetics{
        {"exact", Arithmetic::exact},
        {"contracted", Arithmetic::contracted},
        {"upward", Arithmetic::upward},
        {"downward", Arithmetic::downward},
        {"toward zero", Arithmetic::toward_zero}};
    const auto found = arithmetics.find(name);
    require(found != arithmetics.end(), "there is no arithmetic of this name");
    const std::vector<PlaneShape> shapes = shapes_of(tuples);
    nb::gil_scoped_release release;
    self.push(message, shapes, view(symbols), found->second);
}

template <class Of, class Symbol>
Out<Symbol> pop_planes(const Of& self, Message& message, const std::vector<ShapeTuple>& tuples) {
    const std::vector<PlaneShape> shapes = shapes_of(tuples);
    std::size_t elements = 0;
    for (const PlaneShape& shape : shapes) {
        shape.check();
        elements += shape.elements();
        require(shape.levels <= std::size_t{1} << 8 * sizeof(Symbol),
                "an item has more levels than its type has values");
    }
    return make_array<Symbol>({elements},
                              [&](std::span<Symbol> out) { self.pop(message, shapes, out); });
}

}  // namespace bitsback
