// The AVX2 engine. vpmaddubsw multiplies unsigned bytes by signed ones and sums two products into
// 16 bits, in which it saturates. A panel of weights is packed in one of two forms.
//
// Chained: several results of vpmaddubsw are summed in 16 bits, a chain, before they are widened to
// 32 (vpmaddwd with ones). A chain continues as long as no inputs in [0, input_top] can take one of
// its sums out of 16 bits. The sums of the positive and of the negative weights of a lane decide
// this, since each partial sum, for any inputs and order, lies between input_top times the one and
// input_top times the other. With inputs of seven bits any four inputs fit; with fewer bits, or
// small weights, chains are long.
//
// Widened: if four inputs alone do not fit, inputs and weights have 16 bits from the start
// (vpmaddwd).
//
// Packed weights, for each panel of 16 outputs (8, if the last one has no more):
//
//     uint32 number of chains, 0 for the widened form
//     the length of each chain in fours of inputs, uint8, padded to a multiple of 64 bytes
//     chained: for each four inputs, 16 outputs x 4 weights
//     widened: for each two inputs, 16 outputs x 2 weights of 16 bits
#include "vectors_256.hpp"

namespace bitsback {
namespace {

constexpr size_t chunk = 256;  // inputs that are widened to 16 bits at once

size_t head_size(size_t inputs) { return (4 + fours_of(inputs) + 63) / 64 * 64; }

size_t chained_size(size_t inputs, size_t width) { return fours_of(inputs) * width * 4; }
size_t widened_size(size_t inputs, size_t width) { return (inputs + 1) / 2 * width * 4; }

size_t width_of(size_t outputs, size_t first) { return 8 * registers_of(outputs - first); }

size_t packed_size(const LinearWeights& weights) {
    const size_t panels = (weights.outputs + panel - 1) / panel;
    return panels * (head_size(weights.inputs) + (weights.input_top > 127
                                                      ? widened_size(weights.inputs, panel)
                                                      : chained_size(weights.inputs, panel)));
}

// The sums of the positive and of the negative weights of the lanes of a chain, in unsigned 16
// bits, which determine its length.
class Chain {
  public:
    explicit Chain(uint32_t input_top) {
        const unsigned top = input_top == 0 ? 1 : input_top;
        most_positive_ = _mm256_set1_epi16(static_cast<int16_t>(32767 / top));
        most_negative_ = _mm256_set1_epi16(static_cast<int16_t>(32768 / top));
    }

    // Adds four inputs to the chain, or does nothing and returns false if they do not fit.
    bool add(const int8_t* weights, size_t registers) {
        __m256i positive[2], negative[2], beyond = _mm256_setzero_si256();
        const __m256i ones = _mm256_set1_epi8(1);
        for (size_t p = 0; p < registers; ++p) {
            const __m256i w = load(weights + 32 * p);
            const __m256i above = _mm256_max_epi8(w, _mm256_setzero_si256());
            const __m256i plus = _mm256_maddubs_epi16(ones, above);
            const __m256i minus = _mm256_sub_epi16(plus, _mm256_maddubs_epi16(ones, w));
            positive[p] = _mm256_adds_epu16(positive_[p], plus);
            negative[p] = _mm256_adds_epu16(negative_[p], minus);
            beyond = _mm256_or_si256(beyond, _mm256_subs_epu16(positive[p], most_positive_));
            beyond = _mm256_or_si256(beyond, _mm256_subs_epu16(negative[p], most_negative_));
        }
        if (!_mm256_testz_si256(beyond, beyond)) return false;
        for (size_t p = 0; p < registers; ++p) {
            positive_[p] = positive[p];
            negative_[p] = negative[p];
        }
        return true;
    }

    void clear() {
        for (size_t p = 0; p < 2; ++p) positive_[p] = negative_[p] = _mm256_setzero_si256();
    }

  private:
    __m256i positive_[2] = {};
    __m256i negative_[2] = {};
    __m256i most_positive_;
    __m256i most_negative_;
};

// Divides the fours of a panel into chains. Returns their number, or 0 if some four alone do not
// fit.
uint32_t chains_of(const LinearWeights& weights, const int8_t* packed, size_t width,
                   uint8_t* lengths) {
    Chain chain(weights.input_top);
    uint32_t count = 0;
    for (size_t four = 0; four < fours_of(weights.inputs); ++four, packed += width * 4) {
        // Padded inputs are read in another way, and form a chain of their own.
        const bool padded = 4 * four + 4 > weights.inputs;
        if (count > 0 && !padded && lengths[count - 1] < 255 && chain.add(packed, width / 8)) {
            ++lengths[count - 1];
            continue;
        }
        chain.clear();
        if (!chain.add(packed, width / 8)) return 0;
        lengths[count++] = 1;
    }
    return count;
}

void pack_widened(const LinearWeights& weights, size_t first, size_t width, int8_t* packed) {
    const size_t inputs = weights.inputs;
    for (size_t o = 0; o < width && first + o < weights.outputs; ++o)
        for (size_t i = 0; i < inputs; ++i) {
            const int16_t wide = weights.weight[(first + o) * inputs + i];
            memcpy(packed + ((i / 2 * width + o) * 2 + i % 2) * 2, &wide, 2);
        }
}

void pack(const LinearWeights& weights, int8_t* packed) {
    const size_t inputs = weights.inputs;
    for (size_t first = 0; first < weights.outputs; first += panel) {
        const size_t width = width_of(weights.outputs, first);
        int8_t* const head = packed;
        memset(head, 0, head_size(inputs));
        packed += head_size(inputs);
        memset(packed, 0, chained_size(inputs, width));
        pack_fours(weights, first, width, packed);
        const uint32_t chains =
            chains_of(weights, packed, width, reinterpret_cast<uint8_t*>(head + 4));
        memcpy(head, &chains, 4);
        if (chains > 0) {
            packed += chained_size(inputs, width);
            continue;
        }
        memset(packed, 0, widened_size(inputs, width));
        pack_widened(weights, first, width, packed);
        packed += widened_size(inputs, width);
    }
}

// sum = x . w or sum += x . w, in 16 bits. It is in assembly if possible, since GCC would move each
// sum twice.
template <bool begin>
inline BITSBACK_INLINE void multiply_words(__m256i& sum, __m256i x, __m256i w) {
#if defined(__GNUC__)
    if constexpr (begin) {
        asm("vpmaddubsw %2, %1, %0" : "=x"(sum) : "x"(x), "xm"(w));
    } else {
        __m256i products;
        asm("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0"
            : "+x"(sum), "=&x"(products)
            : "x"(x), "x"(w));
    }
#else
    const __m256i products = _mm256_maddubs_epi16(x, w);
    sum = begin ? products : _mm256_add_epi16(sum, products);
#endif
}

struct Panel {
    uint32_t chains;
    const uint8_t* lengths;
    const int8_t* weight;
    const int8_t* end;

    Panel(const int8_t* packed, size_t inputs, size_t width)
        : lengths(reinterpret_cast<const uint8_t*>(packed + 4)),
          weight(packed + head_size(inputs)) {
        memcpy(&chains, packed, 4);
        end = weight + (chains > 0 ? chained_size(inputs, width) : widened_size(inputs, width));
    }
};

template <size_t rows, size_t registers>
inline BITSBACK_INLINE void chained(const Panel& from, const uint8_t* in, size_t inputs,
                                    Tile<rows, registers>& tile) {
    const __m256i ones = _mm256_set1_epi16(1);
    const int8_t* weight = from.weight;
    __m256i sum[registers][rows];
    // The products of four inputs, which are added to the chain, or begin it.
    const auto multiply = [&](auto begin, auto inputs_of_row) BITSBACK_INLINE {
        __m256i w[registers];
        repeat<registers>([&](auto part) BITSBACK_INLINE {
            w[decltype(part)::value] = load(weight + 32 * decltype(part)::value);
        });
        repeat<rows>([&](auto row) BITSBACK_INLINE {
            constexpr size_t r = decltype(row)::value;
            const __m256i x = inputs_of_row(r);
            repeat<registers>([&](auto part) BITSBACK_INLINE {
                constexpr size_t p = decltype(part)::value;
                multiply_words<decltype(begin)::value != 0>(sum[p][r], x, w[p]);
            });
        });
        weight += 32 * registers;
    };
    const auto widen = [&]() BITSBACK_INLINE {
        repeat<registers>([&](auto part) BITSBACK_INLINE {
            constexpr size_t p = decltype(part)::value;
            repeat<rows>([&](auto row) BITSBACK_INLINE {
                constexpr size_t r = decltype(row)::value;
                tile.acc[p][r] =
                    _mm256_add_epi32(tile.acc[p][r], _mm256_madd_epi16(sum[p][r], ones));
            });
        });
    };
    const auto fours = [&](size_t r) BITSBACK_INLINE { return four_inputs(in + r * inputs); };
    const size_t left = inputs % 4;
    for (uint32_t chain = 0; chain < from.chains - (left != 0); ++chain) {
        multiply(Index<1>(), fours);
        in += 4;
        for (size_t more = from.lengths[chain] - 1u; more > 0; --more, in += 4)
            multiply(Index<0>(), fours);
        widen();
    }
    if (left != 0) {
        multiply(Index<1>(),
                 [&](size_t r) BITSBACK_INLINE { return last_inputs(in + r * inputs, left); });
        widen();
    }
}

template <size_t rows, size_t registers>
inline BITSBACK_INLINE void widened(const Panel& from, const uint8_t* in, size_t inputs,
                                    Tile<rows, registers>& tile) {
    const int8_t* weight = from.weight;
    alignas(32) int16_t wide[rows][chunk];
    for (size_t start = 0; start < inputs; start += chunk) {
        const size_t count = inputs - start < chunk ? inputs - start : chunk;
        for (size_t r = 0; r < rows; ++r) {
            size_t i = 0;
            for (; i + 16 <= count; i += 16)
                store(wide[r] + i,
                      _mm256_cvtepu8_epi16(_mm_loadu_si128(
                          reinterpret_cast<const __m128i*>(in + r * inputs + start + i))));
            for (; i < count; ++i) wide[r][i] = in[r * inputs + start + i];
            if (count % 2 != 0) wide[r][count] = 0;
        }
        for (size_t i = 0; i < count; i += 2, weight += 32 * registers) {
            __m256i w[registers];
            repeat<registers>([&](auto part) BITSBACK_INLINE {
                w[decltype(part)::value] = load(weight + 32 * decltype(part)::value);
            });
            repeat<rows>([&](auto row) BITSBACK_INLINE {
                constexpr size_t r = decltype(row)::value;
                int32_t pair;
                memcpy(&pair, wide[r] + i, 4);
                const __m256i x = _mm256_set1_epi32(pair);
                repeat<registers>([&](auto part) BITSBACK_INLINE {
                    constexpr size_t p = decltype(part)::value;
                    tile.acc[p][r] = _mm256_add_epi32(tile.acc[p][r], _mm256_madd_epi16(w[p], x));
                });
            });
        }
    }
}

// The outputs of a panel for `rows` rows from `row` on.
template <bool chain, size_t rows, size_t registers, class Out>
void run_tile(const LinearLayer& layer, const Panel& from, const uint8_t* in, size_t row,
              size_t first, const Out& out) {
    Tile<rows, registers> tile;
    tile.start(layer.bias + first);
    if constexpr (chain)
        chained(from, in + row * layer.inputs, layer.inputs, tile);
    else
        widened(from, in + row * layer.inputs, layer.inputs, tile);
    tile.finish(layer, row, first, out);
}

template <bool chain, size_t most, size_t registers, class Out>
void run_panel(const LinearLayer& layer, const Panel& from, const uint8_t* in, size_t rows,
               size_t first, const Out& out) {
    size_t row = 0;
    for (; row + most <= rows && row + 4 != rows; row += most)  // four are two and two
        run_tile<chain, most, registers>(layer, from, in, row, first, out);
    for (; row + 2 <= rows; row += 2)
        run_tile<chain, 2, registers>(layer, from, in, row, first, out);
    for (; row < rows; ++row) run_tile<chain, 1, registers>(layer, from, in, row, first, out);
}

template <class Out>
void run(const LinearLayer& layer, const uint8_t* in, size_t rows, const Out& out) {
    const int8_t* packed = layer.weight;
    for (size_t first = 0; first < layer.outputs; first += panel) {
        const size_t registers = registers_of(layer.outputs - first);
        const Panel from(packed, layer.inputs, 8 * registers);
        packed = from.end;
        if (from.chains > 0 && registers == 2)
            run_panel<true, 3, 2>(layer, from, in, rows, first, out);
        else if (from.chains > 0)
            run_panel<true, 6, 1>(layer, from, in, rows, first, out);
        else if (registers == 2)
            run_panel<false, 6, 2>(layer, from, in, rows, first, out);
        else
            run_panel<false, 6, 1>(layer, from, in, rows, first, out);
    }
}

}  // namespace
}  // namespace bitsback

#include "engine_runs.hpp"

namespace bitsback {

const LinearEngine linear_avx2 = {"avx2", packed_size, pack, run_8, run_16, run_sum};

}  // namespace bitsback
