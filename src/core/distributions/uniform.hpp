// The uniform distribution of each element over its levels: the prior of latents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <variant>

#include "../distribution.hpp"

namespace bitsback {

class UniformDistribution : public Distribution {
  public:
    UniformDistribution(std::size_t variable, std::uint32_t levels)
        : variable_(variable), levels_(levels) {}

    void push(Message& message, const Batch& batch) const override {
        std::visit(
            [&](const auto& symbols) {
                using Symbol = typename std::remove_cvref_t<decltype(symbols)>::value_type;
                bitsback::push(message, levels_, std::span<const Symbol>(symbols));
            },
            batch.variables[variable_]);
    }
    void pop(Message& message, Batch& batch) const override {
        std::visit([&](auto& symbols) { bitsback::pop(message, levels_, std::span(symbols)); },
                   batch.variables[variable_]);
    }

  private:
    std::size_t variable_;
    Uniform levels_;
};

}  // namespace bitsback
