// An adaptive probability map (APM, as in PAQ): refines the probability of a mixer, for each of its
// sets of weights, by the outcomes at similar probabilities. docs/model-format.md, M6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../prefetch.hpp"
#include "logistic.hpp"

namespace bitsback {

//      entry     probability of a one, in units of 2^-22 | count, 10 bits
class ProbabilityMap {
  public:
    // limit: of counts.
    ProbabilityMap(std::size_t sets, std::uint32_t limit, const LogisticTables& logistic)
        : limit_(limit), entries_(sets * points) {
        for (std::uint32_t n = 0; n <= limit; ++n)
            rates_.push_back((1 << 17) / (2 * static_cast<std::int32_t>(n) + 3));
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const auto odds = (static_cast<std::int32_t>(i % points) - 16) * step;
            entries_[i] = static_cast<std::uint32_t>(logistic.squash(odds) >> 6) << 10;
        }
    }

    // The position of log-odds among the entries of a set.
    struct Place {
        std::uint32_t entry;   // the entry below
        std::uint32_t beyond;  // distance beyond that entry
        std::uint32_t nearer;  // 1 if the next entry is nearer
    };
    static Place place(std::int32_t odds) {
        const auto at = static_cast<std::uint32_t>(std::clamp(odds, -reach, reach - 1) + reach);
        return {at / step, at % step, at / (step / 2) % 2};
    }

    // The number of the entry below a place in a set; and the probability in units of 2^-22,
    // interpolated between this entry and the next.
    std::uint32_t entry(std::size_t set, const Place& at) const {
        return static_cast<std::uint32_t>(set * points + at.entry);
    }
    std::uint32_t probability(std::uint32_t entry, const Place& at) const {
        const std::uint64_t low = entries_[entry] >> 10, high = entries_[entry + 1] >> 10;
        return static_cast<std::uint32_t>((low * (step - at.beyond) + high * at.beyond) / step);
    }

    void expect(std::uint32_t entry) const { prefetch(entries_.data() + entry); }
    void learn(std::uint32_t entry, std::uint32_t bit) {
        std::uint32_t& slot = entries_[entry];
        const std::uint32_t count = slot & 1023;
        const auto p = static_cast<std::int64_t>(slot >> 10);
        const std::int64_t goal = bit != 0 ? one - 1 : 0;
        const std::int64_t learned =
            std::clamp(p + ((goal - p) * rates_[count] >> 16), margin, one - margin);
        slot = static_cast<std::uint32_t>(learned) << 10 | std::min(count + 1, limit_);
    }

  private:
    static constexpr std::size_t points = 33;
    static constexpr std::int32_t step = 1 << 11, reach = 1 << 15;  // of log-odds
    static constexpr std::int64_t one = 1 << 22, margin = 16;

    std::uint32_t limit_;
    std::vector<std::int32_t> rates_;  // in units of 2^-16, indexed by the count
    std::vector<std::uint32_t> entries_;
};

}  // namespace bitsback
