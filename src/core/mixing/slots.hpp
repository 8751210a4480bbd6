// The memory of slots: aligned to lines of the cache, and in large pages where the system has them,
// since slots are looked up in no order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bitsback {

class Slots {
  public:
    static constexpr std::size_t in_a_line = 64 / sizeof(std::uint32_t);

    Slots(std::size_t count, std::uint32_t start)
        : size_(count), slots_(allocate(count * sizeof(std::uint32_t))) {
        std::fill_n(slots_.get(), count, start);
    }

    std::size_t size() const { return size_; }
    std::uint32_t* data() { return slots_.get(); }

  private:
    static constexpr std::size_t page = std::size_t{1} << 21;

    struct Free {
        std::align_val_t alignment;
        void operator()(std::uint32_t* slots) const { ::operator delete(slots, alignment); }
    };
    using Memory = std::unique_ptr<std::uint32_t, Free>;

    static Memory allocate(std::size_t bytes) {
        const bool large = bytes >= page;
        const std::align_val_t alignment{large ? page : in_a_line * sizeof(std::uint32_t)};
        void* const slots = ::operator new(bytes, alignment);
#if defined(__linux__)
        if (large) ::madvise(slots, bytes, MADV_HUGEPAGE);
#endif
        return {static_cast<std::uint32_t*>(slots), {alignment}};
    }

    std::size_t size_;
    Memory slots_;
};

}  // namespace bitsback
