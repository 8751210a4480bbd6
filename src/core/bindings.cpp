// The module bitsback._core: the Python bindings of the core. The Python side passes arrays with
// the right dtype and in C order; every kernel runs without the GIL.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdio>
#include <memory>
#include <span>

#include "adaptive.hpp"
#include "bindings.hpp"
#include "byte_runs.hpp"
#include "codecs.hpp"
#include "crc32c.hpp"
#include "exceptions.hpp"
#include "group4.hpp"
#include "jpeg_colours.hpp"
#include "linear/linear.hpp"
#include "lzw.hpp"
#include "message.hpp"
#include "row_filters.hpp"

namespace bitsback {
namespace {

template <class T>
Out<T> copy_array(std::span<const T> values) {
    return make_array<T>({values.size()},
                         [&](std::span<T> out) { std::ranges::copy(values, out.begin()); });
}

// `values` as a contiguous NumPy array of T; values that would be rounded or wrapped are refused.
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

// Wraps a function of a message, so that the thread holds the message while it runs.
template <class Function>
auto locked(Function function) {
    return [function](const Message& self) {
        const Message::Hold hold(self);
        return function(self);
    };
}

void bind_message(nb::module_& m) {
    const auto copied = locked([](const Message& self) { return self; });
    const auto bytes = locked([](const Message& self) { return to_python(self.to_bytes()); });
    nb::class_<Message>(
        m, "Message",
        R"doc(An ANS message: a stack of bits that codecs push to and pop from, in place.

heads: uint64 [lanes], each in [2^32, 2^64), 1 to 64 of them. tail: uint32 words, the lowest first.
Without heads the message is empty: `lanes` heads (1 by default) of 2^32, above the implicit tail.
depth: None for a finite tail, which raises MessageExhausted when a pop finds it too short; or the number of words that
have been taken from the implicit tail (0 for a message that has taken none; at most 2^62).
A message is for one thread at a time. A second one that uses it in the middle of a push or a pop gets a MessageError,
and so does one that uses it while the block of `with message:` runs in the first.
docs/format.md gives the meaning of each bit. Source: Duda 2009 (ANS); Townsend, Bird, Barber 2019, section 2.1.

>>> from bitsback.codecs import Uniform
>>> message = Message()
>>> message
<Message: 1 lane, 32.0 bits, net +0.0, depth 0>
>>> Uniform(256, shape=(2,)).push(message, [7, 9])
>>> round(message.bits), round(message.net_bits)
(48, 16)
>>> same = Message.from_bytes(message.to_bytes())
>>> Uniform(256, shape=(2,)).pop(same).tolist()
[7, 9]
)doc")
        .def(
            "__init__",
            [](Message* self, const nb::object& heads, const nb::object& tail,
               std::optional<std::uint64_t> depth, std::optional<std::size_t> lanes) {
                const auto tail_array = to_array<std::uint32_t>(tail, "uint32");
                if (heads.is_none()) {
                    require(tail_array.size() == 0, "a message with a tail needs its heads too");
                    new (self) Message(Message::empty(lanes.value_or(1), depth.value_or(0)));
                    return;
                }
                require(!lanes, "a message has as many lanes as heads: pass either heads or lanes");
                const auto head_array = to_array<std::uint64_t>(heads, "uint64");
                new (self) Message({head_array.data(), head_array.data() + head_array.size()},
                                   view(tail_array), depth);
            },
            "heads"_a = nb::none(), "tail"_a = nb::tuple(), "depth"_a = nb::none(), nb::kw_only(),
            "lanes"_a = nb::none())
        .def_static("random", &Message::random, "seed"_a = 0, "lanes"_a = 1,
                    R"doc(A message of endless random bits, others for each seed in [0, 2^64).

What a codec pops from it is a sample of the codec's distribution. docs/codecs.md says which bits these are.
Raises MessageError unless there are 1 to 64 lanes.)doc")
        .def_static(
            "from_bytes", [](const nb::bytes& data) { return Message::from_bytes(view(data)); },
            "data"_a,
            "The message with these bytes of `to_bytes`. Raises MessageError for other bytes.")
        .def("to_bytes", bytes, "All of the message, in the layout of docs/format.md.")
        .def("copy", copied, "An independent message, equal to this one.")
        .def("__copy__", copied)
        .def(
            "__deepcopy__",
            [](const Message& self, const nb::object&) {
                const Message::Hold hold(self);
                return Message(self);
            },
            "memo"_a)
        .def("__getstate__", bytes)
        .def("__setstate__",
             [](Message& self, const nb::bytes& data) {
                 new (&self) Message(Message::from_bytes(view(data)));
             })
        .def("__repr__",
             [](const Message& self) {
                 const Message::Hold hold(self);
                 char bits[64];
                 std::snprintf(bits, sizeof bits, "%.1f bits, net %+.1f", self.bits(),
                               self.net_bits());
                 return "<Message: " + std::to_string(self.lanes()) +
                        (self.lanes() == 1 ? " lane, " : " lanes, ") + bits + ", " +
                        (self.depth() ? "depth " + std::to_string(*self.depth()) : "finite tail") +
                        ">";
             })
        .def_prop_ro("lanes", locked([](const Message& self) { return self.lanes(); }),
                     "The number of heads.")
        .def_prop_ro("depth", locked([](const Message& self) { return self.depth(); }),
                     "Words taken from the implicit tail; None if the tail is finite.")
        .def_prop_ro("heads", locked([](const Message& self) { return copy_array(self.heads()); }),
                     nb::rv_policy::automatic, "A copy of the heads, uint64 [lanes].")
        .def_prop_ro("tail", locked([](const Message& self) { return copy_array(self.tail()); }),
                     nb::rv_policy::automatic,
                     "A copy of the stored words, uint32, the lowest first.")
        .def_prop_ro(
            "bits", locked([](const Message& self) { return self.bits(); }),
            "How much the message holds, in bits: log2 of its heads, and 32 a stored word. Words "
            "from the implicit tail count, too; see net_bits. An estimate for display.")
        .def_prop_ro(
            "net_bits", locked([](const Message& self) { return self.net_bits(); }),
            "How much has been pushed since this message was made, less what has been popped, in "
            "bits, of either sign: the growth of bits, less 32 for each word taken from the "
            "implicit tail. A copy counts from the same start; from_bytes and pickles start at 0. "
            "An estimate for display.")
        .def(
            "__enter__",
            [](Message& self) -> Message& {
                Message::lock(self);
                return self;
            },
            nb::rv_policy::reference,
            "Holds the message for this thread: in a `with` block no other thread gets between its "
            "pushes and pops.")
        .def(
            "__exit__",
            [](const Message& self, nb::handle, nb::handle, nb::handle) { Message::unlock(self); },
            "kind"_a.none(), "error"_a.none(), "trace"_a.none())
        .def(
            "__eq__",
            [](const Message& self, const Message& other) {
                const Message::Hold hold(self), other_hold(other);
                return self == other;
            },
            nb::is_operator(), nb::sig("def __eq__(self, other: object, /) -> bool"));
}

// weight, mean and inverse_scale: [n, components].
DiscretisedMixture mixture(const In<std::int32_t>& cdf, unsigned reach_bits,
                           const In<std::uint32_t>& weight, const In<std::int32_t>& mean,
                           const In<std::uint32_t>& inverse_scale, std::uint32_t levels,
                           unsigned precision) {
    require(weight.ndim() == 2 && weight.shape(1) >= 1,
            "the parameters of a mixture have the shape [n, components]");
    return {{view(cdf), reach_bits}, view(weight), view(mean), view(inverse_scale),
            weight.shape(1),         levels,       precision};
}

// A codec with a table that it refers to.
template <class Table, class Codec>
struct WithTable {
    template <class Index>
    WithTable(Table value, const Index& index)
        : table(std::move(value)), codec(table, view(index)) {}
    WithTable(const WithTable&) = delete;

    Table table;
    Codec codec;
};

template <class Table, class Codec, class Symbol>
void push(Message& message, const WithTable<Table, Codec>& with_table,
          std::span<const Symbol> symbols) {
    push(message, with_table.codec, symbols);
}
template <class Table, class Codec, class Symbol>
void pop(Message& message, const WithTable<Table, Codec>& with_table, std::span<Symbol> symbols) {
    pop(message, with_table.codec, symbols);
}

void bind_codecs(nb::module_& m) {
    m.def("recorder", &Message::recorder);
    m.def("push_uniform", [](Message& message, std::uint32_t n, const In<std::uint32_t>& symbols) {
        nb::gil_scoped_release release;
        push(message, Uniform(n), view(symbols));
    });
    m.def("pop_uniform", [](Message& message, std::uint32_t n, std::vector<std::size_t> shape) {
        return make_array<std::uint32_t>(shape, [&](auto out) { pop(message, Uniform(n), out); });
    });
    nb::class_<Categorical>(m, "Categorical")
        .def(
            "__init__",
            [](Categorical* self, const In<std::uint32_t>& frequencies, unsigned precision) {
                new (self) Categorical(view(frequencies), precision);
            },
            "frequencies"_a, "precision"_a)
        .def(
            "push",
            [](const Categorical& self, Message& message, const In<std::uint32_t>& symbols) {
                nb::gil_scoped_release release;
                push(message, self, view(symbols));
            },
            "message"_a, "symbols"_a)
        .def(
            "pop",
            [](const Categorical& self, Message& message, std::vector<std::size_t> shape) {
                return make_array<std::uint32_t>(shape, [&](auto out) { pop(message, self, out); });
            },
            "message"_a, "shape"_a)
        .def(
            "push_one",
            [](const Categorical& self, Message& message, std::uint32_t symbol) {
                push(message, self, std::span<const std::uint32_t>(&symbol, 1));
            },
            "message"_a, "symbol"_a)
        .def(
            "pop_one",
            [](const Categorical& self, Message& message) {
                std::uint32_t symbol = 0;
                pop(message, self, std::span<std::uint32_t>(&symbol, 1));
                return symbol;
            },
            "message"_a);
    using Words = In<std::uint32_t>;
    using Numbers = In<std::int32_t>;
    bind_codec<std::uint8_t, Words, unsigned>(
        m, "bernoulli",
        [](const Words& frequencies, unsigned precision) {
            return Bernoulli(view(frequencies), precision);
        },
        [](const Words& frequencies, unsigned) { return shape_of(frequencies); });
    using Bytes = In<std::uint8_t>;
    bind_codec<std::uint8_t, Words, Bytes, unsigned>(
        m, "bernoulli_table",
        [](const Words& table, const Bytes& index, unsigned precision) {
            return WithTable<BernoulliIntervals, BernoulliTable>({view(table), precision}, index);
        },
        [](const Words&, const Bytes& index, unsigned) { return shape_of(index); });
    using Index = In<std::uint16_t>;
    bind_codec<std::uint8_t, Words, Index, unsigned>(
        m, "rows",
        [](const Words& starts, const Index& index, unsigned precision) {
            require(starts.ndim() == 2 && starts.shape(1) > 1,
                    "a table of rows has the shape [rows, levels + 1]");
            return WithTable<CdfTable, Rows>({view(starts), starts.shape(1) - 1, precision}, index);
        },
        [](const Words&, const Index& index, unsigned) { return shape_of(index); });
    bind_codec<std::uint16_t, Numbers, unsigned, Words, Numbers, Words, std::uint32_t, unsigned>(
        m, "mixture", &mixture, [](const auto&, unsigned, const Words& weight, const auto&...) {
            return std::vector<std::size_t>{weight.shape(0)};
        });
    bind_codec<std::uint16_t, Numbers, Numbers, Numbers, Words, unsigned, unsigned>(
        m, "gaussian",
        [](const Numbers& quantile, const Numbers& cdf, const Numbers& mean,
           const Words& inverse_scale, unsigned bits, unsigned precision) {
            return GaussianBuckets(view(quantile), view(cdf), view(mean), view(inverse_scale), bits,
                                   precision);
        },
        [](const auto&, const auto&, const Numbers& mean, const auto&...) {
            return shape_of(mean);
        });
    m.def("push_adaptive",
          [](Message& message, std::uint32_t levels, const In<std::uint32_t>& symbols) {
              nb::gil_scoped_release release;
              push_adaptive(message, levels, view(symbols));
          });
    m.def("pop_adaptive",
          [](Message& message, std::uint32_t levels, std::vector<std::size_t> shape) {
              return make_array<std::uint32_t>(
                  shape, [&](auto out) { pop_adaptive(message, levels, out); });
          });
}

// pixels: [pictures, rows, width].
template <class T>
RowShape row_shape(const In<T>& pixels, std::size_t stride) {
    if (pixels.ndim() != 3)
        throw std::invalid_argument("pixels have the axes [pictures, rows, width]");
    return {pixels.shape(0), pixels.shape(1), pixels.shape(2), stride};
}

template <class T>
void bind_row_filters(nb::module_& m) {
    m.def(
        "filter_rows",
        [](const In<T>& pixels, const In<std::uint8_t>& filters, std::size_t stride) {
            const RowShape shape = row_shape(pixels, stride);
            return make_array<T>(shape_of(pixels), [&](auto out) {
                filter_rows<T>(shape, view(pixels), view(filters), out);
            });
        },
        "pixels"_a.noconvert(), "filters"_a.noconvert(), "stride"_a);
    m.def(
        "unfilter_rows",
        [](const In<T>& residuals, const In<std::uint8_t>& filters, std::size_t stride) {
            const RowShape shape = row_shape(residuals, stride);
            return make_array<T>(shape_of(residuals), [&](auto out) {
                unfilter_rows<T>(shape, view(residuals), view(filters), out);
            });
        },
        "residuals"_a.noconvert(), "filters"_a.noconvert(), "stride"_a);
    m.def(
        "choose_filters",
        [](const In<T>& pixels, std::size_t stride) {
            const RowShape shape = row_shape(pixels, stride);
            return make_array<std::uint8_t>({shape.pictures, shape.rows}, [&](auto out) {
                choose_filters<T>(shape, view(pixels), out);
            });
        },
        "pixels"_a.noconvert(), "stride"_a);
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
    nb::set_leak_warnings(false);  // a Message that lives until the interpreter ends is not a leak
    bind_message(m);
    bind_codecs(m);
    bind_more_codecs(m);
    bind_deflate(m);
    bind_jpeg(m);
    bind_models(m);
    bind_distributions(m);
    bind_row_filters<std::uint8_t>(m);
    bind_row_filters<std::uint16_t>(m);
    m.def(
        "are_jpeg_colours",
        [](const In<std::uint8_t>& colours) {
            const std::span<const std::uint8_t> all = view(colours);
            const JpegColours& known = JpegColours::all();
            for (std::size_t i = 0; i + 2 < all.size(); i += 3)
                if (!known.has(all[i], all[i + 1], all[i + 2])) return false;
            return true;
        },
        "colours"_a,
        "Whether JPEG's colour conversion can produce all of these pixels (red, green, blue, "
        "flat).");
    m.def(
        "crc32c",
        [](const nb::bytes& bytes, std::uint32_t crc) { return crc32c(view(bytes), crc); },
        "data"_a, "crc"_a = 0);
    m.def(
        "lzw_unpack",
        [](const In<std::uint8_t>& stream, int bits,
           std::size_t count) -> std::optional<nb::tuple> {
            std::optional<lzw::Choices> found;
            auto pixels = make_array<std::uint8_t>({count}, [&](auto out) {
                found = lzw::unpack(lzw::Reader(view(stream)), lzw::Codes(bits), out);
            });
            if (!found) return std::nullopt;
            return nb::make_tuple(pixels, copy_array<std::uint32_t>(found->clears), found->ended,
                                  found->bytes);
        },
        "stream"_a, "bits"_a, "count"_a,
        "The pixels of a stream, the numbers of codes between its clear codes, whether it has an "
        "end code, and its bytes; None if it is damaged.");
    m.def(
        "lzw_pack",
        [](const In<std::uint8_t>& pixels, int bits, const In<std::uint32_t>& clears, bool ended,
           bool single) {
            return made_without_lock(
                [&] { return lzw::pack(view(pixels), bits, view(clears), ended, single); });
        },
        "pixels"_a, "bits"_a, "clears"_a, "ended"_a, "single"_a,
        "The stream of these pixels. single: one code per pixel. Raises ValueError.");
    m.def(
        "lzw_unpack_tiff",
        [](const In<std::uint8_t>& stream, std::size_t count) -> std::optional<nb::tuple> {
            if (count > lzw::most_codes * stream.size()) return std::nullopt;
            std::optional<lzw::Choices> found;
            {
                nb::gil_scoped_release release;
                std::vector<std::uint8_t> bytes(count);
                found = lzw::unpack(HighReader(view(stream)), lzw::Codes(8, true), bytes);
            }
            if (!found || !found->ended) return std::nullopt;
            return nb::make_tuple(copy_array<std::uint32_t>(found->clears), found->since_clear,
                                  found->bytes, found->whole);
        },
        "stream"_a, "count"_a,
        "The choices in a stream of a TIFF file with so many bytes: the numbers of codes between "
        "its clear codes, and behind the last one; its bytes; and whether its last code ends one. "
        "None if it is damaged.");
    m.def(
        "lzw_pack_tiff",
        [](const In<std::uint8_t>& bytes, std::uint32_t regular,
           const In<std::uint32_t>& exceptions, bool padded) {
            return made_without_lock([&] {
                return lzw::pack_tiff(view(bytes), regular, Exceptions(view(exceptions)), padded);
            });
        },
        "bytes"_a, "regular"_a, "exceptions"_a, "padded"_a,
        "The stream of these bytes in a TIFF file. regular, exceptions: the numbers of codes "
        "between its clear codes. padded: a zero byte follows a whole one. Raises ValueError.");
    m.def(
        "byte_runs_unpack",
        [](const In<std::uint8_t>& stream, std::size_t count) -> std::optional<nb::tuple> {
            if (count > byte_runs::most / 2 * stream.size()) return std::nullopt;
            std::optional<std::vector<std::uint8_t>> controls;
            auto bytes = make_array<std::uint8_t>(
                {count}, [&](auto out) { controls = byte_runs::unpack(view(stream), out); });
            if (!controls) return std::nullopt;
            return nb::make_tuple(bytes, copy_array<std::uint8_t>(*controls));
        },
        "stream"_a, "count"_a,
        "The first so many bytes of runs of bytes, and their control bytes; None if they are "
        "damaged.");
    m.def(
        "byte_runs_pack",
        [](const In<std::uint8_t>& bytes, std::size_t columns, int flags,
           const In<std::uint32_t>& exceptions) {
            return made_without_lock([&] {
                return byte_runs::pack(view(bytes), columns, flags, Exceptions(view(exceptions)));
            });
        },
        "bytes"_a, "columns"_a, "flags"_a, "exceptions"_a,
        "These bytes in runs. exceptions: from a plain encoder. Raises ValueError.");
    m.def(
        "byte_runs_plain",
        [](const In<std::uint8_t>& bytes, std::size_t columns, int flags,
           const In<std::uint8_t>& controls) {
            return make_array<std::uint8_t>({controls.size()}, [&](auto out) {
                byte_runs::plain_controls(view(bytes), columns, flags, view(controls), out);
            });
        },
        "bytes"_a, "columns"_a, "flags"_a, "controls"_a,
        "For each of these control bytes, the one of a plain encoder at its place.");
    m.def(
        "group4_pack",
        [](const In<std::uint8_t>& bytes, std::size_t columns, std::size_t size) {
            return made_without_lock([&] { return group4::pack(view(bytes), columns, size); });
        },
        "bytes"_a, "columns"_a, "size"_a,
        "The Group 4 stream of `size` bytes of packed pixels. Raises ValueError.");
    m.def("splitmix64", [](std::uint64_t seed, std::uint64_t first, std::size_t count) {
        return make_array<std::uint64_t>({count}, [&](auto out) {
            for (std::size_t k = 0; k < count; ++k) out[k] = splitmix64(seed, first + k);
        });
    });
}
