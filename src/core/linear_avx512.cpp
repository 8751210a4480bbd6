// The AVX-512 engine: vpdpbusd multiplies unsigned bytes by signed ones and sums four products into
// 32 bits, without saturation.
//
// Packed weights: for each panel of 64 outputs, for each four inputs, 64 outputs x 4 weights.
#include <immintrin.h>
#include <string.h>

#include "linear_engine.hpp"
#include "repeat.hpp"

namespace bitsback {
namespace {

constexpr size_t panel = 64;

size_t fours_of(size_t inputs) { return (inputs + 3) / 4; }
size_t panels_of(size_t outputs) { return (outputs + panel - 1) / panel; }

size_t packed_size(const LinearWeights& weights) {
    return panels_of(weights.outputs) * fours_of(weights.inputs) * panel * 4;
}

void pack(const LinearWeights& weights, int8_t* packed) {
    const size_t inputs = weights.inputs;
    memset(packed, 0, packed_size(weights));
    for (size_t o = 0; o < weights.outputs; ++o)
        for (size_t i = 0; i < inputs; ++i)
            packed[((o / panel * fours_of(inputs) + i / 4) * panel + o % panel) * 4 + i % 4] =
                weights.weight[o * inputs + i];
}

// acc += x . w. Written out where it can be: GCC keeps each accumulator twice otherwise, and most
// of them in memory.
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

  private:
    void slowly(__m512i& acc, size_t first) const {
        int32_t values[16];
        _mm512_storeu_si512(values, acc);
        requantise(layer_, first, 16, values);
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

// Where results go. Each stores up to 64 values, given in 32 bits, from element `at` on, clamped.
// Packing saturates, and leaves groups of four in an order of its own, which is mended at the end.
struct Bytes {
    uint8_t* out;

    void put(const __m512i (&v)[4], size_t at, size_t count, const LinearLayer& layer) const {
        const __m512i bytes =
            _mm512_packus_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3]));
        store(bytes, at, count, layer.low, layer.high);
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

// The sum with bytes of the same shape, clamped once more.
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
};

// `parts` times 16 outputs of a panel, for `rows` rows.
// `row` is the number of the first one.
template <size_t rows, size_t parts, class Out>
void tile(const LinearLayer& layer, const uint8_t* in, size_t row, size_t first, const Out& out) {
    const size_t inputs = layer.inputs;
    const size_t fours = inputs / 4;
    in += row * inputs;
    const int8_t* w = layer.weight + first / panel * fours_of(inputs) * panel * 4;
    __m512i acc[rows][4];
    repeat<rows>([&](auto i) BITSBACK_INLINE {
        repeat<4>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            acc[decltype(i)::value][p] = p < parts ? _mm512_loadu_si512(layer.bias + first + 16 * p)
                                                   : _mm512_setzero_si512();
        });
    });
    const auto step = [&](const uint8_t* from, const int8_t* w, size_t bytes) BITSBACK_INLINE {
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
                dot(acc[r][p], x, weights[p]);
            });
        });
    };
    if (inputs % 4 != 0) step(in + 4 * fours, w + fours * panel * 4, inputs % 4);
    for (size_t four = 0; four < fours; ++four, in += 4, w += panel * 4) step(in, w, 4);
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

// All rows of a panel of which `parts` times 16 outputs are there.
template <size_t parts, class Out>
void run_panel(const LinearLayer& layer, const uint8_t* in, size_t rows, size_t first,
               const Out& out) {
    constexpr size_t most =
        parts == 4 ? 6 : 8;  // accumulators for most x parts: 24 of the 32 registers
    size_t row = 0;
    for (; row + most <= rows; row += most) tile<most, parts>(layer, in, row, first, out);
    for (; row + 4 <= rows; row += 4) tile<4, parts>(layer, in, row, first, out);
    for (; row + 2 <= rows; row += 2) tile<2, parts>(layer, in, row, first, out);
    for (; row < rows; ++row) tile<1, parts>(layer, in, row, first, out);
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Out& out) {
    for (size_t first = 0; first < layer.outputs; first += panel) {
        const size_t parts = (layer.outputs - first + 15) / 16;
        if (parts == 1)
            run_panel<1>(layer, in, rows, first, out);
        else if (parts == 2)
            run_panel<2>(layer, in, rows, first, out);
        else if (parts == 3)
            run_panel<3>(layer, in, rows, first, out);
        else
            run_panel<4>(layer, in, rows, first, out);
    }
}

void run_8(const LinearLayer& layer, const uint8_t* in, size_t rows, uint8_t* out) {
    run(layer, in, rows, Bytes{out});
}

void run_16(const LinearLayer& layer, const uint8_t* in, size_t rows, int16_t* out) {
    run(layer, in, rows, Words{out});
}

void run_sum(const LinearLayer& layer, const uint8_t* in, size_t rows, const LinearSum& sum,
             uint8_t* out) {
    run(layer, in, rows, Sums{{out}, sum.other, sum.low, sum.high});
}

}  // namespace

const LinearEngine linear_avx512 = {"avx512", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
