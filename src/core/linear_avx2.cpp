// The AVX2 engine. Products are formed in 16 bits and summed in 32 (vpmaddwd): the one-step
// vpmaddubsw would saturate at 2 * 255 * 127.
//
// Packed weights: for each panel of 16 outputs, for each pair of inputs, 16 outputs x 2 weights as
// int16.
#include <immintrin.h>
#include <string.h>

#include "linear_engine.hpp"
#include "repeat.hpp"

namespace bitsback {
namespace {

constexpr size_t panel = 16;
constexpr size_t chunk = 256;  // so many inputs are widened to 16 bits at once

size_t pairs_of(size_t inputs) { return (inputs + 1) / 2; }
size_t panels_of(size_t outputs) { return (outputs + panel - 1) / panel; }

size_t packed_size(size_t inputs, size_t outputs) {
    return panels_of(outputs) * pairs_of(inputs) * panel * 4;
}

void pack(const int8_t* weight, size_t inputs, size_t outputs, int8_t* packed) {
    memset(packed, 0, packed_size(inputs, outputs));
    for (size_t o = 0; o < outputs; ++o)
        for (size_t i = 0; i < inputs; ++i) {
            const int16_t wide = weight[o * inputs + i];
            const size_t at =
                ((o / panel * pairs_of(inputs) + i / 2) * panel + o % panel) * 2 + i % 2;
            memcpy(packed + 2 * at, &wide, 2);
        }
}

inline __m256i load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline void store(void* to, __m256i values) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), values);
}

// The constants of a layer's requantisation. AVX2 has no arithmetic 64-bit shift: an offset of 2^63
// makes all numbers positive, and what is left of it is taken away behind the shift.
struct Constants {
    __m256i half;
    __m128i shift;
    __m256i back;

    explicit Constants(const LinearLayer& layer)
        : half(_mm256_set1_epi64x(
              static_cast<int64_t>((uint64_t{1} << 63) + (uint64_t{1} << (layer.shift - 1))))),
          shift(_mm_cvtsi32_si128(static_cast<int>(layer.shift))),
          back(_mm256_set1_epi32(
              static_cast<int32_t>(static_cast<uint32_t>(uint64_t{1} << (63 - layer.shift))))) {}
};

// (acc * multiplier + half) >> shift for 8 outputs, for layers in which it cannot leave 32 bits.
inline __m256i scale(__m256i acc, __m256i multiplier, const Constants& c) {
    const auto shifted = [&](__m256i a, __m256i m) BITSBACK_INLINE {
        return _mm256_srl_epi64(_mm256_add_epi64(_mm256_mul_epi32(a, m), c.half), c.shift);
    };
    const __m256i even = shifted(acc, multiplier);
    const __m256i odd = shifted(_mm256_srli_epi64(acc, 32), _mm256_srli_epi64(multiplier, 32));
    return _mm256_sub_epi32(_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA), c.back);
}

// The same where it can, clamped. `first` is the number of the first output.
__m256i scale_wide(__m256i acc, size_t first, const LinearLayer& layer) {
    int32_t values[8];
    store(values, acc);
    for (size_t i = 0; i < 8; ++i) {
        const int64_t half = int64_t{1} << (layer.shift - 1);
        const int64_t value =
            (int64_t{values[i]} * layer.multiplier[first + i] + half) >> layer.shift;
        values[i] = static_cast<int32_t>(value < layer.low    ? layer.low
                                         : value > layer.high ? layer.high
                                                              : value);
    }
    return load(values);
}

inline __m256i clamp(__m256i words, int32_t low, int32_t high) {
    words = _mm256_max_epi16(words, _mm256_set1_epi16(static_cast<int16_t>(low)));
    return _mm256_min_epi16(words, _mm256_set1_epi16(static_cast<int16_t>(high)));
}

// Where results go. Each stores up to 16 values, given as clamped words, from element `at` on.
struct Bytes {
    uint8_t* out;

    void put(__m256i words, size_t at, size_t count) const {
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x08);
        const __m128i bytes = _mm256_castsi256_si128(packed);
        if (count >= panel) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), bytes);
            return;
        }
        uint8_t some[panel];
        _mm_storeu_si128(reinterpret_cast<__m128i*>(some), bytes);
        memcpy(out + at, some, count);
    }
};

struct Words {
    int16_t* out;

    void put(__m256i words, size_t at, size_t count) const {
        if (count >= panel) {
            store(out + at, words);
            return;
        }
        int16_t some[panel];
        store(some, words);
        memcpy(out + at, some, 2 * count);
    }
};

// The sum with bytes of the same shape, clamped once more.
struct Sums {
    Bytes to;
    const uint8_t* other;
    int32_t low;
    int32_t high;

    void put(__m256i words, size_t at, size_t count) const {
        uint8_t some[panel] = {};
        const uint8_t* from = other + at;
        if (count < panel) from = static_cast<const uint8_t*>(memcpy(some, from, count));
        const __m256i bytes =
            _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
        to.put(clamp(_mm256_adds_epi16(words, bytes), low, high), at, count);
    }
};

// The outputs of one panel for `rows` rows, of which `row` is the first.
template <size_t rows, class Out>
void tile(const LinearLayer& layer, const uint8_t* in, size_t row, size_t first, const Out& out) {
    const size_t inputs = layer.inputs;
    in += row * inputs;
    const int8_t* weight = layer.weight + first / panel * pairs_of(inputs) * panel * 4;
    __m256i acc[rows][2];
    repeat<rows>([&](auto i) BITSBACK_INLINE {
        acc[decltype(i)::value][0] = load(layer.bias + first);
        acc[decltype(i)::value][1] = load(layer.bias + first + 8);
    });
    alignas(32) int16_t wide[rows][chunk];
    for (size_t start = 0; start < inputs; start += chunk) {
        const size_t count = inputs - start < chunk ? inputs - start : chunk;
        for (size_t r = 0; r < rows; ++r) {
            size_t i = 0;
            for (; i + 16 <= count; i += 16)
                store(wide[r] + i,
                      _mm256_cvtepu8_epi16(_mm_loadu_si128(
                          reinterpret_cast<const __m128i*>(in + r * inputs + start + i))));
            for (; i < count; ++i) wide[r][i] = in[r * inputs + start + i];
            if (count % 2 != 0) wide[r][count] = 0;
        }
        for (size_t i = 0; i < count; i += 2, weight += panel * 4) {
            const __m256i one = load(weight);
            const __m256i two = load(weight + 32);
            repeat<rows>([&](auto r) BITSBACK_INLINE {
                constexpr size_t at = decltype(r)::value;
                int32_t pair;
                memcpy(&pair, wide[at] + i, 4);
                const __m256i x = _mm256_set1_epi32(pair);
                acc[at][0] = _mm256_add_epi32(acc[at][0], _mm256_madd_epi16(one, x));
                acc[at][1] = _mm256_add_epi32(acc[at][1], _mm256_madd_epi16(two, x));
            });
        }
    }
    const Constants constants(layer);
    const __m256i one = load(layer.multiplier + first);
    const __m256i two = load(layer.multiplier + first + 8);
    repeat<rows>([&](auto r) BITSBACK_INLINE {
        constexpr size_t at = decltype(r)::value;
        if (layer.wide) {
            acc[at][0] = scale_wide(acc[at][0], first, layer);
            acc[at][1] = scale_wide(acc[at][1], first + 8, layer);
        } else {
            acc[at][0] = scale(acc[at][0], one, constants);
            acc[at][1] = scale(acc[at][1], two, constants);
        }
        const __m256i words =
            _mm256_permute4x64_epi64(_mm256_packs_epi32(acc[at][0], acc[at][1]), 0xD8);
        out.put(clamp(words, layer.low, layer.high), (row + at) * layer.outputs + first,
                layer.outputs - first);
    });
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Out& out) {
    for (size_t first = 0; first < layer.outputs; first += panel) {
        size_t row = 0;
        for (; row + 6 <= rows; row += 6) tile<6>(layer, in, row, first, out);
        for (; row + 2 <= rows; row += 2) tile<2>(layer, in, row, first, out);
        for (; row < rows; ++row) tile<1>(layer, in, row, first, out);
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

const LinearEngine linear_avx2 = {"avx2", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
