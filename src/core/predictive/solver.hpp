// The least squares of many cells, solved together where they are of one kind.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "../least_squares/least_squares.hpp"
#include "kernels.hpp"
#include "settings.hpp"

namespace bitsback {

class Solver {
  public:
    Solver(const PredictiveSettings& settings, const PredictiveKernels& kernels,
           const LeastSquares& least_squares)
        : kernels_(kernels), least_squares_(least_squares) {
        std::size_t most = 0;
        for (std::size_t j = 0; j < settings.predictors().size(); ++j) {
            const PredictorSettings& of = settings.predictors()[j];
            most = std::max(most, of.inputs.count(2));
            for (std::size_t references = 0; references < 3; ++references)
                kinds_[kind(j, references)] = {of.inputs.count(references), of.ridge, 0, {}, {}};
        }
        triangle_ = ((most + 1) * (most + 2) / 2 + 8) * lanes;
        work_.reset(
            static_cast<double*>(::operator new(2 * triangle_ * sizeof(double), alignment)));
    }

    // Systems of predictor j in planes with so many references are of one kind.
    static std::size_t kind(std::size_t j, std::size_t references) { return 3 * j + references; }

    // The system of a cell. Eight of a kind are solved at once, while they are in a near cache.
    void add(std::size_t number, const std::int32_t* system, std::int32_t* weights) {
        Kind& kind = kinds_[number];
        kind.systems[kind.count] = system;
        kind.weights[kind.count] = weights;
        if (++kind.count == lanes) solve(kind);
    }

    // Solves all that have been added.
    void run() {
        for (Kind& kind : kinds_) {
            if (kind.count == 0) continue;
            for (std::size_t lane = kind.count; lane < lanes; ++lane) {
                kind.systems[lane] = kind.systems[0];
                kind.weights[lane] = kind.weights[0];
            }
            solve(kind);
        }
    }

  private:
    static constexpr std::size_t lanes = LeastSquares::lanes;
    static_assert(lanes == PredictiveKernels::lanes);
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(double* work) const { ::operator delete(work, alignment); }
    };
    struct Kind {
        std::size_t inputs = 0;
        std::int32_t ridge = 0;
        std::size_t count = 0;
        std::array<const std::int32_t*, lanes> systems;
        std::array<std::int32_t*, lanes> weights;
    };

    void solve(Kind& kind) {
        kernels_.spread(kind.systems.data(), kind.inputs + 1, work_.get());
        least_squares_.solve_planes(work_.get(), work_.get() + triangle_, kind.inputs, kind.ridge,
                                    kind.weights.data());
        kind.count = 0;
    }

    const PredictiveKernels& kernels_;
    const LeastSquares& least_squares_;
    std::array<Kind, 3 * PredictiveSettings::most_predictors> kinds_;
    std::size_t triangle_;  // doubles
    std::unique_ptr<double, Free> work_;
};

}  // namespace bitsback
