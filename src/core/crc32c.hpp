// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), eight bytes at a time by tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bitsback {

namespace detail {

constexpr auto make_crc32c_tables() {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0u);
        tables[0][byte] = crc;
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
        for (std::size_t k = 1; k < 8; ++k)
            tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 255];
    return tables;
}

inline constexpr auto crc32c_tables = make_crc32c_tables();

}  // namespace detail

inline std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t crc = 0) {
    const auto& tables = detail::crc32c_tables;
    crc = ~crc;
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
        std::uint32_t next = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            next ^= tables[7 - k][(bytes[i + k] ^ (crc >> (8 * k))) & 255];
            next ^= tables[3 - k][bytes[i + 4 + k]];
        }
        crc = next;
    }
    for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ tables[0][(crc ^ bytes[i]) & 255];
    return ~crc;
}

}  // namespace bitsback
