// Arithmetic-coded scans. Source: ITU-T T.81, annex D, F.1.4 and G.1.3. docs/jpeg-format.md, J4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <vector>

#include "scans.hpp"

namespace bitsback::jpeg {

// Table D.3, per state: size of the less probable symbol (LPS) << 16, next state after an LPS << 8,
// whether an LPS exchanges the symbols << 7, next state after the more probable symbol.
inline constexpr std::array<std::uint32_t, 113> estimates = {
    0x5A1D0181, 0x25860E02, 0x11141003, 0x080B1204, 0x03D81405, 0x01DA1706, 0x00E51907, 0x006F1C08,
    0x00361E09, 0x001A210A, 0x000D230B, 0x0006090C, 0x00030A0D, 0x00010C0D, 0x5A7F0F8F, 0x3F252410,
    0x2CF22611, 0x207C2712, 0x17B92813, 0x11822A14, 0x0CEF2B15, 0x09A12D16, 0x072F2E17, 0x055C3018,
    0x04063119, 0x0303331A, 0x0240341B, 0x01B1361C, 0x0144381D, 0x00F5391E, 0x00B73B1F, 0x008A3C20,
    0x00683E21, 0x004E3F22, 0x003B2023, 0x002C2109, 0x5AE125A5, 0x484C4026, 0x3A0D4127, 0x2EF14328,
    0x261F4429, 0x1F33452A, 0x19A8462B, 0x1518482C, 0x1177492D, 0x0E744A2E, 0x0BFB4B2F, 0x09F84D30,
    0x08614E31, 0x07064F32, 0x05CD3033, 0x04DE3234, 0x040F3235, 0x03633336, 0x02D43437, 0x025C3538,
    0x01F83639, 0x01A4373A, 0x0160383B, 0x0125393C, 0x00F63A3D, 0x00CB3B3E, 0x00AB3D3F, 0x008F3D20,
    0x5B1241C1, 0x4D045042, 0x412C5143, 0x37D85244, 0x2FE85345, 0x293C5446, 0x23795647, 0x1EDF5748,
    0x1AA95749, 0x174E484A, 0x1424484B, 0x119C4A4C, 0x0F6B4A4D, 0x0D514B4E, 0x0BB64D4F, 0x0A404D30,
    0x583250D1, 0x4D1C5852, 0x438E5953, 0x3BDD5A54, 0x34EE5B55, 0x2EAE5C56, 0x299A5D57, 0x25165647,
    0x557058D9, 0x4CA95F5A, 0x44D9605B, 0x3E22615C, 0x3824635D, 0x32B4635E, 0x2E175D56, 0x56A85FE0,
    0x4F466561, 0x47E56662, 0x41CF6763, 0x3C3D6864, 0x375E635D, 0x52316966, 0x4C0F6A67, 0x46396B68,
    0x415E6763, 0x562769EA, 0x50E76C6B, 0x4B856D67, 0x55976E6D, 0x504F6F6B, 0x5A106EEF, 0x5522706D,
    0x59EB70EF};

// A state of the table, with the more probable symbol in bit 7.
using Estimate = std::uint8_t;

// The encoder's interval. The less probable symbol has the upper part, unless that part is the
// larger one.
class IntervalEncoder {
  public:
    static constexpr bool encodes = true;

    explicit IntervalEncoder(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

    bool bit(Estimate& estimate, bool symbol) {
        const std::uint32_t entry = estimates[estimate & 127u], less = entry >> 16;
        const bool likely = symbol == estimate >> 7;
        size_ -= less;
        if (likely && size_ >= 0x8000) return symbol;
        if (likely == (size_ < less)) {
            low_ += size_;
            size_ = less;
        }
        next(estimate, entry, likely);
        do {
            low_ <<= 1;
            size_ <<= 1;
            if (--missing_ == 0) put();
        } while (size_ < 0x8000);
        return symbol;
    }
    // Writes the bytes that no carry can change any more.
    void settle() {
        std::size_t end = waiting_.size();
        while (end > 0 && waiting_[end - 1] == 0xFF) --end;
        if (end > 0) --end;
        while (end > 0 && waiting_[end - 1] == 0) --end;
        write(end);
    }
    // Ends the interval with as few bytes as possible, and begins a new one.
    void end() {
        std::uint32_t short_low = (low_ + size_ - 1) & 0xFFFF0000u;
        if (short_low < low_) short_low += 0x8000;
        low_ = short_low << missing_;
        put();
        low_ <<= 8;
        put();
        while (!waiting_.empty() && waiting_.back() == 0) waiting_.pop_back();
        write(waiting_.size());
        begin();
    }
    void begin() {
        low_ = 0;
        size_ = 0x10000;
        missing_ = 11;
        waiting_.clear();
    }
    static void next(Estimate& estimate, std::uint32_t entry, bool likely) {
        const std::uint32_t symbol = estimate & 128u;
        estimate = static_cast<Estimate>(likely ? symbol | (entry & 127)
                                                : (symbol ^ (entry & 128)) | (entry >> 8 & 127));
    }

  private:
    void put() {
        if (low_ >> 27 != 0)
            for (std::size_t i = waiting_.size(); i-- > 0 && ++waiting_[i] == 0;) {
            }
        waiting_.push_back(static_cast<std::uint8_t>(low_ >> 19));
        low_ &= (1u << 19) - 1;
        missing_ = 8;
    }
    void write(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            bytes_.push_back(waiting_[i]);
            if (waiting_[i] == 0xFF) bytes_.push_back(0);
        }
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    }

    std::vector<std::uint8_t>& bytes_;
    std::uint32_t low_ = 0, size_ = 0x10000;
    unsigned missing_ = 11;              // bits to the next byte
    std::vector<std::uint8_t> waiting_;  // bytes that a carry may change, or that may be left out
};

class IntervalDecoder {
  public:
    static constexpr bool encodes = false;

    explicit IntervalDecoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) { begin(); }

    bool bit(Estimate& estimate, bool) {
        const std::uint32_t entry = estimates[estimate & 127u], less = entry >> 16;
        const bool more = estimate >> 7 != 0;
        size_ -= less;
        const bool upper = value_ >= size_;
        if (!upper && size_ >= 0x8000) return more;
        const bool likely = upper == (size_ < less);
        if (upper) {
            value_ -= size_;
            size_ = less;
        }
        IntervalEncoder::next(estimate, entry, likely);
        do {
            if (count_ == 0) {
                byte_ = take();
                count_ = 8;
            }
            --count_;
            value_ = value_ << 1 | (byte_ >> count_ & 1u);
            size_ <<= 1;
        } while (size_ < 0x8000);
        return more == likely;
    }
    // Continues behind the next restart marker. Returns its number, or -1.
    int restart() {
        while (at_ + 1 < bytes_.size() && (bytes_[at_] != 0xFF || bytes_[at_ + 1] < 0xD0)) ++at_;
        if (at_ + 1 >= bytes_.size() || bytes_[at_ + 1] > 0xD7) return -1;
        const int number = bytes_[at_ + 1] - 0xD0;
        at_ += 2;
        zeros_ = 0;
        begin();
        return number;
    }

  private:
    void begin() {
        size_ = 0x10000;
        value_ = std::uint32_t{take()} << 8;
        value_ |= take();
        count_ = 0;
    }
    // Zeros follow the last byte. Too many of them mean that the data are cut off.
    std::uint8_t take() {
        const bool stuffed = at_ + 1 < bytes_.size() && bytes_[at_] == 0xFF && bytes_[at_ + 1] == 0;
        if (at_ >= bytes_.size() || (bytes_[at_] == 0xFF && !stuffed)) {
            if (++zeros_ > most_zeros) throw Damaged{};
            return 0;
        }
        const std::uint8_t byte = bytes_[at_];
        at_ += stuffed ? 2 : 1;
        return byte;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint32_t size_ = 0, value_ = 0;
    static constexpr unsigned most_zeros = 8;
    unsigned zeros_ = 0;
    std::uint8_t byte_ = 0;
    unsigned count_ = 0;  // bits of it
};

template <class Coder, class Bytes>
class ArithmeticScan : ScanCoder {
  public:
    // bytes: the input, or the output to which the scan is appended.
    ArithmeticScan(const Segments& segments, const Scan& scan, std::span<Coefficients> planes,
                   Details& details, Progress& progress, Bytes& bytes)
        : ScanCoder(segments, scan, planes, details, progress), coder_(bytes), bytes_(bytes) {
        for (const ScanComponent& one : scan.components)
            conditions_.push_back(segments.conditioning(one));
    }

    using ScanCoder::units;

    // Decodes the first units of the scan. Returns the number of decoded units.
    std::uint64_t read(std::uint64_t units) {
        std::uint64_t unit = 0;
        try {
            for (; unit < units; ++unit) code_unit(unit);
        } catch (const Damaged&) {
        }
        return unit;
    }
    void write(std::uint64_t unit) {
        code_unit(unit);
        coder_.settle();
    }
    void end(bool whole) {
        if (whole) coder_.end();
    }
    bool is_open() const { return false; }

  private:
    static constexpr std::size_t large_dc = 20, bits = 14;  // indices of other decisions

    void code_unit(std::uint64_t unit) {
        if (restarts(unit)) {
            if constexpr (Coder::encodes) {
                coder_.end();
                put_restart(bytes_, unit);
            } else {
                if (coder_.restart() != static_cast<int>(restart_number(unit))) throw Damaged{};
            }
            previous_ = {};
            contexts_ = {};
            dc_estimates_ = {};
            ac_estimates_ = {};
        }
        each_block(unit, [&](std::size_t c, std::int16_t* block) { code_block(c, block); });
    }
    static void fail() {
        if constexpr (Coder::encodes)
            throw std::invalid_argument("a coefficient is out of the range of arithmetic coding");
        else
            throw Damaged{};
    }
    bool even(bool symbol) {
        Estimate estimate = 0;
        return coder_.bit(estimate, symbol);
    }

    void code_block(std::size_t c, std::int16_t* block) {
        if (scan_.first == 0) {
            if (scan_.high == 0)
                dc(c, block);
            else if (even((block[0] >> scan_.low & 1) != 0))
                block[0] = static_cast<std::int16_t>(block[0] | 1 << scan_.low);
        }
        if (scan_.last == 0) return;
        if (scan_.high == 0)
            band(c, block);
        else
            refine(c, block);
    }

    // A number of 1 or more: its bit length less 1 in unary, and then its lower bits. first,
    // others: the states of the first decision (of the first two if `twice`), and of those behind
    // it.
    int magnitude(int value, Estimate* first, Estimate* others, bool twice, int& highest) {
        const int rest = value - 1;
        highest = 0;
        Estimate* estimate = first;
        if (coder_.bit(*first, rest > 0)) {
            highest = 1;
            if (!twice || coder_.bit(*first, rest > 1)) {
                estimate = others;
                if (twice) highest = 2;
                for (; coder_.bit(*estimate, rest >= 2 * highest); ++estimate)
                    if ((highest *= 2) == 1 << 15) fail();
            }
        }
        int found = highest;
        estimate += bits;
        for (int bit = highest >> 1; bit != 0; bit >>= 1)
            if (coder_.bit(*estimate, (rest & bit) != 0)) found |= bit;
        return found + 1;
    }

    void dc(std::size_t c, std::int16_t* block) {
        const Conditioning& condition = conditions_[c];
        auto& table = dc_estimates_[scan_.components[c].dc];
        Estimate* estimate = &table[contexts_[c]];
        const int difference = (block[0] >> scan_.low) - previous_[c];
        contexts_[c] = 0;
        if (coder_.bit(*estimate, difference != 0)) {
            const bool negative = coder_.bit(estimate[1], difference < 0);
            int highest;
            const int size = magnitude(std::abs(difference), estimate + (negative ? 3 : 2),
                                       &table[large_dc], false, highest);
            if (highest >= 1 << condition.low >> 1)
                contexts_[c] =
                    (negative ? 8u : 4u) + (highest > 1 << condition.high >> 1 ? 8u : 0u);
            previous_[c] += negative ? -size : size;
        }
        if constexpr (!Coder::encodes) block[0] = checked(previous_[c] * (1 << scan_.low));
    }

    // One behind the last coefficient that is not 0 after shifting by `low`.
    unsigned end_of(const std::int16_t* block, unsigned low) const {
        for (unsigned k = scan_.last; k > 0 && k >= scan_.first; --k)
            if (std::abs(int{block[natural[k]]}) >> low != 0) return k + 1;
        return 0;
    }

    void band(std::size_t c, std::int16_t* block) {
        auto& table = ac_estimates_[scan_.components[c].ac];
        const unsigned end = Coder::encodes ? end_of(block, scan_.low) : 0;
        for (unsigned k = scan_.first == 0 ? 1 : scan_.first; k <= scan_.last; ++k) {
            Estimate* estimate = &table[3 * (k - 1)];
            if (coder_.bit(*estimate, k >= end)) return;
            const auto size = [&] { return std::abs(int{block[natural[k]]}) >> scan_.low; };
            for (; !coder_.bit(estimate[1], size() != 0); estimate += 3)
                if (++k > scan_.last) return fail();
            const bool negative = even(block[natural[k]] < 0);
            int highest;
            const int found = magnitude(
                size(), estimate + 2, &table[k <= conditions_[c].split ? 189 : 217], true, highest);
            if constexpr (!Coder::encodes)
                block[natural[k]] = checked((negative ? -found : found) * (1 << scan_.low));
        }
    }

    void refine(std::size_t c, std::int16_t* block) {
        auto& table = ac_estimates_[scan_.components[c].ac];
        const int step = 1 << scan_.low;
        const unsigned known_end = end_of(block, scan_.high),
                       end = Coder::encodes ? end_of(block, scan_.low) : 0;
        for (unsigned k = scan_.first; k <= scan_.last; ++k) {
            Estimate* estimate = &table[3 * (k - 1)];
            if (k >= known_end && coder_.bit(*estimate, k >= end)) return;
            for (;; estimate += 3) {
                std::int16_t& value = block[natural[k]];
                const int size = std::abs(int{value}) >> scan_.low;
                if (size > 1) {
                    const bool more = coder_.bit(estimate[2], (size & 1) != 0);
                    if constexpr (!Coder::encodes)
                        if (more) value = checked(value + (value < 0 ? -step : step));
                    break;
                }
                if (coder_.bit(estimate[1], size != 0)) {
                    const bool negative = even(value < 0);
                    if constexpr (!Coder::encodes)
                        value = static_cast<std::int16_t>(negative ? -step : step);
                    break;
                }
                if (++k > scan_.last) return fail();
            }
        }
    }

    Coder coder_;
    Bytes& bytes_;
    std::vector<Conditioning> conditions_;
    // The context of DC of each component, selected by its previous difference.
    std::array<std::size_t, most_components> contexts_{};
    std::array<std::array<Estimate, 64>, 4> dc_estimates_{};
    std::array<std::array<Estimate, 256>, 4> ac_estimates_{};
};

}  // namespace bitsback::jpeg
