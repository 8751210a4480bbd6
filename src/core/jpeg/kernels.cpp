// This file is compiled once for each instruction set. CMakeLists.txt defines BITSBACK_KERNELS, the
// symbol that each build exports.
#include "kernels.hpp"

#include "../mixing/log_odds.hpp"
#include "around.hpp"

namespace bitsback::jpeg {
namespace {

using Reals = Vector<double, distributions>;
constexpr size_t words = 2 * width;
// Of log-odds, in units of 2^-9.
constexpr int32_t most_counted = (1 << 12) - 1, most_distributed = 1 << 11;
constexpr int32_t reach = 1 << 16;  // of mixed log-odds, in units of 2^-12

// Log-odds as inputs of mixers, in units of 2^-9.
inline BITSBACK_INLINE Lanes limited(Lanes odds, int32_t most) {
    return clamped(odds >> lanes(2), -most, most);
}

inline BITSBACK_INLINE uint32_t total(Numbers x) {
    uint32_t sum = 0;
    for (size_t i = 0; i < width; ++i) sum += x[i];
    return sum;
}

void find(Mixture& mixture, const int32_t* values, uint32_t seed) {
    Numbers number;
    for (size_t c = 0; c < width; ++c) number[c] = static_cast<uint32_t>(c);
    for (size_t c = 0; c < contexts; c += width) {
        Numbers hash =
            (converted<Numbers>(joined(values + c)) + numbers(seed)) * numbers(0x9E3779B1u);
        hash = (hash ^ (hash >> numbers(15))) * numbers(0x85EBCA77u);
        hash = (hash ^ (hash >> numbers(15))) * numbers(0xC2B2AE3Du);
        const Numbers table = (number + numbers(static_cast<uint32_t>(c))) << numbers(table_bits);
        const Numbers line = hash >> numbers(32 - table_bits + line_bits);
        store(mixture.lines + c, table + (line << numbers(line_bits)));
        store(mixture.checks + c, (hash >> numbers(4)) & numbers(7));
    }
}

int32_t mix(Mixture& mixture, const MixtureTables& tables, uint32_t place, const int32_t* parts) {
    constexpr size_t vectors = contexts / width;
    // Log-odds of contexts, and then of distributions, padded, and a constant.
    Lanes inputs[2 * vectors];
    repeat<vectors>([&](auto v) BITSBACK_INLINE {
        constexpr size_t c = decltype(v)::value * width;
        const auto check = load<Numbers>(mixture.checks + c);
        Numbers found;
        for (size_t i = 0; i < width; ++i) found[i] = tables.slots[mixture.lines[c + i] + place];
        const Numbers slot =
            chosen((found & numbers(7)) == check, found, numbers(1u << 31) | check);
        store(mixture.slots + c, slot);
        const auto p = converted<Lanes>(slot >> numbers(10));
        inputs[v.value] = limited(stretched(tables.stretch, p), most_counted);
        const Lanes part = (joined(parts + c) >> lanes(6)) + lanes(1);
        inputs[vectors + v.value] = by_logarithm(tables.logarithms, part);
    });
    Lanes constant = lanes(0), first = lanes(0);
    constant[width - distributions] = 1 << 5;
    for (size_t t = 0; t < distributions; ++t) first[t] = -1;
    if constexpr (width == 8) {
        const Lanes apart = inputs[1] - shuffled<4, 5, 6, 7, 0, 1, 2, 3>(inputs[1], inputs[1]);
        inputs[1] = (limited(apart, most_distributed) & first) | constant;
    } else {
        inputs[2] = limited(inputs[2] - inputs[3], most_distributed);
        inputs[3] = constant;
    }
    Numbers sums = numbers(0);
    repeat<vectors>([&](auto v) BITSBACK_INLINE {
        const WordLanes x = packed(inputs[2 * v.value], inputs[2 * v.value + 1]);
        store(mixture.inputs + v.value * words, x);
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            const auto weights = load<WordLanes>(mixture.weights[m.value] + v.value * words);
            sums = sums + seen_as<Numbers>(products(x, weights));
        });
    });
    const int32_t odds = static_cast<int32_t>(total(sums)) >> (weight_bits - 3);
    const int32_t most = odds < reach - 1 ? odds : reach - 1;
    return squash(tables.cdf, most > -reach ? most : -reach);
}

void learn(const Mixture& mixture, const MixtureTables& tables, uint32_t place, uint32_t bit,
           int32_t p) {
    const int32_t error = (static_cast<int32_t>(bit << 28) - p) >> 6;
    WordLanes most = all<WordLanes>(-most_weight);
    most[words - 1] = most_uses;
    repeat<mixers>([&](auto m) BITSBACK_INLINE {
        int16_t* const at = mixture.weights[m.value];
        const int32_t rate = tables.mixer_rates[at[mixer_inputs - 1]];
        const auto step = all<WordLanes>(static_cast<int16_t>((error * rate + (1 << 15)) >> 16));
        repeat<mixer_inputs / words>([&](auto v) BITSBACK_INLINE {
            constexpr size_t first = decltype(v)::value * words;
            const auto x = load<WordLanes>(mixture.inputs + first);
            WordLanes learned = adjusted(load<WordLanes>(at + first), x, step);
            if constexpr (first + words == mixer_inputs)
                learned = chosen(learned < most, learned + all<WordLanes>(1), learned);
            store(at + first, learned);
        });
    });
    const Lanes goal = lanes(bit != 0 ? (1 << 22) - 1 : 0);
    uint32_t learned[contexts];
    for (size_t c = 0; c < contexts; c += width) {
        const auto slot = load<Numbers>(mixture.slots + c);
        const auto expected = converted<Lanes>(slot >> numbers(10));
        const auto count = converted<Lanes>((slot >> numbers(3)) & numbers(127));
        const Lanes change = ((goal - expected) >> lanes(6)) * gathered(tables.rates, count);
        const Lanes moved = clamped(expected + (change >> lanes(10)), 32, (1 << 22) - 32);
        const Lanes counted = least_of(count + lanes(1), lanes(127));
        store(learned + c, (converted<Numbers>(moved) << numbers(10)) |
                               (converted<Numbers>(counted) << numbers(3)) | (slot & numbers(7)));
    }
    for (size_t c = 0; c < contexts; ++c) tables.slots[mixture.lines[c] + place] = learned[c];
}

// The distribution functions at x. Doubles are exact: products above 2^53 are limited anyway.
inline BITSBACK_INLINE Four below(const Logistics& logistics, const int32_t* cdf, int32_t x) {
    constexpr double most = 1 << 28;
    Reals odds = (all<Reals>(x) - load<Reals>(logistics.means)) * load<Reals>(logistics.rates);
    odds = least_of(most_of(odds, all<Reals>(-most)), all<Reals>(most - 1));
    const Four at = (converted<Four>(odds) >> all<Four>(12)) + all<Four>(reach);
    const Four entry = at >> all<Four>(6);
    Four first, second;
    for (size_t t = 0; t < distributions; ++t) {
        first[t] = cdf[entry[t]];
        second[t] = cdf[entry[t] + 1];
    }
    return first + ((second - first) * (at & all<Four>(63)) >> all<Four>(6));
}

void spread(Logistics& logistics, const int32_t* cdf, const int32_t* scales, double rest,
            double middle) {
    store(logistics.means, Reals{rest, middle, 0, rest});
    const auto scale = converted<Reals>(most_of(load<Four>(scales), all<Four>(40)));
    // The quotient of two small integers is never rounded up to the next integer.
    store(logistics.rates, converted<Reals>(converted<Four>(all<Reals>(1 << 28) / scale)));
    store(logistics.low, below(logistics, cdf, -128));
    store(logistics.high, all<Four>(1 << 28) - below(logistics, cdf, 128));
}

void tails(const Logistics& logistics, const int32_t* cdf, int32_t least, int32_t negative,
           int32_t* out) {
    const int32_t x = least * 256 - 128, sign = negative != 0 ? 1 : -1;
    const Four at = below(logistics, cdf, -sign * x);
    store(out, at * all<Four>(sign) + all<Four>(negative != 0 ? 0 : 1 << 28));
}

int32_t predict(const int32_t* weights, int32_t* inputs, int32_t shift, int32_t* power) {
    Numbers sums = numbers(0), squares = numbers(0);
    for (size_t i = 0; i < linear_inputs; i += width) {
        const Lanes x = clamped(joined(inputs + i) >> lanes(shift), -8191, 8191);
        store(inputs + i, x);
        sums = sums + load<Numbers>(weights + i) * converted<Numbers>(x);
        squares = squares + converted<Numbers>(x * x);
    }
    *power = static_cast<int32_t>(total(squares));
    return static_cast<int32_t>(total(sums));
}

void nudge(int32_t* weights, const int32_t* inputs, int32_t step) {
    for (size_t i = 0; i < linear_inputs; i += width) {
        const Lanes change = (lanes(step) * load<Lanes>(inputs + i) + lanes(1 << 11)) >> lanes(12);
        store(weights + i, clamped(load<Lanes>(weights + i) + change, -(1 << 20), 1 << 20));
    }
}

void surround(int32_t* sums, int32_t size) { add_around(sums, size); }

void smooth(const int32_t* from, int32_t* to) { smoothed(from, to); }

}  // namespace

const Kernels BITSBACK_KERNELS = {find,    mix,   learn,    spread, tails,
                                  predict, nudge, surround, smooth};

}  // namespace bitsback::jpeg
