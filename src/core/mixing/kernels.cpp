// This file is compiled once for each instruction set: CMakeLists.txt gives BITSBACK_KERNELS, the
// name of what comes of it.
#include "kernels.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace bitsback {
namespace {

#if defined(__AVX2__)
// The products of the even lanes, of 64 bits; those of the odd ones once they are shifted down.
__m256i products(__m256i a, __m256i b) { return _mm256_mul_epi32(a, b); }
__m256i odd(__m256i a) { return _mm256_srli_epi64(a, 32); }

__m256i load(const int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

int64_t dot(const int32_t* weights, const int32_t* inputs, size_t count) {
    __m256i even_sums = _mm256_setzero_si256(), odd_sums = even_sums;
    for (size_t i = 0; i < count; i += 8) {
        const __m256i w = load(weights + i), x = load(inputs + i);
        even_sums = _mm256_add_epi64(even_sums, products(w, x));
        odd_sums = _mm256_add_epi64(odd_sums, products(odd(w), odd(x)));
    }
    alignas(32) int64_t sums[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums), _mm256_add_epi64(even_sums, odd_sums));
    return sums[0] + sums[1] + sums[2] + sums[3];
}

void adjust(int32_t* weights, const int32_t* inputs, int32_t error, size_t count) {
    const __m256i e = _mm256_set1_epi32(error);
    const __m256i half = _mm256_set1_epi64x(int64_t{1} << 31);
    const __m256i most = _mm256_set1_epi32(1 << 24), least = _mm256_set1_epi32(-(1 << 24));
    for (size_t i = 0; i < count; i += 8) {
        const __m256i x = load(inputs + i);
        // The upper halves of both: the even ones go down, the odd ones are in their places.
        const __m256i low = odd(_mm256_add_epi64(products(x, e), half));
        const __m256i high = _mm256_add_epi64(products(odd(x), e), half);
        const __m256i change = _mm256_blend_epi32(low, high, 0xAA);
        const __m256i w = _mm256_add_epi32(load(weights + i), change);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + i),
                            _mm256_min_epi32(_mm256_max_epi32(w, least), most));
    }
}
#else
int64_t dot(const int32_t* weights, const int32_t* inputs, size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += static_cast<int64_t>(weights[i]) * inputs[i];
    return sum;
}

void adjust(int32_t* weights, const int32_t* inputs, int32_t error, size_t count) {
    constexpr int32_t most = 1 << 24;
    for (size_t i = 0; i < count; ++i) {
        const int64_t change = (static_cast<int64_t>(inputs[i]) * error + (int64_t{1} << 31)) >> 32;
        const int32_t w = weights[i] + static_cast<int32_t>(change);
        weights[i] = w < -most ? -most : w > most ? most : w;
    }
}
#endif

}  // namespace

const MixingKernels BITSBACK_KERNELS = {dot, adjust};

}  // namespace bitsback
