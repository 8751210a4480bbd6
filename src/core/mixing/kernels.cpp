// This file is compiled once for each instruction set. CMakeLists.txt defines BITSBACK_KERNELS, the
// symbol that each build exports.
#include "kernels.hpp"

#include "slots.hpp"

namespace bitsback {
namespace {

constexpr size_t words = 2 * width;
using Inputs = Vector<int16_t, width>;

SlotBits bits_of(const SlotView& slots) { return {slots.probability_bits, slots.check_bits}; }

void look(const SlotView& slots, const Within& within, const int32_t* stretch, uint32_t trust,
          int16_t* inputs, uint32_t* counts) {
    for (size_t i = 0; i < slots.count; i += width) {
        const auto direct = load<Numbers>(within.direct + i);
        const auto line = load<Numbers>(within.lines + i);
        const Numbers near = line ^ (numbers(within.place) & (direct ^ numbers(~0u)));
        const Numbers places = near + (direct & numbers(within.node));
        store(slots.numbers + i, places);
        const SomeSlots some(gathered(slots.all, places), load<Numbers>(slots.checks + i),
                             bits_of(slots));
        store(inputs + i, converted<Inputs>(some.odds(stretch)));
        store(inputs + slots.count + i, converted<Inputs>(some.confidence(trust)));
        store(counts + i, some.count);
    }
}

void learn(const SlotView& slots, const int32_t* rates, const uint32_t* limits, size_t contexts,
           uint32_t bit) {
    const uint32_t counts = 1u << (32 - slots.probability_bits - slots.check_bits);
    Numbers rows;
    for (size_t c = 0; c < width; ++c) rows[c] = static_cast<uint32_t>(c) * counts;
    for (size_t i = 0; i < slots.count; i += width, rates += width * counts) {
        const SomeSlots some(gathered(slots.all, load<Numbers>(slots.numbers + i)),
                             load<Numbers>(slots.checks + i), bits_of(slots));
        const Lanes rate = gathered(rates, rows + some.count);
        uint32_t made[width];
        store(made, some.learned(rate, load<Lanes>(limits + i), bit));
        for (size_t c = 0; c < width && i + c < contexts; ++c)
            slots.all[slots.numbers[i + c]] = made[c];
    }
}

// 64-bit sums are reconstructed from the sums modulo 2^32 of each lane, and from those of the upper
// halves of products.
template <size_t mixers>
void mix_some(const int16_t* const* weights, const MixerInputs& inputs, int64_t* sums) {
    Numbers sum[mixers];
    Lanes high[mixers];
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        sum[m.value] = numbers(0);
        high[m.value] = lanes(0);
    });
    for (size_t i = 0; i < inputs.count; i += words) {
        const auto x = load<WordLanes>(inputs.first + i);
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            const Lanes some = products(x, load<WordLanes>(weights[m.value] + i));
            sum[m.value] = sum[m.value] + converted<Numbers>(some);
            high[m.value] = high[m.value] + (some >> lanes(16));
        });
    }
    // The sums over all lanes, of lower and of upper halves, stay below 2^31.
    Four both[mixers];
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        const Numbers upper = converted<Numbers>(high[m.value]) << numbers(16);
        const auto low = converted<Lanes>(sum[m.value] - upper);
        both[m.value] = pairs_added(folded(low), folded(high[m.value]));
    });
    repeat<(mixers + 1) / 2>([&](auto pair) BITSBACK_INLINE {
        constexpr size_t m = 2 * decltype(pair)::value, other = m + 1 < mixers ? m + 1 : m;
        const Four added = pairs_added(both[m], both[other]);
        sums[m] = added[0] + int64_t{added[1]} * (1 << 16);
        sums[other] = added[2] + int64_t{added[3]} * (1 << 16);
    });
}

template <size_t mixers>
void adjust_some(int16_t* const* weights, const int16_t* errors, const MixerInputs& inputs) {
    int16_t* all[mixers];
    WordLanes error[mixers];
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        all[m.value] = weights[m.value];
        error[m.value] = bitsback::all<WordLanes>(errors[m.value]);
    });
    for (size_t i = 0; i < inputs.count; i += words) {
        const auto x = load<WordLanes>(inputs.first + i);
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            int16_t* const at = all[m.value] + i;
            store(at, adjusted(load<WordLanes>(at), x, error[m.value]));
        });
    }
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
