// JPEG streams in any bytes: taken out, coded, and put in again.
//
//      rest    total, count, then for each stream: gap, size, skeleton's size, details' size,
//      tables
//              the skeletons, without the SOI that each begins with, and details, one stream after
//              the other; the bytes between streams
//
// An abbreviated stream lacks tables, as a tile of a TIFF file does. It is coded as if the segments
// of another stream, which has nothing else, stood behind its SOI.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "coefficients.hpp"
#include "details.hpp"
#include "stream.hpp"
#include "strips.hpp"

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

// The segments of a stream that has no scan, only tables.
inline View tables_in(View stream) {
    static constexpr std::array<std::uint8_t, 2> eoi = {0xFF, 0xD9};
    static constexpr std::size_t most_bytes = 1 << 12;
    if (stream.size() < 4 || stream.size() > most_bytes || !std::ranges::equal(stream.last(2), eoi))
        throw Unsupported(Reason::no_scan);
    return stream.subspan(2, stream.size() - 4);
}

// A stream or a skeleton with the segments behind its SOI.
inline Bytes with_tables(View tables, View behind_soi) {
    Bytes whole = {0xFF, 0xD8};
    whole.insert(whole.end(), tables.begin(), tables.end());
    whole.insert(whole.end(), behind_soi.begin(), behind_soi.end());
    return whole;
}

inline Bytes without_tables(View tables, Bytes whole) {
    const auto begin = whole.begin() + 2;
    whole.erase(begin, begin + static_cast<std::ptrdiff_t>(tables.size()));
    return whole;
}

struct Found {
    std::size_t place;
    Stream stream;
    std::size_t tables = 0;  // 0, or one more than the number of the stream that has them
};

// What is told of a stream.
struct Told {
    std::uint64_t place, size;
    std::uint8_t kind;  // the last byte of the marker of its frame, 0 without one
    Reason reason;      // none if it is coded
};

// Finds the streams in some bytes that can be written again, lossless ones or the others; of others
// what can be told.
class Search {
  public:
    Search(View bytes, bool lossless, Allowance& allowance, std::vector<Told>* others)
        : bytes_(bytes), lossless_(lossless), allowance_(allowance), others_(others) {}

    std::vector<Found> streams() {
        const std::size_t most = most_failures + bytes_.size() / bytes_of_a_failure;
        for (std::size_t at = 0; at + 4 <= bytes_.size() && failures_ <= most;) {
            const bool begins =
                bytes_[at] == 0xFF && bytes_[at + 1] == 0xD8 && bytes_[at + 2] == 0xFF;
            at += begins ? take(at) : 1;
        }
        for (std::size_t i = 0; i < found_.size() && failures_ <= most; ++i)
            if (lacks_tables(found_[i].stream)) borrow(i);
        return used();
    }

  private:
    // How many bytes are passed over: those of the stream that begins there, or one. Where a scan
    // lacks a table, only the size of the stream is found.
    std::size_t take(std::size_t at) {
        try {
            StreamReader reader(bytes_.subspan(at));
            Stream found;
            found.size = reader.size();
            if (reader.outline().scans != 0 && reader.outline().frame.lossless() != lossless_) {
                if (others_ != nullptr) tell(at, reader);
                return found.size;
            }
            if (reader.outline().scans == 0) {
                const View stream = bytes_.subspan(at, found.size);
                if (!reader.outline().frame.components.empty() || tables_in(stream).empty())
                    throw Unsupported(Reason::no_scan);
                found.skeleton.assign(stream.begin(), stream.end());
                tables_.push_back(found_.size());
            } else {
                if (lossless_) sample_shape(reader.outline());
                allowance_.take(reader.outline());
                try {
                    found = reader.read();
                } catch (const Unsupported& error) {
                    if (error.reason != Reason::missing_table) throw;
                }
            }
            found_.push_back({at, std::move(found)});
            return found_.back().stream.size;
        } catch (const std::invalid_argument& error) {
            fail(at, error);
            return 1;
        }
    }

    // Of a stream of the other kind, whether it can be written again.
    void tell(std::size_t at, StreamReader& reader) {
        const std::size_t size = reader.size();
        const std::uint8_t kind = reader.outline().frame.kind;
        Reason reason = Reason::none;
        try {
            sample_shape(reader.outline());
            Allowance(size).take(reader.outline());
            reader.read();
        } catch (const Unsupported& error) {
            reason = error.reason;
        }
        others_->push_back({at, size, kind, reason});
    }

    void fail(std::size_t at, const std::invalid_argument& error) {
        ++failures_;
        if (others_ == nullptr) return;
        const auto* told = dynamic_cast<const Unsupported*>(&error);
        // Less is not even the beginning of a stream.
        if (const Extent other = extent(bytes_.subspan(at)); other.segments > 1)
            others_->push_back(
                {at, other.size, other.kind, told != nullptr ? told->reason : Reason::coding});
    }

    static bool lacks_tables(const Stream& stream) {
        const auto lacks = [](const auto& steps) { return steps[0] == 0; };
        return stream.skeleton.empty() || std::ranges::any_of(stream.steps, lacks);
    }

    // Reads a stream with the tables behind it, as libtiff writes them, or those in front of it:
    // with those that fit better.
    void borrow(std::size_t number) {
        Found& found = found_[number];
        const View stream = bytes_.subspan(found.place, found.stream.size);
        const auto behind = std::ranges::lower_bound(tables_, number);
        std::vector<std::size_t> nearest;
        if (behind != tables_.end()) nearest.push_back(*behind);
        if (behind != tables_.begin()) nearest.push_back(*std::prev(behind));
        for (const std::size_t other : nearest) {
            const View tables = tables_in(found_[other].stream.skeleton);
            const Bytes whole = with_tables(tables, stream.subspan(2));
            try {
                Stream read = StreamReader(whole).read();
                if (found.tables != 0 && read.details.size() >= found.stream.details.size())
                    continue;
                read.skeleton = without_tables(tables, std::move(read.skeleton));
                read.size -= tables.size();
                found.stream = std::move(read);
                found.tables = other + 1;
            } catch (const std::invalid_argument&) {  // they are those of other streams
            }
        }
        if (found.stream.skeleton.empty()) fail(found.place, Unsupported(Reason::missing_table));
    }

    // Without the streams that could not be read, and tables that no stream needs.
    std::vector<Found> used() {
        std::vector<bool> kept(found_.size());
        for (std::size_t i = 0; i < found_.size(); ++i) kept[i] = !found_[i].stream.planes.empty();
        for (const Found& found : found_)
            if (found.tables != 0) kept[found.tables - 1] = true;
        std::vector<std::size_t> numbers(found_.size() + 1);
        std::vector<Found> streams;
        for (std::size_t i = 0; i < found_.size(); ++i)
            if (kept[i]) {
                streams.push_back(std::move(found_[i]));
                numbers[i + 1] = streams.size();
            }
        for (Found& found : streams) found.tables = numbers[found.tables];
        return streams;
    }

    View bytes_;
    bool lossless_;
    Allowance& allowance_;
    std::vector<Told>* others_;
    std::size_t failures_ = 0;
    std::vector<Found> found_;
    std::vector<std::size_t> tables_;  // the numbers of those that are nothing else
};

// The bytes without their streams.
inline Bytes rest_of(View bytes, const std::vector<Found>& found) {
    Bytes rest;
    put_number(rest, bytes.size());
    put_number(rest, found.size());
    std::size_t behind = 0;
    for (const auto& [place, stream, tables] : found) {
        put_number(rest, place - behind);
        put_number(rest, stream.size);
        put_number(rest, stream.skeleton.size() - 2);
        put_number(rest, stream.details.size());
        put_number(rest, tables);
        behind = place + stream.size;
    }
    const auto add = [&](View part) { rest.insert(rest.end(), part.begin(), part.end()); };
    for (const auto& [place, stream, tables] : found) {
        add(View(stream.skeleton).subspan(2));
        add(stream.details);
    }
    behind = 0;
    for (const auto& [place, stream, tables] : found) {
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
        auto found = Search(taken.rest, false, allowance, nullptr).streams();
        if (found.empty()) break;
        taken.rest = rest_of(taken.rest, found);
        taken.rounds.push_back(std::move(found));
    }
    return taken;
}

struct Packed {
    std::size_t rounds = 0;
    Bytes rest;
    Bytes strips;  // of streams with several: the size of each, and its decisions
    Bytes coded;   // the decisions of all other streams
};

inline Packed pack_streams(View bytes, std::size_t threads, const LogisticTables& logistic) {
    auto [rounds, rest] = take_out_streams(bytes);
    Packed packed{rounds.size(), std::move(rest), {}, {}};
    if (rounds.empty()) return packed;
    BitEncoder coder;
    CoefficientCoder<BitEncoder> model(logistic, coder);
    for (std::size_t round = rounds.size(); round-- > 0;)
        for (Found& found : rounds[round]) {
            Stream& stream = found.stream;
            const std::size_t count = strips_of(stream.frame, stream.size, stream.skeleton.size());
            if (count == 1) {
                model.code(Strip(stream.frame, stream.planes), stream.steps);
                continue;
            }
            std::vector<Bytes> strips(count);
            in_threads(count, threads, [&](std::size_t i) {
                BitEncoder own_coder;
                CoefficientCoder<BitEncoder> own_model(logistic, own_coder);
                own_model.code(Strip(stream.frame, stream.planes, i, count), stream.steps);
                strips[i] = own_coder.end();
            });
            for (const Bytes& strip : strips) {
                put_number(packed.strips, strip.size());
                packed.strips.insert(packed.strips.end(), strip.begin(), strip.end());
            }
        }
    packed.coded = coder.end();
    return packed;
}

// What the rest holds of a stream.
struct Remains {
    std::size_t round;
    std::uint64_t place, size;  // of the stream in the bytes before the round
    std::uint64_t header;       // the place of its skeleton in the rest
    View skeleton, details;     // the skeleton without SOI
    View tables;                // those that it has of another stream
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
        if (total > most || (round == 0 && total != size) || count > left.size() / 5)
            throw std::invalid_argument("JPEG streams claim another size");
        std::vector<std::array<std::uint64_t, 5>> sizes;
        std::uint64_t held = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            sizes.push_back({take_number(left), take_number(left), take_number(left),
                             take_number(left), take_number(left)});
            if (sizes.back()[4] > count)
                throw std::invalid_argument("a JPEG stream has the tables of none");
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
        std::vector<Remains> remains;
        std::uint64_t place = 0;
        for (const auto& [gap, stream_size, skeleton_size, details_size, number] : sizes) {
            const std::uint64_t header = bytes.size() - left.size();
            const View skeleton = take(skeleton_size), details = take(details_size);
            remains.push_back({round, place + gap, stream_size, header, skeleton, details, {}});
            place += gap + stream_size;
        }
        std::vector<Bytes> streams;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            const std::uint64_t number = sizes[i][4];
            Bytes tables;
            if (number != 0) {
                tables = with_tables({}, remains[number - 1].skeleton);
                remains[i].tables = tables_in(tables);
            }
            streams.push_back(stream(remains[i]));
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

inline Bytes unpack_streams(std::size_t rounds, View rest, View strips, View coded,
                            std::size_t size, std::size_t threads, const LogisticTables& logistic) {
    BitDecoder coder(coded);
    CoefficientCoder<BitDecoder> model(logistic, coder);
    Allowance allowance(size);
    Bytes bytes = put_in_streams(rounds, rest, size, [&](const Remains& stream) {
        const Bytes skeleton = with_tables(stream.tables, stream.skeleton);
        const Outline found = outline(skeleton);
        if (found.frame.lossless()) throw Unsupported(Reason::frame);
        allowance.take(found);
        require_scans(found, stream.size);
        auto planes = empty_planes(found.frame);
        const std::size_t count = strips_of(found.frame, stream.size, stream.skeleton.size() + 2);
        if (count == 1) {
            model.code(Strip(found.frame, planes), found.steps);
        } else {
            std::vector<View> parts;
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint64_t bytes = take_number(strips);
                if (bytes > strips.size()) throw std::invalid_argument("a strip is cut");
                parts.push_back(strips.first(bytes));
                strips = strips.subspan(bytes);
            }
            in_threads(count, threads, [&](std::size_t i) {
                BitDecoder own_coder(parts[i]);
                CoefficientCoder<BitDecoder> own_model(logistic, own_coder);
                own_model.code(Strip(found.frame, planes, i, count), found.steps);
                own_coder.end();
            });
        }
        return without_tables(stream.tables, write(skeleton, planes, stream.details,
                                                   stream.size + stream.tables.size()));
    });
    coder.end();
    if (!strips.empty()) throw std::invalid_argument("there are more strips than streams have");
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
            const Told told{stream.place, stream.size,
                            extent(with_tables({}, stream.skeleton)).kind, Reason::none};
            if (told.kind == 0) {  // tables of others
                return Bytes(stream.size);
            } else if (stream.round != 0) {
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
    Search(others, false, allowance, &streams).streams();
    std::sort(streams.begin(), streams.end(),
              [](const Told& a, const Told& b) { return a.place < b.place; });
    return streams;
}

}  // namespace bitsback::jpeg
