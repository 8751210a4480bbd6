// Codes pixels as binary decisions. Each probability is mixed from that of the network and those of
// adaptive contexts (docs/model-format.md, M10.5).
//
// It is internal to the including file, which is compiled for each instruction set.
#pragma once

#include <bit>

#include "../mixing/slots.hpp"
#include "../prefetch.hpp"
#include "coding.hpp"
#include "kernels.hpp"
#include "pixels.hpp"

namespace bitsback {
namespace {

// A context's number is that of its pair of inputs of the mixers: 0 to 6 are contexts of levels, 7
// is the network, 8 and 9 are contexts of errors, and 10 to 15 of differences.
constexpr size_t contexts = 16, network = 7, first_error = 8, first_difference = 10;
constexpr size_t parts = contexts / width;
constexpr uint32_t key_factor = 0x9E3779B1, slot_factor = 0x85EBCA6B;

using Keys = Vector<uint32_t, 8>;

// The key of a context of 16 pixels, from some values.
struct Key {
    Keys low, high;

    explicit BITSBACK_INLINE Key(size_t context, uint32_t channel)
        : low(all<Keys>((16 * static_cast<uint32_t>(context) + channel + 1) * key_factor)),
          high(low) {}
    BITSBACK_INLINE Key& take(Words value) {
        const Wide v = widened(value);
        const Keys factor = all<Keys>(key_factor);
        low = (low + seen_as<Keys>(v.low)) * factor;
        high = (high + seen_as<Keys>(v.high)) * factor;
        return *this;
    }
    BITSBACK_INLINE void finish() {
        const Keys shift = all<Keys>(15);
        low = low ^ (low >> shift);
        high = high ^ (high >> shift);
    }
};

// Quantises numbers: counts the steps below x.
template <size_t n>
inline BITSBACK_INLINE Words steps_below(Words x, const int (&steps)[n]) {
    Words count = words(0);
    for (int step : steps) count = count + chosen(words(step) < x, words(1), words(0));
    return count;
}

template <bool is_wide>
class Deciding {
  public:
    BITSBACK_INLINE Deciding(const WaveContexts& in, const WaveDecisions& decisions)
        : in_(in),
          front_(*decisions.front),
          pixels_(*decisions.pixels),
          channel_(static_cast<uint32_t>(decisions.channel)),
          below_(decisions.below) {
        const uint32_t size = uint32_t{1} << in.bits;
        const auto table = [&](uint32_t number) { return WaveContexts::none + number * size; };
        for (uint32_t c = 0; c < contexts; ++c)
            first_[c] = c < network    ? table(c)
                        : c == network ? 0
                        : c < first_difference
                            ? table(WaveContexts::tables) + (c - first_error) * WaveContexts::errors
                        : c == first_difference ? table(7)
                        : c + 1 < contexts      ? table(8)
                                                : table(9);
        for (size_t first = 0; first < front_.count; first += 16) find_keys(first);
#if defined(__AVX2__)
        if (below_ == nullptr) fill_starts(front_, pixels_, starts_);
#endif
    }

    // Calls code(i, d, frequency), which returns the bit, for each decision d of pixel i.
    // frequency: that of a 1, out of 2^wave_decision_precision.
    template <class Code>
    BITSBACK_INLINE void run(const Code& code, uint16_t* symbols) {
        const size_t count = front_.count;
        for (size_t i = 0; i < count; ++i) {
            level_[i] = 0;
            node_[i] = 1;
            found_[i] = 0;
            start_[i] = 0;
            end_[i] = below(i, 1 << depth());
        }
        for (int32_t d = 0; d < depth(); ++d) {
            const int32_t half = half_of(d);
            size_t sure = 0, mixed = 0;
            for (uint32_t i = 0; i < count; ++i) {
                const uint32_t middle = below(i, level_[i] + half);
                middle_[i] = middle;
                if (middle == end_[i] || middle == start_[i]) {
                    put(i, half, middle == end_[i] ? 0 : 1);
                    continue;
                }
                const int32_t odds =
                    logarithm_of(end_[i] - middle) - logarithm_of(middle - start_[i]);
                odds_[i] = odds;
                const bool is_sure = odds > most_odds || odds < -most_odds;
                sure_[sure] = i;
                mixed_[mixed] = i;
                sure += is_sure;
                mixed += !is_sure;
            }
            for (size_t k = 0; k < mixed; ++k) find_slots(mixed_[k], d);
            for (size_t k = 0; k < sure; ++k) {
                const uint32_t i = sure_[k];
                put(i, half, code(i, d, frequency_of(squash(in_.cdf, sure_odds(i)))));
            }
            for (size_t k = 0; k < mixed; ++k) {
                const uint32_t i = mixed_[k];
                put(i, half, mix(i, d, code));
            }
        }
        for (size_t i = 0; i < count; ++i) symbols[i] = static_cast<uint16_t>(level_[i]);
    }

  private:
    static constexpr int32_t most_odds = 11360;  // decisions with greater log-odds are not mixed
    static constexpr uint32_t trust = 30, limits[2] = {60, 127};
    static constexpr SlotBits slot_bits = {WaveContexts::probability_bits,
                                           WaveContexts::check_bits};

    // The number of decisions of a pixel.
    BITSBACK_INLINE int32_t depth() const { return is_wide ? front_.depth : wave_narrow_depth; }
    BITSBACK_INLINE int32_t half_of(int32_t d) const { return 1 << (depth() - 1 - d); }

    // Finds the keys of contexts of 16 pixels, and the levels to which differences are relative.
    BITSBACK_INLINE void find_keys(size_t first) {
        const size_t references = front_.references;
        const auto ring = [&](const int16_t* from, int rows, int columns) BITSBACK_INLINE {
            return load_words(at(front_, from, {rows, columns}) + first);
        };
        const auto level = [&](size_t plane, int rows, int columns) BITSBACK_INLINE {
            return plane <= references ? ring(front_.planes[plane].symbols, rows, columns)
                                       : words(0);
        };
        const auto get = [&](const int16_t* from)
                             BITSBACK_INLINE { return load_words(from + first); };
        const Words w = level(0, 0, -1), n = level(0, -1, 0), nw = level(0, -1, -1),
                    ne = level(0, -1, 1), ww = level(0, 0, -2), nn = level(0, -2, 0);
        const Words own[12] = {w,
                               n,
                               nw,
                               ne,
                               ww,
                               nn,
                               level(0, -1, -2),
                               level(0, -2, 1),
                               level(0, -2, -1),
                               level(0, -1, 2),
                               level(0, -3, 0),
                               level(0, 0, -3)};
        const Words o1 = level(1, 0, 0), w1 = level(1, 0, -1), n1 = level(1, -1, 0),
                    o2 = level(2, 0, 0), w2 = level(2, 0, -1);
        const Words prediction = get(pixels_.predictions), unit = get(pixels_.logarithms),
                    none = words(0);
        Words rounded;
        if constexpr (is_wide) {
            const Wide whole = joined(prediction, get(pixels_.high_predictions));
            rounded = low_words(((whole + wide(32)) >> wide(6)) - wide(wave_middle));
        } else {
            rounded = (prediction + words(32)) >> words(6);
        }

        Keys low[contexts] = {}, high[contexts] = {};
        const auto key = [&](size_t context, auto... values) BITSBACK_INLINE {
            Key made(references > 0 && context > 11 && context < 15 ? 11 : context, channel_);
            (made.take(values), ...);
            made.finish();
            low[context] = made.low;
            high[context] = made.high;
        };
        const auto minus = [](Words x, Words y)
                               BITSBACK_INLINE { return wrapped_difference(x, y); };
        Words nearby[6] = {};
        const auto difference = [&](size_t context, Words from, Words x, Words y) BITSBACK_INLINE {
            key(context, x, y);
            nearby[context - first_difference] = minus(words(is_wide ? 0 : 512), from);
        };
        if (references == 0) {
            const Words two = words(2);
            key(0, rounded);
            key(1, n, ne);
            key(2);
            key(3, w, nw);
            key(4, w, n);
            key(5, w >> two, n >> two, nw >> two, ne >> two);
            difference(10, w, minus(n, nw), none);
            difference(11, n, minus(nw, n), minus(ne, n));
            difference(12, minus(wrapped_sum(w, n), nw), none, none);
            difference(13, w, minus(ww, w), none);
            difference(14, n, minus(nn, n), none);
        } else {
            if (channel_ == 0) {  // the references are other slices
                key(0, rounded);
                key(1, n, o1);
                key(2, o1);
                key(3, w, o1);
                key(4);
            } else {
                key(0, rounded, o1, o2 >> words(3));
                key(1, n, o1, n1);
                key(2, o1, o2);
                key(3, w, o1, w1);
                key(4, rounded, o2);
            }
            const auto from = [&](size_t context, Words near, int rows, int columns)
                                  BITSBACK_INLINE {
                                      difference(context, near, minus(o1, level(1, rows, columns)),
                                                 minus(o2, level(2, rows, columns)));
                                  };
            from(11, w, 0, -1);
            from(12, n, -1, 0);
            from(13, ne, -1, 1);
            from(14, nw, -1, -1);
            const Words west = minus(w, w1);
            if (references == 1) {
                key(5, w, o2);
                difference(10, o1, west, none);
                difference(15, wrapped_sum(o1, west), minus(west, minus(n, n1)), none);
            } else {
                key(5, w, o2, w2);
                difference(10, o1, minus(o2, o1), none);
                difference(15, o1, minus(o2, o1), west);
            }
        }
        key(6, own[0], own[1], own[2], own[3], own[4], own[5], own[6], own[7], own[8], own[9],
            own[10], own[11], o1, o2, w1, n1);

        const Words reciprocal = get(pixels_.reciprocals);
        const auto error = [&](int rows, int columns) BITSBACK_INLINE {
            const Words low = ring(front_.planes[0].differences, rows, columns);
            if constexpr (is_wide) {
                const Words high = ring(front_.planes[0].high_differences, rows, columns);
                const Wide shifted = joined(low, high) >> extended(get(pixels_.shifts));
                return rounded_product(narrowed_sums(shifted), reciprocal);
            } else {
                return rounded_product(low, reciprocal);
            }
        };
        const auto eight = [](Words x) BITSBACK_INLINE {
            return steps_below(x, {-26, -13, -5, 0, 5, 13, 26});
        };
        const auto four = [](Words x) BITSBACK_INLINE { return steps_below(x, {-9, 0, 9}); };
        const auto joined = [](Words x, Words y, int bits)
                                BITSBACK_INLINE { return (x << words(bits)) | y; };
        const Words errors = joined(
            joined(joined(eight(error(0, -1)), eight(error(-1, 0)), 3), four(error(-1, 1)), 2),
            four(error(-1, -1)), 2);
        const Words scaled = between((unit - words(32)) >> words(1), 0, 63);
        if (references == 0 || channel_ == 0) {
            const Words sum =
                steps_below(error(0, -1) + error(-1, 0),
                            {-60, -44, -32, -22, -14, -8, -3, 2, 7, 13, 21, 31, 43, 59});
            difference(15, rounded, scaled >> words(1), sum);
        }
        const Words fraction = joined(scaled, (prediction & words(63)) >> words(2), 4);
        const auto put = [&](size_t context, Words value) BITSBACK_INLINE {
            const Wide v = widened(value);
            low[context] = seen_as<Keys>(v.low);
            high[context] = seen_as<Keys>(v.high);
        };
        put(first_error, errors);
        put(first_error + 1, fraction);

        // Transposes keys, so that those of a pixel are adjacent.
        const auto store_all = [&](Keys(&rows)[8], uint32_t* to, size_t stride) BITSBACK_INLINE {
            transpose(rows);
            for (size_t i = 0; i < 8; ++i) store(to + i * stride, rows[i]);
        };
        for (size_t half = 0; half < 2; ++half) {
            Keys rows[8];
            for (size_t k = 0; k < 2; ++k) {
                for (size_t c = 0; c < 8; ++c) rows[c] = (k == 0 ? low : high)[8 * half + c];
                store_all(rows, keys_[first + 8 * k] + 8 * half, contexts);
            }
        }
        Keys rows[2][8] = {};
        for (size_t c = 0; c < 6; ++c) {
            const Wide v = widened(nearby[c]);
            rows[0][c + 2] = seen_as<Keys>(v.low);
            rows[1][c + 2] = seen_as<Keys>(v.high);
        }
        for (size_t k = 0; k < 2; ++k) store_all(rows[k], nearby_[first + 8 * k], 8);
    }

    // The cumulative weight of the levels below this one.
    BITSBACK_INLINE uint32_t below(size_t i, int32_t level) const {
        constexpr unsigned second = is_wide ? 16 : 8;
        if (!is_wide && below_ != nullptr) return below_[257 * i + static_cast<size_t>(level)];
        if (level >= front_.levels) return wave_total << second;
        const int32_t bits = pixels_.bits[i], apart = level - pixels_.base[i] + (32 << bits);
        int32_t bin = apart >> bits;
        bin = bin < 0 ? 0 : bin > 63 ? 63 : bin;
        const uint32_t start = bin_start(i, bin);
        uint64_t part = uint64_t{bin_start(i, bin + 1) - start} << second;
        if (bin >= 1 && bin <= pixels_.full[i]) [[likely]] {
            part = part * static_cast<uint32_t>(apart & ((1 << bits) - 1)) >> bits;
        } else {
            const BinLevels levels = levels_of(front_, pixels_, i, bin);
            part = part * static_cast<uint32_t>(level - levels.low) /
                   static_cast<uint32_t>(levels.count);
        }
        return (start << second) + static_cast<uint32_t>(part);
    }
    BITSBACK_INLINE uint32_t bin_start(size_t i, int32_t bin) const {
#if defined(__AVX2__)
        return static_cast<uint32_t>(starts_[i * start_row + static_cast<size_t>(bin)] + 1);
#else
        return start_of(front_, pixels_, i, bin);
#endif
    }

    // The logarithm of a number below 2^24, or 2^32 if wide, in units of 2^-11, minus a constant.
    BITSBACK_INLINE int32_t logarithm_of(uint32_t x) const {
        if constexpr (is_wide) {
            const int lead = std::bit_width(x) - 1;
            return (90852 * lead >> 6) - in_.stretch[(uint64_t{x} << 6 >> lead) & 63];
        }
        const auto bits = seen_as<int32_t>(static_cast<float>(static_cast<int32_t>(x)));
        return (90852 * ((bits >> 23) - 127) >> 6) - in_.stretch[bits >> 17 & 63];
    }
    BITSBACK_INLINE int32_t sure_odds(uint32_t i) const {
        const int32_t t = 2 * odds_[i];
        constexpr int32_t end = 1 << 16;
        return !is_wide ? t : t < -end ? -end : t >= end ? end - 1 : t;
    }
    static BITSBACK_INLINE uint32_t frequency_of(int32_t p) {
        const int32_t f = p >> (28 - wave_decision_precision);
        constexpr int32_t most = (1 << wave_decision_precision) - 1;
        return static_cast<uint32_t>(f < 1 ? 1 : f > most ? most : f);
    }
    static BITSBACK_INLINE int32_t limited(int32_t x, int32_t most) {
        return x < 0 ? 0 : x > most ? most : x;
    }

    BITSBACK_INLINE void put(uint32_t i, int32_t half, uint32_t bit) {
        node_[i] = node_[i] << 1 | bit;
        level_[i] += bit != 0 ? half : 0;
        start_[i] = bit != 0 ? middle_[i] : start_[i];
        end_[i] = bit != 0 ? end_[i] : middle_[i];
    }

    // The size of the interval that a decision halves, in units of the pixel, as a logarithm from 0
    // to 3.
    BITSBACK_INLINE int32_t size_of(uint32_t i, int32_t d) const {
        return limited(depth() + 7 - d - (pixels_.logarithms[i] >> 3), 3);
    }

    // Finds the slots of a mixed decision.
    BITSBACK_INLINE void find_slots(uint32_t i, int32_t d) {
        const uint32_t depth = static_cast<uint32_t>(d) & 3, node = node_[i];
        uint32_t* const places = places_[i];
        if (const auto four = static_cast<uint8_t>(1 + d / 4); found_[i] != four) {
            found_[i] = four;
            find_lines(i, node >> depth);
        }
        const uint32_t place = 1u << depth | (node & ((1u << depth) - 1));
        for (size_t c = 0; c < 8; c += width)
            store(places + c, load<Numbers>(lines_[i] + c) ^ numbers(place));
        const auto middle = static_cast<uint32_t>(level_[i] + half_of(d)),
                   number = static_cast<uint32_t>(d) << (is_wide ? 16 : 10);
        for (size_t c = 8; c < contexts; c += width) {
            const Numbers nearby = load<Numbers>(nearby_[i] + c - 8);
            const Numbers m = is_wide
                                  ? ((nearby + numbers(middle)) & numbers(0xffff)) | numbers(number)
                                  : nearby + numbers(middle + number);
            const Numbers hash = (load<Numbers>(keys_[i] + c) ^ m) * numbers(slot_factor);
            store(places + c, load<Numbers>(first_ + c) + (hash >> numbers(32 - in_.bits)));
        }
        const auto likely = static_cast<uint32_t>(limited((odds_[i] + (1 << 13)) >> 11, 7));
        for (size_t c = first_error; c < first_difference; ++c)
            places[c] =
                first_[c] + (keys_[i][c] << 5 | static_cast<uint32_t>(size_of(i, d)) << 3 | likely);
        for (size_t c = first_error; c < contexts; ++c) prefetch(in_.slots + places[c]);
    }
    // Finds for each context of levels the line of 16 slots for four decisions. node: that of the
    // first.
    BITSBACK_INLINE void find_lines(uint32_t i, uint32_t node) {
        for (size_t c = 0; c < 8; c += width) {
            const Numbers hash =
                (load<Numbers>(keys_[i] + c) ^ numbers(node * key_factor)) * numbers(slot_factor);
            store(lines_[i] + c, load<Numbers>(first_ + c) + (hash >> numbers(32 - in_.bits)));
            store(checks_[i] + c,
                  (hash >> numbers(23 - in_.bits)) & numbers((1u << WaveContexts::check_bits) - 1));
        }
        lines_[i][network] = 0;
        checks_[i][network] = 0;
        for (size_t c = 0; c < network; ++c) prefetch(in_.slots + lines_[i][c]);
    }

    struct AllSlots {
        SomeSlots part[parts];
    };
    template <size_t... part>
    BITSBACK_INLINE AllSlots slots_of(uint32_t i, std::index_sequence<part...>) const {
        return {{slots_of<part * width>(i)...}};
    }
    template <size_t c>
    BITSBACK_INLINE SomeSlots slots_of(uint32_t i) const {
        return {gathered(in_.slots, load<Numbers>(places_[i] + c)),
                c < 8 ? load<Numbers>(checks_[i] + c) : numbers(0), slot_bits};
    }

    // Codes a decision, and learns the bit.
    template <class Code>
    BITSBACK_INLINE uint32_t mix(uint32_t i, int32_t d, const Code& code) {
        constexpr size_t mixers = WaveContexts::mixers, inputs = WaveContexts::inputs;
        const uint32_t* const places = places_[i];
        const AllSlots slots = slots_of(i, std::make_index_sequence<parts>());
        WordLanes in[parts];
        int32_t known[8];
        repeat<parts>([&](auto part) BITSBACK_INLINE {
            constexpr size_t c = decltype(part)::value * width;
            Lanes odds = slots.part[part.value].odds(in_.stretch),
                  confidence = slots.part[part.value].confidence(trust);
            if constexpr (c <= network && network < c + width) {
                odds[network - c] = odds_[i];
                confidence[network - c] = 1 << 7;
            }
            in[part.value] = word_pairs(odds, confidence);
            if constexpr (c < 8) {
                const auto single = converted<Vector<float, width>>(
                    converted<Lanes>(slots.part[part.value].count) + lanes(1));
                store(known + c, (seen_as<Lanes>(single) >> lanes(23)) - lanes(127));
            }
        });
        const auto place = static_cast<uint32_t>(d), size = static_cast<uint32_t>(size_of(i, d));
        const auto likely = static_cast<uint32_t>(limited((odds_[i] + (1 << 14)) >> 11, 15));
        const auto unit = static_cast<uint32_t>(limited((pixels_.logarithms[i] - 32) >> 1, 63));
        const uint32_t numbers_of[mixers] = {
            is_wide ? place * 8 + static_cast<uint32_t>(known[0]) : node_[i],
            (static_cast<uint32_t>(known[6]) * 8 + static_cast<uint32_t>(known[5])) * 8 +
                (is_wide ? size : place),
            likely * 8 + static_cast<uint32_t>(known[2]), unit * 4 + size};
        size_t set[mixers], before = 0;
        Four sums[mixers];
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            set[m.value] = before + 4 * numbers_of[m.value] + channel_;
            before += WaveContexts::sets[m.value];
            const int16_t* const w = in_.weights + set[m.value] * inputs;
            Lanes sum = lanes(0);
            repeat<parts>([&](auto part) BITSBACK_INLINE {
                sum =
                    sum + (products(in[part.value], load<WordLanes>(w + part.value * 2 * width)) >>
                           lanes(8));
            });
            sums[m.value] = folded(sum);
        });
        Four t = pairs_added(pairs_added(sums[0], sums[1]), pairs_added(sums[2], sums[3]));
        t = clamped(t >> all<Four>(5), -(1 << 16), (1 << 16) - 1);
        int32_t mixed[mixers];
        store(mixed, t);
        const int32_t mean = (mixed[0] + mixed[1] + mixed[2] + mixed[3]) >> 2;
        const uint32_t bit = code(i, d, frequency_of(squash(in_.cdf, mean)));

        uint32_t made[contexts];
        repeat<parts>([&](auto part) BITSBACK_INLINE {
            constexpr size_t c = decltype(part)::value * width, kind = c < 8 ? 0 : 1;
            const SomeSlots& some = slots.part[part.value];
            store(made + c, some.learned(gathered(in_.slot_rates[kind], some.count),
                                         lanes(limits[kind]), bit));
        });
        for (size_t c = 0; c < contexts; ++c)
            if (c != network) in_.slots[places[c]] = made[c];
        repeat<mixers>([&](auto m) BITSBACK_INLINE {
            uint16_t& uses = in_.uses[set[m.value]];
            const int64_t goal = bit != 0 ? 1 << 28 : 0;
            const int64_t change = (goal - squash(in_.cdf, mixed[m.value])) * in_.mixer_rates[uses];
            uses = static_cast<uint16_t>(uses + (uses < in_.last_rate));
            const WordLanes error =
                all<WordLanes>(static_cast<int16_t>((change + (1 << 25)) >> 26));
            int16_t* const w = in_.weights + set[m.value] * inputs;
            repeat<parts>([&](auto part) BITSBACK_INLINE {
                int16_t* const at = w + part.value * 2 * width;
                store(at, adjusted(load<WordLanes>(at), in[part.value], error));
            });
        });
        return bit;
    }

    const WaveContexts& in_;
    const WaveFront& front_;
    const WavePixels& pixels_;
    uint32_t channel_;
    const uint32_t* below_;
    // Per context, the first slot of its table.
    uint32_t first_[contexts];
    // Per pixel: keys; for each difference, 2^9 minus the level that it is relative to (if wide,
    // the negated level); the lines of the contexts of levels; and the slots of a decision.
    uint32_t keys_[wave_slots][contexts];
    uint32_t nearby_[wave_slots][8];
    uint32_t lines_[wave_slots][8], checks_[wave_slots][8];
    uint8_t found_[wave_slots];  // whose lines were found: 1 + the decision / 4, or 0
    uint32_t places_[wave_slots][contexts];
    // The known bits of its level, and the cumulative weights at the bounds and the middle of the
    // remaining levels.
    int32_t level_[wave_slots];
    uint32_t node_[wave_slots];
    uint32_t start_[wave_slots], middle_[wave_slots], end_[wave_slots];
    int32_t odds_[wave_slots];  // log-odds of a 1 by the network
    uint32_t sure_[wave_slots], mixed_[wave_slots];
#if defined(__AVX2__)
    int16_t starts_[wave_slots * start_row];
#endif
};

template <bool is_wide>
size_t decide_levels(const WaveContexts& contexts, const WaveDecisions& decisions,
                     const uint16_t* symbols, uint16_t* out) {
    uint16_t bits[wave_decisions / 16] = {};
    size_t count = 0;
    uint16_t known[wave_slots];
    const int32_t depth = is_wide ? decisions.front->depth : wave_narrow_depth;
    Deciding<is_wide>(contexts, decisions)
        .run(
            [&](uint32_t i, int32_t d, uint32_t frequency) BITSBACK_INLINE {
                const uint32_t bit = symbols[i] >> (depth - 1 - d) & 1;
                out[count] = static_cast<uint16_t>(
                    bit != 0 ? frequency : (1u << wave_decision_precision) - frequency);
                bits[count / 16] = static_cast<uint16_t>(bits[count / 16] | bit << count % 16);
                ++count;
                return bit;
            },
            known);
    memcpy(out + count, bits, (count + 15) / 16 * sizeof *bits);
    return count;
}

template <bool is_wide>
const uint32_t* pop_levels(const WaveContexts& contexts, const WaveDecisions& decisions,
                           uint64_t* heads, size_t lanes, const uint32_t* top, uint16_t* symbols) {
    size_t lane = 0;
    Deciding<is_wide>(contexts, decisions)
        .run(
            [&](uint32_t, int32_t, uint32_t frequency) BITSBACK_INLINE {
                uint64_t& head = heads[lane];
                lane = lane + 1 == lanes ? 0 : lane + 1;
                constexpr uint32_t whole = 1u << wave_decision_precision;
                const auto x = static_cast<uint32_t>(head & (whole - 1));
                const uint32_t bit = x >= whole - frequency;
                const uint32_t from = bit != 0 ? whole - frequency : 0,
                               of_bit = bit != 0 ? frequency : whole - frequency;
                const uint64_t next = of_bit * (head >> wave_decision_precision) + x - from;
                const bool empty = next < uint64_t{1} << 32;
                const uint64_t filled = next << 32 | top[-1];
                head = empty ? filled : next;
                top -= empty;
                return bit;
            },
            symbols);
    return top;
}

size_t decide(const WaveContexts& contexts, const WaveDecisions& decisions, const uint16_t* symbols,
              uint16_t* out) {
    return decisions.front->depth > wave_narrow_depth
               ? decide_levels<true>(contexts, decisions, symbols, out)
               : decide_levels<false>(contexts, decisions, symbols, out);
}

const uint32_t* pop_decisions(const WaveContexts& contexts, const WaveDecisions& decisions,
                              uint64_t* heads, size_t lanes, const uint32_t* top,
                              uint16_t* symbols) {
    return decisions.front->depth > wave_narrow_depth
               ? pop_levels<true>(contexts, decisions, heads, lanes, top, symbols)
               : pop_levels<false>(contexts, decisions, heads, lanes, top, symbols);
}

}  // namespace
}  // namespace bitsback
