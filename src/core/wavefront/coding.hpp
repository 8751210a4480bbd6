// The intervals of pixels, and their push to and pop from the heads of a message.
// docs/model-format.md, M10.3.
//
// It is internal to the including file, which is compiled for each instruction set.
#pragma once

#include "kernels.hpp"
#include "words.hpp"

namespace bitsback {
namespace {

constexpr uint32_t wave_total = uint32_t{1} << wave_precision;

// The bits of the second interval in a partial bin with `count` levels.
inline unsigned bits_of_levels(int32_t count) { return count <= 256 ? 8 : 16; }
// The start of the interval of a level of a partial bin.
inline uint32_t start_of_level(uint32_t level, int32_t count) {
    return static_cast<uint32_t>((uint64_t{level} << bits_of_levels(count)) /
                                 static_cast<uint32_t>(count));
}

struct BinLevels {
    int32_t low, count;
};
inline BinLevels levels_of(const WaveFront& front, const WavePixels& pixels, size_t i,
                           int32_t bin) {
    const int32_t bits = pixels.bits[i], base = pixels.base[i];
    const auto begin = [&](int32_t k) {
        const int32_t first = base + ((k - 32) << bits);
        return first > 0 ? first : 0;
    };
    const int32_t low = bin == 0 ? 0 : begin(bin);
    int32_t end = bin + 1 == static_cast<int32_t>(wave_bins) ? front.levels : begin(bin + 1);
    if (end > front.levels) end = front.levels;
    return {low, end - low};
}

// The start of a bin behind the first and up to the last.
inline uint32_t start_within(const WaveFront& front, const WavePixels& pixels, size_t i,
                             int32_t bin) {
    uint32_t sum = 0;
    for (size_t k = 0; k < 3; ++k)
        sum += uint32_t{front.table[pixels.rows[k][i] + bin]} * pixels.weights[k][i] >> 16;
    return (sum >> 1) + static_cast<uint32_t>(bin);
}
inline uint32_t start_of(const WaveFront& front, const WavePixels& pixels, size_t i, int32_t bin) {
    return bin <= pixels.first[i] ? 0
           : bin > pixels.last[i] ? wave_total
                                  : start_within(front, pixels, i, bin);
}

void codes(const WaveFront& front, const WavePixels& pixels, const uint16_t* symbols,
           WaveCode* out) {
    for (size_t i = 0; i < front.count; ++i) {
        const int32_t symbol = symbols[i], bits = pixels.bits[i];
        const int32_t apart = symbol - pixels.base[i] + (32 << bits);
        int32_t bin = apart >> bits;
        bin = bin < 0 ? 0 : bin > 63 ? 63 : bin;
        uint32_t low = 0, high = 0;
        for (size_t k = 0; k < 3; ++k) {
            const uint16_t* const at = front.table + pixels.rows[k][i] + bin;
            const uint32_t weight = pixels.weights[k][i];
            low += at[0] * weight >> 16;
            high += at[1] * weight >> 16;
        }
        low = bin <= pixels.first[i] ? 0 : (low >> 1) + static_cast<uint32_t>(bin);
        high = bin >= pixels.last[i] ? wave_total : (high >> 1) + static_cast<uint32_t>(bin) + 1;
        WaveCode code{static_cast<uint16_t>(low), static_cast<uint16_t>(high - low),
                      static_cast<uint16_t>(apart & ((1 << bits) - 1)), 0,
                      static_cast<uint8_t>(bits)};
        if (bin < 1 || bin > pixels.full[i]) {
            const BinLevels levels = levels_of(front, pixels, i, bin);
            const auto level = static_cast<uint32_t>(symbol - levels.low);
            const uint32_t start = start_of_level(level, levels.count);
            code.second_start = static_cast<uint16_t>(start);
            code.last_second =
                static_cast<uint8_t>(start_of_level(level + 1, levels.count) - start - 1);
            code.bits = static_cast<uint8_t>(bits_of_levels(levels.count));
            if (levels.count == 1) code.last_second = 0, code.bits = 0;
        }
        out[i] = code;
    }
}

void starts(const WaveFront& front, const WavePixels& pixels, size_t i, uint32_t* out) {
    for (int32_t bin = 0; bin <= static_cast<int32_t>(wave_bins); ++bin)
        out[bin] = start_of(front, pixels, i, bin);
}

inline BITSBACK_INLINE void push_code(const WaveCode& code, uint64_t& head, uint32_t*& top) {
    if (code.bits == wave_jpeg_precision) {  // one interval
        const uint32_t start = code.start | uint32_t{code.second_start} << 16,
                       frequency = code.frequency | uint32_t{code.last_second} << 16;
        const bool full = (head >> (64 - code.bits)) >= frequency;
        *top = static_cast<uint32_t>(head);
        top += full;
        const uint64_t kept = full ? head >> 32 : head;
        head = (kept / frequency << code.bits) + kept % frequency + start;
        return;
    }
    const uint32_t second = uint32_t{code.last_second} + 1;
    const uint32_t both = code.frequency * second;
    const bool full = (head >> (64 - wave_precision - code.bits)) >= both;
    *top = static_cast<uint32_t>(head);
    top += full;
    uint64_t x = full ? head >> 32 : head;
    if (second == 1)
        x = (x << code.bits) + code.second_start;
    else
        x = (x / second << code.bits) + x % second + code.second_start;
    const uint64_t quotient =
        x >> 32 == 0 ? static_cast<uint32_t>(x) / code.frequency : x / code.frequency;
    head = (quotient << wave_precision) + (x - quotient * code.frequency) + code.start;
}

uint32_t* push(const WaveCode* codes, size_t count, uint64_t* heads, size_t lanes, uint32_t* top) {
    size_t i = count;
    if (lanes == 8) {
        while (i % 8 != 0) --i, push_code(codes[i], heads[i % 8], top);
        uint64_t head[8];
        repeat<8>([&](auto k) { head[k.value] = heads[k.value]; });
        while (i != 0) {
            i -= 8;
            repeat<8>([&](auto k) BITSBACK_INLINE {
                push_code(codes[i + 7 - k.value], head[7 - k.value], top);
            });
        }
        repeat<8>([&](auto k) { heads[k.value] = head[k.value]; });
    }
    while (i != 0) --i, push_code(codes[i], heads[i % lanes], top);
    return top;
}

// Pops a symbol whose bin is known. x: the 15-bit number that determined the bin.
inline BITSBACK_INLINE uint16_t pop_code(const WaveFront& front, const WavePixels& pixels, size_t i,
                                         int32_t bin, uint32_t x, uint32_t start,
                                         uint32_t frequency, uint64_t& head, const uint32_t*& top) {
    uint64_t s = frequency * (head >> wave_precision) + x - start;
    const int32_t bits = pixels.bits[i];
    int32_t symbol;
    if (static_cast<uint32_t>(bin - 1) >= static_cast<uint32_t>(pixels.full[i])) [[unlikely]] {
        const BinLevels levels = levels_of(front, pixels, i, bin);
        const unsigned wide_bits = bits_of_levels(levels.count);
        const auto y = static_cast<uint32_t>(s & ((uint64_t{1} << wide_bits) - 1));
        const auto level = static_cast<uint32_t>(
            (uint64_t{y + 1} * static_cast<uint32_t>(levels.count) - 1) >> wide_bits);
        const uint32_t second = start_of_level(level, levels.count);
        s = uint64_t{start_of_level(level + 1, levels.count) - second} * (s >> wide_bits) + y -
            second;
        symbol = levels.low + static_cast<int32_t>(level);
    } else {
        symbol = pixels.base[i] + ((bin - 32) << bits) +
                 static_cast<int32_t>(s & ((uint64_t{1} << bits) - 1));
        s >>= bits;
    }
    const uint64_t empty = s < uint64_t{1} << 32;
    const uint64_t filled = s << 32 | top[-1];
    head = empty ? filled : s;
    top -= empty;
    return static_cast<uint16_t>(symbol);
}

#if defined(__AVX2__)
// The starts of bins, less one, so that 2^15 fits into a signed word.
constexpr size_t start_row = 80;

inline BITSBACK_INLINE void fill_starts(const WaveFront& front, const WavePixels& pixels,
                                        int16_t* rows) {
    Words numbers[4];
    constexpr int16_t from_minus_one[16] = {-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    constexpr int16_t only_first[16] = {-1};
    repeat<4>([&](auto k) {
        numbers[k.value] = load_words(from_minus_one) + words(16 * static_cast<int>(k.value));
    });
    for (size_t i = 0; i < front.count; ++i, rows += start_row) {
        const uint16_t* const from[3] = {front.table + pixels.rows[0][i],
                                         front.table + pixels.rows[1][i],
                                         front.table + pixels.rows[2][i]};
        const auto weight = [&](size_t k) {
            return words(static_cast<int16_t>(pixels.weights[k][i]));
        };
        const Words u = weight(0), v = weight(1), w = weight(2);
        const bool cut = pixels.first[i] > 0 || pixels.last[i] < 63;
        repeat<4>([&](auto k) BITSBACK_INLINE {
            constexpr size_t place = 16 * decltype(k)::value;
            const auto part = [&](size_t c, Words weight) BITSBACK_INLINE {
                return high_unsigned(load_words(from[c] + place), weight);
            };
            const Words sum = wrapped_sum(wrapped_sum(part(0, u), part(1, v)), part(2, w));
            Words start = out_words(_mm256_srli_epi16(in(sum), 1)) + numbers[k.value];
            if (place == 0) start = start | load_words(only_first);
            if (cut) [[unlikely]] {
                start = chosen(words(pixels.first[i] - 1) < numbers[k.value], start, words(-1));
                start = chosen(words(pixels.last[i] - 1) < numbers[k.value], words(32767), start);
            }
            store(rows + place, start);
        });
        rows[64] = 32767;
    }
}

inline BITSBACK_INLINE uint16_t pop_one(const WaveFront& front, const WavePixels& pixels, size_t i,
                                        const int16_t* rows, uint64_t& head, const uint32_t*& top) {
    const int16_t* const row = rows + i * start_row;
    const auto x = static_cast<uint32_t>(head & (wave_total - 1));
    const Register v = in(words(static_cast<int16_t>(x)));
    const auto below = [&](size_t place) {
        return _mm256_cmpgt_epi16(v, load<Register>(row + place));
    };
    const Register a = _mm256_packs_epi16(below(0), below(16)),
                   b = _mm256_packs_epi16(below(32), below(48));
    const uint64_t mask = static_cast<uint32_t>(_mm256_movemask_epi8(a)) |
                          uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(b))} << 32;
    const int32_t bin = static_cast<int32_t>(_mm_popcnt_u64(mask)) - 1;
    const int32_t start = row[bin] + 1, end = row[bin + 1] + 1;
    return pop_code(front, pixels, i, bin, x, static_cast<uint32_t>(start),
                    static_cast<uint32_t>(end - start), head, top);
}

const uint32_t* pop(const WaveFront& front, const WavePixels& pixels, uint64_t* heads, size_t lanes,
                    size_t lane, const uint32_t* top, uint16_t* symbols) {
    alignas(64) int16_t rows[wave_slots * start_row];
    fill_starts(front, pixels, rows);
    size_t i = 0;
    if (lanes == 8 && lane % 8 == 0) {
        uint64_t head[8];
        repeat<8>([&](auto k) { head[k.value] = heads[k.value]; });
        for (; i + 8 <= front.count; i += 8)
            repeat<8>([&](auto k) BITSBACK_INLINE {
                symbols[i + k.value] =
                    pop_one(front, pixels, i + k.value, rows, head[k.value], top);
            });
        repeat<8>([&](auto k) { heads[k.value] = head[k.value]; });
    }
    for (; i < front.count; ++i)
        symbols[i] = pop_one(front, pixels, i, rows, heads[(lane + i) % lanes], top);
    return top;
}
#else
const uint32_t* pop(const WaveFront& front, const WavePixels& pixels, uint64_t* heads, size_t lanes,
                    size_t lane, const uint32_t* top, uint16_t* symbols) {
    for (size_t i = 0; i < front.count; ++i) {
        uint64_t& head = heads[(lane + i) % lanes];
        const auto x = static_cast<uint32_t>(head & (wave_total - 1));
        // The bin that contains x is the last one that starts at or before x.
        int32_t bin = pixels.first[i], end = pixels.last[i] + 1;
        uint32_t start = 0, next = wave_total;
        while (end - bin > 1) {
            const int32_t middle = (bin + end) / 2;
            const uint32_t between = start_within(front, pixels, i, middle);
            if (between <= x)
                bin = middle, start = between;
            else
                end = middle, next = between;
        }
        symbols[i] = pop_code(front, pixels, i, bin, x, start, next - start, head, top);
    }
    return top;
}
#endif

}  // namespace
}  // namespace bitsback
