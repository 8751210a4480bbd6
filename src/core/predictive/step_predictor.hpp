// The predictions of a step: of pixels that are coded at the same time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
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
              const ItemShape& shape, std::shared_ptr<const ItemFrame> frame, std::size_t first)
        : shape_(shape), first_(first), frame_(std::move(frame)) {
        for (std::size_t p = 0; p < shape.planes(); ++p) {
            const References references(shape, p);
            std::array<Plane*, 2> others{};
            for (std::size_t i = 0; i < references.count; ++i)
                others[i] = &planes_[references.planes[i]];
            planes_.emplace_back(settings, kernels, *frame_,
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
    std::shared_ptr<const ItemFrame> frame_;
    std::deque<Plane> planes_;
};

class StepPredictor {
  public:
    StepPredictor(const PredictiveSettings& settings, Arithmetic arithmetic)
        : width_(settings.width()),
          floats_(arithmetic),
          solver_(settings, predictive_kernels(), least_squares(arithmetic)) {}

    // Begins a step, without pixels.
    void begin() {
        parts_.clear();
        count_ = pixels_ = 0;
    }

    // Adds pixels to the step: the first of them, and others each in the row below, by the lag to
    // the left of the one before.
    void add(Plane& plane, std::int32_t row, std::int32_t column, std::size_t pixels) {
        for (std::size_t first = 0; first < pixels; first += front_size) {
            const std::size_t count = std::min(front_size, pixels - first);
            const auto rows = static_cast<std::int32_t>(first);
            StepFront& front = front_for(plane, count);
            const FrontPart part{front.pixels.count, count, row + rows,
                                 column - rows * plane.lag()};
            front.pixels.count += count;
            front.parts.push_back(parts_.size());
            parts_.push_back({&plane, &front, part, pixels_});
            pixels_ += count;
        }
    }

    // Predicts the pixels of the step, and fills their contexts. There must be room for those of
    // front_size more.
    void look(std::uint8_t* contexts) {
        for (Part& of : parts_) of.plane->prepare(of.part, of.front->pixels, solver_);
        solver_.run();
        // Contexts of a front may overwrite those of others that come later.
        for (const bool shared : {false, true})
            for (std::size_t f = 0; f < count_; ++f)
                if (StepFront& front = *fronts_[f]; front.shared == shared) look(front, contexts);
    }

    // Calls `use` with what is expected of each pixel, which lacks what its item knows of it.
    template <class Use>
    void for_expected(const Use& use) {
        for (const Part& of : parts_)
            for (std::size_t k = of.part.first; k < of.part.first + of.part.count; ++k) {
                const PixelFront& pixels = of.front->pixels;
                use(Expected{pixels.predictions[PixelFront::blend][k],
                             Unit(static_cast<std::uint32_t>(pixels.expected[k]) + 16), 0});
            }
    }

    // Takes the symbols of all pixels: symbol() gives one after the other.
    template <class Symbol>
    void learn(const Symbol& symbol) {
        for (Part& of : parts_)
            for (std::size_t k = of.part.first; k < of.part.first + of.part.count; ++k)
                of.front->learned.symbols[k] = symbol();
        for (std::size_t f = 0; f < count_; ++f) {
            StepFront& front = *fronts_[f];
            parts_[front.parts[0]].plane->compare(front.pixels, front.learned);
        }
        for (Part& of : parts_) of.plane->learn(of.part, of.front->pixels, of.front->learned);
    }

  private:
    // So many pixels of a plane have a front of their own; fewer share it with those of others.
    static constexpr std::size_t alone = 8;
    static constexpr std::size_t looked_through = 8;  // fronts, for one to share

    // A front of the step. shared: whether by several planes, which have room in it.
    struct StepFront {
        PixelFront pixels{};
        Plane::Learned learned;
        std::vector<std::size_t> parts;  // their numbers
        bool shared;
        std::unique_ptr<FrontRoom> room;
    };
    struct Part {
        Plane* plane;
        StepFront* front;
        FrontPart part;
        std::size_t pixel;  // the number of its first one in the step
    };

    StepFront& front_for(const Plane& plane, std::size_t count) {
        const std::size_t recent = count_ - std::min(count_, looked_through);
        for (std::size_t f = count_; count < alone && f-- > recent;) {
            StepFront& front = *fronts_[f];
            if (front.shared && front.pixels.count + count <= front_size &&
                parts_[front.parts[0]].plane->like(plane))
                return front;
        }
        if (count_ == fronts_.size()) fronts_.push_back(std::make_unique<StepFront>());
        StepFront& front = *fronts_[count_++];
        front.pixels.count = 0;
        front.parts.clear();
        front.shared = count < alone;
        if (front.shared && front.room == nullptr) front.room = std::make_unique<FrontRoom>();
        return front;
    }

    void look(StepFront& front, std::uint8_t* contexts) {
        PixelFront& pixels = front.pixels;
        const Part& first = parts_[front.parts[0]];
        if (!front.shared) {
            first.plane->show(first.part, pixels);
            first.plane->look(pixels, contexts + first.pixel * width_);
            first.plane->keep(first.part, pixels);
            return;
        }
        for (std::size_t i : front.parts)
            parts_[i].plane->copy(parts_[i].part, pixels, *front.room);
        shared_.resize(front_size * width_);
        first.plane->look(pixels, shared_.data());
        for (std::size_t i : front.parts) {
            const Part& of = parts_[i];
            of.plane->keep(of.part, pixels);
            std::copy_n(shared_.data() + of.part.first * width_, of.part.count * width_,
                        contexts + of.pixel * width_);
        }
    }

    std::size_t width_;
    DefaultFloats floats_;
    Solver solver_;
    std::vector<std::unique_ptr<StepFront>> fronts_;  // of the step, and more that mean nothing
    std::size_t count_ = 0;
    std::vector<Part> parts_;  // of the step, in the order of its pixels
    std::size_t pixels_ = 0;
    std::vector<std::uint8_t> shared_;  // contexts of pixels of several planes
};

}  // namespace bitsback
