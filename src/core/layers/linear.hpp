// A linear layer at each place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../linear.hpp"
#include "../value.hpp"

namespace bitsback {

// Throws std::invalid_argument unless the input lies where the layer's bounds were checked for.
inline void require_input(const Linear& linear, const Shape& from) {
    require_layer(from.low >= 0 && from.high <= static_cast<std::int32_t>(linear.input_top()),
                  "a linear layer's input leaves the range that its bounds were checked for");
}

class LinearLayerOf {
  public:
    LinearLayerOf(std::size_t input, const Shape& from, std::shared_ptr<const Linear> linear)
        : input_(input), from_(from), linear_(std::move(linear)) {
        require_input(*linear_, from);
        require_layer(linear_->inputs() == from.channels, "a layer's inputs do not fit its source");
    }

    std::vector<std::size_t> inputs() const { return {input_}; }
    Shape shape() const {
        return {from_.rows, from_.columns, linear_->outputs(), linear_->low(), linear_->high()};
    }
    RowRange need(RowRange wanted) const { return wanted; }

    template <class Out>
    void run(Workspace& work, RowRange wanted, Out* out) const {
        const std::uint8_t* in = work.bytes(input_);
        for_pieces(work, from_.columns, wanted, work.rows[input_],
                   [&](std::size_t from, std::size_t to, std::size_t places) {
                       linear_->run(in + from * from_.channels, places,
                                    out + to * linear_->outputs());
                   });
    }

    // The layer, and the sum of its result with the bytes of `other`, in one.
    void run_sum(Workspace& work, RowRange wanted, std::size_t other, std::int32_t low,
                 std::int32_t high, std::uint8_t* out) const {
        const std::uint8_t* in = work.bytes(input_);
        const std::uint8_t* add = work.bytes(other);
        const std::size_t outputs = linear_->outputs();
        for_pieces(work, from_.columns, wanted, work.rows[input_], work.rows[other],
                   [&](std::size_t from, std::size_t with, std::size_t to, std::size_t places) {
                       linear_->run_sum(in + from * from_.channels, places,
                                        {add + with * outputs, low, high}, out + to * outputs);
                   });
    }

    std::size_t multiply_adds() const {
        return from_.places() * linear_->inputs() * linear_->outputs();
    }

  private:
    std::size_t input_;
    Shape from_;
    std::shared_ptr<const Linear> linear_;
};

}  // namespace bitsback
