// Common parts of the engines with registers of 256 bits: tiles of rows by panels of 16 outputs,
// their requantisation, and the destinations of results. It is internal to the file that includes
// it, since each engine is compiled for its own instruction set.
#pragma once

#include <immintrin.h>
#include <string.h>

#include "../repeat.hpp"
#include "engine.hpp"

namespace bitsback {
namespace {

constexpr size_t panel = 16;  // outputs; 8 if the last panel has no more

inline __m256i load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline void store(void* to, __m256i values) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), values);
}

// Inputs are processed in fours; the last ones are padded with zeros.
inline size_t fours_of(size_t inputs) { return (inputs + 3) / 4; }

inline BITSBACK_INLINE __m256i four_inputs(const uint8_t* from) {
    int32_t four;
    memcpy(&four, from, 4);
    return _mm256_set1_epi32(four);
}

inline BITSBACK_INLINE __m256i last_inputs(const uint8_t* from, size_t count) {
    int32_t four = from[0];
    if (count > 1) four |= from[1] << 8;
    if (count > 2) four |= from[2] << 16;
    return _mm256_set1_epi32(four);
}

// Copies fewer than 32 bytes, without a call. Parts may overlap.
inline void copy_some(void* to, const void* from, size_t count) {
    auto* const target = static_cast<uint8_t*>(to);
    const auto* const source = static_cast<const uint8_t*>(from);
    const auto ends = [&](auto part) {
        constexpr size_t size = decltype(part)::value;
        memcpy(target, source, size);
        memcpy(target + count - size, source + count - size, size);
    };
    if (count >= 16)
        ends(Index<16>());
    else if (count >= 8)
        ends(Index<8>());
    else if (count >= 4)
        ends(Index<4>());
    else
        for (size_t i = 0; i < count; ++i) target[i] = source[i];
}

inline size_t registers_of(size_t outputs) { return outputs > 8 ? 2 : 1; }

// Weights in the order of multiplication: for each four inputs, `width` outputs x 4 weights, from
// the output `first` on. `packed` must be zeros.
inline void pack_fours(const LinearWeights& weights, size_t first, size_t width, int8_t* packed) {
    const size_t inputs = weights.inputs;
    for (size_t o = 0; o < width && first + o < weights.outputs; ++o)
        for (size_t i = 0; i < inputs; ++i)
            packed[(i / 4 * width + o) * 4 + i % 4] = weights.weight[(first + o) * inputs + i];
}

// The requantisation of a tile's accumulators.
class Requantisation {
  public:
    explicit Requantisation(const LinearLayer& layer)
        : layer_(layer),
          half_(_mm256_set1_epi32(layer.high_word.half)),
          shift_(_mm256_set1_epi32(static_cast<int>(layer.high_word.shift))),
          lift_(_mm_cvtsi32_si128(static_cast<int>(layer.high_word.lift))) {}

    // The results for 8 outputs from `first` on, in 32 bits.
    template <size_t rows>
    inline BITSBACK_INLINE void run(__m256i (&acc)[rows], size_t first) const {
        if (!layer_.high_word.exact) {
            repeat<rows>([&](auto r) BITSBACK_INLINE { slowly(acc[decltype(r)::value], first); });
            return;
        }
        if (layer_.high_word.lift != 0)
            repeat<rows>([&](auto r) BITSBACK_INLINE {
                acc[decltype(r)::value] = _mm256_sll_epi32(acc[decltype(r)::value], lift_);
            });
        const __m256i even = load(layer_.high_word.multiplier + first);
        const __m256i odd = _mm256_shuffle_epi32(even, 0xF5);
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            __m256i& value = acc[decltype(r)::value];
            const __m256i low = _mm256_mul_epi32(value, even);
            const __m256i high = _mm256_mul_epi32(_mm256_shuffle_epi32(value, 0xF5), odd);
            value = _mm256_blend_epi32(_mm256_shuffle_epi32(low, 0xF5), high, 0xAA);
            value = _mm256_srav_epi32(_mm256_add_epi32(value, half_), shift_);
        });
    }

  private:
    void slowly(__m256i& acc, size_t first) const {
        int32_t values[8];
        store(values, acc);
        requantise(layer_, first, 8, values);
        acc = load(values);
    }

    const LinearLayer& layer_;
    __m256i half_;
    __m256i shift_;
    __m128i lift_;
};

inline __m256i clamp(__m256i words, int32_t low, int32_t high) {
    words = _mm256_max_epi16(words, _mm256_set1_epi16(static_cast<int16_t>(low)));
    return _mm256_min_epi16(words, _mm256_set1_epi16(static_cast<int16_t>(high)));
}

// The destinations of results. Each stores up to 16 values of a row or of two: `one` and `two` hold
// them in 16 bits, saturated, in the order that vpackssdw leaves: outputs 0-3, 8-11, 4-7, 12-15.
// `at` is the place of the first value of the first row, `stride` the distance of the rows.
struct Bytes {
    uint8_t* out;

    template <size_t rows>
    void put(__m256i one, __m256i two, size_t at, size_t stride, size_t count,
             const LinearLayer& layer) const {
        put_clamped<rows>(one, two, at, stride, count, layer.low, layer.high);
    }

    template <size_t rows>
    void put_clamped(__m256i one, __m256i two, size_t at, size_t stride, size_t count, int32_t low,
                     int32_t high) const {
        __m256i bytes = _mm256_packus_epi16(one, two);
        bytes = _mm256_max_epu8(bytes, _mm256_set1_epi8(static_cast<char>(low)));
        bytes = _mm256_min_epu8(bytes, _mm256_set1_epi8(static_cast<char>(high)));
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        put_row(_mm256_castsi256_si128(bytes), out + at, count);
        if constexpr (rows == 2)
            put_row(_mm256_extracti128_si256(bytes, 1), out + at + stride, count);
    }

    static void put_row(__m128i bytes, uint8_t* to, size_t count) {
        if (count >= panel) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
            return;
        }
        uint8_t some[panel];
        _mm_storeu_si128(reinterpret_cast<__m128i*>(some), bytes);
        copy_some(to, some, count);
    }
};

struct Words {
    int16_t* out;

    template <size_t rows>
    void put(__m256i one, __m256i two, size_t at, size_t stride, size_t count,
             const LinearLayer& layer) const {
        put_row(one, out + at, count, layer);
        if constexpr (rows == 2) put_row(two, out + at + stride, count, layer);
    }

    static void put_row(__m256i words, int16_t* to, size_t count, const LinearLayer& layer) {
        words = _mm256_permute4x64_epi64(clamp(words, layer.low, layer.high), 0xD8);
        if (count >= panel) {
            store(to, words);
            return;
        }
        int16_t some[panel];
        store(some, words);
        copy_some(to, some, 2 * count);
    }
};

// The sum with bytes of the same shape, clamped again.
struct Sums {
    Bytes to;
    const uint8_t* other;
    int32_t low;
    int32_t high;

    template <size_t rows>
    void put(__m256i one, __m256i two, size_t at, size_t stride, size_t count,
             const LinearLayer& layer) const {
        const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
        const __m256i bytes = _mm256_permutevar8x32_epi32(
            _mm256_set_m128i(row(other + at + (rows - 1) * stride, count), row(other + at, count)),
            order);
        const __m256i zero = _mm256_setzero_si256();
        one =
            _mm256_adds_epi16(clamp(one, layer.low, layer.high), _mm256_unpacklo_epi8(bytes, zero));
        two =
            _mm256_adds_epi16(clamp(two, layer.low, layer.high), _mm256_unpackhi_epi8(bytes, zero));
        to.put_clamped<rows>(one, two, at, stride, count, low, high);
    }

    static __m128i row(const uint8_t* from, size_t count) {
        if (count >= panel) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        uint8_t some[panel] = {};
        copy_some(some, from, count);
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(some));
    }
};

// The accumulators of `rows` rows by `registers` times 8 outputs.
template <size_t rows, size_t registers>
struct Tile {
    __m256i acc[registers][rows];

    inline BITSBACK_INLINE void start(const int32_t* bias) {
        repeat<registers>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            repeat<rows>([&](auto r)
                             BITSBACK_INLINE { acc[p][decltype(r)::value] = load(bias + 8 * p); });
        });
    }

    // Stores the results; `row` and `first` are the numbers of the first row and output.
    template <class Out>
    inline BITSBACK_INLINE void finish(const LinearLayer& layer, size_t row, size_t first,
                                       const Out& out) {
        const Requantisation requantisation(layer);
        repeat<registers>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            requantisation.run(acc[p], first + 8 * p);
        });
        const size_t stride = layer.outputs, count = layer.outputs - first;
        const auto words = [&](size_t r) BITSBACK_INLINE {
            return _mm256_packs_epi32(acc[0][r], acc[registers - 1][r]);
        };
        repeat<rows / 2>([&](auto pair) BITSBACK_INLINE {
            constexpr size_t r = 2 * decltype(pair)::value;
            out.template put<2>(words(r), words(r + 1), (row + r) * stride + first, stride, count,
                                layer);
        });
        if constexpr (rows % 2 != 0) {
            const __m256i last = words(rows - 1);
            out.template put<1>(last, last, (row + rows - 1) * stride + first, stride, count,
                                layer);
        }
    }
};

}  // namespace
}  // namespace bitsback
