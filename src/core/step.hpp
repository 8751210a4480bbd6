// One step: an array of symbols pushed to or popped from a message, symbol i in lane i mod lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#if defined(_MSC_VER)
#include <intrin.h>
#endif

#include "message.hpp"

namespace bitsback {

// [start, start + freq) out of 2^precision.
struct Interval {
    std::uint32_t start;
    std::uint32_t freq;
};

// An interval with floor(2^64 / freq) (2^64 - 1 for freq 1), which turns the division of a push
// into a multiplication.
struct ReadyInterval {
    std::uint32_t start;
    std::uint32_t freq;
    std::uint64_t reciprocal;
};

inline ReadyInterval make_ready(std::uint32_t start, std::uint32_t freq) {
    if (freq <= 1) return {start, freq, ~std::uint64_t{0}};
    const std::uint64_t most = ~std::uint64_t{0};  // 2^64 - 1
    return {start, freq, most / freq + (most % freq == freq - 1 ? 1u : 0u)};
}

inline std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
#if defined(_MSC_VER)
    return __umulh(a, b);
#else
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<wide>(a) * b) >> 64);
#endif
}

struct Division {
    std::uint64_t quotient;
    std::uint64_t remainder;
};

inline Division divide(std::uint64_t head, const Interval& interval) {
    return {head / interval.freq, head % interval.freq};
}

// The estimate is exact or one too small, since head * (2^64 / freq - reciprocal) < 2^64.
inline Division divide(std::uint64_t head, const ReadyInterval& interval) {
    std::uint64_t quotient = multiply_high(head, interval.reciprocal);
    std::uint64_t remainder = head - quotient * interval.freq;
    const bool low = remainder >= interval.freq;
    quotient += low;
    remainder -= low ? interval.freq : 0;
    return {quotient, remainder};
}

template <class AnyInterval>
inline void push_symbol(std::uint64_t& head, std::uint32_t*& top, unsigned precision,
                        const AnyInterval& interval) {
    const bool full = (head >> (64 - precision)) >= interval.freq;
    *top = static_cast<std::uint32_t>(head);
    top += full;
    const auto [quotient, remainder] = divide(full ? head >> 32 : head, interval);
    head = (quotient << precision) + remainder + interval.start;
}

template <class Find>
inline void pop_symbol(std::uint64_t& head, const std::uint32_t*& top, unsigned precision,
                       std::size_t i, Find& find) {
    const auto x = static_cast<std::uint32_t>(head & ((std::uint64_t{1} << precision) - 1));
    const Interval interval = find(i, x);
    const std::uint64_t next = interval.freq * (head >> precision) + x - interval.start;
    const bool empty = next < head_floor;
    const std::uint64_t filled = next << 32 | top[-1];
    head = empty ? filled : next;
    top -= empty;
}

namespace detail {

// With a constant number of lanes, the compiler keeps the heads in registers.
template <std::size_t lanes, class Intervals>
std::uint32_t* push_lanes(std::uint64_t* heads, std::uint32_t* top, unsigned precision,
                          std::size_t n, Intervals& interval_of) {
    std::size_t i = n;
    for (; i % lanes != 0; --i)
        push_symbol(heads[(i - 1) % lanes], top, precision, interval_of(i - 1));
    std::uint64_t local[lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) local[lane] = heads[lane];
    for (; i != 0; i -= lanes) {
#if defined(__GNUC__)
#pragma GCC unroll 8
#endif
        for (std::size_t back = 1; back <= lanes; ++back)
            push_symbol(local[lanes - back], top, precision, interval_of(i - back));
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) heads[lane] = local[lane];
    return top;
}

template <std::size_t lanes, class Find>
const std::uint32_t* pop_lanes(std::uint64_t* heads, const std::uint32_t* top, unsigned precision,
                               std::size_t n, Find& find) {
    std::uint64_t local[lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) local[lane] = heads[lane];
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
#if defined(__GNUC__)
#pragma GCC unroll 8
#endif
        for (std::size_t lane = 0; lane < lanes; ++lane)
            pop_symbol(local[lane], top, precision, i + lane, find);
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) heads[lane] = local[lane];
    for (; i < n; ++i) pop_symbol(heads[i % lanes], top, precision, i, find);
    return top;
}

}  // namespace detail

// Pushes n symbols, the last one first; `interval_of(i)` is the interval of symbol i.
template <class Intervals>
void push_step(Message& message, unsigned precision, std::size_t n, Intervals&& interval_of) {
    message.push_step(n, [&](std::uint64_t* heads, std::uint32_t* top) {
        if (message.records()) {
            for (std::size_t i = n; i-- > 0;)
                *top++ = interval_of(i).freq << (max_precision - precision);
            return top;
        }
        const std::size_t lanes = message.lanes();
        switch (lanes) {
            case 1:
                return detail::push_lanes<1>(heads, top, precision, n, interval_of);
            case 2:
                return detail::push_lanes<2>(heads, top, precision, n, interval_of);
            case 4:
                return detail::push_lanes<4>(heads, top, precision, n, interval_of);
            case 8:
                return detail::push_lanes<8>(heads, top, precision, n, interval_of);
            default:
                for (std::size_t i = n; i-- > 0;)
                    push_symbol(heads[i % lanes], top, precision, interval_of(i));
                return top;
        }
    });
}

// Pops n symbols, the first one first; `find(i, x)` stores symbol i, whose interval contains x, and
// returns that interval.
template <class Find>
void pop_step(Message& message, unsigned precision, std::size_t n, Find&& find) {
    message.pop_step(n, [&](std::uint64_t* heads, const std::uint32_t* top) {
        const std::size_t lanes = message.lanes();
        switch (lanes) {
            case 1:
                return detail::pop_lanes<1>(heads, top, precision, n, find);
            case 2:
                return detail::pop_lanes<2>(heads, top, precision, n, find);
            case 4:
                return detail::pop_lanes<4>(heads, top, precision, n, find);
            case 8:
                return detail::pop_lanes<8>(heads, top, precision, n, find);
            default:
                for (std::size_t i = 0; i < n; ++i)
                    pop_symbol(heads[i % lanes], top, precision, i, find);
                return top;
        }
    });
}

}  // namespace bitsback
