// Least squares by LDL^T: floating-point arithmetic that determines the meaning of archives. It has
// plain data and plain functions, no inline code, since it is compiled for each instruction set;
// docs/model-format.md defines the operations and their order, so all give the same.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../default_floats.hpp"

namespace bitsback {

constexpr size_t sample_columns = 24;

struct LeastSquares {
    // sums = sums * keep + the products of v, [side] the inputs and the target. sums: the columns
    // of a matrix, [side, side], from the diagonal down.
    void (*add)(double* sums, const double* v, size_t side, double keep);
    // sums[a][b] += (weight * v[a]) * v[b] for a <= b < sample_columns, with `target` for the last
    // but one of v; below the diagonal sums become anything.
    void (*add_sample)(float* sums, const int32_t* v, int32_t target, float weight);
    // Solves a system of n inputs, given by the columns of a matrix as for `add`: weights in units
    // of 2^-16, zeros where there is no solution. work: twice as many doubles.
    void (*solve)(const double* sums, size_t n, double ridge, double* work, int32_t* weights);
};

// The least squares for the engine in use (linear.hpp).
const LeastSquares& least_squares(Arithmetic arithmetic);

extern const LeastSquares least_squares_plain;
extern const LeastSquares least_squares_avx2;
extern const LeastSquares least_squares_avx512;
extern const LeastSquares least_squares_contracted;

}  // namespace bitsback
