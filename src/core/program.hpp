// A model's code: the list of pops and pushes that codes a batch of items, and a whole chain of
// batches in one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "batch.hpp"
#include "distribution.hpp"
#include "item_order.hpp"
#include "message.hpp"
#include "multiset.hpp"

namespace bitsback {

struct Step {
    bool pops;
    std::shared_ptr<const Distribution> distribution;
};

// So many batches of so many items, one after another.
struct Batches {
    std::size_t size;
    std::size_t count;
};

class Program {
  public:
    // The first variable is the data.
    Program(std::vector<Variable> variables, std::vector<Step> steps)
        : variables_(std::move(variables)), steps_(std::move(steps)) {
        require(!variables_.empty(), "a model has a variable");
    }

    const Variable& data() const { return variables_[0]; }

    // x: [items, elements]. The batches are taken from the end of x: the first one has its last
    // items.
    template <class Symbol>
    void push(Message& message, std::span<const Symbol> x, std::span<const Batches> batches) const {
        std::size_t end = x.size();
        push_batches(message, x, batches, [&](Message&, std::span<Symbol> batch) {
            end -= batch.size();
            std::ranges::copy(x.subspan(end, batch.size()), batch.begin());
        });
    }

    // Undoes `push`, given its batches from the last to the first: they come out from the start of
    // x.
    template <class Symbol>
    void pop(Message& message, std::span<Symbol> x, std::span<const Batches> batches) const {
        auto out = x.begin();
        pop_batches<Symbol>(message, x.size(), batches,
                            [&](Message&, std::span<const Symbol> batch) {
                                out = std::ranges::copy(batch, out).out;
                            });
    }

    // Pushes a multiset of items, whatever their order in x: the items of each batch are picked
    // from those that are left, by bits of the message.
    template <class Symbol>
    void push_set(Message& message, std::span<const Symbol> x, std::span<const Batches> batches,
                  bool falling) const {
        const std::size_t elements = data().elements;
        Multiset members(ItemOrder<Symbol>{x, elements, falling});
        for (std::size_t item = 0; item < x.size() / elements; ++item)
            members.insert(static_cast<std::uint32_t>(item));
        std::vector<std::uint32_t> numbers;
        push_batches(message, x, batches, [&](Message& work, std::span<Symbol> batch) {
            numbers.resize(batch.size() / elements);
            pop_picks(work, members, std::span<std::uint32_t>(numbers));
            for (std::size_t i = 0; i < numbers.size(); ++i)
                std::ranges::copy(x.subspan(numbers[i] * elements, elements),
                                  batch.begin() + static_cast<std::ptrdiff_t>(i * elements));
        });
    }

    // Undoes `push_set`, given its batches from the last to the first: the items in their order.
    template <class Symbol>
    void pop_set(Message& message, std::span<Symbol> x, std::span<const Batches> batches,
                 bool falling) const {
        const std::size_t elements = data().elements;
        std::vector<Symbol> found(x.size());
        Multiset members(ItemOrder<Symbol>{found, elements, falling});
        std::vector<std::uint32_t> numbers;
        std::size_t done = 0;
        pop_batches<Symbol>(
            message, x.size(), batches, [&](Message& work, std::span<const Symbol> batch) {
                std::ranges::copy(batch,
                                  found.begin() + static_cast<std::ptrdiff_t>(done * elements));
                numbers.resize(batch.size() / elements);
                for (std::uint32_t& number : numbers) number = static_cast<std::uint32_t>(done++);
                push_picks(work, members, std::span<const std::uint32_t>(numbers));
            });
        auto out = x.begin();
        members.each([&](std::uint32_t number, std::uint32_t count) {
            for (std::uint32_t i = 0; i < count; ++i)
                out = std::ranges::copy(
                          std::span<const Symbol>(found).subspan(number * elements, elements), out)
                          .out;
        });
    }

  private:
    // Fills one batch after another by `take(message, batch)`, and runs the steps on it.
    template <class Symbol, class Take>
    void push_batches(Message& message, std::span<const Symbol> x, std::span<const Batches> batches,
                      const Take& take) const {
        require_items(x.size(), batches);
        require_symbols(x, data().levels);
        Batch batch;
        message.transaction([&](Message& work) {
            for (const Batches& run : batches)
                for (std::size_t i = 0; i < run.count; ++i) {
                    resize(batch, run.size);
                    take(work, std::span(std::get<std::vector<Symbol>>(batch.variables[0])));
                    for (const Step& step : steps_)
                        if (step.pops)
                            step.distribution->pop(work, batch);
                        else
                            step.distribution->push(work, batch);
                }
        });
    }

    // The way back: runs the steps backwards, and gives each batch to `put(message, batch)`.
    template <class Symbol, class Put>
    void pop_batches(Message& message, std::size_t size, std::span<const Batches> batches,
                     const Put& put) const {
        require_items(size, batches);
        Batch batch;
        message.transaction([&](Message& work) {
            for (const Batches& run : batches)
                for (std::size_t i = 0; i < run.count; ++i) {
                    resize(batch, run.size);
                    for (std::size_t step = steps_.size(); step-- > 0;)
                        if (steps_[step].pops)
                            steps_[step].distribution->push(work, batch);
                        else
                            steps_[step].distribution->pop(work, batch);
                    put(work,
                        std::span<const Symbol>(std::get<std::vector<Symbol>>(batch.variables[0])));
                }
        });
    }

    void require_items(std::size_t elements, std::span<const Batches> batches) const {
        std::size_t left = elements / data().elements;
        bool whole = elements % data().elements == 0;
        for (const Batches& run : batches) {
            whole = whole && run.size >= 1 && run.count <= left / run.size;
            left -= whole ? run.size * run.count : 0;
        }
        require(whole && left == 0, "the batches do not make up the items");
    }

    void resize(Batch& batch, std::size_t items) const {
        batch.items = items;
        if (batch.variables.empty())
            for (std::size_t v = 0; v < variables_.size(); ++v)
                batch.variables.push_back(v == 0 && variables_[v].bytes()
                                              ? Symbols(std::vector<std::uint8_t>())
                                              : Symbols(std::vector<std::uint16_t>()));
        for (std::size_t v = 0; v < variables_.size(); ++v)
            std::visit([&](auto& symbols) { symbols.resize(items * variables_[v].elements); },
                       batch.variables[v]);
    }

    std::vector<Variable> variables_;
    std::vector<Step> steps_;
};

}  // namespace bitsback
