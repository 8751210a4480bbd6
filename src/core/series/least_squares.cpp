// This file is compiled once for each instruction set, and once more with products and sums
// contracted, for choosing test vectors. CMakeLists.txt defines BITSBACK_KERNELS, the symbol that
// each build exports, and BITSBACK_CONTRACTED.
#include "../exact_floats.hpp"
// The guard must come first.
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../lanes.hpp"
#include "least_squares.hpp"

namespace bitsback {
namespace {

// Within these bounds no product of two results is too small to be a normal number
// (docs/model-format.md).
constexpr double least = 0x1p-200, most = 0x1p200;

constexpr double one = 65536, weight_limit = (1 << 21) - 1;  // of weights

// Zero where x is too small.
inline double kept(double x) { return x > -least && x < least ? 0 : x; }

// t - a * b and a * b + t.
#if defined(BITSBACK_CONTRACTED)
inline double minus(double t, double a, double b) { return fma(-a, b, t); }
inline double plus(double a, double b, double t) { return fma(a, b, t); }
template <class Floats>
inline Floats plus(Floats a, Floats b, Floats t) {
    for (size_t i = 0; i < width; ++i) t[i] = fmaf(a[i], b[i], t[i]);
    return t;
}
#else
inline double minus(double t, double a, double b) { return t - a * b; }
inline double plus(double a, double b, double t) { return a * b + t; }
template <class Floats>
inline BITSBACK_INLINE Floats plus(Floats a, Floats b, Floats t) {
    return a * b + t;
}
#endif

// In units of 1 / one, halves up, from -weight_limit to weight_limit.
inline int32_t weight(double y) {
    double t = plus(y, one, 0.5);
    t = t > -weight_limit ? t : -weight_limit;
    t = t < weight_limit ? t : weight_limit;
    const int32_t cut = static_cast<int32_t>(t);
    return cut - (t < cut ? 1 : 0);
}

void add(double* sums, const double* v, size_t side, double keep) {
    for (size_t a = 0; a < side; ++a) {
        double* column = sums + a * side;
        const double factor = v[a];
        for (size_t b = a; b < side; ++b) column[b] = plus(column[b], keep, factor * v[b]);
    }
}

void add_sample(float* sums, const int32_t* v, int32_t target, float weight) {
    using Floats = Vector<float, width>;
    constexpr size_t vectors = sample_columns / width;
    Floats columns[vectors];
    float factors[sample_columns];
    repeat<vectors>([&](auto n) BITSBACK_INLINE {
        constexpr size_t b = decltype(n)::value;
        auto numbers = load<Lanes>(v + b * width);
        if constexpr (b == vectors - 1) numbers[width - 2] = target;
        columns[b] = converted<Floats>(numbers);
        store(factors + b * width, all<Floats>(weight) * columns[b]);
    });
    repeat<vectors>([&](auto first) BITSBACK_INLINE {
        constexpr size_t from = decltype(first)::value;
        for (size_t a = from * width; a < (from + 1) * width; ++a) {
            float* const row = sums + a * sample_columns;
            const Floats factor = all<Floats>(factors[a]);
            repeat<vectors - from>([&](auto n) BITSBACK_INLINE {
                constexpr size_t b = from + decltype(n)::value;
                store(row + b * width, plus(factor, columns[b], load<Floats>(row + b * width)));
            });
        }
    });
}

// C and L lie in `work`, by columns; their last rows are those of the target.
void solve(const double* sums, size_t n, double ridge, double* work, int32_t* weights) {
    const size_t side = n + 1;
    double *const c = work, *const l = work + side * side;
    for (size_t j = 0; j < n; ++j) {
        double *const of_c = c + j * side, *const of_l = l + j * side;
        for (size_t i = j; i < side; ++i) of_c[i] = sums[j * side + i];
        of_c[j] += ridge;
        for (size_t k = 0; k < j; ++k) {
            const double factor = l[k * side + j];
            const double* before = c + k * side;
            for (size_t i = j; i < side; ++i) of_c[i] = minus(of_c[i], before[i], factor);
        }
        for (size_t i = j + 1; i < side; ++i) {
            of_c[i] = kept(of_c[i]);
            of_l[i] = of_c[i] / of_c[j];
        }
    }
    // The solution, from the last weight to the first, in place of the last row of L.
    bool whole = true;
    for (size_t i = n; i-- > 0;) {
        double y = l[i * side + n];
        for (size_t k = n; k-- > i + 1;) y = minus(y, l[i * side + k], l[k * side + n]);
        l[i * side + n] = y = kept(y);
        const double diagonal = c[i * side + i];
        whole &= diagonal >= least && diagonal <= most && y == y;
        weights[i] = weight(y);
    }
    if (!whole)
        for (size_t i = 0; i < n; ++i) weights[i] = 0;
}

}  // namespace

const LeastSquares BITSBACK_KERNELS = {add, add_sample, solve};

}  // namespace bitsback
