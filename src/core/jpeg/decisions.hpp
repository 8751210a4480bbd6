// Binary decisions of coefficients. Mixers combine the probabilities of adaptive contexts and of
// distributions (Mahoney 2005), and learn after each decision. docs/jpeg-format.md, J6.3.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../mixing/aligned.hpp"
#include "../mixing/logistic.hpp"
#include "../prefetch.hpp"
#include "kernels.hpp"

namespace bitsback::jpeg {

// The number of sets of weights of each mixer.
inline constexpr std::array<int, mixers> mixer_sets = {2816, 1664, 2304, 1696};

// Copies numbers by four, for kernels that load them with `joined`.
template <std::size_t n>
inline void in_fours(std::array<std::int32_t, n>& to, const std::array<std::int32_t, n>& from) {
#if defined(__GNUC__)
    typedef std::int32_t Four __attribute__((vector_size(16)));
    for (std::size_t i = 0; i < n; i += 4) {
        const Four four = {from[i], from[i + 1], from[i + 2], from[i + 3]};
        std::memcpy(&to[i], &four, sizeof four);
    }
#else
    to = from;
#endif
}

template <class Coder>
class Decisions {
  public:
    // The probabilities of a one and of a zero by each distribution, in units of 2^-28. Only their
    // ratio matters.
    using Parts = std::array<std::int32_t, 2 * distributions>;

    Decisions(const LogisticTables& logistic, Coder& coder)
        : coder_(coder),
          slots_(contexts << table_bits, 1u << 31),
          weights_(first_sets[mixers] * mixer_inputs) {
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            const std::size_t input = i % mixer_inputs;
            weights_[i] = input < contexts ? first_weight
                          : input < contexts + distributions
                              ? (1 << weight_bits) / (mixers * distributions)
                              : 0;
        }
        for (std::int32_t n = 0; n < 128; ++n)
            rates_[static_cast<std::size_t>(n)] = (1 << 16) / (n + 2);
        for (std::int32_t n = 0; n <= most_uses; ++n)
            mixer_rates_[static_cast<std::size_t>(n)] =
                std::max(16 * first_rate / (16 + n), last_rate);
        // The table of ln(i / 64) for i from 64 on, taken from the table of log-odds: log-odds of
        // small probabilities are logarithms to within the precision.
        const std::int32_t* odds = logistic.stretch() + 6 * 64;
        for (std::int32_t i = 0; i < 23 * 64; ++i)
            logarithms_[static_cast<std::size_t>(i)] =
                (i / 64 * 90852 >> 6) + odds[0] - odds[i % 64];
        tables_ = {slots_.data(),  logistic.stretch(), logarithms_.data(),
                   logistic.cdf(), rates_.data(),      mixer_rates_.data()};
    }
    Decisions(const Decisions&) = delete;

    // Finds the slots of the contexts with these values.
    void find(Mixture& mixture, std::uint32_t place, const std::array<int, contexts>& values) {
        alignas(16) std::array<std::int32_t, contexts> copy;
        in_fours(copy, values);
        kernels_.find(mixture, copy.data(), place * 0x27D4EB2Fu);
        for (const std::uint32_t line : mixture.lines) prefetch(slots_.data() + line);
    }

    // Fetches the weights of these sets of the mixers.
    void expect(const std::array<int, mixers>& sets) const {
        for (std::size_t m = 0; m < mixers; ++m) prefetch(weights_.data() + row(sets, m));
    }

    // place: of the slots of this decision in the lines. sets: one of each mixer.
    int decide(Mixture& mixture, bool bit, std::uint32_t place, const Parts& parts,
               const std::array<int, mixers>& sets) {
        for (std::size_t m = 0; m < mixers; ++m)
            mixture.weights[m] = weights_.data() + row(sets, m);
        const std::int32_t p = kernels_.mix(mixture, tables_, place, parts.data());
        const std::int32_t one = std::clamp(p >> 12, 1, 65535);
        const std::uint32_t coded = coder_.bit(static_cast<std::uint32_t>(one), bit ? 1 : 0);
        kernels_.learn(mixture, tables_, place, coded, p);
        return static_cast<int>(coded);
    }

  private:
    static constexpr std::int16_t first_weight = 1000;
    static constexpr std::int32_t first_rate = 500, last_rate = 50;  // in units of 2^-16
    static constexpr std::array<std::size_t, mixers + 1> first_sets = [] {
        std::array<std::size_t, mixers + 1> sets{};
        for (std::size_t m = 0; m < mixers; ++m)
            sets[m + 1] = sets[m] + static_cast<std::size_t>(mixer_sets[m]);
        return sets;
    }();

    // The place of the weights of a set.
    static std::size_t row(const std::array<int, mixers>& sets, std::size_t m) {
        return (first_sets[m] + static_cast<std::size_t>(sets[m])) * mixer_inputs;
    }

    const Kernels& kernels_ = kernels();
    Coder& coder_;
    Aligned<std::uint32_t> slots_;
    std::array<std::int32_t, 128> rates_;
    std::array<std::int32_t, most_uses + 1> mixer_rates_;
    std::array<std::int32_t, 23 * 64> logarithms_;
    Aligned<std::int16_t> weights_;
    MixtureTables tables_;
};

}  // namespace bitsback::jpeg
