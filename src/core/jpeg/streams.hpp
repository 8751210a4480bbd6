// JPEG streams in any bytes: taken out, coded, and put in again.
//
//      rest    total, count, then for each stream: gap, size, skeleton's size, details' size
//              the skeletons, without the SOI that each begins with, and details, one stream after
//              the other; the bytes between streams
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "coefficients.hpp"
#include "details.hpp"
#include "samples.hpp"
#include "stream.hpp"

namespace bitsback::jpeg {

using Bytes = std::vector<std::uint8_t>;

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
        if (blocks > blocks_) throw Unsupported(Reason::many_blocks);
        blocks_ -= blocks;
    }

  private:
    std::size_t blocks_;
};

struct Found {
    std::size_t place;
    Stream stream;
};

// What is told of a stream.
struct Told {
    std::uint64_t place, size;
    std::uint8_t kind;  // the last byte of the marker of its frame, 0 without one
    Reason reason;      // none if it is coded
};

// The streams in some bytes that can be written again; of others what can be told.
inline std::vector<Found> find_streams(View bytes, Allowance& allowance,
                                       std::vector<Told>* others) {
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
            const auto* told = dynamic_cast<const Unsupported*>(&error);
            if (others != nullptr)
                // Less is not even the beginning of a stream.
                if (const Extent other = extent(bytes.subspan(at)); other.segments > 1)
                    others->push_back({at, other.size, other.kind,
                                       told != nullptr ? told->reason : Reason::coding});
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

// Bytes whose streams were taken out.
struct TakenOut {
    std::vector<std::vector<Found>> rounds;
    Bytes rest;
};

inline TakenOut take_out_streams(View bytes) {
    TakenOut taken;
    taken.rest.assign(bytes.begin(), bytes.end());
    Allowance allowance(bytes.size());
    while (taken.rounds.size() < most_rounds) {
        auto found = find_streams(taken.rest, allowance, nullptr);
        if (found.empty()) break;
        taken.rest = rest_of(taken.rest, found);
        taken.rounds.push_back(std::move(found));
    }
    return taken;
}

// Codes what streams have of numbers, one stream after the other.
template <class Coder>
class PlaneCoder {
  public:
    PlaneCoder(const LogisticTables& logistic, Coder& coder) : logistic_(logistic), coder_(coder) {}

    void code(const Frame& frame, std::span<const std::array<std::uint16_t, block_size>> steps,
              std::span<Coefficients> planes) {
        if (frame.lossless()) {
            if (!samples_) samples_ = std::make_unique<SampleCoder<Coder>>(logistic_, coder_);
            samples_->code(frame, planes);
        } else {
            if (!coefficients_)
                coefficients_ = std::make_unique<CoefficientCoder<Coder>>(logistic_, coder_);
            coefficients_->code(frame, steps, planes);
        }
    }

  private:
    const LogisticTables& logistic_;
    Coder& coder_;
    std::unique_ptr<CoefficientCoder<Coder>> coefficients_;
    std::unique_ptr<SampleCoder<Coder>> samples_;
};

struct Packed {
    std::size_t rounds = 0;
    Bytes rest;
    Bytes coded;
};

inline Packed pack_streams(View bytes, const LogisticTables& logistic) {
    auto [rounds, rest] = take_out_streams(bytes);
    Packed packed{rounds.size(), std::move(rest), {}};
    if (rounds.empty()) return packed;
    BitEncoder coder;
    PlaneCoder model(logistic, coder);
    for (std::size_t round = rounds.size(); round-- > 0;)
        for (auto& [place, stream] : rounds[round])
            model.code(stream.frame, stream.steps, stream.planes);
    packed.coded = coder.end();
    return packed;
}

// What the rest holds of a stream.
struct Remains {
    std::size_t round;
    std::uint64_t place, size;  // of the stream in the bytes before the round
    std::uint64_t header;       // the place of its skeleton in the rest
    View skeleton, details;     // the skeleton without SOI
};

// The bytes again, so many of them: stream(Remains) gives those of each stream. Throws
// std::invalid_argument for others than take_out_streams leaves.
template <class StreamBytes>
Bytes put_in_streams(std::size_t rounds, View rest, std::size_t size, const StreamBytes& stream) {
    if (rounds < 1 || rounds > most_rounds)
        throw std::invalid_argument("JPEG streams are taken out once or twice");
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
        std::uint64_t place = 0;
        for (const auto& [gap, stream_size, skeleton_size, details_size] : sizes) {
            place += gap;
            const std::uint64_t header = bytes.size() - left.size();
            const View skeleton = take(skeleton_size), details = take(details_size);
            streams.push_back(
                stream(Remains{round, place, stream_size, header, skeleton, details}));
            place += stream_size;
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
    return bytes;
}

inline Bytes with_beginning(View skeleton) {
    Bytes whole = {0xFF, 0xD8};
    whole.insert(whole.end(), skeleton.begin(), skeleton.end());
    return whole;
}

inline Bytes unpack_streams(std::size_t rounds, View rest, View coded, std::size_t size,
                            const LogisticTables& logistic) {
    BitDecoder coder(coded);
    PlaneCoder model(logistic, coder);
    Allowance allowance(size);
    Bytes bytes = put_in_streams(rounds, rest, size, [&](const Remains& stream) {
        const Bytes skeleton = with_beginning(stream.skeleton);
        const Outline found = outline(skeleton);
        allowance.take(found);
        require_scans(found, stream.size);
        auto planes = empty_planes(found.frame);
        model.code(found.frame, found.steps, planes);
        return write(skeleton, planes, stream.details, stream.size);
    });
    coder.end();
    return bytes;
}

// The streams of bytes from which so many rounds have left the rest, those that were taken out and
// those that were not, in their order. The place of a stream that lies in another one behind its
// first scan lacks the entropy-coded data in front of it.
inline std::vector<Told> tell_streams(std::size_t rounds, View rest, std::size_t size) {
    std::vector<Told> streams, inner;
    Bytes others(rest.begin(), rest.end());
    if (rounds != 0)
        others = put_in_streams(rounds, rest, size, [&](const Remains& stream) {
            const Told told{stream.place, stream.size, extent(with_beginning(stream.skeleton)).kind,
                            Reason::none};
            if (stream.round != 0) {
                inner.push_back(told);
            } else {
                streams.push_back(told);
                const std::size_t outer = streams.size() - 1;
                for (const Told& one : inner)
                    if (one.place >= stream.header &&
                        one.place < stream.header + stream.skeleton.size()) {
                        streams.push_back({stream.place + 2 + one.place - stream.header, one.size,
                                           one.kind, Reason::none});
                        // It may have taken the frame.
                        if (streams[outer].kind == 0) streams[outer].kind = one.kind;
                    }
            }
            return Bytes(stream.size);
        });
    Allowance allowance(size);
    find_streams(others, allowance, &streams);
    std::sort(streams.begin(), streams.end(),
              [](const Told& a, const Told& b) { return a.place < b.place; });
    return streams;
}

}  // namespace bitsback::jpeg
