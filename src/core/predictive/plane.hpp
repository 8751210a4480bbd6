// A plane while it is coded: its symbols so far, and the predictions of the next ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "cell_sums.hpp"
#include "errors.hpp"
#include "frame.hpp"
#include "kernels.hpp"
#include "settings.hpp"

namespace bitsback {

// What the pixels of several planes look at, laid side by side.
struct FrontRoom {
    static constexpr std::size_t width = front_size + 8;  // since eight are copied at a time
    static constexpr std::size_t places = 112 + 32 * PredictiveSettings::most_predictors + 3;

    template <class T>
    using Row = std::array<T, width>;

    std::array<std::array<Row<std::uint16_t>, places>, 3> symbols{};
    std::array<std::int32_t, places> distances{};
    std::array<Row<std::int32_t>, 3> predicted{};
    std::array<std::array<Row<std::int32_t>, 6>, PixelFront::most + 1> errors{};
    std::array<std::array<Row<std::int32_t>, PredictiveSettings::most_inputs>,
               PredictiveSettings::most_predictors>
        weights{};

    FrontRoom() {
        for (std::size_t i = 0; i < places; ++i)
            distances[i] = static_cast<std::int32_t>(i * width);
    }

    // Some of what there is, at most eight.
    template <class T>
    static void copy(const T* from, Row<T>& to, std::size_t first) {
        std::memcpy(to.data() + first, from, 8 * sizeof(T));
    }
};

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

    std::int32_t lag() const { return frame_.lag; }

    // Whether pixels of both planes may be in one front.
    bool like(const Plane& other) const {
        return references_ == other.references_ && frame_.top == other.frame_.top;
    }

    // Makes ready for some pixels of a front, of which nothing but symbols before them is known: to
    // be called before `look` for all of a step, and `solver` is to be run between them.
    void prepare(const FrontPart& part, PixelFront& front, Solver& solver) {
        if (part.row == 0 && part.column == 0) open();
        std::array<LineNumbers, front_size> lines;
        lines[0] = LineNumbers(frame_, part.row);
        for (std::size_t k = 1; k < part.count; ++k) lines[k] = lines[k - 1].next(frame_);
        for (std::size_t j = 0; j < sums_.size(); ++j)
            sums_[j].start_cells(part, frame_.lag, lines.data(), Solver::kind(j, references_),
                                 solver, front.values[j] + part.first);
        for (std::size_t k = 0; k < part.count; ++k) {
            front.rows[part.first + k] = part.row + static_cast<std::int32_t>(k);
            front.columns[part.first + k] = part.column - frame_.lag * static_cast<std::int32_t>(k);
        }
    }

    // Shows a front whose pixels are all of this plane where they are.
    void show(const FrontPart& part, PixelFront& front) const {
        const ItemFrame::Time time = frame_.time(part.row, part.column);
        const auto place = static_cast<std::size_t>(frame_.place(time, part.row));
        for (std::size_t i = 0; i <= references_; ++i) {
            const Plane& plane = seen(i);
            front.symbols[i] = plane.symbols_.data() + place;
            front.distances[i] = distances(i, time);
            front.predicted[i] = plane.predicted_.data() + place;
        }
        std::ranges::copy(errors_.near(time, part.row), front.errors);
        front.error_kinds = errors_.kind();
        for (std::size_t j = 0; j < sums_.size(); ++j) {
            front.weights[j] = sums_[j].weights(LineNumbers(frame_, part.row));
            front.weight_inputs = sums_[j].weight_inputs();
        }
    }

    // Copies what some pixels of a front look at, at most eight, behind that of others.
    void copy(const FrontPart& part, PixelFront& front, FrontRoom& room) const {
        const ItemFrame::Time time = frame_.time(part.row, part.column);
        const auto place = static_cast<std::size_t>(frame_.place(time, part.row));
        for (std::size_t i = 0; i <= references_; ++i) {
            const Plane& plane = seen(i);
            const std::uint16_t* x = plane.symbols_.data() + place;
            const std::int32_t* distance = distances(i, time);
            for (std::size_t k = 0; k < frame_.sights[i].count; ++k)
                FrontRoom::copy(x + distance[k], room.symbols[i][k], part.first);
            front.symbols[i] = room.symbols[i][0].data();
            front.distances[i] = room.distances.data();
            if (i > 0)
                FrontRoom::copy(plane.predicted_.data() + place, room.predicted[i], part.first);
            front.predicted[i] = room.predicted[i].data();
        }
        const auto near = errors_.near(time, part.row);
        for (std::size_t i = 0; i < near.size(); ++i) {
            for (std::size_t j = 0; j < errors_.kinds(); ++j)
                FrontRoom::copy(near[i] + j * errors_.kind(), room.errors[j][i], part.first);
            front.errors[i] = room.errors[0][i].data();
        }
        front.error_kinds = near.size() * FrontRoom::width;
        const LineNumbers lines(frame_, part.row);
        for (std::size_t j = 0; j < sums_.size(); ++j) {
            for (std::size_t i = 0; i < sums_[j].inputs(); ++i)
                FrontRoom::copy(sums_[j].weights(lines) + i * sums_[j].weight_inputs(),
                                room.weights[j][i], part.first);
            front.weights[j] = room.weights[j][0].data();
        }
        front.weight_inputs = FrontRoom::width;
    }

    // Predicts the pixels of a front that has been shown or copied, and writes their contexts, of
    // front_size pixels.
    void look(PixelFront& front, std::uint8_t* contexts) const {
        kernels_.look(front_, front, contexts);
    }
    // Keeps the predictions of some pixels of it.
    void keep(const FrontPart& part, const PixelFront& front) {
        const std::int64_t place = frame_.place(frame_.time(part.row, part.column), part.row);
        std::copy_n(front.predictions[PixelFront::blend] + part.first, part.count,
                    predicted_.data() + place);
    }

    // What some pixels of a front bring once their symbols are known.
    struct Learned {
        std::array<std::int32_t, front_size> symbols{};
        std::array<std::int32_t, (PixelFront::most + 1) * front_size> errors;
        std::array<std::int16_t, front_size> targets;
    };
    void compare(const PixelFront& front, Learned& learned) const {
        kernels_.learn(front_, front, learned.symbols.data(), learned.errors.data(),
                       learned.targets.data());
    }
    void learn(const FrontPart& part, const PixelFront& front, const Learned& learned) {
        const std::int32_t* symbols = learned.symbols.data() + part.first;
        const ItemFrame::Time time = frame_.time(part.row, part.column);
        errors_.put(time, part, learned.errors.data() + part.first);
        std::uint16_t* const place = symbols_.data() + frame_.place(time, part.row);
        for (std::size_t k = 0; k < part.count; ++k)
            place[k] = static_cast<std::uint16_t>(symbols[k]);
        for (std::size_t j = 0; j < sums_.size(); ++j)
            for (std::size_t k = part.first; k < part.first + part.count; ++k)
                front.values[j][k][sums_[j].inputs()] = learned.targets[k];

        // Only the last of its pixels may be the first one of a row or lie in the last row, and
        // only the first may be the last one of a row.
        const std::int32_t row = part.last_row(), column = part.last_column(frame_.lag);
        if (column == 0 || row + 1 == frame_.rows)
            put(row, column, static_cast<std::uint16_t>(symbols[part.count - 1]));
        if (part.column + 1 < frame_.columns) return;
        put(part.row, part.column, static_cast<std::uint16_t>(symbols[0]));
        for (CellSums& sums : sums_) sums.finish_row(LineNumbers(frame_, part.row));
        if (part.row + 1 == frame_.rows) close();
    }

    // The symbol of a pixel that is known.
    std::uint32_t symbol(std::size_t row, std::size_t column) const {
        return symbols_[place(static_cast<std::int32_t>(row), static_cast<std::int32_t>(column))];
    }

  private:
    const Plane& seen(std::size_t i) const { return i == 0 ? *this : *reference_[i - 1]; }
    const std::int32_t* distances(std::size_t i, const ItemFrame::Time& time) const {
        const ItemFrame::Sights& sights = frame_.sights[i];
        return sights.distances.data() + static_cast<std::size_t>(time.phase) * sights.count;
    }

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
