// Least squares for eight systems at once, each in a lane of its own: what is added to what, in
// which order, is that of docs/model-format.md whatever the width of the vectors. No product may be
// contracted with a sum: this is compiled without contraction.
//
// All of it is internal to the file that includes it, for which `width` is the number of doubles in
// a vector, and which has `spread_row`.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../repeat.hpp"
#include "kernels.hpp"

namespace bitsback {
namespace {

constexpr size_t lanes = PredictiveKernels::lanes;

#if defined(__GNUC__)
typedef double Doubles __attribute__((vector_size(8 * width), may_alias));

inline BITSBACK_INLINE Doubles load(const double* from) {
    return *reinterpret_cast<const Doubles*>(from);
}
inline BITSBACK_INLINE void store(double* to, Doubles x) { *reinterpret_cast<Doubles*>(to) = x; }
#else
struct Doubles {
    double of[width];

    friend Doubles operator*(Doubles a, Doubles b) {
        for (size_t i = 0; i < width; ++i) a.of[i] *= b.of[i];
        return a;
    }
    friend Doubles operator-(Doubles a, Doubles b) {
        for (size_t i = 0; i < width; ++i) a.of[i] -= b.of[i];
        return a;
    }
    friend Doubles operator/(Doubles a, Doubles b) {
        for (size_t i = 0; i < width; ++i) a.of[i] /= b.of[i];
        return a;
    }
};

inline Doubles load(const double* from) {
    Doubles x;
    for (size_t i = 0; i < width; ++i) x.of[i] = from[i];
    return x;
}
inline void store(double* to, Doubles x) {
    for (size_t i = 0; i < width; ++i) to[i] = x.of[i];
}
#endif

constexpr size_t row_of(size_t i) { return i * (i + 1) / 2 * lanes; }

// Column j of C and L, for `count` rows from i on: columns 0 ... j - 1 are there, and in C the
// entries of the systems in place of column j.
template <size_t count>
inline BITSBACK_INLINE void reduce(double* c, const double* l, size_t i, size_t j) {
    Doubles sum[count];
    double* row[count];
    repeat<count>([&](auto m) {
        row[m.value] = c + row_of(i + m.value);
        sum[m.value] = load(row[m.value] + j * lanes);
    });
    const double* factors = l + row_of(j);
    for (size_t k = 0; k < j; ++k) {
        const Doubles factor = load(factors + k * lanes);
        repeat<count>(
            [&](auto m) { sum[m.value] = sum[m.value] - load(row[m.value] + k * lanes) * factor; });
    }
    repeat<count>([&](auto m) { store(row[m.value] + j * lanes, sum[m.value]); });
}

// Some lanes of `solve`: c and l begin with the first of them.
inline void solve_lanes(double* c, double* l, size_t n) {
    for (size_t j = 0; j < n; ++j) {
        size_t i = j;
        for (; i + 4 <= n + 1; i += 4) reduce<4>(c, l, i, j);
        for (; i <= n; ++i) reduce<1>(c, l, i, j);
        const Doubles diagonal = load(c + row_of(j) + j * lanes);
        for (i = j + 1; i <= n; ++i)
            store(l + row_of(i) + j * lanes, load(c + row_of(i) + j * lanes) / diagonal);
    }
    double* y = l + row_of(n);
    for (size_t i = n; i-- > 0;) {
        Doubles sum = load(y + i * lanes);
        for (size_t k = n; k-- > i + 1;)
            sum = sum - load(l + row_of(k) + i * lanes) * load(y + k * lanes);
        store(y + i * lanes, sum);
    }
}

inline void put_weights(const double* c, const double* y, size_t n, size_t lane, int32_t* weights) {
    bool whole = true;
    for (size_t j = 0; j < n; ++j) whole &= c[row_of(j) + j * lanes + lane] > 0;
    for (size_t i = 0; i < n; ++i) {
        double t = y[i * lanes + lane] * 4096.0 + 0.5;
        whole &= t == t;
        t = t > -32767.0 ? t : -32767.0;
        t = t < 32767.0 ? t : 32767.0;
        const int32_t cut = static_cast<int32_t>(t);
        weights[i] = cut - (t < cut ? 1 : 0);
    }
    if (!whole)
        for (size_t i = 0; i < n; ++i) weights[i] = 0;
}

void solve(const int32_t* const* systems, size_t n, int32_t ridge, double* work,
           int32_t* const* weights) {
    double* c = work;
    double* l = work + row_of(n + 1);
    for (size_t i = 0; i <= n; ++i) {
        spread_row(systems, i, c + row_of(i));
        if (i < n)
            for (size_t lane = 0; lane < lanes; ++lane) c[row_of(i + 1) - lanes + lane] += ridge;
    }
    for (size_t first = 0; first < lanes; first += width) solve_lanes(c + first, l + first, n);
    for (size_t lane = 0; lane < lanes; ++lane)
        put_weights(c, l + row_of(n), n, lane, weights[lane]);
}

}  // namespace
}  // namespace bitsback
