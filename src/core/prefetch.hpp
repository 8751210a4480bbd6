// Asks for memory before it is needed, where a compiler can.
#pragma once

namespace bitsback {

inline void prefetch([[maybe_unused]] const void* at) {
#if defined(__GNUC__)
    __builtin_prefetch(at);
#endif
}

}  // namespace bitsback
