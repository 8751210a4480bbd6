// The AVX2 engine. Products are formed in 16 bits and summed in 32 (vpmaddwd): the one-step vpmaddubsw would saturate
// at 2 * 255 * 127.
//
// Packed weights: for each panel of 16 outputs, for each pair of inputs, 16 outputs x 2 weights as int16.
#include <immintrin.h>
#include <string.h>

#include "linear_engine.hpp"

namespace bitsback {
namespace {

constexpr size_t panel = 16;
constexpr size_t max_rows = 4;

size_t pairs_of(size_t inputs) { return (inputs + 1) / 2; }
size_t panels_of(size_t outputs) { return (outputs + panel - 1) / panel; }

size_t packed_size(size_t inputs, size_t outputs) { return panels_of(outputs) * pairs_of(inputs) * panel * 4; }

void pack(const int8_t* weight, size_t inputs, size_t outputs, int8_t* packed) {
    memset(packed, 0, packed_size(inputs, outputs));
    for (size_t o = 0; o < outputs; ++o)
        for (size_t i = 0; i < inputs; ++i) {
            const int16_t wide = weight[o * inputs + i];
            const size_t at = ((o / panel * pairs_of(inputs) + i / 2) * panel + o % panel) * 2 + i % 2;
            memcpy(packed + 2 * at, &wide, 2);
        }
}

// (acc * multiplier + half) >> shift, clamped, for 8 outputs. AVX2 has no arithmetic 64-bit shift: the sign bit is
// moved out of the way by an offset of 2^63 first.
inline __m256i requantise(__m256i acc, __m256i multiplier, const LinearLayer& layer) {
    const __m256i half = _mm256_set1_epi64x(int64_t{1} << (layer.shift - 1));
    const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
    const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(layer.shift));
    const __m256i back = _mm256_srl_epi64(sign, shift);
    const __m256i low = _mm256_set1_epi64x(layer.low);
    const __m256i high = _mm256_set1_epi64x(layer.high);
    auto scale = [&](__m256i a, __m256i m) {
        __m256i x = _mm256_add_epi64(_mm256_mul_epi32(a, m), half);
        x = _mm256_sub_epi64(_mm256_srl_epi64(_mm256_xor_si256(x, sign), shift), back);
        x = _mm256_blendv_epi8(x, low, _mm256_cmpgt_epi64(low, x));
        return _mm256_blendv_epi8(x, high, _mm256_cmpgt_epi64(x, high));
    };
    const __m256i even = scale(acc, multiplier);
    const __m256i odd = scale(_mm256_srli_epi64(acc, 32), _mm256_srli_epi64(multiplier, 32));
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}

template <size_t rows, class Out>
void tile(const LinearLayer& layer, const uint8_t* in, size_t first, Out* out) {
    const size_t pairs = layer.inputs / 2;
    const int8_t* weight = layer.weight + first / panel * pairs_of(layer.inputs) * panel * 4;
    __m256i acc[rows][2];
    for (size_t row = 0; row < rows; ++row)
        for (size_t half = 0; half < 2; ++half)
            acc[row][half] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(layer.bias + first + 8 * half));
    auto step = [&](size_t pair, size_t row, int32_t both) {
        const __m256i x = _mm256_set1_epi32(both);
        for (size_t half = 0; half < 2; ++half) {
            const __m256i w =
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weight + pair * panel * 4 + 32 * half));
            acc[row][half] = _mm256_add_epi32(acc[row][half], _mm256_madd_epi16(w, x));
        }
    };
    for (size_t pair = 0; pair < pairs; ++pair)
        for (size_t row = 0; row < rows; ++row) {
            const uint8_t* x = in + row * layer.inputs + 2 * pair;
            step(pair, row, x[0] | x[1] << 16);
        }
    if (layer.inputs % 2 != 0)
        for (size_t row = 0; row < rows; ++row) step(pairs, row, in[row * layer.inputs + layer.inputs - 1]);
    const size_t count = layer.outputs - first < panel ? layer.outputs - first : panel;
    for (size_t row = 0; row < rows; ++row) {
        alignas(32) int32_t values[panel];
        for (size_t half = 0; half < 2; ++half) {
            const __m256i multiplier =
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(layer.multiplier + first + 8 * half));
            _mm256_store_si256(reinterpret_cast<__m256i*>(values + 8 * half),
                               requantise(acc[row][half], multiplier, layer));
        }
        for (size_t o = 0; o < count; ++o) out[row * layer.outputs + first + o] = static_cast<Out>(values[o]);
    }
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, Out* out) {
    for (size_t first = 0; first < layer.outputs; first += panel)
        for (size_t row = 0; row < rows; row += max_rows) {
            const uint8_t* from = in + row * layer.inputs;
            Out* to = out + row * layer.outputs;
            switch (rows - row) {
                case 1:
                    tile<1>(layer, from, first, to);
                    break;
                case 2:
                    tile<2>(layer, from, first, to);
                    break;
                case 3:
                    tile<3>(layer, from, first, to);
                    break;
                default:
                    tile<4>(layer, from, first, to);
                    break;
            }
        }
}

}  // namespace

const LinearEngine linear_avx2 = {"avx2", packed_size, pack, run<uint8_t>, run<int16_t>};

}  // namespace bitsback
