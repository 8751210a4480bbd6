// Prefetches memory, if the compiler supports it.
#pragma once

namespace bitsback {

inline void prefetch([[maybe_unused]] const void* at) {
#if defined(__GNUC__)
    __builtin_prefetch(at);
#endif
}

}  // namespace bitsback
