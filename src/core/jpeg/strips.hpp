// Strips of a frame: rows of units that are coded independently, so that threads can share them.
// docs/jpeg-format.md, J1.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

#include "markers.hpp"

namespace bitsback::jpeg {

// Coefficients of a component, block by block, row-major.
using PlaneView = std::span<std::int16_t>;

// Bytes of entropy-coded data per strip.
inline constexpr std::size_t bytes_of_a_strip = std::size_t{1} << 20;

// The number of strips of a stream. bytes: its size. skeleton: the size of its skeleton.
inline std::size_t strips_of(const Frame& frame, std::size_t bytes, std::size_t skeleton) {
    const std::size_t coded = bytes - std::min(bytes, skeleton);
    return std::max<std::size_t>(std::min(coded / bytes_of_a_strip, frame.rows), 1);
}

struct Strip {
    // The strip `number` of `count` strips of a frame.
    template <class Planes>
    Strip(const Frame& whole, Planes& all, std::size_t number = 0, std::size_t count = 1)
        : frame(whole) {
        const std::size_t begin = whole.rows * number / count,
                          end = whole.rows * (number + 1) / count;
        frame.rows = end - begin;
        for (std::size_t c = 0; c < whole.components.size(); ++c) {
            Component& component = frame.components[c];
            const std::size_t row = component.columns * block_size * component.vertical;
            component.rows = frame.rows * component.vertical;
            planes.push_back(PlaneView(all[c]).subspan(begin * row, frame.rows * row));
        }
    }

    Frame frame;
    std::vector<PlaneView> planes;
};

// Calls work(0) to work(count - 1) in several threads, and rethrows one of their exceptions.
template <class Work>
void in_threads(std::size_t count, std::size_t threads, const Work& work) {
    std::atomic<std::size_t> next = 0;
    std::mutex lock;
    std::exception_ptr failure;
    const auto run = [&] {
        try {
            for (std::size_t i = next++; i < count; i = next++) work(i);
        } catch (...) {
            next = count;
            const std::lock_guard guard(lock);
            failure = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    others.reserve(std::min(count, threads));
    try {
        while (others.size() + 1 < std::min(count, threads)) others.emplace_back(run);
    } catch (const std::system_error&) {  // no more threads available
    }
    run();
    for (std::thread& other : others) other.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace bitsback::jpeg
