// Sums of sizes around the places of a block, for the kernels of JPEG streams. Like lanes.hpp, it
// is internal to the including file.
#pragma once

#include "../lanes.hpp"

namespace bitsback::jpeg {
namespace {

// Adds `size` times a weight for the distance (quantities.hpp) to the 5 x 5 places around a place.
// sums: the first of these, in rows of 16.
inline BITSBACK_INLINE void add_around(int32_t* sums, int32_t size) {
    constexpr size_t side = 5;
    // Symmetric, so that three rows are all.
    alignas(32) static const int32_t shares[3][8] = {
        {105, 168, 210, 168, 105}, {168, 420, 840, 420, 168}, {210, 840, 0, 840, 210}};
    for (size_t c = 0; c < 8; c += width) {
        Lanes added[3];
        for (size_t i = 0; i < 3; ++i) added[i] = load<Lanes>(shares[i] + c) * lanes(size);
        for (size_t i = 0; i < side; ++i) {
            int32_t* const row = sums + 16 * i + c;
            store(row, load<Lanes>(row) + added[i < 3 ? i : 4 - i]);
        }
    }
}

// Sums around each of the 64 numbers of a block: 4 times itself, 2 times each of the 4 beside it,
// and the 4 at its corners.
template <class Number>
inline BITSBACK_INLINE void smoothed(const Number* from, Number* to) {
    static const Number none[8] = {};
    Number rows[8][10];
    for (size_t i = 0; i < 8; ++i) {
        const Number* const own = from + i * 8;
        const Number* const above = i > 0 ? own - 8 : none;
        const Number* const below = i < 7 ? own + 8 : none;
        Number sums[8];
        for (size_t j = 0; j < 8; ++j)
            sums[j] = static_cast<Number>(above[j] + 2 * own[j] + below[j]);
        rows[i][0] = rows[i][9] = 0;
        memcpy(rows[i] + 1, sums, sizeof sums);
    }
    for (size_t i = 0; i < 8; ++i)
        for (size_t j = 0; j < 8; ++j)
            to[i * 8 + j] = static_cast<Number>(rows[i][j] + 2 * rows[i][j + 1] + rows[i][j + 2]);
}

}  // namespace
}  // namespace bitsback::jpeg
