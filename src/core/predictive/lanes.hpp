// Vectors of as many integers as an instruction set has, for the pixels of a front.
//
// All of it is internal to the file that includes it, which is compiled for each instruction set.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace bitsback {
namespace {

#if defined(__AVX512F__)
constexpr size_t width = 16;
#elif defined(__AVX2__)
constexpr size_t width = 8;
#else
constexpr size_t width = 4;
#endif

#if defined(__GNUC__)
typedef int32_t Lanes __attribute__((vector_size(4 * width), may_alias));
typedef float FloatLanes __attribute__((vector_size(4 * width)));
typedef double DoubleLanes __attribute__((vector_size(8 * width)));
typedef int16_t WordLanes __attribute__((vector_size(2 * width)));
typedef uint16_t SymbolLanes __attribute__((vector_size(2 * width)));

template <class To, class From>
inline To converted(From x) {
    return __builtin_convertvector(x, To);
}
inline Lanes chosen(Lanes mask, Lanes yes, Lanes no) { return mask ? yes : no; }
#else
template <class T>
struct Vector {
    T of[width];

    T& operator[](size_t i) { return of[i]; }
    T operator[](size_t i) const { return of[i]; }
};
using Lanes = Vector<int32_t>;
using FloatLanes = Vector<float>;
using DoubleLanes = Vector<double>;
using WordLanes = Vector<int16_t>;
using SymbolLanes = Vector<uint16_t>;

#define BITSBACK_OPERATOR(name)                                                   \
    template <class T>                                                            \
    Vector<T> operator name(Vector<T> a, Vector<T> b) {                           \
        for (size_t i = 0; i < width; ++i) a[i] = static_cast<T>(a[i] name b[i]); \
        return a;                                                                 \
    }
BITSBACK_OPERATOR(+)
BITSBACK_OPERATOR(-)
BITSBACK_OPERATOR(*)
BITSBACK_OPERATOR(/)
BITSBACK_OPERATOR(>>)
BITSBACK_OPERATOR(<<)
BITSBACK_OPERATOR(&)
BITSBACK_OPERATOR(<)
#undef BITSBACK_OPERATOR

template <class To, class From>
inline To converted(From x) {
    To out;
    for (size_t i = 0; i < width; ++i)
        out[i] = static_cast<std::remove_reference_t<decltype(out[i])>>(x[i]);
    return out;
}
inline Lanes chosen(Lanes mask, Lanes yes, Lanes no) {
    for (size_t i = 0; i < width; ++i) yes[i] = mask[i] ? yes[i] : no[i];
    return yes;
}
#endif

// The same in each lane.
inline Lanes all(int32_t x) {
    Lanes out;
    for (size_t i = 0; i < width; ++i) out[i] = x;
    return out;
}
template <class V>
inline V load(const void* from) {
    V out;
    memcpy(&out, from, sizeof(V));
    return out;
}
template <class V>
inline void store(void* to, V x) {
    memcpy(to, &x, sizeof(V));
}

inline Lanes load_symbols(const uint16_t* from) {
#if defined(__AVX512F__) && defined(__GNUC__)
    return reinterpret_cast<Lanes>(_mm512_cvtepu16_epi32(load<__m256i>(from)));
#elif defined(__AVX2__) && defined(__GNUC__)
    return reinterpret_cast<Lanes>(_mm256_cvtepu16_epi32(load<__m128i>(from)));
#else
    return converted<Lanes>(load<SymbolLanes>(from));
#endif
}

inline Lanes least_of(Lanes a, Lanes b) { return chosen(a < b, a, b); }
inline Lanes most_of(Lanes a, Lanes b) { return chosen(a < b, b, a); }
inline Lanes clamped(Lanes x, int32_t low, int32_t high) {
    return least_of(most_of(x, all(low)), all(high));
}
inline Lanes magnitude(Lanes x) { return most_of(x, all(0) - x); }
inline Lanes bits_of(FloatLanes x) { return load<Lanes>(&x); }

}  // namespace
}  // namespace bitsback
