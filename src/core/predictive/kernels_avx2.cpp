#include <stddef.h>

namespace bitsback {
namespace {
constexpr size_t width = 4;
}  // namespace
}  // namespace bitsback

#include "loops.hpp"
#include "solve.hpp"

namespace bitsback {

const PredictiveKernels predictive_avx2 = {differences, dot,  long_dot,   scale,
                                           look,        fade, accumulate, solve};

}  // namespace bitsback
