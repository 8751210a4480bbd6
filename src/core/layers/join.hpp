// The channels of two values, one behind the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <variant>
#include <vector>

#include "../value.hpp"

namespace bitsback {

class JoinLayer {
  public:
    JoinLayer(std::size_t input, const Shape& one, std::size_t other, const Shape& two)
        : input_(input), other_(other), one_(one), two_(two) {
        require_layer(one.rows == two.rows && one.columns == two.columns,
                      "the two values of a join live at the same places");
    }

    std::vector<std::size_t> inputs() const { return {input_, other_}; }
    Shape shape() const {
        return {one_.rows, one_.columns, one_.channels + two_.channels,
                std::min(one_.low, two_.low), std::max(one_.high, two_.high)};
    }
    RowRange need(RowRange wanted) const { return wanted; }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        put(work, wanted, input_, one_.channels, out);
        put(work, wanted, other_, two_.channels, out + one_.channels);
    }

    std::size_t multiply_adds() const { return 0; }

  private:
    template <class Out>
    void put(const Workspace& work, RowRange wanted, std::size_t input, std::size_t channels,
             Out* out) const {
        const std::size_t step = one_.channels + two_.channels;
        std::visit(
            [&](const auto& values) {
                for_pieces(work, one_.columns, wanted, work.rows[input],
                           [&](std::size_t from, std::size_t to, std::size_t places) {
                               for (std::size_t i = 0; i < places; ++i)
                                   for (std::size_t c = 0; c < channels; ++c)
                                       out[(to + i) * step + c] =
                                           static_cast<Out>(values[(from + i) * channels + c]);
                           });
            },
            work.values[input]);
    }

    std::size_t input_;
    std::size_t other_;
    Shape one_;
    Shape two_;
};

}  // namespace bitsback
