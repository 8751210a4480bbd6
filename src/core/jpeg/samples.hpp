// The samples of the lossless JPEG streams in a file as one picture, those of each stream below
// those of the stream before, and the file of such a picture.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "stream.hpp"
#include "streams.hpp"

namespace bitsback::jpeg {

struct TakenSamples {
    Bytes rest;  // what a round leaves of the file
    SampleShape shape;
    unsigned precision, low;            // those of all streams; the greatest point transform
    std::vector<std::uint16_t> values;  // row by row, those of a pixel one after the other
};

inline bool alike(const Outline& one, const Outline& other) {
    const SampleShape a = sample_shape(one), b = sample_shape(other);
    return a.columns == b.columns && a.channels == b.channels &&
           one.frame.precision == other.frame.precision;
}

// The lossless streams in bytes that can be written again.
inline std::vector<Found> lossless_streams(View bytes) {
    Allowance allowance(bytes.size());
    return Search(bytes, true, allowance, nullptr).streams();
}

// Of a file whose lossless streams from a place on have the same columns, channels and precision.
// Throws std::invalid_argument for others.
inline TakenSamples take_samples(View bytes, std::size_t begin) {
    auto found = lossless_streams(bytes.subspan(begin));
    TakenSamples taken{};
    std::optional<Outline> first;
    for (auto& [place, stream, tables] : found) {
        place += begin;
        if (stream.planes.empty()) continue;  // tables of others
        const Outline own = outline(stream.skeleton);
        if (first && !alike(*first, own))
            throw std::invalid_argument("the lossless JPEG streams of a file differ");
        const auto [rows, columns, channels] = sample_shape(own);
        taken.shape = {taken.shape.rows + rows, columns, channels};
        taken.low = std::max(taken.low, own.low);
        each_sample(own.frame, stream.planes, [&](std::int16_t sample) {
            taken.values.push_back(static_cast<std::uint16_t>(sample));
        });
        if (!first) first = own;
    }
    if (!first) throw std::invalid_argument("a file has no lossless JPEG stream");
    taken.precision = first->frame.precision;
    taken.rest = rest_of(bytes, found);
    return taken;
}

// The bytes of the file of a picture. is_signed: whether its values are those of signed integers.
// Throws std::invalid_argument where the picture is not that of the rest.
inline Bytes put_samples(View rest, std::span<const std::uint16_t> values, SampleShape shape,
                         bool is_signed) {
    View head = rest;
    const std::uint64_t size = take_number(head);
    std::size_t row = 0, next = 0;
    Bytes bytes = put_in_streams(1, rest, size, [&](const Remains& stream) {
        const Bytes skeleton = with_tables(stream.tables, stream.skeleton);
        const Outline found = outline(skeleton);
        std::vector<Coefficients> planes;
        if (!found.frame.components.empty()) {
            const auto [rows, columns, channels] = sample_shape(found);
            if (columns != shape.columns || channels != shape.channels || rows > shape.rows - row)
                throw std::invalid_argument("a JPEG stream has other samples");
            row += rows;
            planes = empty_planes(found.frame);
            const unsigned most = is_signed ? (1u << found.frame.precision) - 1 : 0xFFFF;
            each_sample(found.frame, planes, [&](std::int16_t& sample) {
                sample = static_cast<std::int16_t>(values[next++] & most);
            });
        }
        return without_tables(stream.tables, write(skeleton, planes, stream.details,
                                                   stream.size + stream.tables.size()));
    });
    if (row != shape.rows) throw std::invalid_argument("JPEG streams have fewer samples");
    return bytes;
}

// Places and sizes of the parts of bytes that take_samples takes: streams that are alike, with few
// bytes between them.
inline std::vector<std::pair<std::size_t, std::size_t>> sample_runs(View bytes) {
    static constexpr std::size_t most_between = 64, most_samples = std::size_t{1} << 25;
    std::vector<std::pair<std::size_t, std::size_t>> runs;
    std::optional<Outline> before;
    std::size_t samples = 0;
    for (const auto& [place, stream, tables] : lossless_streams(bytes)) {
        if (stream.planes.empty() || tables != 0) continue;
        Outline own = outline(stream.skeleton);
        const auto [rows, columns, channels] = sample_shape(own);
        samples += rows * columns * channels;
        const bool joins = before && alike(*before, own) && samples <= most_samples &&
                           place - runs.back().first - runs.back().second <= most_between;
        if (!joins) {
            runs.emplace_back(place, 0);
            samples = rows * columns * channels;
        }
        runs.back().second = place + stream.size - runs.back().first;
        before = std::move(own);
    }
    return runs;
}

}  // namespace bitsback::jpeg
