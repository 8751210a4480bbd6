#include <string>

#include "../linear.hpp"
#include "least_squares.hpp"

namespace bitsback {

const LeastSquares& least_squares(Arithmetic arithmetic) {
    if (arithmetic == Arithmetic::contracted) return least_squares_contracted;
#if defined(__x86_64__) || defined(_M_X64)
    const std::string path = simd_path();
    if (path.starts_with("avx512")) return least_squares_avx512;
    if (path.starts_with("avx")) return least_squares_avx2;
#endif
    return least_squares_plain;
}

}  // namespace bitsback
