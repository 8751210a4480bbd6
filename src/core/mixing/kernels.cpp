// This file is compiled once for each instruction set: CMakeLists.txt gives BITSBACK_KERNELS, the
// name of what comes of it.
#include "kernels.hpp"

#include "../lanes.hpp"

namespace bitsback {
namespace {

constexpr uint32_t fresh = 1u << 31;  // a half, and nothing counted

using Numbers = Vector<uint32_t, short_width>;
constexpr size_t words = 2 * short_width;
using Inputs = Vector<int16_t, short_width>;

inline BITSBACK_INLINE ShortLanes lanes(int32_t x) { return all<ShortLanes>(x); }
inline BITSBACK_INLINE Numbers numbers(uint32_t x) { return all<Numbers>(x); }

// Slots of a decision, as far as they are of its keys.
struct SomeSlots {
    Numbers p;
    Numbers count;
    Numbers check;

    SomeSlots(const SlotView& slots, Numbers places, size_t first)
        : check(load<Numbers>(slots.checks + first)) {
        const Numbers found = gathered(slots.all, places);
        const Numbers slot =
            chosen((found & numbers((1u << slots.check_bits) - 1)) == check, found, numbers(fresh));
        p = slot >> numbers(32 - slots.probability_bits);
        count = (slot << numbers(slots.probability_bits)) >>
                numbers(slots.probability_bits + slots.check_bits);
    }
};

void look(const SlotView& slots, const Within& within, const int32_t* stretch, uint32_t trust,
          int16_t* inputs, uint32_t* counts) {
    for (size_t i = 0; i < slots.count; i += short_width) {
        const auto direct = load<Numbers>(within.direct + i);
        const auto line = load<Numbers>(within.lines + i);
        const Numbers near = line ^ (numbers(within.place) & (direct ^ numbers(~0u)));
        const Numbers places = near + (direct & numbers(within.node));
        store(slots.numbers + i, places);
        const SomeSlots of(slots, places, i);
        const auto p = converted<ShortLanes>(of.p << numbers(22 - slots.probability_bits));
        const ShortLanes half = lanes(1 << 21), rarer = least_of(p, half + half - p);
        // A float has the logarithm of an integer below 2^24, and its first bits, as they are.
        const auto wide = seen_as<ShortLanes>(converted<Vector<float, short_width>>(rarer));
        const ShortLanes odds = gathered(stretch, (wide >> lanes(17)) - lanes(127 * 64));
        const ShortLanes none = lanes(0);
        const ShortLanes own = chosen(half < p, odds, none - odds);
        store(inputs + i, converted<Inputs>(chosen(of.count == numbers(0), none, own)));
        const auto trusted = least_of(converted<ShortLanes>(of.count), lanes(trust));
        store(inputs + slots.count + i, converted<Inputs>(((p - half) * trusted) >> lanes(14)));
        store(counts + i, of.count);
    }
}

void learn(const SlotView& slots, const int32_t* rates, const uint32_t* limits, size_t contexts,
           uint32_t bit) {
    const int32_t whole = 1 << slots.probability_bits;
    const int32_t margin = whole >> 17 > 1 ? whole >> 17 : 1;
    const uint32_t counts = 1u << (32 - slots.probability_bits - slots.check_bits);
    Numbers rows;
    for (size_t c = 0; c < short_width; ++c) rows[c] = static_cast<uint32_t>(c) * counts;
    const ShortLanes goal = lanes(bit != 0 ? whole - 1 : 0);
    for (size_t i = 0; i < slots.count; i += short_width, rates += short_width * counts) {
        const SomeSlots of(slots, load<Numbers>(slots.numbers + i), i);
        const ShortLanes rate = gathered(rates, rows + of.count);
        // The product, of 38 bits, in two parts.
        const auto before = converted<ShortLanes>(of.p);
        const ShortLanes apart = goal - before, byte = lanes(8);
        const ShortLanes low = ((apart & lanes(255)) * rate) >> byte;
        const ShortLanes moved = before + (((apart >> byte) * rate + low) >> byte);
        const auto p = converted<Numbers>(clamped(moved, margin, whole - margin));
        const auto count = converted<Numbers>(
            least_of(converted<ShortLanes>(of.count + numbers(1)), load<ShortLanes>(limits + i)));
        uint32_t made[short_width];
        store(made, (p << numbers(32 - slots.probability_bits)) |
                        (count << numbers(slots.check_bits)) | of.check);
        for (size_t c = 0; c < short_width && i + c < contexts; ++c)
            slots.all[slots.numbers[i + c]] = made[c];
    }
}

// a[0] + a[1], a[2] + a[3], b[0] + b[1], b[2] + b[3].
inline BITSBACK_INLINE Four pairs_added(Four a, Four b) {
    return shuffled<0, 2, 4, 6>(a, b) + shuffled<1, 3, 5, 7>(a, b);
}

// The sums of weights times inputs of some mixers, in each lane modulo 2^32, and of their upper
// halves, by which the sums are known whole.
template <size_t mixers>
struct Sums {
    ShortLanes sum[mixers];
    ShortLanes high[mixers];

    Sums() {
        repeat<mixers>([&](auto m) BITSBACK_INLINE { sum[m.value] = high[m.value] = lanes(0); });
    }

    // Those of so many vectors from the input i on, whose products add up to less than 2^31.
    template <size_t vectors>
    BITSBACK_INLINE void add(const int16_t* const (&weights)[mixers], const int16_t* inputs,
                             size_t i) {
        ShortWords x[vectors];
        repeat<vectors>([&](auto v) BITSBACK_INLINE {
            x[v.value] = load<ShortWords>(inputs + i + words * v.value);
        });
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            ShortLanes some = products(x[0], load<ShortWords>(weights[m.value] + i));
            repeat<vectors - 1>([&](auto v) BITSBACK_INLINE {
                const size_t next = v.value + 1;
                some =
                    some + products(x[next], load<ShortWords>(weights[m.value] + i + words * next));
            });
            sum[m.value] = sum[m.value] + some;
            high[m.value] = high[m.value] + (some >> lanes(16));
        });
    }

    // All lanes of lower halves, and of upper ones, add up to less than 2^31, too.
    BITSBACK_INLINE void total(int64_t* sums) const {
        Four both[mixers];
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            const auto folded = [](ShortLanes x) BITSBACK_INLINE {
                Four parts[short_width / 4];
                memcpy(parts, &x, sizeof x);
                return short_width == 8 ? parts[0] + parts[short_width / 4 - 1] : parts[0];
            };
            const ShortLanes low = sum[m.value] - (high[m.value] << lanes(16));
            both[m.value] = pairs_added(folded(low), folded(high[m.value]));
        });
        repeat<(mixers + 1) / 2>([&](auto pair) BITSBACK_INLINE {
            constexpr size_t m = 2 * decltype(pair)::value, other = m + 1 < mixers ? m + 1 : m;
            const Four of = pairs_added(both[m], both[other]);
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
    for (size_t i = 0; i < inputs.own_count; i += words) all.template add<1>(own, inputs.own, i);
    size_t i = 0;
    for (; i + 4 * words <= inputs.shared_count; i += 4 * words)
        all.template add<4>(shared, inputs.shared, i);
    for (; i < inputs.shared_count; i += words) all.template add<1>(shared, inputs.shared, i);
    all.total(sums);
}

template <size_t mixers>
void adjust_some(int16_t* const* weights, const int16_t* errors, const MixerInputs& inputs) {
    int16_t* all[mixers];
    ShortWords error[mixers];
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        all[m.value] = weights[m.value];
        error[m.value] = bitsback::all<ShortWords>(errors[m.value]);
    });
    const auto take = [&](const int16_t* from, size_t count, size_t first) BITSBACK_INLINE {
        for (size_t i = 0; i < count; i += words) {
            const auto x = load<ShortWords>(from + i);
            repeat<mixers>([&](auto m) BITSBACK_INLINE {
                int16_t* const at = all[m.value] + first + i;
                store(at, adjusted(load<ShortWords>(at), x, error[m.value]));
            });
        }
    };
    take(inputs.own, inputs.own_count, 0);
    take(inputs.shared, inputs.shared_count, inputs.own_count);
}

void mix(const int16_t* const* weights, size_t mixers, const MixerInputs& inputs, int64_t* sums) {
    with_index<4>(mixers, [&](auto m) { mix_some<decltype(m)::value>(weights, inputs, sums); });
}
void adjust(int16_t* const* weights, const int16_t* errors, size_t mixers,
            const MixerInputs& inputs) {
    with_index<4>(mixers,
                  [&](auto m) { adjust_some<decltype(m)::value>(weights, errors, inputs); });
}

}  // namespace

const MixingKernels BITSBACK_KERNELS = {look, learn, mix, adjust};

}  // namespace bitsback
