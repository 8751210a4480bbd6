// The counted distribution: each pixel by binary decisions, whose probabilities are counted in
// contexts as the pixels come. Nothing of it is learned from other data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "../counted/coder.hpp"
#include "../counted/settings.hpp"
#include "../step.hpp"
#include "of_data.hpp"

namespace bitsback {

class CountedDistribution : public OfData<CountedDistribution> {
  public:
    CountedDistribution(std::size_t variable, CountedSettings settings,
                        std::optional<CountedSettings> candidates, LogisticTables logistic)
        : OfData(variable),
          settings_(std::move(settings)),
          candidates_(std::move(candidates)),
          logistic_(std::move(logistic)) {}

  private:
    friend OfData<CountedDistribution>;

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        require_planes(shapes, symbols);
        for_pictures([&](auto picture) {
            using Picture = typename decltype(picture)::type;
            push_by<Picture>(message, shapes, symbols);
        });
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        for_pictures([&](auto picture) {
            using Picture = typename decltype(picture)::type;
            pop_by<Picture>(message, shapes, symbols);
        });
    }

    // The bit of a decision, and the frequency of a one: 2 * frequency + bit.
    using Coded = std::uint32_t;

    template <class Code>
    void for_pictures(const Code& code) const {
        if (settings_.of_bits() && !candidates_)
            code(std::type_identity<BitPicture>());
        else
            code(std::type_identity<SymbolPicture>());
    }

    template <class Picture, class Symbol>
    void push_by(Message& message, std::span<const ItemShape> shapes,
                 std::span<const Symbol> symbols) const {
        CountedCoder<Picture> coder(settings_, candidates(), logistic_, shapes);
        std::vector<Coded> coded;
        std::vector<std::uint32_t> counts;  // of each array of decisions
        while (coder.next()) {
            for (unsigned d = 0; d < coder.decisions(); ++d) {
                coder.predict(d);
                const std::span<const std::uint32_t> open = coder.open();
                for (std::size_t k = 0; k < open.size(); ++k) {
                    const std::uint32_t bit = coder.bit(k, symbols[coder.element(open[k])]);
                    coded.push_back(coder.frequency_of(k) << 1 | bit);
                    coder.put(k, bit);
                }
                counts.push_back(static_cast<std::uint32_t>(open.size()));
            }
            coder.learn();
        }
        std::size_t end = coded.size();
        for (std::size_t i = counts.size(); i-- > 0;) {
            const Coded* first = coded.data() + (end -= counts[i]);
            push_step(message, settings_.precision(), counts[i],
                      [&](std::size_t k) { return interval(first[k] >> 1, first[k] & 1); });
        }
    }

    template <class Picture, class Symbol>
    void pop_by(Message& message, std::span<const ItemShape> shapes,
                std::span<Symbol> symbols) const {
        CountedCoder<Picture> coder(settings_, candidates(), logistic_, shapes);
        while (coder.next()) {
            for (unsigned d = 0; d < coder.decisions(); ++d) {
                coder.predict(d);
                const std::span<const std::uint32_t> open = coder.open();
                pop_step(message, settings_.precision(), open.size(),
                         [&](std::size_t k, std::uint32_t x) {
                             const std::uint32_t frequency = coder.frequency_of(k);
                             const std::uint32_t bit = x >= whole() - frequency ? 1 : 0;
                             coder.put(k, bit);
                             return interval(frequency, bit);
                         });
            }
            coder.learn();
            for (std::size_t i = 0; i < coder.pixels(); ++i)
                symbols[coder.element(i)] = static_cast<Symbol>(coder.symbol(i));
        }
    }

    std::uint32_t whole() const { return 1u << settings_.precision(); }
    // As of a Bernoulli: 0 comes first.
    Interval interval(std::uint32_t frequency, std::uint32_t bit) const {
        return bit != 0 ? Interval{whole() - frequency, frequency}
                        : Interval{0, whole() - frequency};
    }

    const CountedSettings* candidates() const { return candidates_ ? &*candidates_ : nullptr; }

    CountedSettings settings_;
    std::optional<CountedSettings> candidates_;
    LogisticTables logistic_;
};

}  // namespace bitsback
