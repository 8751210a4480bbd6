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
    Plane& plane(std::size_t p) { return planes_[p]; }
    // The place of a pixel among the symbols of all items.
    std::size_t element(std::size_t p, std::size_t row, std::size_t column) const {
        return first_ + shape_.first_element(p) + (row * shape_.columns + column) * shape_.channels;
    }

    // Those that a pixel may have, if not all; to be asked for when the pixels before it are known.
    const JpegColours::Blues* blues(std::size_t p, std::size_t row, std::size_t column) const {
        if (!shape_.jpeg || p % 3 != 2) return nullptr;
        return &JpegColours::all().blues(planes_[p - 2].symbol(row, column),
                                         planes_[p - 1].symbol(row, column));
    }

  private:
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

    // Begins a step, without pixels.
    void begin() { count_ = 0; }

    // Adds pixels to the step: the first of them, and others each in the row below, by the lag to
    // the left of the one before.
    void add(Plane& plane, std::int32_t row, std::int32_t column, std::size_t pixels) {
        for (std::size_t first = 0; first < pixels; first += front_size) {
            if (count_++ == fronts_.size()) fronts_.emplace_back();
            PlaneFront& front = fronts_[count_ - 1];
            front.plane = &plane;
            const auto rows = static_cast<std::int32_t>(first);
            plane.begin(front.pixels, row + rows, column, std::min(front_size, pixels - first));
            front.pixels.column -= rows * front.pixels.lag;
        }
    }

    // Predicts the pixels of the step, and fills their contexts. There must be room for those of
    // front_size more.
    void look(std::uint8_t* context) {
        for (PlaneFront& front : fronts()) front.plane->prepare(front.pixels, solver_);
        solver_.run();
        for (PlaneFront& front : fronts()) {
            front.plane->look(front.pixels, context);
            context += front.pixels.count * width_;
        }
    }

    // Calls `use` with what is expected of each pixel, which lacks what its item knows of it.
    template <class Use>
    void for_expected(const Use& use) {
        for (const PlaneFront& front : fronts())
            for (std::size_t k = 0; k < front.pixels.count; ++k)
                use(Expected{front.pixels.predictions[PixelFront::blend][k],
                             Unit(static_cast<std::uint32_t>(front.pixels.expected[k]) + 16), 0});
    }

    // Takes the symbols of all pixels: symbol() gives one after the other.
    template <class Symbol>
    void learn(const Symbol& symbol) {
        std::array<std::int32_t, front_size> symbols{};
        for (PlaneFront& front : fronts()) {
            for (std::size_t k = 0; k < front.pixels.count; ++k) symbols[k] = symbol();
            front.plane->learn(front.pixels, symbols.data());
        }
    }

  private:
    struct PlaneFront {
        Plane* plane;
        PixelFront pixels;
    };

    std::span<PlaneFront> fronts() { return std::span(fronts_).first(count_); }

    std::size_t width_;
    DefaultFloats floats_;
    Solver solver_;
    std::vector<PlaneFront> fronts_;  // of the step, and more that mean nothing
    std::size_t count_ = 0;
};

}  // namespace bitsback
