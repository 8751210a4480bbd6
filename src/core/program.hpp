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
#include "message.hpp"

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
        require_items(x.size(), batches);
        require_symbols(x, data().levels);
        Message work = message;
        Batch batch;
        std::size_t end = x.size();
        for (const Batches& run : batches)
            for (std::size_t i = 0; i < run.count; ++i) {
                resize(batch, run.size);
                end -= run.size * data().elements;
                std::ranges::copy(x.subspan(end, run.size * data().elements),
                                  std::get<std::vector<Symbol>>(batch.variables[0]).begin());
                for (const Step& step : steps_)
                    if (step.pops)
                        step.distribution->pop(work, batch);
                    else
                        step.distribution->push(work, batch);
            }
        message = std::move(work);
    }

    // Undoes `push`, given its batches from the last to the first: they come out from the start of
    // x.
    template <class Symbol>
    void pop(Message& message, std::span<Symbol> x, std::span<const Batches> batches) const {
        require_items(x.size(), batches);
        Message work = message;
        Batch batch;
        auto out = x.begin();
        for (const Batches& run : batches)
            for (std::size_t i = 0; i < run.count; ++i) {
                resize(batch, run.size);
                for (std::size_t step = steps_.size(); step-- > 0;)
                    if (steps_[step].pops)
                        steps_[step].distribution->push(work, batch);
                    else
                        steps_[step].distribution->pop(work, batch);
                out = std::ranges::copy(std::get<std::vector<Symbol>>(batch.variables[0]), out).out;
            }
        message = std::move(work);
    }

  private:
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
