// Binary decisions of coefficients. Mixers combine the probabilities of adaptive contexts and of
// distributions (Mahoney 2005), and learn after each decision. docs/jpeg-format.md, J6.3.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../mixing/aligned.hpp"
#include "../mixing/logistic.hpp"
#include "../prefetch.hpp"
#include "kernels.hpp"

namespace bitsback::jpeg {

// The number of sets of weights of each mixer.
inline constexpr std::array<int, mixers> mixer_sets = {2816, 1664, 2304, 1696};

template <class Coder>
class Decisions {
  public:
    // The probabilities of a one and of a zero by each distribution, in units of 2^-28. Only their
    // ratio matters.
    using Parts = std::array<std::int32_t, 2 * distributions>;

    Decisions(const LogisticTables& logistic, Coder& coder)
        : logistic_(logistic), coder_(coder), slots_(contexts << table_bits) {
        std::fill(slots_.begin(), slots_.end(), 1u << 31);
        int sets = 0;
        for (std::size_t m = 0; m < mixers; ++m) {
            first_sets_[m] = sets;
            sets += mixer_sets[m];
        }
        weights_.resize(static_cast<std::size_t>(sets) * mixer_inputs);
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            const std::size_t input = i % mixer_inputs;
            weights_[i] = input < contexts ? first_weight
                          : input < contexts + distributions
                              ? (1 << weight_bits) / (mixers * distributions)
                              : 0;
        }
        uses_.resize(static_cast<std::size_t>(sets));
        for (std::int32_t n = 0; n < 128; ++n)
            rates_[static_cast<std::size_t>(n)] = (1 << 16) / (n + 2);
        for (std::int32_t n = 0; n < 256; ++n)
            mixer_rates_[static_cast<std::size_t>(n)] =
                std::max(16 * first_rate / (16 + n), last_rate);
        // The table of ln(i / 64) for i from 64 on, taken from the table of log-odds: log-odds of
        // small probabilities are logarithms to within the precision.
        const std::int32_t* odds = logistic.stretch() + 6 * 64;
        for (std::int32_t i = 0; i < 23 * 64; ++i)
            logarithms_[static_cast<std::size_t>(i)] =
                (i / 64 * 90852 >> 6) + odds[0] - odds[i % 64];
    }

    // Finds the slots of the contexts with these values.
    void find(Mixture& of, std::uint32_t place, const std::array<int, contexts>& values) {
        alignas(32) std::array<std::uint32_t, contexts> words;
        for (std::size_t c = 0; c < contexts; ++c) words[c] = static_cast<std::uint32_t>(values[c]);
        kernels_.find(of, words.data(), place * 0x27D4EB2Fu);
        for (const std::uint32_t line : of.lines) prefetch(slots_.data() + line);
    }

    // Fetches the weights of these sets of the mixers.
    void expect(const std::array<int, mixers>& sets) const {
        for (std::size_t m = 0; m < mixers; ++m)
            prefetch(weights_.data() +
                     static_cast<std::size_t>(first_sets_[m] + sets[m]) * mixer_inputs);
    }

    // place: of the slots of this decision in the lines. sets: one of each mixer.
    int decide(Mixture& of, bool bit, std::uint32_t place, const Parts& parts,
               const std::array<int, mixers>& sets) {
        std::array<std::size_t, mixers> numbers;
        for (std::size_t m = 0; m < mixers; ++m) {
            numbers[m] = static_cast<std::size_t>(first_sets_[m] + sets[m]);
            of.weights[m] = weights_.data() + numbers[m] * mixer_inputs;
        }
        const std::int32_t sum = kernels_.mix(of, slots_.data(), place, logistic_.stretch(),
                                              logarithms_.data(), parts.data());
        constexpr std::int32_t reach = LogisticTables::reach;
        const std::int32_t p =
            logistic_.squash(std::clamp(sum >> (weight_bits - 3), -reach, reach - 1));
        const std::int32_t one = std::clamp(p >> 12, 1, 65535);
        const std::uint32_t coded = coder_.bit(static_cast<std::uint32_t>(one), bit ? 1 : 0);
        const std::int32_t error = ((coded != 0 ? 1 << 28 : 0) - p) >> 6;
        std::array<std::int16_t, mixers> errors;
        for (std::size_t m = 0; m < mixers; ++m) {
            std::uint8_t& uses = uses_[numbers[m]];
            errors[m] = static_cast<std::int16_t>((error * mixer_rates_[uses] + (1 << 15)) >> 16);
            uses = static_cast<std::uint8_t>(std::min(uses + 1, 255));
        }
        kernels_.learn(of, slots_.data(), place, rates_.data(), coded, errors.data());
        return static_cast<int>(coded);
    }

  private:
    static constexpr unsigned weight_bits = 16;  // of a weight of 1
    static constexpr std::int16_t first_weight = 1000;
    static constexpr std::int32_t first_rate = 500, last_rate = 50;  // in units of 2^-16

    const LogisticTables& logistic_;
    const Kernels& kernels_ = kernels();
    Coder& coder_;
    Aligned<std::uint32_t> slots_;
    std::array<std::int32_t, 128> rates_;
    std::array<std::int32_t, 256> mixer_rates_;
    std::array<std::int32_t, 23 * 64> logarithms_;
    Aligned<std::int16_t> weights_;
    std::vector<std::uint8_t> uses_;
    std::array<int, mixers> first_sets_{};
};

}  // namespace bitsback::jpeg
