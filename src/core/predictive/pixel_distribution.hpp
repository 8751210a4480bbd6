// The distribution of a pixel around its prediction.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "../families/mixture.hpp"
#include "../jpeg_colours.hpp"
#include "../search.hpp"
#include "../step.hpp"
#include "unit.hpp"

namespace bitsback {

// The part of a pixel's distribution that its prediction gives; the network gives the rest.
struct Expected {
    std::int32_t prediction;  // in 2^-8 levels
    Unit unit;
    std::uint32_t levels;
    const JpegColours::Blues* blues = nullptr;  // those that the pixel may have, if not all
};

// A mixture whose positions are differences to the prediction, in 2^-12 units.
class PixelDistribution {
  public:
    template <class Mean>
    PixelDistribution(const MixtureTables& tables, const Expected& expected,
                      const std::uint8_t* weight, const Mean* mean, const std::uint8_t* scale,
                      std::size_t components)
        : expected_(expected),
          precision_(tables.precision()),
          curve_(tables, weight, mean, scale, components) {
        if (expected.blues != nullptr) cut(*expected.blues);
    }

    // What all symbols from c on leave of `total`, for c = 0 ... levels; of symbols that cannot be
    // nothing counts.
    std::uint32_t below(std::uint32_t c) const {
        if (expected_.blues == nullptr) return start(c);
        const auto* const end = ends_.data() + runs_;
        const auto k =
            static_cast<std::size_t>(std::upper_bound(ends_.data(), end, c) - ends_.data());
        if (k == runs_) return total_;
        return below_[k] + (c > begins_[k] ? start(c) - firsts_[k] : 0);
    }
    std::uint32_t total() const { return expected_.blues == nullptr ? 1u << precision_ : total_; }

    Interval interval(std::uint32_t c) const {
        if (expected_.blues == nullptr) {
            const auto [first, end] = starts(c, c + 1);
            return {first, end - first};
        }
        const std::uint32_t first = scaled(below(c));
        return {first, scaled(below(c + 1)) - first};
    }

    // The symbol of `left`, which has more than one, whose part of what is left holds x.
    Bracket holding(std::uint32_t x, const Bracket& left) const {
        const auto near = static_cast<std::uint32_t>((expected_.prediction + 128) >> 8);
        if (expected_.blues != nullptr || near < left.low || near >= left.high)
            return halve(x, left, [&](std::uint32_t c) { return below(c); });
        return search(x);
    }

    // The symbol whose interval holds x, and that interval.
    Interval find(std::uint32_t x, std::uint32_t& symbol) const {
        const Bracket found = expected_.blues == nullptr ? search(x) : search_runs(x);
        symbol = found.low;
        return found.interval();
    }

  private:
    // The lower end of symbol c where all can be, for c = 0 ... levels.
    std::uint32_t start(std::uint32_t c) const {
        const std::uint32_t total = std::uint32_t{1} << precision_;
        if (c == 0) return 0;
        if (c == expected_.levels) return total;
        return start_at(c, curve_.at(position(c)));
    }

    // The lower ends of two symbols.
    std::array<std::uint32_t, 2> starts(std::uint32_t c, std::uint32_t d) const {
        if (c == 0 || d == expected_.levels) return {start(c), start(d)};
        const auto below = curve_.at(std::array{position(c), position(d)});
        return {start_at(c, below[0]), start_at(d, below[1])};
    }

    // Looks around the prediction, and then outwards, in steps that grow from about the size of the
    // errors.
    Bracket search(std::uint32_t x) const {
        const std::uint32_t levels = expected_.levels;
        const auto near = static_cast<std::uint32_t>((expected_.prediction + 128) >> 8);
        std::uint32_t step = std::max<std::uint32_t>((1u << expected_.unit.lead) >> 9, 1);
        const std::uint32_t low = std::min(near - std::min(near, step / 2), levels - 1);
        const std::uint32_t high = std::min(low + step, levels);
        const auto [first, end] = starts(low, high);
        Bracket b{low, high, first, end};
        const auto start_of = [&](std::uint32_t c) { return start(c); };
        for (; x >= b.end; step *= 2) {
            b.low = b.high;
            b.first = b.end;
            b.high = step < levels - b.low ? b.low + step : levels;
            b.end = start(b.high);
        }
        for (; x < b.first; step *= 2) {
            b.high = b.low;
            b.end = b.first;
            b.low = step < b.low ? b.low - step : 0;
            b.first = start(b.low);
        }
        return halve(x, b, start_of);
    }

    std::int64_t position(std::uint32_t c) const {
        const auto end = static_cast<std::int32_t>(256 * c) - 128;
        return expected_.unit.fine(end - expected_.prediction);
    }
    std::uint32_t start_at(std::uint32_t c, std::int64_t below) const {
        const std::uint32_t total = std::uint32_t{1} << precision_;
        return c + static_cast<std::uint32_t>((below * (total - expected_.levels)) >> 28);
    }

    // Finds the runs of levels that can be. Most levels lie far from the prediction, where the
    // curve is flat.
    void cut(const JpegColours::Blues& blues) {
        total_ = 0;
        runs_ = 0;
        // The first level that is not far below, and the first that is far above.
        std::uint32_t near = 1, far = levels;
        for (std::uint32_t step = levels / 2; step != 0; step /= 2) {
            if (near + step < levels && curve_.is_below(position(near + step))) near += step;
            if (far - step > near && curve_.is_above(position(far - step))) far -= step;
        }
        const std::int64_t least = curve_.at(position(near)), most = curve_.at(position(far));
        const auto start = [&](std::uint32_t c) {
            if (c == 0 || c == levels) return c << (precision_ - 8);
            return start_at(c, c < near ? least : c > far ? most : curve_.at(position(c)));
        };
        for (std::uint32_t c = next(blues, 0, true); c < levels;) {
            const std::uint32_t end = next(blues, c, false), first = start(c);
            begins_[runs_] = static_cast<std::uint16_t>(c);
            ends_[runs_] = static_cast<std::uint16_t>(end);
            firsts_[runs_] = first;
            below_[runs_++] = total_;
            total_ += start(end) - first;
            c = next(blues, end, true);
        }
    }
    // The first level from c on that can be, or that cannot; 256 if there is none.
    static std::uint32_t next(const JpegColours::Blues& blues, std::uint32_t c, bool can) {
        for (; c < levels; c = (c | 63) + 1) {
            const std::uint64_t word = can ? blues[c >> 6] : ~blues[c >> 6];
            const std::uint64_t left = word >> (c & 63);
            if (left != 0) return c + static_cast<std::uint32_t>(std::countr_zero(left));
        }
        return levels;
    }

    // Of 2^precision, what is of `total`.
    std::uint32_t scaled(std::uint32_t part) const {
        return static_cast<std::uint32_t>((std::uint64_t{part} << precision_) / total_);
    }

    Bracket search_runs(std::uint32_t x) const {
        const auto* const found =
            std::partition_point(below_.data(), below_.data() + runs_,
                                 [&](std::uint32_t below) { return scaled(below) <= x; });
        const auto k = static_cast<std::size_t>(found - below_.data()) - 1;
        const std::uint32_t end = k + 1 < runs_ ? below_[k + 1] : total_;
        const Bracket run{begins_[k], ends_[k], scaled(below_[k]), scaled(end)};
        return halve(x, run,
                     [&](std::uint32_t c) { return scaled(below_[k] + start(c) - firsts_[k]); });
    }

    static constexpr std::uint32_t levels = 256;
    static constexpr std::size_t most_runs = levels / 2;

    // What every pixel needs lies together.
    Expected expected_;
    unsigned precision_;
    MixtureCurve curve_;
    // The runs of levels that can be, if not all can.
    std::size_t runs_;
    std::uint32_t total_;
    std::array<std::uint16_t, most_runs> begins_;
    std::array<std::uint16_t, most_runs> ends_;
    std::array<std::uint32_t, most_runs> firsts_;  // `start` of each begin
    std::array<std::uint32_t, most_runs> below_;
};

}  // namespace bitsback
