// The engine of vpdpbusd in 256 bits, which multiplies unsigned bytes by signed ones and sums four
// products into 32 bits, without saturation. Two instruction sets have it, which encode it
// differently: AVX-VNNI and AVX-512 VNNI with VL. A file for each defines `dot` and includes this.
//
// Packed weights: for each panel of 16 outputs (8, if the last one has no more), for each four
// inputs, 16 outputs x 4 weights.
#pragma once

#include "linear_256.hpp"

namespace bitsback {
namespace {

// acc += x . w
inline void dot(__m256i& acc, __m256i x, __m256i w);

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

// The outputs of a panel for `rows` rows, of which `row` is the first.
template <size_t rows, size_t registers, class Out>
void run_tile(const LinearLayer& layer, const int8_t* weight, const uint8_t* in, size_t row,
              size_t first, const Out& out) {
    const size_t inputs = layer.inputs;
    in += row * inputs;
    Tile<rows, registers> tile;
    tile.start(layer.bias + first);
    const auto multiply = [&](auto inputs_of_row) BITSBACK_INLINE {
        __m256i w[registers];
        repeat<registers>([&](auto part) BITSBACK_INLINE {
            w[decltype(part)::value] = load(weight + 32 * decltype(part)::value);
        });
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            const __m256i x = inputs_of_row(decltype(r)::value);
            repeat<registers>([&](auto part) BITSBACK_INLINE {
                constexpr size_t p = decltype(part)::value;
                dot(tile.acc[p][decltype(r)::value], x, w[p]);
            });
        });
        weight += 32 * registers;
    };
    for (size_t four = 0; four < inputs / 4; ++four, in += 4)
        multiply([&](size_t r) BITSBACK_INLINE { return four_inputs(in + r * inputs); });
    if (const size_t left = inputs % 4; left != 0)
        multiply([&](size_t r) BITSBACK_INLINE { return last_inputs(in + r * inputs, left); });
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
}  // namespace bitsback
