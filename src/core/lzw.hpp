// LZW of GIF and of TIFF files. Sources: GIF89a specification, appendix F; TIFF revision 6.0,
// section 13. docs/format.md, A6.3 and A6.5.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "exceptions.hpp"
#include "high_bits.hpp"

namespace bitsback::lzw {

inline constexpr std::uint32_t most_codes = 4096;

// The numbers of defined codes, and their width in the stream.
struct Codes {
    explicit Codes(int bits, bool early = false) : bits(bits), early(early) { reset(); }

    std::uint32_t clear() const { return std::uint32_t{1} << bits; }
    std::uint32_t end() const { return clear() + 1; }
    void reset() {
        next = end() + 1;
        width = bits + 1;
        since_clear = 0;
    }
    // Counts a code that was read. Each defines a new code, except the first one after a clear
    // code.
    void count() {
        if (since_clear++ > 0 && next < most_codes) ++next;
        if (next + early == std::uint32_t{1} << width && width < 12) ++width;
    }

    int bits;
    bool early;  // whether codes become wider one code earlier, as in TIFF files
    std::uint32_t next;
    int width;
    std::uint32_t since_clear;
};

// The choices of an encoder, beside the pixels.
struct Choices {
    // For each clear code, the number of codes since the previous one.
    std::vector<std::uint32_t> clears;
    std::uint32_t since_clear = 0;  // the number of codes behind the last clear code
    bool ended = false;             // whether there is an end code
    std::size_t bytes = 0;          // size of the codes
    bool whole = false;             // whether the last code ends a byte
};

// Reads codes, from the lowest bits of bytes on, as in GIF files.
class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> stream) : stream_(stream) {}

    std::optional<std::uint32_t> get(int width) {
        for (; count < width && bytes < stream_.size(); count += 8)
            buffer |= std::uint32_t{stream_[bytes++]} << count;
        if (count < width) return std::nullopt;
        const std::uint32_t code = buffer & ((std::uint32_t{1} << width) - 1);
        buffer >>= width;
        count -= width;
        return code;
    }

    std::uint32_t buffer = 0;  // the bits that were not read of the first `bytes` bytes
    int count = 0;             // their number
    std::size_t bytes = 0;

  private:
    std::span<const std::uint8_t> stream_;
};

// Decodes the pixels of a stream and returns the choices. Nothing if the stream is damaged, has
// another number of pixels, or more clear codes than pixels.
template <class In>
std::optional<Choices> unpack(In stream, Codes codes, std::span<std::uint8_t> pixels) {
    struct Entry {
        std::uint16_t before, length;
        std::uint8_t first, last;
    };
    std::vector<Entry> entries(most_codes);
    for (std::uint32_t pixel = 0; pixel < std::min(codes.clear(), 256u); ++pixel) {
        const auto value = static_cast<std::uint8_t>(pixel);
        entries[pixel] = {0, 1, value, value};
    }
    Choices found;
    std::uint32_t previous = 0;
    std::size_t at = 0;
    while (const auto next = stream.get(codes.width)) {
        const std::uint32_t code = *next;
        if (code == codes.clear()) {
            if (found.clears.size() > pixels.size()) return std::nullopt;
            found.clears.push_back(codes.since_clear);
            codes.reset();
            continue;
        }
        if (code == codes.end()) {
            found.ended = true;
            break;
        }
        const bool first = codes.since_clear == 0;
        const std::uint32_t defined = codes.next;  // the code that this one defines
        if (code < codes.clear() ? code > 255 : first || code > defined || code == most_codes)
            return std::nullopt;
        if (!first && defined < most_codes) {
            const Entry& prefix = entries[previous];
            const std::uint8_t last = code == defined ? prefix.first : entries[code].first;
            entries[defined] = {static_cast<std::uint16_t>(previous),
                                static_cast<std::uint16_t>(prefix.length + 1), prefix.first, last};
        }
        const std::size_t length = entries[code].length;
        if (length == 0 || length > pixels.size() - at) return std::nullopt;
        at += length;
        for (std::size_t i = 1, part = code; i <= length; ++i, part = entries[part].before)
            pixels[at - i] = entries[part].last;
        previous = code;
        codes.count();
    }
    if (at != pixels.size() || stream.buffer != 0) return std::nullopt;
    found.since_clear = codes.since_clear;
    found.bytes = stream.bytes;
    found.whole = stream.count == 0;
    return found;
}

// Writes codes, from the lowest bits of bytes on, as in GIF files.
class Writer {
  public:
    void put(std::uint32_t code, int width) {
        buffer_ |= code << count_;
        for (count_ += width; count_ >= 8; count_ -= 8, buffer_ >>= 8)
            stream.push_back(static_cast<std::uint8_t>(buffer_));
    }
    void end() {
        if (count_ > 0) stream.push_back(static_cast<std::uint8_t>(buffer_));
    }

    std::vector<std::uint8_t> stream;

  private:
    std::uint32_t buffer_ = 0;
    int count_ = 0;
};

// The codes of strings, by the code of all but the last pixel. Each code that begins others has a
// row, so that few pixels need little memory, and clearing it takes as long as it took to fill it.
class Strings {
  public:
    // The code of a string; 0 if it has none.
    std::uint32_t find(std::uint32_t before, std::uint8_t pixel) const {
        const std::uint32_t row = rows_[before];
        return row == 0 ? 0 : longer_[row - 1][pixel];
    }
    void define(std::uint32_t before, std::uint8_t pixel, std::uint32_t code) {
        std::uint16_t& row = rows_[before];
        if (row == 0) {
            used_.push_back(before);
            longer_.emplace_back();
            row = static_cast<std::uint16_t>(longer_.size());
        }
        longer_[row - 1u][pixel] = static_cast<std::uint16_t>(code);
    }
    void clear() {
        for (const std::uint32_t code : used_) rows_[code] = 0;
        used_.clear();
        longer_.clear();
    }

  private:
    std::array<std::uint16_t, most_codes> rows_{};  // their numbers, from 1 on
    std::vector<std::array<std::uint16_t, 256>> longer_;
    std::vector<std::uint32_t> used_;
};

// Writes the codes of an encoder that always chooses the longest string with a code, or, if
// `single`, one code per pixel. clear: called before the first code and after each, to write clear
// codes. Throws std::invalid_argument for a pixel without a code.
template <class Out, class Clear>
void put_codes(std::span<const std::uint8_t> pixels, Codes& codes, Out& out, Clear clear,
               bool single) {
    Strings strings;
    const auto clear_codes = [&] {
        for (; clear(); codes.reset()) {
            out.put(codes.clear(), codes.width);
            strings.clear();
        }
    };
    clear_codes();
    for (std::size_t at = 0; at < pixels.size(); clear_codes()) {
        std::uint32_t code = pixels[at++];
        if (code >= codes.clear()) throw std::invalid_argument("a pixel has no code");
        for (; at < pixels.size() && !single; ++at) {
            const std::uint32_t longer = strings.find(code, pixels[at]);
            if (longer == 0) break;
            code = longer;
        }
        out.put(code, codes.width);
        codes.count();
        if (at < pixels.size() && !single && codes.next < most_codes)
            strings.define(code, pixels[at], codes.next);
    }
}

// The stream of a GIF file. Throws std::invalid_argument for a pixel without a code, and for
// misplaced clear codes.
inline std::vector<std::uint8_t> pack(std::span<const std::uint8_t> pixels, int bits,
                                      std::span<const std::uint32_t> clears, bool ended,
                                      bool single) {
    Codes codes(bits);
    Writer out;
    std::size_t cleared = 0;
    const auto clear = [&] {
        const bool now = cleared < clears.size() && clears[cleared] == codes.since_clear;
        cleared += now;
        return now;
    };
    put_codes(pixels, codes, out, clear, single);
    if (cleared < clears.size()) throw std::invalid_argument("clear codes behind the last code");
    if (ended) out.put(codes.end(), codes.width);
    out.end();
    return out.stream;
}

// The stream of a TIFF file, which begins with a clear code. regular: the number of codes from each
// to the next one, except for the exceptions; with 0 no other one follows. padded: a zero byte
// follows if the last code ends a byte. Throws std::invalid_argument for exceptions that are left.
inline std::vector<std::uint8_t> pack_tiff(std::span<const std::uint8_t> bytes,
                                           std::uint32_t regular, Exceptions exceptions,
                                           bool padded) {
    Codes codes(8, true);
    HighWriter out;
    bool first = true;
    std::uint32_t between = 0;
    const auto clear = [&] {
        if (!first && (between == 0 || codes.since_clear < between)) return false;
        first = false;
        between = exceptions.next([&] { return regular; });
        return true;
    };
    put_codes(bytes, codes, out, clear, false);
    if (!exceptions.empty()) throw std::invalid_argument("exceptions behind the last clear code");
    out.put(codes.end(), codes.width);
    if (out.bits() % 8 == 0 && padded) out.put(0, 8);
    out.end();
    return out.stream;
}

}  // namespace bitsback::lzw
