// The plain engine: what every machine can run, and what the others are compared with.
#include <cstring>

#include "linear_engine.hpp"

namespace bitsback {
namespace {

size_t packed_size(size_t inputs, size_t outputs) { return inputs * outputs; }

void pack(const int8_t* weight, size_t inputs, size_t outputs, int8_t* packed) {
    std::memcpy(packed, weight, inputs * outputs);
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, Out* out) {
    const int64_t half = int64_t{1} << (layer.shift - 1);
    for (size_t row = 0; row < rows; ++row, in += layer.inputs, out += layer.outputs)
        for (size_t o = 0; o < layer.outputs; ++o) {
            const int8_t* weight = layer.weight + o * layer.inputs;
            int32_t acc = layer.bias[o];
            for (size_t i = 0; i < layer.inputs; ++i) acc += int32_t{weight[i]} * int32_t{in[i]};
            const int64_t scaled = (int64_t{acc} * layer.multiplier[o] + half) >> layer.shift;
            out[o] = static_cast<Out>(scaled < layer.low ? layer.low : scaled > layer.high ? layer.high : scaled);
        }
}

}  // namespace

const LinearEngine linear_scalar = {"scalar", packed_size, pack, run<uint8_t>, run<int16_t>};

}  // namespace bitsback
