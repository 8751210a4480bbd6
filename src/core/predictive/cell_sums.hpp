// The least squares of one predictor in a plane: sums over cells of columns, which fade from row to
// row, and the weights that follow from them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "frame.hpp"
#include "kernels.hpp"
#include "prefetch.hpp"
#include "settings.hpp"
#include "solver.hpp"

namespace bitsback {

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
        kernels_.fade(above(line.cell), above(line.cell - 1), above(line.cell + 1),
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
    // Where the normalised inputs of the next pixel go.
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
    // What is kept of a row. Of its cells, the matrices are needed of those from the one to the
    // left of where the row below is, to the one where the row itself is.
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
