// Vectors aligned to cache lines, in large pages where available, since contexts and mixers access
// memory in random order.
#pragma once

#include <cstddef>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bitsback {

inline constexpr std::size_t cache_line = 64;

template <class T>
struct AlignedAllocator {
    using value_type = T;

    AlignedAllocator() = default;
    template <class Other>
    explicit AlignedAllocator(const AlignedAllocator<Other>&) {}

    T* allocate(std::size_t count) {
        const std::size_t bytes = count * sizeof(T);
        void* const memory = ::operator new(bytes, alignment(bytes));
#if defined(__linux__)
        if (bytes >= page) ::madvise(memory, bytes, MADV_HUGEPAGE);
#endif
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) {
        ::operator delete(memory, alignment(count * sizeof(T)));
    }
    bool operator==(const AlignedAllocator&) const { return true; }

  private:
    static constexpr std::size_t page = std::size_t{1} << 21;

    static std::align_val_t alignment(std::size_t bytes) {
        return std::align_val_t{bytes >= page ? page : cache_line};
    }
};

template <class T>
using Aligned = std::vector<T, AlignedAllocator<T>>;

}  // namespace bitsback
