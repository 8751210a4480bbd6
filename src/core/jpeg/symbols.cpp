// Codes a row of blocks as symbols. This file is compiled once for each instruction set.
// CMakeLists.txt defines BITSBACK_KERNELS, the symbol that each build exports.
#include "symbols.hpp"

#include "around.hpp"

namespace bitsback::jpeg {
namespace {

constexpr int32_t outside[8] = {1448, 2162, 2446, 2754, 2896, 2711, 2122, 1168};
using Sums = Vector<uint16_t, 16>;
constexpr int32_t most_size = 2047;  // dequantised, of a coefficient nearby
constexpr int16_t most_near = 1023;  // quantised, of the same coefficient of a neighbour

inline BITSBACK_INLINE int32_t size_of(int32_t x) { return x < 0 ? -x : x; }
template <class T>
constexpr BITSBACK_INLINE T least(T a, T b) {
    return a < b ? a : b;
}
inline BITSBACK_INLINE int32_t between(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}
inline BITSBACK_INLINE int32_t floor_log2(uint32_t x) {
#if defined(__GNUC__)
    return 31 - __builtin_clz(x);
#else
    int32_t lead = 0;
    while (x >>= 1) ++lead;
    return lead;
#endif
}

// Levels of sizes in units of 2^-4 of a step: in thirds of an octave, and in two thirds.
struct Levels {
    uint8_t fine[1024], coarse[256];
};
constexpr Levels levels = [] {
    Levels made{};
    for (int32_t x = 1, lead = 0; x < 1024; ++x) {
        while (x >> (lead + 1) != 0) ++lead;
        const int32_t mantissa = (x << 8) >> lead;
        const int32_t level = 3 * lead + 1 + (mantissa >= 323) + (mantissa >= 406);
        made.fine[x] = static_cast<uint8_t>(level);
        if (x < 256) made.coarse[x] = static_cast<uint8_t>(least(level >> 1, 11));
    }
    return made;
}();
template <class T>
inline BITSBACK_INLINE size_t fine(T x) {
    return levels.fine[least<T>(x, 1023)];
}
template <class T>
inline BITSBACK_INLINE size_t coarse(T x) {
    return levels.coarse[least<T>(x, 255)];
}

// What distributions learn from each symbol: their final rate, and 0 or 1 for each part of them.
struct Targets {
    alignas(32) int16_t of_symbol[symbols][symbols];
};
constexpr Targets targets(int16_t rate) {
    Targets made{};
    for (size_t s = 0; s < symbols; ++s) {
        made.of_symbol[s][0] = rate;
        for (size_t i = 1; i < symbols; ++i) made.of_symbol[s][i] = i > s ? 32767 : 0;
    }
    return made;
}
constexpr Targets usual = targets(163), quick = targets(546);

class Encoder {
  public:
    static constexpr bool encodes = true;

    explicit Encoder(SymbolShare* shares) : at_(shares) {}

    BITSBACK_INLINE int32_t symbol(const uint16_t* starts, SixteenWords, int32_t s) {
        *at_++ = {starts[s], static_cast<uint16_t>(starts[s + 1] - starts[s])};
        return s;
    }
    int32_t bits(int32_t value, int32_t count) {
        *at_++ = {static_cast<uint16_t>(value << (15 - count)),
                  static_cast<uint16_t>(1 << (15 - count))};
        return value;
    }
    SymbolShare* end() const { return at_; }

  private:
    SymbolShare* at_;
};

class Decoder {
  public:
    static constexpr bool encodes = false;

    explicit Decoder(const SymbolReader& reader)
        : at_(reader.at), first_(reader.states[0]), second_(reader.states[1]) {}

    BITSBACK_INLINE int32_t symbol(const uint16_t* starts, SixteenWords ascending, int32_t) {
        const uint32_t slot = first_ & 32767;
        const uint32_t behind = count_at_most(ascending, static_cast<int16_t>(slot));
        const uint32_t start = starts[behind - 1];
        advance(start, starts[behind] - start, slot);
        return static_cast<int32_t>(behind) - 1;
    }
    int32_t bits(int32_t, int32_t count) {
        const uint32_t slot = first_ & 32767, value = slot >> (15 - count);
        advance(value << (15 - count), 1u << (15 - count), slot);
        return static_cast<int32_t>(value);
    }
    const uint16_t* at() const { return at_; }
    void end(SymbolReader& reader) const {
        reader.at = at_;
        reader.states[0] = first_;
        reader.states[1] = second_;
    }

  private:
    BITSBACK_INLINE void advance(uint32_t start, uint32_t size, uint32_t slot) {
        const uint32_t state = size * (first_ >> 15) + slot - start, longer = state << 16 | *at_;
        const bool reads = state < 1u << 16;
        at_ += reads ? 1 : 0;
        first_ = second_;
        second_ = reads ? longer : state;
    }

    const uint16_t* at_;
    uint32_t first_, second_;
};

template <class Coder>
class RowCoder {
  public:
    RowCoder(const SymbolRow& row, const Coder& coder)
        : coder(coder),
          row_(row),
          component_(*row.component),
          state_(*row.state),
          class_(static_cast<size_t>(component_.of_class)) {
        starts_[symbols] = 1 << 15;
    }

    // Codes a block. Returns whether it is valid.
    BITSBACK_INLINE bool block(size_t column) {
        const SymbolRow& row = row_;
        int16_t* const own = row.own + column * 64;
        const bool has_left = column > 0, has_above = row.above != nullptr,
                   has_right = column + 1 < row.columns;
        find(column, own, has_left, has_above, has_right);
        valid_ = true;
        for (size_t n = 0; n < 8; ++n) {
            rows_[n] = has_left ? row.known[column - 1].right[n] : 0;
            columns_[n] = has_above ? row.upper[column].bottom[n] : 0;
        }
        SymbolBlock& known = row.known[column];
        const int32_t last = last_of(column, own, has_left, has_above, has_right);
        learns_weights_ = column % 4 == 0;
        if constexpr (!Coder::encodes) memset(own, 0, 64 * sizeof own[0]);
        memset(inside_, 0, sizeof inside_);
        memset(sizes_, 0, sizeof sizes_);
        memset(known.right, 0, sizeof known.right);
        memset(known.bottom, 0, sizeof known.bottom);
        if (last >= state_.ready[class_]) prepare(last);
        int32_t nonzero = 0;
        size_t counted = 0, behind = 0;  // coefficients that are not 0, and others behind the last
        for (int32_t k = last; k > 0; --k) {
            const int32_t v = coefficient(own, k, last, by_count + 16 * counted + behind);
            behind += k != last && behind < 15 ? 1 : 0;
            if (v == 0) continue;
            ++nonzero;
            counted += counted < 11 ? 1 : 0;
            add(known, k, v);
        }
        dc(known, own, last, nonzero, has_left, has_above);
        known.last = last;
        known.nonzero = nonzero;
        row.lasts[column] = static_cast<uint8_t>(last);
        smoothed(sizes_, known.sizes);
        return valid_;
    }

    Coder coder;

  private:
    // Finds the neighbours of a block, and the sizes that they predict.
    BITSBACK_INLINE void find(size_t column, const int16_t* own, bool has_left, bool has_above,
                              bool has_right) {
        alignas(32) static const int16_t none[64] = {};
        static const SymbolBlock nothing{};
        const SymbolRow& row = row_;
        const int16_t* const above = has_above ? row.above + column * 64 : nullptr;
        const int16_t* const left = has_left ? own - 64 : has_above ? above : none;
        a_ = has_above ? above : left;
        l_ = left;
        al_ = !has_above ? left : has_left ? above - 64 : none;
        const int16_t* const ar = !has_above ? left : has_right ? above + 64 : none;
        const int16_t* const ll = column > 1 ? own - 128 : none;
        const int16_t* const aa = row.above2 != nullptr ? row.above2 + column * 64 : none;
        const int16_t* const before = row.before != nullptr ? row.before + column * 64 : none;
        const SymbolBlock* const upper = row.upper + column;
        kl_ = has_left ? &row.known[column - 1] : has_above ? upper : &nothing;
        ka_ = has_above ? upper : kl_;
        kal_ = !has_above ? kl_ : has_left ? upper - 1 : &nothing;
        kar_ = !has_above ? kl_ : has_right ? upper + 1 : &nothing;
        for (size_t r = 0; r < 64; r += 16) {
            const auto size = [r](const int16_t* block, uint16_t weight) BITSBACK_INLINE {
                const auto x = load<SixteenWords>(block + r);
                const SixteenWords limited =
                    least_of(most_of(x, SixteenWords{} - x), all<SixteenWords>(most_near));
                return seen_as<Sums>(limited) * all<Sums>(weight);
            };
            store(near_ + r, size(l_, 13) + size(a_, 13) + size(al_, 4) + size(ar, 4) +
                                 size(ll, 3) + size(aa, 3) + size(before, 20));
        }
        for (size_t r = 0; r < 64; ++r) {
            const uint32_t beside =
                2u * (kl_->sizes[r] + ka_->sizes[r]) + kal_->sizes[r] + kar_->sizes[r];
            expected_[r] = (near_[r] * 6144u >> 16) + (beside * component_.beside_shares[r] >> 18);
        }
    }

    // The place of the last coefficient that is not 0, in zigzag order; 0 if there is none but DC.
    BITSBACK_INLINE int32_t last_of(size_t column, const int16_t* own, bool has_left,
                                    bool has_above, bool has_right) {
        int16_t target = 0;
        if constexpr (Coder::encodes)
            for (size_t r = 0; r < 64; ++r) {
                const int16_t k = own[r] != 0 ? component_.zigzag[r] : int16_t{0};
                target = k > target ? k : target;
            }
        const auto left = static_cast<size_t>(kl_->last), above = static_cast<size_t>(ka_->last);
        const size_t above_left = has_left && has_above ? static_cast<size_t>(kal_->last) : above,
                     above_right = has_right && has_above ? static_cast<size_t>(kar_->last) : above;
        const size_t nearby = (3 * left + 3 * above + above_right + above_left) >> 3;
        const auto nonzero = static_cast<size_t>(kl_->nonzero + ka_->nonzero);
        uint32_t edges = 0;
        for (size_t n = 1; n < 8; ++n) {
            const auto share = [&](int32_t gap, size_t r) BITSBACK_INLINE {
                return least(static_cast<uint32_t>(size_of(gap)) >> 8, 65535u) *
                           component_.edge_shares[r] >>
                       16;
            };
            edges += share(rows_[n], n * 8) + share(columns_[n], n);
        }
        const size_t related = row_.related_lasts != nullptr ? row_.related_lasts[column] : 0;
        const size_t number = static_cast<size_t>(least(component_.number, 2));
        Distribution* const three[] = {
            &state_.groups_by_lasts[number][nearby][related >> 2],
            &state_.groups_by_neighbours[class_][left >> 2][above >> 2]
                                        [least<size_t>(nonzero, 63) >> 2],
            &state_.groups_by_edges[class_][nearby][least<size_t>(fine(edges) >> 1, 15)]};
        learns_weights_ = true;
        const int32_t group = blended(three, state_.group_weights[class_], target >> 2, quick);
        const int32_t place =
            alone(state_.in_groups[class_][static_cast<size_t>(group)][nearby >> 1], target & 3);
        if (place > 3) valid_ = false;
        return group * 4 + (place & 3);
    }

    // Codes a coefficient other than DC. Returns it. count: its distribution of those by count.
    BITSBACK_INLINE int32_t coefficient(int16_t* own, int32_t k, int32_t last, size_t count) {
        const SymbolPlace& place = component_.places[k];
        const size_t r = place.r;
        const auto predicted =
            static_cast<int32_t>((int64_t{rows_[place.i]} * place.left_share +
                                  int64_t{columns_[place.j]} * place.above_share) >>
                                 30);
        const auto certain = static_cast<uint32_t>(size_of(predicted));
        const bool turns = predicted < 0;
        const auto sum = static_cast<uint32_t>(inside_[(place.i + 2) * 16 + place.j + 2]);
        const auto inner = static_cast<uint32_t>(uint64_t{sum} * place.inner_share >> 32);
        const size_t size = fine(expected_[r] + inner + (certain >> 8));
        int32_t v = 0;
        if constexpr (Coder::encodes) v = turns ? -own[r] : own[r];
        const int32_t target = symbol_of(v);
        int32_t s;
        if (k == last) {
            s = alone(state_.last_values[class_][k][size >> 1], target);
            if (s == 0) valid_ = false;
        } else {
            Distribution* const of_place = state_.places[class_][k];
            Distribution* const four[] = {
                of_place + by_size + size,
                of_place + by_prediction + coarse(certain >> 3) * 8 + (size >> 2),
                of_place + by_neighbours + coarse(uint32_t{near_[r]}) * 12 + coarse(inner),
                of_place + count};
            s = blended(four, state_.weights[class_][k], target, usual);
        }
        if (s == 0) return 0;
        v = value(v, s, state_.exponents[class_][k]);
        if (turns) v = -v;
        if (size_of(v) > 32767) valid_ = false;
        if constexpr (!Coder::encodes) own[r] = static_cast<int16_t>(v);
        return v;
    }

    // Adds a coefficient to what is known of the block.
    BITSBACK_INLINE void add(SymbolBlock& known, int32_t k, int32_t v) {
        const SymbolPlace& place = component_.places[k];
        const size_t i = place.i, j = place.j;
        const int32_t size = add_to_edges(known, place.r, i, j, v);
        sizes_[place.r] = static_cast<uint16_t>(size);
        add_around(inside_ + i * 16 + j, size);
    }
    // Returns the limited size of the dequantised coefficient.
    BITSBACK_INLINE int32_t add_to_edges(SymbolBlock& known, size_t r, size_t i, size_t j,
                                         int32_t v) {
        const int32_t d = static_cast<int16_t>(v * component_.steps[r]);
        const int32_t by_row = outside[j] * d, by_column = outside[i] * d;
        rows_[i] -= by_row;
        columns_[j] -= by_column;
        known.right[i] += j % 2 != 0 ? -by_row : by_row;
        known.bottom[j] += i % 2 != 0 ? -by_column : by_column;
        return least(size_of(d), most_size);
    }

    BITSBACK_INLINE void dc(SymbolBlock& known, int16_t* own, int32_t last, int32_t nonzero,
                            bool has_left, bool has_above) {
        const SymbolPlace& place = component_.places[0];
        auto left = static_cast<int32_t>(int64_t{rows_[0]} * place.left_share >> 30),
             above = static_cast<int32_t>(int64_t{columns_[0]} * place.above_share >> 30);
        if (!has_left) left = has_above ? above : 0;
        if (!has_above) above = left;
        const int32_t predicted = left + above;
        const int32_t whole = between((predicted + 128) >> 8, -32767, 32767);
        const bool turns = predicted < whole * 256;
        const size_t spread = least<size_t>(fine(size_of(left - above) >> 3), 29);
        const size_t apart = coarse(4 * (size_of(l_[0] - al_[0]) + size_of(a_[0] - al_[0])));
        Distribution* const of_place = state_.places[class_][0];
        Distribution* const four[] = {
            of_place + by_size + spread,
            of_place + by_prediction + static_cast<size_t>(last >> 3) * 8 + (spread >> 2),
            of_place + by_neighbours + apart * 12 +
                static_cast<size_t>(least((kl_->last + ka_->last) >> 3, 11)),
            of_place + by_count + least<size_t>(spread >> 1, 11) * 16 +
                static_cast<size_t>(least(nonzero, 15))};
        int32_t v = 0;
        if constexpr (Coder::encodes) v = turns ? whole - own[0] : own[0] - whole;
        const int32_t s = blended(four, state_.weights[class_][0], symbol_of(v), usual);
        if (s != 0) v = value(v, s, state_.exponents[class_][0]);
        v = whole + (turns ? -v : v);
        if (v < -32767 || v > 32767) valid_ = false;
        if constexpr (!Coder::encodes) own[0] = static_cast<int16_t>(v);
        add_to_edges(known, 0, 0, 0, static_cast<int16_t>(v));
    }

    // Sets the distributions of the places up to `last`.
#if defined(__GNUC__)
    __attribute__((noinline))
#endif
    void prepare(int32_t last) {
        int32_t& ready = state_.ready[class_];
        for (; ready <= last; ++ready)
            memcpy(state_.places[class_][ready], row_.table->places[class_][ready != 0],
                   sizeof state_.places[0][0]);
    }

    // The symbol of a value: 0, 1, -1, 2, -2, 3, -3, 4, -4, and then ranges of magnitudes.
    static BITSBACK_INLINE int32_t symbol_of(int32_t v) {
        const int32_t size = size_of(v);
        const int32_t range = size < 5 ? size : size < 7 ? 5 : size < 11 ? 6 : 7;
        return v > 0 ? 2 * range - 1 : 2 * range;
    }
    // Codes the value of a symbol other than 0.
    BITSBACK_INLINE int32_t value(int32_t v, int32_t s, Distribution& exponents) {
        int32_t size = (s + 1) >> 1;
        if (size > 4) size = large(size_of(v), size, exponents);
        return (s & 1) != 0 ? size : -size;
    }
    int32_t large(int32_t size, int32_t range, Distribution& exponents) {
        if (range == 5) return 5 + coder.bits(size - 5, 1);
        if (range == 6) return 7 + coder.bits(size - 7, 2);
        if (range == 8) valid_ = false;
        const int32_t rest = size - 7;  // of 2^2 or more
        int32_t exponent = 2;
        if constexpr (Coder::encodes) exponent = floor_log2(static_cast<uint32_t>(rest));
        exponent = 2 + alone(exponents, exponent - 2);
        if (exponent > 15) valid_ = false;
        exponent = least(exponent, 15);
        int32_t low = 0;
        const int32_t bits = rest - (1 << exponent);
        if (exponent > 8) low = coder.bits(bits >> 8 & 127, exponent - 8) << 8;
        low |= coder.bits(bits & 255 & ((1 << exponent) - 1), least(exponent, 8));
        return (1 << exponent) + low + 7;
    }

    // Codes a symbol by a distribution.
    BITSBACK_INLINE int32_t put(SixteenWords distribution, int32_t s) {
        alignas(32) static const int16_t parts[16] = {0,  -1, -1, -1, -1, -1, -1, -1,
                                                      -1, -1, -1, -1, -1, -1, -1, -1};
        alignas(32) static const int16_t ramp[16] = {0,  2,  4,  6,  8,  10, 12, 14,
                                                     16, 18, 20, 22, 24, 26, 28, 30};
        distribution = distribution & load<SixteenWords>(parts);
        // No symbol has less than 2.
        const SixteenWords ascending =
            rounded_products(distribution, all<SixteenWords>(32767 - 32)) +
            load<SixteenWords>(ramp);
        store(starts_, ascending);
        return coder.symbol(starts_, ascending, s);
    }
    static BITSBACK_INLINE void learn(Distribution& of, SixteenWords now, const int16_t* target) {
        store(of.words,
              now + rounded_products(load<SixteenWords>(target) - now, all<SixteenWords>(now[0])));
    }
    // Codes a symbol by one distribution, which learns it.
    BITSBACK_INLINE int32_t alone(Distribution& of, int32_t s) {
        const auto now = load<SixteenWords>(of.words);
        s = put(now, s);
        learn(of, now, quick.of_symbol[s]);
        return s;
    }
    // Codes a symbol by a blend of distributions, one after the other. All of them learn it, and
    // in some blocks the weights.
    template <size_t n>
    BITSBACK_INLINE int32_t blended(Distribution* const (&of)[n], int16_t* weights, int32_t s,
                                    const Targets& targets) {
        SixteenWords now[n];
        repeat<n>([&](auto d) BITSBACK_INLINE { now[d.value] = load<SixteenWords>(of[d.value]); });
        SixteenWords blend = now[0];
        repeat<n - 1>([&](auto d) BITSBACK_INLINE {
            blend = blend +
                    rounded_products(now[d.value + 1] - blend, all<SixteenWords>(weights[d.value]));
        });
        s = put(blend, s);
        if (learns_weights_) learn_weights(of, weights, s);
        repeat<n>([&](auto d)
                      BITSBACK_INLINE { learn(*of[d.value], now[d.value], targets.of_symbol[s]); });
        return s;
    }
    // Moves each weight by the gradient of the logarithm of the probability.
    template <size_t n>
    static BITSBACK_INLINE void learn_weights(Distribution* const (&of)[n], int16_t* weights,
                                              int32_t s) {
        const auto probability = [s](const Distribution& d) BITSBACK_INLINE {
            return (s == 15 ? 32767 : d.words[s + 1]) - (s == 0 ? 0 : d.words[s]);
        };
        int32_t blend = probability(*of[0]);
        repeat<n - 1>([&](auto d) BITSBACK_INLINE {
            int16_t& weight = weights[d.value];
            const int32_t apart = probability(*of[d.value + 1]) - blend;
            const int32_t next = blend + (apart * weight >> 15);
            const int32_t step =
                between(apart * 64 >> floor_log2(static_cast<uint32_t>(next | 1)), -256, 256);
            weight = static_cast<int16_t>(between(weight + step, 512, 32767 - 512));
            blend = next;
        });
    }

    const SymbolRow& row_;
    const SymbolComponent& component_;
    SymbolState& state_;
    const size_t class_;
    bool valid_ = true, learns_weights_ = false;
    // Neighbours of the block.
    const int16_t *l_ = nullptr, *a_ = nullptr, *al_ = nullptr;
    const SymbolBlock *kl_ = nullptr, *ka_ = nullptr, *kal_ = nullptr, *kar_ = nullptr;
    alignas(32) uint16_t near_[64];  // sizes of neighbours, in steps, in units of 1/60
    alignas(
        32) uint32_t expected_[64];   // sizes that neighbours predict, in units of 2^-4 of a step
    alignas(32) uint16_t sizes_[64];  // of the block, dequantised
    alignas(
        32) int32_t inside_[12 * 16];  // sums around the places of the block, with a margin of 2
    int32_t rows_[8], columns_[8];     // what is left of the edges, in units of 2^-12
    alignas(32) uint16_t starts_[32];  // of the symbols, in units of 2^-15
};

SymbolShare* encode(const SymbolRow& row, SymbolShare* shares) {
    RowCoder<Encoder> rows(row, Encoder(shares));
    for (size_t column = 0; column < row.columns; ++column) rows.block(column);
    return rows.coder.end();
}

bool decode(const SymbolRow& row, SymbolReader& reader) {
    RowCoder<Decoder> rows(row, Decoder(reader));
    for (size_t column = 0; column < row.columns; ++column)
        if (!rows.block(column) || rows.coder.at() > reader.end) return false;
    rows.coder.end(reader);
    return true;
}

}  // namespace

const SymbolKernels BITSBACK_KERNELS = {encode, decode};

}  // namespace bitsback::jpeg
