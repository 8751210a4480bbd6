// The memory of a context: the last symbol after each of its keys, which is the candidate of a
// pixel. docs/model-format.md, Counted.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../mixing/context_table.hpp"
#include "../prefetch.hpp"

namespace bitsback {

//      slot      check of the key, 16 bits | confidence, 8 | symbol, 8
class SymbolMemory {
  public:
    static constexpr std::uint32_t failures = 15;  // number of classes of failure rates

    // bits: log2 of the number of slots.
    explicit SymbolMemory(unsigned bits) : shift_(64 - bits), slots_(std::size_t{1} << bits) {
        for (std::int32_t n = 0; n <= most_confidence; ++n)
            rates_[static_cast<std::size_t>(n)] = one * (2 * n + 1) / (2 * n + 2);
    }

    // Begins a step.
    void begin(std::size_t pixels) { recalled_.resize(pixels); }

    // Finds the slot of the key of a pixel.
    void find(std::size_t pixel, std::uint64_t key) {
        const std::uint64_t hash = key * hash_factor;
        recalled_[pixel] = {static_cast<std::uint32_t>(hash >> shift_),
                            static_cast<std::uint32_t>(hash >> 20) & 0xFFFF, 0, 0};
        prefetch(slots_.data() + recalled_[pixel].slot);
    }

    struct Candidate {
        bool exists;
        std::uint32_t symbol;
        std::uint32_t failures;  // the class of its failure rate, a logarithm
    };
    // The stored symbol; it exists if symbols of this confidence are right at least half of the
    // time.
    Candidate candidate(std::size_t pixel) {
        Recalled& recalled = recalled_[pixel];
        const std::uint32_t slot = slots_[recalled.slot];
        recalled.symbol = slot & 0xFF;
        recalled.confidence = slot >> 16 == recalled.check ? slot >> 8 & 0xFF : 0;
        const std::int32_t rate = rates_[recalled.confidence];
        return {recalled.confidence != 0 && rate >= one / 2, recalled.symbol,
                static_cast<std::uint32_t>(
                    std::bit_width(static_cast<std::uint32_t>(one - 1 - rate) >> 7))};
    }

    // Takes the symbol of a pixel.
    void learn(std::size_t pixel, std::uint32_t symbol) {
        const Recalled& recalled = recalled_[pixel];
        if (recalled.confidence != 0) {
            std::int32_t& rate = rates_[recalled.confidence];
            rate += ((recalled.symbol == symbol ? one - 1 : 0) - rate) >> 7;
        }
        std::uint32_t& slot = slots_[recalled.slot];
        const std::uint32_t confidence = slot >> 16 == recalled.check ? slot >> 8 & 0xFF : 0;
        if (confidence != 0 && (slot & 0xFF) == symbol)
            slot += confidence < most_confidence ? 1 << 8 : 0;
        else if (confidence > 3)
            slot = recalled.check << 16 | confidence >> 2 << 8 | (slot & 0xFF);
        else
            slot = recalled.check << 16 | 1 << 8 | symbol;
    }

  private:
    static constexpr std::int32_t most_confidence = 31;
    static constexpr std::int32_t one = 1 << 22;

    // The slot of a pixel as it was before the step.
    struct Recalled {
        std::uint32_t slot;
        std::uint32_t check;
        std::uint32_t symbol;
        std::uint32_t confidence;  // 0 if the slot is of another key
    };

    unsigned shift_;
    std::vector<std::uint32_t> slots_;
    // For each confidence the rate at which stored symbols are right.
    std::array<std::int32_t, most_confidence + 1> rates_{};
    std::vector<Recalled> recalled_;
};

}  // namespace bitsback
