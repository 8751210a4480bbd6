// JPEG streams embedded in arbitrary bytes: extraction, coding and restoration.
// docs/jpeg-format.md, J1.
//
//      rest    total, count, then for each stream: gap, size, skeleton's size, details' size,
//      tables
//              the skeletons, without the SOI that each begins with, and details, one stream after
//              the other; the bytes between streams
//
// An abbreviated stream, such as a tile of a TIFF file, lacks tables. It is coded as if the
// segments of a tables-only stream followed its SOI.
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
#include "symbol_coder.hpp"

namespace bitsback::jpeg {

using Bytes = std::vector<std::uint8_t>;

// A second round extracts streams in headers of streams, such as previews.
inline constexpr std::size_t most_rounds = 2;

// The search ends after this many streams that cannot be restored exactly, so that it takes linear
// time.
inline constexpr std::size_t most_failures = 64, bytes_of_a_failure = 1 << 16;

// The budget of blocks of all streams together: free_blocks, plus one per byte.
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

// The segments of a tables-only stream.
inline View tables_in(View stream) {
    static constexpr std::array<std::uint8_t, 2> eoi = {0xFF, 0xD9};
    static constexpr std::size_t most_bytes = 1 << 12;
    if (stream.size() < 4 || stream.size() > most_bytes || !std::ranges::equal(stream.last(2), eoi))
        throw Unsupported(Reason::no_scan);
    return stream.subspan(2, stream.size() - 4);
}

// A stream or skeleton with these segments inserted behind its SOI.
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
    std::size_t tables = 0;  // 1 + the index of the stream with its tables, or 0
};

struct StreamInfo {
    std::uint64_t place, size;
    std::uint8_t kind;  // the last byte of the marker of its frame, 0 without one
    Reason reason;      // Reason::none if it is coded
};

// Finds the streams in bytes that can be restored exactly: either the lossless ones, or all others.
// Describes the remaining streams in `others`, if not null.
class Search {
  public:
    Search(View bytes, bool lossless, Allowance& allowance, std::vector<StreamInfo>* others)
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
    // Reads the stream at a place. Returns its size, or 1 if it is not extracted. For a stream
    // without its tables, only the size is found.
    std::size_t take(std::size_t at) {
        try {
            StreamReader reader(bytes_.subspan(at));
            Stream found;
            found.size = reader.size();
            if (reader.outline().scans != 0 && reader.outline().frame.lossless() != lossless_) {
                if (others_ != nullptr) describe(at, reader);
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

    // Describes a stream of the kind that is not extracted.
    void describe(std::size_t at, StreamReader& reader) {
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
        const auto* unsupported = dynamic_cast<const Unsupported*>(&error);
        // Two segments at least look like a stream.
        if (const Extent other = extent(bytes_.subspan(at)); other.segments > 1)
            others_->push_back({at, other.size, other.kind,
                                unsupported != nullptr ? unsupported->reason : Reason::coding});
    }

    static bool lacks_tables(const Stream& stream) {
        const auto lacks = [](const auto& steps) { return steps[0] == 0; };
        return stream.skeleton.empty() || std::ranges::any_of(stream.steps, lacks);
    }

    // Reads a stream with the nearest tables behind it, as libtiff writes them, or in front of it;
    // those with fewer details win.
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
            } catch (const std::invalid_argument&) {  // tables of other streams
            }
        }
        if (found.stream.skeleton.empty()) fail(found.place, Unsupported(Reason::missing_table));
    }

    // The streams, without unreadable ones and unused tables.
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
    std::vector<StreamInfo>* others_;
    std::size_t failures_ = 0;
    std::vector<Found> found_;
    std::vector<std::size_t> tables_;  // indices of the tables-only streams
};

// The rest: the bytes without their streams, with skeletons and details.
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

// Bytes after the extraction of streams.
struct Extraction {
    std::vector<std::vector<Found>> rounds;
    Bytes rest;
};

inline Extraction extract_streams(View bytes) {
    Extraction extraction;
    extraction.rest.assign(bytes.begin(), bytes.end());
    Allowance allowance(bytes.size());
    while (extraction.rounds.size() < most_rounds) {
        auto found = Search(extraction.rest, false, allowance, nullptr).streams();
        if (found.empty()) break;
        extraction.rest = rest_of(extraction.rest, found);
        extraction.rounds.push_back(std::move(found));
    }
    return extraction;
}

struct Packed {
    std::size_t rounds = 0;
    bool by_symbols = false;
    Bytes rest;
    Bytes strips;  // of streams with several strips: size and coded coefficients of each
    Bytes coded;   // the coefficients of all other streams
};

// Codes the coefficients of streams. tables: of Planes.
template <template <class> class Planes, class Encoder, class Tables>
void pack_coefficients(Packed& packed, std::vector<std::vector<Found>>& rounds, std::size_t threads,
                       const Tables& tables) {
    Encoder coder;
    Planes<Encoder> model(tables, coder);
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
                Encoder own_coder;
                Planes<Encoder> own_model(tables, own_coder);
                own_model.code(Strip(stream.frame, stream.planes, i, count), stream.steps);
                strips[i] = own_coder.end();
            });
            for (const Bytes& strip : strips) {
                put_number(packed.strips, strip.size());
                packed.strips.insert(packed.strips.end(), strip.begin(), strip.end());
            }
        }
    packed.coded = coder.end();
}

// symbols: the table of their coder, which then codes streams of 8 bits; else null.
inline Packed pack_streams(View bytes, std::size_t threads, const LogisticTables& logistic,
                           const SymbolTable* symbols) {
    auto [rounds, rest] = extract_streams(bytes);
    Packed packed{rounds.size(), false, std::move(rest), {}, {}};
    if (rounds.empty()) return packed;
    const auto has_8_bits = [](const Found& found) { return found.stream.frame.precision <= 8; };
    packed.by_symbols = symbols != nullptr && std::ranges::all_of(rounds, [&](const auto& round) {
                            return std::ranges::all_of(round, has_8_bits);
                        });
    if (packed.by_symbols)
        pack_coefficients<SymbolPlanes, SymbolEncoder>(packed, rounds, threads, *symbols);
    else
        pack_coefficients<CoefficientCoder, BitEncoder>(packed, rounds, threads, logistic);
    return packed;
}

// The parts of a stream in the rest.
struct StreamParts {
    std::size_t round;
    std::uint64_t place, size;  // of the stream in the bytes before its round
    std::uint64_t header;       // place of the skeleton in the rest
    View skeleton, details;     // skeleton: without SOI
    View tables;                // segments of its tables-only stream
};

// The bytes of a stream. skeleton: with the tables of the stream.
inline Bytes restore_stream(const StreamParts& stream, View skeleton,
                            std::span<Coefficients> planes) {
    return without_tables(
        stream.tables, write(skeleton, planes, stream.details, stream.size + stream.tables.size()));
}

// Restores the original `size` bytes; stream(StreamParts) returns the bytes of each stream. Throws
// std::invalid_argument for a rest that extract_streams does not produce.
template <class StreamBytes>
Bytes insert_streams(std::size_t rounds, View rest, std::size_t size, const StreamBytes& stream) {
    if (rounds < 1 || rounds > most_rounds)
        throw std::invalid_argument("there are 1 or 2 rounds of JPEG streams");
    Bytes bytes(rest.begin(), rest.end());
    for (std::size_t round = rounds; round-- > 0;) {
        View left = bytes;
        const std::uint64_t total = take_number(left), count = take_number(left);
        // The header and the details of a stream are shorter than the stream and its fields here.
        const std::uint64_t most = round == 0 ? size : 2 * std::uint64_t{size} + 64;
        if (total > most || (round == 0 && total != size) || count > left.size() / 5)
            throw std::invalid_argument("the sizes of JPEG streams do not match");
        std::vector<std::array<std::uint64_t, 5>> sizes;
        std::uint64_t used = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            sizes.push_back({take_number(left), take_number(left), take_number(left),
                             take_number(left), take_number(left)});
            if (sizes.back()[4] > count)
                throw std::invalid_argument("a JPEG stream uses tables that do not exist");
            for (const std::uint64_t part : sizes.back())
                if (part > most)
                    throw std::invalid_argument("the sizes of JPEG streams do not match");
            used += sizes.back()[0] + sizes.back()[1];
            if (used > total) throw std::invalid_argument("the sizes of JPEG streams do not match");
        }
        const auto take = [&](std::uint64_t count_of_bytes) {
            if (count_of_bytes > left.size())
                throw std::invalid_argument("JPEG streams are cut off");
            const View part = left.first(count_of_bytes);
            left = left.subspan(count_of_bytes);
            return part;
        };
        std::vector<StreamParts> parts;
        std::uint64_t place = 0;
        for (const auto& [gap, stream_size, skeleton_size, details_size, number] : sizes) {
            const std::uint64_t header = bytes.size() - left.size();
            const View skeleton = take(skeleton_size), details = take(details_size);
            parts.push_back({round, place + gap, stream_size, header, skeleton, details, {}});
            place += gap + stream_size;
        }
        std::vector<Bytes> streams;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            const std::uint64_t number = sizes[i][4];
            Bytes tables;
            if (number != 0) {
                tables = with_tables({}, parts[number - 1].skeleton);
                parts[i].tables = tables_in(tables);
            }
            streams.push_back(stream(parts[i]));
        }
        Bytes whole;
        whole.reserve(total);
        const auto add = [&](View part) { whole.insert(whole.end(), part.begin(), part.end()); };
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            add(take(sizes[i][0]));
            add(streams[i]);
        }
        add(left);
        if (whole.size() != total)
            throw std::invalid_argument("the sizes of JPEG streams do not match");
        bytes = std::move(whole);
    }
    return bytes;
}

// Restores the original `size` bytes. tables: of Planes.
template <template <class> class Planes, class Decoder, class Tables>
Bytes unpack_streams(std::size_t rounds, View rest, View strips, View coded, std::size_t size,
                     std::size_t threads, const Tables& tables) {
    Decoder coder(coded);
    Planes<Decoder> model(tables, coder);
    Allowance allowance(size);
    Bytes bytes = insert_streams(rounds, rest, size, [&](const StreamParts& stream) {
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
                if (bytes > strips.size()) throw std::invalid_argument("a strip is cut off");
                parts.push_back(strips.first(bytes));
                strips = strips.subspan(bytes);
            }
            in_threads(count, threads, [&](std::size_t i) {
                Decoder own_coder(parts[i]);
                Planes<Decoder> own_model(tables, own_coder);
                own_model.code(Strip(found.frame, planes, i, count), found.steps);
                own_coder.end();
            });
        }
        return restore_stream(stream, skeleton, planes);
    });
    coder.end();
    if (!strips.empty()) throw std::invalid_argument("there are more strips than the streams need");
    return bytes;
}

// The same. symbols: the table of their coder if it coded the streams, else null.
inline Bytes unpack_streams(std::size_t rounds, View rest, View strips, View coded,
                            std::size_t size, std::size_t threads, const LogisticTables& logistic,
                            const SymbolTable* symbols) {
    if (symbols != nullptr)
        return unpack_streams<SymbolPlanes, SymbolDecoder>(rounds, rest, strips, coded, size,
                                                           threads, *symbols);
    return unpack_streams<CoefficientCoder, BitDecoder>(rounds, rest, strips, coded, size, threads,
                                                        logistic);
}

// Describes all streams, extracted or not, by place, given the rest after `rounds` rounds. For a
// stream inside another one, behind its first scan, the place does not count entropy-coded data in
// front of it.
inline std::vector<StreamInfo> describe_streams(std::size_t rounds, View rest, std::size_t size) {
    std::vector<StreamInfo> streams, inner;
    Bytes others(rest.begin(), rest.end());
    if (rounds != 0)
        others = insert_streams(rounds, rest, size, [&](const StreamParts& stream) {
            const StreamInfo info{stream.place, stream.size,
                                  extent(with_tables({}, stream.skeleton)).kind, Reason::none};
            // Tables-only streams, of kind 0, are not listed.
            if (info.kind != 0 && stream.round != 0) {
                inner.push_back(info);
            } else if (info.kind != 0) {
                streams.push_back(info);
                const std::size_t outer = streams.size() - 1;
                for (const StreamInfo& one : inner)
                    if (one.place >= stream.header &&
                        one.place < stream.header + stream.skeleton.size()) {
                        streams.push_back({stream.place + 2 + one.place - stream.header, one.size,
                                           one.kind, Reason::none});
                        // The inner stream may contain the marker of the frame.
                        if (streams[outer].kind == 0) streams[outer].kind = one.kind;
                    }
            }
            return Bytes(stream.size);
        });
    Allowance allowance(size);
    Search(others, false, allowance, &streams).streams();
    std::sort(streams.begin(), streams.end(),
              [](const StreamInfo& a, const StreamInfo& b) { return a.place < b.place; });
    return streams;
}

}  // namespace bitsback::jpeg
