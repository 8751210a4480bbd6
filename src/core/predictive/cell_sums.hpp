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

    // Where the weights of a cell belong: each `distance` numbers behind the one before, and
    // all a second time if there is another place for them.
    struct Target {
        std::int32_t* weights;
        std::int32_t* again;
        std::size_t distance;
    };

    // The system of a cell. Eight of a kind are solved at once, while they are in a near cache.
    void add(std::size_t number, const std::int32_t* system, const Target& target) {
        Kind& kind = kinds_[number];
        kind.systems[kind.count] = system;
        kind.targets[kind.count] = target;
        if (++kind.count == lanes) solve(kind);
    }

    // Solves all that have been added.
    void run() {
        for (Kind& kind : kinds_) {
            if (kind.count == 0) continue;
            for (std::size_t lane = kind.count; lane < lanes; ++lane)
                kind.systems[lane] = kind.systems[0];
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
        std::array<Target, lanes> targets;
    };

    void solve(Kind& kind) {
        kernels_.spread(kind.systems.data(), kind.inputs + 1, work_.get());
        std::array<std::int32_t*, lanes> found;
        for (std::size_t lane = 0; lane < lanes; ++lane) found[lane] = weights_[lane].data();
        least_squares_.solve_planes(work_.get(), work_.get() + triangle_, kind.inputs, kind.ridge,
                                    found.data());
        for (std::size_t lane = 0; lane < kind.count; ++lane) {
            const auto& [weights, again, distance] = kind.targets[lane];
            for (std::size_t i = 0; i < kind.inputs; ++i) {
                weights[i * distance] = found[lane][i];
                if (again != nullptr) again[i * distance] = found[lane][i];
            }
        }
        kind.count = 0;
    }

    const PredictiveKernels& kernels_;
    const LeastSquares& least_squares_;
    std::array<Kind, 3 * PredictiveSettings::most_predictors> kinds_;
    std::size_t triangle_;  // doubles
    std::unique_ptr<double, Free> work_;
    std::array<std::array<std::int32_t, PredictiveSettings::most_inputs>, lanes> weights_;
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
        last_pixels_ = static_cast<std::size_t>(frame.columns - last_cell_ * settings_.cell);
        lines_.resize(frame.lines);
        weights_.resize(inputs_ * weight_inputs());
        for (Line& line : lines_) {
            line.matrices.resize(slots_ * size_);
            line.values.resize(static_cast<std::size_t>(settings_.cell) * stride_);
        }
    }
    void close() {
        lines_ = std::vector<Line>();
        weights_ = std::vector<std::int32_t>();
    }

    // Begins the cells that begin with pixels of a front: their weights are to be found. The row
    // above is to have been here before, at the same time. lines: of each pixel. values: the places
    // for their normalised inputs. kind: of the systems, for the solver.
    void start_cells(const FrontPart& part, std::int32_t lag, const LineNumbers* lines,
                     std::size_t kind, Solver& solver, std::int16_t** values) {
        std::int32_t cell = part.column / settings_.cell, next = part.column % settings_.cell;
        const std::int32_t cells = lag / settings_.cell, rest = lag % settings_.cell;
        for (std::size_t k = 0; k < part.count; ++k) {
            if (next == 0)
                start_cell(lines[k], part.row + static_cast<std::int32_t>(k), cell, kind, solver);
            values[k] =
                lines_[lines[k].own].values.data() + static_cast<std::size_t>(next) * stride_;
            cell -= cells;
            next -= rest;
            if (next < 0) {
                next += settings_.cell;
                --cell;
            }
        }
    }

    // The weights of the cells of a line and those that follow.
    const std::int32_t* weights(const LineNumbers& lines) const {
        return weights_.data() + lines.own;
    }
    std::size_t weight_inputs() const { return lines_.size() + front_size; }
    std::size_t inputs() const { return inputs_; }

    // Takes the last pixel of a row, whose values are there. The sums of other cells are finished
    // when the next one begins: shortly before the row below needs them, which then finds them in a
    // near cache.
    void finish_row(const LineNumbers& lines) {
        finish_cell(lines_[lines.own], last_cell_, last_pixels_);
    }

  private:
    // The data that are kept of a row. Of its cells, the matrices are needed of those from the one
    // to the left of where the row below is, to the one where the row itself is.
    struct Line {
        std::vector<std::int32_t> matrices;  // [slots, size]
        std::vector<std::int16_t> values;    // of the pixels of the cell, [cell, stride]
    };

    void start_cell(const LineNumbers& lines, std::int32_t row, std::int32_t cell, std::size_t kind,
                    Solver& solver) {
        Line& line = lines_[lines.own];
        if (cell != 0) finish_cell(line, cell - 1, static_cast<std::size_t>(settings_.cell));
        const auto above = [&](std::int32_t of) -> const std::int32_t* {
            return row == 0 ? start_ : matrix(lines_[lines.above], std::clamp(of, 0, last_cell_));
        };
        std::int32_t* sums = matrix(line, cell);
        kernels_.decay_sums(above(cell), above(cell - 1), above(cell + 1), settings_.decay.data(),
                            size_, sums);
        // The first lines stand behind the last ones too, so that those of a front, whose lines
        // follow one another in a circle, are next to one another.
        std::int32_t* const weights = weights_.data() + lines.own;
        solver.add(
            kind, sums,
            {weights, lines.own < front_size ? weights + lines_.size() : nullptr, weight_inputs()});
    }

    void finish_cell(Line& line, std::int32_t cell, std::size_t pixels) {
        kernels_.accumulate(line.values.data(), pixels, stride_, inputs_ + 1, matrix(line, cell));
    }

    std::int32_t* matrix(Line& line, std::int32_t cell) const {
        return line.matrices.data() +
               static_cast<std::uint32_t>(cell) % static_cast<std::uint32_t>(slots_) * size_;
    }
    const PredictorSettings& settings_;
    const PredictiveKernels& kernels_;
    const std::int32_t* start_;
    std::size_t inputs_;
    std::size_t size_;
    std::size_t stride_;
    std::size_t slots_;
    std::int32_t last_cell_ = 0;
    std::size_t last_pixels_ = 0;  // of a row
    std::vector<Line> lines_;
    std::vector<std::int32_t> weights_;  // of the cell of each line, [inputs, weight_inputs]
};

}  // namespace bitsback
