// The engines of 64-bit ARM processors. This file is compiled twice: neon is for all of them,
// dotprod for those with the dot product (ARMv8.2 and later).
//
// Both multiply signed bytes by signed bytes. If inputs exceed 127, they are read as x - 128, and
// 128 times the sum of the weights is added to the bias; intermediate sums of 32 bits may wrap.
//
// Packed weights, for each panel of 16 outputs (8 or 4, if the last one has no more):
//
//     what is added to the bias of each output, int32
//     for each four inputs, 16 outputs x 4 weights
#include <arm_neon.h>
#include <string.h>

#include "../repeat.hpp"
#include "engine.hpp"

namespace bitsback {
namespace {

// Four outputs of a row.
#if defined(BITSBACK_ENGINE_DOTPROD)
// sdot sums four products of bytes into 32 bits.
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
#else
// Products in 16 bits (smull), summed in pairs into 32 (sadalp).
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
#endif

constexpr size_t panel = 16;
constexpr size_t block = 16;  // inputs that are read at once

inline size_t fours_of(size_t inputs) { return (inputs + 3) / 4; }

// The number of outputs in a panel that begins with the output `first`.
inline size_t width_of(size_t outputs, size_t first) {
    const size_t left = outputs - first;
    return left > 8 ? 16 : left > 4 ? 8 : 4;
}

inline size_t panel_size(size_t inputs, size_t width) { return fours_of(inputs) * width * 4; }

inline bool centred(uint32_t input_top) { return input_top > 127; }

size_t packed_size(const LinearWeights& weights) {
    const size_t panels = (weights.outputs + panel - 1) / panel;
    return panels * panel * 4 + panels * panel_size(weights.inputs, panel);
}

void pack(const LinearWeights& weights, int8_t* packed) {
    const size_t inputs = weights.inputs;
    for (size_t first = 0; first < weights.outputs; first += panel) {
        const size_t width = width_of(weights.outputs, first);
        const size_t size = width * 4 + panel_size(inputs, width);
        memset(packed, 0, size);
        for (size_t o = 0; o < width && first + o < weights.outputs; ++o) {
            const int8_t* const from = weights.weight + (first + o) * inputs;
            uint32_t sum = 0;
            for (size_t i = 0; i < inputs; ++i) {
                packed[width * 4 + (i / 4 * width + o) * 4 + i % 4] = from[i];
                sum += static_cast<uint32_t>(int32_t{from[i]});
            }
            if (!centred(weights.input_top)) sum = 0;
            sum *= 128;
            memcpy(packed + 4 * o, &sum, 4);
        }
        packed += size;
    }
}

// The requantisation of four accumulators.
class Requantisation {
  public:
    explicit Requantisation(const LinearLayer& layer)
        : layer_(layer),
          half_(vdupq_n_s32(layer.high_word.half)),
          shift_(vdupq_n_s32(-static_cast<int32_t>(layer.high_word.shift))),
          lift_(vdupq_n_s32(static_cast<int32_t>(layer.high_word.lift))) {}

    int32x4_t run(int32x4_t acc, size_t first) const {
        if (!layer_.high_word.exact) {
            int32_t values[4];
            vst1q_s32(values, acc);
            requantise(layer_, first, 4, values);
            return vld1q_s32(values);
        }
        const int32x4_t multiplier = vld1q_s32(layer_.high_word.multiplier + first);
        acc = vshlq_s32(acc, lift_);
        const int64x2_t low = vmull_s32(vget_low_s32(acc), vget_low_s32(multiplier));
        const int64x2_t high = vmull_high_s32(acc, multiplier);
        const int32x4_t words = vuzp2q_s32(vreinterpretq_s32_s64(low), vreinterpretq_s32_s64(high));
        return vshlq_s32(vaddq_s32(words, half_), shift_);
    }

  private:
    const LinearLayer& layer_;
    int32x4_t half_;
    int32x4_t shift_;
    int32x4_t lift_;
};

inline int16x8_t clamp(int16x8_t words, int32_t low, int32_t high) {
    return vminq_s16(vmaxq_s16(words, vdupq_n_s16(static_cast<int16_t>(low))),
                     vdupq_n_s16(static_cast<int16_t>(high)));
}

// The destinations of results. Each stores up to 16 values, which are saturated 16-bit numbers,
// from element `at` on.
struct Bytes {
    uint8_t* out;

    void put(int16x8_t one, int16x8_t two, size_t at, size_t count,
             const LinearLayer& layer) const {
        put_clamped(one, two, at, count, layer.low, layer.high);
    }

    void put_clamped(int16x8_t one, int16x8_t two, size_t at, size_t count, int32_t low,
                     int32_t high) const {
        uint8x16_t bytes = vcombine_u8(vqmovun_s16(one), vqmovun_s16(two));
        bytes = vmaxq_u8(bytes, vdupq_n_u8(static_cast<uint8_t>(low)));
        bytes = vminq_u8(bytes, vdupq_n_u8(static_cast<uint8_t>(high)));
        if (count >= panel) {
            vst1q_u8(out + at, bytes);
            return;
        }
        uint8_t some[panel];
        vst1q_u8(some, bytes);
        memcpy(out + at, some, count);
    }
};

struct Words {
    int16_t* out;

    void put(int16x8_t one, int16x8_t two, size_t at, size_t count,
             const LinearLayer& layer) const {
        int16_t some[panel];
        int16_t* const to = count >= panel ? out + at : some;
        vst1q_s16(to, clamp(one, layer.low, layer.high));
        vst1q_s16(to + 8, clamp(two, layer.low, layer.high));
        if (count < panel) memcpy(out + at, some, 2 * count);
    }
};

// The sum with bytes of the same shape, clamped again.
struct Sums {
    Bytes to;
    const uint8_t* other;
    int32_t low;
    int32_t high;

    void put(int16x8_t one, int16x8_t two, size_t at, size_t count,
             const LinearLayer& layer) const {
        uint8_t some[panel] = {};
        const uint8_t* from = other + at;
        if (count < panel) from = static_cast<const uint8_t*>(memcpy(some, from, count));
        const auto add = [&](int16x8_t words, const uint8_t* bytes) {
            return vqaddq_s16(clamp(words, layer.low, layer.high),
                              vreinterpretq_s16_u16(vmovl_u8(vld1_u8(bytes))));
        };
        to.put_clamped(add(one, from), add(two, from + 8), at, count, low, high);
    }
};

// The outputs of a panel of `parts` times 4 for `rows` rows from `row` on.
template <size_t rows, size_t parts, class Out>
void run_tile(const LinearLayer& layer, const int8_t* packed, const uint8_t* in, size_t row,
              size_t first, const Out& out) {
    const size_t inputs = layer.inputs;
    in += row * inputs;
    Accumulator acc[parts][rows];
    repeat<parts>([&](auto part) BITSBACK_INLINE {
        constexpr size_t p = decltype(part)::value;
        const uint32x4_t bias =
            vaddq_u32(vreinterpretq_u32_s32(vld1q_s32(layer.bias + first + 4 * p)),
                      vreinterpretq_u32_s8(vld1q_s8(packed + 16 * p)));
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            acc[p][decltype(r)::value].start(vreinterpretq_s32_u32(bias));
        });
    });
    const int8_t* weight = packed + 16 * parts;
    const uint8x16_t flip = vdupq_n_u8(centred(layer.input_top) ? 128 : 0);
    int8x16_t x[rows];
    const auto multiply = [&](auto four) BITSBACK_INLINE {
        repeat<parts>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            const int8x16_t w = vld1q_s8(weight + 16 * p);
            repeat<rows>([&](auto r) BITSBACK_INLINE {
                constexpr size_t at = decltype(r)::value;
                acc[p][at].template add<decltype(four)::value>(w, x[at]);
            });
        });
        weight += 16 * parts;
    };
    size_t left = inputs;
    for (; left >= block; left -= block, in += block) {
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            constexpr size_t at = decltype(r)::value;
            x[at] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(in + at * inputs), flip));
        });
        repeat<4>(multiply);
    }
    if (left != 0) {
        repeat<rows>([&](auto r) BITSBACK_INLINE {
            constexpr size_t at = decltype(r)::value;
            uint8_t some[block] = {};
            memcpy(some, in + at * inputs, left);
            x[at] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(some), flip));
        });
        multiply(Index<0>());
        if (left > 4) multiply(Index<1>());
        if (left > 8) multiply(Index<2>());
        if (left > 12) multiply(Index<3>());
    }
    const Requantisation requantisation(layer);
    repeat<rows>([&](auto r) BITSBACK_INLINE {
        constexpr size_t at = decltype(r)::value;
        int16x4_t words[4] = {};
        repeat<parts>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            words[p] = vqmovn_s32(requantisation.run(acc[p][at].total(), first + 4 * p));
        });
        out.put(vcombine_s16(words[0], words[1]), vcombine_s16(words[2], words[3]),
                (row + at) * layer.outputs + first, layer.outputs - first, layer);
    });
}

template <size_t parts, class Out>
void run_panel(const LinearLayer& layer, const int8_t* packed, const uint8_t* in, size_t rows,
               size_t first, const Out& out) {
    constexpr size_t most = Accumulator::rows;
    size_t row = 0;
    for (; row + most <= rows; row += most)
        run_tile<most, parts>(layer, packed, in, row, first, out);
    for (; row < rows; ++row) run_tile<1, parts>(layer, packed, in, row, first, out);
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Out& out) {
    const int8_t* packed = layer.weight;
    for (size_t first = 0; first < layer.outputs; first += panel) {
        const size_t width = width_of(layer.outputs, first);
        if (width == 16)
            run_panel<4>(layer, packed, in, rows, first, out);
        else if (width == 8)
            run_panel<2>(layer, packed, in, rows, first, out);
        else
            run_panel<1>(layer, packed, in, rows, first, out);
        packed += width * 4 + panel_size(layer.inputs, width);
    }
}

}  // namespace
}  // namespace bitsback

#include "engine_runs.hpp"

namespace bitsback {

#if defined(BITSBACK_ENGINE_DOTPROD)
const LinearEngine linear_dotprod = {"dotprod", packed_size, pack, run_8, run_16, run_sum};
#else
const LinearEngine linear_neon = {"neon", packed_size, pack, run_8, run_16, run_sum};
#endif

}  // namespace bitsback
