// Any function of one small integer, the same for each element.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
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
        for (int bits = 0; bits <= 8 && !shift_; ++bits)
            if (shifts_by(bits)) shift_ = bits;
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
        if (shift_) {
            const int bits = *shift_;
            map(work, wanted, out, [bits](int value) { return value >> bits; });
        } else {
            const std::int32_t low = from_.low;
            map(work, wanted, out, [entries, low](int value) { return entries[value - low]; });
        }
    }

    std::size_t multiply_adds() const { return 0; }

  private:
    // Whether the table only drops so many of the lowest bits, which takes no table.
    bool shifts_by(int bits) const {
        for (std::size_t i = 0; i < table_.size(); ++i)
            if (table_[i] != (from_.low + static_cast<std::int32_t>(i)) >> bits) return false;
        return true;
    }

    template <class Out, class Function>
    void map(Workspace& work, RowRange wanted, Out* out, const Function& function) const {
        std::visit(
            [&](const auto& values) {
                for_pieces(work, from_.line(), wanted, work.rows[input_],
                           [&](std::size_t from, std::size_t to, std::size_t count) {
                               const auto* const in = values.data() + from;
                               for (std::size_t i = 0; i < count; ++i)
                                   out[to + i] = static_cast<Out>(function(in[i]));
                           });
            },
            work.values[input_]);
    }

    std::size_t input_;
    Shape from_;
    std::vector<std::int16_t> table_;
    std::optional<int> shift_;
};

}  // namespace bitsback
