// The scalar engine, which runs on every machine. Tests compare the others with it.
#include <cstring>
#include <vector>

#include "engine.hpp"

namespace bitsback {
namespace {

// Weights are stored in 16 bits, and inputs are widened to 16 bits, since compilers vectorise sums
// of such products.
size_t packed_size(const LinearWeights& weights) { return 2 * weights.inputs * weights.outputs; }

void pack(const LinearWeights& weights, int8_t* packed) {
    for (size_t i = 0; i < weights.inputs * weights.outputs; ++i) {
        const int16_t wide = weights.weight[i];
        std::memcpy(packed + 2 * i, &wide, 2);
    }
}

int32_t clamp(int64_t value, int32_t low, int32_t high) {
    return static_cast<int32_t>(value < low ? low : value > high ? high : value);
}

// Calls `put` with the number of each output among those of all rows, and its value.
template <class Put>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Put& put) {
    constexpr size_t chunk = 512;
    const auto* const weight = reinterpret_cast<const int16_t*>(layer.weight);
    std::vector<int32_t> acc(layer.outputs);
    int16_t wide[chunk];
    size_t at = 0;
    for (size_t row = 0; row < rows; ++row, in += layer.inputs) {
        for (size_t start = 0; start < layer.inputs; start += chunk) {
            const size_t count = layer.inputs - start < chunk ? layer.inputs - start : chunk;
            for (size_t i = 0; i < count; ++i) wide[i] = in[start + i];
            for (size_t o = 0; o < layer.outputs; ++o) {
                const int16_t* const w = weight + o * layer.inputs + start;
                int32_t sum = 0;
                for (size_t i = 0; i < count; ++i) sum += int32_t{w[i]} * int32_t{wide[i]};
                acc[o] = (start == 0 ? layer.bias[o] : acc[o]) + sum;
            }
        }
        requantise(layer, 0, layer.outputs, acc.data());
        for (size_t o = 0; o < layer.outputs; ++o, ++at) put(at, acc[o]);
    }
}

void run_8(const LinearLayer& layer, const uint8_t* in, size_t rows, uint8_t* out) {
    run(layer, in, rows, [&](size_t at, int32_t value) { out[at] = static_cast<uint8_t>(value); });
}

void run_16(const LinearLayer& layer, const uint8_t* in, size_t rows, int16_t* out) {
    run(layer, in, rows, [&](size_t at, int32_t value) { out[at] = static_cast<int16_t>(value); });
}

void run_sum(const LinearLayer& layer, const uint8_t* in, size_t rows, const LinearSum& sum,
             uint8_t* out) {
    run(layer, in, rows, [&](size_t at, int32_t value) {
        out[at] = static_cast<uint8_t>(clamp(sum.other[at] + value, sum.low, sum.high));
    });
}

}  // namespace

void requantise(const LinearLayer& layer, size_t first, size_t count, int32_t* acc) {
    const int64_t half = int64_t{1} << (layer.shift - 1);
    for (size_t o = 0; o < count; ++o)
        acc[o] = clamp((int64_t{acc[o]} * layer.multiplier[first + o] + half) >> layer.shift,
                       layer.low, layer.high);
}

const LinearEngine linear_scalar = {"scalar", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
