// The AVX-512 engine: vpdpbusd multiplies unsigned bytes by signed ones and sums four products into 32 bits, without
// saturation.
//
// Packed weights: for each panel of 64 outputs, for each four inputs, 64 outputs x 4 weights.
#include <immintrin.h>
#include <string.h>

#include "linear_engine.hpp"

namespace bitsback {
namespace {

constexpr size_t panel = 64;
constexpr size_t max_rows = 6;

size_t fours_of(size_t inputs) { return (inputs + 3) / 4; }
size_t panels_of(size_t outputs) { return (outputs + panel - 1) / panel; }

size_t packed_size(size_t inputs, size_t outputs) { return panels_of(outputs) * fours_of(inputs) * panel * 4; }

void pack(const int8_t* weight, size_t inputs, size_t outputs, int8_t* packed) {
    memset(packed, 0, packed_size(inputs, outputs));
    for (size_t o = 0; o < outputs; ++o)
        for (size_t i = 0; i < inputs; ++i)
            packed[((o / panel * fours_of(inputs) + i / 4) * panel + o % panel) * 4 + i % 4] = weight[o * inputs + i];
}

// (acc * multiplier + half) >> shift, clamped, for 16 outputs.
inline __m512i requantise(__m512i acc, const int32_t* multiplier, const LinearLayer& layer) {
    const __m512i half = _mm512_set1_epi64(int64_t{1} << (layer.shift - 1));
    const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(layer.shift));
    const __m512i low = _mm512_set1_epi64(layer.low);
    const __m512i high = _mm512_set1_epi64(layer.high);
    auto scale = [&](__m512i a, __m512i m) {
        const __m512i x = _mm512_sra_epi64(_mm512_add_epi64(_mm512_mul_epi32(a, m), half), shift);
        return _mm512_min_epi64(_mm512_max_epi64(x, low), high);
    };
    const __m512i m = _mm512_loadu_si512(multiplier);
    const __m512i even = scale(acc, m);
    const __m512i odd = scale(_mm512_srli_epi64(acc, 32), _mm512_srli_epi64(m, 32));
    return _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
}

inline void store(uint8_t* out, __mmask16 mask, __m512i values) {
    _mm_mask_storeu_epi8(out, mask, _mm512_cvtepi32_epi8(values));
}

inline void store(int16_t* out, __mmask16 mask, __m512i values) {
    _mm256_mask_storeu_epi16(out, mask, _mm512_cvtepi32_epi16(values));
}

// `parts` times 16 outputs of a panel, for `rows` rows.
template <size_t rows, size_t parts, class Out>
void tile(const LinearLayer& layer, const uint8_t* in, size_t first, Out* out) {
    const size_t inputs = layer.inputs;
    const size_t fours = inputs / 4;
    const int8_t* weight = layer.weight + first / panel * fours_of(inputs) * panel * 4;
    __m512i acc[rows][parts];
    for (size_t row = 0; row < rows; ++row)
        for (size_t part = 0; part < parts; ++part) acc[row][part] = _mm512_loadu_si512(layer.bias + first + 16 * part);
    auto step = [&](const int8_t* w, size_t at, size_t bytes) {
        __m512i weights[parts];
        for (size_t part = 0; part < parts; ++part) weights[part] = _mm512_loadu_si512(w + 64 * part);
        for (size_t row = 0; row < rows; ++row) {
            int32_t four = 0;
            memcpy(&four, in + row * inputs + at, bytes);
            const __m512i x = _mm512_set1_epi32(four);
            for (size_t part = 0; part < parts; ++part)
                acc[row][part] = _mm512_dpbusd_epi32(acc[row][part], x, weights[part]);
        }
    };
    for (size_t four = 0; four < fours; ++four) step(weight + four * panel * 4, 4 * four, 4);
    if (inputs % 4 != 0) step(weight + fours * panel * 4, 4 * fours, inputs % 4);
    for (size_t part = 0; part < parts; ++part) {
        const size_t at = first + 16 * part;
        const size_t left = layer.outputs - at;
        const auto mask = static_cast<__mmask16>(left >= 16 ? 0xFFFF : (1u << left) - 1);
        for (size_t row = 0; row < rows; ++row)
            store(out + row * layer.outputs + at, mask, requantise(acc[row][part], layer.multiplier + at, layer));
    }
}

template <size_t rows, class Out>
void tile_rows(const LinearLayer& layer, const uint8_t* in, size_t first, Out* out) {
    switch ((layer.outputs - first + 15) / 16) {
        case 1:
            tile<rows, 1>(layer, in, first, out);
            break;
        case 2:
            tile<rows, 2>(layer, in, first, out);
            break;
        case 3:
            tile<rows, 3>(layer, in, first, out);
            break;
        default:
            tile<rows, 4>(layer, in, first, out);
            break;
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
                    tile_rows<1>(layer, from, first, to);
                    break;
                case 2:
                    tile_rows<2>(layer, from, first, to);
                    break;
                case 3:
                    tile_rows<3>(layer, from, first, to);
                    break;
                case 4:
                    tile_rows<4>(layer, from, first, to);
                    break;
                case 5:
                    tile_rows<5>(layer, from, first, to);
                    break;
                default:
                    tile_rows<6>(layer, from, first, to);
                    break;
            }
        }
}

}  // namespace

const LinearEngine linear_avx512 = {"avx512", packed_size, pack, run<uint8_t>, run<int16_t>};

}  // namespace bitsback
