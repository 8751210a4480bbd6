// The least squares of many cells, solved together where they are of one kind.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "kernels.hpp"
#include "settings.hpp"

namespace bitsback {

class Solver {
  public:
    Solver(const PredictiveSettings& settings, const PredictiveKernels& kernels)
        : kernels_(kernels) {
        std::size_t most = 0;
        for (std::size_t j = 0; j < settings.predictors().size(); ++j) {
            const PredictorSettings& of = settings.predictors()[j];
            most = std::max(most, of.inputs.count(2));
            for (std::size_t references = 0; references < 3; ++references)
                kinds_[kind(j, references)] = {of.inputs.count(references), of.ridge, {}, {}};
        }
        const std::size_t entries = (most + 1) * (most + 2);  // of two triangles
        work_.reset(static_cast<double*>(
            ::operator new((entries + 8) * lanes * sizeof(double), alignment)));
    }

    // Systems of predictor j in planes with so many references are of one kind.
    static std::size_t kind(std::size_t j, std::size_t references) { return 3 * j + references; }

    // The system of a cell.
    void add(std::size_t number, const std::int32_t* system, std::int32_t* weights) {
        Kind& kind = kinds_[number];
        kind.systems.push_back(system);
        kind.weights.push_back(weights);
    }

    // Solves all that have been added.
    void run() {
        for (Kind& kind : kinds_) {
            const std::size_t count = kind.systems.size();
            for (std::size_t first = 0; first < count; first += lanes) {
                std::array<const std::int32_t*, lanes> systems;
                std::array<std::int32_t*, lanes> weights;
                for (std::size_t lane = 0; lane < lanes; ++lane) {
                    const std::size_t of = std::min(first + lane, count - 1);
                    systems[lane] = kind.systems[of];
                    weights[lane] = kind.weights[of];
                }
                kernels_.solve(systems.data(), kind.inputs, kind.ridge, work_.get(),
                               weights.data());
            }
            kind.systems.clear();
            kind.weights.clear();
        }
    }

  private:
    static constexpr std::size_t lanes = PredictiveKernels::lanes;
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(double* work) const { ::operator delete(work, alignment); }
    };
    struct Kind {
        std::size_t inputs = 0;
        std::int32_t ridge = 0;
        std::vector<const std::int32_t*> systems;
        std::vector<std::int32_t*> weights;
    };

    const PredictiveKernels& kernels_;
    std::array<Kind, 3 * PredictiveSettings::most_predictors> kinds_;
    std::unique_ptr<double, Free> work_;
};

}  // namespace bitsback
