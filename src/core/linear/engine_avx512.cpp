// The AVX-512 engine: vpdpbusd multiplies unsigned bytes by signed ones and sums four products into
// 32 bits, without saturation.
//
// Packed weights: for each panel of 64 outputs, for each four inputs, 64 outputs x 4 weights. If
// the last panel has 8 outputs or fewer: for each eight inputs, 8 outputs x 8 weights.
#include <immintrin.h>
#include <string.h>

#include "../repeat.hpp"
#include "engine.hpp"

namespace bitsback {
namespace {

constexpr size_t panel = 64;

constexpr size_t narrow = 8;  // outputs of a last panel in which a register holds eight inputs

size_t fours_of(size_t inputs) { return (inputs + 3) / 4; }
size_t panels_of(size_t outputs) { return (outputs + panel - 1) / panel; }

size_t packed_size(const LinearWeights& weights) {
    return panels_of(weights.outputs) * fours_of(weights.inputs) * panel * 4;
}

// Weights of the outputs from `first` on: for each `depth` inputs, `width` outputs x `depth`
// weights.
template <size_t width, size_t depth>
void pack_panel(const LinearWeights& weights, size_t first, int8_t* packed) {
    const size_t inputs = weights.inputs;
    for (size_t o = 0; o < width && first + o < weights.outputs; ++o)
        for (size_t i = 0; i < inputs; ++i)
            packed[(i / depth * width + o) * depth + i % depth] =
                weights.weight[(first + o) * inputs + i];
}

void pack(const LinearWeights& weights, int8_t* packed) {
    memset(packed, 0, packed_size(weights));
    for (size_t first = 0; first < weights.outputs; first += panel) {
        if (weights.outputs - first <= narrow)
            pack_panel<narrow, 8>(weights, first, packed);
        else
            pack_panel<panel, 4>(weights, first, packed);
        packed += panel * fours_of(weights.inputs) * 4;
    }
}

// acc += x . w. It is in assembly if possible, since GCC would keep each accumulator twice, and
// most of them in memory.
inline BITSBACK_INLINE void dot(__m512i& acc, __m512i x, __m512i w) {
#if defined(__GNUC__)
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
#else
    acc = _mm512_dpbusd_epi32(acc, x, w);
#endif
}

// The requantisation of a tile's accumulators.
class Requantisation {
  public:
    explicit Requantisation(const LinearLayer& layer)
        : layer_(layer),
          half_(_mm512_set1_epi32(layer.high_word.half)),
          shift_(_mm512_set1_epi32(static_cast<int>(layer.high_word.shift))),
          lift_(_mm_cvtsi32_si128(static_cast<int>(layer.high_word.lift))) {}

    // The results for 16 outputs from `first` on, in 32 bits, of `rows` rows.
    template <size_t part, size_t rows>
    inline BITSBACK_INLINE void run(__m512i (&acc)[rows][4], size_t first) const {
        if (!layer_.high_word.exact) {
            repeat<rows>([&](auto r)
                             BITSBACK_INLINE { slowly(acc[decltype(r)::value][part], first); });
            return;
        }
        if (layer_.high_word.lift != 0)
            repeat<rows>([&](auto r) BITSBACK_INLINE {
                __m512i& value = acc[decltype(r)::value][part];
                value = _mm512_sll_epi32(value, lift_);
            });
        const __m512i even = _mm512_loadu_si512(layer_.high_word.multiplier + first);
        const __m512i odd = _mm512_srli_epi64(even, 32);
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            __m512i& value = acc[decltype(r)::value][part];
            const __m512i low = _mm512_mul_epi32(value, even);
            const __m512i high = _mm512_mul_epi32(_mm512_srli_epi64(value, 32), odd);
            value = _mm512_mask_shuffle_epi32(high, 0x5555, low, _MM_PERM_DDBB);
            value = _mm512_srav_epi32(_mm512_add_epi32(value, half_), shift_);
        });
    }

    // The results for up to 8 last outputs from `first` on, of two rows, one after the other: their
    // accumulators are the even ones of each register.
    inline BITSBACK_INLINE __m512i run_narrow(__m512i one, __m512i two, size_t first) const {
        const __m512i apart =
            _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
        __m512i value = _mm512_mask_shuffle_epi32(one, 0xAAAA, two, _MM_PERM_CCAA);
        if (!layer_.high_word.exact) {
            value = _mm512_permutexvar_epi32(apart, value);
            slowly(value, first, narrow);
            return value;
        }
        if (layer_.high_word.lift != 0) {
            one = _mm512_sll_epi32(one, lift_);
            two = _mm512_sll_epi32(two, lift_);
        }
        const __m512i multiplier = _mm512_cvtepi32_epi64(_mm256_loadu_si256(
            reinterpret_cast<const __m256i*>(layer_.high_word.multiplier + first)));
        one = _mm512_mul_epi32(one, multiplier);
        two = _mm512_mul_epi32(two, multiplier);
        value = _mm512_mask_shuffle_epi32(two, 0x5555, one, _MM_PERM_DDBB);
        value = _mm512_srav_epi32(_mm512_add_epi32(value, half_), shift_);
        return _mm512_permutexvar_epi32(apart, value);
    }

  private:
    // `width` outputs from `first` on, repeated as often as they fit.
    void slowly(__m512i& acc, size_t first, size_t width = 16) const {
        int32_t values[16];
        _mm512_storeu_si512(values, acc);
        for (size_t at = 0; at < 16; at += width) requantise(layer_, first, width, values + at);
        acc = _mm512_loadu_si512(values);
    }

    const LinearLayer& layer_;
    __m512i half_;
    __m512i shift_;
    __m128i lift_;
};

inline __m512i clamp_16(__m512i values, int32_t low, int32_t high) {
    return _mm512_min_epi16(_mm512_max_epi16(values, _mm512_set1_epi16(static_cast<int16_t>(low))),
                            _mm512_set1_epi16(static_cast<int16_t>(high)));
}

inline __m512i clamp_32(__m512i values, int32_t low, int32_t high) {
    return _mm512_min_epi32(_mm512_max_epi32(values, _mm512_set1_epi32(low)),
                            _mm512_set1_epi32(high));
}

// The first `count` of 8 values.
inline __mmask8 some_of_8(size_t count) { return static_cast<__mmask8>((1u << count) - 1); }

// The destinations of results. Each clamps up to 64 values of 32 bits and stores them from element
// `at` on. Packing saturates, and permutes groups of four, which is undone at the end. put_narrow
// clamps and stores up to 8 values of one row or two.
struct Bytes {
    uint8_t* out;

    void put(const __m512i (&v)[4], size_t at, size_t count, const LinearLayer& layer) const {
        const __m512i bytes =
            _mm512_packus_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3]));
        store(bytes, at, count, layer.low, layer.high);
    }

    void put_narrow(__m512i values, size_t rows, size_t at, size_t stride, size_t count,
                    const LinearLayer& layer) const {
        store_narrow(clamp_32(values, layer.low, layer.high), rows, at, stride, count);
    }

    void store_narrow(__m512i values, size_t rows, size_t at, size_t stride, size_t count) const {
        const __m128i bytes = _mm512_cvtepi32_epi8(values);
        _mm_mask_storeu_epi8(out + at, some_of_8(count), bytes);
        if (rows == 2)
            _mm_mask_storeu_epi8(out + at + stride, some_of_8(count),
                                 _mm_unpackhi_epi64(bytes, bytes));
    }

    void store(__m512i bytes, size_t at, size_t count, int32_t low, int32_t high) const {
        const __m512i order =
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        bytes = _mm512_max_epu8(bytes, _mm512_set1_epi8(static_cast<char>(low)));
        bytes = _mm512_min_epu8(bytes, _mm512_set1_epi8(static_cast<char>(high)));
        bytes = _mm512_permutexvar_epi32(order, bytes);
        if (count >= 64)
            _mm512_storeu_si512(out + at, bytes);
        else
            _mm512_mask_storeu_epi8(out + at, (__mmask64{1} << count) - 1, bytes);
    }
};

struct Words {
    int16_t* out;

    void put(const __m512i (&v)[4], size_t at, size_t count, const LinearLayer& layer) const {
        put_half(v[0], v[1], at, count, layer);
        if (count > 32) put_half(v[2], v[3], at + 32, count - 32, layer);
    }

    void put_narrow(__m512i values, size_t rows, size_t at, size_t stride, size_t count,
                    const LinearLayer& layer) const {
        const __m256i words = _mm512_cvtepi32_epi16(clamp_32(values, layer.low, layer.high));
        _mm256_mask_storeu_epi16(out + at, some_of_8(count), words);
        if (rows == 2)
            _mm256_mask_storeu_epi16(out + at + stride, some_of_8(count),
                                     _mm256_permute4x64_epi64(words, 0xEE));
    }

    void put_half(__m512i one, __m512i two, size_t at, size_t count,
                  const LinearLayer& layer) const {
        const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        const __m512i words = _mm512_permutexvar_epi64(
            order, clamp_16(_mm512_packs_epi32(one, two), layer.low, layer.high));
        if (count >= 32)
            _mm512_storeu_si512(out + at, words);
        else
            _mm512_mask_storeu_epi16(out + at, (__mmask32{1} << count) - 1, words);
    }
};

// The sum with bytes of the same shape, clamped again.
struct Sums {
    Bytes to;
    const uint8_t* other;
    int32_t low;
    int32_t high;

    void put(const __m512i (&v)[4], size_t at, size_t count, const LinearLayer& layer) const {
        const __m512i order =
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        const __mmask64 mask = count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
        const __m512i bytes =
            _mm512_permutexvar_epi32(order, _mm512_maskz_loadu_epi8(mask, other + at));
        const __m512i zero = _mm512_setzero_si512();
        const __m512i one = clamp_16(_mm512_packs_epi32(v[0], v[1]), layer.low, layer.high);
        const __m512i two = clamp_16(_mm512_packs_epi32(v[2], v[3]), layer.low, layer.high);
        to.store(_mm512_packus_epi16(_mm512_adds_epi16(one, _mm512_unpacklo_epi8(bytes, zero)),
                                     _mm512_adds_epi16(two, _mm512_unpackhi_epi8(bytes, zero))),
                 at, count, low, high);
    }

    void put_narrow(__m512i values, size_t rows, size_t at, size_t stride, size_t count,
                    const LinearLayer& layer) const {
        const __mmask8 row = some_of_8(count);
        const __m128i bytes = _mm_unpacklo_epi64(
            _mm_maskz_loadu_epi8(row, other + at),
            _mm_maskz_loadu_epi8(rows == 2 ? row : 0, other + at + (rows - 1) * stride));
        values =
            _mm512_add_epi32(clamp_32(values, layer.low, layer.high), _mm512_cvtepu8_epi32(bytes));
        to.store_narrow(clamp_32(values, low, high), rows, at, stride, count);
    }
};

// `parts` times 16 outputs of a panel, for `rows` rows.
// `row` is the number of the first one.
template <size_t rows, size_t parts, class Out>
void tile(const LinearLayer& layer, const uint8_t* in, size_t row, size_t first, const Out& out) {
    const size_t inputs = layer.inputs;
    const size_t fours = inputs / 4;
    in += row * inputs;
    const int8_t* w = layer.weight + first / panel * fours_of(inputs) * panel * 4;
    // A single row has few sums, each of which waits for its last product, so each sum has two
    // accumulators.
    constexpr size_t ways = rows == 1 ? 2 : 1;
    __m512i sums[ways][rows][parts];
    repeat<ways * rows>([&](auto i) BITSBACK_INLINE {
        constexpr size_t way = decltype(i)::value / rows, r = decltype(i)::value % rows;
        repeat<parts>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            sums[way][r][p] =
                way == 0 ? _mm512_loadu_si512(layer.bias + first + 16 * p) : _mm512_setzero_si512();
        });
    });
    const auto step = [&](auto way, const uint8_t* from, const int8_t* w,
                          size_t bytes) BITSBACK_INLINE {
        __m512i weights[parts];
        repeat<parts>([&](auto part) BITSBACK_INLINE {
            weights[decltype(part)::value] = _mm512_loadu_si512(w + 64 * decltype(part)::value);
        });
        repeat<rows>([&](auto i) BITSBACK_INLINE {
            constexpr size_t r = decltype(i)::value;
            int32_t four = 0;
            memcpy(&four, from + r * inputs, bytes);
            const __m512i x = _mm512_set1_epi32(four);
            repeat<parts>([&](auto part) BITSBACK_INLINE {
                constexpr size_t p = decltype(part)::value;
                dot(sums[decltype(way)::value][r][p], x, weights[p]);
            });
        });
    };
    if (inputs % 4 != 0) step(Index<0>(), in + 4 * fours, w + fours * panel * 4, inputs % 4);
    size_t four = 0;
    if constexpr (ways == 2)
        for (; four + 2 <= fours; four += 2, in += 8, w += panel * 8) {
            step(Index<0>(), in, w, 4);
            step(Index<1>(), in + 4, w + panel * 4, 4);
        }
    for (; four < fours; ++four, in += 4, w += panel * 4) step(Index<0>(), in, w, 4);
    __m512i acc[rows][4];
    repeat<rows>([&](auto i) BITSBACK_INLINE {
        constexpr size_t r = decltype(i)::value;
        repeat<4>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            if constexpr (p >= parts)
                acc[r][p] = _mm512_setzero_si512();
            else if constexpr (ways == 2)
                acc[r][p] = _mm512_add_epi32(sums[0][r][p], sums[1][r][p]);
            else
                acc[r][p] = sums[0][r][p];
        });
    });
    const Requantisation requantisation(layer);
    repeat<parts>([&](auto part) BITSBACK_INLINE {
        constexpr size_t p = decltype(part)::value;
        requantisation.run<p>(acc, first + 16 * p);
    });
    repeat<rows>([&](auto i) BITSBACK_INLINE {
        constexpr size_t r = decltype(i)::value;
        out.put(acc[r], (row + r) * layer.outputs + first, layer.outputs - first, layer);
    });
}

// The outputs of a narrow panel for `rows` rows.
template <size_t rows, class Out>
void narrow_tile(const LinearLayer& layer, const uint8_t* in, size_t row, size_t first,
                 const Out& out) {
    const size_t inputs = layer.inputs;
    in += row * inputs;
    const int8_t* w = layer.weight + first * fours_of(inputs) * 4;
    __m512i acc[rows];
    const __m512i bias = _mm512_cvtepu32_epi64(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(layer.bias + first)));
    repeat<rows>([&](auto r) BITSBACK_INLINE { acc[decltype(r)::value] = bias; });
    const auto step = [&](size_t bytes) BITSBACK_INLINE {
        const __m512i weights = _mm512_loadu_si512(w);
        repeat<rows>([&](auto i) BITSBACK_INLINE {
            constexpr size_t r = decltype(i)::value;
            int64_t eight = 0;
            memcpy(&eight, in + r * inputs, bytes);
            dot(acc[r], _mm512_set1_epi64(eight), weights);
        });
    };
    for (size_t eight = 0; eight < inputs / 8; ++eight, in += 8, w += 64) step(8);
    if (inputs % 8 != 0) step(inputs % 8);
    const Requantisation requantisation(layer);
    repeat<(rows + 1) / 2>([&](auto pair) BITSBACK_INLINE {
        constexpr size_t r = 2 * decltype(pair)::value, two = r + 1 < rows ? r + 1 : r;
        const auto total = [&](size_t i) BITSBACK_INLINE {
            return _mm512_add_epi32(acc[i], _mm512_srli_epi64(acc[i], 32));
        };
        out.put_narrow(requantisation.run_narrow(total(r), total(two), first), two - r + 1,
                       (row + r) * layer.outputs + first, layer.outputs, layer.outputs - first,
                       layer);
    });
}

// All rows of a panel with `parts` times 16 outputs.
template <size_t parts, class Out>
void run_panel(const LinearLayer& layer, const uint8_t* in, size_t rows, size_t first,
               const Out& out) {
    // The accumulators for most x parts take 24 of the 32 registers at most.
    constexpr size_t most = parts == 4 ? 6 : 8;
    size_t row = 0;
    for (; row + most <= rows; row += most) tile<most, parts>(layer, in, row, first, out);
    for (; row + 4 <= rows; row += 4) tile<4, parts>(layer, in, row, first, out);
    for (; row + 2 <= rows; row += 2) tile<2, parts>(layer, in, row, first, out);
    for (; row < rows; ++row) tile<1, parts>(layer, in, row, first, out);
}

template <class Out>
void run_narrow(const LinearLayer& layer, const uint8_t* in, size_t rows, size_t first,
                const Out& out) {
    size_t row = 0;
    for (; row + 12 <= rows; row += 12) narrow_tile<12>(layer, in, row, first, out);
    for (; row + 4 <= rows; row += 4) narrow_tile<4>(layer, in, row, first, out);
    for (; row < rows; ++row) narrow_tile<1>(layer, in, row, first, out);
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Out& out) {
    for (size_t first = 0; first < layer.outputs; first += panel) {
        const size_t parts = (layer.outputs - first + 15) / 16;
        if (layer.outputs - first <= narrow)
            run_narrow(layer, in, rows, first, out);
        else if (parts == 1)
            run_panel<1>(layer, in, rows, first, out);
        else if (parts == 2)
            run_panel<2>(layer, in, rows, first, out);
        else if (parts == 3)
            run_panel<3>(layer, in, rows, first, out);
        else
            run_panel<4>(layer, in, rows, first, out);
    }
}

}  // namespace
}  // namespace bitsback

#include "engine_runs.hpp"

namespace bitsback {

const LinearEngine linear_avx512 = {"avx512", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
