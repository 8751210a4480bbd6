// The predictive distribution with contexts that are counted beside its network: each pixel by
// binary decisions, in whose probabilities the network's is one of those that are mixed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "../counted/decisions.hpp"
#include "../counted/quantile_coder.hpp"
#include "../predictive/beside.hpp"
#include "of_data.hpp"

namespace bitsback {

class MixedDistribution : public OfData<MixedDistribution> {
  public:
    // features: the value of the network that mixers take beside its context, if they do.
    MixedDistribution(std::size_t variable, PredictiveSettings predictive, PixelNetwork network,
                      MixtureTables tables, CountedSettings counted, LogisticTables logistic,
                      std::optional<std::size_t> features,
                      Arithmetic arithmetic = Arithmetic::exact)
        : OfData(variable),
          predictive_(std::move(predictive)),
          mixtures_(std::move(network), std::move(tables), predictive_.width(), features),
          counted_(std::move(counted)),
          logistic_(std::move(logistic)),
          arithmetic_(arithmetic) {
        require(counted_.quantiles() != 0 || counted_.most() == 255,
                "decisions that halve the levels are for 256 of them at most");
        require(counted_.sure() != 0 && counted_.lag() == predictive_.lag() &&
                    counted_.inputs() <= predictive_.width(),
                "contexts beside a network follow its order, and look at its inputs");
        if (features) counted_.take_features(predictive_.width() + mixtures_.features());
    }

  private:
    friend OfData<MixedDistribution>;

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        require_planes(shapes, symbols);
        with_coder(shapes, [&](auto& coder) {
            push_decisions(message, counted_.precision(), coder, symbols);
        });
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        with_coder(shapes, [&](auto& coder) {
            pop_decisions(message, counted_.precision(), coder, symbols);
        });
    }

    template <class Code>
    void with_coder(std::span<const ItemShape> shapes, const Code& code) const {
        const auto run = [&]<class Coder>() {
            Coder coder(counted_, logistic_, shapes, predictive_, mixtures_, arithmetic_);
            code(coder);
        };
        if (counted_.most() != 255)
            run.template operator()<QuantileCoder<DeepPicture, NetworkBeside>>();
        else if (counted_.quantiles() != 0)
            run.template operator()<QuantileCoder<SymbolPicture, NetworkBeside>>();
        else
            run.template operator()<CountedCoder<SymbolPicture, NetworkBeside>>();
    }

    PredictiveSettings predictive_;
    PixelMixtures mixtures_;
    CountedSettings counted_;
    LogisticTables logistic_;
    Arithmetic arithmetic_;
};

}  // namespace bitsback
