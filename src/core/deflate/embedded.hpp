// Deflate streams embedded in arbitrary bytes, in frames of zlib, gzip or ZIP: extraction and
// restoration. docs/format.md, A5.20 and A6.8.
//
//      rest    total, count, then for each stream: gap, size, plaintext's size
//              the plaintexts, one after the other; the bytes between streams
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../varint.hpp"
#include "coding.hpp"
#include "stream.hpp"

namespace bitsback::deflate {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

// A second round extracts the streams in plaintexts.
inline constexpr std::size_t most_rounds = 2;

// The budget of a search, in about as many nanoseconds: for each byte of the input, and for all.
inline constexpr std::uint64_t work_of_a_byte = 64, least_work = 1 << 24, work_of_a_start = 1 << 11;
// The sum of what plaintexts may have beyond the usual ratio: such streams save little, but their
// plaintexts take time.
inline constexpr std::size_t most_excess = 1 << 23;

// The most bytes that the rest, with plaintexts, may have for this many bytes of input.
inline constexpr std::uint64_t most_rest(std::uint64_t bytes) {
    return std::min((bytes << 10) + (1u << 16), bytes + (1u << 26));
}

inline std::uint32_t number_at(View bytes, std::size_t at, std::size_t count, bool big = false) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < count; ++i)
        number |= std::uint32_t{bytes[at + i]} << 8 * (big ? count - 1 - i : i);
    return number;
}

inline std::uint32_t crc32(View bytes) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> made;
        for (std::uint32_t i = 0; i < 256; ++i) {
            made[i] = i;
            for (int bit = 0; bit < 8; ++bit)
                made[i] = made[i] >> 1 ^ (made[i] & 1 ? 0xEDB88320u : 0);
        }
        return made;
    }();
    std::uint32_t crc = ~0u;
    for (const std::uint8_t byte : bytes) crc = crc >> 8 ^ table[(crc ^ byte) & 255];
    return ~crc;
}

inline std::uint32_t adler32(View bytes) {
    std::uint32_t a = 1, b = 0;
    while (!bytes.empty()) {
        const View part = bytes.first(std::min<std::size_t>(bytes.size(), 5552));
        for (const std::uint8_t byte : part) b += a += byte;
        a %= 65521;
        b %= 65521;
        bytes = bytes.subspan(part.size());
    }
    return b << 16 | a;
}

// The container format around a stream, which has a header and a checksum.
struct Frame {
    enum Kind { zlib, gzip, zip } kind;
    std::size_t header;  // bytes
    unsigned encoder;    // identifies the encoder
};

// The frame that these bytes begin with, if they look like a header.
inline std::optional<Frame> frame_of(View bytes) {
    if (bytes.size() < 8) return std::nullopt;
    const std::uint32_t a = bytes[0], b = bytes[1];
    if (a == 0x1f && b == 0x8b && bytes[2] == 8 && bytes.size() >= 18) {
        const unsigned flags = bytes[3];
        std::size_t at = 10;
        if (flags >= 32) return std::nullopt;
        if ((flags & 4) != 0) at += 2 + number_at(bytes, at, 2);
        const std::size_t most = std::min<std::size_t>(bytes.size(), 1 << 9);  // of a name
        for (unsigned text = 8; text <= 16; text *= 2) {
            while ((flags & text) != 0 && at < most && bytes[at] != 0) ++at;
            at += (flags & text) != 0;
        }
        at += (flags & 2) != 0 ? 2 : 0;
        return Frame{Frame::gzip, at, 1u << 16 | number_at(bytes, 8, 2)};
    }
    if (a == 'P' && b == 'K' && bytes[2] == 3 && bytes[3] == 4 && bytes.size() >= 30) {
        if (number_at(bytes, 8, 2) != 8) return std::nullopt;
        return Frame{Frame::zip, 30 + number_at(bytes, 26, 2) + number_at(bytes, 28, 2),
                     2u << 16 | number_at(bytes, 6, 2)};
    }
    if ((a & 15) != 8 || a >= 128 || (b & 32) != 0 || (256 * a + b) % 31 != 0) return std::nullopt;
    return Frame{Frame::zlib, 2, b};
}

// Whether the checksums of a frame match the plaintext of its stream. bytes: from the frame on.
inline bool is_whole(const Frame& frame, View bytes, const Stream& stream) {
    const View behind = bytes.subspan(frame.header + stream.bytes);
    const auto stands = [&](std::uint32_t sum, std::size_t at, bool big = false) {
        return behind.size() >= at + 4 && number_at(behind, at, 4, big) == sum;
    };
    if (frame.kind == Frame::zlib) return stands(adler32(stream.plaintext), 0, true);
    const std::uint32_t crc = crc32(stream.plaintext);
    if (frame.kind == Frame::gzip)
        return stands(crc, 0) && stands(static_cast<std::uint32_t>(stream.plaintext.size()), 4);
    // The checksum of a ZIP member may follow it, with a signature or without.
    return number_at(bytes, 14, 4) == crc || stands(crc, 0) ||
           (stands(0x08074b50, 0) && stands(crc, 4));
}

// A file that is stored elsewhere.
struct File {
    std::size_t place, bytes;
};

// An extracted part of the bytes: a raw stream, or a file.
struct Segment {
    std::size_t place, bytes;
    unsigned encoder;
    Stream stream;  // its plaintext is empty for a file
};

// Numbers of occurrences of streams, by size and checksum. Repeated streams are not extracted,
// since the compressor of the rest codes their repetitions well.
using Known = std::map<std::pair<std::size_t, std::uint32_t>, std::size_t>;

// Whether a stream may begin with these bytes. It excludes most of those that only look like a
// header, sooner than a reader.
inline bool may_begin(View bytes) {
    const unsigned type = bytes[0] >> 1 & 3;
    if (type != 0) return type < 3;
    return bytes.size() >= 5 && (number_at(bytes, 1, 2) ^ number_at(bytes, 3, 2)) == 0xffff;
}

// Finds the streams between the files, at most `most`, with at most `most_bytes` of plaintext.
// Returns streams and files in order. The search ends early if its work exceeds its budget.
// excess: what is left of most_excess.
inline std::vector<Segment> find_segments(View bytes, std::span<const File> files,
                                          std::uint64_t most_bytes, Known& known,
                                          std::size_t& excess, std::size_t most = ~std::size_t{0}) {
    constexpr std::size_t least_plaintext = 64;
    std::vector<Segment> found;
    std::uint64_t left = work_of_a_byte * bytes.size() + least_work;
    for (std::size_t at = 0; at < bytes.size() && found.size() < most; ++at) {
        if (!files.empty() && at >= files.front().place) {
            found.push_back({files.front().place, files.front().bytes, 0, {}});
            at = files.front().place + files.front().bytes - 1;
            files = files.subspan(1);
            continue;
        }
        if (left == 0) break;
        const auto frame = frame_of(bytes.subspan(at));
        if (!frame || at + frame->header >= bytes.size()) continue;
        const std::size_t place = at + frame->header;
        if (!may_begin(bytes.subspan(place))) continue;
        StreamReader reader(bytes.subspan(place), std::min(most_bytes, left), excess);
        std::uint64_t work = work_of_a_start;
        try {
            Stream stream = reader.read();
            const std::size_t plaintext = stream.plaintext.size(), size = stream.bytes;
            work += plaintext;
            if (plaintext >= least_plaintext &&
                (files.empty() || place + size <= files.front().place) &&
                is_whole(*frame, bytes.subspan(at), stream) &&
                ++known[{size, crc32(bytes.subspan(place, size))}] == 1) {
                most_bytes -= plaintext;
                excess -= plaintext - std::min(plaintext, usual_ratio * size);
                at = place + size - 1;
                found.push_back({place, size, frame->encoder, std::move(stream)});
            }
        } catch (const std::invalid_argument&) {
        }
        left -= std::min(left, work + reader.work());
    }
    for (const File& file : files) found.push_back({file.place, file.bytes, 0, {}});
    std::erase_if(found, [&](const Segment& each) {
        const View stream = bytes.subspan(each.place, each.bytes);
        return !each.stream.plaintext.empty() && known[{each.bytes, crc32(stream)}] > 1;
    });
    return found;
}

// The rest: the bytes, with streams replaced by their plaintexts, and without files.
inline Bytes rest_of(View bytes, const std::vector<Segment>& found) {
    Bytes rest, between;
    put_number(rest, bytes.size());
    put_number(rest, found.size());
    std::size_t behind = 0;
    const auto add = [](Bytes& to, View part) { to.insert(to.end(), part.begin(), part.end()); };
    for (const Segment& each : found) {
        put_number(rest, each.place - behind);
        put_number(rest, each.bytes);
        put_number(rest, each.stream.plaintext.size());
        add(between, bytes.subspan(behind, each.place - behind));
        behind = each.place + each.bytes;
    }
    for (const Segment& each : found) add(rest, each.stream.plaintext);
    add(rest, between);
    add(rest, bytes.subspan(behind));
    return rest;
}

// Extracts streams and files from bytes, round by round.
class Inflater {
  public:
    explicit Inflater(const LogisticTables& logistic) : encoder_(logistic) {}

    // The rest of the bytes; empty if nothing is extracted, or the rest has more than `most` bytes.
    Bytes take(View bytes, std::span<const File> files, std::uint64_t most) {
        if (most < bytes.size()) return {};
        auto found = find_segments(bytes.first(std::min(fresh_, bytes.size())), files,
                                   most - bytes.size(), known_, excess_);
        Bytes rest = rest_of(bytes, found);
        if (found.empty() || rest.size() > most) return {};
        fresh_ = rest.size() - bytes.size();
        for (const Segment& each : found) fresh_ += each.bytes;
        rounds_.push_back(std::move(found));
        return rest;
    }
    // The coded tokens of all streams.
    Bytes tokens() {
        for (; !rounds_.empty(); rounds_.pop_back())
            for (Segment& each : rounds_.back())
                if (!each.stream.plaintext.empty())
                    encoder_.add(std::move(each.stream), each.encoder);
        return encoder_.end();
    }

  private:
    Known known_;
    std::size_t excess_ = most_excess;
    // The bytes in front of those that were searched before, which later rounds search: plaintexts.
    std::size_t fresh_ = ~std::size_t{0};
    std::vector<std::vector<Segment>> rounds_;
    StreamsEncoder encoder_;
};

// Restores the original `size` bytes. files: the contents of all files, in the order of insertion.
// Throws std::invalid_argument for invalid input.
inline Bytes deflate_streams(std::size_t rounds, View rest, View tokens, View files,
                             std::size_t size, const LogisticTables& logistic) {
    const auto require = [](bool holds) {
        if (!holds) throw std::invalid_argument("the sizes of deflate streams do not match");
    };
    require(rounds >= 1 && rounds <= most_rounds);
    BitDecoder coder(tokens);
    StreamCoder streams(logistic, coder);
    Bytes bytes(rest.begin(), rest.end());
    for (std::size_t round = rounds; round-- > 0;) {
        View left = bytes;
        const std::uint64_t total = take_number(left), count = take_number(left);
        require(round == 0 ? total == size : total <= most_rest(size));
        require(count <= left.size() / 3);
        std::vector<std::array<std::uint64_t, 3>> sizes(count);
        std::uint64_t used = 0, outside = 0, in_files = 0, plaintexts = 0;
        for (auto& [gap, stream, plaintext] : sizes) {
            gap = take_number(left), stream = take_number(left), plaintext = take_number(left);
            require(std::max(gap, stream) <= total && plaintext <= bytes.size());
            require(stream <= (plaintext > 0 ? most_bytes(plaintext) : files.size() - in_files));
            in_files += plaintext > 0 ? 0 : stream;
            used += gap + stream;
            outside += stream;
            plaintexts += plaintext;
            require(used <= total);
        }
        require(plaintexts <= left.size() && total == outside + left.size() - plaintexts);
        View between = left.subspan(plaintexts);
        Bytes whole;
        whole.reserve(total);
        const auto add = [&](View part) { whole.insert(whole.end(), part.begin(), part.end()); };
        for (const auto& [gap, stream, plaintext] : sizes) {
            require(gap <= between.size());
            add(between.first(gap));
            between = between.subspan(gap);
            if (plaintext > 0) {
                add(streams.decode(left.first(plaintext), stream));
                left = left.subspan(plaintext);
            } else {
                add(files.first(stream));
                files = files.subspan(stream);
            }
        }
        add(between);
        bytes = std::move(whole);
    }
    require(files.empty());
    coder.end();
    return bytes;
}

}  // namespace bitsback::deflate
