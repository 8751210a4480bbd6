// A grid of distributions, of which two outputs of a network choose one for each pixel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "codecs.hpp"

namespace bitsback {

class RowGrid {
  public:
    // The row of (first, second) is first * columns + second.
    RowGrid(RowTable table, std::size_t columns) : table_(std::move(table)), columns_(columns) {
        require(columns >= 1 && table_.rows() % columns == 0, "a grid of rows is not whole");
        require(table_.rows() <= 65536, "a grid has at most 65,536 rows");
    }

    const RowTable& table() const { return table_; }
    std::size_t columns() const { return columns_; }
    std::size_t rows() const { return table_.rows() / columns_; }

    void look_up(const std::uint8_t* first, const std::uint8_t* second, std::size_t count,
                 std::uint16_t* row) const {
        for (std::size_t i = 0; i < count; ++i)
            row[i] = static_cast<std::uint16_t>(first[i] * columns_ + second[i]);
    }

  private:
    RowTable table_;
    std::size_t columns_;
};

}  // namespace bitsback
