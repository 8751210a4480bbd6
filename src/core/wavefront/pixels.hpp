// Predicts the pixels of a front, which are coded at the same time: the prediction of least
// squares, the network, and the distributions (docs/model-format.md, M10.2 and M10.3).
//
// It is internal to the including file, which is compiled for each instruction set.
#pragma once

#include "kernels.hpp"
#include "words.hpp"

namespace bitsback {
namespace {

struct Place {
    int rows, columns;
};
// The inputs of least squares, and the window of the network, in the plane itself (_0) and in its
// references. If there are references, only the first inputs_0 and window_0 are used.
constexpr size_t own_inputs = 9, own_window = 12;
constexpr Place inputs_0[] = {{-1, 0},  {0, -1},  {-1, -1}, {-1, 1},  {-2, 0},  {0, -2},
                              {-2, 1},  {-1, -2}, {-1, 2},  {-2, -1}, {-3, 0},  {0, -3},
                              {-2, -2}, {-2, 2},  {-1, -3}, {-1, 3},  {-3, -1}, {-3, 1}};
constexpr Place inputs_1[] = {{0, 0}, {-1, 0}, {0, -1}, {0, 1}, {-1, -1}, {-1, 1}};
constexpr Place inputs_2[] = {{0, 0}, {-1, 0}, {0, -1}};
constexpr Place window_0[] = {{-1, 0},  {0, -1}, {-1, -1}, {-1, 1}, {-2, 0},  {0, -2},
                              {-2, -1}, {-2, 1}, {-1, -2}, {-1, 2}, {-3, 0},  {0, -3},
                              {-2, -2}, {-2, 2}, {-1, -3}, {-1, 3}, {-3, -1}, {-3, 1},
                              {-3, -2}, {-3, 2}, {-2, -3}, {-2, 3}, {-3, -3}, {-3, 3}};
constexpr Place window_1[] = {{0, 0},   {-1, 0}, {0, -1}, {0, 1}, {1, 0},
                              {-1, -1}, {-1, 1}, {1, -1}, {1, 1}, {-2, 0}};
constexpr Place window_2[] = {{0, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, 0}, {-1, -1}};
constexpr Place coded_neighbours[] = {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}};

// The place in a ring where the neighbours of the front's pixels at `place` begin.
inline BITSBACK_INLINE const int16_t* at(const WaveFront& front, const int16_t* ring, Place place) {
    const size_t time = front.time + static_cast<size_t>(16 * place.rows + place.columns);
    return ring + (time & (wave_times - 1)) * front.stride +
           static_cast<ptrdiff_t>(front.items) * place.rows;
}

// Two vectors of eight numbers each as floats, which represent them exactly.
struct Singles {
    Floats low, high;

    explicit BITSBACK_INLINE Singles(Wide x)
        : low(converted<Floats>(x.low)), high(converted<Floats>(x.high)) {}
    // The exponents, each followed by the high `bits` bits of the mantissa.
    BITSBACK_INLINE Wide exponents(int bits) const {
        const Ints shift = all<Ints>(23 - bits), bias = all<Ints>(127 << bits);
        return {(seen_as<Ints>(low) >> shift) - bias, (seen_as<Ints>(high) >> shift) - bias};
    }
    // 2^19 / x, rounded down. Rounding of the float quotient cannot reach the next integer, which
    // is more than one last bit away.
    BITSBACK_INLINE Wide reciprocals() const {
        const Floats one = all<Floats>(524288);
        return {converted<Ints>(one / low), converted<Ints>(one / high)};
    }
};
// The logarithm of x to base 2, in eighths.
inline BITSBACK_INLINE Words logarithm(Words x) {
    return narrowed(Singles(widened(x)).exponents(3));
}
inline BITSBACK_INLINE Words logarithm(Wide x) { return narrowed_sums(Singles(x).exponents(3)); }

// The median of a, b and a + b - c. Sums of wide levels may overflow 16 bits, but the median
// cannot.
inline BITSBACK_INLINE Words median(Words a, Words b, Words c) {
    const Words low = least(a, b), high = most(a, b);
    return wrapped_difference(wrapped_sum(low, high), least(most(c, low), high));
}

inline BITSBACK_INLINE Words all_of(Words, int x) { return words(x); }
inline BITSBACK_INLINE Wide all_of(Wide, int x) { return wide(x); }

// The unit of a pixel: the recent error around it, by which differences are divided.
template <bool is_wide>
struct Unit {
    using Numbers = Words;
    Words value, reciprocal, logarithm;

    explicit BITSBACK_INLINE Unit(Words mean_error) : value(mean_error + words(16)) {
        const Singles singles(widened(value));
        reciprocal = narrowed(singles.reciprocals());
        logarithm = narrowed(singles.exponents(3));
    }
    static BITSBACK_INLINE Words difference(Words level, Words other) { return level - other; }
    static BITSBACK_INLINE Words in_words(Words x) { return x; }
};
// With more than 256 levels, numbers are shifted down first, so that the unit has at most 13 bits.
template <>
struct Unit<true> {
    using Numbers = Wide;
    Words value, reciprocal, logarithm, factor;
    Wide shift;

    explicit BITSBACK_INLINE Unit(Wide mean_error) {
        shift = Singles(mean_error).exponents(0) - wide(11);
        shift = between(shift, 0, 8);
        factor = narrowed_sums(wide(1 << 14) >> shift);
        const Wide whole = mean_error + wide(16);
        logarithm = bitsback::logarithm(whole);
        value = narrowed_sums(whole >> shift);
        reciprocal = narrowed(Singles(widened(value)).reciprocals());
    }
    static BITSBACK_INLINE Words difference(Words level, Words other, Words factor) {
        const Words d = saturated_difference(level, other);
        return between(rounded_product(saturated_sum(d, d), factor), -511, 511);
    }
    BITSBACK_INLINE Words difference(Words level, Words other) const {
        return difference(level, other, factor);
    }
    BITSBACK_INLINE Words in_words(Wide x) const { return narrowed_sums(x >> shift); }
};

// Subtracts a prediction from levels; both the prediction and the result are in 64ths.
struct NarrowDifference {
    Words prediction;
    BITSBACK_INLINE Words operator()(Words level) const { return (level << words(6)) - prediction; }
};
struct WideDifference {
    const Unit<true>& unit;
    Words median, change;  // the prediction minus the median
    BITSBACK_INLINE Words operator()(Words level) const {
        return saturated_difference(unit.difference(level, median) << words(6), change);
    }
};
// 64 times the symbol of a stored level, as predictions are in 64ths.
inline BITSBACK_INLINE Wide in_64ths(Words level) {
    return (extended(level) + wide(wave_middle)) << wide(6);
}
inline BITSBACK_INLINE NarrowDifference difference_to(const Unit<false>&, Words prediction, Words) {
    return {prediction};
}
inline BITSBACK_INLINE WideDifference difference_to(const Unit<true>& unit, Wide prediction,
                                                    Words median) {
    return {unit, median, unit.in_words(prediction - in_64ths(median))};
}

// Inputs of a layer for 16 pixels, in [0, 127], in the layout of the product instructions. With
// AVX2 a pixel has four adjacent bytes, and the pixels 0 to 3 and 8 to 11 come first; otherwise a
// pixel has two adjacent words.
struct Values {
#if defined(__AVX2__)
    alignas(64) uint8_t data[128 * 16];

    static BITSBACK_INLINE Register order() {
        return _mm256_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15, 0, 8, 1, 9, 2,
                                10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    }
    // Stores pairs of bytes as the values from i on.
    BITSBACK_INLINE void put(size_t i, Register a, Register b) {
        store(data + 16 * i, _mm256_unpacklo_epi16(a, b));
        store(data + 16 * i + 32, _mm256_unpackhi_epi16(a, b));
    }
    BITSBACK_INLINE void put_features(size_t i, const Words* f) {
        const auto pair = [](Words x, Words y) BITSBACK_INLINE {
            const Register both = _mm256_shuffle_epi8(_mm256_packs_epi16(in(x), in(y)), order());
            const Register as_unsigned =
                _mm256_xor_si256(both, _mm256_set1_epi8(static_cast<char>(0x80)));
            return _mm256_and_si256(_mm256_srli_epi16(as_unsigned, 1), _mm256_set1_epi8(0x7f));
        };
        put(i, pair(f[0], f[1]), pair(f[2], f[3]));
    }
    // Stores four sums times their multipliers, plus the values of `before`.
    BITSBACK_INLINE void put_layer(size_t i, const Wide* sums, const int32_t* multipliers,
                                   const Values* before) {
        const Register m = _mm256_broadcastsi128_si256(load<__m128i>(multipliers));
        const Register m01 = _mm256_shuffle_epi8(m, repeated(0)),
                       m23 = _mm256_shuffle_epi8(m, repeated(8));
        const auto half = [&](size_t place, Ints a, Ints b, Ints c, Ints d) BITSBACK_INLINE {
            const Register x = _mm256_mulhrs_epi16(_mm256_packs_epi32(in(a), in(b)), m01),
                           y = _mm256_mulhrs_epi16(_mm256_packs_epi32(in(c), in(d)), m23);
            Register z = _mm256_shuffle_epi8(_mm256_packus_epi16(x, y), transposed());
            if (before != nullptr) z = _mm256_adds_epu8(z, load<Register>(before->data + place));
            store(data + place, _mm256_min_epu8(z, _mm256_set1_epi8(127)));
        };
        half(16 * i, sums[0].low, sums[1].low, sums[2].low, sums[3].low);
        half(16 * i + 32, sums[0].high, sums[1].high, sums[2].high, sums[3].high);
    }
    static BITSBACK_INLINE Register repeated(int8_t k) {
        const __m128i x = _mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 4, 5, 4, 5, 4, 5, 4, 5);
        return _mm256_broadcastsi128_si256(_mm_add_epi8(x, _mm_set1_epi8(k)));
    }
    static BITSBACK_INLINE Register transposed() {
        return _mm256_broadcastsi128_si256(
            _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    }
#else
    alignas(64) int16_t data[128 * 16];

    // Stores four values from i on, clamped to [0, 127], plus those of `sum`.
    void put(size_t i, const Words* x, const Values* sum) {
        for (size_t k = 0; k < 4; k += 2) {
            const Words a = between(x[k], 0, 127), b = between(x[k + 1], 0, 127);
            Words both[2] = {
                shuffled<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b),
                shuffled<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b)};
            for (size_t half = 0; half < 2; ++half) {
                const size_t place = 16 * (i + k + half);
                if (sum != nullptr)
                    both[half] = least(both[half] + load_words(sum->data + place), words(127));
                store(data + place, both[half]);
            }
        }
    }
    void put_features(size_t i, const Words* f) {
        Words x[4];
        for (size_t k = 0; k < 4; ++k) x[k] = (between(f[k], -128, 127) + words(128)) >> words(1);
        put(i, x, nullptr);
    }
    void put_layer(size_t i, const Wide* sums, const int32_t* multipliers, const Values* before) {
        Words z[4];
        for (size_t k = 0; k < 4; ++k)
            z[k] = rounded_product(narrowed_sums(sums[k]), words(multipliers[k]));
        put(i, z, before);
    }
#endif
};

// The weighted sums of some outputs from `first` on, with the pixels in the order of narrowed_sums.
// Several independent sums hide the latency of products.
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
constexpr size_t outputs_at_once = 8;
#else
constexpr size_t outputs_at_once = 4;
#endif
inline BITSBACK_INLINE void sums_of_layer(const WaveLayer& layer, const Values& values,
                                          size_t first, Wide (&out)[outputs_at_once]) {
    const int8_t* weight = layer.weight + first * layer.inputs;
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    __m512i sums[8];
    repeat<8>([&](auto o) { sums[o.value] = _mm512_set1_epi32(layer.bias[first + o.value]); });
    for (size_t i = 0; i < layer.inputs; i += 4, weight += 16) {
        const __m512i x = load<__m512i>(values.data + 16 * i);
        repeat<8>([&](auto o) BITSBACK_INLINE {
            const int8_t* const at = weight + o.value / 4 * 4 * layer.inputs + 4 * (o.value % 4);
            sums[o.value] =
                _mm512_dpbusd_epi32(sums[o.value], x, _mm512_set1_epi32(load<int32_t>(at)));
        });
    }
    repeat<8>([&](auto o) {
        out[o.value] = {out_ints(_mm512_castsi512_si256(sums[o.value])),
                        out_ints(_mm512_extracti64x4_epi64(sums[o.value], 1))};
    });
#elif defined(__AVX2__)
    const Register ones = _mm256_set1_epi16(1);
    const auto add_part = [&](size_t part) BITSBACK_INLINE {
        const int32_t* const halves = layer.halves + part / 64 * layer.outputs + first;
        Register low[4], high[4];
        repeat<4>(
            [&](auto o) { low[o.value] = high[o.value] = _mm256_set1_epi32(halves[o.value]); });
        const size_t end = part + 64 < layer.inputs ? part + 64 : layer.inputs;
        for (size_t i = part; i < end; i += 8)
            repeat<2>([&](auto k) BITSBACK_INLINE {
                const size_t place = i + 4 * k.value;
                const Register a = load<Register>(values.data + 16 * place),
                               b = load<Register>(values.data + 16 * place + 32);
                repeat<4>([&](auto o) BITSBACK_INLINE {
                    const Register w =
                        _mm256_set1_epi32(load<int32_t>(weight + 4 * place + 4 * o.value));
                    low[o.value] = _mm256_add_epi16(low[o.value], _mm256_maddubs_epi16(a, w));
                    high[o.value] = _mm256_add_epi16(high[o.value], _mm256_maddubs_epi16(b, w));
                });
            });
        repeat<4>([&](auto o) BITSBACK_INLINE {
            Wide& sum = out[o.value];
            sum.low = sum.low + out_ints(_mm256_madd_epi16(low[o.value], ones));
            sum.high = sum.high + out_ints(_mm256_madd_epi16(high[o.value], ones));
        });
    };
    // Handling the first part separately keeps the sums in registers.
    add_part(0);
    for (size_t part = 64; part < layer.inputs; part += 64) add_part(part);
#else
    // Vectors longer than the processor's registers would stay in memory.
    constexpr size_t parts = 16 / width;
    for (size_t o = 0; o < 4; o += 2) {
        Lanes sums[2][parts];
        for (size_t k = 0; k < 2; ++k)
            for (Lanes& sum : sums[k]) sum = all<Lanes>(layer.bias[first + o + k]);
        for (size_t i = 0; i < layer.inputs; i += 2) {
            const int8_t* const at = weight + i / 4 * 16 + i % 4 + 4 * o;
            repeat<2>([&](auto k) {
                // The words lie in memory as those of the values do, whatever the byte order.
                const int16_t pair[2] = {at[4 * k.value], at[4 * k.value + 1]};
                int32_t both;
                memcpy(&both, pair, sizeof both);
                const auto w = seen_as<WordLanes>(all<Lanes>(both));
                repeat<parts>([&](auto part) {
                    const auto x = load<WordLanes>(values.data + 16 * i + 2 * width * part.value);
                    sums[k.value][part.value] = sums[k.value][part.value] + products(x, w);
                });
            });
        }
        repeat<2>([&](auto k) { memcpy(&out[o + k.value], sums[k.value], sizeof sums[k.value]); });
    }
#endif
}

inline BITSBACK_INLINE void run_layer(const WaveLayer& layer, const Values& from, Values& to,
                                      const Values* sum) {
    for (size_t o = 0; o < layer.outputs; o += outputs_at_once) {
        Wide sums[outputs_at_once] = {};
        sums_of_layer(layer, from, o, sums);
        repeat<outputs_at_once / 4>([&](auto k) BITSBACK_INLINE {
            to.put_layer(o + 4 * k.value, sums + 4 * k.value, layer.multiplier + o + 4 * k.value,
                         sum);
        });
    }
}

// Runs a network whose outputs begin at `first` among those of a front.
inline void run_network(const WaveNetwork& network, Values (&values)[2], WavePixels& pixels,
                        size_t first) {
    run_layer(network.first, values[0], values[1], nullptr);
    size_t made = 1;
    for (size_t k = 0; k < network.residuals; ++k, made ^= 1)
        run_layer(network.residual[k], values[made], values[made ^ 1], &values[made]);
    const WaveLayer& layer = network.output;
    for (size_t o = 0; o < wave_outputs; o += outputs_at_once) {
        Wide sums[outputs_at_once] = {};
        sums_of_layer(layer, values[made], o, sums);
        repeat<outputs_at_once>([&](auto k) {
            const Ints multiplier = all<Ints>(layer.multiplier[o + k.value]),
                       bias = all<Ints>(network.output_bias[o + k.value]);
            const auto scaled = [&](Ints x) BITSBACK_INLINE {
                return (x * multiplier + bias) >> all<Ints>(12);
            };
            store(pixels.outputs[o + k.value] + first,
                  narrowed_sums({scaled(sums[k.value].low), scaled(sums[k.value].high)}));
        });
    }
}

// Where the numbers that the pixels of a front read begin in the rings.
template <size_t references, bool is_wide>
struct Surroundings {
    // The same for numbers, and for their high words if wide.
    template <size_t count>
    struct Numbers {
        const int16_t* low[count];
        const int16_t* high[is_wide ? count : 1];
    };
    static constexpr size_t seen = references == 0 ? 24 : own_window;
    const int16_t* window_0[seen];
    const int16_t* window_1[10];
    const int16_t* window_2[6];
    Numbers<4> differences;
    Numbers<6> errors;
    const int16_t* corners[3][3];  // of each plane: the levels to the west, north and north-west
    Numbers<1> predictions[2];
    const int16_t* logarithms[2];
    Numbers<5> errors_near[2];

    explicit BITSBACK_INLINE Surroundings(const WaveFront& front) {
        const WaveRings* planes = front.planes;
        const auto fill = [&](const int16_t** to, const int16_t* ring, const auto& places)
                              BITSBACK_INLINE {
                                  for (const Place& place : places) *to++ = at(front, ring, place);
                              };
        const auto fill_numbers = [&](auto& to, const int16_t* low, const int16_t* high,
                                      const auto& places) BITSBACK_INLINE {
            fill(to.low, low, places);
            if constexpr (is_wide) fill(to.high, high, places);
        };
        constexpr Place here[] = {{0, 0}};
        constexpr Place corner[] = {{0, -1}, {-1, 0}, {-1, -1}};
        constexpr Place near_own[] = {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}, {0, -2}, {-2, 0}};
        constexpr Place near_other[] = {{0, 0}, {0, 1}, {1, 0}, {0, -1}, {-1, 0}};
        for (size_t i = 0; i < seen; ++i)
            window_0[i] = at(front, planes[0].symbols, bitsback::window_0[i]);
        fill_numbers(differences, planes[0].differences, planes[0].high_differences,
                     coded_neighbours);
        fill_numbers(errors, planes[0].errors, planes[0].high_errors, near_own);
        fill(corners[0], planes[0].symbols, corner);
        if constexpr (references > 0) fill(window_1, planes[1].symbols, bitsback::window_1);
        if constexpr (references > 1) fill(window_2, planes[2].symbols, bitsback::window_2);
        for (size_t p = 1; p <= references; ++p) {
            fill(corners[p], planes[p].symbols, corner);
            fill_numbers(predictions[p - 1], planes[p].predictions, planes[p].high_predictions,
                         here);
            logarithms[p - 1] = at(front, planes[p].logarithms, {0, 0});
            fill_numbers(errors_near[p - 1], planes[p].errors, planes[p].high_errors, near_other);
        }
    }
};

// The index of each input of least squares in a window.
template <size_t inputs, size_t places>
constexpr size_t found_in(const Place (&window)[places], const Place (&list)[inputs], size_t i) {
    for (size_t k = 0; k < places; ++k)
        if (window[k].rows == list[i].rows && window[k].columns == list[i].columns) return k;
    return places;
}

// Stores the units and predictions of 16 pixels from `first` on, and the features for the network.
template <size_t references, bool is_wide>
inline void look_at(const WaveFront& front, const Surroundings<references, is_wide>& around,
                    size_t first, int level_shift, WavePixels& pixels, Values& values) {
    constexpr size_t n = wave_inputs(references);
    using Number = typename Unit<is_wide>::Numbers;
    const auto get = [&](const int16_t* from) BITSBACK_INLINE { return load_words(from + first); };
    const auto number = [&](const auto& from, size_t i) BITSBACK_INLINE {
        if constexpr (is_wide)
            return joined(get(from.low[i]), get(from.high[i]));
        else
            return get(from.low[i]);
    };
    const auto median_of = [&](size_t p) BITSBACK_INLINE {
        return median(get(around.corners[p][0]), get(around.corners[p][1]),
                      get(around.corners[p][2]));
    };
    const Words own_median = median_of(0);
    store(pixels.medians + first, own_median);

    // The unit.
    const auto error = [&](size_t i) BITSBACK_INLINE { return number(around.errors, i); };
    const Number nearest = error(0) + error(1);
    const Number recent = nearest + nearest + error(2) + error(3) + error(4) + error(5);
    const Unit<is_wide> unit((recent + all_of(Number{}, 4)) >> all_of(Number{}, 3));
    store(pixels.units + first, unit.value);
    store(pixels.reciprocals + first, unit.reciprocal);
    store(pixels.logarithms + first, unit.logarithm);

    // The prediction.
    Words u[n + 1];
    repeat<references == 0 ? n : own_inputs>([&](auto i) {
        constexpr size_t k = found_in(window_0, inputs_0, decltype(i)::value);
        u[i.value] = unit.difference(get(around.window_0[k]), own_median);
    });
    Words medians[2] = {};
    if constexpr (references > 0) {
        medians[0] = median_of(1);
        repeat<6>([&](auto i) {
            constexpr size_t k = found_in(window_1, inputs_1, decltype(i)::value);
            u[own_inputs + i.value] = unit.difference(get(around.window_1[k]), medians[0]);
        });
    }
    if constexpr (references > 1) {
        medians[1] = median_of(2);
        repeat<3>([&](auto i) {
            constexpr size_t k = found_in(window_2, inputs_2, decltype(i)::value);
            u[wave_inputs(1) + i.value] = unit.difference(get(around.window_2[k]), medians[1]);
        });
    }
    u[n] = words(0);
    Wide sums = {all<Ints>(32), all<Ints>(32)};
    const int16_t* weights = front.weights + first;
    for (size_t i = 0; i < n; i += 2) {
        store(pixels.inputs[i] + first, u[i]);
        if (i + 1 < n) store(pixels.inputs[i + 1] + first, u[i + 1]);
        add_sums(sums, u[i], u[i + 1], load_words(weights + i * front.stride),
                 i + 1 < n ? load_words(weights + (i + 1) * front.stride) : words(0));
    }
    const Words change = narrowed_sums(sums >> wide(6));
    const int32_t top = 64 * (front.levels - 1);
    Number prediction;
    Words low_prediction;  // its low words
    Words place;           // its position in the range of levels, from 0 to 255
    if constexpr (is_wide) {
        prediction = between(in_64ths(own_median) + (extended(change) << unit.shift), 0, top);
        low_prediction = low_words(prediction);
        place = narrowed_sums(prediction >> wide(front.depth - 2));
        store(pixels.high_predictions + first, high_words(prediction));
        store(pixels.shifts + first, narrowed_sums(unit.shift));
        store(pixels.factors + first, unit.factor);
    } else {
        prediction = between(saturated_sum(own_median << words(6), change), 0, top);
        low_prediction = prediction;
        place = (prediction << words(level_shift)) >> words(6);
    }
    store(pixels.predictions + first, low_prediction);

    Words f[wave_features(references)];
    size_t c = 0;
    const auto put = [&](Words difference)
                         BITSBACK_INLINE { f[c++] = rounded_product(difference, unit.reciprocal); };
    const auto see = [&](const int16_t* from, const auto& difference)
                         BITSBACK_INLINE { put(difference(get(from))); };
    const auto own = difference_to(unit, prediction, own_median);
    for (size_t i = 0; i < own_window; ++i) see(around.window_0[i], own);
    put(own(own_median));
    for (size_t i = 0; i < 4; ++i) put(unit.in_words(number(around.differences, i)));
    f[c++] = (unit.logarithm - words(56)) << words(1);
    f[c++] = (low_prediction & words(63)) - words(32);
    f[c++] = place - words(128);
    for (size_t i = own_window; i < around.seen; ++i) see(around.window_0[i], own);
    if constexpr (references > 0) {
        const auto other = difference_to(unit, number(around.predictions[0], 0), medians[0]);
        for (size_t i = 0; i < 10; ++i) see(around.window_1[i], other);
    }
    if constexpr (references > 1) {
        const auto other = difference_to(unit, number(around.predictions[1], 0), medians[1]);
        for (size_t i = 0; i < 6; ++i) see(around.window_2[i], other);
    }
    for (size_t p = 0; p < references; ++p) {
        const auto near = [&](size_t i)
                              BITSBACK_INLINE { return number(around.errors_near[p], i); };
        const Number here = near(0);
        const Number all_near = near(1) + near(2) + near(3) + near(4) + here + here;
        const Words six_times = logarithm(all_near + all_of(Number{}, 96));
        f[c++] = (six_times - words(20) - unit.logarithm) << words(1);
        f[c++] = (get(around.logarithms[p]) - unit.logarithm) << words(1);
    }
    for (size_t i = 0; i < wave_features(references); i += 4) values.put_features(i, f + i);
    if (front.features == nullptr) return;
    for (size_t i = 0; i < wave_features(references); ++i) {
        const Words x = (between(f[i], -128, 127) + words(128)) >> words(1);
        for (size_t k = 0; k < 16; ++k)
            front.features[(first + k) * wave_features(references) + i] =
                static_cast<uint8_t>(x[k]);
    }
}

// 2^(d / 64) for d in (-2^15, 0], as exact integers in floats.
inline BITSBACK_INLINE Floats power(Ints d) {
    const Ints part = d & all<Ints>(63);
    const Ints significand = all<Ints>(11904) + part * (part + all<Ints>(122));
    const Ints exponent = ((d >> all<Ints>(6)) + all<Ints>(127)) << all<Ints>(23);
    return converted<Floats>(significand) * seen_as<Floats>(exponent);
}

// Turns the outputs of the network into the distributions of 16 pixels from `first` on.
template <bool is_wide>
inline void distribute(const WaveFront& front, WavePixels& pixels, size_t first) {
    const auto get = [&](const int16_t* from) BITSBACK_INLINE { return load_words(from + first); };
    const auto output = [&](size_t o) BITSBACK_INLINE { return get(pixels.outputs[o]); };
    const Words prediction = get(pixels.predictions), unit = get(pixels.units),
                logarithm = get(pixels.logarithms);

    // The weights of components.
    const Words odds[3] = {words(0), output(0), output(1)};
    const Words top = most(most(odds[0], odds[1]), odds[2]);
    Wide weights[3];
    Floats powers[2][3];
    repeat<3>([&](auto k) {
        const Words below = most(saturated_difference(odds[k.value], top), words(-1280));
        const Wide wide = widened(below);
        powers[0][k.value] = power(wide.low);
        powers[1][k.value] = power(wide.high);
    });
    repeat<2>([&](auto half) {
        const Floats sum = powers[half.value][0] + powers[half.value][1] + powers[half.value][2];
        const Floats quotient = all<Floats>(65535) / sum;
        repeat<3>([&](auto k) {
            const Ints w = converted<Ints>(powers[half.value][k.value] * quotient);
            (half.value == 0 ? weights[k.value].low : weights[k.value].high) = w;
        });
    });
    Words scales[3], widest = words(-1000);
    repeat<3>([&](auto k) {
        // Weights have 16 bits without a sign.
        const Wide wide = {weights[k.value].low - all<Ints>(32768),
                           weights[k.value].high - all<Ints>(32768)};
        const Words biased = narrowed(wide);
        store(pixels.weights[k.value] + first, biased ^ words(-32768));
        scales[k.value] = saturated_sum(logarithm + logarithm - words(96), output(5 + k.value));
        const Words light = biased < words((is_wide ? 16384 : 4096) - 32768);
        widest = most(widest, chosen(light, widest, scales[k.value]));
    });

    // The bins.
    constexpr int16_t masks[16] = {-1, -2, -4, -8, -16}, halves[16] = {8192, 4096, 2048, 1024, 512};
    const Words bits = between(saturated_difference(widest, words(is_wide ? 5 : 29)) >> words(4), 0,
                               is_wide ? front.depth - 4 : 4);
    store(pixels.bits + first, bits);
    const Words eighths = least(unit, words(4095)) << words(3);
    const auto mean = [&](size_t k)
                          BITSBACK_INLINE { return rounded_product(output(2 + k), eighths); };
    Words base;                 // the level at which the window is centred
    Words below, until, above;  // distances from it to the ends of the levels, in bins
    Words places[3];
    if constexpr (is_wide) {
        const Wide shift = extended(bits), scale = extended(get(pixels.shifts)),
                   rounded = joined(prediction, get(pixels.high_predictions)) + wide(32);
        const Wide bin = (rounded >> wide(6)) >> shift, start = bin << shift;
        base = low_words(start);
        const Wide rest = wide(front.levels) - start;
        below = narrowed_sums(bin);
        until = narrowed_sums((rest - wide(1)) >> shift);
        above = narrowed_sums(rest >> shift);
        const Wide apart = rounded - (start << wide(6)), eighth = shift + wide(3);
        repeat<3>([&](auto k) {
            places[k.value] = narrowed_sums((apart + (extended(mean(k.value)) << scale)) >> eighth);
        });
    } else {
        const Words half = small_table(halves, bits);        // 2^(13 - bits)
        const auto shifted = [&](Words x) BITSBACK_INLINE {  // x >> bits, for x from 0 to 256
            return high_product(x << words(3), half);
        };
        base = ((prediction + words(32)) >> words(6)) & small_table(masks, bits);
        const Words rest = words(front.levels) - base;
        below = shifted(base);
        until = shifted(rest - words(1));
        above = shifted(rest);
        const Words apart = prediction + words(32) - (base << words(6));
        repeat<3>([&](auto k) {
            places[k.value] = high_product(saturated_sum(apart, mean(k.value)), half);
        });
    }
    store(pixels.base + first, base);
    store(pixels.first + first, most(words(32) - below, words(0)));
    store(pixels.last + first, least(saturated_sum(until, words(32)), words(63)));
    store(pixels.full + first, least(saturated_sum(above, words(31)), words(62)));
    const Words sixteens = bits << words(4);
    repeat<3>([&](auto k) {
        const Words place = between(saturated_sum(places[k.value], words(256)), 0, 511);
        const Words scale =
            between(saturated_difference(scales[k.value], sixteens - words(82)) >> words(2), 0, 35);
        // The number of a row, 8 * scale + part, has up to nine bits.
        const Words part = (place & words(7)) + (scale << words(3));
        const Words row =
            seen_as<Words>(seen_as<Vector<uint16_t, 16>>(part) << all<Vector<uint16_t, 16>>(7));
        store(pixels.rows[k.value] + first, wrapped_sum(row, words(64) - (place >> words(3))));
    });
}

template <size_t references, bool is_wide>
void look_at_front(const WaveFront& front, WavePixels& pixels) {
    const Surroundings<references, is_wide> around(front);
    int level_shift = 0;
    while ((front.levels - 1) << (level_shift + 1) < 256) ++level_shift;
    Values values[2];
    for (size_t first = 0; first < front.count; first += 16) {
        look_at<references, is_wide>(front, around, first, level_shift, pixels, values[0]);
        run_network(*front.network, values, pixels, first);
        distribute<is_wide>(front, pixels, first);
    }
}

template <bool is_wide>
void look_with(const WaveFront& front, WavePixels& pixels) {
    switch (front.references) {
        case 0:
            return look_at_front<0, is_wide>(front, pixels);
        case 1:
            return look_at_front<1, is_wide>(front, pixels);
        default:
            return look_at_front<2, is_wide>(front, pixels);
    }
}

void look(const WaveFront& front, WavePixels& pixels) {
    if (front.depth > wave_narrow_depth)
        look_with<true>(front, pixels);
    else
        look_with<false>(front, pixels);
}

// Stores what later pixels read of known ones: symbols, predictions, errors, and the normalised
// inputs and target of least squares.
template <size_t n, bool is_wide>
void learn_values(const WaveFront& front, const WavePixels& pixels, const uint16_t* symbols) {
    const WaveRings& own = front.planes[0];
    const size_t line = (front.time & (wave_times - 1)) * front.stride;
    int16_t* values = front.values + front.time % wave_cell * (n + 1) * front.stride;
    for (size_t first = 0; first < front.count; first += 16) {
        Words symbol = load_words(symbols + first);
        const Words prediction = load_words(pixels.predictions + first),
                    median = load_words(pixels.medians + first),
                    reciprocal = load_words(pixels.reciprocals + first);
        Words target;
        if constexpr (is_wide) {
            symbol = symbol ^ words(-wave_middle);
            const Words high = load_words(pixels.high_predictions + first);
            const Wide difference = in_64ths(symbol) - joined(prediction, high);
            const Wide error =
                between(most_of(difference, wide(0) - difference), 0, (16 << front.depth) - 1);
            store(own.high_predictions + line + first, high);
            store(own.differences + line + first, low_words(difference));
            store(own.high_differences + line + first, high_words(difference));
            store(own.errors + line + first, low_words(error));
            store(own.high_errors + line + first, high_words(error));
            target = Unit<true>::difference(symbol, median, load_words(pixels.factors + first));
        } else {
            const Words difference = (symbol << words(6)) - prediction;
            store(own.differences + line + first, difference);
            store(own.errors + line + first,
                  least(most(difference, words(0) - difference), words(4095)));
            target = symbol - median;
        }
        store(own.symbols + line + first, symbol);
        store(own.predictions + line + first, prediction);
        store(own.logarithms + line + first, load_words(pixels.logarithms + first));
        const auto put = [&](size_t i, Words u) BITSBACK_INLINE {
            const Words v = rounded_product(u << words(6), reciprocal);
            store(values + i * front.stride + first, between(v, -1023, 1023));
        };
        for (size_t i = 0; i < n; ++i) put(i, load_words(pixels.inputs[i] + first));
        put(n, target);
    }
}

template <bool is_wide>
void learn_with(const WaveFront& front, const WavePixels& pixels, const uint16_t* symbols) {
    switch (front.references) {
        case 0:
            return learn_values<wave_inputs(0), is_wide>(front, pixels, symbols);
        case 1:
            return learn_values<wave_inputs(1), is_wide>(front, pixels, symbols);
        default:
            return learn_values<wave_inputs(2), is_wide>(front, pixels, symbols);
    }
}

void learn(const WaveFront& front, const WavePixels& pixels, const uint16_t* symbols) {
    if (front.depth > wave_narrow_depth)
        learn_with<true>(front, pixels, symbols);
    else
        learn_with<false>(front, pixels, symbols);
}

}  // namespace
}  // namespace bitsback
