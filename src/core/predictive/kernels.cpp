// This file is compiled once for each instruction set: CMakeLists.txt gives BITSBACK_KERNELS, the
// name of the result.
#include "kernels.hpp"

#include "../lanes.hpp"

namespace bitsback {
namespace {

// The rows of a matrix of which the columns are given: no more than there are lanes. Rows have room
// for eights.
void lay(const int16_t (*columns)[width], size_t inputs, int16_t* const* rows, size_t count) {
    using Part = Vector<int16_t, short_width>;
    for (size_t first = 0; first < count && first < width; first += short_width)
        for (size_t i = 0; i < inputs; i += short_width) {
            Part part[short_width];
            for (size_t c = 0; c < short_width; ++c) part[c] = load<Part>(columns[i + c] + first);
            transpose(part);
            for (size_t r = 0; r < short_width && first + r < count; ++r)
                store(rows[first + r] + i, part[r]);
        }
}

constexpr size_t most_pairs = 16, most_stride = 56;

// Row a of a matrix, of which `blocks` eights are filled. pairs: for every two vectors, their
// elements next to one another.
template <size_t blocks>
inline BITSBACK_INLINE void add_row(const int32_t (*pairs)[most_stride], size_t count, size_t a,
                                    int32_t* row) {
    constexpr size_t parts = blocks * 8 / short_width;
    ShortLanes sum[parts];
    repeat<parts>([&](auto b) { sum[b.value] = load<ShortLanes>(row + short_width * b.value); });
    for (size_t p = 0; p < count; ++p) {
        const auto factor = seen_as<ShortWords>(all<ShortLanes>(pairs[p][a]));
        repeat<parts>([&](auto b) {
            sum[b.value] = add_products(sum[b.value], factor,
                                        load<ShortWords>(pairs[p] + short_width * b.value));
        });
    }
    repeat<parts>([&](auto b) { store(row + short_width * b.value, sum[b.value]); });
}

void accumulate(const int16_t* values, size_t count, size_t stride, size_t size, int32_t* matrix) {
    using Words = Vector<int16_t, 8>;
    constexpr std::make_index_sequence<8> places;
    int32_t pairs[most_pairs][most_stride];
    const size_t pair_count = (count + 1) / 2;
    for (size_t p = 0; p < pair_count; ++p, values += 2 * stride)
        for (size_t b = 0; b < stride; b += 8) {
            const auto one = load<Words>(values + b);
            const auto two = 2 * p + 1 < count ? load<Words>(values + stride + b) : all<Words>(0);
            store(pairs[p] + b, interleaved<8, false>(one, two, places));
            store(pairs[p] + b + 4, interleaved<8, true>(one, two, places));
        }
    for (size_t a = 0; a < size; ++a) {
        int32_t* row = matrix + triangle_row(a);
        with_index<most_stride / 8>(a / 8 + 1, [&](auto blocks) BITSBACK_INLINE {
            add_row<decltype(blocks)::value>(pairs, pair_count, a, row);
        });
    }
}

// Of each of eight vectors so many elements, as doubles: those of element i make out + 8 * i.
inline BITSBACK_INLINE void spread_some(const int32_t* const* from, size_t first, double* out) {
    using Doubles = Vector<double, 4>;
    for (size_t lane = 0; lane < 8; lane += 4) {
        ShortLanes row[4];
        for (size_t i = 0; i < 4; ++i) row[i] = load<ShortLanes>(from[lane + i] + first);
        transpose(row);
        for (size_t i = 0; i < 4; ++i) {
            Four part[short_width / 4];
            memcpy(part, &row[i], sizeof row[i]);
            for (size_t p = 0; p < short_width / 4; ++p)
                store(out + 8 * (4 * p + i) + lane, converted<Doubles>(part[p]));
        }
    }
}

// A row ends with some numbers that mean nothing, where the next one begins.
void spread(const int32_t* const* systems, size_t rows, double* out) {
    for (size_t i = 0; i < rows; out += 8 * ++i)
        for (size_t first = 0; first <= i; first += short_width)
            spread_some(systems, triangle_row(i) + first, out + 8 * first);
}

}  // namespace
}  // namespace bitsback

#include "fronts.hpp"

namespace bitsback {
namespace {

// A loop that compilers turn into vectors of what they compile for.
// A product d * x is d * (x >> 8) * 256 + d * (x & 255): all sums stay within 32 bits.
void decay_sums(const int32_t* above, const int32_t* left, const int32_t* right,
                const int32_t* decay, size_t size, int32_t* out) {
    const int32_t d0 = decay[0], d1 = decay[1], d2 = decay[2];
    for (size_t i = 0; i < size; ++i) {
        const int32_t high = d0 * (above[i] >> 8) + d1 * (left[i] >> 8) + d2 * (right[i] >> 8);
        const int32_t low = d0 * (above[i] & 255) + d1 * (left[i] & 255) + d2 * (right[i] & 255);
        out[i] = high + (low >> 8);
    }
}

}  // namespace

const PredictiveKernels BITSBACK_KERNELS = {look, learn, decay_sums, accumulate, spread};

}  // namespace bitsback
