// This file is compiled once for each instruction set, and once more with products and sums
// contracted, by which test vectors are chosen: CMakeLists.txt gives BITSBACK_LEAST_SQUARES, the
// name of what comes of it, and BITSBACK_CONTRACTED.
#include "../exact_floats.hpp"
// The guard comes first.
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../repeat.hpp"
#include "least_squares.hpp"

namespace bitsback {
namespace {

constexpr size_t lanes = LeastSquares::lanes;

// Doubles in a vector.
#if defined(__AVX512F__)
constexpr size_t width = 8;
#elif defined(__AVX2__)
constexpr size_t width = 4;
#else
constexpr size_t width = 2;
#endif

// Within these bounds no product of two results is too small to be a normal number
// (docs/model-format.md).
constexpr double least = 0x1p-200, most = 0x1p200;

#if defined(__GNUC__)
typedef double Doubles __attribute__((vector_size(8 * width), may_alias));
typedef int64_t Masks __attribute__((vector_size(8 * width), may_alias));

inline BITSBACK_INLINE Doubles load(const double* from) {
    return *reinterpret_cast<const Doubles*>(from);
}
inline BITSBACK_INLINE void store(double* to, Doubles x) { *reinterpret_cast<Doubles*>(to) = x; }

// Zero where x is too small.
inline BITSBACK_INLINE Doubles kept(Doubles x) {
    const Masks tiny = (x > -least) & (x < least);
    return reinterpret_cast<Doubles>(reinterpret_cast<Masks>(x) & ~tiny);
}
#else
struct Doubles {
    double of[width];

    double& operator[](size_t i) { return of[i]; }
    double operator[](size_t i) const { return of[i]; }

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
inline Doubles kept(Doubles x) {
    for (double& one : x.of) one = one > -least && one < least ? 0 : one;
    return x;
}
#endif

inline BITSBACK_INLINE double kept(double x) { return x > -least && x < least ? 0 : x; }

// t - a * b and a * b + t.
#if defined(BITSBACK_CONTRACTED)
inline double minus(double t, double a, double b) { return fma(-a, b, t); }
inline double plus(double a, double b, double t) { return fma(a, b, t); }
inline Doubles minus(Doubles t, Doubles a, Doubles b) {
    for (size_t i = 0; i < width; ++i) t[i] = fma(-a[i], b[i], t[i]);
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

constexpr size_t row_of(size_t i) { return i * (i + 1) / 2 * lanes; }

// Column j of C, for `count` rows from i on: columns 0 ... j - 1 of C and L are there, and in C the
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
        repeat<count>([&](auto m) {
            sum[m.value] = minus(sum[m.value], load(row[m.value] + k * lanes), factor);
        });
    }
    repeat<count>([&](auto m) { store(row[m.value] + j * lanes, sum[m.value]); });
}

// Some lanes of `solve_planes`: c and l begin with the first of them.
inline void solve_lanes(double* c, double* l, size_t n) {
    for (size_t j = 0; j < n; ++j) {
        size_t i = j;
        for (; i + 4 <= n + 1; i += 4) reduce<4>(c, l, i, j);
        for (; i <= n; ++i) reduce<1>(c, l, i, j);
        const Doubles diagonal = load(c + row_of(j) + j * lanes);
        for (i = j + 1; i <= n; ++i) {
            double* at = c + row_of(i) + j * lanes;
            const Doubles x = kept(load(at));
            store(at, x);
            store(l + row_of(i) + j * lanes, x / diagonal);
        }
    }
    double* y = l + row_of(n);
    for (size_t i = n; i-- > 0;) {
        Doubles sum = load(y + i * lanes);
        for (size_t k = n; k-- > i + 1;)
            sum = minus(sum, load(l + row_of(k) + i * lanes), load(y + k * lanes));
        store(y + i * lanes, kept(sum));
    }
}

inline void put_weights(const double* c, const double* y, size_t n, size_t lane, int32_t* weights) {
    bool whole = true;
    for (size_t j = 0; j < n; ++j) {
        const double diagonal = c[row_of(j) + j * lanes + lane];
        whole &= diagonal >= least && diagonal <= most;
    }
    for (size_t i = 0; i < n; ++i) {
        const double of = y[i * lanes + lane];
        whole &= of == of;
        weights[i] = weight(of, 4096, 32767);
    }
    if (!whole)
        for (size_t i = 0; i < n; ++i) weights[i] = 0;
}

void solve_planes(double* c, double* l, size_t n, int32_t ridge, int32_t* const* weights) {
    for (size_t i = 0; i < n; ++i)
        for (size_t lane = 0; lane < lanes; ++lane) c[row_of(i + 1) - lanes + lane] += ridge;
    for (size_t first = 0; first < lanes; first += width) solve_lanes(c + first, l + first, n);
    for (size_t lane = 0; lane < lanes; ++lane)
        put_weights(c, l + row_of(n), n, lane, weights[lane]);
}

void add(double* sums, const double* v, size_t side, double keep) {
    for (size_t a = 0; a < side; ++a) {
        double* column = sums + a * side;
        const double factor = v[a];
        for (size_t b = a; b < side; ++b) column[b] = plus(column[b], keep, factor * v[b]);
    }
}

// Columns of C and L, whose rows from the diagonal on are there.
void solve_series(const double* sums, size_t n, double ridge, double* work, int32_t* weights) {
    const size_t side = n + 1;
    double* c = work;
    double* l = c + side * side;
    bool whole = true;
    for (size_t j = 0; j < n && whole; ++j) {
        double* of = c + j * side;
        for (size_t i = j; i < side; ++i) of[i] = sums[j * side + i];
        of[j] += ridge;
        for (size_t k = 0; k < j; ++k) {
            const double factor = l[k * side + j];
            const double* before = c + k * side;
            for (size_t i = j; i < side; ++i) of[i] = minus(of[i], before[i], factor);
        }
        whole = of[j] >= least && of[j] <= most;
        for (size_t i = j + 1; i < side; ++i) {
            of[i] = kept(of[i]);
            l[j * side + i] = of[i] / of[j];
        }
    }
    double* y = c + n * side;
    for (size_t i = n; whole && i-- > 0;) {
        double t = l[i * side + n];
        for (size_t k = n; k-- > i + 1;) t = minus(t, l[i * side + k], y[k]);
        y[i] = kept(t);
        whole = t == t;
    }
    for (size_t i = 0; i < n; ++i) weights[i] = whole ? weight(y[i], 65536, (1 << 21) - 1) : 0;
}

}  // namespace

const LeastSquares BITSBACK_LEAST_SQUARES = {solve_planes, add, solve_series};

}  // namespace bitsback
