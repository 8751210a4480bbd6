#include "fade.hpp"
#include "loops.hpp"

namespace bitsback {

const PredictiveKernels predictive_plain = {predict, look, fade, accumulate, spread};

}  // namespace bitsback
