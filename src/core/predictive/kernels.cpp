#include "kernels.hpp"

#include <string>

#include "../linear.hpp"

namespace bitsback {

const PredictiveKernels& predictive_kernels() {
#if defined(__x86_64__) || defined(_M_X64)
    const std::string path = simd_path();
    if (path.starts_with("avx512")) return predictive_avx512;
    if (path.starts_with("avx")) return predictive_avx2;
#endif
    return predictive_plain;
}

}  // namespace bitsback
