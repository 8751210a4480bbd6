// The engine of every 64-bit ARM processor: products in 16 bits (smull), summed in pairs into 32
// (sadalp).
#include <arm_neon.h>
#include <stddef.h>

namespace bitsback {
namespace {

struct Accumulator {
    static constexpr size_t rows = 2;  // of a tile: 16 of the 32 registers

    int32x4_t low;   // the sums of outputs 0 and 1, in two parts each
    int32x4_t high;  // those of outputs 2 and 3

    void start(int32x4_t bias) {
        low = vzip1q_s32(bias, vdupq_n_s32(0));
        high = vzip2q_s32(bias, vdupq_n_s32(0));
    }

    // Adds the products of the inputs 4 * four ... 4 * four + 3 in x with 4 outputs x 4 weights.
    template <size_t four>
    void add(int8x16_t weights, int8x16_t x) {
        const int8x16_t inputs =
            vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), four));
        low = vpadalq_s16(low, vmull_s8(vget_low_s8(weights), vget_low_s8(inputs)));
        high = vpadalq_s16(high, vmull_high_s8(weights, inputs));
    }

    int32x4_t total() const { return vpaddq_s32(low, high); }
};

}  // namespace
}  // namespace bitsback

#include "vectors_arm.hpp"

namespace bitsback {

const LinearEngine linear_neon = {"neon", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
