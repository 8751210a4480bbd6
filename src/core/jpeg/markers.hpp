// The marker segments of a JPEG stream. Source: ITU-T T.81, annex B. docs/jpeg-format.md, J2.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "huffman.hpp"
#include "reasons.hpp"

namespace bitsback::jpeg {

inline constexpr std::size_t block_size = 64;
inline constexpr std::size_t most_components = 4;

struct Component {
    std::uint8_t id, horizontal, vertical, table;
    std::size_t rows, columns;          // in blocks, whole units of all components
    std::size_t own_rows, own_columns;  // in blocks, in a scan of this component alone

    std::size_t blocks() const { return rows * columns; }
};

struct Frame {
    std::uint8_t kind = 0;  // the last byte of its marker, 0xC0 and so on
    unsigned precision = 0;
    std::size_t height = 0, width = 0;
    std::size_t rows = 0, columns = 0;  // in units of all components
    std::vector<Component> components;

    bool progressive() const { return kind == 0xC2 || kind == 0xCA; }
    bool arithmetic() const { return kind >= 0xC9; }
    bool lossless() const { return kind == 0xC3; }
    // The number of coefficients per block; 1 for lossless streams, whose numbers are samples.
    std::size_t numbers() const { return lossless() ? 1 : block_size; }
    // Eight samples count as a block, since they take at least one byte.
    std::size_t blocks() const {
        std::size_t sum = 0;
        for (const Component& component : components) sum += component.blocks();
        return lossless() ? (sum + 7) / 8 : sum;
    }
};

struct ScanComponent {
    std::size_t number;
    std::uint8_t dc, ac;
};

// The conditioning of the contexts of arithmetic coding.
struct Conditioning {
    unsigned low, high;  // bounds of small and of large differences of DC
    unsigned split;      // between low and high frequencies
};

struct Scan {
    std::vector<ScanComponent> components;
    unsigned first, last;  // coefficients, in zigzag order; first: the predictor of samples
    unsigned high, low;    // successive approximation
};

// Parses the segments of a stream, or of its skeleton, which lacks the entropy-coded data, and
// stores the current tables.
class Segments {
  public:
    explicit Segments(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        if (bytes.size() < 4 || bytes[0] != 0xFF || bytes[1] != 0xD8)
            throw Unsupported(Reason::segments);
        at_ = 2;
    }

    // The next scan, whose header ends at place(). Nothing at the end of the stream.
    std::optional<Scan> next_scan() {
        while (at_ + 2 <= bytes_.size()) {
            if (bytes_[at_] != 0xFF) throw Unsupported(Reason::segments);
            const std::uint8_t marker = bytes_[at_ + 1];
            if (marker == 0xFF) {
                ++at_;
                continue;
            }
            if (marker == 0xD9) {
                at_ += 2;
                return std::nullopt;
            }
            if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) {
                at_ += 2;
                continue;
            }
            if (marker == 0 || marker == 0xD8) throw Unsupported(Reason::segments);
            if (at_ + 4 > bytes_.size()) break;
            const std::size_t length = word(at_ + 2);
            if (length < 2 || length > bytes_.size() - at_ - 2) break;
            const auto segment = bytes_.subspan(at_ + 4, length - 2);
            at_ += 2 + length;
            if (marker == 0xDA) return scan(segment);
            take(marker, segment);
        }
        at_ = bytes_.size();
        return std::nullopt;
    }

    std::size_t place() const { return at_; }
    // Continues behind the entropy-coded data of a scan.
    void skip(std::size_t bytes) { at_ += bytes; }
    const Frame& frame() const { return frame_; }
    const HuffmanTable& dc_table(std::size_t i) const { return table(dc_tables_[i]); }
    const HuffmanTable& ac_table(std::size_t i) const { return table(ac_tables_[i]); }
    Conditioning conditioning(const ScanComponent& component) const {
        const unsigned dc = conditions_[component.dc];
        return {dc & 15, dc >> 4, conditions_[16u + component.ac]};
    }
    std::size_t restart_interval() const { return restart_interval_; }
    // The steps of quantisation of a component, in zigzag order, as defined at its frame or first
    // scan; zeros without a table.
    const std::array<std::uint16_t, block_size>& steps(std::size_t component) const {
        return steps_[component];
    }

  private:
    static const HuffmanTable& table(const std::optional<HuffmanTable>& table) {
        if (!table) throw Unsupported(Reason::missing_table);
        return *table;
    }
    std::size_t word(std::size_t at) const {
        return static_cast<std::size_t>(bytes_[at]) << 8 | bytes_[at + 1];
    }

    void take(std::uint8_t marker, std::span<const std::uint8_t> segment) {
        if (marker == 0xC4) {
            huffman_tables(segment);
        } else if (marker == 0xDB) {
            quantisation(segment);
        } else if (marker == 0xDD) {
            if (segment.size() != 2) throw Unsupported(Reason::table);
            restart_interval_ = std::size_t{segment[0]} << 8 | segment[1];
        } else if (marker == 0xCC) {
            conditioning(segment);
        } else if ((marker >= 0xC0 && marker <= 0xC3) || marker == 0xC9 || marker == 0xCA) {
            frame(marker, segment);
        } else if (marker == 0xF7) {
            throw Unsupported(Reason::jpeg_ls);
        } else if ((marker >= 0xC5 && marker <= 0xCF && marker != 0xC8) || marker == 0xDE) {
            throw Unsupported(marker == 0xCB ? Reason::lossless_arithmetic : Reason::hierarchical);
        }
    }

    void huffman_tables(std::span<const std::uint8_t> segment) {
        while (segment.size() >= 17) {
            std::size_t symbols = 0;
            for (std::size_t i = 1; i <= 16; ++i) symbols += segment[i];
            if (segment[0] > 0x13 || (segment[0] & 15) > 3 || symbols > 256 ||
                segment.size() < 17 + symbols)
                throw Unsupported(Reason::table);
            auto& tables = segment[0] >> 4 == 0 ? dc_tables_ : ac_tables_;
            tables[segment[0] & 3].emplace(segment.subspan(1, 16), segment.subspan(17, symbols));
            segment = segment.subspan(17 + symbols);
        }
        if (!segment.empty()) throw Unsupported(Reason::table);
    }

    void conditioning(std::span<const std::uint8_t> segment) {
        for (; segment.size() >= 2; segment = segment.subspan(2)) {
            const bool ac = segment[0] >> 4 != 0;
            const std::uint8_t value = segment[1];
            if (segment[0] > 0x13 || (segment[0] & 15) > 3 ||
                (ac ? value < 1 || value > 63 : (value & 15) > value >> 4))
                throw Unsupported(Reason::table);
            conditions_[segment[0]] = value;
        }
        if (!segment.empty()) throw Unsupported(Reason::table);
    }

    void quantisation(std::span<const std::uint8_t> segment) {
        while (!segment.empty()) {
            const std::size_t wide = segment[0] >> 4, bytes = block_size * (wide + 1);
            if (wide > 1 || (segment[0] & 15) > 3 || segment.size() < 1 + bytes)
                throw Unsupported(Reason::table);
            auto& table = quantisation_[segment[0] & 3];
            for (std::size_t k = 0; k < block_size; ++k)
                table[k] =
                    wide != 0
                        ? static_cast<std::uint16_t>(segment[1 + 2 * k] << 8 | segment[2 + 2 * k])
                        : segment[1 + k];
            segment = segment.subspan(1 + bytes);
        }
    }

    void frame(std::uint8_t kind, std::span<const std::uint8_t> segment) {
        if (!frame_.components.empty()) throw Unsupported(Reason::frames);
        if (segment.size() < 6 || segment.size() != 6 + 3 * std::size_t{segment[5]} ||
            segment[5] == 0 || segment[5] > most_components)
            throw Unsupported(Reason::frame);
        frame_.kind = kind;
        frame_.precision = segment[0];
        frame_.height = std::size_t{segment[1]} << 8 | segment[2];
        frame_.width = std::size_t{segment[3]} << 8 | segment[4];
        if (frame_.height == 0) frame_.height = number_of_lines();
        const bool precise = frame_.lossless() ? frame_.precision >= 2 && frame_.precision <= 16
                                               : frame_.precision == 8 || frame_.precision == 12;
        if (!precise || frame_.height == 0 || frame_.width == 0) throw Unsupported(Reason::frame);
        std::size_t most_h = 1, most_v = 1;
        for (std::size_t i = 0; i < segment[5]; ++i) {
            const auto part = segment.subspan(6 + 3 * i, 3);
            const auto h = static_cast<std::uint8_t>(part[1] >> 4),
                       v = static_cast<std::uint8_t>(part[1] & 15);
            if (h < 1 || h > 4 || v < 1 || v > 4 || part[2] > 3) throw Unsupported(Reason::frame);
            for (const Component& other : frame_.components)
                if (other.id == part[0]) throw Unsupported(Reason::frame);
            frame_.components.push_back({part[0], h, v, part[2], 0, 0, 0, 0});
            most_h = std::max<std::size_t>(most_h, h);
            most_v = std::max<std::size_t>(most_v, v);
        }
        const auto ceil = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
        const std::size_t edge = frame_.lossless() ? 1 : 8;  // of a block
        frame_.rows = ceil(frame_.height, edge * most_v);
        frame_.columns = ceil(frame_.width, edge * most_h);
        for (Component& component : frame_.components) {
            component.rows = frame_.rows * component.vertical;
            component.columns = frame_.columns * component.horizontal;
            component.own_rows = ceil(ceil(frame_.height * component.vertical, most_v), edge);
            component.own_columns = ceil(ceil(frame_.width * component.horizontal, most_h), edge);
        }
        steps_.assign(frame_.components.size(), {});
    }

    // Reads the height from the segment DNL behind the first scan, for frames without one.
    std::size_t number_of_lines() const {
        for (std::size_t at = at_; at + 6 <= bytes_.size(); ++at)
            if (bytes_[at] == 0xFF && bytes_[at + 1] == 0xDC && word(at + 2) == 4)
                return word(at + 4);
        return 0;
    }

    Scan scan(std::span<const std::uint8_t> segment) {
        if (frame_.components.empty()) throw Unsupported(Reason::scan);
        const std::size_t count = segment.empty() ? 0 : segment[0];
        if (count < 1 || count > frame_.components.size() || segment.size() != 4 + 2 * count)
            throw Unsupported(Reason::scan);
        Scan found;
        std::size_t blocks = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint8_t id = segment[1 + 2 * i], tables = segment[2 + 2 * i];
            std::size_t number = 0;
            while (number < frame_.components.size() && frame_.components[number].id != id)
                ++number;
            for (const ScanComponent& other : found.components)
                if (other.number == number) number = frame_.components.size();
            if (number == frame_.components.size() || tables >> 4 > 3 || (tables & 15) > 3)
                throw Unsupported(Reason::scan);
            const Component& component = frame_.components[number];
            blocks += std::size_t{component.horizontal} * component.vertical;
            found.components.push_back({number, static_cast<std::uint8_t>(tables >> 4),
                                        static_cast<std::uint8_t>(tables & 15)});
            if (steps_[number][0] == 0) steps_[number] = quantisation_[component.table];
        }
        const auto rest = segment.subspan(1 + 2 * count, 3);
        found.first = rest[0];
        found.last = rest[1];
        found.high = rest[2] >> 4;
        found.low = rest[2] & 15u;
        const bool part = found.first <= found.last && found.last < block_size && found.low <= 13 &&
                          (found.first == 0 ? found.last == 0 : count == 1) &&
                          (found.high == 0 || found.high == found.low + 1);
        const bool samples = found.first >= 1 && found.first <= 7 && found.low < frame_.precision;
        if (!frame_.lossless() && !frame_.progressive())  // these fields are ignored
            found.first = 0, found.last = block_size - 1, found.high = found.low = 0;
        else if (!(frame_.lossless() ? samples : part))
            throw Unsupported(Reason::scan);
        if (count > 1 && blocks > 10) throw Unsupported(Reason::scan);
        return found;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    Frame frame_;
    std::array<std::optional<HuffmanTable>, 4> dc_tables_, ac_tables_;
    std::array<std::array<std::uint16_t, block_size>, 4> quantisation_{};
    std::array<std::uint8_t, 20> conditions_ = {0x10, 0x10, 0x10, 0x10, 0, 0, 0, 0, 0, 0,
                                                0,    0,    0,    0,    0, 0, 5, 5, 5, 5};
    std::vector<std::array<std::uint16_t, block_size>> steps_;
    std::size_t restart_interval_ = 0;
};

// The size of the entropy-coded data at the start of `bytes`: up to a marker other than restarts.
inline std::size_t entropy_coded(std::span<const std::uint8_t> bytes) {
    for (std::size_t at = 0; at + 1 < bytes.size(); ++at)
        if (bytes[at] == 0xFF) {
            const std::uint8_t next = bytes[at + 1];
            if (next != 0 && next != 0xFF && (next < 0xD0 || next > 0xD7)) return at;
        }
    return bytes.size();
}

// The properties of any stream, even one that cannot be coded.
struct Extent {
    std::size_t size = 2;
    std::size_t segments = 0;
    std::uint8_t kind = 0;  // the last byte of the marker of its frame
};

inline Extent extent(std::span<const std::uint8_t> bytes) {
    Extent found;
    std::size_t& at = found.size;
    while (at + 2 <= bytes.size() && bytes[at] == 0xFF) {
        const std::uint8_t marker = bytes[at + 1];
        if (marker == 0 || marker == 0xD8) break;
        at += marker == 0xFF ? 1 : 2;
        if (marker == 0xD9) break;
        if (marker == 0xFF || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
        ++found.segments;
        const std::size_t length =
            at + 2 > bytes.size() ? 0 : std::size_t{bytes[at]} << 8 | bytes[at + 1];
        at = length < 2 ? bytes.size() : std::min(at + length, bytes.size());
        const bool other = marker == 0xC4 || marker == 0xC8 || marker == 0xCC;
        if ((marker >= 0xC0 && marker <= 0xCF && !other) || marker == 0xF7) found.kind = marker;
        if (marker == 0xDA) at += entropy_coded(bytes.subspan(at));
    }
    return found;
}

}  // namespace bitsback::jpeg
