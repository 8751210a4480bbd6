// The base of distributions of the data variable without givens, for items of any shape.
#pragma once

#include <cstddef>
#include <span>
#include <variant>

#include "../distribution.hpp"

namespace bitsback {

// `Own` has push_all(message, shapes, symbols) and pop_all, for the symbols of all items, [slices,
// rows, columns, channels] each, bytes or words.
template <class Own>
class DataDistribution : public Distribution {
  public:
    void push(Message& message, const Batch& batch) const override {
        std::visit(
            [&](const auto& symbols) {
                own().push_all(message, batch.shapes, std::span(symbols.data(), symbols.size()));
            },
            batch.variables[variable_]);
    }
    void pop(Message& message, Batch& batch) const override {
        std::visit([&](auto& symbols) { own().pop_all(message, batch.shapes, std::span(symbols)); },
                   batch.variables[variable_]);
    }

  protected:
    // variable: the number of the data in the program.
    explicit DataDistribution(std::size_t variable) : variable_(variable) {}

  private:
    const Own& own() const { return static_cast<const Own&>(*this); }

    std::size_t variable_;
};

}  // namespace bitsback
