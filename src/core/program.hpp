// A model's code (docs/model-format.md, M2.2): the list of pops and pushes that codes a batch of
// items. A whole chain of batches is coded in one call.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "batch.hpp"
#include "distribution.hpp"
#include "message.hpp"

namespace bitsback {

struct Step {
    bool pops;
    std::shared_ptr<const Distribution> distribution;
};

// A number of consecutive batches of the same size.
struct Batches {
    std::size_t size;
    std::size_t count;
};

// A number of consecutive items of one shape.
struct ShapeRun {
    std::size_t count;
    ItemShape shape;
};

class Program {
  public:
    // The first variable is the data.
    Program(std::vector<Variable> variables, std::vector<Step> steps)
        : variables_(std::move(variables)), steps_(std::move(steps)) {
        require(!variables_.empty(), "a model needs at least one variable");
    }

    const Variable& data() const { return variables_[0]; }
    const Distribution& distribution(std::size_t step) const {
        return *steps_.at(step).distribution;
    }

    // The variables of items of this shape, all symbols 0.
    Batch zeros(std::size_t items, const ItemShape& shape) const {
        require_shape(shape);
        Batch batch{items, std::vector<ItemShape>(items, shape), {}};
        if (data().bytes())
            begin<std::uint8_t>(batch);
        else
            begin<std::uint16_t>(batch);
        return batch;
    }

    // Sets the symbols of a variable.
    template <class Symbol>
    void set(Batch& batch, std::size_t variable, std::span<const Symbol> symbols) const {
        auto* stored = std::get_if<std::vector<Symbol>>(&batch.variables.at(variable));
        require(stored != nullptr && stored->size() == symbols.size(),
                "the symbols of a variable have another type or number");
        require_symbols(symbols, variables_[variable].levels);
        std::ranges::copy(symbols, stored->begin());
    }

    // x: the symbols of all items, of these shapes. Batches run from the end of x: the first one
    // contains the last items. kept: whether the message is unchanged if this throws.
    template <class Symbol>
    void push(Message& message, std::span<const Symbol> x, std::span<const ShapeRun> shapes,
              std::span<const Batches> batches, bool kept = true) const {
        require_items(x.size(), shapes, batches);
        if (!data().any_shape()) require_symbols(x, data().levels);
        Batch batch;
        std::size_t coded = 0;  // coded items of the current run of shapes
        message.transaction(
            [&](Message& work) {
                for_batches(batches, [&](std::size_t items) {
                    batch.shapes.resize(items);
                    for (std::size_t i = items; i-- > 0; ++coded) {
                        for (; coded == shapes.back().count; coded = 0)
                            shapes = shapes.first(shapes.size() - 1);
                        batch.shapes[i] = shapes.back().shape;
                    }
                    begin<Symbol>(batch);
                    auto& symbols = std::get<std::vector<Symbol>>(batch.variables[0]);
                    std::ranges::copy(x.last(symbols.size()), symbols.begin());
                    x = x.first(x.size() - symbols.size());
                    for (const Step& step : steps_) run(step, step.pops, work, batch);
                });
            },
            kept);
    }

    // Undoes `push`, given its batches from the last to the first, and fills x from its start.
    template <class Symbol>
    void pop(Message& message, std::span<Symbol> x, std::span<const ShapeRun> shapes,
             std::span<const Batches> batches, bool kept = true) const {
        require_items(x.size(), shapes, batches);
        Batch batch;
        std::size_t coded = 0;
        auto out = x.begin();
        message.transaction(
            [&](Message& work) {
                for_batches(batches, [&](std::size_t items) {
                    batch.shapes.resize(items);
                    for (std::size_t i = 0; i < items; ++i, ++coded) {
                        for (; coded == shapes.front().count; coded = 0) shapes = shapes.subspan(1);
                        batch.shapes[i] = shapes.front().shape;
                    }
                    begin<Symbol>(batch);
                    for (std::size_t step = steps_.size(); step-- > 0;)
                        run(steps_[step], !steps_[step].pops, work, batch);
                    out = std::ranges::copy(std::get<std::vector<Symbol>>(batch.variables[0]), out)
                              .out;
                });
            },
            kept);
    }

  private:
    template <class Code>
    static void for_batches(std::span<const Batches> batches, const Code& code) {
        for (const Batches& run : batches)
            for (std::size_t i = 0; i < run.count; ++i) code(run.size);
    }

    static void run(const Step& step, bool pops, Message& message, Batch& batch) {
        if (pops)
            step.distribution->pop(message, batch);
        else
            step.distribution->push(message, batch);
    }

    void require_shape(const ItemShape& shape) const {
        shape.check();
        require(shape.levels <= data().levels, "an item has more levels than the model");
        require(data().any_shape() || shape.elements() == data().elements,
                "an item has another size than the model");
    }

    void require_items(std::size_t elements, std::span<const ShapeRun> shapes,
                       std::span<const Batches> batches) const {
        std::size_t left = 0;
        for (const auto& [count, shape] : shapes) {
            require_shape(shape);
            require(count <= elements / shape.elements(),
                    "there are too few elements for the items");
            elements -= count * shape.elements();
            left += count;
        }
        require(elements == 0, "there are too many elements for the items");
        bool whole = true;
        for (const Batches& run : batches) {
            whole = whole && run.size >= 1 && run.count <= left / run.size;
            left -= whole ? run.size * run.count : 0;
        }
        require(whole && left == 0, "the batches do not match the number of items");
    }

    // Allocates the symbols of a batch whose data have this type.
    template <class Symbol>
    void begin(Batch& batch) const {
        batch.items = batch.shapes.size();
        if (batch.variables.empty()) {
            batch.variables.emplace_back(std::vector<Symbol>());
            batch.variables.resize(variables_.size(), std::vector<std::uint16_t>());
        }
        for (std::size_t v = 0; v < variables_.size(); ++v) {
            std::size_t elements = batch.items * variables_[v].elements;
            if (variables_[v].any_shape())
                for (const ItemShape& shape : batch.shapes) elements += shape.elements();
            std::visit([&](auto& symbols) { symbols.resize(elements); }, batch.variables[v]);
        }
    }

    std::vector<Variable> variables_;
    std::vector<Step> steps_;
};

}  // namespace bitsback
