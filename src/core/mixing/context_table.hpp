// The places of a context's slots, for each key and each node of the tree of decisions.
// docs/model-format.md, M6.
#pragma once

#include <cstddef>
#include <cstdint>

#include "settings.hpp"

namespace bitsback {

inline constexpr std::uint64_t hash_factor = 0x9E3779B97F4A7C15u;

// Adds a word of a key to its hash.
inline std::uint64_t hash_word(std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * hash_factor;
    return hash ^ (hash >> 32);
}

class ContextTable {
  public:
    // number: of the context. elements: the number of symbols to code. first: the number of its
    // first slot among those of all contexts.
    ContextTable(const MixingSettings& settings, std::size_t number, std::size_t elements,
                 std::size_t first)
        : direct_(settings.direct(number)),
          first_(static_cast<std::uint32_t>(first)),
          check_mask_((1u << settings.check_bits()) - 1) {
        if (direct_) {
            nodes_ = settings.nodes;
            size_ = (std::size_t{1} << settings.contexts[number].bits) * nodes_;
        } else {
            const unsigned bits = settings.slots(elements);
            shift_ = 64 - bits;
            size_ = std::size_t{1} << bits;
        }
    }

    // Whether the context takes keys unhashed.
    bool direct() const { return direct_; }
    std::size_t size() const { return size_; }

    // The first slot of a group of decisions, whose first is at this node, and the check that
    // distinguishes keys. In a direct context a slot has the number `first slot + node`, in others
    // `first slot xor place in the group's tree`.
    struct Line {
        std::uint32_t first;
        std::uint32_t check;
    };
    Line line(std::uint64_t key, std::uint32_t node) const {
        if (direct_) return {first_ + static_cast<std::uint32_t>(key) * nodes_ - 1, 0};
        const std::uint64_t hash = (key ^ node) * hash_factor;
        return {first_ + static_cast<std::uint32_t>(hash >> shift_),
                static_cast<std::uint32_t>(hash >> 20) & check_mask_};
    }

  private:
    bool direct_;
    std::uint32_t first_;
    std::uint32_t check_mask_;
    std::uint32_t nodes_ = 0;
    unsigned shift_ = 0;
    std::size_t size_;
};

}  // namespace bitsback
