// Any function of one small integer, the same for each element.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "../value.hpp"

namespace bitsback {

class TableLayer {
  public:
    // table: one entry for each value from from.low to from.high.
    TableLayer(std::size_t input, const Shape& from, std::vector<std::int16_t> table)
        : input_(input), from_(from), table_(std::move(table)) {
        require_layer(table_.size() == static_cast<std::size_t>(from.high - from.low) + 1,
                      "a table has one entry for each value of its input");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }
    Shape shape() const {
        const auto [least, most] = std::ranges::minmax(table_);
        return {from_.rows, from_.columns, from_.channels, least, most};
    }
    RowRange need(RowRange wanted) const { return wanted; }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        const std::int16_t* const entries = table_.data();
        std::visit(
            [&](const auto& values) {
                for_pieces(work, from_.line(), wanted, work.rows[input_],
                           [&](std::size_t from, std::size_t to, std::size_t count) {
                               for (std::size_t i = 0; i < count; ++i)
                                   out[to + i] =
                                       static_cast<Out>(entries[values[from + i] - from_.low]);
                           });
            },
            work.values[input_]);
    }

    std::size_t multiply_adds() const { return 0; }

  private:
    std::size_t input_;
    Shape from_;
    std::vector<std::int16_t> table_;
};

}  // namespace bitsback
