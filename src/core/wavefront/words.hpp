// SIMD operations on vectors of 16 words, the numbers of 16 pixels. Without a matching instruction,
// functions fall back to the loops of lanes.hpp.
#pragma once

#include "../lanes.hpp"

namespace bitsback {
namespace {

using Words = Vector<int16_t, 16>;
using Ints = Vector<int32_t, 8>;
using Floats = Vector<float, 8>;

// Numbers of 16 pixels in 32 bits each.
struct Wide {
    Ints low, high;
};
inline BITSBACK_INLINE Wide operator+(Wide a, Wide b) { return {a.low + b.low, a.high + b.high}; }
inline BITSBACK_INLINE Wide operator-(Wide a, Wide b) { return {a.low - b.low, a.high - b.high}; }
inline BITSBACK_INLINE Wide operator<<(Wide a, Wide b) {
    return {a.low << b.low, a.high << b.high};
}
inline BITSBACK_INLINE Wide operator>>(Wide a, Wide b) {
    return {a.low >> b.low, a.high >> b.high};
}
inline BITSBACK_INLINE Wide wide(int x) { return {all<Ints>(x), all<Ints>(x)}; }

inline BITSBACK_INLINE Words words(int x) { return all<Words>(static_cast<int16_t>(x)); }
inline BITSBACK_INLINE Words load_words(const void* from) { return load<Words>(from); }

#if defined(__AVX2__)
using Register = __m256i;
inline BITSBACK_INLINE Register in(Words x) { return seen_as<Register>(x); }
inline BITSBACK_INLINE Register in(Ints x) { return seen_as<Register>(x); }
inline BITSBACK_INLINE Words out_words(Register x) { return seen_as<Words>(x); }
inline BITSBACK_INLINE Ints out_ints(Register x) { return seen_as<Ints>(x); }

inline BITSBACK_INLINE Words least(Words a, Words b) {
    return out_words(_mm256_min_epi16(in(a), in(b)));
}
inline BITSBACK_INLINE Words most(Words a, Words b) {
    return out_words(_mm256_max_epi16(in(a), in(b)));
}
inline BITSBACK_INLINE Words saturated_sum(Words a, Words b) {
    return out_words(_mm256_adds_epi16(in(a), in(b)));
}
inline BITSBACK_INLINE Words saturated_difference(Words a, Words b) {
    return out_words(_mm256_subs_epi16(in(a), in(b)));
}
// (a * b + 2^14) >> 15
inline BITSBACK_INLINE Words rounded_product(Words a, Words b) {
    return out_words(_mm256_mulhrs_epi16(in(a), in(b)));
}
// (a * b) >> 16
inline BITSBACK_INLINE Words high_product(Words a, Words b) {
    return out_words(_mm256_mulhi_epi16(in(a), in(b)));
}
// The same for unsigned words.
inline BITSBACK_INLINE Words high_unsigned(Words a, Words b) {
    return out_words(_mm256_mulhi_epu16(in(a), in(b)));
}
// table[index], for an index from 0 to 15.
inline BITSBACK_INLINE Words small_table(const int16_t (&table)[16], Words index) {
    alignas(16) uint8_t bytes[2][16];
    for (size_t i = 0; i < 16; ++i) {
        bytes[0][i] = static_cast<uint8_t>(table[i]);
        bytes[1][i] = static_cast<uint8_t>(table[i] >> 8);
    }
    const auto row = [&](size_t i) { return _mm256_broadcastsi128_si256(load<__m128i>(bytes[i])); };
    const Register high = _mm256_set1_epi16(static_cast<short>(0x8000));
    const Register low_index = _mm256_or_si256(in(index), high);
    const Register high_index =
        _mm256_or_si256(_mm256_slli_epi16(in(index), 8), _mm256_set1_epi16(0x0080));
    return out_words(_mm256_or_si256(_mm256_shuffle_epi8(row(0), low_index),
                                     _mm256_shuffle_epi8(row(1), high_index)));
}
inline BITSBACK_INLINE Wide widened(Words x) {
    return {out_ints(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(in(x)))),
            out_ints(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(in(x), 1)))};
}
// Saturates to 16 bits.
inline BITSBACK_INLINE Words narrowed(Wide x) {
    return out_words(_mm256_permute4x64_epi64(_mm256_packs_epi32(in(x.low), in(x.high)), 0xD8));
}
// low + 2^16 * high, in the order of sums.
inline BITSBACK_INLINE Wide joined(Words low, Words high) {
    return {out_ints(_mm256_unpacklo_epi16(in(low), in(high))),
            out_ints(_mm256_unpackhi_epi16(in(low), in(high)))};
}
// Adds a * wa + b * wb, in an order of pixels that only narrowed_sums and joined undo.
inline BITSBACK_INLINE void add_sums(Wide& sums, Words a, Words b, Words wa, Words wb) {
    sums.low = sums.low + out_ints(_mm256_madd_epi16(_mm256_unpacklo_epi16(in(a), in(b)),
                                                     _mm256_unpacklo_epi16(in(wa), in(wb))));
    sums.high = sums.high + out_ints(_mm256_madd_epi16(_mm256_unpackhi_epi16(in(a), in(b)),
                                                       _mm256_unpackhi_epi16(in(wa), in(wb))));
}
inline BITSBACK_INLINE Words narrowed_sums(Wide x) {
    return out_words(_mm256_packs_epi32(in(x.low), in(x.high)));
}
// a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1]
inline BITSBACK_INLINE Ints sums_of_pairs(Words a, Words b) {
    return out_ints(_mm256_madd_epi16(in(a), in(b)));
}
#else
inline Words least(Words a, Words b) { return least_of(a, b); }
inline Words most(Words a, Words b) { return most_of(a, b); }
inline Wide widened(Words x) {
    Vector<int16_t, 8> half[2];
    memcpy(half, &x, sizeof x);
    return {converted<Ints>(half[0]), converted<Ints>(half[1])};
}
inline Words narrowed(Wide x) {
    const auto half = [](Ints y) {
        return converted<Vector<int16_t, 8>>(clamped(y, -32768, 32767));
    };
    const Vector<int16_t, 8> both[2] = {half(x.low), half(x.high)};
    Words out;
    memcpy(&out, both, sizeof out);
    return out;
}
template <class Operation>
inline Words by_ints(Words a, Words b, const Operation& operation) {
    const Wide x = widened(a), y = widened(b);
    return narrowed({operation(x.low, y.low), operation(x.high, y.high)});
}
inline Words saturated_sum(Words a, Words b) {
    return by_ints(a, b, [](Ints x, Ints y) { return x + y; });
}
inline Words saturated_difference(Words a, Words b) {
    return by_ints(a, b, [](Ints x, Ints y) { return x - y; });
}
inline Words rounded_product(Words a, Words b) {
    return by_ints(a, b,
                   [](Ints x, Ints y) { return (x * y + all<Ints>(1 << 14)) >> all<Ints>(15); });
}
inline Words high_product(Words a, Words b) {
    return by_ints(a, b, [](Ints x, Ints y) { return (x * y) >> all<Ints>(16); });
}
inline Words high_unsigned(Words a, Words b) {
    Words out;
    for (size_t i = 0; i < 16; ++i)
        out[i] = static_cast<int16_t>(
            uint32_t{static_cast<uint16_t>(a[i])} * static_cast<uint16_t>(b[i]) >> 16);
    return out;
}
inline Words small_table(const int16_t (&table)[16], Words index) {
    for (size_t i = 0; i < 16; ++i) index[i] = table[index[i]];
    return index;
}
inline void add_sums(Wide& sums, Words a, Words b, Words wa, Words wb) {
    const Wide x = widened(a), y = widened(b), u = widened(wa), v = widened(wb);
    sums.low = sums.low + x.low * u.low + y.low * v.low;
    sums.high = sums.high + x.high * u.high + y.high * v.high;
}
inline Words narrowed_sums(Wide x) { return narrowed(x); }
inline Wide joined(Words low, Words high) {
    const Wide x = widened(low), y = widened(high);
    const Ints mask = all<Ints>(0xffff), shift = all<Ints>(16);
    return {(x.low & mask) | (y.low << shift), (x.high & mask) | (y.high << shift)};
}
inline Ints sums_of_pairs(Words a, Words b) {
    WordLanes x[8 / width], y[8 / width];
    Lanes sums[8 / width];
    memcpy(x, &a, sizeof a);
    memcpy(y, &b, sizeof b);
    for (size_t i = 0; i < 8 / width; ++i) sums[i] = products(x[i], y[i]);
    return load<Ints>(sums);
}
#endif

// Sums and differences of words, modulo 2^16.
using UnsignedWords = Vector<uint16_t, 16>;
inline BITSBACK_INLINE Words wrapped_sum(Words a, Words b) {
    return seen_as<Words>(seen_as<UnsignedWords>(a) + seen_as<UnsignedWords>(b));
}
inline BITSBACK_INLINE Words wrapped_difference(Words a, Words b) {
    return seen_as<Words>(seen_as<UnsignedWords>(a) - seen_as<UnsignedWords>(b));
}

inline BITSBACK_INLINE Words between(Words x, int low, int high) {
    return least(most(x, words(low)), words(high));
}
inline BITSBACK_INLINE Wide most_of(Wide a, Wide b) {
    return {most_of(a.low, b.low), most_of(a.high, b.high)};
}
inline BITSBACK_INLINE Wide between(Wide x, int low, int high) {
    return {clamped(x.low, low, high), clamped(x.high, low, high)};
}

// The high words of numbers in the order of sums, and the inverse conversion.
inline BITSBACK_INLINE Words high_words(Wide x) { return narrowed_sums(x >> wide(16)); }
inline BITSBACK_INLINE Words low_words(Wide x) { return high_words(x << wide(16)); }
inline BITSBACK_INLINE Wide extended(Words x) { return joined(x, x >> words(15)); }

}  // namespace
}  // namespace bitsback
