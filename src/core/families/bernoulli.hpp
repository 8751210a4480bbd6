// Bernoulli: the network's logit of a one indexes a table of frequencies. docs/model-format.md,
// M2.3.
#pragma once

#include <span>
#include <vector>

#include "../family.hpp"

namespace bitsback {

class BernoulliFamily : public Family {
  public:
    // table: the 256 frequencies of a one.
    BernoulliFamily(std::span<const std::uint32_t> table, unsigned precision)
        : table_(table, precision) {}

    std::size_t outputs() const override { return 1; }
    std::uint32_t levels() const override { return 2; }
    void require_outputs(const std::vector<Shape>& shapes) const override {
        require(shapes[0].bytes(), "a logit lies in [0, 255]");
    }

    void push(Message& message, const Parameters& parameters,
              const KnownSymbols& symbols) const override {
        const std::span<const std::uint8_t> bytes = bytes_of(symbols);
        bitsback::push(message, BernoulliTable(table_, {parameters.bytes[0], bytes.size()}), bytes);
    }
    void pop(Message& message, const Parameters& parameters,
             const SomeSymbols& symbols) const override {
        const std::span<std::uint8_t> bytes = bytes_of(symbols);
        bitsback::pop(message, BernoulliTable(table_, {parameters.bytes[0], bytes.size()}), bytes);
    }

  private:
    BernoulliIntervals table_;
};

}  // namespace bitsback
