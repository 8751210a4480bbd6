// The order in which the pixels of a batch are coded: items in queues, in an item plane after
// plane, and in a plane each row so many columns behind the one above.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../item_shape.hpp"

namespace bitsback {

// Pixels of a plane that are coded at the same time: row `row` at column `column`, the next row
// `lag` columns before, and so on.
struct Front {
    std::size_t item;
    std::size_t plane;
    std::size_t row;
    std::size_t column;
    std::size_t count;
};

class FrontOrder {
  public:
    FrontOrder(std::span<const ItemShape> shapes, std::size_t lag, std::size_t queues)
        : shapes_(shapes), lag_(lag) {
        const std::size_t most = std::min(queues, shapes.size());
        for (; next_ < most; ++next_) running_.push_back({next_, 0});
    }

    // Goes to the first time, or to the next; whether there is one.
    bool next() {
        ended_.clear();
        if (started_) {
            for (Running& of : running_)
                if (++of.time == duration(shapes_[of.item])) ended_.push_back(of.item);
            std::erase_if(running_,
                          [&](const Running& of) { return of.time == duration(shapes_[of.item]); });
            // As items are in order, those that begin now come after all that are running.
            for (std::size_t i = 0; i < ended_.size() && next_ < shapes_.size(); ++i, ++next_)
                running_.push_back({next_, 0});
        }
        started_ = true;
        fronts_.clear();
        for (const Running& of : running_) fronts_.push_back(front(of));
        return !running_.empty();
    }

    // At this time, by item.
    std::span<const Front> fronts() const { return fronts_; }
    // The items that ended with the time before.
    std::span<const std::size_t> ended() const { return ended_; }

    // Columns that a row is coded behind the one above: all of them, if there are fewer.
    std::size_t lag(const ItemShape& shape) const { return std::min(lag_, shape.columns); }

  private:
    struct Running {
        std::size_t item;
        std::size_t time;  // since it began
    };

    // Times from the first pixel of a plane to its last.
    std::size_t duration_of_plane(const ItemShape& shape) const {
        return lag(shape) * (shape.rows - 1) + shape.columns;
    }
    std::size_t duration(const ItemShape& shape) const {
        return shape.planes() * duration_of_plane(shape);
    }

    Front front(const Running& of) const {
        const ItemShape& shape = shapes_[of.item];
        const std::size_t whole = duration_of_plane(shape), lag = this->lag(shape);
        const std::size_t since = of.time % whole;
        const std::size_t top = since < shape.columns ? 0 : (since - shape.columns) / lag + 1;
        const std::size_t bottom = std::min(since / lag + 1, shape.rows);
        return {of.item, of.time / whole, top, since - lag * top, bottom - top};
    }

    std::span<const ItemShape> shapes_;
    std::size_t lag_;
    std::size_t next_ = 0;
    bool started_ = false;
    std::vector<Running> running_;
    std::vector<std::size_t> ended_;
    std::vector<Front> fronts_;
};

}  // namespace bitsback
