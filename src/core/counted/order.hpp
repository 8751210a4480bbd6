// The order in which the pixels of a batch are coded: items in queues, the planes of an item one
// after another, and in a plane each row `lag` columns behind the row above.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../item_shape.hpp"

namespace bitsback {

// The pixels of a plane that are coded at the same time: `column` in row `row`, `column - lag` in
// the next row, and so on.
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

    // Goes to the first or the next time. Returns false at the end.
    bool next() {
        ended_.clear();
        if (started_) {
            for (Running& running : running_)
                if (++running.time == duration(shapes_[running.item]))
                    ended_.push_back(running.item);
            std::erase_if(running_, [&](const Running& running) {
                return running.time == duration(shapes_[running.item]);
            });
            // Items begin in order, so `running_` stays sorted by item.
            for (std::size_t i = 0; i < ended_.size() && next_ < shapes_.size(); ++i, ++next_)
                running_.push_back({next_, 0});
        }
        started_ = true;
        fronts_.clear();
        for (const Running& running : running_) fronts_.push_back(front(running));
        return !running_.empty();
    }

    // The fronts of this time, sorted by item.
    std::span<const Front> fronts() const { return fronts_; }
    // The items that ended at the previous time.
    std::span<const std::size_t> ended() const { return ended_; }

    // The number of columns by which a row is coded later than the row above, at most all columns.
    std::size_t lag(const ItemShape& shape) const { return std::min(lag_, shape.columns); }

  private:
    struct Running {
        std::size_t item;
        std::size_t time;  // steps since the item began
    };

    // The number of times from the first pixel of a plane to its last.
    std::size_t duration_of_plane(const ItemShape& shape) const {
        return lag(shape) * (shape.rows - 1) + shape.columns;
    }
    std::size_t duration(const ItemShape& shape) const {
        return shape.planes() * duration_of_plane(shape);
    }

    Front front(const Running& running) const {
        const ItemShape& shape = shapes_[running.item];
        const std::size_t whole = duration_of_plane(shape), lag = this->lag(shape);
        const std::size_t since = running.time % whole;
        const std::size_t top = since < shape.columns ? 0 : (since - shape.columns) / lag + 1;
        const std::size_t bottom = std::min(since / lag + 1, shape.rows);
        return {running.item, running.time / whole, top, since - lag * top, bottom - top};
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
