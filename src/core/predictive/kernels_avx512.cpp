#include <stddef.h>

namespace bitsback {
namespace {
constexpr size_t width = 8;
}  // namespace
}  // namespace bitsback

#include "loops.hpp"
#include "solve.hpp"

namespace bitsback {

const PredictiveKernels predictive_avx512 = {differences, dot,  long_dot,   scale,
                                             look,        fade, accumulate, solve};

}  // namespace bitsback
