// A plane while it is coded: its symbols so far, and the predictions of the next ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cell_sums.hpp"
#include "errors.hpp"
#include "frame.hpp"
#include "kernels.hpp"
#include "settings.hpp"

namespace bitsback {

class Plane {
  public:
    // references: those planes of the same item, the nearest first.
    Plane(const PredictiveSettings& settings, const PredictiveKernels& kernels,
          const ItemFrame& frame, std::span<Plane* const> references)
        : settings_(settings), kernels_(kernels), frame_(frame), references_(references.size()) {
        std::ranges::copy(references, reference_.begin());
        for (std::size_t j = 0; j < settings.predictors().size(); ++j) {
            const PredictorSettings& of = settings.predictors()[j];
            sums_.emplace_back(of, kernels, of.inputs.count(references_),
                               settings.start(j, references_), settings.lag());
        }
        describe();
    }

    // A front of so many pixels, the first of which is this one.
    void begin(PixelFront& front, std::int32_t row, std::int32_t column, std::size_t count) const {
        front.count = count;
        front.row = row;
        front.column = column;
        front.lag = frame_.lag;
    }

    // Makes ready for the pixels of a front, of which nothing but symbols before them is known: to
    // be called before `look` for all fronts of a step, and `solver` is to be run between them.
    void prepare(PixelFront& front, Solver& solver) {
        if (front.row == 0 && front.column == 0) open();
        std::array<LineNumbers, front_size> lines;
        lines[0] = LineNumbers(frame_, front.row);
        for (std::size_t k = 1; k < front.count; ++k) lines[k] = lines[k - 1].next(frame_);
        for (std::size_t j = 0; j < sums_.size(); ++j) {
            CellSums& sums = sums_[j];
            sums.start_cells(front, lines.data(), Solver::kind(j, references_), solver,
                             front.values[j]);
            front.weights[j] = sums.weights(lines[0]);
            front.weight_inputs = sums.weight_inputs();
        }
    }

    // Predicts the pixels of a front, and writes their contexts, of front_size pixels.
    void look(PixelFront& front, std::uint8_t* contexts) {
        const ItemFrame::Time time = frame_.time(front.row, front.column);
        const auto place = static_cast<std::size_t>(frame_.place(time, front.row));
        for (std::size_t i = 0; i <= references_; ++i) {
            const Plane& plane = i == 0 ? *this : *reference_[i - 1];
            const ItemFrame::Sights& sights = frame_.sights[i];
            front.symbols[i] = plane.symbols_.data() + place;
            front.distances[i] =
                sights.distances.data() + static_cast<std::size_t>(time.phase) * sights.count;
            front.predicted[i] = plane.predicted_.data() + place;
        }
        errors_.find(time, front);
        kernels_.look(front_, front, contexts);
        std::copy_n(front.predictions[PixelFront::blend], front_size, predicted_.data() + place);
    }

    // Takes the symbols of the pixels of a front that has been looked at, of front_size pixels.
    void learn(const PixelFront& front, const std::int32_t* symbols) {
        std::array<std::int32_t, (PixelFront::most + 1) * front_size> errors;
        std::array<std::int16_t, front_size> targets;
        kernels_.learn(front_, front, symbols, errors.data(), targets.data());
        const ItemFrame::Time time = frame_.time(front.row, front.column);
        errors_.put(time, front, errors.data());
        std::uint16_t* const place = symbols_.data() + frame_.place(time, front.row);
        for (std::size_t k = 0; k < front.count; ++k)
            place[k] = static_cast<std::uint16_t>(symbols[k]);
        for (std::size_t j = 0; j < sums_.size(); ++j)
            for (std::size_t k = 0; k < front.count; ++k)
                front.values[j][k][sums_[j].target()] = targets[k];

        // Only the last of its pixels may be the first one of a row or lie in the last row, and
        // only the first may be the last one of a row.
        const std::size_t last = front.count - 1;
        const auto row = front.row + static_cast<std::int32_t>(last);
        const std::int32_t column = front.column - front.lag * static_cast<std::int32_t>(last);
        if (column == 0 || row + 1 == frame_.rows)
            put(row, column, static_cast<std::uint16_t>(symbols[last]));
        if (front.column + 1 < frame_.columns) return;
        put(front.row, front.column, static_cast<std::uint16_t>(symbols[0]));
        for (CellSums& sums : sums_) sums.finish_row(LineNumbers(frame_, front.row));
        if (front.row + 1 == frame_.rows) close();
    }

    // The symbol of a pixel that is known.
    std::uint32_t symbol(std::size_t row, std::size_t column) const {
        return symbols_[place(static_cast<std::int32_t>(row), static_cast<std::int32_t>(column))];
    }

  private:
    // What fronts of this plane have in common.
    void describe() {
        front_.planes = 1 + references_;
        front_.predictors = sums_.size();
        front_.top = frame_.top;
        front_.deep = std::int64_t{frame_.top} * 32767 *
                          static_cast<std::int64_t>(PredictiveSettings::most_inputs) >=
                      (std::int64_t{1} << 31) - 8;
        front_.table = settings_.see();
        front_.curve = settings_.curve();
        front_.width = settings_.width();
        for (std::size_t i = 0; i < 3; ++i) {
            const ItemFrame::Sights& sights = frame_.sights[i];
            front_.window[i] = sights.window;
            std::ranges::copy(sights.median, front_.median[i]);
            for (std::size_t j = 0; j < sums_.size(); ++j) {
                front_.inputs[j][i] = sights.predictors[j].size();
                front_.input[j][i] = sights.predictors[j].data();
            }
        }
    }

    // Allocates the plane, when its first pixel is near.
    void open() {
        const std::size_t places =
            (frame_.times + 1) * static_cast<std::size_t>(frame_.width) + front_size;
        symbols_.assign(places, static_cast<std::uint16_t>(frame_.middle()));
        predicted_.resize(places);
        errors_.open(frame_, sums_.size() + (sums_.size() == 1 ? 2 : 3));
        for (CellSums& sums : sums_) sums.open(frame_);
    }

    // Data that planes which refer to this one do not need.
    void close() {
        errors_.close();
        for (CellSums& sums : sums_) sums.close();
    }

    std::size_t place(std::int32_t row, std::int32_t column) const {
        return static_cast<std::size_t>(frame_.place(frame_.time(row, column), row));
    }

    // A symbol, and where it stands for what is outside the image: to the right of its own row, and
    // to the left of the next one.
    void put(std::int32_t row, std::int32_t column, std::uint16_t symbol) {
        put_run(row, column, column + 1 == frame_.columns ? 1 + margin : 1, symbol);
        if (column == 0 && row + 1 < frame_.rows) put_run(row + 1, -margin, margin, symbol);
    }

    // Some copies of a symbol from a place on, in the last row for all rows below it too.
    void put_run(std::int32_t row, std::int32_t column, std::int32_t copies, std::uint16_t symbol) {
        const std::int32_t below = row + 1 == frame_.rows ? settings_.below() : 0;
        for (std::int32_t r = row; r <= row + below; ++r)
            for (std::int32_t q = column; q < column + copies; ++q) symbols_[place(r, q)] = symbol;
    }

    static constexpr std::int32_t margin = ItemFrame::margin;

    const PredictiveSettings& settings_;
    const PredictiveKernels& kernels_;
    const ItemFrame& frame_;
    std::size_t references_;
    std::array<Plane*, 2> reference_{};
    FrontSettings front_{};
    std::vector<std::uint16_t> symbols_;   // by times
    std::vector<std::int32_t> predicted_;  // likewise
    ErrorLines errors_;
    std::vector<CellSums> sums_;  // of each predictor
};

}  // namespace bitsback
