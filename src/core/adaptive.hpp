// Symbols whose probabilities follow their counts so far: symbol c has the probability (count of c
// + 1) / (earlier symbols + levels).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "step.hpp"

namespace bitsback {

// The count of each symbol plus one: a Fenwick tree.
class Tally {
  public:
    explicit Tally(std::uint32_t levels) : sums_(std::size_t{levels} + 1), total_(levels) {
        for (std::size_t node = 1; node < sums_.size(); ++node)
            sums_[node] = static_cast<std::uint32_t>(node & (~node + 1));
    }

    void add(std::uint32_t symbol) {
        ++total_;
        for (std::size_t node = symbol + std::size_t{1}; node < sums_.size();
             node += node & (~node + 1))
            ++sums_[node];
    }
    void remove(std::uint32_t symbol) {
        --total_;
        for (std::size_t node = symbol + std::size_t{1}; node < sums_.size();
             node += node & (~node + 1))
            --sums_[node];
    }

    Interval interval(std::uint32_t symbol) const {
        const std::uint32_t start = edge(less(symbol));
        return {start, edge(less(symbol + 1)) - start};
    }

    // The symbol whose interval contains x.
    std::uint32_t find(std::uint32_t x) const {
        auto left =
            static_cast<std::uint32_t>(((std::uint64_t{x} + 1) * total_ - 1) >> max_precision);
        std::size_t node = 0;
        for (std::size_t step = std::bit_floor(sums_.size() - 1); step > 0; step >>= 1)
            if (node + step < sums_.size() && sums_[node + step] <= left) {
                node += step;
                left -= sums_[node];
            }
        return static_cast<std::uint32_t>(node);
    }

  private:
    std::uint32_t less(std::uint32_t symbol) const {
        std::uint32_t sum = 0;
        for (std::size_t node = symbol; node > 0; node &= node - 1) sum += sums_[node];
        return sum;
    }
    std::uint32_t edge(std::uint64_t place) const {
        return static_cast<std::uint32_t>((place << max_precision) / total_);
    }

    std::vector<std::uint32_t> sums_;
    std::uint32_t total_;
};

inline void require_adaptive(std::uint32_t levels, std::size_t symbols) {
    constexpr std::size_t most = std::size_t{1} << max_precision;
    require(levels >= 1 && levels <= most && symbols <= most - levels,
            "an adaptive codec has at least one level, and at most 2^24 levels plus symbols");
}

inline void push_adaptive(Message& message, std::uint32_t levels,
                          std::span<const std::uint32_t> symbols) {
    require_adaptive(levels, symbols.size());
    require_symbols(symbols, levels);
    Tally tally(levels);
    for (const std::uint32_t symbol : symbols) tally.add(symbol);
    push_step(message, max_precision, symbols.size(), [&](std::size_t i) {
        tally.remove(symbols[i]);
        return tally.interval(symbols[i]);
    });
}

inline void pop_adaptive(Message& message, std::uint32_t levels, std::span<std::uint32_t> symbols) {
    require_adaptive(levels, symbols.size());
    Tally tally(levels);
    pop_step(message, max_precision, symbols.size(), [&](std::size_t i, std::uint32_t x) {
        symbols[i] = tally.find(x);
        const Interval interval = tally.interval(symbols[i]);
        tally.add(symbols[i]);
        return interval;
    });
}

}  // namespace bitsback
