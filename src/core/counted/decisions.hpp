// Pushes and pops the binary decisions of a coder of pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../step.hpp"

namespace bitsback {

// The interval of a bit, where that of 0 comes first.
inline Interval decision_interval(unsigned precision, std::uint32_t frequency, std::uint32_t bit) {
    const std::uint32_t rest = (1u << precision) - frequency;
    return bit != 0 ? Interval{rest, frequency} : Interval{0, rest};
}

// symbols: of all items; a coder's `element` is the index.
template <class Coder, class Symbol>
void push_decisions(Message& message, unsigned precision, Coder& coder,
                    std::span<const Symbol> symbols) {
    std::vector<std::uint32_t> known;   // the symbols of a step
    std::vector<std::uint32_t> coded;   // per decision, 2 * frequency of a one + bit
    std::vector<std::uint32_t> counts;  // number of decisions of each array
    while (coder.next()) {
        known.resize(coder.pixels());
        for (std::size_t i = 0; i < known.size(); ++i) known[i] = symbols[coder.element(i)];
        for (unsigned d = 0; d < coder.decisions(); ++d) {
            coder.predict(d);
            const std::span<const std::uint32_t> open = coder.open();
            const std::size_t first = coded.size();
            coded.resize(first + open.size());
            for (std::size_t k = 0; k < open.size(); ++k) {
                const std::uint32_t bit = coder.bit(k, known[open[k]]);
                coded[first + k] = coder.frequency_of(k) << 1 | bit;
                coder.put(k, bit);
            }
            counts.push_back(static_cast<std::uint32_t>(open.size()));
        }
        coder.learn();
    }
    std::size_t end = coded.size();
    for (std::size_t i = counts.size(); i-- > 0;) {
        if (counts[i] == 0) continue;
        const std::uint32_t* first = coded.data() + (end -= counts[i]);
        push_step(message, precision, counts[i], [&](std::size_t k) {
            return decision_interval(precision, first[k] >> 1, first[k] & 1);
        });
    }
}

template <class Coder, class Symbol>
void pop_decisions(Message& message, unsigned precision, Coder& coder, std::span<Symbol> symbols) {
    const std::uint32_t whole = 1u << precision;
    while (coder.next()) {
        for (unsigned d = 0; d < coder.decisions(); ++d) {
            coder.predict(d);
            const std::span<const std::uint32_t> open = coder.open();
            if (open.empty()) continue;
            pop_step(message, precision, open.size(), [&](std::size_t k, std::uint32_t x) {
                const std::uint32_t frequency = coder.frequency_of(k);
                const std::uint32_t bit = x >= whole - frequency ? 1 : 0;
                coder.put(k, bit);
                return decision_interval(precision, frequency, bit);
            });
        }
        coder.learn();
        for (std::size_t i = 0; i < coder.pixels(); ++i)
            symbols[coder.element(i)] = static_cast<Symbol>(coder.symbol(i));
    }
}

}  // namespace bitsback
