// Python bindings of the coders of JPEG streams.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "bindings.hpp"
#include "jpeg/pictures.hpp"
#include "jpeg/recovery.hpp"
#include "jpeg/samples.hpp"
#include "jpeg/streams.hpp"

namespace bitsback {
namespace {

using Table = In<std::int32_t>;
using Symbols = std::optional<In<std::int16_t>>;

// Calls code(table of symbols, or null).
template <class Code>
auto with_symbols(const Symbols& numbers, const Code& code) {
    std::optional<jpeg::SymbolTable> table;
    if (numbers) table = jpeg::symbol_table(view(*numbers));
    return code(table ? &*table : nullptr);
}

}  // namespace

void bind_jpeg(nb::module_& m) {
    m.def(
        "pack_jpeg_streams",
        [](const In<std::uint8_t>& bytes, std::size_t threads, const Table& stretch,
           const Table& cdf, const Symbols& symbols) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            const jpeg::Packed packed = with_symbols(symbols, [&](const jpeg::SymbolTable* table) {
                nb::gil_scoped_release release;
                return jpeg::pack_streams(view(bytes), threads, logistic, table);
            });
            return std::tuple(packed.rounds, packed.by_symbols, to_python(packed.rest),
                              to_python(packed.strips), to_python(packed.coded));
        },
        "bytes"_a, "threads"_a, "stretch"_a, "cdf"_a, "symbols"_a.none(),
        "The number of rounds that extracted JPEG streams, 0 to 2, whether their coefficients are "
        "symbols, the rest, and the coded coefficients: of streams in strips, and of the others. "
        "symbols: the table of first distributions, or None for binary decisions, which code "
        "streams of 12 bits in any case.");
    const auto describe = [](std::size_t rounds, jpeg::View rest, std::size_t size) {
        std::vector<std::tuple<std::uint64_t, std::uint64_t, int, int>> streams;
        for (const jpeg::StreamInfo& info : jpeg::describe_streams(rounds, rest, size))
            streams.emplace_back(info.place, info.size, info.kind, static_cast<int>(info.reason));
        return streams;
    };
    m.def(
        "find_jpeg_streams",
        [describe](const In<std::uint8_t>& bytes) {
            nb::gil_scoped_release release;
            const jpeg::Extraction extraction = jpeg::extract_streams(view(bytes));
            return describe(extraction.rounds.size(), extraction.rest, bytes.size());
        },
        "bytes"_a,
        "The JPEG streams in bytes: place, size, last byte of the frame's marker (0 "
        "without a frame), and the number of the reason why the stream is not coded, or 0.");
    m.def(
        "tell_jpeg_streams",
        [describe](std::size_t rounds, const In<std::uint8_t>& rest, std::size_t size) {
            nb::gil_scoped_release release;
            return describe(rounds, view(rest), size);
        },
        "rounds"_a, "rest"_a, "size"_a,
        "The same, from the rest of `size` bytes. Raises ValueError for invalid input.");
    m.def(
        "unpack_jpeg_streams",
        [](std::size_t rounds, const In<std::uint8_t>& rest, const In<std::uint8_t>& strips,
           const In<std::uint8_t>& coded, std::size_t size, std::size_t threads,
           const Table& stretch, const Table& cdf, const Symbols& symbols) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            return with_symbols(symbols, [&](const jpeg::SymbolTable* table) {
                return made_without_lock([&] {
                    return jpeg::unpack_streams(rounds, view(rest), view(strips), view(coded), size,
                                                threads, logistic, table);
                });
            });
        },
        "rounds"_a, "rest"_a, "strips"_a, "coded"_a, "size"_a, "threads"_a, "stretch"_a, "cdf"_a,
        "symbols"_a.none(),
        "The original `size` bytes. symbols: the table if the coefficients are symbols, else None. "
        "Raises ValueError for invalid input.");
    m.def(
        "jpeg_sample_runs",
        [](const In<std::uint8_t>& bytes) {
            nb::gil_scoped_release release;
            return jpeg::sample_runs(view(bytes));
        },
        "bytes"_a,
        "Places and sizes of lossless JPEG streams in bytes; consecutive streams of the same "
        "shape form one run.");
    m.def(
        "take_jpeg_samples",
        [](const In<std::uint8_t>& bytes, std::size_t begin) {
            if (begin > bytes.size())
                throw std::invalid_argument("the file ends before this place");
            jpeg::FileSamples samples{};
            {
                nb::gil_scoped_release release;
                samples = jpeg::extract_samples(view(bytes), begin);
            }
            const auto fill = [&](std::span<std::uint16_t> made) {
                std::ranges::copy(samples.values, made.begin());
            };
            const auto values = make_array<std::uint16_t>(
                {samples.shape.rows, samples.shape.columns, samples.shape.channels}, fill);
            return std::tuple(to_python(samples.rest), values, samples.precision, samples.low);
        },
        "bytes"_a, "begin"_a,
        "The rest of a file after a round, the samples of its lossless JPEG streams behind "
        "`begin`, [rows, columns, channels], their precision, and the greatest point transform. "
        "Raises ValueError if there are no streams, or their shapes differ.");
    m.def(
        "put_jpeg_samples",
        [](const In<std::uint8_t>& rest, const In<std::uint16_t>& values, bool is_signed) {
            if (values.ndim() != 3)
                throw std::invalid_argument("samples have the axes [rows, columns, channels]");
            const jpeg::SampleShape shape{values.shape(0), values.shape(1), values.shape(2)};
            return made_without_lock(
                [&] { return jpeg::restore_file(view(rest), view(values), shape, is_signed); });
        },
        "rest"_a, "values"_a, "is_signed"_a,
        "The bytes of the file with these samples, [rows, columns, channels]. Raises "
        "ValueError for samples of another shape.");
    m.def(
        "jpeg_pixels",
        [](const In<std::uint8_t>& bytes) {
            const jpeg::Stream stream = jpeg::StreamReader(view(bytes)).read();
            return to_python(jpeg::frame_pixels(stream.frame, stream.steps, stream.planes, 0, 0));
        },
        "bytes"_a,
        "The pixels of a JPEG stream of one or three components, whose chroma has one sample "
        "per 1 or 2 rows and columns.");
    nb::class_<jpeg::RecoveredJpeg>(m, "JpegBehind",
                                    "Coefficients that decode to a picture, exactly or nearly.")
        .def_prop_ro(
            "sampling",
            [](const jpeg::RecoveredJpeg& recovered) {
                return std::tuple(recovered.down, recovered.across);
            },
            "Rows and columns of pixels per sample of chroma.")
        .def_prop_ro(
            "place",
            [](const jpeg::RecoveredJpeg& recovered) {
                return std::tuple(recovered.top, recovered.left);
            },
            "Place of the pixels in the decoded picture.")
        .def_ro("steps", &jpeg::RecoveredJpeg::steps,
                "Steps of quantisation of each component, in zigzag order.");
    m.def(
        "find_jpeg_behind",
        [](const In<std::uint8_t>& pixels, std::size_t rows, std::size_t columns,
           std::size_t channels) {
            nb::gil_scoped_release release;
            return jpeg::JpegRecovery(view(pixels), rows, columns, channels).find();
        },
        "pixels"_a, "rows"_a, "columns"_a, "channels"_a,
        "The JPEG that decodes to a picture of 1 or 3 channels; None if none was found.");
    m.def(
        "pack_jpeg_pictures",
        [](std::vector<jpeg::RecoveredJpeg> behind, const std::vector<jpeg::PictureShape>& shapes,
           const In<std::uint8_t>& pixels, const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            return made_without_lock(
                [&] { return jpeg::pack_pictures(behind, shapes, view(pixels), logistic); });
        },
        "behind"_a, "shapes"_a, "pixels"_a, "stretch"_a, "cdf"_a,
        "Codes pictures of the given shapes by the JPEG behind each.");
    m.def(
        "unpack_jpeg_pictures",
        [](const std::vector<jpeg::PictureShape>& shapes, const In<std::uint8_t>& coded,
           const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            return made_without_lock(
                [&] { return jpeg::unpack_pictures(shapes, view(coded), logistic); });
        },
        "shapes"_a, "coded"_a, "stretch"_a, "cdf"_a,
        "The pixels of pictures of the given shapes. Raises ValueError for others.");
}

}  // namespace bitsback
