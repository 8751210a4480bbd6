// The AVX-512 engine in registers of 256 bits: linear_vnni_256.hpp in the encoding of AVX-512, so
// that what AVX-VNNI runs is tested on processors of either kind.
#include "vnni_256.hpp"

namespace bitsback {
namespace {

// Written out where it can be: GCC keeps each accumulator twice otherwise, and some of them in
// memory.
inline BITSBACK_INLINE void dot(__m256i& acc, __m256i x, __m256i w) {
#if defined(__GNUC__)
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
#else
    acc = _mm256_dpbusd_epi32(acc, x, w);
#endif
}

}  // namespace

const LinearEngine linear_avx512vl = {"avx512vl", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
