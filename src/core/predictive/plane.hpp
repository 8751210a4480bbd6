// A plane while it is coded: its symbols so far, the errors of predictions, and the least squares.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "kernels.hpp"
#include "settings.hpp"
#include "shape.hpp"
#include "solver.hpp"
#include "unit.hpp"

namespace bitsback {

// The least multiple of eight that is no less.
constexpr std::size_t eights(std::size_t count) { return (count + 7) / 8 * 8; }

// What all planes of an item share.
struct ItemFrame {
    // Rows above and below a plane, and columns on either side, that repeat what is inside.
    static constexpr std::int32_t margin = PredictiveSettings::reach;

    // Places as distances in the array of a plane.
    struct Distances {
        std::vector<std::int32_t> own, first, second;
    };

    std::int32_t rows;
    std::int32_t columns;
    std::int32_t top;  // the highest level
    std::int32_t stride;
    std::vector<Distances> predictors;
    Distances window;

    ItemFrame(const PredictiveSettings& settings, const PlaneShape& shape)
        : rows(static_cast<std::int32_t>(shape.rows)),
          columns(static_cast<std::int32_t>(shape.columns)),
          top(static_cast<std::int32_t>(shape.levels) - 1),
          stride(columns + 2 * margin),
          window(distances(settings.window())) {
        for (const PredictorSettings& of : settings.predictors())
            predictors.push_back(distances(of.inputs));
    }

    std::int32_t middle() const { return (top + 1) >> 1; }

  private:
    Distances distances(const Places& of) const {
        const auto all = [&](const std::vector<Offset>& places) {
            std::vector<std::int32_t> out;
            for (const Offset& at : places) out.push_back(at.rows * stride + at.columns);
            out.resize(eights(out.size()));
            return out;
        };
        return {all(of.own), all(of.first), all(of.second)};
    }
};

// The unit of the least squares.
inline Normal normal_of(std::uint32_t recent_error) {
    const Unit unit(recent_error + 64);
    return {unit.reciprocal, 1 << (unit.lead - 5), unit.lead - 4};
}

class Plane;

// A pixel whose symbol is not known yet: what is predicted of it.
struct Pixel {
    Plane* plane;
    std::int32_t row;
    std::int32_t column;
    std::int32_t median;
    std::int32_t prediction;  // in 2^-8 levels, as all predictions are
    std::array<std::int32_t, 1 + PredictiveSettings::most_predictors> predictions;
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
    }

    // Makes ready for the pixel, of which nothing but symbols before it is known: to be called
    // before `look` for every pixel, and `solver` is to be run between them.
    void prepare(std::int32_t row, std::int32_t column, Solver& solver) {
        if (column == 0) start_row(row);
        for (std::size_t j = 0; j < predictors(); ++j)
            if (column % cell(j) == 0) start_cell(row, j, column / cell(j), solver);
    }

    // Predicts the pixel and fills what the network sees of it.
    Pixel look(std::int32_t row, std::int32_t column, std::uint8_t* context) {
        const std::int32_t* x = at(row, column);
        std::array<const std::int32_t*, 2> others{};
        std::array<std::int32_t, 3> medians{median(x)};
        for (std::size_t i = 0; i < references_; ++i) {
            others[i] = reference_[i]->at(row, column);
            medians[i + 1] = reference_[i]->median(others[i]);
        }
        const std::array<std::int32_t, channels> recent = recent_errors(row, column);
        const auto of_blend = static_cast<std::uint32_t>(recent[blend]);
        Pixel pixel{this, row, column, medians[0], 0, {}, Unit(of_blend + 16), normal_of(of_blend)};
        predict(pixel, x, others, medians);
        mix(pixel, recent);
        predicted_[inside(row, column)] = pixel.prediction;
        describe(pixel, x, others, recent, context);
        return pixel;
    }

    // Takes the symbol of a pixel that has been looked at.
    void learn(const Pixel& pixel, std::int32_t symbol) {
        const std::int32_t row = pixel.row, column = pixel.column;
        put(row, column, symbol);
        Line& line = line_of(row);
        std::int32_t* errors = errors_at(line, column);
        for (std::size_t j = 0; j <= predictors(); ++j)
            errors[j] = std::abs(256 * symbol - pixel.predictions[j]);
        errors[residual] = 256 * symbol - pixel.prediction;
        errors[blend] = std::abs(errors[residual]);
        if (column + 1 == frame_.columns)
            std::memcpy(errors_at(line, column + 1), errors, channels * sizeof(std::int32_t));
        const Normal& normal = pixel.normal;
        const std::int32_t target =
            std::clamp(((symbol - pixel.median) * normal.reciprocal + normal.half) >> normal.shift,
                       -1023, 1023);
        for (std::size_t j = 0; j < predictors(); ++j) {
            const std::int32_t in_cell = column % cell(j);
            values_at(line, j, in_cell)[inputs(j)] = static_cast<std::int16_t>(target);
            if (in_cell + 1 == cell(j) || column + 1 == frame_.columns)
                end_cell(line, j, column / cell(j), in_cell + 1);
        }
        if (row + 1 == frame_.rows && column + 1 == frame_.columns) lines_ = std::vector<Line>();
    }

    // The prediction of a pixel that has been looked at.
    std::int32_t prediction(std::int32_t row, std::int32_t column) const {
        return predicted_[inside(row, column)];
    }

  private:
    // Numbers kept of a pixel: errors of all predictions, of the blend, and this with its sign.
    static constexpr std::size_t channels = 8, blend = 5, residual = 6;

    // What is kept of a row while it, and the rows below that look at it, are coded.
    struct Line {
        std::vector<std::int32_t> errors;    // [circle, channels]
        std::vector<std::int32_t> matrices;  // of each predictor [slots, its size]
        std::vector<std::int32_t> weights;   // of each predictor
        std::vector<std::int16_t> values;    // of each predictor [cell, its stride]
    };

    std::size_t predictors() const { return settings_.predictors().size(); }
    std::size_t inputs(std::size_t j) const {
        return settings_.predictors()[j].inputs.count(references_);
    }
    std::int32_t cell(std::size_t j) const { return settings_.predictors()[j].cell; }
    // Cells of a row whose matrices are needed at once: from the one to the left of where the row
    // below is, to the one where the row itself is.
    std::int32_t slots(std::size_t j) const {
        return static_cast<std::int32_t>(settings_.lag()) / cell(j) + 2;
    }
    std::size_t matrix_size(std::size_t j) const { return triangle_row(inputs(j) + 1); }
    std::size_t values_stride(std::size_t j) const { return eights(inputs(j) + 8); }

    std::size_t inside(std::int32_t row, std::int32_t column) const {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(frame_.columns) +
               static_cast<std::size_t>(column);
    }
    std::int32_t* at(std::int32_t row, std::int32_t column) {
        constexpr std::int32_t margin = ItemFrame::margin;
        return symbols_.data() +
               (static_cast<std::ptrdiff_t>(row + margin) * frame_.stride + column + margin);
    }
    std::int32_t median(const std::int32_t* x) const {
        const std::int32_t a = x[-1], b = x[-frame_.stride], c = x[-frame_.stride - 1];
        return std::max(std::min(a, b), std::min(std::max(a, b), a + b - c));
    }

    Line& line_of(std::int32_t row) {
        return lines_[static_cast<std::size_t>(row) % lines_.size()];
    }
    std::int32_t* errors_at(Line& line, std::int32_t column) const {
        return line.errors.data() + (static_cast<std::size_t>(column + 2) & circle_) * channels;
    }
    std::int32_t* errors_at(std::int32_t row, std::int32_t column) {
        return row < 0 ? start_errors_.data() : errors_at(line_of(row), column);
    }
    std::int32_t* matrix_at(Line& line, std::size_t j, std::int32_t number) {
        return line.matrices.data() + matrix_first_[j] +
               static_cast<std::size_t>(number % slots(j)) * matrix_size(j);
    }
    std::int32_t* weights_at(Line& line, std::size_t j) {
        return line.weights.data() + weight_first_[j];
    }
    std::int16_t* values_at(Line& line, std::size_t j, std::int32_t in_cell) {
        return line.values.data() + value_first_[j] +
               static_cast<std::size_t>(in_cell) * values_stride(j);
    }

    // Room for the plane, when its first pixel is near.
    void open() {
        const std::int32_t margin = ItemFrame::margin;
        symbols_.assign(static_cast<std::size_t>(frame_.rows + margin + settings_.below()) *
                            static_cast<std::size_t>(frame_.stride),
                        frame_.middle());
        predicted_.resize(static_cast<std::size_t>(frame_.rows) *
                          static_cast<std::size_t>(frame_.columns));
        start_errors_.fill((256 * (frame_.top + 1)) >> 5);
        start_errors_[residual] = 0;
        std::size_t matrices = 0, weights = 0, values = 0;
        for (std::size_t j = 0; j < predictors(); ++j) {
            matrix_first_[j] = matrices;
            weight_first_[j] = weights;
            value_first_[j] = values;
            matrices += static_cast<std::size_t>(slots(j)) * matrix_size(j);
            weights += eights(inputs(j) + 8);
            values += static_cast<std::size_t>(cell(j)) * values_stride(j);
        }
        circle_ = std::bit_ceil(2 * settings_.lag() + 8) - 1;
        const std::size_t alive =
            std::min(static_cast<std::size_t>(frame_.rows),
                     static_cast<std::size_t>(frame_.columns - 1) / settings_.lag() + 3);
        lines_.resize(alive);
        for (Line& line : lines_) {
            line.errors.resize((circle_ + 1) * channels);
            line.matrices.resize(matrices);
            line.weights.resize(weights);
            line.values.resize(values);
        }
    }

    void start_row(std::int32_t row) {
        if (row == 0) open();
        Line& line = line_of(row);
        for (std::int32_t column = -2; column < 0; ++column)
            std::memcpy(errors_at(line, column), errors_at(row - 1, 0),
                        channels * sizeof(std::int32_t));
    }

    void start_cell(std::int32_t row, std::size_t j, std::int32_t number, Solver& solver) {
        const std::int32_t last = (frame_.columns - 1) / cell(j);
        const auto above = [&](std::int32_t of) -> const std::int32_t* {
            if (row == 0) return settings_.start(j, references_);
            return matrix_at(line_of(row - 1), j, std::clamp(of, 0, last));
        };
        Line& line = line_of(row);
        std::int32_t* matrix = matrix_at(line, j, number);
        kernels_.fade(above(number), above(number - 1), above(number + 1),
                      settings_.predictors()[j].decay.data(), matrix_size(j), matrix);
        solver.add(j, references_, matrix, weights_at(line, j));
    }

    void end_cell(Line& line, std::size_t j, std::int32_t number, std::int32_t count) {
        kernels_.accumulate(values_at(line, j, 0), static_cast<std::size_t>(count),
                            values_stride(j), inputs(j) + 1, matrix_at(line, j, number));
    }

    // A symbol, and where it stands for what is outside the image: to the right of its own row, and
    // to the left of the next one.
    void put(std::int32_t row, std::int32_t column, std::int32_t symbol) {
        constexpr std::int32_t margin = ItemFrame::margin;
        put_run(row, column, column + 1 == frame_.columns ? 1 + margin : 1, symbol);
        if (column == 0 && row + 1 < frame_.rows) put_run(row + 1, -margin, margin, symbol);
    }

    // Some copies of a symbol from a place on, in the last row for all rows below it too.
    void put_run(std::int32_t row, std::int32_t column, std::int32_t copies, std::int32_t symbol) {
        const std::int32_t below = row + 1 == frame_.rows ? settings_.below() : 0;
        for (std::int32_t r = row; r <= row + below; ++r)
            std::fill_n(at(r, column), copies, symbol);
    }

    std::array<std::int32_t, channels> recent_errors(std::int32_t row, std::int32_t column) {
        const std::int32_t* w = errors_at(row, column - 1);
        const std::int32_t* ww = errors_at(row, column - 2);
        const std::int32_t* n = errors_at(row - 1, column);
        const std::int32_t* nw = errors_at(row - 1, column - 1);
        const std::int32_t* ne = errors_at(row - 1, column + 1);
        const std::int32_t* nn = errors_at(row - 2, column);
        std::array<std::int32_t, channels> recent;
        for (std::size_t j = 0; j < channels; ++j)
            recent[j] = (2 * (w[j] + n[j]) + nw[j] + ne[j] + ww[j] + nn[j] + 4) >> 3;
        return recent;
    }

    // All predictions; and the inputs of the least squares, for the end of the cell.
    void predict(Pixel& pixel, const std::int32_t* x,
                 const std::array<const std::int32_t*, 2>& others,
                 const std::array<std::int32_t, 3>& medians) {
        const std::int32_t middle = 256 * pixel.median, most = 256 * frame_.top;
        pixel.predictions[0] = middle;
        Line& line = line_of(pixel.row);
        for (std::size_t j = 0; j < predictors(); ++j) {
            const Places& of = settings_.predictors()[j].inputs;
            const ItemFrame::Distances& at = frame_.predictors[j];
            const std::int32_t* weights = weights_at(line, j);
            std::int16_t* values = values_at(line, j, pixel.column % cell(j));
            std::int64_t change = 0;
            const auto add = [&](const std::int32_t* from, const std::vector<std::int32_t>& offsets,
                                 std::size_t count, std::int32_t median) {
                change += kernels_.predict(from, offsets.data(), count, median, weights,
                                           pixel.normal, values);
                weights += count;
                values += count;
            };
            add(x, at.own, of.own.size(), medians[0]);
            if (references_ >= 1) add(others[0], at.first, of.first.size(), medians[1]);
            if (references_ >= 2) add(others[1], at.second, of.second.size(), medians[2]);
            pixel.predictions[j + 1] = static_cast<std::int32_t>(
                std::clamp<std::int64_t>(middle + ((change + 8) >> 4), 0, most));
        }
    }

    // The blend of the predictions by least squares, by how well each did lately.
    void mix(Pixel& pixel, const std::array<std::int32_t, channels>& recent) const {
        constexpr std::uint32_t floor = 48;
        std::int32_t least = recent[1];
        for (std::size_t j = 2; j <= predictors(); ++j) least = std::min(least, recent[j]);
        const std::uint32_t scaled = (static_cast<std::uint32_t>(least) + floor) << 8;
        std::uint64_t weights = 0, sum = 0;
        for (std::size_t j = 1; j <= predictors(); ++j) {
            const std::uint32_t share = scaled / (static_cast<std::uint32_t>(recent[j]) + floor);
            weights += share * share;
            sum += std::uint64_t{share * share} * static_cast<std::uint32_t>(pixel.predictions[j]);
        }
        pixel.prediction = static_cast<std::int32_t>((sum + (weights >> 1)) / weights);
    }

    // What the network sees.
    void describe(const Pixel& pixel, const std::int32_t* x,
                  const std::array<const std::int32_t*, 2>& others,
                  const std::array<std::int32_t, channels>& recent, std::uint8_t* out) {
        const std::int32_t row = pixel.row, column = pixel.column, p = pixel.prediction;
        const Unit& unit = pixel.unit;
        const std::uint8_t* see = settings_.see();
        const auto put = [&](std::int32_t value) { *out++ = static_cast<std::uint8_t>(value); };
        const auto put_seen = [&](std::int32_t difference) {
            put(see[std::clamp(unit.coarse(difference), -1024, 1023) + 1024]);
        };
        const auto window = [&](const std::int32_t* from, std::int32_t prediction,
                                const std::vector<std::int32_t>& offsets, std::size_t count) {
            // -prediction is 256 * high + low.
            const std::int32_t high = -prediction >> 8, low = -prediction & 255;
            const Sight sight{see, unit.reciprocal,
                              high * unit.reciprocal + ((low * unit.reciprocal) >> 8),
                              unit.lead - 4};
            kernels_.look(from, offsets.data(), count, sight, out);
            out += count;
        };
        const Places& places = settings_.window();
        window(x, p, frame_.window.own, places.own.size());
        for (std::size_t i = 0; i < 2; ++i) {
            const std::size_t count = i == 0 ? places.first.size() : places.second.size();
            if (i < references_) {
                window(others[i], reference_[i]->prediction(row, column),
                       i == 0 ? frame_.window.first : frame_.window.second, count);
            } else {
                std::memset(out, see[1024], count);
                out += count;
            }
        }
        for (std::size_t j = 0; j <= predictors(); ++j) put_seen(pixel.predictions[j] - p);
        for (std::size_t j = 0; j <= predictors(); ++j) {
            const Unit other(static_cast<std::uint32_t>(recent[j]) + 16);
            put(std::clamp(64 + 4 * (other.index() - unit.index()), 0, 127));
        }
        put_seen(errors_at(row, column - 1)[residual]);
        put_seen(errors_at(row - 1, column)[residual]);
        put_seen(errors_at(row - 1, column - 1)[residual]);
        put_seen(errors_at(row - 1, column + 1)[residual]);
        put_seen(p);
        put_seen(256 * frame_.top - p);
        put(unit.index());
        put(Unit(4 * (static_cast<std::uint32_t>(frame_.top) + 1)).index());
        put((p & 255) >> 1);
        put(static_cast<std::int32_t>(63 * references_));
        put(8 * std::min(row, 15));
        put(8 * std::min(column, 15));
    }

    const PredictiveSettings& settings_;
    const PredictiveKernels& kernels_;
    const ItemFrame& frame_;
    std::size_t references_;
    std::array<Plane*, 2> reference_{};
    std::vector<std::int32_t> symbols_;    // with margins
    std::vector<std::int32_t> predicted_;  // [rows, columns]
    std::array<std::int32_t, channels> start_errors_{};
    std::vector<Line> lines_;
    std::size_t circle_ = 0;
    std::array<std::size_t, PredictiveSettings::most_predictors> matrix_first_{}, weight_first_{},
        value_first_{};
};

}  // namespace bitsback
