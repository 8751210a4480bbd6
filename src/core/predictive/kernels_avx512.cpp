#include <stddef.h>

namespace bitsback {
namespace {
constexpr size_t width = 8;
}  // namespace
}  // namespace bitsback

#include "fade.hpp"
#include "kernels_256.hpp"
#include "solve.hpp"

namespace bitsback {

const PredictiveKernels predictive_avx512 = {predict, look, fade, accumulate, solve};

}  // namespace bitsback
