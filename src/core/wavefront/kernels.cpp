// This file is compiled once for each instruction set, and once more with contracted products and
// sums, for choosing test vectors. CMakeLists.txt defines BITSBACK_KERNELS, the symbol that each
// build exports, and BITSBACK_CONTRACTED.
#include "../exact_floats.hpp"
// The guard must come first.
#include "cells.hpp"
#include "coding.hpp"
#include "contexts.hpp"
#include "kernels.hpp"
#include "pixels.hpp"

namespace bitsback {

const WaveKernels BITSBACK_KERNELS = {cells, look,   codes,         starts, pop,
                                      push,  decide, pop_decisions, learn};

}  // namespace bitsback
