// The AVX-VNNI engine: linear_vnni_256.hpp in the encoding of processors without AVX-512.
#include "vnni_256.hpp"

namespace bitsback {
namespace {

// Written out where it can be: GCC keeps each accumulator twice otherwise, and some of them in
// memory.
inline BITSBACK_INLINE void dot(__m256i& acc, __m256i x, __m256i w) {
#if defined(__GNUC__)
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
#else
    acc = _mm256_dpbusd_avx_epi32(acc, x, w);
#endif
}

}  // namespace

const LinearEngine linear_avxvnni = {"avxvnni", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
