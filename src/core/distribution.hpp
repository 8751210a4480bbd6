// The interface of a distribution for a step of a model's code, and its parameters from a network.
// docs/model-format.md, M2.3.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "batch.hpp"
#include "message.hpp"
#include "network.hpp"

namespace bitsback {

// The distribution of one variable, possibly conditional on others, with a push and a pop for a
// batch.
class Distribution {
  public:
    virtual ~Distribution() = default;
    virtual void push(Message& message, const Batch& batch) const = 0;
    virtual void pop(Message& message, Batch& batch) const = 0;
};

// A network over variables, with the outputs that a distribution needs.
class Conditional {
  public:
    // sources: the variables that the network reads. outputs: some of its values, on one grid.
    Conditional(Network network, std::vector<std::size_t> sources, std::vector<std::size_t> outputs)
        : network_(std::move(network)), sources_(std::move(sources)), outputs_(std::move(outputs)) {
        require(sources_.size() == network_.sources() && !outputs_.empty(),
                "a network needs a variable for each source, and at least one output");
        for (std::size_t output : outputs_)
            require(network_.shape(output).rows == shape(0).rows &&
                        network_.shape(output).columns == shape(0).columns,
                    "the outputs of a distribution have different grids");
        network_.keep(outputs_);
    }

    std::size_t count() const { return outputs_.size(); }
    const Shape& shape(std::size_t output) const { return network_.shape(outputs_.at(output)); }
    std::size_t value(std::size_t output) const { return outputs_[output]; }

    // Runs the network on the given rows of its outputs, for all items of a batch, and calls
    // `take(work, item, row)` for chunks of it: `work` holds rows from `row` on of items from
    // `item` on.
    template <class Take>
    void run(const Batch& batch, RowRange rows, const Take& take) const {
        Workspace work;
        const bool whole = rows == RowRange{0, shape(0).rows};
        const std::size_t most = network_.rows_at_once(shape(0).rows);
        if (whole && most >= rows.count()) {
            const std::size_t at_once = network_.items_at_once();
            for (std::size_t item = 0; item < batch.items; item += at_once) {
                run_some(work, batch, item, std::min(at_once, batch.items - item), std::nullopt);
                take(std::as_const(work), item, rows.first);
            }
            return;
        }
        for (std::size_t item = 0; item < batch.items; ++item)
            for (std::size_t first = rows.first; first < rows.end; first += most) {
                run_some(work, batch, item, 1, RowRange{first, std::min(first + most, rows.end)});
                take(std::as_const(work), item, first);
            }
    }

  private:
    void run_some(Workspace& work, const Batch& batch, std::size_t first, std::size_t items,
                  std::optional<RowRange> strip) const {
        network_.prepare(work, items, strip);
        for (std::size_t i = 0; i < sources_.size(); ++i)
            std::visit(
                [&](const auto& symbols) {
                    network_.fill(work, i, symbols.data() + first * network_.width(i));
                },
                batch.variables[sources_[i]]);
        network_.run(work);
    }

    Network network_;
    std::vector<std::size_t> sources_;
    std::vector<std::size_t> outputs_;
};

}  // namespace bitsback
