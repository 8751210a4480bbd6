// The sum of two values, clamped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "../value.hpp"

// Without it a compiler has to reckon with a result that overlaps what it is computed from, and
// sums one by one.
#if defined(_MSC_VER)
#define BITSBACK_RESTRICT __restrict
#else
#define BITSBACK_RESTRICT __restrict__
#endif

namespace bitsback {

class SumLayer {
  public:
    SumLayer(std::size_t input, const Shape& one, std::size_t other, const Shape& two,
             std::int32_t low, std::int32_t high)
        : input_(input),
          other_(other),
          to_{one.rows, one.columns, one.channels, low, high},
          narrow_(one.low + two.low >= -32768 && one.high + two.high <= 32767) {
        require_layer(
            one.rows == two.rows && one.columns == two.columns && one.channels == two.channels,
            "the two values of a sum have the same number of elements");
        require_layer(low < high && low >= -32768 && high <= 32767,
                      "clamp must be two increasing numbers of 16 bits");
    }

    std::vector<std::size_t> inputs() const { return {input_, other_}; }
    Shape shape() const { return to_; }
    RowRange need(RowRange wanted) const { return wanted; }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        std::visit(
            [&](const auto& one, const auto& two) {
                for_pieces(
                    work, to_.line(), wanted, work.rows[input_], work.rows[other_],
                    [&](std::size_t in, std::size_t with, std::size_t to, std::size_t count) {
                        // Sums of 16 bits where they fit: twice as many at once.
                        if (narrow_)
                            add<std::int16_t>(one.data() + in, two.data() + with, count, out + to);
                        else
                            add<std::int32_t>(one.data() + in, two.data() + with, count, out + to);
                    });
            },
            work.values[input_], work.values[other_]);
    }

    std::size_t multiply_adds() const { return 0; }

  private:
    template <class Wide, class One, class Two, class Out>
    void add(const One* BITSBACK_RESTRICT one, const Two* BITSBACK_RESTRICT two, std::size_t size,
             Out* BITSBACK_RESTRICT out) const {
        const auto low = static_cast<Wide>(to_.low);
        const auto high = static_cast<Wide>(to_.high);
        for (std::size_t i = 0; i < size; ++i) {
            Wide sum = static_cast<Wide>(one[i] + two[i]);
            sum = sum < low ? low : sum;
            out[i] = static_cast<Out>(sum > high ? high : sum);
        }
    }

    std::size_t input_;
    std::size_t other_;
    Shape to_;
    bool narrow_;
};

}  // namespace bitsback
