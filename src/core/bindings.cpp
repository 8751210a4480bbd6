// The module bitsback._core: what Python sees of the core. Arrays arrive with the right dtype and
// in C order (the Python side sees to it); every kernel runs without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <span>

#include "codecs.hpp"
#include "context_vae.hpp"
#include "crc32c.hpp"
#include "linear.hpp"
#include "message.hpp"
#include "network.hpp"
#include "vae.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace bitsback {
namespace {

template <class T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::numpy>;

template <class T>
std::span<const T> view(const In<T>& array) {
    return {array.data(), array.size()};
}

// A new NumPy array, filled by `fill(pointer)` without the GIL.
template <class T, class Fill>
Out<T> make_array(std::vector<std::size_t> shape, Fill&& fill) {
    std::size_t size = 1;
    for (std::size_t n : shape) size *= n;
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
Out<T> copy_array(std::span<const T> values) {
    return make_array<T>({values.size()},
                         [&](std::span<T> out) { std::ranges::copy(values, out.begin()); });
}

template <class T>
std::vector<std::size_t> shape_of(const In<T>& array) {
    std::vector<std::size_t> shape(array.ndim());
    for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = array.shape(i);
    return shape;
}

nb::bytes to_python(const std::vector<std::uint8_t>& bytes) {
    return nb::bytes(bytes.data(), bytes.size());
}

std::span<const std::uint8_t> view(const nb::bytes& bytes) {
    return {static_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// What NumPy makes of `values` as a contiguous array of T; nothing is rounded or wrapped on the
// way.
template <class T>
In<T> to_array(const nb::object& values, const char* dtype) {
    const auto numpy = nb::module_::import_("numpy");
    const nb::object array = numpy.attr("ascontiguousarray")(values, dtype);
    if (!nb::cast<bool>(numpy.attr("array_equal")(array, values)))
        throw MessageError(
            std::string("the heads and the tail of a message are integers, which must fit ") +
            dtype);
    return nb::cast<In<T>>(array);
}

void bind_message(nb::module_& m) {
    nb::class_<Message>(
        m, "Message",
        R"doc(An ANS message: a stack of bits that codecs push to and pop from, in place.

heads: uint64 [lanes], each in [2^32, 2^64), 1 to 64 of them. tail: uint32 words, the lowest first.
depth: None for a finite tail, which raises MessageExhausted when a pop finds it too short; or the number of words that
have been taken from the endless supply below the tail (0 for a message that has taken none).
docs/format.md gives the meaning of each bit. Source: Duda 2009 (ANS); Townsend, Bird, Barber 2019, section 2.1.)doc")
        .def(
            "__init__",
            [](Message* self, const nb::object& heads, const nb::object& tail,
               std::optional<std::uint64_t> depth) {
                const auto head_array = to_array<std::uint64_t>(heads, "uint64");
                const auto tail_array = to_array<std::uint32_t>(tail, "uint32");
                new (self) Message({head_array.data(), head_array.data() + head_array.size()},
                                   view(tail_array), depth);
            },
            "heads"_a, "tail"_a = nb::tuple(), "depth"_a = nb::none())
        .def_static(
            "from_bytes", [](const nb::bytes& data) { return Message::from_bytes(view(data)); },
            "data"_a,
            "The message that `to_bytes` gave. Raises MessageError for bytes that are none.")
        .def(
            "to_bytes", [](const Message& self) { return to_python(self.to_bytes()); },
            "All of the message, in the layout of docs/format.md.")
        .def(
            "copy", [](const Message& self) { return Message(self); },
            "An independent message, equal to this one.")
        .def_prop_ro("lanes", &Message::lanes, "The number of heads.")
        .def_prop_ro("depth", &Message::depth,
                     "Words taken from the supply; None if the tail is finite.")
        .def_prop_ro(
            "heads", [](const Message& self) { return copy_array(self.heads()); },
            nb::rv_policy::automatic, "A copy of the heads, uint64 [lanes].")
        .def_prop_ro(
            "tail", [](const Message& self) { return copy_array(self.tail()); },
            nb::rv_policy::automatic, "A copy of the stored words, uint32, the lowest first.")
        .def_prop_ro(
            "bits",
            [](const Message& self) {
                double bits = 32.0 * static_cast<double>(self.tail().size());
                for (std::uint64_t head : self.heads())
                    bits += std::log2(static_cast<double>(head));
                return bits;
            },
            "How much the message holds, in bits: log2 of its heads, and 32 a stored word. For "
            "people, not for coding.")
        .def(nb::self == nb::self, nb::sig("def __eq__(self, other: object, /) -> bool"));
}

// weight, mean and inverse_scale: [n, components].
Mixture mixture(const In<std::int32_t>& cdf, unsigned reach_bits, const In<std::uint32_t>& weight,
                const In<std::int32_t>& mean, const In<std::uint32_t>& inverse_scale,
                std::uint32_t levels, unsigned precision) {
    require(weight.ndim() == 2 && weight.shape(1) >= 1,
            "the parameters of a mixture have the shape [n, components]");
    return {{view(cdf), reach_bits}, view(weight), view(mean), view(inverse_scale),
            weight.shape(1),         levels,       precision};
}

RowTable row_table(const In<std::uint32_t>& starts, unsigned precision) {
    require(starts.ndim() == 2 && starts.shape(1) > 1,
            "a table of rows has the shape [rows, levels + 1]");
    return {view(starts), starts.shape(1) - 1, precision};
}

void bind_codecs(nb::module_& m) {
    m.def("push_uniform", [](Message& message, std::uint32_t n, const In<std::uint32_t>& symbols) {
        nb::gil_scoped_release release;
        push(message, Uniform(n), view(symbols));
    });
    m.def("pop_uniform", [](Message& message, std::uint32_t n, std::vector<std::size_t> shape) {
        return make_array<std::uint32_t>(shape, [&](auto out) { pop(message, Uniform(n), out); });
    });
    m.def("push_categorical", [](Message& message, const In<std::uint32_t>& frequencies,
                                 unsigned precision, const In<std::uint32_t>& symbols) {
        nb::gil_scoped_release release;
        push(message, Categorical(view(frequencies), precision), view(symbols));
    });
    m.def("pop_categorical", [](Message& message, const In<std::uint32_t>& frequencies,
                                unsigned precision, std::vector<std::size_t> shape) {
        return make_array<std::uint32_t>(
            shape, [&](auto out) { pop(message, Categorical(view(frequencies), precision), out); });
    });
    m.def("push_bernoulli", [](Message& message, const In<std::uint32_t>& frequencies,
                               unsigned precision, const In<std::uint8_t>& symbols) {
        nb::gil_scoped_release release;
        require(frequencies.size() == symbols.size(),
                "a Bernoulli codec needs one symbol a frequency");
        push(message, Bernoulli(view(frequencies), precision), view(symbols));
    });
    m.def("pop_bernoulli",
          [](Message& message, const In<std::uint32_t>& frequencies, unsigned precision) {
              return make_array<std::uint8_t>(shape_of(frequencies), [&](auto out) {
                  pop(message, Bernoulli(view(frequencies), precision), out);
              });
          });
    m.def("push_bernoulli_table", [](Message& message, const In<std::uint32_t>& table,
                                     const In<std::uint8_t>& index, unsigned precision,
                                     const In<std::uint8_t>& symbols) {
        nb::gil_scoped_release release;
        require(index.size() == symbols.size(), "a Bernoulli codec needs one symbol a frequency");
        push(message, BernoulliTable(BernoulliIntervals(view(table), precision), view(index)),
             view(symbols));
    });
    m.def("pop_bernoulli_table", [](Message& message, const In<std::uint32_t>& table,
                                    const In<std::uint8_t>& index, unsigned precision) {
        return make_array<std::uint8_t>(shape_of(index), [&](auto out) {
            pop(message, BernoulliTable(BernoulliIntervals(view(table), precision), view(index)),
                out);
        });
    });
    m.def("push_rows",
          [](Message& message, const In<std::uint32_t>& starts, const In<std::uint16_t>& index,
             unsigned precision, const In<std::uint8_t>& symbols) {
              nb::gil_scoped_release release;
              require(index.size() == symbols.size(), "a codec of rows needs one symbol an index");
              const RowTable table = row_table(starts, precision);
              push(message, Rows(table, view(index)), view(symbols));
          });
    m.def("pop_rows", [](Message& message, const In<std::uint32_t>& starts,
                         const In<std::uint16_t>& index, unsigned precision) {
        return make_array<std::uint8_t>(shape_of(index), [&](auto out) {
            const RowTable table = row_table(starts, precision);
            pop(message, Rows(table, view(index)), out);
        });
    });
    m.def("push_mixture", [](Message& message, const In<std::int32_t>& cdf, unsigned reach_bits,
                             const In<std::uint32_t>& weight, const In<std::int32_t>& mean,
                             const In<std::uint32_t>& inverse_scale, std::uint32_t levels,
                             unsigned precision, const In<std::uint16_t>& symbols) {
        nb::gil_scoped_release release;
        push(message, mixture(cdf, reach_bits, weight, mean, inverse_scale, levels, precision),
             view(symbols));
    });
    m.def("pop_mixture", [](Message& message, const In<std::int32_t>& cdf, unsigned reach_bits,
                            const In<std::uint32_t>& weight, const In<std::int32_t>& mean,
                            const In<std::uint32_t>& inverse_scale, std::uint32_t levels,
                            unsigned precision) {
        return make_array<std::uint16_t>({weight.shape(0)}, [&](auto out) {
            pop(message, mixture(cdf, reach_bits, weight, mean, inverse_scale, levels, precision),
                out);
        });
    });
    m.def("mixture_starts",
          [](const In<std::int32_t>& cdf, unsigned reach_bits, const In<std::uint32_t>& weight,
             const In<std::int32_t>& mean, const In<std::uint32_t>& inverse_scale,
             std::uint32_t levels, unsigned precision, const In<std::uint32_t>& symbols) {
              return make_array<std::uint32_t>({symbols.size()}, [&](auto out) {
                  const Mixture codec =
                      mixture(cdf, reach_bits, weight, mean, inverse_scale, levels, precision);
                  require(symbols.size() == codec.size(),
                          "a mixture needs one symbol a row of components");
                  require_symbols(view(symbols), std::uint64_t{levels} + 1);
                  for (std::size_t i = 0; i < out.size(); ++i)
                      out[i] = codec.start(i, view(symbols)[i]);
              });
          });
    m.def("push_gaussian", [](Message& message, const In<std::int32_t>& quantile,
                              const In<std::int32_t>& cdf, const In<std::int32_t>& mean,
                              const In<std::uint32_t>& inverse_scale, unsigned bits,
                              unsigned precision, const In<std::uint16_t>& symbols) {
        nb::gil_scoped_release release;
        push(message,
             Gaussian(view(quantile), view(cdf), view(mean), view(inverse_scale), bits, precision),
             view(symbols));
    });
    m.def("pop_gaussian",
          [](Message& message, const In<std::int32_t>& quantile, const In<std::int32_t>& cdf,
             const In<std::int32_t>& mean, const In<std::uint32_t>& inverse_scale, unsigned bits,
             unsigned precision) {
              return make_array<std::uint16_t>(shape_of(mean), [&](auto out) {
                  pop(message,
                      Gaussian(view(quantile), view(cdf), view(mean), view(inverse_scale), bits,
                               precision),
                      out);
              });
          });
    m.def(
        "gaussian_starts", [](const In<std::int32_t>& quantile, const In<std::int32_t>& cdf,
                              const In<std::int32_t>& mean, const In<std::uint32_t>& inverse_scale,
                              unsigned bits, unsigned precision, const In<std::uint32_t>& buckets) {
            return make_array<std::uint32_t>(shape_of(mean), [&](auto out) {
                const Gaussian codec(view(quantile), view(cdf), view(mean), view(inverse_scale),
                                     bits, precision);
                require(buckets.size() == mean.size(), "a Gaussian codec needs one symbol a mean");
                require_symbols(view(buckets), (std::uint64_t{1} << bits) + 1);
                for (std::size_t i = 0; i < out.size(); ++i)
                    out[i] = codec.start(i, view(buckets)[i]);
            });
        });
}

// The values `wanted` of a network for a source [rows, width], each as an array [rows, its width].
template <class T>
nb::list run_network(Network network, const In<T>& source, const std::vector<std::size_t>& wanted) {
    if (source.ndim() != 2 || source.shape(1) != network.source_width())
        throw std::invalid_argument("a network needs a source of [rows, " +
                                    std::to_string(network.source_width()) + "]");
    const std::size_t rows = source.shape(0);
    nb::list outputs;
    std::vector<void*> pointers;
    for (std::size_t value : wanted) {
        const std::vector<std::size_t> shape{rows, network.width(value)};
        const auto keep = [&](auto array) {
            pointers.push_back(array.data());
            outputs.append(array);
        };
        if (network.shape(value).bytes())
            keep(make_array<std::uint8_t>(shape, [](auto) {}));
        else
            keep(make_array<std::int16_t>(shape, [](auto) {}));
    }
    nb::gil_scoped_release release;
    network.keep(wanted);
    Workspace work;
    for (std::size_t start = 0; start < rows; start += network.rows_at_once()) {
        const std::size_t count = std::min(network.rows_at_once(), rows - start);
        std::copy_n(source.data() + start * network.source_width(), count * network.source_width(),
                    network.source<T>(work, count).begin());
        network.run(work, count);
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

std::vector<std::size_t> shape_of_result(const Linear& linear, const In<std::uint8_t>& x) {
    if (x.ndim() != 2 || x.shape(1) != linear.inputs())
        throw std::invalid_argument("a linear layer needs an input of [rows, " +
                                    std::to_string(linear.inputs()) + "]");
    return {x.shape(0), linear.outputs()};
}

void bind_integer(nb::module_& m) {
    nb::class_<Linear>(m, "Linear")
        .def(
            "__init__",
            [](Linear* self, const In<std::int8_t>& weight, const In<std::int32_t>& bias,
               const In<std::int32_t>& multiplier, unsigned shift, std::int32_t low,
               std::int32_t high, std::uint32_t input_top) {
                if (weight.ndim() != 2 || weight.shape(0) != bias.size())
                    throw std::invalid_argument(
                        "the shapes of weight, bias and multiplier do not go together");
                new (self) Linear(view(weight), view(bias), view(multiplier), weight.shape(1),
                                  shift, low, high, input_top);
            },
            "weight"_a, "bias"_a, "multiplier"_a, "shift"_a, "low"_a, "high"_a, "input_top"_a)
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
    nb::class_<Network>(m, "Network")
        .def(nb::init<std::size_t, std::int32_t>(), "width"_a, "top"_a)
        .def("add_linear", &Network::add_linear, "input"_a, "linear"_a)
        .def("add_table", &Network::add_table, "input"_a, "table"_a, "low"_a)
        .def("add_conv", &Network::add_conv, "input"_a, "linear"_a, "rows"_a, "columns"_a,
             "kernel"_a, "stride"_a)
        .def("add_shuffle", &Network::add_shuffle, "input"_a, "rows"_a, "columns"_a, "factor"_a)
        .def("add_sum", &Network::add_sum, "input"_a, "other"_a, "low"_a, "high"_a)
        .def("__call__", &run_network<std::uint8_t>, nb::arg("source").noconvert(), "wanted"_a)
        .def("__call__", &run_network<std::int16_t>, nb::arg("source").noconvert(), "wanted"_a);
    m.def("simd_paths", [] { return nb::tuple(nb::cast(simd_paths())); });
    m.def("simd", &simd_path);
    m.def("set_simd", &set_simd_path);
}

template <class T>
std::vector<T> copy(const In<T>& array) {
    return {array.data(), array.data() + array.size()};
}

// Frequencies of a one [256], or a grid of rows [A, B, levels + 1].
PixelTable pixel_table(const In<std::uint32_t>& table, unsigned precision) {
    if (table.ndim() == 1) return BernoulliIntervals(view(table), precision);
    require(table.ndim() == 3 && table.shape(2) > 1, "a grid of rows has three dimensions");
    return RowGrid(RowTable(view(table), table.shape(2) - 1, precision), table.shape(1));
}

template <class Likelihood>
void bind_chain(nb::class_<BitsBack<Likelihood>>& chain) {
    using Chain = BitsBack<Likelihood>;
    chain
        .def("push",
             [](const Chain& self, Message& message, const In<std::uint8_t>& x,
                const std::vector<std::size_t>& sizes) {
                 nb::gil_scoped_release release;
                 self.push(message, view(x), sizes);
             })
        .def("pop", [](const Chain& self, Message& message, const std::vector<std::size_t>& sizes) {
            const std::size_t items = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
            return make_array<std::uint8_t>({items, self.pixels()},
                                            [&](auto out) { self.pop(message, out, sizes); });
        });
}

void bind_vae(nb::module_& m) {
    nb::class_<Vae> vae(m, "Vae");
    vae.def(
        "__init__",
        [](Vae* self, const Network& posterior, std::size_t mean, std::size_t scale,
           const In<std::uint32_t>& inverse_scale, const In<std::int32_t>& quantile,
           const In<std::int32_t>& cdf, unsigned bits, unsigned precision,
           const Network& likelihood, const std::vector<std::size_t>& outputs,
           const In<std::uint32_t>& table, unsigned pixel_precision) {
            new (self)
                Vae(Posterior(posterior, mean, scale, copy(inverse_scale),
                              {copy(quantile), copy(cdf)}, bits, precision),
                    PixelLikelihood(likelihood, outputs, pixel_table(table, pixel_precision)));
        },
        "posterior"_a, "mean"_a, "scale"_a, "inverse_scale"_a, "quantile"_a, "cdf"_a, "bits"_a,
        "precision"_a, "likelihood"_a, "outputs"_a, "pixel_table"_a, "pixel_precision"_a);
    bind_chain(vae);

    using Pair = std::pair<std::size_t, std::size_t>;
    using Mixture = std::tuple<In<std::uint32_t>, In<std::uint32_t>, In<std::int32_t>>;
    nb::class_<ContextVae> context(m, "ContextVae");
    context.def(
        "__init__",
        [](ContextVae* self, const Network& posterior, std::size_t mean, std::size_t scale,
           const In<std::uint32_t>& inverse_scale, const In<std::int32_t>& quantile,
           const In<std::int32_t>& cdf, unsigned bits, unsigned precision,
           const Network& likelihood, std::size_t features, Pair features_size, Pair shape,
           Pair window, const In<std::uint8_t>& planes, const Network& pixel,
           const std::vector<std::size_t>& outputs, std::optional<In<std::uint32_t>> table,
           std::optional<Mixture> mixture, std::optional<std::size_t> levels,
           unsigned pixel_precision) {
            require(table.has_value() != mixture.has_value(),
                    "either pixel_table or pixel_mixture must be given");
            require(planes.ndim() == 2, "planes have the shape [planes, levels]");
            require(!levels || *levels == planes.shape(1), "planes are of all levels");
            auto codec = [&]() -> PixelCodec {
                if (mixture) {
                    const auto& [exponential, inverse_scales, logistic_cdf] = *mixture;
                    return MixtureTables(
                        copy(exponential), copy(inverse_scales), copy(logistic_cdf),
                        static_cast<std::uint32_t>(planes.shape(1)), pixel_precision);
                }
                return std::visit([](auto made) -> PixelCodec { return made; },
                                  pixel_table(*table, pixel_precision));
            };
            new (self) ContextVae(
                Posterior(posterior, mean, scale, copy(inverse_scale), {copy(quantile), copy(cdf)},
                          bits, precision),
                ContextLikelihood({likelihood, features, features_size.first, features_size.second},
                                  shape.first, shape.second, {window.first, window.second},
                                  PlaneTable(copy(planes), planes.shape(1)),
                                  {pixel, outputs, codec()}));
        },
        nb::kw_only(), "posterior"_a, "mean"_a, "scale"_a, "inverse_scale"_a, "quantile"_a, "cdf"_a,
        "bits"_a, "precision"_a, "likelihood"_a, "features"_a, "features_size"_a, "shape"_a,
        "window"_a, "planes"_a, "pixel"_a, "outputs"_a, "pixel_table"_a = nb::none(),
        "pixel_mixture"_a = nb::none(), "levels"_a = nb::none(), "pixel_precision"_a);
    bind_chain(context);
}

}  // namespace
}  // namespace bitsback

NB_MODULE(_core, m) {
    using namespace bitsback;
    nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
        const auto raise = [](const char* name, const std::exception& error) {
            PyErr_SetString(nb::object(nb::module_::import_("bitsback.errors").attr(name)).ptr(),
                            error.what());
        };
        try {
            std::rethrow_exception(pointer);
        } catch (const MessageExhausted& error) {
            raise("MessageExhausted", error);
        } catch (const MessageError& error) {
            raise("MessageError", error);
        } catch (const UnknownSimdPath& error) {
            raise("InputError", error);
        }
    });
    nb::set_leak_warnings(false);  // a Message that lives until the interpreter ends is no leak
    bind_message(m);
    bind_codecs(m);
    bind_integer(m);
    bind_vae(m);
    m.def(
        "crc32c",
        [](const nb::bytes& bytes, std::uint32_t crc) { return crc32c(view(bytes), crc); },
        "data"_a, "crc"_a = 0);
    m.def("splitmix64", [](std::uint64_t seed, std::uint64_t first, std::size_t count) {
        return make_array<std::uint64_t>({count}, [&](auto out) {
            for (std::size_t k = 0; k < count; ++k) out[k] = splitmix64(seed, first + k);
        });
    });
}
