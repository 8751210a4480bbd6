// Huffman-coded scans: coefficients to bits and back, with libjpeg's choices where the standard
// leaves them open. Source: ITU-T T.81, annexes F and G. docs/jpeg-format.md, J4.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "details.hpp"
#include "huffman.hpp"
#include "markers.hpp"

namespace bitsback::jpeg {

// The row-major place of each zigzag index.
inline constexpr std::array<std::uint8_t, block_size> natural = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// The blocks of a component, in row-major order.
using Coefficients = std::vector<std::int16_t>;

// Counters that continue over all scans of a stream.
struct Progress {
    std::uint64_t block = 0, stretch = 0;
    bool padded = false;  // whether some padding has determined the usual padding bits
};

// The units of a scan and their blocks, in coding order. For each block of a unit, visit(component
// of the scan, number of the block in it) is called.
class Units {
  public:
    Units(const Frame& frame, const Scan& scan) : frame_(frame), scan_(scan) {
        const Component& only = frame.components[scan.components[0].number];
        columns_ = alone() ? only.own_columns : frame.columns;
        count_ = columns_ * (alone() ? only.own_rows : frame.rows);
    }
    std::uint64_t count() const { return count_; }
    std::size_t columns() const { return columns_; }
    bool alone() const { return scan_.components.size() == 1; }

    template <class Visit>
    void visit(std::uint64_t unit, const Visit& visit) const {
        const std::size_t row = unit / columns_, column = unit % columns_;
        for (std::size_t c = 0; c < scan_.components.size(); ++c) {
            const Component& component = frame_.components[scan_.components[c].number];
            if (alone()) return visit(c, row * component.columns + column);
            for (std::size_t v = 0; v < component.vertical; ++v)
                for (std::size_t h = 0; h < component.horizontal; ++h)
                    visit(c, (row * component.vertical + v) * component.columns +
                                 column * component.horizontal + h);
        }
    }

  private:
    const Frame& frame_;
    const Scan& scan_;
    std::size_t columns_;
    std::uint64_t count_;
};

// libjpeg ends a run of ends of bands when its buffer of correction bits might not hold another
// block.
inline constexpr unsigned most_corrections = 1000 - block_size + 1;
inline constexpr unsigned longest_run = 0x7FFF;

// The state that reader and writer share.
class ScanCoder {
  public:
    ScanCoder(const Segments& segments, const Scan& scan, std::span<Coefficients> planes,
              Details& details, Progress& progress)
        : frame_(segments.frame()),
          scan_(scan),
          planes_(planes),
          details_(details),
          progress_(progress),
          units_(frame_, scan),
          interval_(details.no_restarts ? 0 : segments.restart_interval()) {
        for (const ScanComponent& component : scan.components) {
            if (frame_.arithmetic()) break;
            const bool dc = frame_.lossless() || (scan.first == 0 && scan.high == 0),
                       ac = !frame_.lossless() && scan.last > 0;
            dc_.push_back(dc ? &segments.dc_table(component.dc) : nullptr);
            ac_.push_back(ac ? &segments.ac_table(component.ac) : nullptr);
        }
    }

    std::uint64_t units() const { return units_.count(); }

  protected:
    template <class Code>
    void each_block(std::uint64_t unit, const Code& code) {
        units_.visit(unit, [&](std::size_t c, std::size_t number) {
            code(c, planes_[scan_.components[c].number].data() + frame_.numbers() * number);
            ++progress_.block;
        });
    }
    bool restarts(std::uint64_t unit) const {
        return interval_ != 0 && unit != 0 && unit % interval_ == 0;
    }
    unsigned restart_number(std::uint64_t unit) const {
        return static_cast<unsigned>((unit / interval_ - 1) % 8);
    }
    void put_restart(std::vector<std::uint8_t>& bytes, std::uint64_t unit) const {
        bytes.push_back(0xFF);
        bytes.push_back(static_cast<std::uint8_t>(0xD0 + restart_number(unit)));
    }
    static std::int16_t checked(int value) {
        if (value < -32767 || value > 32767) throw Damaged{};
        return static_cast<std::int16_t>(value);
    }

    // The prediction of a lossless sample. Source: T.81, H.1.2.1.
    int prediction(std::size_t c, const std::int16_t* sample) const {
        const ScanComponent& own = scan_.components[c];
        const Component& component = frame_.components[own.number];
        const auto place = static_cast<std::size_t>(sample - planes_[own.number].data());
        const std::size_t row = place / component.columns, column = place % component.columns;
        const std::size_t first_row =
            stretch_ / units_.columns() * (units_.alone() ? 1u : component.vertical);
        const std::size_t first_column =
            stretch_ % units_.columns() * (units_.alone() ? 1u : component.horizontal);
        const auto at = [&](std::size_t up, std::size_t left) -> int {
            return static_cast<std::uint16_t>(
                sample[-static_cast<std::ptrdiff_t>(up * component.columns + left)]);
        };
        if (row == first_row)
            return column == first_column ? 1 << (frame_.precision - scan_.low - 1) : at(0, 1);
        if (column == 0) return at(1, 0);
        const int left = at(0, 1), above = at(1, 0), corner = at(1, 1);
        switch (scan_.first) {
            case 1:
                return left;
            case 2:
                return above;
            case 3:
                return corner;
            case 4:
                return left + above - corner;
            case 5:
                return left + ((above - corner) >> 1);
            case 6:
                return above + ((left - corner) >> 1);
            default:
                return (left + above) >> 1;
        }
    }

    const Frame& frame_;
    const Scan& scan_;
    std::span<Coefficients> planes_;
    Details& details_;
    Progress& progress_;
    Units units_;
    std::size_t interval_;
    std::vector<const HuffmanTable*> dc_, ac_;
    std::array<int, most_components> previous_{};  // DC
    std::uint64_t stretch_ = 0;                    // first unit of the stretch
    // The run of ends of bands: the remaining blocks when reading, the blocks so far when writing.
    unsigned run_ = 0;
    unsigned corrections_ = 0;  // correction bits in the run
};

// Thrown where runs are longer than libjpeg allows. The stream is then read again with
// Details::long_runs.
struct LongRuns {};

class ScanReader : ScanCoder {
  public:
    // Appends to `details` what it finds.
    ScanReader(const Segments& segments, const Scan& scan, std::span<Coefficients> planes,
               Details& details, Progress& progress, std::span<const std::uint8_t> bytes)
        : ScanCoder(segments, scan, planes, details, progress), bits_(bytes) {}

    using ScanCoder::units;

    // Decodes the first units of the scan. Returns the number of decoded units. Coefficients and
    // details are valid only if all units were decoded.
    std::uint64_t read(std::uint64_t units) {
        std::uint64_t unit = 0;
        try {
            for (; unit < units; ++unit) {
                if (restarts(unit)) {
                    pad();
                    if (bits_.restart() != static_cast<int>(restart_number(unit))) throw Damaged{};
                    previous_ = {};
                    stretch_ = unit;
                    run_ = 0;
                    end_run();
                }
                each_block(unit, [&](std::size_t c, std::int16_t* block) { read(c, block); });
            }
            if (units == this->units()) pad();
        } catch (const Damaged&) {
        }
        return unit;
    }

  private:
    void pad() {
        const auto [bits, count] = bits_.padding();
        if (count != 0) {
            const unsigned ones = (1u << count) - 1;
            if (!progress_.padded) details_.zeros = bits == 0;
            progress_.padded = true;
            if (bits != (details_.zeros ? 0 : ones)) details_.padding.add(progress_.stretch, bits);
        }
        ++progress_.stretch;
    }

    int extended(unsigned size) {
        const auto bits = static_cast<int>(bits_.take(size));
        return size != 0 && bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
    }

    void read(std::size_t c, std::int16_t* block) {
        if (frame_.lossless()) {
            const unsigned size = dc_[c]->read(bits_);
            if (size > 16) throw Damaged{};
            const int difference = size == 16 ? 1 << 15 : extended(size);
            *block = static_cast<std::int16_t>(prediction(c, block) + difference);
            return;
        }
        if (scan_.first == 0) {
            if (scan_.high == 0)
                dc(c, block);
            else if (bits_.take(1) != 0)
                block[0] = static_cast<std::int16_t>(block[0] | 1 << scan_.low);
        }
        if (scan_.last == 0) return;
        if (!frame_.progressive())
            whole(c, block);
        else if (scan_.high == 0)
            band(c, block);
        else
            refine(c, block);
    }

    void dc(std::size_t c, std::int16_t* block) {
        const unsigned size = dc_[c]->read(bits_);
        if (size > 15) throw Damaged{};
        previous_[c] = checked(previous_[c] + extended(size));
        block[0] = checked(previous_[c] * (1 << scan_.low));
    }

    void whole(std::size_t c, std::int16_t* block) {
        unsigned zeros = 0;
        for (unsigned k = 1; k < block_size; ++k) {
            const unsigned symbol = ac_[c]->read(bits_), size = symbol & 15;
            if (size != 0) {
                k += symbol >> 4;
                if (k >= block_size) throw Damaged{};
                block[natural[k]] = checked(extended(size));
                zeros = 0;
            } else if (symbol == 0xF0) {
                k += 15;
                ++zeros;
                if (k >= block_size) throw Damaged{};
            } else if (symbol == 0) {
                break;
            } else {
                throw Damaged{};
            }
        }
        if (zeros != 0) details_.zero_runs.add(progress_.block, zeros);
    }

    // Reads a run of ends of bands. at_once: its symbol is the first one of the block.
    void read_run(unsigned symbol, bool at_once) {
        if (at_once && open_) details_.breaks.add(progress_.block, 1);
        if (!at_once || open_) written_ = corrections_ = 0;
        const unsigned bits = symbol >> 4;
        run_ = (1u << bits) + bits_.take(bits);
    }
    // Handles the end of the band in this block.
    void end_band() {
        --run_;
        ++written_;
        const bool full =
            written_ == longest_run || (!details_.long_runs && corrections_ > most_corrections);
        if (full && run_ != 0) throw LongRuns{};
        open_ = !full;
        if (full) written_ = corrections_ = 0;
    }
    // Ends the run of previous blocks.
    void end_run() {
        open_ = false;
        written_ = corrections_ = 0;
    }

    void band(std::size_t c, std::int16_t* block) {
        if (run_ != 0) return end_band();
        unsigned zeros = 0;
        for (unsigned k = scan_.first; k <= scan_.last; ++k) {
            const unsigned symbol = ac_[c]->read(bits_), size = symbol & 15;
            if (size != 0) {
                k += symbol >> 4;
                if (k > scan_.last) throw Damaged{};
                block[natural[k]] = checked(extended(size) * (1 << scan_.low));
                zeros = 0;
                end_run();
            } else if (symbol == 0xF0) {
                k += 15;
                ++zeros;
                if (k > scan_.last) throw Damaged{};
                end_run();
            } else {
                read_run(symbol, k == scan_.first);
                end_band();
                break;
            }
        }
        if (zeros != 0) details_.zero_runs.add(progress_.block, zeros);
    }

    void refine(std::size_t c, std::int16_t* block) {
        const auto step = static_cast<std::int16_t>(1 << scan_.low);
        unsigned k = scan_.first;
        const auto correct = [&](std::int16_t& value) {
            ++corrections_;
            if (bits_.take(1) == 0) return;
            if ((std::abs(value) & step) != 0) throw Damaged{};
            value = checked(value + (value < 0 ? -step : step));
        };
        if (run_ == 0) {
            for (; k <= scan_.last; ++k) {
                const unsigned symbol = ac_[c]->read(bits_), size = symbol & 15;
                unsigned zeros = symbol >> 4;
                std::int16_t value = 0;
                if (size > 1) throw Damaged{};
                if (size == 1) {
                    value = bits_.take(1) != 0 ? step : static_cast<std::int16_t>(-step);
                } else if (symbol != 0xF0) {
                    read_run(symbol, k == scan_.first);
                    break;
                }
                end_run();
                for (; k <= scan_.last; ++k) {
                    std::int16_t& known = block[natural[k]];
                    if (known != 0)
                        correct(known);
                    else if (zeros-- == 0)
                        break;
                }
                corrections_ = 0;
                if (k > scan_.last) {
                    if (value != 0 || zeros + 1 != 0) throw Damaged{};
                    break;
                }
                block[natural[k]] = value;
            }
            if (run_ == 0) return;
        }
        for (; k <= scan_.last; ++k)
            if (std::int16_t& known = block[natural[k]]; known != 0) correct(known);
        end_band();
    }

    BitReader bits_;
    bool open_ = false;     // whether an encoder would extend the run by the next end of band
    unsigned written_ = 0;  // number of ends of bands in this run
};

class ScanWriter : ScanCoder {
  public:
    ScanWriter(const Segments& segments, const Scan& scan, std::span<Coefficients> planes,
               Details& details, Progress& progress, std::vector<std::uint8_t>& bytes)
        : ScanCoder(segments, scan, planes, details, progress), bytes_(bytes), bits_(bytes) {}

    using ScanCoder::units;

    void write(std::uint64_t unit) {
        if (restarts(unit)) {
            end_run();
            pad();
            bits_.flush();
            put_restart(bytes_, unit);
            previous_ = {};
            stretch_ = unit;
        }
        each_block(unit, [&](std::size_t c, const std::int16_t* block) { write(c, block); });
        bits_.flush();
    }
    // whole: whether all units are written.
    void end(bool whole) {
        end_run();
        if (whole)
            pad();
        else
            bits_.drop();
        bits_.flush();
    }
    // Whether a run of ends of bands is open.
    bool is_open() const { return run_ != 0; }

  private:
    void pad() {
        const unsigned count = bits_.missing();
        if (count != 0) {
            const std::uint32_t ones = (1u << count) - 1;
            const std::uint64_t bits =
                details_.padding.at(progress_.stretch, details_.zeros ? 0 : ones);
            bits_.put(static_cast<std::uint32_t>(bits) & ones, count);
        }
        ++progress_.stretch;
    }

    void write(std::size_t c, const std::int16_t* block) {
        if (frame_.lossless()) {
            const int difference = static_cast<std::int16_t>(*block - prediction(c, block));
            const auto size =
                static_cast<unsigned>(std::bit_width(static_cast<unsigned>(std::abs(difference))));
            if (size < 16)
                put(*dc_[c], 0, difference, size);
            else
                dc_[c]->write(bits_, size);
            return;
        }
        if (scan_.first == 0) {
            const int value = block[0] >> scan_.low;
            if (scan_.high == 0) {
                const int difference = value - previous_[c];
                previous_[c] = value;
                const auto size = static_cast<unsigned>(
                    std::bit_width(static_cast<unsigned>(std::abs(difference))));
                put(*dc_[c], 0, difference, size);
            } else {
                bits_.put(static_cast<std::uint32_t>(value & 1), 1);
            }
        }
        if (scan_.last == 0) return;
        if (scan_.high == 0)
            band(c, block);
        else
            refine(c, block);
    }

    // Writes the symbol of a value behind some zeros, and its extra bits. size: at most 16.
    void put(const HuffmanTable& table, unsigned zeros, int value, unsigned size) {
        const int bits = value < 0 ? value + (1 << size) - 1 : value;
        table.write(bits_, zeros << 4 | size, static_cast<std::uint32_t>(bits), size);
    }

    // Writes the run of ends of bands so far, with the first `count` corrections.
    void end_run(std::size_t count) {
        if (run_ != 0) {
            const auto bits = static_cast<unsigned>(std::bit_width(run_)) - 1;
            ac_[0]->write(bits_, bits << 4, run_ & ((1u << bits) - 1), bits);
            run_ = 0;
        }
        for (std::size_t i = 0; i < count; ++i) bits_.put(waiting_[i], 1);
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    void end_run() { end_run(waiting_.size()); }
    void end_band(std::size_t c) {
        if (!frame_.progressive()) return ac_[c]->write(bits_, 0);
        ++run_;
        if (run_ == longest_run || (!details_.long_runs && waiting_.size() > most_corrections))
            end_run();
    }
    void begin_block() {
        if (run_ != 0 && details_.breaks.at(progress_.block, 0) != 0) end_run();
    }

    // The zigzag places in the band whose coefficients are not 0, one bit each.
    std::uint64_t nonzero(const std::int16_t* block) const {
        static const auto spread = [] {  // for each row, by a bit for each column
            std::array<std::array<std::uint64_t, 256>, 8> table{};
            for (unsigned k = 0; k < block_size; ++k)
                for (unsigned columns = 0; columns < 256; ++columns)
                    if ((columns >> natural[k] % 8 & 1) != 0)
                        table[natural[k] / 8][columns] |= std::uint64_t{1} << k;
            return table;
        }();
        std::uint64_t places = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            std::uint16_t columns = 0;
            for (std::size_t j = 0; j < 8; ++j)
                columns |= static_cast<std::uint16_t>(block[i * 8 + j] != 0 ? 1 << j : 0);
            places |= spread[i][columns];
        }
        constexpr std::uint64_t all = ~std::uint64_t{0};
        return places & all << std::max(scan_.first, 1u) & all >> (block_size - 1 - scan_.last);
    }

    void band(std::size_t c, const std::int16_t* block) {
        begin_block();
        const HuffmanTable& table = *ac_[c];
        unsigned next = std::max(scan_.first, 1u);  // the first place that is not written
        for (std::uint64_t places = nonzero(block); places != 0; places &= places - 1) {
            const auto k = static_cast<unsigned>(std::countr_zero(places));
            const int value = block[natural[k]], magnitude = std::abs(value) >> scan_.low;
            if (magnitude == 0) continue;
            end_run();
            unsigned zeros = k - next;
            next = k + 1;
            for (; zeros > 15; zeros -= 16) table.write(bits_, 0xF0);
            put(table, zeros, value < 0 ? -magnitude : magnitude,
                static_cast<unsigned>(std::bit_width(static_cast<unsigned>(magnitude))));
        }
        const unsigned zeros = scan_.last + 1 - next;
        if (zeros == 0) return;
        const std::uint64_t runs = details_.zero_runs.at(progress_.block, 0);
        if (runs > zeros / 16) throw std::invalid_argument("too many runs of zeros in a block");
        if (runs != 0) end_run();
        for (std::uint64_t i = 0; i < runs; ++i) table.write(bits_, 0xF0);
        if (zeros != 16 * runs) end_band(c);
    }

    void refine(std::size_t c, const std::int16_t* block) {
        begin_block();
        const auto magnitude = [&](unsigned k) {
            return std::abs(int{block[natural[k]]}) >> scan_.low;
        };
        const std::uint64_t places = nonzero(block);
        unsigned last = 0;  // one behind the last coefficient that becomes nonzero
        for (std::uint64_t left = places; left != 0 && last == 0;) {
            const auto k = static_cast<unsigned>(std::bit_width(left)) - 1;
            if (magnitude(k) == 1) last = k + 1;
            left ^= std::uint64_t{1} << k;
        }
        unsigned zeros = 0, next = scan_.first;  // next: the first place that is not counted
        std::size_t own = waiting_.size();       // start of the corrections of this block
        for (std::uint64_t left = places; left != 0; left &= left - 1) {
            const auto k = static_cast<unsigned>(std::countr_zero(left));
            const int known = magnitude(k);
            if (known == 0) continue;
            zeros += k - next;
            next = k + 1;
            for (; zeros > 15 && k < last; zeros -= 16) {
                end_run(std::exchange(own, 0));
                ac_[c]->write(bits_, 0xF0);
                end_run();
            }
            if (known > 1) {
                waiting_.push_back(static_cast<std::uint8_t>(known & 1));
                continue;
            }
            end_run(std::exchange(own, 0));
            put(*ac_[c], zeros, block[natural[k]] < 0 ? -1 : 1, 1);
            end_run();
            zeros = 0;
        }
        zeros += scan_.last + 1 - next;
        if (zeros != 0 || waiting_.size() != own) end_band(c);
    }

    std::vector<std::uint8_t>& bytes_;
    BitWriter bits_;
    std::vector<std::uint8_t> waiting_;  // corrections that follow the end of the run
};

}  // namespace bitsback::jpeg
