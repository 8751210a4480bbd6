// What a context has counted: a probability for each of its keys and each node of the tree of
// decisions.
//
//      slot      probability of a one, 22 bits | count, 10 bits
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "settings.hpp"

namespace bitsback {

inline constexpr std::uint64_t hash_factor = 0x9E3779B97F4A7C15u;

// Takes one more word of a key in.
inline std::uint64_t hash_word(std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * hash_factor;
    return hash ^ (hash >> 32);
}

class ContextTable {
  public:
    // number: of the context. elements: that are coded with it.
    ContextTable(const MixingSettings& settings, std::size_t number, std::size_t elements)
        : direct_(settings.direct(number)), limit_(settings.contexts[number].limit) {
        const ContextSettings& of = settings.contexts[number];
        const std::size_t nodes = (std::size_t{1} << settings.decisions) - 1;
        if (direct_) {
            nodes_ = static_cast<std::uint32_t>(nodes);
            slots_.assign((std::size_t{1} << of.bits) * nodes, fresh);
        } else {
            const unsigned bits = settings.slots(elements);
            shift_ = 64 - bits;
            slots_.assign(std::size_t{1} << bits, fresh);
        }
        rates_.reserve(of.limit + 1);
        for (std::uint32_t n = 0; n <= of.limit; ++n)
            rates_.push_back((1u << 20) / (16 * n + of.offset));
    }

    // Whether it wants keys as they are, and not their hashes.
    bool direct() const { return direct_; }

    // Where the slots begin of four decisions that follow one another, the first at this node.
    std::uint32_t line(std::uint64_t key, std::uint32_t node) const {
        if (direct_) return static_cast<std::uint32_t>(key) * nodes_ - 1;
        return static_cast<std::uint32_t>(((key ^ node) * hash_factor) >> shift_);
    }
    // The slot of a node in such a line. within: its number in the tree of these four.
    std::uint32_t slot(std::uint32_t line, std::uint32_t node, std::uint32_t within) const {
        return direct_ ? line + node : line ^ within;
    }
    const std::uint32_t* at(std::uint32_t slot) const { return slots_.data() + slot; }

    std::uint32_t operator[](std::uint32_t slot) const { return slots_[slot]; }

    void learn(std::uint32_t slot, std::uint32_t bit) {
        std::uint32_t& of = slots_[slot];
        const std::uint32_t count = of & 1023;
        auto p = static_cast<std::int64_t>(of >> 10);
        const std::int64_t goal = bit != 0 ? (1 << 22) - 1 : 0;
        p += ((goal - p) * rates_[count]) >> 16;
        p = std::clamp<std::int64_t>(p, margin, (1 << 22) - margin);
        of = static_cast<std::uint32_t>(p) << 10 | (count < limit_ ? count + 1 : count);
    }

  private:
    static constexpr std::uint32_t fresh = 1u << 31;
    static constexpr std::int64_t margin = 32;

    bool direct_;
    std::uint32_t limit_;
    std::uint32_t nodes_ = 0;
    unsigned shift_ = 0;
    std::vector<std::int64_t> rates_;
    std::vector<std::uint32_t> slots_;
};

}  // namespace bitsback
