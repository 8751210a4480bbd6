// The least squares of predictors: sums over cells of columns, which decay from row to row, and the
// weights that follow from them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "../least_squares.hpp"
#include "frame.hpp"
#include "kernels.hpp"
#include "settings.hpp"

namespace bitsback {

// The least squares of many cells, solved together where they are of one kind.
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

    // Systems of predictor j in planes with the same number of references are of one kind.
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

// The sums of one predictor in a plane.
class CellSums {
  public:
    // start: the sums above the image.
    CellSums(const PredictorSettings& settings, const PredictiveKernels& kernels,
             std::size_t inputs, const std::int32_t* start, std::size_t lag)
        : settings_(settings),
          kernels_(kernels),
          start_(start),
          inputs_(inputs),
          size_(triangle_row(inputs + 1)),
          stride_(eights(inputs + 8)),
          slots_(lag / static_cast<std::size_t>(settings.cell) + 2) {}

    void open(const ItemFrame& frame) {
        last_cell_ = (frame.columns - 1) / settings_.cell;
        lines_.resize(frame.lines);
        for (Line& line : lines_) {
            line.matrices.resize(slots_ * size_);
            line.weights.resize(stride_);
            line.values.resize(static_cast<std::size_t>(settings_.cell) * stride_);
        }
    }
    void close() { lines_ = std::vector<Line>(); }

    void start_row(const LineNumbers& lines) {
        lines_[lines.own].next = lines_[lines.own].cell = 0;
    }

    // Begins a cell with the next pixel of a row, if one begins there: its weights are to be found.
    // The row above is to have been here before, at the same time. kind: of the system, for the
    // solver.
    void start_cell(const LineNumbers& lines, std::int32_t row, std::size_t kind, Solver& solver) {
        Line& line = lines_[lines.own];
        if (line.next == settings_.cell) finish_cell(line);
        if (line.next != 0) return;
        const auto above = [&](std::int32_t cell) -> const std::int32_t* {
            return row == 0 ? start_ : matrix(lines_[lines.above], std::clamp(cell, 0, last_cell_));
        };
        std::int32_t* sums = matrix(line, line.cell);
        kernels_.decay_sums(above(line.cell), above(line.cell - 1), above(line.cell + 1),
                            settings_.decay.data(), size_, sums);
        solver.add(kind, sums, line.weights.data());
    }

    // Has brought what the next pixel needs into the cache.
    void prefetch(const LineNumbers& lines) const {
        const Line& line = lines_[lines.own];
        for (std::size_t i = 0; i < inputs_; i += 16) bitsback::prefetch(line.weights.data() + i);
        bitsback::prefetch(line.values.data() + next_value(line));
        bitsback::prefetch(line.values.data() + next_value(line) + inputs_);
    }

    const std::int32_t* weights(const LineNumbers& lines) const {
        return lines_[lines.own].weights.data();
    }
    // The place for the normalised inputs of the next pixel.
    std::int16_t* values(const LineNumbers& lines) {
        Line& line = lines_[lines.own];
        return line.values.data() + next_value(line);
    }

    // Takes the normalised target of the pixel whose inputs are there. The sums of a cell are
    // finished when the next one begins: shortly before the row below needs them, which then finds
    // them in a near cache.
    void learn(const LineNumbers& lines, std::int16_t target, bool last) {
        Line& line = lines_[lines.own];
        line.values[next_value(line) + inputs_] = target;
        ++line.next;
        if (last) finish_cell(line);
    }

  private:
    // The data that are kept of a row. Of its cells, the matrices are needed of those from the one
    // to the left of where the row below is, to the one where the row itself is.
    struct Line {
        std::vector<std::int32_t> matrices;  // [slots, size]
        std::vector<std::int32_t> weights;   // of the cell
        std::vector<std::int16_t> values;    // of the pixels of the cell, [cell, stride]
        std::int32_t cell = 0;
        std::int32_t next = 0;  // pixel of the cell
    };

    void finish_cell(Line& line) {
        kernels_.accumulate(line.values.data(), static_cast<std::size_t>(line.next), stride_,
                            inputs_ + 1, matrix(line, line.cell));
        line.next = 0;
        ++line.cell;
    }

    std::int32_t* matrix(Line& line, std::int32_t cell) const {
        return line.matrices.data() +
               static_cast<std::uint32_t>(cell) % static_cast<std::uint32_t>(slots_) * size_;
    }
    std::size_t next_value(const Line& line) const {
        return static_cast<std::size_t>(line.next) * stride_;
    }

    const PredictorSettings& settings_;
    const PredictiveKernels& kernels_;
    const std::int32_t* start_;
    std::size_t inputs_;
    std::size_t size_;
    std::size_t stride_;
    std::size_t slots_;
    std::int32_t last_cell_ = 0;
    std::vector<Line> lines_;
};

}  // namespace bitsback
