// The codecs of docs/format.md as steps over arrays. Each validates all symbols before it changes
// the message.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "message.hpp"
#include "search.hpp"
#include "step.hpp"

namespace bitsback {

inline void require(bool condition, const char* what) {
    if (!condition) throw MessageError(what);
}

template <class Symbol>
void require_symbols(std::span<const Symbol> symbols, std::uint64_t count) {
    const auto most = std::ranges::max_element(symbols);
    if (most != symbols.end() && *most >= count)
        throw MessageError("symbols must lie in [0, " + std::to_string(count - 1) +
                           "], and number " + std::to_string(most - symbols.begin()) +
                           " in C order, from 0 on, is " + std::to_string(*most));
}

// Each symbol has its own distribution: interval(i, level) gives the interval of a level, and
// find(i, x, symbol) searches for it.
template <class Codec>
concept ArrayCodec = requires(Codec& codec, std::uint32_t symbol) {
    { codec.size() } -> std::same_as<std::size_t>;
    codec.levels();
    codec.precision();
    codec.interval(std::size_t{}, symbol);
    codec.find(std::size_t{}, std::uint32_t{}, symbol);
};

template <class Codec, class Symbol>
    requires ArrayCodec<std::remove_reference_t<Codec>>
void push(Message& message, Codec&& codec, std::span<const Symbol> symbols) {
    require(symbols.size() == codec.size(), "a codec needs one symbol for each of its parameters");
    require_symbols(symbols, codec.levels());
    push_step(message, codec.precision(), symbols.size(),
              [&](std::size_t i) { return codec.interval(i, symbols[i]); });
}

template <class Codec, class Symbol>
    requires ArrayCodec<std::remove_reference_t<Codec>>
void pop(Message& message, Codec&& codec, std::span<Symbol> symbols) {
    require(symbols.size() == codec.size(), "a codec needs one symbol for each of its parameters");
    pop_step(message, codec.precision(), symbols.size(), [&](std::size_t i, std::uint32_t x) {
        std::uint32_t symbol = 0;
        const Interval interval = codec.find(i, x, symbol);
        symbols[i] = static_cast<Symbol>(symbol);
        return interval;
    });
}

// ---- uniform over n: [floor(c 2^24 / n), floor((c + 1) 2^24 / n)) ----

struct Uniform {
    std::uint32_t n;

    explicit Uniform(std::uint32_t n) : n(n) {
        require(n >= 1 && n <= (1u << max_precision), "a uniform codec needs 1 <= n <= 2^24");
    }
    Interval interval(std::uint32_t c) const {
        const auto start = static_cast<std::uint32_t>((std::uint64_t{c} << max_precision) / n);
        return {start,
                static_cast<std::uint32_t>(((std::uint64_t{c} + 1) << max_precision) / n) - start};
    }
    std::uint32_t find(std::uint32_t x) const {
        return static_cast<std::uint32_t>(((std::uint64_t{x} + 1) * n - 1) >> max_precision);
    }
};

template <class Symbol>
void push(Message& message, const Uniform& codec, std::span<const Symbol> symbols) {
    require_symbols(symbols, codec.n);
    if (codec.n == 1) return;
    push_step(message, max_precision, symbols.size(),
              [&](std::size_t i) { return codec.interval(symbols[i]); });
}

template <class Symbol>
void pop(Message& message, const Uniform& codec, std::span<Symbol> symbols) {
    require(codec.n - 1 <= std::numeric_limits<Symbol>::max(),
            "the symbols of this uniform codec do not fit in this type");
    if (codec.n == 1) {
        std::ranges::fill(symbols, Symbol{0});
        return;
    }
    pop_step(message, max_precision, symbols.size(), [&](std::size_t i, std::uint32_t x) {
        const std::uint32_t symbol = codec.find(x);
        symbols[i] = static_cast<Symbol>(symbol);
        return codec.interval(symbol);
    });
}

// ---- Bernoulli: 0 has [0, 2^r - f), 1 has [2^r - f, 2^r) ----

inline void require_bernoulli(std::span<const std::uint32_t> frequencies, unsigned precision) {
    require(precision >= 1 && precision <= max_precision,
            "a Bernoulli codec needs a precision from 1 to 24");
    const std::uint32_t total = std::uint32_t{1} << precision;
    for (std::uint32_t frequency : frequencies)
        require(frequency >= 1 && frequency < total,
                "a Bernoulli frequency must lie in [1, 2^precision - 1]");
}

struct Bernoulli {
    std::span<const std::uint32_t> frequencies;
    unsigned precision;

    Bernoulli(std::span<const std::uint32_t> frequencies, unsigned precision)
        : frequencies(frequencies), precision(precision) {
        require_bernoulli(frequencies, precision);
    }
    std::size_t size() const { return frequencies.size(); }
    std::uint32_t ones(std::size_t i) const { return frequencies[i]; }
    Interval interval(std::size_t i, unsigned symbol) const {
        const std::uint32_t one = frequencies[i];
        const std::uint32_t zero = (std::uint32_t{1} << precision) - one;
        return symbol ? Interval{zero, one} : Interval{0, zero};
    }
};

// The precomputed intervals of all 256 frequencies: [2 * index + symbol].
struct BernoulliIntervals {
    std::array<ReadyInterval, 512> intervals;
    unsigned precision;

    BernoulliIntervals(std::span<const std::uint32_t> table, unsigned precision)
        : precision(precision) {
        require(table.size() == 256, "a Bernoulli table has 256 frequencies");
        require_bernoulli(table, precision);
        for (std::size_t j = 0; j < 256; ++j) {
            const std::uint32_t zero = (std::uint32_t{1} << precision) - table[j];
            intervals[2 * j] = make_ready(0, zero);
            intervals[2 * j + 1] = make_ready(zero, table[j]);
        }
    }
};

// Symbol i has the frequency table[index[i]].
struct BernoulliTable {
    const BernoulliIntervals& table;
    std::span<const std::uint8_t> index;
    unsigned precision;

    BernoulliTable(const BernoulliIntervals& table, std::span<const std::uint8_t> index)
        : table(table), index(index), precision(table.precision) {}
    std::size_t size() const { return index.size(); }
    std::uint32_t ones(std::size_t i) const { return table.intervals[2 * index[i] + 1u].freq; }
    const ReadyInterval& interval(std::size_t i, unsigned symbol) const {
        return table.intervals[2 * index[i] + symbol];
    }
};

template <class T>
concept AnyBernoulli = std::same_as<T, Bernoulli> || std::same_as<T, BernoulliTable>;

void push(Message& message, const AnyBernoulli auto& codec, std::span<const std::uint8_t> symbols) {
    require(symbols.size() == codec.size(), "a Bernoulli codec needs one symbol a frequency");
    require_symbols(symbols, 2);
    push_step(message, codec.precision, symbols.size(),
              [&](std::size_t i) { return codec.interval(i, symbols[i]); });
}

void pop(Message& message, const AnyBernoulli auto& codec, std::span<std::uint8_t> symbols) {
    const std::uint32_t total = std::uint32_t{1} << codec.precision;
    std::uint8_t* out = symbols.data();
    pop_step(message, codec.precision, symbols.size(),
             [&, out, total](std::size_t i, std::uint32_t x) {
                 const std::uint32_t one = codec.ones(i);
                 const std::uint32_t zero = total - one;
                 const bool symbol = x >= zero;
                 out[i] = symbol;
                 return Interval{symbol ? zero : 0, symbol ? one : zero};
             });
}

// ---- categorical: the same frequencies for each symbol ----

class Categorical {
  public:
    Categorical(std::span<const std::uint32_t> frequencies, unsigned precision)
        : starts_{0}, precision_(precision) {
        require(precision >= 1 && precision <= max_precision,
                "a categorical codec needs a precision from 1 to 24");
        starts_.reserve(frequencies.size() + 1);
        std::uint64_t total = 0;
        for (std::uint32_t frequency : frequencies) {
            require(frequency >= 1, "a categorical frequency must be at least 1");
            total += frequency;
            require(total <= (std::uint64_t{1} << precision),
                    "categorical frequencies must sum to 2^precision");
            starts_.push_back(static_cast<std::uint32_t>(total));
        }
        require(total == (std::uint64_t{1} << precision),
                "categorical frequencies must sum to 2^precision");
        // With about 4 parts per symbol, few parts contain the starts of several symbols.
        const auto bits = std::min(precision, static_cast<unsigned>(std::bit_width(levels())) + 2);
        shift_ = precision - bits;
        const std::size_t parts = std::size_t{1} << bits;
        first_.resize(parts + 1, static_cast<std::uint32_t>(levels() - 1));
        for (std::size_t part = 0, c = 0; part < parts; ++part) {
            while (starts_[c + 1] <= part << shift_) ++c;
            first_[part] = static_cast<std::uint32_t>(c);
        }
    }

    std::size_t levels() const { return starts_.size() - 1; }
    unsigned precision() const { return precision_; }
    Interval interval(std::size_t c) const { return {starts_[c], starts_[c + 1] - starts_[c]}; }
    // The symbol whose interval holds x.
    std::uint32_t find(std::uint32_t x) const {
        const std::size_t part = x >> shift_, c = first_[part];
        if (x < starts_[c + 1]) return static_cast<std::uint32_t>(c);
        const auto from = starts_.begin() + static_cast<std::ptrdiff_t>(c) + 2;
        const auto to = starts_.begin() + static_cast<std::ptrdiff_t>(first_[part + 1]) + 1;
        return static_cast<std::uint32_t>(std::upper_bound(from, to, x) - starts_.begin() - 1);
    }

  private:
    std::vector<std::uint32_t> starts_;  // starts[c] ... starts[c + 1]; the last is 2^precision
    // The range of numbers is divided into 2^bits equal parts. For each part, the symbol of its
    // least number, at which the search begins.
    std::vector<std::uint32_t> first_;
    unsigned precision_;
    unsigned shift_ = 0;
};

inline void push(Message& message, const Categorical& codec,
                 std::span<const std::uint32_t> symbols) {
    require_symbols(symbols, codec.levels());
    if (symbols.size() < codec.levels()) {
        push_step(message, codec.precision(), symbols.size(),
                  [&](std::size_t i) { return codec.interval(symbols[i]); });
        return;
    }
    std::vector<ReadyInterval> ready(codec.levels());
    for (std::size_t c = 0; c < ready.size(); ++c)
        ready[c] = make_ready(codec.interval(c).start, codec.interval(c).freq);
    push_step(message, codec.precision(), symbols.size(),
              [&](std::size_t i) { return ready[symbols[i]]; });
}

inline void pop(Message& message, const Categorical& codec, std::span<std::uint32_t> symbols) {
    std::uint32_t* out = symbols.data();
    pop_step(message, codec.precision(), symbols.size(), [&, out](std::size_t i, std::uint32_t x) {
        out[i] = codec.find(x);
        return codec.interval(out[i]);
    });
}

// ---- rows: a shared table of distributions, one row for each symbol ----

class CdfTable {
  public:
    // starts: [rows, levels + 1], each row strictly increasing from 0 to 2^precision; at most 256
    // levels.
    CdfTable(std::span<const std::uint32_t> starts, std::size_t levels, unsigned precision)
        : starts_(starts.begin(), starts.end()), levels_(levels), precision_(precision) {
        require(precision >= 1 && precision <= max_precision,
                "a table of rows needs a precision from 1 to 24");
        require(levels >= 1 && levels <= 256, "a table of rows has 1 to 256 levels");
        require(!starts.empty() && starts.size() % (levels + 1) == 0,
                "a table of rows has another size");
        const std::uint32_t total = std::uint32_t{1} << precision;
        for (const std::uint32_t* row = starts.data(); row != starts.data() + starts.size();
             row += levels + 1) {
            require(row[0] == 0 && row[levels] == total, "a row must run from 0 to 2^precision");
            std::size_t mode = 0;
            for (std::size_t c = 0; c < levels; ++c) {
                require(row[c] < row[c + 1], "a row must increase strictly");
                if (row[c + 1] - row[c] > row[mode + 1] - row[mode]) mode = c;
            }
            modes_.push_back(static_cast<std::uint8_t>(mode));
        }
    }

    std::size_t rows() const { return modes_.size(); }
    std::size_t levels() const { return levels_; }
    unsigned precision() const { return precision_; }

    Interval interval(std::size_t row, std::size_t c) const {
        const std::uint32_t* start = starts_.data() + row * (levels_ + 1) + c;
        return {start[0], start[1] - start[0]};
    }
    // The symbol whose interval contains x. The most likely symbol is tried first, since most
    // pixels are background.
    std::size_t find(std::size_t row, std::uint32_t x) const {
        const std::uint32_t* const starts = starts_.data() + row * (levels_ + 1);
        const std::size_t mode = modes_[row];
        if (starts[mode] <= x && x < starts[mode + 1]) return mode;
        const std::uint32_t* start = starts;  // the last tried symbol that begins at or below x
        for (std::size_t count = levels_; count > 1;) {
            const std::size_t half = count / 2;
            start = start[half] <= x ? start + half : start;
            count -= half;
        }
        return static_cast<std::size_t>(start - starts);
    }

  private:
    std::vector<std::uint32_t> starts_;
    std::vector<std::uint8_t> modes_;
    std::size_t levels_;
    unsigned precision_;
};

struct Rows {
    const CdfTable& table;
    std::span<const std::uint16_t> index;

    Rows(const CdfTable& table, std::span<const std::uint16_t> index) : table(table), index(index) {
        const auto most = index.empty() ? std::uint16_t{0} : *std::ranges::max_element(index);
        require(most < table.rows(), "the index of a row lies beyond the table");
    }

    std::size_t size() const { return index.size(); }
    std::size_t levels() const { return table.levels(); }
    unsigned precision() const { return table.precision(); }
    Interval interval(std::size_t i, std::size_t c) const { return table.interval(index[i], c); }
    Interval find(std::size_t i, std::uint32_t x, std::uint32_t& symbol) const {
        symbol = static_cast<std::uint32_t>(table.find(index[i], x));
        return interval(i, symbol);
    }
};

// ---- Gaussian over the buckets that are equally likely under N(0, 1) ----

inline constexpr std::size_t quantile_size = 8193;  // normal_quantile.bin: units of 2^-16
// normal_cdf.bin: -8 to 8 in steps of 1/128, units of 2^-28.
inline constexpr std::size_t cdf_size = 2049;
inline constexpr std::int32_t mean_limit = 1 << 20;
inline constexpr std::uint32_t inverse_scale_min = 1u << 10;
inline constexpr std::uint32_t inverse_scale_max = 1u << 26;

struct GaussianBuckets {
    std::span<const std::int32_t> quantile;
    std::span<const std::int32_t> cdf;
    std::span<const std::int32_t> mean;
    std::span<const std::uint32_t> inverse_scale;
    unsigned bits;
    unsigned precision_;

    GaussianBuckets(std::span<const std::int32_t> quantile, std::span<const std::int32_t> cdf,
                    std::span<const std::int32_t> mean,
                    std::span<const std::uint32_t> inverse_scale, unsigned bits, unsigned precision)
        : quantile(quantile),
          cdf(cdf),
          mean(mean),
          inverse_scale(inverse_scale),
          bits(bits),
          precision_(precision) {
        require(quantile.size() == quantile_size && cdf.size() == cdf_size,
                "the tables of the normal distribution have other sizes");
        require(mean.size() == inverse_scale.size(),
                "there must be as many means as inverse scales");
        require(bits >= 1 && bits <= 12, "a Gaussian codec has 1 to 12 bits of buckets");
        require(precision >= bits + 4 && precision <= max_precision,
                "a Gaussian codec needs a precision from bits + 4 to 24");
        for (std::int32_t m : mean)
            require(m >= -mean_limit && m <= mean_limit,
                    "a Gaussian mean must lie within [-16, 16]");
        for (std::uint32_t v : inverse_scale)
            require(v >= inverse_scale_min && v <= inverse_scale_max,
                    "a Gaussian scale must lie within [2^-10, 2^6]");
    }

    std::size_t size() const { return mean.size(); }
    std::uint32_t levels() const { return std::uint32_t{1} << bits; }
    unsigned precision() const { return precision_; }

    // The lower end of bucket c, for c = 0 ... 2^bits.
    std::uint32_t start(std::size_t i, std::uint32_t c) const {
        const std::uint32_t buckets = std::uint32_t{1} << bits;
        const std::uint32_t total = std::uint32_t{1} << precision_;
        if (c == 0) return 0;
        if (c == buckets) return total;
        std::int64_t t =
            (std::int64_t{quantile[c << (13 - bits)]} - mean[i]) * std::int64_t{inverse_scale[i]};
        t = std::clamp(t + (std::int64_t{8} << 32), std::int64_t{0}, (std::int64_t{16} << 32) - 1);
        const auto j = static_cast<std::size_t>(t >> 25);
        const std::int64_t rest = t & ((1 << 25) - 1);
        const std::int64_t p = cdf[j] + (((std::int64_t{cdf[j + 1]} - cdf[j]) * rest) >> 25);
        return c + static_cast<std::uint32_t>((p * (total - buckets)) >> 28);
    }
    Interval interval(std::size_t i, std::uint32_t c) const {
        const std::uint32_t first = start(i, c);
        return {first, start(i, c + 1) - first};
    }
    // An estimate of the bucket that contains x, by the quantile of x.
    std::uint32_t guess(std::size_t i, std::uint32_t x) const {
        const std::int64_t quantile_of_x =
            quantile[std::clamp<std::uint64_t>((std::uint64_t{x} << 13) >> precision_, 1, 8191)];
        const std::int64_t z =
            mean[i] + (quantile_of_x * 65536) / static_cast<std::int64_t>(inverse_scale[i]);
        const std::int64_t at =
            std::clamp(z + (std::int64_t{8} << 16), std::int64_t{0}, (std::int64_t{16} << 16) - 1);
        const std::int64_t j = at >> 9;
        const std::int64_t p = cdf[j] + (((cdf[j + 1] - cdf[j]) * (at & 511)) >> 9);
        return std::min(static_cast<std::uint32_t>(p >> (28 - bits)),
                        (std::uint32_t{1} << bits) - 1);
    }
    // The estimate is nearly always right.
    Interval find(std::size_t i, std::uint32_t x, std::uint32_t& symbol) const {
        const Bracket found =
            widen(x, guess(i, x), levels(), [&](std::uint32_t c) { return start(i, c); });
        symbol = found.low;
        return found.interval();
    }
};

// ---- mixtures of discretised distributions over 0 ... levels - 1 ----

// A distribution function F as a table: 2^11 steps from -reach to reach, in units of 2^-28.
struct ComponentCdf {
    std::span<const std::int32_t> values;  // [2049]
    unsigned reach_bits;                   // reach = 2^reach_bits

    // t in units of 2^-24.
    std::int64_t at(std::int64_t t) const {
        const unsigned step_bits = 24 + reach_bits + 1 - 11;
        const std::int64_t reach = std::int64_t{1} << (24 + reach_bits);
        t = std::clamp(t + reach, std::int64_t{0}, 2 * reach - 1);
        const auto j = static_cast<std::size_t>(t >> step_bits);
        const std::int64_t rest = t & ((std::int64_t{1} << step_bits) - 1);
        return values[j] + (((std::int64_t{values[j + 1]} - values[j]) * rest) >> step_bits);
    }
};

struct DiscretisedMixture {
    ComponentCdf cdf;
    std::span<const std::uint32_t> weight;         // [n, components], each row of sum 2^16
    std::span<const std::int32_t> mean;            // [n, components], in units of 2^-8 of a symbol
    std::span<const std::uint32_t> inverse_scale;  // [n, components], in units of 2^-16
    std::size_t components;
    std::uint32_t levels_;
    unsigned precision_;

    DiscretisedMixture(ComponentCdf cdf, std::span<const std::uint32_t> weight,
                       std::span<const std::int32_t> mean,
                       std::span<const std::uint32_t> inverse_scale, std::size_t components,
                       std::uint32_t levels, unsigned precision)
        : cdf(cdf),
          weight(weight),
          mean(mean),
          inverse_scale(inverse_scale),
          components(components),
          levels_(levels),
          precision_(precision) {
        require(cdf.values.size() == cdf_size,
                "the table of the distribution function has another size");
        require(components >= 1 && weight.size() % components == 0 &&
                    mean.size() == weight.size() && inverse_scale.size() == weight.size(),
                "there must be as many weights as means and as inverse scales");
        require(levels >= 2 && levels <= 65536, "a mixture has 2 to 65,536 levels");
        require(precision <= max_precision && (std::uint32_t{1} << precision) >= 16 * levels,
                "a mixture needs a precision from log2(levels) + 4 to 24");
        for (std::size_t i = 0; i < weight.size(); i += components) {
            std::uint64_t sum = 0;
            for (std::size_t k = i; k < i + components; ++k) sum += weight[k];
            require(sum == 65536, "the weights of a mixture must sum to 2^16");
        }
        for (std::int32_t m : mean)
            require(m >= -(1 << 24) && m <= 1 << 24,
                    "a mean of a mixture must lie within [-2^24, 2^24]");
        for (std::uint32_t v : inverse_scale)
            require(v >= 1 && v <= 1u << 26,
                    "an inverse scale of a mixture must lie within [1, 2^26]");
    }

    std::size_t size() const { return weight.size() / components; }
    std::uint32_t levels() const { return levels_; }
    unsigned precision() const { return precision_; }

    std::uint32_t start(std::size_t i, std::uint32_t c) const {
        const std::uint32_t total = std::uint32_t{1} << precision_;
        if (c == 0) return 0;
        if (c == levels_) return total;
        const std::int64_t edge = (2 * std::int64_t{c} - 1) * 128;
        std::int64_t sum = 0;
        for (std::size_t k = i * components; k < (i + 1) * components; ++k)
            sum += weight[k] * cdf.at((edge - mean[k]) * std::int64_t{inverse_scale[k]});
        return c + static_cast<std::uint32_t>(((sum >> 16) * (total - levels_)) >> 28);
    }
    Interval interval(std::size_t i, std::uint32_t c) const {
        const std::uint32_t first = start(i, c);
        return {first, start(i, c + 1) - first};
    }
    Interval find(std::size_t i, std::uint32_t x, std::uint32_t& symbol) const {
        const Bracket found = halve(x, {0, levels_, 0, std::uint32_t{1} << precision_},
                                    [&](std::uint32_t c) { return start(i, c); });
        symbol = found.low;
        return found.interval();
    }
};

}  // namespace bitsback
