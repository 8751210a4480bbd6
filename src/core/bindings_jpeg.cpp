// Python bindings of what codes JPEG streams.
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
#include "jpeg/behind.hpp"
#include "jpeg/pictures.hpp"
#include "jpeg/samples.hpp"
#include "jpeg/streams.hpp"

namespace bitsback {
namespace {

using Table = In<std::int32_t>;

}  // namespace

void bind_jpeg(nb::module_& m) {
    m.def(
        "pack_jpeg_streams",
        [](const In<std::uint8_t>& bytes, std::size_t threads, const Table& stretch,
           const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            jpeg::Packed packed;
            {
                nb::gil_scoped_release release;
                packed = jpeg::pack_streams(view(bytes), threads, logistic);
            }
            return std::tuple(packed.rounds, to_python(packed.rest), to_python(packed.strips),
                              to_python(packed.coded));
        },
        "bytes"_a, "threads"_a, "stretch"_a, "cdf"_a,
        "How often JPEG streams were taken out, 0 to 2 times, what is left, and the coded "
        "coefficients: those of streams in strips, and those of others.");
    const auto tell = [](std::size_t rounds, jpeg::View rest, std::size_t size) {
        std::vector<std::tuple<std::uint64_t, std::uint64_t, int, int>> told;
        for (const jpeg::Told& one : jpeg::tell_streams(rounds, rest, size))
            told.emplace_back(one.place, one.size, one.kind, static_cast<int>(one.reason));
        return told;
    };
    m.def(
        "find_jpeg_streams",
        [tell](const In<std::uint8_t>& bytes) {
            nb::gil_scoped_release release;
            const jpeg::TakenOut taken = jpeg::take_out_streams(view(bytes));
            return tell(taken.rounds.size(), taken.rest, bytes.size());
        },
        "bytes"_a,
        "The JPEG streams in bytes: place, size, the last byte of the marker of the frame (0 "
        "without one), and the number of the reason why it is not coded, or 0.");
    m.def(
        "tell_jpeg_streams",
        [tell](std::size_t rounds, const In<std::uint8_t>& rest, std::size_t size) {
            nb::gil_scoped_release release;
            return tell(rounds, view(rest), size);
        },
        "rounds"_a, "rest"_a, "size"_a,
        "The same of the rest of so many bytes. Raises ValueError for others.");
    m.def(
        "unpack_jpeg_streams",
        [](std::size_t rounds, const In<std::uint8_t>& rest, const In<std::uint8_t>& strips,
           const In<std::uint8_t>& coded, std::size_t size, std::size_t threads,
           const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            jpeg::Bytes made;
            {
                nb::gil_scoped_release release;
                made = jpeg::unpack_streams(rounds, view(rest), view(strips), view(coded), size,
                                            threads, logistic);
            }
            return to_python(made);
        },
        "rounds"_a, "rest"_a, "strips"_a, "coded"_a, "size"_a, "threads"_a, "stretch"_a, "cdf"_a,
        "The bytes again, so many of them. Raises ValueError for others.");
    m.def(
        "jpeg_sample_runs",
        [](const In<std::uint8_t>& bytes) {
            nb::gil_scoped_release release;
            return jpeg::sample_runs(view(bytes));
        },
        "bytes"_a,
        "Places and sizes of lossless JPEG streams in bytes; those that are alike, and follow each "
        "other, are one.");
    m.def(
        "take_jpeg_samples",
        [](const In<std::uint8_t>& bytes, std::size_t begin) {
            if (begin > bytes.size()) throw std::invalid_argument("a file is shorter");
            jpeg::TakenSamples taken{};
            {
                nb::gil_scoped_release release;
                taken = jpeg::take_samples(view(bytes), begin);
            }
            const auto fill = [&](std::span<std::uint16_t> made) {
                std::ranges::copy(taken.values, made.begin());
            };
            const auto values = make_array<std::uint16_t>(
                {taken.shape.rows, taken.shape.columns, taken.shape.channels}, fill);
            return std::tuple(to_python(taken.rest), values, taken.precision, taken.low);
        },
        "bytes"_a, "begin"_a,
        "What a round leaves of a file, the samples of its lossless JPEG streams behind a place, "
        "[rows, columns, channels], their precision, and the greatest point transform. Raises "
        "ValueError if there are none, or they differ.");
    m.def(
        "put_jpeg_samples",
        [](const In<std::uint8_t>& rest, const In<std::uint16_t>& values, bool is_signed) {
            if (values.ndim() != 3) throw std::invalid_argument("samples are no picture");
            const jpeg::SampleShape shape{values.shape(0), values.shape(1), values.shape(2)};
            return made_without_lock(
                [&] { return jpeg::put_samples(view(rest), view(values), shape, is_signed); });
        },
        "rest"_a, "values"_a, "is_signed"_a,
        "The bytes of the file again, with these samples, [rows, columns, channels]. Raises "
        "ValueError for others.");
    m.def(
        "jpeg_pixels",
        [](const In<std::uint8_t>& bytes) {
            const jpeg::Stream stream = jpeg::StreamReader(view(bytes)).read();
            return to_python(jpeg::frame_pixels(stream.frame, stream.steps, stream.planes, 0, 0));
        },
        "bytes"_a,
        "The pixels of a JPEG stream of one or three components, of which chroma has one sample "
        "for 1 or 2 rows and columns.");
    nb::class_<jpeg::Behind>(m, "JpegBehind", "Coefficients that make a picture, or nearly so.")
        .def_prop_ro(
            "sampling",
            [](const jpeg::Behind& behind) { return std::tuple(behind.down, behind.across); },
            "Rows and columns of pixels for a sample of chroma.")
        .def_prop_ro(
            "place", [](const jpeg::Behind& behind) { return std::tuple(behind.top, behind.left); },
            "Of the pixels in the picture that the coefficients make.")
        .def_ro("steps", &jpeg::Behind::steps, "Of each component, in zigzag order.");
    m.def(
        "find_jpeg_behind",
        [](const In<std::uint8_t>& pixels, std::size_t rows, std::size_t columns,
           std::size_t channels) {
            nb::gil_scoped_release release;
            return jpeg::BehindSearch(view(pixels), rows, columns, channels).find();
        },
        "pixels"_a, "rows"_a, "columns"_a, "channels"_a,
        "The JPEG behind a picture of 1 or 3 channels; None if there seems to be none.");
    m.def(
        "pack_jpeg_pictures",
        [](std::vector<jpeg::Behind> behind, const std::vector<jpeg::PictureShape>& shapes,
           const In<std::uint8_t>& pixels, const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            return made_without_lock(
                [&] { return jpeg::pack_pictures(behind, shapes, view(pixels), logistic); });
        },
        "behind"_a, "shapes"_a, "pixels"_a, "stretch"_a, "cdf"_a,
        "Codes pictures of so many rows, columns and channels by the JPEG behind each.");
    m.def(
        "unpack_jpeg_pictures",
        [](const std::vector<jpeg::PictureShape>& shapes, const In<std::uint8_t>& coded,
           const Table& stretch, const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            return made_without_lock(
                [&] { return jpeg::unpack_pictures(shapes, view(coded), logistic); });
        },
        "shapes"_a, "coded"_a, "stretch"_a, "cdf"_a,
        "The pixels of pictures of so many rows, columns and channels. Raises ValueError for "
        "others.");
}

}  // namespace bitsback
