// The engine of ARM processors with the dot product (ARMv8.2 and later): sdot sums four products of
// bytes into 32 bits.
#include <arm_neon.h>
#include <stddef.h>

namespace bitsback {
namespace {

struct Accumulator {
    static constexpr size_t rows = 4;  // of a tile: 16 of the 32 registers

    int32x4_t sum;

    void start(int32x4_t bias) { sum = bias; }

    // Adds the products of the inputs 4 * four ... 4 * four + 3 in x with 4 outputs x 4 weights.
    template <size_t four>
    void add(int8x16_t weights, int8x16_t x) {
        sum = vdotq_laneq_s32(sum, weights, x, four);
    }

    int32x4_t total() const { return sum; }
};

}  // namespace
}  // namespace bitsback

#include "vectors_arm.hpp"

namespace bitsback {

const LinearEngine linear_dotprod = {"dotprod", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
