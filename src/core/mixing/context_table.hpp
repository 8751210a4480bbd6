// What a context has counted: a probability for each of its keys and each node of the tree of
// decisions.
//
//      slot      probability of a one | count | check of the key
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
        : direct_(settings.direct(number)),
          limit_(settings.contexts[number].limit),
          probability_bits_(settings.probability_bits),
          check_bits_(32 - settings.probability_bits - settings.count_bits),
          most_count_((1u << settings.count_bits) - 1),
          margin_(std::max(1 << settings.probability_bits >> 17, 1)) {
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
            rates_.push_back(static_cast<std::int32_t>((1u << 20) / (16 * n + of.offset)));
    }

    // Whether it wants keys as they are, and not their hashes.
    bool direct() const { return direct_; }

    // Where the slots begin of decisions that follow one another, the first at this node, and what
    // tells them from those of other keys.
    struct Line {
        std::uint32_t first;
        std::uint32_t check;
    };
    Line line(std::uint64_t key, std::uint32_t node) const {
        if (direct_) return {static_cast<std::uint32_t>(key) * nodes_ - 1, 0};
        const std::uint64_t hash = (key ^ node) * hash_factor;
        return {static_cast<std::uint32_t>(hash >> shift_),
                static_cast<std::uint32_t>(hash >> 20) & ((1u << check_bits_) - 1)};
    }
    // The slot of a node in such a line. within: its number in the tree of these decisions.
    std::uint32_t slot(const Line& line, std::uint32_t node, std::uint32_t within) const {
        return direct_ ? line.first + node : line.first ^ within;
    }
    const void* at(std::uint32_t slot) const { return slots_.data() + slot; }

    // What a slot has counted.
    struct Counted {
        std::uint32_t probability;  // in units of 2^-22
        std::uint32_t count;
    };
    Counted look(std::uint32_t slot, std::uint32_t check) const {
        const std::uint32_t of = current(slot, check);
        return {of >> (32 - probability_bits_) << (22 - probability_bits_),
                of >> check_bits_ & most_count_};
    }

    void learn(std::uint32_t slot, std::uint32_t check, std::uint32_t bit) {
        const std::uint32_t of = current(slot, check);
        const std::uint32_t count = of >> check_bits_ & most_count_;
        const std::int32_t whole = 1 << probability_bits_;
        auto p = static_cast<std::int32_t>(of >> (32 - probability_bits_));
        const std::int32_t goal = bit != 0 ? whole - 1 : 0;
        p += static_cast<std::int32_t>(std::int64_t{goal - p} * rates_[count] >> 16);
        p = std::clamp(p, margin_, whole - margin_);
        slots_[slot] = static_cast<std::uint32_t>(p) << (32 - probability_bits_) |
                       std::min(count + 1, limit_) << check_bits_ | check;
    }

  private:
    // What the slot has of this key: nothing, if it was another's.
    std::uint32_t current(std::uint32_t slot, std::uint32_t check) const {
        const std::uint32_t of = slots_[slot];
        return (of & ((1u << check_bits_) - 1)) == check ? of : fresh | check;
    }

    static constexpr std::uint32_t fresh = 1u << 31;

    bool direct_;
    std::uint32_t limit_;
    unsigned probability_bits_;
    unsigned check_bits_;
    std::uint32_t most_count_;
    std::int32_t margin_;
    std::uint32_t nodes_ = 0;
    unsigned shift_ = 0;
    std::vector<std::int32_t> rates_;
    std::vector<std::uint32_t> slots_;
};

}  // namespace bitsback
