#include <stddef.h>

namespace bitsback {
namespace {
constexpr size_t width = 4;
}  // namespace
}  // namespace bitsback

#include "fade.hpp"
#include "kernels_256.hpp"
#include "solve.hpp"

namespace bitsback {

const PredictiveKernels predictive_avx2 = {predict, look, fade, accumulate, solve};

}  // namespace bitsback
