// This file is compiled once for each instruction set, and once more with products and sums
// contracted, for choosing test vectors. CMakeLists.txt defines BITSBACK_LEAST_SQUARES, the name of
// the result, and BITSBACK_CONTRACTED.
#include "exact_floats.hpp"
// The guard must come first.
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "lanes.hpp"
#include "least_squares.hpp"

namespace bitsback {
namespace {

constexpr size_t lanes = LeastSquares::lanes;

using Doubles = Vector<double, width / 2>;

// Within these bounds no product of two results is too small to be a normal number
// (docs/model-format.md).
constexpr double least = 0x1p-200, most = 0x1p200;

// Zero where x is too small.
inline BITSBACK_INLINE Doubles kept(Doubles x) {
    const Doubles low = all<Doubles>(-least), high = all<Doubles>(least);
    return chosen(low < x, chosen(x < high, all<Doubles>(0), x), x);
}
inline BITSBACK_INLINE double kept(double x) { return x > -least && x < least ? 0 : x; }

// t - a * b and a * b + t.
#if defined(BITSBACK_CONTRACTED)
inline double minus(double t, double a, double b) { return fma(-a, b, t); }
inline double plus(double a, double b, double t) { return fma(a, b, t); }
inline Doubles minus(Doubles t, Doubles a, Doubles b) {
    for (size_t i = 0; i < width / 2; ++i) t[i] = fma(-a[i], b[i], t[i]);
    return t;
}
#else
inline BITSBACK_INLINE double minus(double t, double a, double b) { return t - a * b; }
inline BITSBACK_INLINE double plus(double a, double b, double t) { return a * b + t; }
inline BITSBACK_INLINE Doubles minus(Doubles t, Doubles a, Doubles b) { return t - a * b; }
#endif

// In units of 1 / one, halves up, from -most_weight to most_weight.
inline BITSBACK_INLINE int32_t weight(double y, double one, double most_weight) {
    double t = plus(y, one, 0.5);
    t = t > -most_weight ? t : -most_weight;
    t = t < most_weight ? t : most_weight;
    const int32_t cut = static_cast<int32_t>(t);
    return cut - (t < cut ? 1 : 0);
}

// A matrix of eight systems, by rows, with their entries next to one another; `at` is the entry of
// the first of some lanes.
struct PlaneMatrix {
    double* at;

    static constexpr size_t place(size_t i, size_t j) { return (i * (i + 1) / 2 + j) * lanes; }
    Doubles get(size_t i, size_t j) const { return load<Doubles>(at + place(i, j)); }
    void put(size_t i, size_t j, Doubles x) const { store(at + place(i, j), x); }
};

// A matrix of one system, by columns.
struct SeriesMatrix {
    double* at;
    size_t side;

    double get(size_t i, size_t j) const { return at[j * side + i]; }
    void put(size_t i, size_t j, double x) const { at[j * side + i] = x; }
};

// Column j of L, with zeros for entries that are too small in C. Row n is that of the target.
template <class Matrix>
inline BITSBACK_INLINE void divide(const Matrix& c, const Matrix& l, size_t n, size_t j) {
    const auto diagonal = c.get(j, j);
    for (size_t i = j + 1; i <= n; ++i) {
        const auto x = kept(c.get(i, j));
        c.put(i, j, x);
        l.put(i, j, x / diagonal);
    }
}

// The solution, from the last weight to the first, in place of row n of L.
template <class Matrix>
inline BITSBACK_INLINE void substitute(const Matrix& l, size_t n) {
    for (size_t i = n; i-- > 0;) {
        auto sum = l.get(n, i);
        for (size_t k = n; k-- > i + 1;) sum = minus(sum, l.get(k, i), l.get(n, k));
        l.put(n, i, kept(sum));
    }
}

// In units of 1 / one; zeros unless each diagonal(i) lies within bounds and each y(i) is a number.
template <class Diagonal, class Solution>
inline void put_weights(size_t n, const Diagonal& diagonal, const Solution& y, double one,
                        double most_weight, int32_t* weights) {
    bool whole = true;
    for (size_t i = 0; i < n; ++i) {
        const double d = diagonal(i), of = y(i);
        whole &= d >= least && d <= most && of == of;
        weights[i] = weight(of, one, most_weight);
    }
    if (!whole)
        for (size_t i = 0; i < n; ++i) weights[i] = 0;
}

// Column j of C, for `count` rows from i on. Columns 0 ... j - 1 of C and L are known, and C has
// the entries of the systems in place of column j.
template <size_t count>
inline BITSBACK_INLINE void reduce(const PlaneMatrix& c, const PlaneMatrix& l, size_t i, size_t j) {
    Doubles sum[count];
    double* row[count];
    repeat<count>([&](auto m) {
        row[m.value] = c.at + c.place(i + m.value, 0);
        sum[m.value] = load<Doubles>(row[m.value] + j * lanes);
    });
    const double* factors = l.at + l.place(j, 0);
    for (size_t k = 0; k < j; ++k) {
        const Doubles factor = load<Doubles>(factors + k * lanes);
        repeat<count>([&](auto m) {
            sum[m.value] = minus(sum[m.value], load<Doubles>(row[m.value] + k * lanes), factor);
        });
    }
    repeat<count>([&](auto m) { store(row[m.value] + j * lanes, sum[m.value]); });
}

void solve_planes(double* c, double* l, size_t n, int32_t ridge, int32_t* const* weights) {
    constexpr auto place = PlaneMatrix::place;
    for (size_t i = 0; i < n; ++i)
        for (size_t lane = 0; lane < lanes; ++lane) c[place(i, i) + lane] += ridge;
    for (size_t first = 0; first < lanes; first += width / 2) {
        const PlaneMatrix some_c{c + first}, some_l{l + first};
        for (size_t j = 0; j < n; ++j) {
            size_t i = j;
            for (; i + 4 <= n + 1; i += 4) reduce<4>(some_c, some_l, i, j);
            for (; i <= n; ++i) reduce<1>(some_c, some_l, i, j);
            divide(some_c, some_l, n, j);
        }
        substitute(some_l, n);
    }
    for (size_t lane = 0; lane < lanes; ++lane)
        put_weights(
            n, [&](size_t i) { return c[place(i, i) + lane]; },
            [&](size_t i) { return l[place(n, i) + lane]; }, 4096, 32767, weights[lane]);
}

void add(double* sums, const double* v, size_t side, double keep) {
    for (size_t a = 0; a < side; ++a) {
        double* column = sums + a * side;
        const double factor = v[a];
        for (size_t b = a; b < side; ++b) column[b] = plus(column[b], keep, factor * v[b]);
    }
}

void solve_series(const double* sums, size_t n, double ridge, double* work, int32_t* weights) {
    const size_t side = n + 1;
    const SeriesMatrix c{work, side}, l{work + side * side, side};
    for (size_t j = 0; j < n; ++j) {
        double* column = c.at + j * side;
        for (size_t i = j; i < side; ++i) column[i] = sums[j * side + i];
        column[j] += ridge;
        for (size_t k = 0; k < j; ++k) {
            const double factor = l.get(j, k);
            const double* before = c.at + k * side;
            for (size_t i = j; i < side; ++i) column[i] = minus(column[i], before[i], factor);
        }
        divide(c, l, n, j);
    }
    substitute(l, n);
    put_weights(
        n, [&](size_t i) { return c.get(i, i); }, [&](size_t i) { return l.get(n, i); }, 65536,
        (1 << 21) - 1, weights);
}

}  // namespace

const LeastSquares BITSBACK_LEAST_SQUARES = {solve_planes, add, solve_series};

}  // namespace bitsback
