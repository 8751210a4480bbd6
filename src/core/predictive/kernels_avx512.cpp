#include "fade.hpp"
#include "kernels_256.hpp"

namespace bitsback {

const PredictiveKernels predictive_avx512 = {predict, look, fade, accumulate, spread};

}  // namespace bitsback
