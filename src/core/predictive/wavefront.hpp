// The order in which the pixels of all items of a batch are coded: at each time those whose
// surroundings have been coded at earlier times, item after item, plane after plane, row after row.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "../default_floats.hpp"
#include "kernels.hpp"
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

  private:
    ItemShape shape_;
    std::size_t first_;
    ItemFrame frame_;
    std::deque<Plane> planes_;
};

// The number of items, from the first on, that have some pixels at once, whose surroundings stay in
// a near cache.
inline std::size_t items_at_once(const PredictiveSettings& settings,
                                 std::span<const ItemShape> shapes) {
    constexpr std::size_t enough = 48;
    std::size_t items = 0, at_once = 0;
    for (; items < shapes.size() && at_once < enough; ++items) {
        const ItemShape& shape = shapes[items];
        at_once += shape.planes() * std::min(shape.rows, (shape.columns - 1) / settings.lag() + 1);
    }
    return items;
}

class Wavefront {
  public:
    Wavefront(const PredictiveSettings& settings, std::span<const ItemShape> shapes,
              Arithmetic arithmetic = Arithmetic::exact)
        : settings_(settings),
          floats_(arithmetic),
          solver_(settings, predictive_kernels(), least_squares(arithmetic)) {
        std::size_t first = 0;
        for (const ItemShape& shape : shapes) {
            items_.emplace_back(settings, predictive_kernels(), shape, first);
            first += shape.elements();
            unfinished_.push_back(&items_.back());
            times_ = std::max(times_, end_of(shape));
        }
    }

    // From 0 to this, exclusively; at some there may be no pixels.
    std::size_t times() const { return times_; }
    std::size_t pixels() const { return pixels_.size(); }
    const Pixel& pixel(std::size_t i) const { return pixels_[i]; }
    // The place of pixel i among the symbols of all items.
    std::size_t element(std::size_t i) const { return elements_[i]; }
    std::int32_t levels(std::size_t i) const { return levels_[i]; }

    // Goes to a time, and predicts its pixels. contexts(count): the place for the contexts of
    // `count` pixels.
    template <class Contexts>
    void look(std::size_t time, const Contexts& contexts) {
        pixels_.clear();
        elements_.clear();
        levels_.clear();
        places_.clear();
        std::erase_if(unfinished_,
                      [&](const PlaneItem* item) { return time >= end_of(item->shape()); });
        for (PlaneItem* item : unfinished_) find(*item, time);
        for (const Place& at : places_) at.plane->prepare(at.row, at.column, solver_);
        solver_.run();
        std::uint8_t* context = contexts(places_.size());
        for (std::size_t first = 0; first < places_.size(); first += together) {
            const std::size_t end = std::min(first + together, places_.size());
            for (std::size_t i = first; i < end; ++i) {
                // What so many pixels need is no longer in a near cache when their turn comes
                // again.
                if (places_.size() >= many && i + ahead < places_.size()) {
                    const Place& later = places_[i + ahead];
                    later.plane->prefetch(later.row, later.column);
                }
                const Place& at = places_[i];
                pixels_.push_back(at.plane->look(at.row, at.column, surroundings_[i - first]));
            }
            for (std::size_t i = first; i < end; ++i)
                places_[i].plane->blend(pixels_[i], surroundings_[i - first]);
            for (std::size_t i = first; i < end; ++i, context += settings_.width())
                surroundings_[i - first].describe(pixels_[i].predictions, pixels_[i].unit, context);
        }
    }

    // Takes the symbol of pixel i.
    void learn(std::size_t i, std::int32_t symbol) { pixels_[i].plane->learn(pixels_[i], symbol); }

  private:
    static constexpr std::size_t many = 256, ahead = 4, together = 8;

    struct Place {
        Plane* plane;
        std::int32_t row;
        std::int32_t column;
    };

    // Times from the first pixel of a plane to its last.
    std::size_t duration(const ItemShape& shape) const {
        return settings_.lag() * (shape.rows - 1) + shape.columns;
    }

    // The time after that of the last pixel of an item.
    std::size_t end_of(const ItemShape& shape) const {
        return settings_.delay() * (shape.planes() - 1) + duration(shape);
    }

    void find(PlaneItem& item, std::size_t time) {
        const ItemShape& shape = item.shape();
        const std::size_t lag = settings_.lag(), delay = settings_.delay();
        const std::size_t whole = duration(shape);
        const std::size_t first = time < whole ? 0 : (time - whole) / delay + 1;
        const std::size_t last = std::min(time / delay + 1, shape.planes());
        for (std::size_t p = first; p < last; ++p) {
            const std::size_t since = time - delay * p;
            const std::size_t top = since < shape.columns ? 0 : (since - shape.columns) / lag + 1;
            const std::size_t bottom = std::min(since / lag + 1, shape.rows);
            for (std::size_t row = top; row < bottom; ++row) {
                const std::size_t column = since - lag * row;
                places_.push_back({&item.plane(p), static_cast<std::int32_t>(row),
                                   static_cast<std::int32_t>(column)});
                elements_.push_back(item.element(p, row, column));
                levels_.push_back(static_cast<std::int32_t>(shape.levels));
            }
        }
    }

    const PredictiveSettings& settings_;
    DefaultFloats floats_;
    Solver solver_;
    std::deque<PlaneItem> items_;
    std::vector<PlaneItem*> unfinished_;
    std::size_t times_ = 0;
    std::vector<Place> places_;
    std::vector<Pixel> pixels_;
    std::array<Surroundings, together> surroundings_;
    std::vector<std::size_t> elements_;
    std::vector<std::int32_t> levels_;
};

}  // namespace bitsback
