// SIMD operations on 32-bit slots, the adaptive probabilities of contexts: the inputs that they
// give to mixers, and their update.
//
//      slot      probability of a one | count | check of the key
//
// It is internal to the including file, which is compiled for each instruction set.
#pragma once

#include "log_odds.hpp"

namespace bitsback {
namespace {

constexpr uint32_t fresh = 1u << 31;  // probability 1/2, count 0

// The numbers of bits of a slot's probability and check.
struct SlotBits {
    uint32_t probability;
    uint32_t check;
};

// Slots as read from memory. Slots with another check are replaced by empty ones.
struct SomeSlots {
    Numbers p;
    Numbers count;
    Numbers check;
    SlotBits bits;

    BITSBACK_INLINE SomeSlots(Numbers found, Numbers check_, SlotBits bits_)
        : check(check_), bits(bits_) {
        const Numbers slot =
            chosen((found & numbers((1u << bits.check) - 1)) == check, found, numbers(fresh));
        p = slot >> numbers(32 - bits.probability);
        count = (slot << numbers(bits.probability)) >> numbers(bits.probability + bits.check);
    }

    // Log-odds.
    BITSBACK_INLINE Lanes odds(const int32_t* stretch) const {
        return chosen(count == numbers(0), lanes(0), stretched(stretch, in_22_bits()));
    }
    // Confidences: probabilities less 1/2, scaled by the count.
    BITSBACK_INLINE Lanes confidence(uint32_t trust) const {
        const auto trusted = least_of(converted<Lanes>(count), lanes(static_cast<int32_t>(trust)));
        return ((in_22_bits() - lanes(1 << 21)) * trusted) >> lanes(14);
    }
    // The slots after an update by a bit. rate: in units of 2^-16.
    BITSBACK_INLINE Numbers learned(Lanes rate, Lanes limit, uint32_t bit) const {
        const int32_t whole = 1 << bits.probability;
        const int32_t margin = whole >> 17 > 1 ? whole >> 17 : 1;
        // The 38-bit product, in two parts.
        const auto before = converted<Lanes>(p);
        const Lanes apart = lanes(bit != 0 ? whole - 1 : 0) - before, byte = lanes(8);
        const Lanes low = ((apart & lanes(255)) * rate) >> byte;
        const Lanes moved = before + (((apart >> byte) * rate + low) >> byte);
        const auto q = converted<Numbers>(clamped(moved, margin, whole - margin));
        const auto n = converted<Numbers>(least_of(converted<Lanes>(count + numbers(1)), limit));
        return (q << numbers(32 - bits.probability)) | (n << numbers(bits.check)) | check;
    }

  private:
    BITSBACK_INLINE Lanes in_22_bits() const {
        return converted<Lanes>(p << numbers(22 - bits.probability));
    }
};

}  // namespace
}  // namespace bitsback
