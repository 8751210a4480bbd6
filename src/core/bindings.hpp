// Common parts of the bindings: arrays from and to NumPy.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "item_shape.hpp"
#include "message.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace nanobind::detail {

// A struct that comes from Python as a tuple of its fields.
template <class Struct, class... Fields>
struct struct_caster {
    using Tuple = make_caster<std::tuple<Fields...>>;
    NB_TYPE_CASTER(Struct, Tuple::Name)

    bool from_python(handle source, std::uint8_t flags, cleanup_list* cleanup) noexcept {
        Tuple tuple;
        if (!tuple.from_python(source, flags, cleanup)) return false;
        value = std::apply([](auto&&... fields) { return Struct{std::move(fields)...}; },
                           tuple.operator std::tuple<Fields...>());
        return true;
    }
};

template <>
struct type_caster<bitsback::ItemShape>
    : struct_caster<bitsback::ItemShape, std::size_t, std::size_t, std::size_t, std::size_t,
                    std::uint32_t, bool> {};

}  // namespace nanobind::detail

namespace bitsback {

template <class T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::numpy>;

template <class T>
std::span<const T> view(const In<T>& array) {
    return {array.data(), array.size()};
}

template <class T>
std::vector<T> copy(const In<T>& array) {
    return {array.data(), array.data() + array.size()};
}

inline nb::bytes to_python(const std::vector<std::uint8_t>& bytes) {
    return nb::bytes(bytes.data(), bytes.size());
}

// The bytes that `make` returns; it runs without the GIL.
template <class Make>
nb::bytes made_without_lock(const Make& make) {
    std::vector<std::uint8_t> made;
    {
        nb::gil_scoped_release release;
        made = make();
    }
    return to_python(made);
}

inline std::span<const std::uint8_t> view(const nb::bytes& bytes) {
    return {static_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// The number of elements of an array, whose elements have `bytes` bytes each. Throws std::bad_alloc
// if the array cannot fit in memory.
inline std::size_t product(const std::vector<std::size_t>& shape, std::size_t bytes) {
    std::size_t size = 1;
    for (std::size_t n : shape) {
        if (n != 0 && size > std::numeric_limits<std::ptrdiff_t>::max() / bytes / n)
            throw std::bad_alloc();
        size *= n;
    }
    return size;
}

// A new NumPy array, filled by `fill(pointer)` without the GIL.
template <class T, class Fill>
Out<T> make_array(std::vector<std::size_t> shape, Fill&& fill) {
    const std::size_t size = product(shape, sizeof(T));
    std::unique_ptr<T[]> data(new T[size]);
    {
        nb::gil_scoped_release release;
        fill(std::span<T>(data.get(), size));
    }
    T* raw = data.release();
    nb::capsule owner(raw, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return Out<T>(raw, shape.size(), shape.data(), owner);
}

template <class T>
std::vector<std::size_t> shape_of(const In<T>& array) {
    std::vector<std::size_t> shape(array.ndim());
    for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = array.shape(i);
    return shape;
}

// Defines push_NAME(message, parameters ..., symbols) and pop_NAME(message, parameters ...) for the
// codec make(parameters ...), whose symbols have the shape shape(parameters ...).
template <class Symbol, class... Parameters, class Make, class ShapeOf>
void bind_codec(nb::module_& m, const std::string& name, Make make, ShapeOf shape) {
    m.def(("push_" + name).c_str(),
          [make](Message& message, const Parameters&... parameters, const In<Symbol>& symbols) {
              nb::gil_scoped_release release;
              auto codec = make(parameters...);
              push(message, codec, view(symbols));
          });
    m.def(("pop_" + name).c_str(),
          [make, shape](Message& message, const Parameters&... parameters) {
              return make_array<Symbol>(shape(parameters...), [&](auto out) {
                  auto codec = make(parameters...);
                  pop(message, codec, out);
              });
          });
}

// Integer networks, programs, and multisets.
void bind_models(nb::module_& m);
// Families and distributions.
void bind_distributions(nb::module_& m);
// Codecs that archives do not use.
void bind_more_codecs(nb::module_& m);
// Deflate streams of any encoder.
void bind_deflate(nb::module_& m);
// JPEG streams.
void bind_jpeg(nb::module_& m);

}  // namespace bitsback
