// Portable SIMD vectors of integers and floats: vector extensions of GCC and Clang, arrays for
// other compilers. Products of words are intrinsics on x86, since no compiler derives these
// instructions.
//
// Everything is internal to the including file, which is compiled for each instruction set.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>
#include <utility>

#if defined(__SSE2__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "repeat.hpp"

namespace bitsback {
namespace {

#if defined(__GNUC__) || defined(__clang__)
template <class T, size_t n>
struct VectorOf {
    typedef T type __attribute__((vector_size(n * sizeof(T))));
};
template <class T, size_t n>
using Vector = typename VectorOf<T, n>::type;

template <class To, class From>
inline To converted(From x) {
    return __builtin_convertvector(x, To);
}
template <class V, class Mask>
inline V chosen(Mask mask, V yes, V no) {
    return mask ? yes : no;
}
// The elements of two vectors, one behind the other, at these places.
template <size_t... at, class V>
inline V shuffled(V a, V b) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, at...);
#else
    V out = a;
    size_t i = 0;
    ((out[i++] = at < sizeof...(at) ? a[at] : b[at - sizeof...(at)]), ...);
    return out;
#endif
}
#else
template <class T, size_t n>
struct Vector {
    T lanes[n];

    Vector() = default;
    Vector(T x) {
        for (size_t i = 0; i < n; ++i) lanes[i] = x;
    }
    T& operator[](size_t i) { return lanes[i]; }
    T operator[](size_t i) const { return lanes[i]; }

#define BITSBACK_OPERATOR(name)                                               \
    friend Vector operator name(Vector a, Vector b) {                         \
        for (size_t i = 0; i < n; ++i) a[i] = static_cast<T>(a[i] name b[i]); \
        return a;                                                             \
    }
    BITSBACK_OPERATOR(+)
    BITSBACK_OPERATOR(-)
    BITSBACK_OPERATOR(*)
    BITSBACK_OPERATOR(/)
    BITSBACK_OPERATOR(>>)
    BITSBACK_OPERATOR(<<)
    BITSBACK_OPERATOR(&)
    BITSBACK_OPERATOR(|)
    BITSBACK_OPERATOR(^)
    BITSBACK_OPERATOR(<)
    BITSBACK_OPERATOR(==)
#undef BITSBACK_OPERATOR
};

template <class To, class T, size_t n>
inline To converted(Vector<T, n> x) {
    To out;
    for (size_t i = 0; i < n; ++i)
        out[i] = static_cast<std::remove_reference_t<decltype(out[i])>>(x[i]);
    return out;
}
template <class T, size_t n, class Mask>
inline Vector<T, n> chosen(Mask mask, Vector<T, n> yes, Vector<T, n> no) {
    for (size_t i = 0; i < n; ++i) yes[i] = mask[i] ? yes[i] : no[i];
    return yes;
}
template <size_t... at, class V>
inline V shuffled(V a, V b) {
    V out;
    size_t i = 0;
    ((out[i++] = at < sizeof...(at) ? a[at] : b[at - sizeof...(at)]), ...);
    return out;
}
#endif

// Vectors of at most 256 bits, since one decision has too few numbers for longer ones.
#if defined(__AVX2__)
constexpr size_t width = 8;
#else
constexpr size_t width = 4;
#endif
using Lanes = Vector<int32_t, width>;
using WordLanes = Vector<int16_t, 2 * width>;
using Numbers = Vector<uint32_t, width>;
using Four = Vector<int32_t, 4>;
using SixteenWords = Vector<int16_t, 16>;

template <class V>
inline BITSBACK_INLINE V load(const void* from) {
    V out;
    memcpy(&out, from, sizeof(V));
    return out;
}
template <class V>
inline BITSBACK_INLINE void store(void* to, V x) {
    memcpy(to, &x, sizeof(V));
}
// Reinterprets the bits as other elements.
template <class To, class From>
inline BITSBACK_INLINE To seen_as(From x) {
    static_assert(sizeof(To) == sizeof(From));
    return load<To>(&x);
}

// A vector with x in each lane.
template <class V>
inline BITSBACK_INLINE V all(std::remove_reference_t<decltype(V{}[0])> x) {
    return V{} + x;  // a broadcast, which compilers do not derive from a loop
}
inline BITSBACK_INLINE Lanes lanes(int32_t x) { return all<Lanes>(x); }
inline BITSBACK_INLINE Numbers numbers(uint32_t x) { return all<Numbers>(x); }

template <class V>
inline V least_of(V a, V b) {
    return chosen(a < b, a, b);
}
template <class V>
inline V most_of(V a, V b) {
    return chosen(a < b, b, a);
}
#if defined(__AVX2__)
inline BITSBACK_INLINE Lanes least_of(Lanes a, Lanes b) {
    return seen_as<Lanes>(_mm256_min_epi32(seen_as<__m256i>(a), seen_as<__m256i>(b)));
}
inline BITSBACK_INLINE Lanes most_of(Lanes a, Lanes b) {
    return seen_as<Lanes>(_mm256_max_epi32(seen_as<__m256i>(a), seen_as<__m256i>(b)));
}
#endif
template <class V>
inline V clamped(V x, int32_t low, int32_t high) {
    return least_of(most_of(x, all<V>(low)), all<V>(high));
}

// Two words of each lane, in the order of memory.
inline BITSBACK_INLINE WordLanes word_pairs(Lanes first, Lanes second) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    const Lanes low = second, high = first;
#else
    const Lanes low = first, high = second;
#endif
    return seen_as<WordLanes>((low & lanes(0xffff)) | (high << lanes(16)));
}

// a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1].
inline BITSBACK_INLINE Lanes products(WordLanes a, WordLanes b) {
#if defined(__AVX2__)
    return seen_as<Lanes>(_mm256_madd_epi16(seen_as<__m256i>(a), seen_as<__m256i>(b)));
#elif defined(__SSE2__)
    return seen_as<Lanes>(_mm_madd_epi16(seen_as<__m128i>(a), seen_as<__m128i>(b)));
#elif defined(__aarch64__)
    const auto x = seen_as<int16x8_t>(a), y = seen_as<int16x8_t>(b);
    return seen_as<Lanes>(
        vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
#else
    // The order of the two words in a pair does not matter.
    const auto x = seen_as<Lanes>(a), y = seen_as<Lanes>(b);
    const Lanes half = lanes(16);
    return ((x << half) >> half) * ((y << half) >> half) + (x >> half) * (y >> half);
#endif
}

// The elements at these places. Scalar loads, which are faster than the gathers of AVX2.
template <class T, class V>
inline BITSBACK_INLINE Vector<T, width> gathered(const T* from, V places) {
    uint32_t at[width];
    store(at, places);
    Vector<T, width> out;
    for (size_t i = 0; i < width; ++i) out[i] = from[at[i]];
    return out;
}

// Loads a vector whose halves were stored just before. Processors forward a store to a load only
// if it covers the load.
inline BITSBACK_INLINE Lanes joined(const int32_t* halves) {
#if defined(__AVX2__)
    const __m128i* const from = reinterpret_cast<const __m128i*>(halves);
    return seen_as<Lanes>(_mm256_loadu2_m128i(from + 1, from));
#else
    return load<Lanes>(halves);
#endif
}

// a[0] + a[1], a[2] + a[3], b[0] + b[1], b[2] + b[3].
inline BITSBACK_INLINE Four pairs_added(Four a, Four b) {
    return shuffled<0, 2, 4, 6>(a, b) + shuffled<1, 3, 5, 7>(a, b);
}
// The sums of lanes that are four apart.
inline BITSBACK_INLINE Four folded(Lanes x) {
    Four parts[width / 4];
    memcpy(parts, &x, sizeof x);
    return width == 8 ? parts[0] + parts[width / 4 - 1] : parts[0];
}

// Narrows two vectors to words; all numbers must fit.
inline BITSBACK_INLINE WordLanes packed(Lanes low, Lanes high) {
#if defined(__AVX2__)
    const __m256i words = _mm256_packs_epi32(seen_as<__m256i>(low), seen_as<__m256i>(high));
    return seen_as<WordLanes>(_mm256_permute4x64_epi64(words, 0xD8));
#elif defined(__SSE2__)
    return seen_as<WordLanes>(_mm_packs_epi32(seen_as<__m128i>(low), seen_as<__m128i>(high)));
#else
    WordLanes out;
    for (size_t i = 0; i < width; ++i) {
        out[i] = static_cast<int16_t>(low[i]);
        out[width + i] = static_cast<int16_t>(high[i]);
    }
    return out;
#endif
}

// The update of mixer weights: weights + ((inputs * errors + 2^14) >> 15), clamped to [-(2^15 - 1),
// 2^15 - 1].
constexpr int32_t most_weight = 32767;
inline BITSBACK_INLINE WordLanes adjusted(WordLanes weights, WordLanes inputs, WordLanes errors) {
#if defined(__AVX2__)
    const __m256i change = _mm256_mulhrs_epi16(seen_as<__m256i>(inputs), seen_as<__m256i>(errors));
    return seen_as<WordLanes>(
        _mm256_max_epi16(_mm256_adds_epi16(seen_as<__m256i>(weights), change),
                         _mm256_set1_epi16(static_cast<int16_t>(-most_weight))));
#elif defined(__aarch64__)
    const int16x8_t change = vqrdmulhq_s16(seen_as<int16x8_t>(inputs), seen_as<int16x8_t>(errors));
    return seen_as<WordLanes>(vmaxq_s16(vqaddq_s16(seen_as<int16x8_t>(weights), change),
                                        vdupq_n_s16(static_cast<int16_t>(-most_weight))));
#else
    using Wide = Vector<int32_t, 2 * width>;
    const Wide product = converted<Wide>(inputs) * converted<Wide>(errors);
    const Wide change = (product + all<Wide>(1 << 14)) >> all<Wide>(15);
    return converted<WordLanes>(
        clamped(converted<Wide>(weights) + change, -most_weight, most_weight));
#endif
}

// (a * b + 2^14) >> 15, for numbers of which one is not -2^15.
inline BITSBACK_INLINE SixteenWords rounded_products(SixteenWords a, SixteenWords b) {
#if defined(__AVX2__)
    return seen_as<SixteenWords>(_mm256_mulhrs_epi16(seen_as<__m256i>(a), seen_as<__m256i>(b)));
#elif defined(__SSE2__)
    __m128i x[2], y[2];
    memcpy(x, &a, sizeof a);
    memcpy(y, &b, sizeof b);
    repeat<2>([&](auto n) BITSBACK_INLINE {
        __m128i& half = x[n.value];
        const __m128i low = _mm_mullo_epi16(half, y[n.value]);
        half = _mm_slli_epi16(_mm_mulhi_epi16(half, y[n.value]), 1);
        half = _mm_add_epi16(half, _mm_srli_epi16(low, 15));
        half = _mm_add_epi16(half, _mm_and_si128(_mm_srli_epi16(low, 14), _mm_set1_epi16(1)));
    });
    return load<SixteenWords>(x);
#elif defined(__aarch64__)
    int16x8_t x[2], y[2];
    memcpy(x, &a, sizeof a);
    memcpy(y, &b, sizeof b);
    repeat<2>([&](auto n) BITSBACK_INLINE { x[n.value] = vqrdmulhq_s16(x[n.value], y[n.value]); });
    return load<SixteenWords>(x);
#else
    using Wide = Vector<int32_t, 16>;
    return converted<SixteenWords>((converted<Wide>(a) * converted<Wide>(b) + all<Wide>(1 << 14)) >>
                                   all<Wide>(15));
#endif
}

// The number of elements that are at most x, in a vector that ascends.
inline BITSBACK_INLINE uint32_t count_at_most(SixteenWords ascending, int16_t x) {
#if defined(__AVX2__) && defined(__GNUC__)
    const auto more = static_cast<uint32_t>(_mm256_movemask_epi8(
        _mm256_cmpgt_epi16(seen_as<__m256i>(ascending), _mm256_set1_epi16(x))));
    return static_cast<uint32_t>(__builtin_ctzll(uint64_t{1} << 32 | more)) / 2;
#elif defined(__SSE2__)
    __m128i half[2];
    memcpy(half, &ascending, sizeof ascending);
    const __m128i least = _mm_set1_epi16(x);
    const auto more = static_cast<uint32_t>(_mm_movemask_epi8(
        _mm_packs_epi16(_mm_cmpgt_epi16(half[0], least), _mm_cmpgt_epi16(half[1], least))));
    return static_cast<uint32_t>(__builtin_ctz(1u << 16 | more));
#else
    uint32_t count = 0;
    for (size_t i = 0; i < 16; ++i) count += ascending[i] <= x ? 1 : 0;
    return count;
#endif
}

// Interleaves the first halves of two vectors, or the second halves.
template <bool second, class V, size_t... i>
inline BITSBACK_INLINE V interleaved(V a, V b, std::index_sequence<i...>) {
    constexpr size_t n = sizeof...(i), first = second ? n / 2 : 0;
    return shuffled<(first + i / 2 + i % 2 * n)...>(a, b);
}
template <class V, size_t n>
inline BITSBACK_INLINE void transpose(V (&rows)[n]) {
    constexpr std::make_index_sequence<n> places;
    for (size_t step = 1; step < n; step *= 2) {
        V out[n];
        for (size_t i = 0; i < n / 2; ++i) {
            out[2 * i] = interleaved<false>(rows[i], rows[i + n / 2], places);
            out[2 * i + 1] = interleaved<true>(rows[i], rows[i + n / 2], places);
        }
        for (size_t i = 0; i < n; ++i) rows[i] = out[i];
    }
}

}  // namespace
}  // namespace bitsback
