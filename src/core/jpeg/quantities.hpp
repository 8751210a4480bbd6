// Tables of the discrete cosine transform, and logarithmic quantisers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace bitsback::jpeg {

using Int = std::int64_t;

// The step of a quantisation table as the model knows it.
inline std::int32_t known_step(std::uint16_t step) {
    return std::clamp<std::int32_t>(step, 1, 2047);
}

// Basis functions in units of 2^-12: at the first pixel of a block, half a pixel before it, and
// the reciprocals of the latter.
inline constexpr std::array<std::int32_t, 8> inside = {1448, 2009, 1892, 1703,
                                                       1448, 1138, 784,  400};
inline constexpr std::array<std::int32_t, 8> outside = {1448, 2162, 2446, 2754,
                                                        2896, 2711, 2122, 1168};
inline constexpr std::array<Int, 8> inverse_outside = {11585, 7762, 6858, 6092,
                                                       5793,  6188, 7908, 14361};
// [frequency][pixel]
inline constexpr std::array<std::array<Int, 8>, 8> basis = {{
    {1448, 1448, 1448, 1448, 1448, 1448, 1448, 1448},
    {2009, 1703, 1138, 400, -400, -1138, -1703, -2009},
    {1892, 784, -784, -1892, -1892, -784, 784, 1892},
    {1703, -400, -2009, -1138, 1138, 2009, 400, -1703},
    {1448, -1448, -1448, 1448, 1448, -1448, -1448, 1448},
    {1138, -2009, 400, 1703, -1703, -400, 2009, -1138},
    {784, -1892, 1892, -784, -784, 1892, -1892, 784},
    {400, -1138, 1703, -2009, 2009, -1703, 1138, -400},
}};
// 2^30 / the sum of the weights of the places at most 2 rows and columns away, without DC. The
// weight of a place is 840 / the square of its distance.
inline constexpr std::array<Int, 64> inside_shares = [] {
    std::array<Int, 64> shares{};
    for (int r = 1; r < 64; ++r) {
        Int sum = 0;
        for (int n = 1; n < 64; ++n) {
            const int down = n / 8 - r / 8, across = n % 8 - r % 8;
            if (n != r && down * down <= 4 && across * across <= 4)
                sum += 840 / (down * down + across * across);
        }
        shares[static_cast<std::size_t>(r)] = (Int{1} << 30) / sum;
    }
    return shares;
}();

// Quantises x >= 0, in units of 2^-8, in thirds of an octave: 16 at x = 1, clamped to [0, 40].
inline int thirds(Int x) {
    if (x < 8) return 0;
    const int lead = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(x))) - 1;
    const Int mantissa = (x << 8) >> lead;
    return std::clamp(3 * (lead - 8) + 16 + (mantissa >= 323) + (mantissa >= 406), 0, 40);
}
// Quantises in halves of an octave: 9 at x = 1, clamped to [0, 24].
inline int halves(Int x) {
    if (x < 16) return 0;
    const int lead = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(x))) - 1;
    const Int mantissa = (x << 8) >> lead;
    return std::clamp(2 * (lead - 8) + 9 + (mantissa >= 362), 0, 24);
}
inline int signed_halves(Int x) { return x < 0 ? 32 - halves(-x) : 32 + halves(x); }
inline int within(Int x, int most) {
    return static_cast<int>(std::clamp<Int>(x, -most, most)) + most;
}

}  // namespace bitsback::jpeg
