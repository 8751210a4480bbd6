// Each place becomes factor x factor places, of so many times fewer channels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "../value.hpp"

namespace bitsback {

class ShuffleLayer {
  public:
    // rows and columns of the result; those beyond are dropped.
    ShuffleLayer(std::size_t input, const Shape& from, std::size_t factor, std::size_t rows,
                 std::size_t columns)
        : input_(input), from_(from), factor_(factor), rows_(rows), columns_(columns) {
        require_layer(factor >= 2 && factor <= 8, "the factor of a shuffle is from 2 to 8");
        require_layer(from.channels % (factor * factor) == 0,
                      "the channels of a shuffle do not make up its squares");
        require_layer((rows + factor - 1) / factor == from.rows &&
                          (columns + factor - 1) / factor == from.columns,
                      "the size of a shuffle does not fit its source");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }
    Shape shape() const {
        return {rows_, columns_, from_.channels / (factor_ * factor_), from_.low, from_.high};
    }
    RowRange need(RowRange wanted) const {
        return {wanted.first / factor_, (wanted.end - 1) / factor_ + 1};
    }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        const Out* in = work.get<Out>(input_);
        const RowRange rows = work.rows[input_];
        // A row of a square is one piece, in the source and in the result.
        const std::size_t piece = from_.channels / factor_;
        const std::size_t line = shape().line();
        for (std::size_t item = 0; item < work.items; ++item, in += rows.count() * from_.line())
            for (std::size_t y = wanted.first; y < wanted.end; ++y, out += line) {
                const Out* from =
                    in + (y / factor_ - rows.first) * from_.line() + y % factor_ * piece;
                for (std::size_t at = 0; at < line; at += piece, from += from_.channels)
                    std::memcpy(out + at, from, std::min(piece, line - at) * sizeof(Out));
            }
    }

    std::size_t multiply_adds() const { return 0; }

  private:
    std::size_t input_;
    Shape from_;
    std::size_t factor_;
    std::size_t rows_;
    std::size_t columns_;
};

}  // namespace bitsback
