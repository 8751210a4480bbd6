// Pixels of two levels around which all are 0: all contexts are the same there, so what came is
// counted by wider regions alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../codecs.hpp"

namespace bitsback {

// A pixel near another one: in the plane that comes so many before, so many rows below and columns
// to the right.
struct Site {
    std::int32_t back;
    std::int32_t rows;
    std::int32_t columns;

    bool operator==(const Site&) const = default;
};

struct FlatSettings {
    static constexpr std::size_t most_regions = 8, most_sites = 64;

    std::vector<Site> around;                // all of them are 0
    std::vector<std::vector<Site>> regions;  // whether there is a 1 in each is the key
    std::uint32_t offset;                    // as those of a context
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
        Slot& of = slots_[key];
        const std::int32_t whole = 1 << bits_, margin = std::max(whole >> 17, 1);
        const std::int64_t change = bit != 0 ? whole - 1 - of.probability : -of.probability;
        of.probability =
            std::clamp(of.probability + static_cast<std::int32_t>(change * rates_[of.count] >> 16),
                       margin, whole - margin);
        if (of.count + 1 < rates_.size()) ++of.count;
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
