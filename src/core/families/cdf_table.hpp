// A grid of distributions; two outputs of a network select one for each symbol.
// docs/model-format.md, M2.3.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "../family.hpp"

namespace bitsback {

class CdfTableFamily : public Family {
  public:
    // The row of (first, second) is first * columns + second.
    CdfTableFamily(CdfTable table, std::size_t columns)
        : table_(std::move(table)), columns_(columns) {
        require(columns >= 1 && table_.rows() % columns == 0, "the rows do not fill the grid");
        require(table_.rows() <= 65536, "a grid has at most 65,536 rows");
    }

    std::size_t outputs() const override { return 2; }
    std::uint32_t levels() const override { return static_cast<std::uint32_t>(table_.levels()); }
    void require_outputs(const std::vector<Shape>& shapes) const override {
        require(shapes[0].bytes() && shapes[1].bytes() &&
                    static_cast<std::size_t>(shapes[0].high) < table_.rows() / columns_ &&
                    static_cast<std::size_t>(shapes[1].high) < columns_,
                "the outputs of a network leave the grid of rows");
    }

    void push(Message& message, const Parameters& parameters,
              const KnownSymbols& symbols) const override {
        const std::vector<std::uint16_t> rows = look_up(parameters, bytes_of(symbols).size());
        bitsback::push(message, Rows(table_, rows), bytes_of(symbols));
    }
    void pop(Message& message, const Parameters& parameters,
             const SomeSymbols& symbols) const override {
        const std::vector<std::uint16_t> rows = look_up(parameters, bytes_of(symbols).size());
        bitsback::pop(message, Rows(table_, rows), bytes_of(symbols));
    }

  private:
    std::vector<std::uint16_t> look_up(const Parameters& parameters, std::size_t count) const {
        std::vector<std::uint16_t> rows(count);
        for (std::size_t i = 0; i < count; ++i)
            rows[i] = static_cast<std::uint16_t>(parameters.bytes[0][i] * columns_ +
                                                 parameters.bytes[1][i]);
        return rows;
    }

    CdfTable table_;
    std::size_t columns_;
};

}  // namespace bitsback
