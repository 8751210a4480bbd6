// Least squares of wavefronts (docs/model-format.md, M10.1): sums of products over cells, in groups
// of eight slots, and the weights that solve them. This floating-point code affects the bitstream:
// each operation and their order are normative.
//
// It is internal to the including file, which is compiled for each instruction set, and once more
// with contracted products and sums, for choosing test vectors.
#pragma once

#include <math.h>

#include "kernels.hpp"
#include "words.hpp"

namespace bitsback {
namespace {

// t - a * b and t + a * b.
#if defined(BITSBACK_CONTRACTED)
inline Floats minus(Floats t, Floats a, Floats b) {
    for (size_t i = 0; i < 8; ++i) t[i] = fmaf(-a[i], b[i], t[i]);
    return t;
}
inline Floats plus(Floats t, Floats a, Floats b) {
    for (size_t i = 0; i < 8; ++i) t[i] = fmaf(a[i], b[i], t[i]);
    return t;
}
#else
inline BITSBACK_INLINE Floats minus(Floats t, Floats a, Floats b) { return t - a * b; }
inline BITSBACK_INLINE Floats plus(Floats t, Floats a, Floats b) { return t + a * b; }
#endif

// The greater of x and y, and the lesser; y if x is NaN.
inline BITSBACK_INLINE Floats more_or(Floats x, Floats y) {
#if defined(__AVX2__)
    return seen_as<Floats>(_mm256_max_ps(seen_as<__m256>(x), seen_as<__m256>(y)));
#else
    return chosen(y < x, x, y);
#endif
}
inline BITSBACK_INLINE Floats less_or(Floats x, Floats y) {
#if defined(__AVX2__)
    return seen_as<Floats>(_mm256_min_ps(seen_as<__m256>(x), seen_as<__m256>(y)));
#else
    return chosen(x < y, x, y);
#endif
}
// Rounds to the nearest multiple of unit * 2^-23 / 1.5.
inline BITSBACK_INLINE Floats rounded(Floats x, float unit) {
    const Floats all_of = all<Floats>(unit);
    return (x + all_of) - all_of;
}

// Shifts the elements up by `items` places, and fills the first places with the last elements of
// `before`.
template <size_t items>
inline BITSBACK_INLINE Floats moved(Floats before, Floats x) {
    static_assert(items == 1 || items == 2 || items == 4);
    if constexpr (items == 1)
        return shuffled<7, 8, 9, 10, 11, 12, 13, 14>(before, x);
    else if constexpr (items == 2)
        return shuffled<6, 7, 8, 9, 10, 11, 12, 13>(before, x);
    else
        return shuffled<4, 5, 6, 7, 8, 9, 10, 11>(before, x);
}

// The sums of a group of the window at a time.
template <size_t n>
inline float* sums_of(const WaveCells& wave, int64_t time, size_t group) {
    const size_t above = static_cast<size_t>(wave.first_row) * wave.items / 8,
                 place =
                     static_cast<size_t>(time & 3) * wave.groups + (above + group) % wave.groups;
    return wave.sums + place * wave_triangle(n + 1) * 8;
}

// Completes the sums of the group's ending cells, and initialises those of the cells that begin in
// the rows below. items: 1, 2 or 4, or 8 for more.
template <size_t n, size_t items>
void renew(const WaveCells& wave, size_t group) {
    alignas(32) int16_t pairs[n + 1][wave_cell / 2][16];
    const size_t line = (n + 1) * wave.stride;
    for (size_t i = 0; i <= n; ++i)
        for (size_t k = 0; k < wave_cell / 2; ++k) {
            const int16_t* at = wave.values + 2 * k * line + i * wave.stride + 8 * group;
#if defined(__AVX2__)
            const __m128i a = load<__m128i>(at), b = load<__m128i>(at + line);
            store(pairs[i][k],
                  _mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b)));
#else
            using Half = Vector<int16_t, 8>;
            const Half a = load<Half>(at), b = load<Half>(at + line);
            store(pairs[i][k], shuffled<0, 8, 1, 9, 2, 10, 3, 11>(a, b));
            store(pairs[i][k] + 8, shuffled<4, 12, 5, 13, 6, 14, 7, 15>(a, b));
#endif
        }
    alignas(32) float factors[3][8];
    for (size_t slot = 0; slot < 8; ++slot) {
        const int64_t row = wave.first_row + static_cast<int64_t>((8 * group + slot) / wave.items);
        const int64_t cell = wave.time - 2 * (row + 1);
        const bool first = cell == 0, last = cell == wave.cells - 1;
        factors[0][slot] = wave.decay[0] + (first ? wave.decay[1] : 0) + (last ? wave.decay[2] : 0);
        factors[1][slot] = first ? 0 : wave.decay[1];
        factors[2][slot] = last ? 0 : wave.decay[2];
    }
    const Floats above = load<Floats>(factors[0]), left = load<Floats>(factors[1]),
                 right = load<Floats>(factors[2]);
    float* const ended = sums_of<n>(wave, wave.time - 1, group);
    const float* const middle = sums_of<n>(wave, wave.time - 2, group);
    const float* const before = sums_of<n>(wave, wave.time - 3, group);
    float* const next = sums_of<n>(wave, wave.time, items < 8 ? group : group + wave.items / 8);
    size_t e = 0;
    for (size_t i = 0; i <= n; ++i) {
        Words row[wave_cell / 2];
        repeat<wave_cell / 2>([&](auto k) { row[k.value] = load<Words>(pairs[i][k.value]); });
        for (size_t j = 0; j <= i; ++j, e += 8) {
            Ints sum = sums_of_pairs(row[0], load<Words>(pairs[j][0]));
            repeat<wave_cell / 2 - 1>([&](auto k) {
                sum = sum + sums_of_pairs(row[k.value + 1], load<Words>(pairs[j][k.value + 1]));
            });
            const Floats a = load<Floats>(ended + e) + converted<Floats>(sum);
            store(ended + e, a);
            Floats x = above * load<Floats>(middle + e);
            x = plus(x, left, load<Floats>(before + e));
            x = plus(x, right, a);
            x = rounded(x, 12582912.0f);
            if constexpr (items < 8) {
                const Floats carried = load<Floats>(wave.carried + e);
                store(wave.carried + e, x);
                x = moved<items>(carried, x);
            }
            store(next + e, x);
        }
    }
}

// Solves the weights of some groups from their sums.
template <size_t n, size_t groups>
void solve(const WaveCells& wave, const size_t (&group)[groups]) {
    constexpr size_t lanes = 8 * groups, size = wave_triangle(n + 1);
    alignas(64) float c[size * lanes], d[size * lanes];
    const auto place = [](size_t i, size_t j) { return (i * (i + 1) / 2 + j) * lanes; };
    const float* sums[groups];
    for (size_t g = 0; g < groups; ++g) sums[g] = sums_of<n>(wave, wave.time, group[g]);
    const Floats ridge = all<Floats>(wave.ridge), one = all<Floats>(1);
    for (size_t j = 0; j < n; ++j) {
        Floats inverse[groups] = {};
        const auto reduce = [&](auto count, size_t i) BITSBACK_INLINE {
            constexpr size_t rows = decltype(count)::value;
            Floats t[groups][rows];
            repeat<groups>([&](auto g) {
                repeat<rows>([&](auto m) {
                    t[g.value][m.value] =
                        load<Floats>(sums[g.value] + (wave_triangle(i + m.value) + j) * 8);
                });
                if (i == j) t[g.value][0] = t[g.value][0] + ridge;
            });
            for (size_t k = 0; k < j; ++k)
                repeat<groups>([&](auto g) {
                    const Floats factor = load<Floats>(d + place(j, k) + 8 * g.value);
                    repeat<rows>([&](auto m) {
                        t[g.value][m.value] =
                            minus(t[g.value][m.value], factor,
                                  load<Floats>(c + place(i + m.value, k) + 8 * g.value));
                    });
                });
            repeat<groups>([&](auto g) {
                repeat<rows>(
                    [&](auto m) { t[g.value][m.value] = rounded(t[g.value][m.value], 196608.0f); });
                if (i == j) inverse[g.value] = one / more_or(t[g.value][0], ridge);
                repeat<rows>([&](auto m) {
                    store(c + place(i + m.value, j) + 8 * g.value, t[g.value][m.value]);
                    store(d + place(i + m.value, j) + 8 * g.value,
                          t[g.value][m.value] * inverse[g.value]);
                });
            });
        };
        // The diagonal comes first; row j needs D only before it.
        size_t i = j;
        for (; i + 4 <= n + 1; i += 4) reduce(Index<4>(), i);
        for (; i + 2 <= n + 1; i += 2) reduce(Index<2>(), i);
        for (; i < n + 1; ++i) reduce(Index<1>(), i);
    }
    float* const y = d + place(n, 0);
    for (size_t i = n; i-- > 0;) {
        Ints weights[groups];
        repeat<groups>([&](auto g) {
            float* const at = y + i * lanes + 8 * g.value;
            const Floats solution = rounded(load<Floats>(at), 3072.0f);
            for (size_t k = 0; k < i; ++k) {
                float* const other = y + k * lanes + 8 * g.value;
                store(other, minus(load<Floats>(other), load<Floats>(d + place(i, k) + 8 * g.value),
                                   solution));
            }
            Floats t = more_or(solution * all<Floats>(4096), all<Floats>(-32767));
            t = less_or(t, all<Floats>(32767));
            weights[g.value] = converted<Ints>(t);
        });
        for (size_t g = 0; g < groups; ++g)
            store(wave.weights + i * wave.stride + 8 * group[g],
                  converted<Vector<int16_t, 8>>(weights[g]));
    }
}

template <size_t n, size_t items>
void run_cells(const WaveCells& wave) {
    const auto slots = [&](int64_t rows) {
        return static_cast<size_t>(rows - wave.first_row) * wave.items;
    };
    const size_t low = slots(wave.low), end = slots(wave.high + 1);
    const size_t begin = slots(wave.low > wave.first_row ? wave.low - 1 : wave.low) / 8;
    constexpr size_t size = wave_triangle(n + 1) * 8;
    // Above the first row, all cells have the same sums.
    const bool above = wave.low == 0;
    if (above)
        for (size_t group = 0; group < (items < 8 ? 1 : wave.items / 8); ++group) {
            float* const to = items < 8 ? wave.carried : sums_of<n>(wave, wave.time, group);
            for (size_t e = 0; e < size; e += 8) store(to + e, all<Floats>(wave.start[e / 8]));
        }
    size_t waiting = 0;
    bool waits = false;
    for (size_t group = begin; 8 * group < end; ++group) {
        renew<n, items>(wave, group);
        if (8 * group + 8 <= low || wave.time % 2 != 0) continue;
        if (!waits) {
            waiting = group;
        } else {
            solve<n, 2>(wave, {waiting, group});
        }
        waits = !waits;
    }
    if (waits) solve<n, 1>(wave, {waiting});
}

template <size_t n>
void some_cells(const WaveCells& wave) {
    switch (wave.items) {
        case 1:
            return run_cells<n, 1>(wave);
        case 2:
            return run_cells<n, 2>(wave);
        case 4:
            return run_cells<n, 4>(wave);
        default:
            return run_cells<n, 8>(wave);
    }
}

void cells(const WaveCells& wave) {
    switch (wave.references) {
        case 0:
            return some_cells<wave_inputs(0)>(wave);
        case 1:
            return some_cells<wave_inputs(1)>(wave);
        default:
            return some_cells<wave_inputs(2)>(wave);
    }
}

}  // namespace
}  // namespace bitsback
