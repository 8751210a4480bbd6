// The kernels in vectors of 256 bits, for AVX2 and what has more than that.
//
// All of it is internal to the file that includes it.
#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "../repeat.hpp"
#include "kernels.hpp"
#include "lanes.hpp"

namespace bitsback {
namespace {

inline BITSBACK_INLINE __m256i load_256(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline BITSBACK_INLINE void store_256(void* to, __m256i x) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), x);
}
inline BITSBACK_INLINE __m128i load_128(const void* from) {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
inline BITSBACK_INLINE void store_128(void* to, __m128i x) {
    _mm_storeu_si128(static_cast<__m128i*>(to), x);
}

// Rows of eight of what eight columns of eight hold.
inline BITSBACK_INLINE void transpose(const __m128i (&column)[8], __m128i (&row)[8]) {
    __m128i two[8], four[8];
    for (size_t i = 0; i < 4; ++i) {
        two[2 * i] = _mm_unpacklo_epi16(column[2 * i], column[2 * i + 1]);
        two[2 * i + 1] = _mm_unpackhi_epi16(column[2 * i], column[2 * i + 1]);
    }
    for (size_t h = 0; h < 2; ++h)
        for (size_t i = 0; i < 2; ++i) {
            four[4 * h + 2 * i] = _mm_unpacklo_epi32(two[4 * h + i], two[4 * h + 2 + i]);
            four[4 * h + 2 * i + 1] = _mm_unpackhi_epi32(two[4 * h + i], two[4 * h + 2 + i]);
        }
    for (size_t i = 0; i < 4; ++i) {
        row[2 * i] = _mm_unpacklo_epi64(four[i], four[4 + i]);
        row[2 * i + 1] = _mm_unpackhi_epi64(four[i], four[4 + i]);
    }
}

// The rows of a matrix of which the columns are given: no more than there are lanes. Rows have room
// for eights.
void lay(const int16_t (*columns)[width], size_t inputs, int16_t* const* rows, size_t count) {
    for (size_t first = 0; first < count && first < width; first += 8)
        for (size_t i = 0; i < inputs; i += 8) {
            __m128i column[8], row[8];
            for (size_t c = 0; c < 8; ++c) column[c] = load_128(columns[i + c] + first);
            transpose(column, row);
            const size_t some = count - first < 8 ? count - first : 8;
            for (size_t r = 0; r < some; ++r) store_128(rows[first + r] + i, row[r]);
        }
}

constexpr size_t most_pairs = 16, most_stride = 56;

// Row a of a matrix, of which `blocks` eights are filled. pairs: for every two vectors, their
// elements next to one another.
template <size_t blocks>
inline BITSBACK_INLINE void add_row(const int32_t (*pairs)[most_stride], size_t count, size_t a,
                                    int32_t* row) {
    __m256i sum[blocks];
    repeat<blocks>([&](auto b) { sum[b.value] = load_256(row + 8 * b.value); });
    for (size_t p = 0; p < count; ++p) {
        const __m256i factor = _mm256_set1_epi32(pairs[p][a]);
        repeat<blocks>([&](auto b) {
            const __m256i values = load_256(pairs[p] + 8 * b.value);
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
            sum[b.value] = _mm256_dpwssd_epi32(sum[b.value], factor, values);
#else
            sum[b.value] = _mm256_add_epi32(sum[b.value], _mm256_madd_epi16(factor, values));
#endif
        });
    }
    repeat<blocks>([&](auto b) { store_256(row + 8 * b.value, sum[b.value]); });
}

void accumulate(const int16_t* values, size_t count, size_t stride, size_t size, int32_t* matrix) {
    int32_t pairs[most_pairs][most_stride];
    const size_t pair_count = (count + 1) / 2;
    for (size_t p = 0; p < pair_count; ++p, values += 2 * stride)
        for (size_t b = 0; b < stride; b += 8) {
            const __m128i one = load_128(values + b);
            const __m128i two =
                2 * p + 1 < count ? load_128(values + stride + b) : _mm_setzero_si128();
            store_128(pairs[p] + b, _mm_unpacklo_epi16(one, two));
            store_128(pairs[p] + b + 4, _mm_unpackhi_epi16(one, two));
        }
    for (size_t a = 0; a < size; ++a) {
        int32_t* row = matrix + triangle_row(a);
        switch (a / 8) {
            case 0:
                add_row<1>(pairs, pair_count, a, row);
                break;
            case 1:
                add_row<2>(pairs, pair_count, a, row);
                break;
            case 2:
                add_row<3>(pairs, pair_count, a, row);
                break;
            case 3:
                add_row<4>(pairs, pair_count, a, row);
                break;
            case 4:
                add_row<5>(pairs, pair_count, a, row);
                break;
            case 5:
                add_row<6>(pairs, pair_count, a, row);
                break;
            default:
                add_row<7>(pairs, pair_count, a, row);
        }
    }
}

// Of each of eight vectors of eight, doubles of which number i make out + 8 * i.
inline BITSBACK_INLINE void transpose(const int32_t* const* from, size_t first, double* out) {
    __m256i row[8], two[8], four[8];
    for (size_t lane = 0; lane < 8; ++lane) row[lane] = load_256(from[lane] + first);
    for (size_t k = 0; k < 4; ++k) {
        two[2 * k] = _mm256_unpacklo_epi32(row[2 * k], row[2 * k + 1]);
        two[2 * k + 1] = _mm256_unpackhi_epi32(row[2 * k], row[2 * k + 1]);
    }
    for (size_t h = 0; h < 2; ++h)
        for (size_t k = 0; k < 2; ++k) {
            four[4 * h + 2 * k] = _mm256_unpacklo_epi64(two[4 * h + k], two[4 * h + 2 + k]);
            four[4 * h + 2 * k + 1] = _mm256_unpackhi_epi64(two[4 * h + k], two[4 * h + 2 + k]);
        }
    // four[4 * h + i] has elements i and 4 + i of lanes 4 * h ... 4 * h + 3.
    for (size_t i = 0; i < 4; ++i)
        for (size_t h = 0; h < 2; ++h) {
            const __m256i part = four[4 * h + i];
            _mm256_store_pd(out + 8 * i + 4 * h, _mm256_cvtepi32_pd(_mm256_castsi256_si128(part)));
            _mm256_store_pd(out + 8 * (4 + i) + 4 * h,
                            _mm256_cvtepi32_pd(_mm256_extracti128_si256(part, 1)));
        }
}

// A row ends with some numbers that mean nothing, where the next one begins.
void spread(const int32_t* const* systems, size_t rows, double* out) {
    for (size_t i = 0; i < rows; out += 8 * ++i)
        for (size_t first = 0; first <= i; first += 8)
            transpose(systems, triangle_row(i) + first, out + 8 * first);
}

}  // namespace
}  // namespace bitsback
