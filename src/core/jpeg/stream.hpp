// A JPEG stream as coefficients, skeleton and details, from which its exact bytes are restored.
// docs/jpeg-format.md, J2 to J4.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "arithmetic_scans.hpp"
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

// The number of blocks that a stream may have beside one per byte. It limits memory and time.
inline constexpr std::size_t free_blocks = std::size_t{1} << 18;
inline constexpr std::size_t visits_of_a_byte = 64;
// Each attempt reads the stream again, with one more scan that is cut.
inline constexpr unsigned most_attempts = 64;

using View = std::span<const std::uint8_t>;

inline std::vector<Coefficients> empty_planes(const Frame& frame) {
    std::vector<Coefficients> planes;
    for (const Component& component : frame.components)
        planes.emplace_back(component.blocks() * frame.numbers());
    return planes;
}

// The frame of a skeleton, and its number of scans.
struct Outline {
    Frame frame;
    std::vector<std::array<std::uint16_t, block_size>> steps;
    std::size_t scans = 0;
    unsigned low = 0;  // greatest point transform of its scans
};

inline Outline outline(std::span<const std::uint8_t> skeleton) {
    Outline found;
    Segments segments(skeleton);
    while (const auto scan = segments.next_scan()) {
        ++found.scans;
        found.low = std::max(found.low, scan->low);
    }
    found.frame = segments.frame();
    for (std::size_t i = 0; i < found.frame.components.size(); ++i)
        found.steps.push_back(segments.steps(i));
    return found;
}

// Throws Unsupported if the scans have too many blocks for a stream of this size.
inline void require_scans(const Outline& outline, std::size_t size) {
    if (outline.scans * outline.frame.blocks() / visits_of_a_byte > free_blocks + size)
        throw Unsupported(Reason::many_scans);
}

// The shape of the samples of a lossless stream as a picture, whose pixels are the units of the
// frame.
struct SampleShape {
    std::size_t rows, columns, channels;
};

// Throws Unsupported unless the stream is lossless and has its samples in one scan.
inline SampleShape sample_shape(const Outline& outline) {
    const Frame& frame = outline.frame;
    if (!frame.lossless()) throw Unsupported(Reason::frame);
    if (outline.scans > frame.components.size()) throw Unsupported(Reason::many_scans);
    std::size_t channels = 0;
    for (const Component& component : frame.components)
        channels += std::size_t{component.vertical} * component.horizontal;
    return {frame.rows, frame.columns, channels};
}

// Calls visit(sample) for each sample, in the order [rows, columns, channels].
template <class Visit>
void each_sample(const Frame& frame, std::span<Coefficients> planes, const Visit& visit) {
    for (std::size_t row = 0; row < frame.rows; ++row)
        for (std::size_t column = 0; column < frame.columns; ++column)
            for (std::size_t c = 0; c < planes.size(); ++c) {
                const Component& own = frame.components[c];
                for (std::size_t v = 0; v < own.vertical; ++v)
                    for (std::size_t h = 0; h < own.horizontal; ++h)
                        visit(planes[c][(row * own.vertical + v) * own.columns +
                                        column * own.horizontal + h]);
            }
}

// Calls use(writer) with a writer of the scan.
template <class Use>
auto with_writer(const Segments& segments, const Scan& scan, std::span<Coefficients> planes,
                 Details& details, Progress& progress, std::vector<std::uint8_t>& bytes,
                 const Use& use) {
    if (!segments.frame().arithmetic())
        return use(ScanWriter(segments, scan, planes, details, progress, bytes));
    return use(ArithmeticScan<IntervalEncoder, std::vector<std::uint8_t>>(
        segments, scan, planes, details, progress, bytes));
}

// The `size` bytes of a stream. Throws std::invalid_argument if its parts do not match.
inline std::vector<std::uint8_t> write(View skeleton, std::span<Coefficients> planes, View packed,
                                       std::size_t size) {
    const auto require_size = [size](bool fits) {
        if (!fits) throw std::invalid_argument("the size of a JPEG stream does not match");
    };
    Segments segments(skeleton);
    std::vector<std::uint8_t> bytes;
    std::size_t copied = 0;
    Details details = Details::unpack(packed, outline(skeleton).scans);
    Progress progress;
    for (std::size_t number = 0; const auto scan = segments.next_scan(); ++number) {
        bytes.insert(bytes.end(), skeleton.begin() + static_cast<std::ptrdiff_t>(copied),
                     skeleton.begin() + static_cast<std::ptrdiff_t>(segments.place()));
        copied = segments.place();
        const Details::Cut& cut = details.cuts[number];
        with_writer(segments, *scan, planes, details, progress, bytes, [&](auto&& writer) {
            const std::uint64_t units = std::min(cut.units, writer.units());
            for (std::uint64_t unit = 0; unit < units; ++unit) {
                writer.write(unit);
                require_size(bytes.size() <= size);
            }
            writer.end(units == writer.units());
        });
        bytes.insert(bytes.end(), cut.rest.begin(), cut.rest.end());
    }
    bytes.insert(bytes.end(), skeleton.begin() + static_cast<std::ptrdiff_t>(copied),
                 skeleton.end());
    require_size(bytes.size() == size);
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
        try {
            while (segments.next_scan()) {
                copy();
                data_.push_back(bytes.subspan(segments.place()));
                data_.back() = data_.back().first(entropy_coded(data_.back()));
                segments.skip(data_.back().size());
                copied = segments.place();
            }
            copy();
            copied = segments.place();
        } catch (const Unsupported&) {
            // The bytes behind the data of the last scan do not belong to the stream.
            if (data_.empty()) throw;
        }
        stream_.size = copied;
        outline_ = jpeg::outline(stream_.skeleton);
        stream_.frame = outline_.frame;
        stream_.steps = outline_.steps;
        require_scans(outline_, stream_.size);
    }

    std::size_t size() const { return stream_.size; }
    const Outline& outline() const { return outline_; }

    Stream read() {
        if (!read_whole()) read_parts();
        return std::move(stream_);
    }

  private:
    // Reads a stream whose scans are whole. Only the stream that is written again is compared, so
    // that this takes half the time. Returns whether it is such a stream.
    bool read_whole() {
        std::vector<std::uint64_t> limits(data_.size(), Details::all);
        bool no_restarts = false;
        try {
            return attempt(limits, false, no_restarts, false) && is_same();
        } catch (const LongRuns&) {
        } catch (const std::invalid_argument&) {
        }
        return false;
    }
    void read_parts() {
        std::vector<std::uint64_t> limits(data_.size(), Details::all);
        bool long_runs = false, no_restarts = false;
        for (unsigned number = 0;; ++number) {
            if (number == most_attempts) throw Unsupported(Reason::coding);
            try {
                if (attempt(limits, long_runs, no_restarts, true)) break;
            } catch (const LongRuns&) {
                if (long_runs) throw Unsupported(Reason::coding);
                long_runs = true;
            }
        }
        if (std::all_of(limits.begin(), limits.end(),
                        [](std::uint64_t limit) { return limit == 0; }) ||
            !is_same())
            throw Unsupported(Reason::coding);
    }
    // Whether the stream can be written again.
    bool is_same() {
        stream_.details = details_.pack();
        const auto again = write(stream_.skeleton, stream_.planes, stream_.details, stream_.size);
        return std::equal(again.begin(), again.end(), bytes_.begin());
    }
    // Whether all scans could be read up to their limits. Otherwise lowers a limit, or stops
    // expecting restarts. compares: whether limits are also lowered to what a writer would write.
    bool attempt(std::vector<std::uint64_t>& limits, bool long_runs, bool& no_restarts,
                 bool compares) {
        details_ = {};
        details_.long_runs = long_runs;
        details_.no_restarts = no_restarts;
        stream_.planes = empty_planes(stream_.frame);
        Segments segments(stream_.skeleton);
        Progress progress;
        for (std::size_t number = 0; const auto scan = segments.next_scan(); ++number) {
            const View data = data_[number];
            const Progress before = progress;
            const auto read = [&](auto&& reader) {
                return std::pair(std::min(limits[number], reader.units()),
                                 reader.read(std::min(limits[number], reader.units())));
            };
            const auto [units, whole] =
                segments.frame().arithmetic()
                    ? read(ArithmeticScan<IntervalDecoder, const View>(
                          segments, *scan, stream_.planes, details_, progress, data))
                    : read(ScanReader(segments, *scan, stream_.planes, details_, progress, data));
            if (whole < units && number == 0 && whole == segments.restart_interval() &&
                !no_restarts) {
                no_restarts = true;
                return false;
            }
            std::uint64_t limit = whole;
            std::size_t size = data.size();
            if (compares && whole == units) {
                Progress again = before;
                std::vector<std::uint8_t> bytes;
                limit = with_writer(
                    segments, *scan, stream_.planes, details_, again, bytes,
                    [&](auto&& writer) { return same_units(writer, units, bytes, data); });
                size = bytes.size();
            }
            if (limit < units) {
                limits[number] = limit;
                return false;
            }
            details_.cuts.push_back(
                {limits[number], {data.begin() + static_cast<std::ptrdiff_t>(size), data.end()}});
        }
        return true;
    }

    // Writes the first units of a scan. Returns the number of units, with the runs that they end,
    // whose bytes match the data.
    template <class Writer>
    static std::uint64_t same_units(Writer& writer, std::uint64_t units,
                                    std::vector<std::uint8_t>& bytes, View data) {
        std::uint64_t same = 0;
        std::size_t compared = 0;
        const auto is_same = [&] {
            const std::size_t from = compared;
            compared = bytes.size();
            return compared <= data.size() &&
                   std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                              data.begin() + static_cast<std::ptrdiff_t>(from));
        };
        try {
            for (std::uint64_t unit = 0; unit < units; ++unit) {
                writer.write(unit);
                if (!is_same()) return same;
                if (!writer.is_open()) same = unit + 1;
            }
            writer.end(units == writer.units());
            if (!is_same()) return std::min(same, units - 1);
        } catch (const std::invalid_argument&) {
            return std::min(same, units - 1);
        }
        return units;
    }

    std::span<const std::uint8_t> bytes_;
    std::vector<std::span<const std::uint8_t>> data_;  // entropy-coded, of each scan
    Stream stream_;
    Outline outline_;
    Details details_;
};

}  // namespace bitsback::jpeg
