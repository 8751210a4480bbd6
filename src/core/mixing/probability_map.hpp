// An adaptive probability map (APM, as in PAQ): what came of the decisions that mixers found so
// likely, for each set of weights of a mixer.
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
        for (std::uint32_t n = 0; n <= limit; ++n) rates_.push_back((1u << 17) / (2 * n + 3));
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const auto odds = (static_cast<std::int32_t>(i % points) - 16) * step;
            entries_[i] = static_cast<std::uint32_t>(logistic.squash(odds) >> 6) << 10;
        }
    }

    struct Found {
        std::uint32_t probability;  // in units of 2^-22
        std::uint32_t entry;        // the nearest one
    };
    // odds: of the decision, by the mixers.
    Found find(std::size_t set, std::int32_t odds) const {
        const auto at = static_cast<std::uint32_t>(std::clamp(odds, -reach, reach - 1) + reach);
        const std::uint32_t beyond = at % step;
        const std::size_t entry = set * points + at / step;
        const std::uint64_t low = entries_[entry] >> 10, high = entries_[entry + 1] >> 10;
        return {static_cast<std::uint32_t>((low * (step - beyond) + high * beyond) / step),
                static_cast<std::uint32_t>(entry + (beyond >= step / 2 ? 1 : 0))};
    }

    void expect(std::uint32_t entry) const { prefetch(entries_.data() + entry); }
    void learn(std::uint32_t entry, std::uint32_t bit) {
        std::uint32_t& of = entries_[entry];
        const std::uint32_t count = of & 1023;
        const auto p = static_cast<std::int64_t>(of >> 10);
        const std::int64_t goal = bit != 0 ? one - 1 : 0;
        const std::int64_t learned =
            std::clamp(p + ((goal - p) * rates_[count] >> 16), margin, one - margin);
        of = static_cast<std::uint32_t>(learned) << 10 | std::min(count + 1, limit_);
    }

  private:
    static constexpr std::size_t points = 33;
    static constexpr std::int32_t step = 1 << 11, reach = 1 << 15;  // of log-odds
    static constexpr std::int64_t one = 1 << 22, margin = 16;

    std::uint32_t limit_;
    std::vector<std::int64_t> rates_;  // in units of 2^-16, by the count
    std::vector<std::uint32_t> entries_;
};

}  // namespace bitsback
