// Decisions that divide what a network expects of a pixel near its median.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coder.hpp"

namespace bitsback {

// The pixels of which several symbols are left after all decisions come last, by what is left of
// their distributions: `predict_rest`, and an interval of each.
template <class Picture, class Beside>
class QuantileCoder : public CountedCoder<Picture, Beside> {
    using Tree = CountedCoder<Picture, Beside>;

  public:
    using Tree::Tree;

    std::uint32_t symbol(std::size_t i) const { return this->beside_.left(i).low; }

    void predict(unsigned decision) {
        this->begin(decision);
        for (std::size_t i = 0; i < this->pixels(); ++i) {
            if (this->beside_.divide(i))
                this->ask(i);
            else
                this->pixels_[i].node *= 2;
        }
        this->mix();
    }
    std::uint32_t bit(std::size_t k, std::uint32_t symbol) const {
        return symbol >= this->beside_.split(this->open()[k]) ? 1 : 0;
    }

    void predict_rest() {
        this->begin(0);
        for (std::size_t i = 0; i < this->pixels(); ++i)
            if (this->beside_.left(i).high - this->beside_.left(i).low > 1) this->open(i, 0);
    }
    Interval rest(std::size_t k, std::uint32_t symbol) const {
        return this->beside_.interval(this->open()[k], symbol);
    }
    std::uint32_t find_rest(std::size_t k, std::uint32_t x) const {
        return this->beside_.find(this->open()[k], x);
    }
    void put_rest(std::size_t k, std::uint32_t symbol) {
        this->beside_.keep(this->open()[k], symbol);
    }

    void learn() {
        for (std::size_t i = 0; i < this->pixels(); ++i) Tree::learn(i, symbol(i));
    }
};

}  // namespace bitsback
