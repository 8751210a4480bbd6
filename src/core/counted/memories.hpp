// What contexts remember of the symbols that came after their keys.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../mixing/context_table.hpp"
#include "../prefetch.hpp"
#include "settings.hpp"

namespace bitsback {

//      slot      check of the key, 16 bits | confidence, 8 | symbol, 8
class SymbolMemories {
  public:
    // elements: symbols that come, at most.
    SymbolMemories(const CountedSettings& settings, std::size_t elements)
        : contexts_(settings.memories()),
          bits_(settings.mixing().slots(elements)),
          slots_(contexts_.size() << bits_),
          rates_(contexts_.size()) {
        for (auto& rates : rates_)
            for (std::uint32_t n = 0; n <= most_confidence; ++n)
                rates[n] = static_cast<std::int32_t>(one * (2 * n + 1) / (2 * n + 2));
    }

    // A step of so many pixels begins.
    void begin(std::size_t pixels) { recalled_.resize(pixels * contexts_.size()); }

    // Finds what is remembered. keys: of all contexts.
    void find(std::size_t pixel, const std::uint64_t* keys) {
        Recalled* of = recalled_.data() + pixel * contexts_.size();
        for (std::size_t m = 0; m < contexts_.size(); ++m) {
            const std::uint64_t hash = keys[contexts_[m]] * hash_factor;
            of[m].slot = (m << bits_) + (hash >> (64 - bits_));
            of[m].check = static_cast<std::uint32_t>(hash >> 20) & 0xFFFF;
            prefetch(slots_.data() + of[m].slot);
        }
    }

    struct Candidate {
        std::uint32_t symbol;
        std::uint32_t failures;  // a logarithm of how often such a one is wrong
    };
    // The symbol that is remembered with the highest rate of success; else this one.
    Candidate candidate(std::size_t pixel, std::uint32_t otherwise) {
        Recalled* of = recalled_.data() + pixel * contexts_.size();
        std::uint32_t symbol = otherwise;
        std::int32_t best = 0;
        for (std::size_t m = 0; m < contexts_.size(); ++m) {
            const std::uint32_t slot = slots_[of[m].slot];
            of[m].confidence = slot >> 16 == of[m].check ? slot >> 8 & 0xFF : 0;
            of[m].symbol = slot & 0xFF;
            if (of[m].confidence == 0 || rates_[m][of[m].confidence] <= best) continue;
            best = rates_[m][of[m].confidence];
            symbol = of[m].symbol;
        }
        return {symbol, static_cast<std::uint32_t>(
                            std::bit_width((one - 1 - static_cast<std::uint32_t>(best)) >> 7))};
    }

    // Takes the symbol that came.
    void learn(std::size_t pixel, std::uint32_t symbol) {
        const Recalled* of = recalled_.data() + pixel * contexts_.size();
        for (std::size_t m = 0; m < contexts_.size(); ++m) {
            if (of[m].confidence != 0) {
                std::int32_t& rate = rates_[m][of[m].confidence];
                const std::int32_t goal = of[m].symbol == symbol ? one - 1 : 0;
                rate += (goal - rate) >> 7;
            }
            remember(slots_[of[m].slot], of[m].check, symbol);
        }
    }

  private:
    static constexpr std::uint32_t most_confidence = 31;
    static constexpr std::uint32_t one = 1 << 22;

    // As it was before the step.
    struct Recalled {
        std::size_t slot;
        std::uint32_t check;
        std::uint32_t symbol;
        std::uint32_t confidence;  // 0 for nothing
    };

    static void remember(std::uint32_t& slot, std::uint32_t check, std::uint32_t symbol) {
        const std::uint32_t confidence = slot >> 16 == check ? slot >> 8 & 0xFF : 0;
        if (confidence == 0) {
            slot = check << 16 | 1 << 8 | symbol;
        } else if ((slot & 0xFF) == symbol) {
            slot += confidence < most_confidence ? 1 << 8 : 0;
        } else if (confidence > 3) {
            slot = check << 16 | confidence >> 2 << 8 | (slot & 0xFF);
        } else {
            slot = check << 16 | 1 << 8 | symbol;
        }
    }

    const std::vector<std::size_t>& contexts_;
    unsigned bits_;  // of a slot's number
    std::vector<std::uint32_t> slots_;
    // How often the symbols of a context came that it remembered with this confidence.
    std::vector<std::array<std::int32_t, most_confidence + 1>> rates_;
    std::vector<Recalled> recalled_;
};

}  // namespace bitsback
