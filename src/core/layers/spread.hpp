// A value at the item becomes one on a grid, the same at each place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "../value.hpp"

namespace bitsback {

class SpreadLayer {
  public:
    SpreadLayer(std::size_t input, const Shape& from, std::size_t rows, std::size_t columns)
        : input_(input), from_(from), rows_(rows), columns_(columns) {
        require_layer(from.places() == 1, "what is spread lives at the item");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }
    Shape shape() const { return {rows_, columns_, from_.channels, from_.low, from_.high}; }
    RowRange need(RowRange) const { return {0, 1}; }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        const Out* in = work.get<Out>(input_);
        for (std::size_t item = 0; item < work.items; ++item, in += from_.channels)
            for (std::size_t i = 0; i < wanted.count() * columns_; ++i, out += from_.channels)
                std::copy_n(in, from_.channels, out);
    }

    std::size_t multiply_adds() const { return 0; }

  private:
    std::size_t input_;
    Shape from_;
    std::size_t rows_;
    std::size_t columns_;
};

}  // namespace bitsback
