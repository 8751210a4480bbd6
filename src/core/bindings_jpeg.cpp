// Python bindings of what codes JPEG streams.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <tuple>

#include "bindings.hpp"
#include "jpeg/streams.hpp"

namespace bitsback {
namespace {

using Table = In<std::int32_t>;

}  // namespace

void bind_jpeg(nb::module_& m) {
    m.def(
        "pack_jpeg_streams",
        [](const In<std::uint8_t>& bytes, const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            jpeg::Packed packed;
            {
                nb::gil_scoped_release release;
                packed = jpeg::pack_streams(view(bytes), logistic);
            }
            return std::tuple(packed.rounds, to_python(packed.rest), to_python(packed.coded),
                              packed.reason);
        },
        "bytes"_a, "stretch"_a, "cdf"_a,
        "How often JPEG streams were taken out, 0 to 2 times, what is left, the coded "
        "coefficients, "
        "and why a stream was left, if one was.");
    m.def(
        "unpack_jpeg_streams",
        [](std::size_t rounds, const In<std::uint8_t>& rest, const In<std::uint8_t>& coded,
           std::size_t size, const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            jpeg::Bytes made;
            {
                nb::gil_scoped_release release;
                made = jpeg::unpack_streams(rounds, view(rest), view(coded), size, logistic);
            }
            return to_python(made);
        },
        "rounds"_a, "rest"_a, "coded"_a, "size"_a, "stretch"_a, "cdf"_a,
        "The bytes again, so many of them. Raises ValueError for others.");
}

}  // namespace bitsback
