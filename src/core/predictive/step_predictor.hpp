// The predictions of a step: of pixels that are coded at the same time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "../default_floats.hpp"
#include "kernels.hpp"
#include "pixel_distribution.hpp"
#include "plane.hpp"

namespace bitsback {

// A pixel of a step.
struct Place {
    Plane* plane;
    std::int32_t row;
    std::int32_t column;
    std::uint32_t levels;
    const JpegColours::Blues* blues;  // those that it may have, if not all
};

// One item, plane by plane.
class PlaneItem {
  public:
    // first: where it begins among the symbols of all items.
    PlaneItem(const PredictiveSettings& settings, const PredictiveKernels& kernels,
              const ItemShape& shape, std::size_t first)
        : shape_(shape), first_(first), frame_(settings, shape) {
        for (std::size_t p = 0; p < shape.planes(); ++p) {
            const References references(shape, p);
            std::array<Plane*, 2> others{};
            for (std::size_t i = 0; i < references.count; ++i)
                others[i] = &planes_[references.planes[i]];
            planes_.emplace_back(settings, kernels, frame_,
                                 std::span(others.data(), references.count));
        }
    }

    const ItemShape& shape() const { return shape_; }
    // To be asked for when the pixels before it are known.
    Place place(std::size_t p, std::size_t row, std::size_t column) {
        return {&planes_[p], static_cast<std::int32_t>(row), static_cast<std::int32_t>(column),
                shape_.levels, blues(p, row, column)};
    }
    // The place of a pixel among the symbols of all items.
    std::size_t element(std::size_t p, std::size_t row, std::size_t column) const {
        return first_ + shape_.first_element(p) + (row * shape_.columns + column) * shape_.channels;
    }

  private:
    const JpegColours::Blues* blues(std::size_t p, std::size_t row, std::size_t column) const {
        if (!shape_.jpeg || p % 3 != 2) return nullptr;
        return &JpegColours::all().blues(planes_[p - 2].symbol(row, column),
                                         planes_[p - 1].symbol(row, column));
    }

    ItemShape shape_;
    std::size_t first_;
    ItemFrame frame_;
    std::deque<Plane> planes_;
};

class StepPredictor {
  public:
    StepPredictor(const PredictiveSettings& settings, Arithmetic arithmetic)
        : width_(settings.width()),
          floats_(arithmetic),
          solver_(settings, predictive_kernels(), least_squares(arithmetic)) {}

    const Pixel& pixel(std::size_t i) const { return pixels_[i]; }
    // What is expected of pixel i, which is at this place.
    Expected expected(std::size_t i, const Place& at) const {
        return {pixels_[i].predictions.blend(), pixels_[i].unit, at.levels, at.blues};
    }

    // Predicts the pixels of these places, and fills their contexts.
    void look(std::span<const Place> places, std::uint8_t* context) {
        if (pixels_.size() < places.size()) pixels_.resize(places.size());
        for (const Place& at : places) at.plane->prepare(at.row, at.column, solver_);
        solver_.run();
        for (std::size_t first = 0; first < places.size(); first += together) {
            const std::size_t end = std::min(first + together, places.size());
            for (std::size_t i = first; i < end; ++i) {
                // What so many pixels need is no longer in a near cache when their turn comes
                // again.
                if (places.size() >= many && i + ahead < places.size()) {
                    const Place& later = places[i + ahead];
                    later.plane->prefetch(later.row, later.column);
                }
                const Place& at = places[i];
                at.plane->look(at.row, at.column, surroundings_[i - first], pixels_[i]);
            }
            for (std::size_t i = first; i < end; ++i)
                places[i].plane->blend(pixels_[i], surroundings_[i - first]);
            for (std::size_t i = first; i < end; ++i, context += width_)
                surroundings_[i - first].describe(pixels_[i].predictions, pixels_[i].unit, context);
        }
    }

    // Takes the symbol of pixel i.
    void learn(std::size_t i, std::int32_t symbol) { pixels_[i].plane->learn(pixels_[i], symbol); }

  private:
    static constexpr std::size_t many = 256, ahead = 4, together = 8;

    std::size_t width_;
    DefaultFloats floats_;
    Solver solver_;
    std::vector<Pixel> pixels_;  // of the step, and more that mean nothing
    std::array<Surroundings, together> surroundings_;
};

}  // namespace bitsback
