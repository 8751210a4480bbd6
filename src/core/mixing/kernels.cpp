// This file is compiled once for each instruction set: CMakeLists.txt gives BITSBACK_KERNELS, the
// name of what comes of it.
#include "kernels.hpp"

#include "../repeat.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace bitsback {
namespace {

constexpr int32_t most_weight = 32767;
constexpr uint32_t fresh = 1u << 31;  // a half, and nothing counted

#if defined(__AVX2__)
inline __m256i load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline void store(void* to, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(to), x); }
inline __m256i all(uint32_t x) { return _mm256_set1_epi32(static_cast<int32_t>(x)); }
inline __m128i by(uint32_t shift) { return _mm_cvtsi32_si128(static_cast<int32_t>(shift)); }
// As eight numbers of 16 bits, which they fit.
inline void store_halves(int16_t* to, __m256i x) {
    const __m256i pairs = _mm256_permute4x64_epi64(_mm256_packs_epi32(x, x), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(pairs));
}
// The odd lanes of 32 bits in the places of the even ones, of which products of 64 bits are.
inline __m256i odd(__m256i a) { return _mm256_srli_epi64(a, 32); }

// Eight slots of a decision, as far as they are of its keys.
struct Eight {
    __m256i p;
    __m256i count;
    __m256i check;

    Eight(const SlotView& slots, size_t first) : check(load(slots.checks + first)) {
        const __m256i found = _mm256_i32gather_epi32(reinterpret_cast<const int*>(slots.all),
                                                     load(slots.numbers + first), sizeof(uint32_t));
        const __m256i own =
            _mm256_cmpeq_epi32(_mm256_and_si256(found, all((1u << slots.check_bits) - 1)), check);
        const __m256i slot = _mm256_blendv_epi8(all(fresh), found, own);
        p = _mm256_srl_epi32(slot, by(32 - slots.probability_bits));
        count = _mm256_srl_epi32(_mm256_sll_epi32(slot, by(slots.probability_bits)),
                                 by(slots.probability_bits + slots.check_bits));
    }
};

void look(const SlotView& slots, const Within& within, const int32_t* stretch, uint32_t trust,
          int16_t* inputs, uint32_t* counts) {
    for (size_t i = 0; i < slots.count; i += 8) {
        const __m256i direct = load(within.direct + i), line = load(within.lines + i);
        const __m256i near = _mm256_xor_si256(line, _mm256_andnot_si256(direct, all(within.place)));
        store(slots.numbers + i,
              _mm256_add_epi32(near, _mm256_and_si256(direct, all(within.node))));
        const Eight of(slots, i);
        const __m256i p = _mm256_sll_epi32(of.p, by(22 - slots.probability_bits));
        const __m256i rarer = _mm256_min_epi32(p, _mm256_sub_epi32(all(1u << 22), p));
        // A float has the logarithm of an integer below 2^24, and its first bits, as they are.
        const __m256i index = _mm256_sub_epi32(
            _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(rarer)), 17), all(127 * 64));
        const __m256i odds = _mm256_i32gather_epi32(stretch, index, sizeof(int32_t));
        const __m256i likely = _mm256_cmpgt_epi32(p, all(1u << 21));
        const __m256i sign = _mm256_or_si256(_mm256_andnot_si256(likely, all(~0u)), all(1));
        const __m256i none = _mm256_cmpeq_epi32(of.count, _mm256_setzero_si256());
        store_halves(inputs + i, _mm256_andnot_si256(none, _mm256_sign_epi32(odds, sign)));
        const __m256i trusted = _mm256_min_epi32(of.count, all(trust));
        const __m256i apart = _mm256_sub_epi32(p, all(1u << 21));
        store_halves(inputs + slots.count + i,
                     _mm256_srai_epi32(_mm256_mullo_epi32(apart, trusted), 14));
        store(counts + i, of.count);
    }
}

void learn(const SlotView& slots, const int32_t* rates, const uint32_t* limits, size_t contexts,
           uint32_t bit) {
    const uint32_t whole = 1u << slots.probability_bits;
    const uint32_t margin = whole >> 17 > 1 ? whole >> 17 : 1;
    const uint32_t counts = 1u << (32 - slots.probability_bits - slots.check_bits);
    const __m256i goal = all(bit != 0 ? whole - 1 : 0);
    for (size_t i = 0; i < slots.count; i += 8) {
        const Eight of(slots, i);
        const __m256i row =
            _mm256_mullo_epi32(_mm256_add_epi32(all(static_cast<uint32_t>(i)),
                                                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
                               all(counts));
        const __m256i rate =
            _mm256_i32gather_epi32(rates, _mm256_add_epi32(row, of.count), sizeof(int32_t));
        const __m256i apart = _mm256_sub_epi32(goal, of.p);
        const __m256i even = _mm256_srli_epi64(_mm256_mul_epi32(apart, rate), 16);
        const __m256i others = _mm256_slli_epi64(_mm256_mul_epi32(odd(apart), odd(rate)), 16);
        const __m256i moved = _mm256_add_epi32(of.p, _mm256_blend_epi32(even, others, 0xAA));
        const __m256i p =
            _mm256_min_epi32(_mm256_max_epi32(moved, all(margin)), all(whole - margin));
        const __m256i count =
            _mm256_min_epi32(_mm256_add_epi32(of.count, all(1)), load(limits + i));
        const __m256i slot =
            _mm256_or_si256(_mm256_or_si256(_mm256_sll_epi32(p, by(32 - slots.probability_bits)),
                                            _mm256_sll_epi32(count, by(slots.check_bits))),
                            of.check);
        alignas(32) uint32_t made[8];
        _mm256_store_si256(reinterpret_cast<__m256i*>(made), slot);
        const size_t some = contexts - i < 8 ? contexts - i : 8;
        for (size_t c = 0; c < some; ++c) slots.all[slots.numbers[i + c]] = made[c];
    }
}

// The sums of weights times inputs of some mixers, in each lane modulo 2^32, and of their upper
// halves, by which the sums are known whole.
template <size_t mixers>
struct Sums {
    __m256i sum[mixers];
    __m256i high[mixers];

    Sums() {
        repeat<mixers>(
            [&](auto m) BITSBACK_INLINE { sum[m.value] = high[m.value] = _mm256_setzero_si256(); });
    }

    // Those of so many vectors from the input i on, whose products add up to less than 2^31.
    template <size_t vectors>
    BITSBACK_INLINE void add(const int16_t* const (&weights)[mixers], const int16_t* inputs,
                             size_t i) {
        __m256i x[vectors];
        repeat<vectors>([&](auto v)
                            BITSBACK_INLINE { x[v.value] = load(inputs + i + 16 * v.value); });
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            __m256i some = _mm256_madd_epi16(x[0], load(weights[m.value] + i));
            repeat<vectors - 1>([&](auto v) BITSBACK_INLINE {
                const size_t next = v.value + 1;
                some = _mm256_add_epi32(
                    some, _mm256_madd_epi16(x[next], load(weights[m.value] + i + 16 * next)));
            });
            sum[m.value] = _mm256_add_epi32(sum[m.value], some);
            high[m.value] = _mm256_add_epi32(high[m.value], _mm256_srai_epi32(some, 16));
        });
    }

    // All lanes of lower halves, and of upper ones, add up to less than 2^31, too.
    BITSBACK_INLINE void total(int64_t* sums) const {
        __m256i both[mixers];
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            const __m256i low =
                _mm256_sub_epi32(sum[m.value], _mm256_slli_epi32(high[m.value], 16));
            both[m.value] = _mm256_hadd_epi32(low, high[m.value]);
        });
        repeat<(mixers + 1) / 2>([&](auto pair) BITSBACK_INLINE {
            constexpr size_t m = 2 * decltype(pair)::value, other = m + 1 < mixers ? m + 1 : m;
            const __m256i two = _mm256_hadd_epi32(both[m], both[other]);
            alignas(16) int32_t of[4];
            _mm_store_si128(
                reinterpret_cast<__m128i*>(of),
                _mm_add_epi32(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1)));
            sums[m] = of[0] + int64_t{of[1]} * (1 << 16);
            sums[other] = of[2] + int64_t{of[3]} * (1 << 16);
        });
    }
};

template <size_t mixers>
void mix_some(const int16_t* const* weights, const MixerInputs& inputs, int64_t* sums) {
    const int16_t *own[mixers], *shared[mixers];
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        own[m.value] = weights[m.value];
        shared[m.value] = weights[m.value] + inputs.own_count;
    });
    Sums<mixers> all;
    for (size_t i = 0; i < inputs.own_count; i += 16) all.template add<1>(own, inputs.own, i);
    size_t i = 0;
    for (; i + 64 <= inputs.shared_count; i += 64) all.template add<4>(shared, inputs.shared, i);
    for (; i < inputs.shared_count; i += 16) all.template add<1>(shared, inputs.shared, i);
    all.total(sums);
}

template <size_t mixers>
void adjust_some(int16_t* const* weights, const int16_t* errors, const MixerInputs& inputs) {
    const __m256i least = _mm256_set1_epi16(static_cast<int16_t>(-most_weight));
    int16_t* all[mixers];
    __m256i error[mixers];
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        all[m.value] = weights[m.value];
        error[m.value] = _mm256_set1_epi16(errors[m.value]);
    });
    const auto take = [&](const int16_t* from, size_t count, size_t first) BITSBACK_INLINE {
        for (size_t i = 0; i < count; i += 16) {
            const __m256i x = load(from + i);
            repeat<mixers>([&](auto m) BITSBACK_INLINE {
                int16_t* const at = all[m.value] + first + i;
                const __m256i change = _mm256_mulhrs_epi16(x, error[m.value]);
                store(at, _mm256_max_epi16(_mm256_adds_epi16(load(at), change), least));
            });
        }
    };
    take(inputs.own, inputs.own_count, 0);
    take(inputs.shared, inputs.shared_count, inputs.own_count);
}

// Calls code with the number of mixers, which the compiler knows then.
template <class Code>
void with_mixers(size_t mixers, const Code& code) {
    switch (mixers) {
        case 1:
            return code(Index<1>());
        case 2:
            return code(Index<2>());
        case 3:
            return code(Index<3>());
        default:
            return code(Index<4>());
    }
}

void mix(const int16_t* const* weights, size_t mixers, const MixerInputs& inputs, int64_t* sums) {
    with_mixers(mixers, [&](auto m) { mix_some<decltype(m)::value>(weights, inputs, sums); });
}
void adjust(int16_t* const* weights, const int16_t* errors, size_t mixers,
            const MixerInputs& inputs) {
    with_mixers(mixers, [&](auto m) { adjust_some<decltype(m)::value>(weights, errors, inputs); });
}
#else
template <class T>
inline T clamped(T x, T low, T high) {
    return x < low ? low : x > high ? high : x;
}

// A slot of a decision, as far as it is of its key.
struct One {
    uint32_t p;
    uint32_t count;

    One(const SlotView& slots, size_t i) {
        const uint32_t found = slots.all[slots.numbers[i]];
        const bool own = (found & ((1u << slots.check_bits) - 1)) == slots.checks[i];
        const uint32_t slot = own ? found : fresh;
        p = slot >> (32 - slots.probability_bits);
        count = slot << slots.probability_bits >> (slots.probability_bits + slots.check_bits);
    }
};

void look(const SlotView& slots, const Within& within, const int32_t* stretch, uint32_t trust,
          int16_t* inputs, uint32_t* counts) {
    for (size_t i = 0; i < slots.count; ++i) {
        slots.numbers[i] =
            within.direct[i] != 0 ? within.lines[i] + within.node : within.lines[i] ^ within.place;
        const One of(slots, i);
        const uint32_t p = of.p << (22 - slots.probability_bits), half = 1u << 21;
        const uint32_t rarer = p > half ? 2 * half - p : p;
        uint32_t lead = 0;
        for (uint32_t step = 16; step != 0; step /= 2)
            if (rarer >> (lead + step) != 0) lead += step;
        const auto fraction = static_cast<uint32_t>((uint64_t{rarer} << 6) >> lead);
        const int32_t odds = stretch[64 * lead + fraction - 64];
        inputs[i] = static_cast<int16_t>(of.count == 0 ? 0 : p > half ? odds : -odds);
        const uint32_t trusted = of.count < trust ? of.count : trust;
        const int32_t apart = static_cast<int32_t>(p) - static_cast<int32_t>(half);
        inputs[slots.count + i] = static_cast<int16_t>(apart * static_cast<int32_t>(trusted) >> 14);
        counts[i] = of.count;
    }
}

void learn(const SlotView& slots, const int32_t* rates, const uint32_t* limits, size_t contexts,
           uint32_t bit) {
    const int32_t whole = 1 << slots.probability_bits;
    const int32_t margin = whole >> 17 > 1 ? whole >> 17 : 1;
    const uint32_t counts = 1u << (32 - slots.probability_bits - slots.check_bits);
    for (size_t i = 0; i < contexts; ++i) {
        const One of(slots, i);
        const auto before = static_cast<int32_t>(of.p);
        const int32_t goal = bit != 0 ? whole - 1 : 0;
        const int64_t change = static_cast<int64_t>(goal - before) * rates[i * counts + of.count];
        const int32_t p =
            clamped(before + static_cast<int32_t>(change >> 16), margin, whole - margin);
        const uint32_t count = of.count < limits[i] ? of.count + 1 : limits[i];
        slots.all[slots.numbers[i]] = static_cast<uint32_t>(p) << (32 - slots.probability_bits) |
                                      count << slots.check_bits | slots.checks[i];
    }
}

int64_t dot(const int16_t* weights, const int16_t* inputs, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; ++i)
        sum += static_cast<int32_t>(weights[i]) * static_cast<int32_t>(inputs[i]);
    return sum;
}
void mix(const int16_t* const* weights, size_t mixers, const MixerInputs& inputs, int64_t* sums) {
    for (size_t m = 0; m < mixers; ++m)
        sums[m] = dot(weights[m], inputs.own, inputs.own_count) +
                  dot(weights[m] + inputs.own_count, inputs.shared, inputs.shared_count);
}

void adjust_one(int16_t* weights, const int16_t* inputs, int32_t error, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const int32_t change = (static_cast<int32_t>(inputs[i]) * error + (1 << 14)) >> 15;
        weights[i] = static_cast<int16_t>(
            clamped(static_cast<int32_t>(weights[i]) + change, -most_weight, most_weight));
    }
}
void adjust(int16_t* const* weights, const int16_t* errors, size_t mixers,
            const MixerInputs& inputs) {
    for (size_t m = 0; m < mixers; ++m) {
        adjust_one(weights[m], inputs.own, errors[m], inputs.own_count);
        adjust_one(weights[m] + inputs.own_count, inputs.shared, errors[m], inputs.shared_count);
    }
}
#endif

}  // namespace

const MixingKernels BITSBACK_KERNELS = {look, learn, mix, adjust};

}  // namespace bitsback
