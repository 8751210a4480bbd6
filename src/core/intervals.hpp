// Pushes and pops symbols whose intervals the caller computes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "step.hpp"

namespace bitsback {

inline void require_intervals(std::span<const std::uint32_t> starts,
                              std::span<const std::uint32_t> frequencies, unsigned precision) {
    require(precision >= 1 && precision <= max_precision, "a precision is from 1 to 24");
    require(starts.size() == frequencies.size(), "there must be as many starts as frequencies");
    const std::uint32_t total = std::uint32_t{1} << precision;
    for (std::size_t i = 0; i < starts.size(); ++i)
        require(
            frequencies[i] >= 1 && frequencies[i] <= total && starts[i] <= total - frequencies[i],
            "an interval must not be empty, and lie within [0, 2^precision)");
}

inline void push_intervals(Message& message, std::span<const std::uint32_t> starts,
                           std::span<const std::uint32_t> frequencies, unsigned precision) {
    require_intervals(starts, frequencies, precision);
    push_step(message, precision, starts.size(),
              [&](std::size_t i) { return Interval{starts[i], frequencies[i]}; });
}

// The numbers in [0, 2^precision) that determine the first symbols of a step, at most one per lane.
inline void peek(const Message& message, unsigned precision, std::span<std::uint32_t> numbers) {
    require(precision >= 1 && precision <= max_precision, "a precision is from 1 to 24");
    const Message::Hold hold(message);
    require(numbers.size() <= message.lanes(),
            "at most one number per lane can be read in advance");
    for (std::size_t i = 0; i < numbers.size(); ++i)
        numbers[i] =
            static_cast<std::uint32_t>(message.heads()[i] & ((std::uint64_t{1} << precision) - 1));
}

// The intervals of as many symbols as `peek` returned.
inline void pop_intervals(Message& message, std::span<const std::uint32_t> starts,
                          std::span<const std::uint32_t> frequencies, unsigned precision) {
    require_intervals(starts, frequencies, precision);
    const Message::Hold hold(message);
    std::vector<std::uint32_t> numbers(starts.size());
    peek(message, precision, numbers);
    for (std::size_t i = 0; i < starts.size(); ++i)
        require(numbers[i] >= starts[i] && numbers[i] - starts[i] < frequencies[i],
                "the interval of a symbol does not hold the number that `peek` returned for it");
    pop_step(message, precision, starts.size(),
             [&](std::size_t i, std::uint32_t) { return Interval{starts[i], frequencies[i]}; });
}

}  // namespace bitsback
