// The samples of the lossless JPEG streams of a file as one picture, stream below stream, and the
// restoration of the file. docs/jpeg-format.md, J7.
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

struct FileSamples {
    Bytes rest;  // the rest of the file after a round
    SampleShape shape;
    unsigned precision, low;            // precision of all streams; greatest point transform
    std::vector<std::uint16_t> values;  // [rows, columns, channels]
};

inline bool alike(const Outline& one, const Outline& other) {
    const SampleShape a = sample_shape(one), b = sample_shape(other);
    return a.columns == b.columns && a.channels == b.channels &&
           one.frame.precision == other.frame.precision;
}

// The lossless streams in bytes that can be restored exactly.
inline std::vector<Found> lossless_streams(View bytes) {
    Allowance allowance(bytes.size());
    return Search(bytes, true, allowance, nullptr).streams();
}

// Extracts the samples of the lossless streams from a place on. Throws std::invalid_argument unless
// all have the same columns, channels and precision.
inline FileSamples extract_samples(View bytes, std::size_t begin) {
    auto found = lossless_streams(bytes.subspan(begin));
    FileSamples result{};
    std::optional<Outline> first;
    for (auto& [place, stream, tables] : found) {
        place += begin;
        if (stream.planes.empty()) continue;  // a stream of tables only
        const Outline own = outline(stream.skeleton);
        if (first && !alike(*first, own))
            throw std::invalid_argument("the lossless JPEG streams of a file differ");
        const auto [rows, columns, channels] = sample_shape(own);
        result.shape = {result.shape.rows + rows, columns, channels};
        result.low = std::max(result.low, own.low);
        each_sample(own.frame, stream.planes, [&](std::int16_t sample) {
            result.values.push_back(static_cast<std::uint16_t>(sample));
        });
        if (!first) first = own;
    }
    if (!first) throw std::invalid_argument("a file has no lossless JPEG stream");
    result.precision = first->frame.precision;
    result.rest = rest_of(bytes, found);
    return result;
}

// Restores the bytes of a file from its picture and the rest. is_signed: whether the values are
// signed integers. Throws std::invalid_argument if picture and rest do not match.
inline Bytes restore_file(View rest, std::span<const std::uint16_t> values, SampleShape shape,
                          bool is_signed) {
    View head = rest;
    const std::uint64_t size = take_number(head);
    std::size_t row = 0, next = 0;
    Bytes bytes = insert_streams(1, rest, size, [&](const StreamParts& stream) {
        const Bytes skeleton = with_tables(stream.tables, stream.skeleton);
        const Outline found = outline(skeleton);
        std::vector<Coefficients> planes;
        if (!found.frame.components.empty()) {
            const auto [rows, columns, channels] = sample_shape(found);
            if (columns != shape.columns || channels != shape.channels || rows > shape.rows - row)
                throw std::invalid_argument("the shape of the samples does not fit a JPEG stream");
            row += rows;
            planes = empty_planes(found.frame);
            const unsigned most = is_signed ? (1u << found.frame.precision) - 1 : 0xFFFF;
            each_sample(found.frame, planes, [&](std::int16_t& sample) {
                sample = static_cast<std::int16_t>(values[next++] & most);
            });
        }
        return restore_stream(stream, skeleton, planes);
    });
    if (row != shape.rows)
        throw std::invalid_argument("there are more samples than JPEG streams need");
    return bytes;
}

// Places and sizes of runs of streams with the same columns, channels and precision, with few bytes
// between them. Each run is input for extract_samples.
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
