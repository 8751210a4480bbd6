// The memory of the contexts of a batch: slots, and weights of mixers. docs/model-format.md, M10.5.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../mixing/aligned.hpp"
#include "../mixing/logistic.hpp"
#include "kernels.hpp"

namespace bitsback {

// The settings of contexts, for models that have them.
struct WaveContextSettings {
    unsigned bits;  // log2 of the largest number of slots of a table
    LogisticTables logistic;

    WaveContextSettings(unsigned bits_, LogisticTables logistic_)
        : bits(bits_), logistic(std::move(logistic_)) {
        require(bits >= 10 && bits <= 22, "a table of contexts has 2^10 to 2^22 slots");
    }
};

class WaveContextTables {
  public:
    // elements: of all items in the batch.
    WaveContextTables(const WaveContextSettings& settings, std::size_t elements)
        : bits_(bits_for(elements, settings.bits)),
          slots_(WaveContexts::none + (WaveContexts::tables << bits_) + 2 * WaveContexts::errors,
                 1u << 31),
          weights_(WaveContexts::all_sets * WaveContexts::inputs),
          uses_(WaveContexts::all_sets),
          logistic_(settings.logistic) {
        constexpr std::size_t levels = 7;
        for (std::size_t set = 0; set < WaveContexts::all_sets; ++set) {
            std::int16_t* const own = weights_.data() + set * WaveContexts::inputs;
            for (std::size_t c = 0; c < levels; ++c) own[2 * c] = 1638;
            own[2 * levels] = 1 << 14;  // the weight of the network is 1
        }
        constexpr std::int32_t first_rate = 2047, last_rate = 200;
        do {
            const auto uses = static_cast<std::int32_t>(mixer_rates_.size());
            mixer_rates_.push_back(std::max(512 * first_rate / (512 + uses), last_rate));
        } while (mixer_rates_.back() > last_rate);
        for (std::int32_t n = 0; n < 1 << WaveContexts::count_bits; ++n) {
            slot_rates_[0].push_back((1 << 20) / (16 * n + 21));
            slot_rates_[1].push_back((1 << 20) / (16 * n + 32));
        }
    }

    WaveContexts view() {
        return {slots_.data(),
                bits_,
                weights_.data(),
                uses_.data(),
                mixer_rates_.data(),
                mixer_rates_.size() - 1,
                {slot_rates_[0].data(), slot_rates_[1].data()},
                logistic_.stretch(),
                logistic_.cdf()};
    }

  private:
    // A large batch has five slots for eight elements, or more; a small one has four times as many.
    static unsigned bits_for(std::size_t elements, unsigned most) {
        const auto bits =
            static_cast<unsigned>(std::bit_width(5 * std::max<std::size_t>(elements, 1) - 1)) - 3;
        return std::clamp(std::max(bits, std::min(bits + 2, 16u)), 10u, most);
    }

    unsigned bits_;
    Aligned<std::uint32_t> slots_;
    Aligned<std::int16_t> weights_;
    std::vector<std::uint16_t> uses_;
    std::vector<std::int32_t> mixer_rates_, slot_rates_[2];
    const LogisticTables& logistic_;
};

}  // namespace bitsback
