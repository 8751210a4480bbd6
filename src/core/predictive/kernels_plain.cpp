#include <stddef.h>

namespace bitsback {
namespace {
constexpr size_t width = 2;
}  // namespace
}  // namespace bitsback

#include "fade.hpp"
#include "loops.hpp"
#include "solve.hpp"

namespace bitsback {

const PredictiveKernels predictive_plain = {predict, look, fade, accumulate, solve};

}  // namespace bitsback
