// The errors of predictions around a pixel.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "frame.hpp"
#include "kernels.hpp"

namespace bitsback {

// In 2^-8 levels, of each kind: the errors of the predictions, that of their blend, and this one
// with its sign. Only the times are kept at which the two rows below may look.
class ErrorLines {
  public:
    void open(const ItemFrame& frame, std::size_t kinds) {
        frame_ = &frame;
        kinds_ = kinds;
        circle_ = std::bit_ceil(3 * static_cast<std::size_t>(frame.lag) + 8) - 1;
        kind_ = (circle_ + 1) * static_cast<std::size_t>(frame.width) + front_size;
        errors_.resize(kinds * kind_);
        // Those outside of the image; without an error there is no sign.
        std::fill(errors_.begin(), errors_.end() - static_cast<std::ptrdiff_t>(kind_),
                  (256 * (frame.top + 1)) >> 5);
    }
    void close() { errors_ = std::vector<std::int32_t>(); }

    // Those near the pixels of a front from one on, which is coded at this time; and how far apart
    // those of each kind are.
    std::array<const std::int32_t*, 6> near(const ItemFrame::Time& time, std::int32_t row) const {
        constexpr std::array<Offset, 6> places{
            {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}, {0, -2}, {-2, 0}}};
        std::array<const std::int32_t*, 6> out;
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = errors_.data() + place(frame_->moved(time, places[i]), row + places[i].rows);
        return out;
    }
    std::size_t kinds() const { return kinds_; }
    std::size_t kind() const { return kind_; }

    // The errors of some pixels of a front, [kinds][front_size].
    void put(const ItemFrame::Time& time, const FrontPart& part, const std::int32_t* errors) {
        // To the left of the image is what stands above its left edge, and to the right of the
        // last one they are the same.
        const std::int32_t row = part.last_row();
        const bool begins = part.last_column(frame_->lag) == 0;
        const bool ends = part.column + 1 == frame_->columns;
        const std::size_t own = place(time, part.row);
        for (std::size_t j = 0; j < kinds_; ++j, errors += front_size) {
            std::int32_t* const kind = errors_.data() + j * kind_;
            if (part.count == front_size)
                std::copy_n(errors, front_size, kind + own);
            else
                std::copy_n(errors, part.count, kind + own);
            if (begins)
                for (std::int32_t column : {-2, -1})
                    kind[place(frame_->moved(time, {1, column}), row + 1)] = errors[part.count - 1];
            if (ends) kind[place(frame_->moved(time, {0, 1}), part.row)] = errors[0];
        }
    }

  private:
    std::size_t place(const ItemFrame::Time& time, std::int64_t row) const {
        return (static_cast<std::size_t>(time.number) & circle_) *
                   static_cast<std::size_t>(frame_->width) +
               static_cast<std::size_t>(row - time.top_row);
    }

    const ItemFrame* frame_ = nullptr;
    std::vector<std::int32_t> errors_;
    std::size_t kinds_ = 0;
    std::size_t kind_ = 0;  // numbers of a kind
    std::size_t circle_ = 0;
};

}  // namespace bitsback
