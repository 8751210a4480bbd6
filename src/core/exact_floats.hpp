// The guard of the only floating-point code that affects the bitstream: IEEE 754 doubles, each
// operation rounded separately. A file that includes this does not compile under other rules;
// include it first.
#pragma once

#include <float.h>

#include <limits>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    defined(_M_FP_FAST)
#error "archives could not be read elsewhere: build this without -ffast-math or /fp:fast"
#endif
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "archives could not be read elsewhere: build this without -ffinite-math-only"
#endif

static_assert(FLT_EVAL_METHOD == 0, "doubles must not be computed in a wider format");
static_assert(std::numeric_limits<double>::is_iec559, "doubles must be those of IEEE 754");

// No product is contracted with a sum, whatever the command line says. The exception is Clang with
// -ffp-contract=fast, which ignores its pragmas; the test items of models detect this.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#if _MSC_VER < 1930 && !defined(_M_FP_STRICT)
#error "Visual C++ before 2022 17.0 contracts under /fp:precise: build this with /fp:strict"
#endif
#pragma float_control(precise, on)
#pragma fp_contract(off)
#else
#error "define here how to keep this compiler from contracting products with sums"
#endif
