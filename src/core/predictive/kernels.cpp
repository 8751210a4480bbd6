// This file is compiled once for each instruction set: CMakeLists.txt gives BITSBACK_KERNELS, the
// name of the result.
#include "kernels.hpp"

#include "lanes.hpp"
#if defined(__AVX2__)
#include "kernels_256.hpp"
#endif

namespace bitsback {
namespace {

#if !defined(__AVX2__)
// The rows of a matrix of which the columns are given: no more than there are lanes.
void lay(const int16_t (*columns)[width], size_t inputs, int16_t* const* rows, size_t count) {
    for (size_t k = 0; k < count && k < width; ++k)
        for (size_t i = 0; i < inputs; ++i) rows[k][i] = columns[i][k];
}

void accumulate(const int16_t* values, size_t count, size_t stride, size_t size, int32_t* matrix) {
    for (size_t c = 0; c < count; ++c, values += stride)
        for (size_t a = 0; a < size; ++a) {
            int32_t* row = matrix + triangle_row(a);
            const int32_t factor = values[a];
            for (size_t b = 0; b <= a; ++b) row[b] += factor * values[b];
        }
}

void spread(const int32_t* const* systems, size_t rows, double* out) {
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j <= i; ++j)
            for (size_t lane = 0; lane < PredictiveKernels::lanes; ++lane)
                *out++ = systems[lane][triangle_row(i) + j];
}
#endif

}  // namespace
}  // namespace bitsback

#include "fronts.hpp"

namespace bitsback {
namespace {

// A loop that compilers turn into vectors of what they compile for.
// A product d * x is d * (x >> 8) * 256 + d * (x & 255): all sums stay within 32 bits.
void decay_sums(const int32_t* above, const int32_t* left, const int32_t* right,
                const int32_t* decay, size_t size, int32_t* out) {
    const int32_t d0 = decay[0], d1 = decay[1], d2 = decay[2];
    for (size_t i = 0; i < size; ++i) {
        const int32_t high = d0 * (above[i] >> 8) + d1 * (left[i] >> 8) + d2 * (right[i] >> 8);
        const int32_t low = d0 * (above[i] & 255) + d1 * (left[i] & 255) + d2 * (right[i] & 255);
        out[i] = high + (low >> 8);
    }
}

}  // namespace

const PredictiveKernels BITSBACK_KERNELS = {look, learn, decay_sums, accumulate, spread};

}  // namespace bitsback
