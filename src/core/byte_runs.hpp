// Runs of bytes: RLE Lossless of DICOM, and PackBits of TIFF files. Sources: DICOM PS3.5, annex G;
// TIFF revision 6.0, section 9. docs/format.md, A6.10.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "exceptions.hpp"

namespace bitsback::byte_runs {

inline constexpr std::size_t most = 128;  // bytes of a run or a literal; nothing as a control byte

// Flags of the plain encoder.
inline constexpr int by_rows = 1;  // runs and literals end with a row
inline constexpr int pairs = 2;    // two equal bytes are a run
inline constexpr int joined = 4;   // but not if a single byte follows them within a literal

// The bytes of the run or the literal of a control byte.
inline std::size_t count_of(std::uint32_t control) {
    return control < most ? control + 1 : control > most ? 257 - control : 0;
}

// At each place it takes a run, or else a literal up to the next run.
class PlainEncoder {
  public:
    PlainEncoder(std::span<const std::uint8_t> bytes, std::size_t columns, int flags)
        : bytes_(bytes), columns_(columns), flags_(flags), least_(flags & pairs ? 2 : 3) {}

    std::uint8_t control(std::size_t place) {
        std::size_t last = bytes_.size();
        if (flags_ & by_rows) last = std::min(last, (place / columns_ + 1) * columns_);
        const std::size_t stop = std::min(last, place + most), run = run_at(place, stop);
        if (run >= least_) return static_cast<std::uint8_t>(257 - run);
        // A literal from a later place on ends where the one before it does, or behind that.
        std::size_t end = place > start_ && place < end_ ? end_ : place + 1;
        while (end < stop) {
            const std::size_t next = run_at(end, std::min(last, end + 3));
            if (next < least_)
                end += 1;
            else if (flags_ & joined && next == 2 && end + 2 <= stop && end + 2 < last &&
                     run_at(end + 2, std::min(last, end + 4)) == 1)
                end += 2;
            else
                break;
        }
        start_ = place;
        end_ = end;
        return static_cast<std::uint8_t>(end - place - 1);
    }

  private:
    std::size_t run_at(std::size_t place, std::size_t last) const {
        std::size_t end = place + 1;
        while (end < last && bytes_[end] == bytes_[place]) ++end;
        return end - place;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t columns_;
    int flags_;
    std::size_t least_;
    std::size_t start_ = 0, end_ = 0;  // of the literal before
};

// The control bytes at the start of a stream that decompress to `bytes`, and those of no effect
// behind them. Nothing if the stream is cut short, or has more bytes.
inline std::optional<std::vector<std::uint8_t>> unpack(std::span<const std::uint8_t> stream,
                                                       std::span<std::uint8_t> bytes) {
    std::vector<std::uint8_t> controls;
    std::size_t at = 0, made = 0;
    while (at < stream.size() && (made < bytes.size() || stream[at] == most)) {
        const std::uint8_t control = stream[at++];
        controls.push_back(control);
        const std::size_t count = count_of(control), stored = control < most ? count : count > 0;
        if (count > bytes.size() - made || stored > stream.size() - at) return std::nullopt;
        const auto out = bytes.subspan(made, count);
        if (control < most)
            std::ranges::copy(stream.subspan(at, count), out.begin());
        else if (count > 0)
            std::ranges::fill(out, stream[at]);
        at += stored;
        made += count;
    }
    if (made < bytes.size()) return std::nullopt;
    return controls;
}

// The stream of these bytes, `columns` in a row. Throws std::invalid_argument if the exceptions
// from the plain encoder do not suit it.
inline std::vector<std::uint8_t> pack(std::span<const std::uint8_t> bytes, std::size_t columns,
                                      int flags, Exceptions exceptions) {
    PlainEncoder plain(bytes, columns, flags);
    std::vector<std::uint8_t> stream;
    std::size_t at = 0;
    while (at < bytes.size() || exceptions.is_next()) {
        const std::uint32_t control = exceptions.next([&] { return plain.control(at); });
        const std::size_t count = control < 256 ? count_of(control) : bytes.size() + 1;
        if (count > bytes.size() - at) throw std::invalid_argument("a run is longer than its data");
        stream.push_back(static_cast<std::uint8_t>(control));
        const auto part = bytes.subspan(at, count);
        if (control < most)
            stream.insert(stream.end(), part.begin(), part.end());
        else if (count > 0)
            stream.push_back(part[0]);
        if (control > most && std::ranges::count(part, part[0]) != std::ssize(part))
            throw std::invalid_argument("a run has different bytes");
        at += count;
    }
    if (!exceptions.empty()) throw std::invalid_argument("exceptions behind the last run");
    return stream;
}

// For each control byte of a stream, the one that the plain encoder makes at its place.
inline void plain_controls(std::span<const std::uint8_t> bytes, std::size_t columns, int flags,
                           std::span<const std::uint8_t> controls, std::span<std::uint8_t> out) {
    PlainEncoder plain(bytes, columns, flags);
    std::size_t at = 0;
    for (std::size_t i = 0; i < controls.size(); ++i) {
        // Behind the last byte there are only exceptions.
        out[i] = at < bytes.size() ? plain.control(at) : static_cast<std::uint8_t>(~controls[i]);
        at += count_of(controls[i]);
    }
}

}  // namespace bitsback::byte_runs
