// The counted distribution (docs/model-format.md, M6): pixels as binary decisions, predicted by
// context mixing that adapts to the data.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "../counted/blending.hpp"
#include "../counted/candidate_coder.hpp"
#include "../counted/decisions.hpp"
#include "../counted/settings.hpp"
#include "data_distribution.hpp"

namespace bitsback {

class CountedDistribution : public DataDistribution<CountedDistribution> {
  public:
    CountedDistribution(std::size_t variable, CountedSettings settings, LogisticTables logistic)
        : DataDistribution(variable),
          settings_(std::move(settings)),
          logistic_(std::move(logistic)) {}

  private:
    friend DataDistribution<CountedDistribution>;

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        require_planes(shapes, symbols);
        with_coder(shapes, [&](auto& coder) {
            push_decisions(message, settings_.precision(), coder, symbols);
        });
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        with_coder(shapes, [&](auto& coder) {
            pop_decisions(message, settings_.precision(), coder, symbols);
        });
    }

    template <class Code>
    void with_coder(std::span<const ItemShape> shapes, const Code& code) const {
        const auto run = [&]<class Coder>() {
            Coder coder(settings_, logistic_, shapes);
            code(coder);
        };
        const bool first = settings_.candidate() != nullptr;
        if (settings_.of_bits())
            run.template operator()<CountedCoder<BitPicture>>();
        else if (settings_.predictors().empty() && first)
            run.template operator()<CandidateCoder<>>();
        else if (settings_.predictors().empty())
            run.template operator()<CountedCoder<SymbolPicture>>();
        else if (first)
            run.template operator()<CandidateCoder<Blending>>();
        else
            run.template operator()<CountedCoder<SymbolPicture, Blending>>();
    }

    CountedSettings settings_;
    LogisticTables logistic_;
};

}  // namespace bitsback
