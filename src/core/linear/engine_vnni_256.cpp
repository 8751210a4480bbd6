// The engine of vpdpbusd in 256 bits, which multiplies unsigned bytes by signed ones and sums four
// products into 32 bits, without saturation. Two instruction sets have it with different encodings,
// and this file is compiled for each: AVX-VNNI, of processors without AVX-512, and AVX-512 VNNI
// with VL, so that its code is tested on processors of both kinds.
//
// Packed weights: for each panel of 16 outputs (8, if the last one has no more), for each four
// inputs, 16 outputs x 4 weights.
#include "vectors_256.hpp"

namespace bitsback {
namespace {

// acc += x . w. It is in assembly if possible, since GCC would keep each accumulator twice, and
// some of them in memory.
inline BITSBACK_INLINE void dot(__m256i& acc, __m256i x, __m256i w) {
#if defined(BITSBACK_ENGINE_AVX512VL) && defined(__GNUC__)
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
#elif defined(BITSBACK_ENGINE_AVX512VL)
    acc = _mm256_dpbusd_epi32(acc, x, w);
#elif defined(__GNUC__)
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
#else
    acc = _mm256_dpbusd_avx_epi32(acc, x, w);
#endif
}

size_t panel_size(size_t inputs, size_t width) { return fours_of(inputs) * width * 4; }

size_t packed_size(const LinearWeights& weights) {
    return panel_size(weights.inputs, (weights.outputs + 7) / 8 * 8);
}

void pack(const LinearWeights& weights, int8_t* packed) {
    memset(packed, 0, packed_size(weights));
    for (size_t first = 0; first < weights.outputs; first += panel) {
        const size_t width = 8 * registers_of(weights.outputs - first);
        pack_fours(weights, first, width, packed);
        packed += panel_size(weights.inputs, width);
    }
}

// The outputs of a panel for `rows` rows from `row` on.
template <size_t rows, size_t registers, class Out>
void run_tile(const LinearLayer& layer, const int8_t* weight, const uint8_t* in, size_t row,
              size_t first, const Out& out) {
    const size_t inputs = layer.inputs;
    in += row * inputs;
    // Few rows have few sums, each of which waits for its last product, so each sum has two
    // accumulators.
    constexpr size_t ways = rows <= 2 ? 2 : 1;
    __m256i sums[ways][registers][rows];
    repeat<ways * registers>([&](auto i) BITSBACK_INLINE {
        constexpr size_t way = decltype(i)::value / registers, p = decltype(i)::value % registers;
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            sums[way][p][decltype(r)::value] =
                way == 0 ? load(layer.bias + first + 8 * p) : _mm256_setzero_si256();
        });
    });
    const auto multiply = [&](auto way, const int8_t* w, auto inputs_of_row) BITSBACK_INLINE {
        __m256i weights[registers];
        repeat<registers>([&](auto part) BITSBACK_INLINE {
            weights[decltype(part)::value] = load(w + 32 * decltype(part)::value);
        });
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            const __m256i x = inputs_of_row(decltype(r)::value);
            repeat<registers>([&](auto part) BITSBACK_INLINE {
                constexpr size_t p = decltype(part)::value;
                dot(sums[decltype(way)::value][p][decltype(r)::value], x, weights[p]);
            });
        });
    };
    constexpr size_t step = 32 * registers;
    size_t four = 0;
    if constexpr (ways == 2)
        for (; four + 2 <= inputs / 4; four += 2, in += 8, weight += 2 * step) {
            multiply(Index<0>(), weight,
                     [&](size_t r) BITSBACK_INLINE { return four_inputs(in + r * inputs); });
            multiply(Index<1>(), weight + step,
                     [&](size_t r) BITSBACK_INLINE { return four_inputs(in + 4 + r * inputs); });
        }
    for (; four < inputs / 4; ++four, in += 4, weight += step)
        multiply(Index<0>(), weight,
                 [&](size_t r) BITSBACK_INLINE { return four_inputs(in + r * inputs); });
    if (const size_t left = inputs % 4; left != 0)
        multiply(Index<0>(), weight,
                 [&](size_t r) BITSBACK_INLINE { return last_inputs(in + r * inputs, left); });
    Tile<rows, registers> tile;
    repeat<registers * rows>([&](auto i) BITSBACK_INLINE {
        constexpr size_t p = decltype(i)::value / rows, r = decltype(i)::value % rows;
        tile.acc[p][r] = sums[0][p][r];
        if constexpr (ways == 2) tile.acc[p][r] = _mm256_add_epi32(tile.acc[p][r], sums[1][p][r]);
    });
    tile.finish(layer, row, first, out);
}

template <size_t registers, class Out>
void run_panel(const LinearLayer& layer, const int8_t* weight, const uint8_t* in, size_t rows,
               size_t first, const Out& out) {
    size_t row = 0;
    for (; row + 6 <= rows; row += 6) run_tile<6, registers>(layer, weight, in, row, first, out);
    for (; row + 2 <= rows; row += 2) run_tile<2, registers>(layer, weight, in, row, first, out);
    for (; row < rows; ++row) run_tile<1, registers>(layer, weight, in, row, first, out);
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Out& out) {
    const int8_t* weight = layer.weight;
    for (size_t first = 0; first < layer.outputs; first += panel) {
        const size_t registers = registers_of(layer.outputs - first);
        if (registers == 2)
            run_panel<2>(layer, weight, in, rows, first, out);
        else
            run_panel<1>(layer, weight, in, rows, first, out);
        weight += panel_size(layer.inputs, 8 * registers);
    }
}

}  // namespace
}  // namespace bitsback

#include "engine_runs.hpp"

namespace bitsback {

#if defined(BITSBACK_ENGINE_AVX512VL)
const LinearEngine linear_avx512vl = {"avx512vl", packed_size, pack, run_8, run_16, run_sum};
#else
const LinearEngine linear_avxvnni = {"avxvnni", packed_size, pack, run_8, run_16, run_sum};
#endif

}  // namespace bitsback
