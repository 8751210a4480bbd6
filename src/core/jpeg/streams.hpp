// JPEG streams in any bytes: taken out, coded, and put in again.
//
//      rest    total, count, then for each stream: gap, size, skeleton's size, details' size
//              the skeletons, without the SOI that each begins with, and details, one stream after
//              the other; the bytes between streams
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coefficients.hpp"
#include "details.hpp"
#include "stream.hpp"

namespace bitsback::jpeg {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// Streams in headers of streams, as previews are, are taken out, too, but nothing inside of these.
inline constexpr std::size_t most_rounds = 2;

// The search ends after so many that cannot be written again, so that it takes no more than linear
// time.
inline constexpr std::size_t most_failures = 64, bytes_of_a_failure = 1 << 16;

// Blocks that streams may have together, beside one for each byte.
class Allowance {
  public:
    explicit Allowance(std::size_t bytes) : blocks_(free_blocks + bytes) {}

    void take(const Outline& outline) {
        const std::size_t blocks = outline.frame.blocks();
        if (blocks > blocks_)
            throw Unsupported("a JPEG stream with less than a byte for each block");
        blocks_ -= blocks;
    }

  private:
    std::size_t blocks_;
};

struct Found {
    std::size_t place;
    Stream stream;
};

// The streams in some bytes that can be written again.
inline std::vector<Found> find_streams(View bytes, Allowance& allowance, std::string* reason) {
    std::vector<Found> found;
    std::size_t tried = 0;
    for (std::size_t at = 0; at + 4 <= bytes.size();) {
        if (bytes[at] != 0xFF || bytes[at + 1] != 0xD8 || bytes[at + 2] != 0xFF) {
            ++at;
            continue;
        }
        try {
            StreamReader reader(bytes.subspan(at));
            allowance.take(reader.outline());
            found.push_back({at, reader.read()});
            at += found.back().stream.size;
        } catch (const std::invalid_argument& error) {
            if (reason != nullptr && reason->empty()) *reason = error.what();
            if (++tried > most_failures + bytes.size() / bytes_of_a_failure) break;
            ++at;
        }
    }
    return found;
}

// The bytes without their streams.
inline Bytes rest_of(View bytes, const std::vector<Found>& found) {
    Bytes rest;
    put_number(rest, bytes.size());
    put_number(rest, found.size());
    std::size_t behind = 0;
    for (const auto& [place, stream] : found) {
        put_number(rest, place - behind);
        put_number(rest, stream.size);
        put_number(rest, stream.skeleton.size() - 2);
        put_number(rest, stream.details.size());
        behind = place + stream.size;
    }
    const auto add = [&](View part) { rest.insert(rest.end(), part.begin(), part.end()); };
    for (const auto& [place, stream] : found) {
        add(View(stream.skeleton).subspan(2));
        add(stream.details);
    }
    behind = 0;
    for (const auto& [place, stream] : found) {
        add(bytes.subspan(behind, place - behind));
        behind = place + stream.size;
    }
    add(bytes.subspan(behind));
    return rest;
}

struct Packed {
    std::size_t rounds = 0;
    Bytes rest;
    Bytes coded;
    std::string reason;  // why the first stream that is not coded is not
};

inline Packed pack_streams(View bytes, const LogisticTables& logistic) {
    Packed packed;
    packed.rest.assign(bytes.begin(), bytes.end());
    std::vector<std::vector<Found>> rounds;
    Allowance allowance(bytes.size());
    while (rounds.size() < most_rounds) {
        auto found =
            find_streams(packed.rest, allowance, rounds.empty() ? &packed.reason : nullptr);
        if (found.empty()) break;
        packed.rest = rest_of(packed.rest, found);
        rounds.push_back(std::move(found));
    }
    packed.rounds = rounds.size();
    if (rounds.empty()) return packed;
    BitEncoder coder;
    const auto model = std::make_unique<CoefficientCoder<BitEncoder>>(logistic, coder);
    for (std::size_t round = rounds.size(); round-- > 0;)
        for (auto& [place, stream] : rounds[round])
            model->code(stream.frame, stream.steps, stream.planes);
    packed.coded = coder.end();
    return packed;
}

// The bytes again, `size` of them. Throws std::invalid_argument for others.
inline Bytes unpack_streams(std::size_t rounds, View rest, View coded, std::size_t size,
                            const LogisticTables& logistic) {
    if (rounds < 1 || rounds > most_rounds)
        throw std::invalid_argument("JPEG streams are taken out once or twice");
    BitDecoder coder(coded);
    const auto model = std::make_unique<CoefficientCoder<BitDecoder>>(logistic, coder);
    Allowance allowance(size);
    Bytes bytes(rest.begin(), rest.end());
    for (std::size_t round = rounds; round-- > 0;) {
        View left = bytes;
        const std::uint64_t total = take_number(left), count = take_number(left);
        // The headers and details of a stream are shorter than it and what they need here.
        const std::uint64_t most = round == 0 ? size : 2 * std::uint64_t{size} + 64;
        if (total > most || (round == 0 && total != size) || count > left.size() / 4)
            throw std::invalid_argument("JPEG streams claim another size");
        std::vector<std::array<std::uint64_t, 4>> sizes;
        std::uint64_t held = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            sizes.push_back(
                {take_number(left), take_number(left), take_number(left), take_number(left)});
            for (const std::uint64_t part : sizes.back())
                if (part > most) throw std::invalid_argument("JPEG streams claim another size");
            held += sizes.back()[0] + sizes.back()[1];
            if (held > total) throw std::invalid_argument("JPEG streams claim another size");
        }
        const auto take = [&](std::uint64_t count_of_bytes) {
            if (count_of_bytes > left.size()) throw std::invalid_argument("JPEG streams are cut");
            const View part = left.first(count_of_bytes);
            left = left.subspan(count_of_bytes);
            return part;
        };
        std::vector<Bytes> streams;
        for (const auto& [gap, stream_size, skeleton_size, details_size] : sizes) {
            Bytes skeleton = {0xFF, 0xD8};
            const View header = take(skeleton_size), details = take(details_size);
            skeleton.insert(skeleton.end(), header.begin(), header.end());
            const Outline found = outline(skeleton);
            allowance.take(found);
            require_scans(found, stream_size);
            auto planes = empty_planes(found.frame);
            model->code(found.frame, found.steps, planes);
            streams.push_back(write(skeleton, planes, details));
            if (streams.back().size() != stream_size)
                throw std::invalid_argument("a JPEG stream has another size");
        }
        Bytes whole;
        whole.reserve(total);
        const auto add = [&](View part) { whole.insert(whole.end(), part.begin(), part.end()); };
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            add(take(sizes[i][0]));
            add(streams[i]);
        }
        add(left);
        if (whole.size() != total) throw std::invalid_argument("JPEG streams claim another size");
        bytes = std::move(whole);
    }
    coder.end();
    return bytes;
}

}  // namespace bitsback::jpeg
