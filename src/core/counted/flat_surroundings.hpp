// Bilevel pixels whose surroundings are all 0. Their contexts are all equal, so they are predicted
// by wider regions only. docs/model-format.md, Counted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../codecs.hpp"

namespace bitsback {

// The place of a pixel relative to another one: `back` planes earlier, `rows` below and `columns`
// to the right.
struct Site {
    std::int32_t back;
    std::int32_t rows;
    std::int32_t columns;

    bool operator==(const Site&) const = default;
};

struct FlatSettings {
    static constexpr std::size_t most_regions = 8, most_sites = 64;

    std::vector<Site> around;                // all are 0 if the surroundings are flat
    std::vector<std::vector<Site>> regions;  // one bit of the key each: whether it contains a 1
    std::uint32_t offset;                    // offset and limit as in ContextSettings
    std::uint32_t limit;
};

class FlatSurroundings {
  public:
    FlatSurroundings(const FlatSettings& settings, unsigned probability_bits)
        : bits_(probability_bits),
          rates_(settings.limit + 1),
          slots_(std::size_t{1} << settings.regions.size(), Slot{1 << (probability_bits - 1), 0}) {
        for (std::uint32_t n = 0; n <= settings.limit; ++n)
            rates_[n] = static_cast<std::int32_t>((1u << 20) / (16 * n + settings.offset));
    }

    // The probability of a 1, in units of 2^-28.
    std::int32_t predict(std::uint32_t key) const {
        return static_cast<std::int32_t>(slots_[key].probability << (28 - bits_));
    }
    void learn(std::uint32_t key, std::uint32_t bit) {
        Slot& slot = slots_[key];
        const std::int32_t whole = 1 << bits_, margin = std::max(whole >> 17, 1);
        const std::int64_t change = bit != 0 ? whole - 1 - slot.probability : -slot.probability;
        slot.probability = std::clamp(
            slot.probability + static_cast<std::int32_t>(change * rates_[slot.count] >> 16), margin,
            whole - margin);
        if (slot.count + 1 < rates_.size()) ++slot.count;
    }

  private:
    struct Slot {
        std::int32_t probability;
        std::uint32_t count;
    };

    unsigned bits_;
    std::vector<std::int32_t> rates_;  // by the count
    std::vector<Slot> slots_;          // by the key
};

}  // namespace bitsback
