// Python bindings of what codes deflate streams.
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "bindings.hpp"
#include "deflate/coding.hpp"

namespace bitsback {
namespace {

using Table = In<std::int32_t>;

}  // namespace

void bind_deflate(nb::module_& m) {
    m.def(
        "deflate_tokens",
        [](const In<std::uint8_t>& stream, std::size_t most, const Table& stretch,
           const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            deflate::Stream read;
            std::vector<std::uint8_t> coded;
            {
                nb::gil_scoped_release release;
                read = deflate::StreamReader(view(stream), most).read();
                coded = deflate::encode(read, logistic);
            }
            return std::tuple(to_python(read.plaintext), to_python(coded), read.bytes);
        },
        "stream"_a, "most"_a, "stretch"_a, "cdf"_a,
        "The plaintext of a raw deflate stream, of at most so many bytes, what its encoder chose, "
        "and the bytes of the stream. Raises ValueError if it is damaged.");
    m.def(
        "deflate_stream",
        [](const In<std::uint8_t>& plaintext, const In<std::uint8_t>& coded, std::size_t size,
           const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            std::vector<std::uint8_t> made;
            {
                nb::gil_scoped_release release;
                made = deflate::decode(view(plaintext), view(coded), size, logistic);
            }
            return to_python(made);
        },
        "plaintext"_a, "coded"_a, "size"_a, "stretch"_a, "cdf"_a,
        "The stream again, of so many bytes. Raises ValueError for other tokens.");
}

}  // namespace bitsback
