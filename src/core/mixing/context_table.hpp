// Where what a context has counted is, for each of its keys and each node of the tree of decisions.
#pragma once

#include <cstddef>
#include <cstdint>

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
    // number: of the context. elements: that are coded with it. first: the number of its first slot
    // among those of all contexts.
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

    // Whether it wants keys as they are, and not their hashes.
    bool direct() const { return direct_; }
    std::size_t size() const { return size_; }

    // Where the slots begin of decisions that follow one another, the first at this node, and what
    // tells them from those of other keys. A slot is that of the sum of the beginning and the node
    // in a direct context, or else of the beginning xor the number in the tree of these decisions.
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
