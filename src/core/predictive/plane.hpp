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
#include "unit.hpp"

namespace bitsback {

// The unit of the least squares.
inline Normal normal_of(std::uint32_t recent_error) {
    const Unit unit(recent_error + 64);
    return {unit.reciprocal, 1 << (unit.lead - 5), unit.lead - 4};
}

// Numbers of one plane around a pixel, in the order of a gathering. What stands behind them means
// nothing.
struct Gathered {
    std::array<std::int32_t, eights(ItemFrame::Gathering::most) + 8> numbers;

    void gather(const ItemFrame::Gathering& gathering, const std::int32_t* x) {
        const std::int32_t* distances = gathering.distances.data();
#if defined(__GNUC__)
#pragma GCC unroll 8
#endif
        for (std::size_t i = 0; i < gathering.distances.size(); ++i) numbers[i] = x[distances[i]];
    }
    const std::int32_t* at(const ItemFrame::Part& part) const {
        return numbers.data() + part.first;
    }
};

// The context of a pixel's network: its surroundings as differences to the prediction, in units of
// the errors that are expected of it.
struct Surroundings {
    const PredictiveSettings* settings;
    const ItemFrame* frame;
    const PredictiveKernels* kernels;
    std::size_t references;
    std::int32_t row;
    std::int32_t column;
    PixelErrors recent;                       // what errors are expected to be
    std::array<std::int32_t, 4> residuals;    // of the pixels to the west, north and beside it
    std::array<Gathered, 3> planes;           // of the pixel, and those that it looks at
    std::array<std::int32_t, 3> medians;      // there
    std::array<std::int32_t, 3> predictions;  // and what is predicted there

    // Fills a context, for the order of which see docs/model-format.md.
    void describe(const Predictions& of, const Unit& unit, std::uint8_t* out) const {
        static constexpr std::array<std::int32_t, 64> nothing{};
        const std::size_t predictors = settings->predictors().size();
        std::array<Sight, 4> sights;
        std::size_t seen = 0;
        for (std::size_t i = 0; i < planes.size(); ++i) {
            const ItemFrame::Part& window = frame->gatherings[i].window;
            if (i <= references)
                sights[i] = {planes[i].at(window), window.count, unit.reciprocal,
                             unit.scaled(-predictions[i])};
            else
                sights[i] = {nothing.data(), window.count, 0, 0};
            seen += window.count;
        }
        // Differences in 2^-8 levels, with a gap for what is said of the errors.
        const std::int32_t p = of.blend();
        std::array<std::int32_t, 16> differences{};
        auto* next = differences.data();
        for (std::size_t j = 0; j <= predictors; ++j) *next++ = unit.scaled(of.of[j] - p);
        next += predictors + 1;
        for (std::int32_t residual : residuals) *next++ = unit.scaled(residual);
        *next++ = unit.scaled(p);
        *next++ = unit.scaled(256 * frame->top - p);
        const std::size_t fine = 2 * (predictors + 1) + 6;
        sights[3] = {differences.data(), fine, 1, 0};
        kernels->look(sights.data(), sights.size(), settings->see(), unit.lead - 4, out);

        out += seen + predictors + 1;
        const auto put = [&](std::int32_t value) { *out++ = static_cast<std::uint8_t>(value); };
        for (std::size_t j = 0; j <= predictors; ++j) {
            const Unit other(static_cast<std::uint32_t>(recent[j]) + 16);
            put(std::clamp(64 + 4 * (other.index() - unit.index()), 0, 127));
        }
        out += 6;
        put(unit.index());
        put(Unit(4 * (static_cast<std::uint32_t>(frame->top) + 1)).index());
        put((p & 255) >> 1);
        put(static_cast<std::int32_t>(63 * references));
        put(8 * std::min(row, 15));
        put(8 * std::min(column, 15));
    }
};

class Plane;

// A pixel whose symbol is not known yet: what is predicted of it.
struct Pixel {
    Plane* plane;
    std::int32_t row;
    std::int32_t column;
    LineNumbers lines;
    std::int32_t median;
    Predictions predictions;
    Unit unit;      // of the network
    Normal normal;  // of the least squares
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
    }

    // Makes ready for the pixel, of which nothing but symbols before it is known: to be called
    // before `look` for every pixel, and `solver` is to be run between them.
    void prepare(std::int32_t row, std::int32_t column, Solver& solver) {
        if (row == 0 && column == 0) open();
        const LineNumbers lines(frame_, row);
        if (column == 0) {
            errors_.start_row(lines, row);
            for (CellSums& sums : sums_) sums.start_row(lines);
        }
        for (std::size_t j = 0; j < sums_.size(); ++j)
            sums_[j].start_cell(lines, row, Solver::kind(j, references_), solver);
    }

    // Has brought near what `look` will need.
    void prefetch(std::int32_t row, std::int32_t column) {
        const LineNumbers lines(frame_, row);
        for (std::size_t i = 0; i <= references_; ++i) {
            Plane& plane = i == 0 ? *this : *reference_[i - 1];
            const std::int32_t* x = plane.at(row, column);
            for (std::int32_t distance : frame_.gatherings[i].ends)
                bitsback::prefetch(x + distance);
            bitsback::prefetch(&plane.predicted_[inside(row, column)]);
        }
        errors_.prefetch(lines, column);
        for (CellSums& sums : sums_) sums.prefetch(lines);
    }

    // Looks at what is around the pixel, and predicts it in each way. `blend` comes next, and then
    // what the network sees can be described. These are apart since each is a chain of operations
    // that wait for one another, and those of several pixels can run side by side.
    void look(std::int32_t row, std::int32_t column, Surroundings& around, Pixel& pixel) {
        const LineNumbers lines(frame_, row);
        const ErrorLines::Near near = errors_.near(lines, row, column);
        around.settings = &settings_;
        around.frame = &frame_;
        around.kernels = &kernels_;
        around.references = references_;
        around.row = row;
        around.column = column;
        around.recent = near.recent();
        around.residuals = {near.w[PixelErrors::residual], near.n[PixelErrors::residual],
                            near.nw[PixelErrors::residual], near.ne[PixelErrors::residual]};
        const auto of_blend = static_cast<std::uint32_t>(around.recent[PixelErrors::blend]);
        const std::int32_t* x = at(row, column);
        pixel = {this, row, column, lines, median(x), {}, Unit(of_blend + 16), normal_of(of_blend)};
        around.planes[0].gather(frame_.gatherings[0], x);
        around.medians[0] = pixel.median;
        for (std::size_t i = 1; i <= references_; ++i) {
            Plane& other = *reference_[i - 1];
            const std::int32_t* there = other.at(row, column);
            around.planes[i].gather(frame_.gatherings[i], there);
            around.medians[i] = median(there);
            around.predictions[i] = other.predicted_[inside(row, column)];
        }
        predict(pixel, around);
    }

    void blend(Pixel& pixel, Surroundings& around) {
        mix(pixel.predictions, around.recent);
        around.predictions[0] = pixel.predictions.blend();
        predicted_[inside(pixel.row, pixel.column)] = pixel.predictions.blend();
    }

    // Takes the symbol of a pixel that has been looked at.
    void learn(const Pixel& pixel, std::int32_t symbol) {
        const std::int32_t row = pixel.row, column = pixel.column;
        const bool last = column + 1 == frame_.columns;
        put(row, column, symbol);
        errors_.put(pixel.lines, column, last, pixel.predictions, symbol);
        const Normal& normal = pixel.normal;
        const std::int32_t target =
            ((symbol - pixel.median) * normal.reciprocal + normal.half) >> normal.shift;
        for (CellSums& sums : sums_)
            sums.learn(pixel.lines, static_cast<std::int16_t>(std::clamp(target, -1023, 1023)),
                       last);
        if (last && row + 1 == frame_.rows) close();
    }

    // The symbol of a pixel that is known.
    std::uint32_t symbol(std::size_t row, std::size_t column) const {
        const auto r = static_cast<std::ptrdiff_t>(row), q = static_cast<std::ptrdiff_t>(column);
        return static_cast<std::uint32_t>(
            symbols_[static_cast<std::size_t>((r + margin) * frame_.stride + q + margin)]);
    }

  private:
    // Allocates the plane, when its first pixel is near.
    void open() {
        symbols_.assign(static_cast<std::size_t>(frame_.rows + margin + settings_.below()) *
                            static_cast<std::size_t>(frame_.stride),
                        frame_.middle());
        predicted_.resize(static_cast<std::size_t>(frame_.rows) *
                          static_cast<std::size_t>(frame_.columns));
        errors_.open(frame_, settings_.lag());
        for (CellSums& sums : sums_) sums.open(frame_);
    }

    // Data that planes which refer to this one do not need.
    void close() {
        errors_.close();
        for (CellSums& sums : sums_) sums.close();
    }

    std::size_t inside(std::int32_t row, std::int32_t column) const {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(frame_.columns) +
               static_cast<std::size_t>(column);
    }
    std::int32_t* at(std::int32_t row, std::int32_t column) {
        return symbols_.data() +
               (static_cast<std::ptrdiff_t>(row + margin) * frame_.stride + column + margin);
    }
    std::int32_t median(const std::int32_t* x) const {
        const std::int32_t a = x[-1], b = x[-frame_.stride], c = x[-frame_.stride - 1];
        return std::max(std::min(a, b), std::min(std::max(a, b), a + b - c));
    }

    // A symbol, and where it stands for what is outside the image: to the right of its own row, and
    // to the left of the next one.
    void put(std::int32_t row, std::int32_t column, std::int32_t symbol) {
        put_run(row, column, column + 1 == frame_.columns ? 1 + margin : 1, symbol);
        if (column == 0 && row + 1 < frame_.rows) put_run(row + 1, -margin, margin, symbol);
    }

    // Some copies of a symbol from a place on, in the last row for all rows below it too.
    void put_run(std::int32_t row, std::int32_t column, std::int32_t copies, std::int32_t symbol) {
        const std::int32_t below = row + 1 == frame_.rows ? settings_.below() : 0;
        for (std::int32_t r = row; r <= row + below; ++r)
            std::fill_n(at(r, column), copies, symbol);
    }

    // All predictions; and the inputs of the least squares, for the end of the cell.
    void predict(Pixel& pixel, const Surroundings& around) {
        const std::int32_t middle = 256 * pixel.median, most = 256 * frame_.top;
        pixel.predictions.of[0] = middle;
        for (std::size_t j = 0; j < sums_.size(); ++j) {
            std::array<Inputs, 3> inputs{};
            for (std::size_t i = 0; i <= references_; ++i) {
                const ItemFrame::Part& part = frame_.gatherings[i].predictors[j];
                inputs[i] = {around.planes[i].at(part), part.count, around.medians[i]};
            }
            const std::int64_t change =
                kernels_.predict(inputs.data(), references_ + 1, sums_[j].weights(pixel.lines),
                                 pixel.normal, sums_[j].values(pixel.lines));
            pixel.predictions.of[j + 1] = static_cast<std::int32_t>(
                std::clamp<std::int64_t>(middle + ((change + 8) >> 4), 0, most));
        }
    }

    // The blend of the predictions by least squares, by how well each did lately.
    void mix(Predictions& predictions, const PixelErrors& recent) const {
        if (sums_.size() == 1) {  // the same without divisions
            predictions.set_blend(predictions.of[1]);
            return;
        }
        constexpr std::uint32_t floor = 48;
        std::int32_t least = recent[1];
        for (std::size_t j = 2; j <= sums_.size(); ++j) least = std::min(least, recent[j]);
        const std::uint32_t scaled = (static_cast<std::uint32_t>(least) + floor) << 8;
        std::uint64_t weights = 0, sum = 0;
        for (std::size_t j = 1; j <= sums_.size(); ++j) {
            const std::uint32_t share = scaled / (static_cast<std::uint32_t>(recent[j]) + floor);
            weights += share * share;
            sum += std::uint64_t{share * share} * static_cast<std::uint32_t>(predictions.of[j]);
        }
        predictions.set_blend(static_cast<std::int32_t>((sum + (weights >> 1)) / weights));
    }

    static constexpr std::int32_t margin = ItemFrame::margin;

    const PredictiveSettings& settings_;
    const PredictiveKernels& kernels_;
    const ItemFrame& frame_;
    std::size_t references_;
    std::array<Plane*, 2> reference_{};
    std::vector<std::int32_t> symbols_;    // with margins
    std::vector<std::int32_t> predicted_;  // [rows, columns]
    ErrorLines errors_;
    std::vector<CellSums> sums_;  // of each predictor
};

}  // namespace bitsback
