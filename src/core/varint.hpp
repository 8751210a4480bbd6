// Numbers of any size in bytes of 7 bits, the lowest first (LEB128).
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback {

inline void put_number(std::vector<std::uint8_t>& bytes, std::uint64_t number) {
    for (; number > 127; number >>= 7) bytes.push_back(static_cast<std::uint8_t>(number | 128));
    bytes.push_back(static_cast<std::uint8_t>(number));
}

inline std::uint64_t take_number(std::span<const std::uint8_t>& bytes) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const std::uint8_t byte = bytes[0];
        bytes = bytes.subspan(1);
        number |= std::uint64_t{byte & 127u} << shift;
        // Not the shortest form, or too large.
        if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1)) break;
        if (byte < 128) return number;
    }
    throw std::invalid_argument("a variable-length number is invalid");
}

}  // namespace bitsback
