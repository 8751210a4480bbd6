// Selects the least squares and the kernels of mixing, wavefronts and JPEG streams for the engine
// in use.
#include <string>

#include "jpeg/kernels.hpp"
#include "jpeg/symbols.hpp"
#include "linear/linear.hpp"
#include "mixing/kernels.hpp"
#include "series/least_squares.hpp"
#include "wavefront/kernels.hpp"

namespace bitsback {
#if defined(__x86_64__) || defined(_M_X64)
namespace {

template <class Kernels>
const Kernels& choose(const Kernels& plain, const Kernels& avx2, const Kernels& avx512) {
    const std::string path = simd_path();
    return path.starts_with("avx512") ? avx512 : path.starts_with("avx") ? avx2 : plain;
}

}  // namespace

const LeastSquares& least_squares(Arithmetic arithmetic) {
    if (arithmetic == Arithmetic::contracted) return least_squares_contracted;
    return choose(least_squares_plain, least_squares_avx2, least_squares_avx512);
}

const MixingKernels& mixing_kernels() { return choose(mixing_plain, mixing_avx2, mixing_avx512); }

const jpeg::Kernels& jpeg::kernels() { return choose(jpeg_plain, jpeg_avx2, jpeg_avx512); }

const jpeg::SymbolKernels& jpeg::symbol_kernels() {
    return choose(symbols_plain, symbols_avx2, symbols_avx512);
}

const WaveKernels& wave_kernels(bool contracted) {
    if (contracted) return wavefront_contracted;
    return choose(wavefront_plain, wavefront_avx2, wavefront_avx512);
}
#else
const LeastSquares& least_squares(Arithmetic arithmetic) {
    return arithmetic == Arithmetic::contracted ? least_squares_contracted : least_squares_plain;
}

const MixingKernels& mixing_kernels() { return mixing_plain; }

const jpeg::Kernels& jpeg::kernels() { return jpeg_plain; }

const jpeg::SymbolKernels& jpeg::symbol_kernels() { return symbols_plain; }

const WaveKernels& wave_kernels(bool contracted) {
    return contracted ? wavefront_contracted : wavefront_plain;
}
#endif
}  // namespace bitsback
