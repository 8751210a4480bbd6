// The LZW of GIF files, and that of TIFF files. Sources: GIF89a specification, appendix F; TIFF
// revision 6.0, section 13.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback::lzw {

inline constexpr std::uint32_t most_codes = 4096;

// The codes that stand for strings of pixels: how many there are, and how wide one is in the
// stream.
struct Codes {
    explicit Codes(int bits, bool early = false) : bits(bits), early(early) { reset(); }

    std::uint32_t clear() const { return std::uint32_t{1} << bits; }
    std::uint32_t end() const { return clear() + 1; }
    void reset() {
        next = end() + 1;
        width = bits + 1;
        since_clear = 0;
    }
    // A code was read; the first one after a clear code defines no other.
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

// A stream: what an encoder chose beside the pixels.
struct Choices {
    std::vector<std::uint32_t>
        clears;             // for each clear code the number of codes since the last one
    bool ended = false;     // whether an end code is there
    std::size_t bytes = 0;  // those with codes
};

// Writes the pixels of a stream, and tells the rest; nothing where the stream has other numbers of
// pixels or of clear codes, or is damaged.
inline std::optional<Choices> unpack(std::span<const std::uint8_t> stream, int bits,
                                     std::span<std::uint8_t> pixels) {
    struct Entry {
        std::uint16_t before, length;
        std::uint8_t first, last;
    };
    Codes codes(bits);
    std::vector<Entry> entries(most_codes);
    for (std::uint32_t pixel = 0; pixel < std::min(codes.clear(), 256u); ++pixel) {
        const auto value = static_cast<std::uint8_t>(pixel);
        entries[pixel] = {0, 1, value, value};
    }
    Choices found;
    std::uint32_t previous = 0, buffer = 0;
    std::size_t at = 0;
    int held = 0;
    while (true) {
        for (; held < codes.width && found.bytes < stream.size(); held += 8)
            buffer |= std::uint32_t{stream[found.bytes++]} << held;
        if (held < codes.width) break;
        const std::uint32_t code = buffer & ((std::uint32_t{1} << codes.width) - 1);
        buffer >>= codes.width;
        held -= codes.width;
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
        const std::uint32_t defined = codes.next;  // by this code
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
    if (at != pixels.size() || buffer != 0) return std::nullopt;
    return found;
}

// Codes one after the other, in a GIF file from the lowest bits of bytes on.
class Writer {
  public:
    void put(std::uint32_t code, int width) {
        buffer_ |= code << held_;
        for (held_ += width; held_ >= 8; held_ -= 8, buffer_ >>= 8)
            stream.push_back(static_cast<std::uint8_t>(buffer_));
    }
    void end() {
        if (held_ > 0) stream.push_back(static_cast<std::uint8_t>(buffer_));
    }

    std::vector<std::uint8_t> stream;

  private:
    std::uint32_t buffer_ = 0;
    int held_ = 0;
};

// The same in a TIFF file, from the highest bits on.
class HighWriter {
  public:
    void put(std::uint32_t code, int width) {
        buffer_ = buffer_ << width | code;
        for (held_ += width; held_ >= 8; held_ -= 8)
            stream.push_back(static_cast<std::uint8_t>(buffer_ >> (held_ - 8)));
    }
    void end() {
        if (held_ > 0) stream.push_back(static_cast<std::uint8_t>(buffer_ << (8 - held_)));
    }

    std::vector<std::uint8_t> stream;

  private:
    std::uint32_t buffer_ = 0;
    int held_ = 0;
};

// Puts the codes of an encoder that always takes the longest string that has a code, or, if
// `single`, a code for each pixel. clear: may put clear codes, before the first code and behind
// each. Throws std::invalid_argument for a pixel without a code.
template <class Out, class Clear>
void put_codes(std::span<const std::uint8_t> pixels, Codes& codes, Out& out, Clear clear,
               bool single) {
    std::vector<std::uint16_t> longer(std::size_t{most_codes} << 8);  // by code and next pixel
    std::vector<std::size_t> defined;
    const auto clear_codes = [&] {
        for (; clear(); codes.reset()) {
            out.put(codes.clear(), codes.width);
            for (const std::size_t place : defined) longer[place] = 0;
            defined.clear();
        }
    };
    clear_codes();
    for (std::size_t at = 0; at < pixels.size(); clear_codes()) {
        std::uint32_t code = pixels[at++];
        if (code >= codes.clear()) throw std::invalid_argument("a pixel has no code");
        std::size_t place = 0;
        for (; at < pixels.size() && !single; ++at) {
            place = std::size_t{code} << 8 | pixels[at];
            if (longer[place] == 0) break;
            code = longer[place];
        }
        out.put(code, codes.width);
        codes.count();
        if (at < pixels.size() && !single && codes.next < most_codes) {
            longer[place] = static_cast<std::uint16_t>(codes.next);
            defined.push_back(place);
        }
    }
}

// The stream of a GIF file. Throws std::invalid_argument for a pixel without a code, and for clear
// codes where no encoder could have put them.
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

// The stream of a TIFF file, with a clear code at first and behind each `between` codes.
inline std::vector<std::uint8_t> pack_tiff(std::span<const std::uint8_t> bytes,
                                           std::uint32_t between) {
    Codes codes(8, true);
    HighWriter out;
    bool first = true;
    const auto clear = [&] {
        const bool now = first || codes.since_clear == between;
        first = false;
        return now;
    };
    put_codes(bytes, codes, out, clear, false);
    out.put(codes.end(), codes.width);
    out.end();
    return out.stream;
}

}  // namespace bitsback::lzw
