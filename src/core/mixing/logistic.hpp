// Conversion between probabilities and log-odds, by tables that ship as files.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "../codecs.hpp"

namespace bitsback {

// Log-odds of inputs are in units of 2^-11. Mixed log-odds are in units of 2^-12, within [-2^16,
// 2^16).
class LogisticTables {
  public:
    static constexpr std::int32_t reach = 1 << 16;

    // stretch: [1408], log-odds of probabilities up to a half, negated, 64 per power of two. cdf:
    // [2049], the logistic distribution function at j / 64 - 16, times 2^28.
    LogisticTables(std::vector<std::int32_t> stretch, std::vector<std::int32_t> cdf)
        : stretch_(std::move(stretch)), cdf_(std::move(cdf)) {
        require(stretch_.size() == 1408 && cdf_.size() == 2049,
                "the tables of the logistic function have other sizes");
    }

    const std::int32_t* stretch() const { return stretch_.data(); }
    const std::int32_t* cdf() const { return cdf_.data(); }
    // The log-odds of a probability in units of 2^-22, which lies within [1, 2^22 - 1].
    std::int32_t stretch(std::uint32_t p) const {
        constexpr std::uint32_t half = 1u << 21;
        const std::uint32_t rarer = p > half ? 2 * half - p : p;
        const auto lead = static_cast<unsigned>(std::bit_width(rarer)) - 1;
        const std::int32_t odds = stretch_[64 * lead + (rarer << 6 >> lead) - 64];
        return p > half ? odds : -odds;
    }
    // The probability of these log-odds, in units of 2^-28.
    std::int32_t squash(std::int32_t t) const {
        const auto at = static_cast<std::uint32_t>(t + reach);
        const std::int32_t* entry = cdf_.data() + (at >> 6);
        return entry[0] + ((entry[1] - entry[0]) * static_cast<std::int32_t>(at & 63) >> 6);
    }

  private:
    std::vector<std::int32_t> stretch_;
    std::vector<std::int32_t> cdf_;
};

}  // namespace bitsback
