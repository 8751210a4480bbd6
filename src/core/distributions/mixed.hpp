// The predictive distribution with contexts that are counted beside its network: each pixel by
// binary decisions, in whose probabilities the network's is one of those that are mixed.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "../counted/coder.hpp"
#include "../counted/decisions.hpp"
#include "../predictive/beside.hpp"
#include "of_data.hpp"

namespace bitsback {

class MixedDistribution : public OfData<MixedDistribution> {
  public:
    MixedDistribution(std::size_t variable, PredictiveSettings predictive, PixelNetwork network,
                      MixtureTables tables, CountedSettings counted, LogisticTables logistic,
                      Arithmetic arithmetic = Arithmetic::exact)
        : OfData(variable),
          predictive_(std::move(predictive)),
          mixtures_(std::move(network), std::move(tables), predictive_.width()),
          counted_(std::move(counted)),
          logistic_(std::move(logistic)),
          arithmetic_(arithmetic) {
        require(counted_.sure() != 0 && counted_.lag() == predictive_.lag(),
                "contexts beside a network follow its order");
    }

  private:
    friend OfData<MixedDistribution>;

    using Coder = CountedCoder<SymbolPicture, NetworkBeside>;

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        require_planes(shapes, symbols);
        Coder coder = this->coder(shapes);
        push_decisions(message, counted_.precision(), counted_.mixing().decisions, coder, symbols);
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        Coder coder = this->coder(shapes);
        pop_decisions(message, counted_.precision(), counted_.mixing().decisions, coder, symbols);
    }

    Coder coder(std::span<const ItemShape> shapes) const {
        return {counted_, logistic_, shapes, predictive_, mixtures_, arithmetic_};
    }

    PredictiveSettings predictive_;
    PixelMixtures mixtures_;
    CountedSettings counted_;
    LogisticTables logistic_;
    Arithmetic arithmetic_;
};

}  // namespace bitsback
