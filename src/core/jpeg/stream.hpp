// A JPEG stream as coefficients and what else it takes to write the very bytes again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "details.hpp"
#include "markers.hpp"
#include "scans.hpp"

namespace bitsback::jpeg {

struct Stream {
    Frame frame;
    std::vector<std::array<std::uint16_t, block_size>> steps;  // of each component, in zigzag order
    std::vector<Coefficients> planes;
    std::vector<std::uint8_t> skeleton;  // its marker segments
    std::vector<std::uint8_t> details;
    std::size_t size = 0;  // in bytes
};

// Scans take time by their blocks, and blocks take memory, however few bytes they have.
inline constexpr std::size_t free_blocks = std::size_t{1} << 18;
inline constexpr std::size_t visits_of_a_byte = 64;

inline std::vector<Coefficients> empty_planes(const Frame& frame) {
    std::vector<Coefficients> planes;
    for (const Component& component : frame.components)
        planes.emplace_back(component.blocks() * block_size);
    return planes;
}

// The frame and the number of the scans of a skeleton.
struct Outline {
    Frame frame;
    std::vector<std::array<std::uint16_t, block_size>> steps;
    std::size_t scans = 0;
};

inline Outline outline(std::span<const std::uint8_t> skeleton) {
    Outline found;
    Segments segments(skeleton);
    while (segments.next_scan()) ++found.scans;
    found.frame = segments.frame();
    for (std::size_t i = 0; i < found.frame.components.size(); ++i)
        found.steps.push_back(segments.steps(i));
    return found;
}

// Of a stream of so many bytes.
inline void require_scans(const Outline& outline, std::size_t size) {
    if (outline.scans * outline.frame.blocks() / visits_of_a_byte > free_blocks + size)
        throw Unsupported(Reason::many_scans);
}

// The bytes of a stream. Throws std::invalid_argument where its parts do not belong together.
inline std::vector<std::uint8_t> write(std::span<const std::uint8_t> skeleton,
                                       std::span<Coefficients> planes,
                                       std::span<const std::uint8_t> packed) {
    Segments segments(skeleton);
    std::vector<std::uint8_t> bytes;
    std::size_t copied = 0;
    Details details = Details::unpack(packed, outline(skeleton).scans);
    Progress progress;
    for (std::size_t number = 0; const auto scan = segments.next_scan(); ++number) {
        bytes.insert(bytes.end(), skeleton.begin() + static_cast<std::ptrdiff_t>(copied),
                     skeleton.begin() + static_cast<std::ptrdiff_t>(segments.place()));
        copied = segments.place();
        ScanWriter(segments, *scan, planes, details, progress, bytes).write(details.cuts[number]);
    }
    bytes.insert(bytes.end(), skeleton.begin() + static_cast<std::ptrdiff_t>(copied),
                 skeleton.end());
    return bytes;
}

class StreamReader {
  public:
    explicit StreamReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        Segments segments(bytes);
        std::size_t copied = 0;
        const auto copy = [&] {
            stream_.skeleton.insert(stream_.skeleton.end(),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(copied),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(segments.place()));
        };
        while (segments.next_scan()) {
            copy();
            data_.push_back(bytes.subspan(segments.place()));
            data_.back() = data_.back().first(entropy_coded(data_.back()));
            segments.skip(data_.back().size());
            copied = segments.place();
        }
        copy();
        stream_.size = segments.place();
        outline_ = jpeg::outline(stream_.skeleton);
        stream_.frame = outline_.frame;
        stream_.steps = outline_.steps;
        require_scans(outline_, stream_.size);
    }

    std::size_t size() const { return stream_.size; }
    const Outline& outline() const { return outline_; }

    Stream read() {
        std::vector<std::uint64_t> limits(data_.size(), Details::all);
        bool long_runs = false, no_restarts = false;
        while (true) {
            details_ = {};
            details_.long_runs = long_runs;
            details_.no_restarts = no_restarts;
            stream_.planes = empty_planes(stream_.frame);
            try {
                if (attempt(limits, no_restarts)) break;
            } catch (const LongRuns&) {
                if (long_runs) throw Unsupported(Reason::coding);
                long_runs = true;
            }
        }
        stream_.details = details_.pack();
        const auto again = write(stream_.skeleton, stream_.planes, stream_.details);
        if (again.size() != stream_.size || !std::equal(again.begin(), again.end(), bytes_.begin()))
            throw Unsupported(Reason::coding);
        return std::move(stream_);
    }

  private:
    // Whether all scans could be read up to their limits; if not, a limit is lower now, or restarts
    // are no more expected.
    bool attempt(std::vector<std::uint64_t>& limits, bool& no_restarts) {
        Segments segments(stream_.skeleton);
        Progress progress;
        for (std::size_t number = 0; const auto scan = segments.next_scan(); ++number) {
            ScanReader reader(segments, *scan, stream_.planes, details_, progress, data_[number]);
            Details::Cut cut{limits[number], {}};
            const std::uint64_t units = std::min(limits[number], reader.units());
            const std::uint64_t whole = reader.read(units, cut);
            if (whole < units) {
                if (number == 0 && whole == segments.restart_interval() && !no_restarts)
                    no_restarts = true;
                else
                    limits[number] = whole;
                return false;
            }
            details_.cuts.push_back(std::move(cut));
        }
        return true;
    }

    std::span<const std::uint8_t> bytes_;
    std::vector<std::span<const std::uint8_t>> data_;  // entropy-coded, of each scan
    Stream stream_;
    Outline outline_;
    Details details_;
};

}  // namespace bitsback::jpeg
