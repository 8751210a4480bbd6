// Binary decisions by contexts whose probabilities are counted as they come and mixed in the
// logistic domain (Mahoney 2005). Those of a step are all predicted before any is learned.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../prefetch.hpp"
#include "../quotient.hpp"
#include "aligned.hpp"
#include "context_table.hpp"
#include "kernels.hpp"
#include "logistic.hpp"
#include "probability_map.hpp"
#include "settings.hpp"

namespace bitsback {

class ContextMixer {
  public:
    // elements: symbols that are coded with it, at most. values: so many of a symbol, by which
    // mixers are chosen.
    ContextMixer(const MixingSettings& settings, const LogisticTables& logistic,
                 std::size_t elements, std::size_t values)
        : settings_(settings),
          logistic_(logistic),
          padded_((settings.contexts.size() + 7) / 8 * 8),
          stride_((2 * padded_ + lanes - 1) / lanes * lanes),
          values_of_a_symbol_(values),
          direct_(padded_),
          counts_(padded_) {
        bias_ = free_place();
        if (settings.blended) given_ = free_place();
        const std::size_t most_counts = std::size_t{1} << settings.count_bits;
        rates_.resize(padded_ * most_counts);
        limits_.resize(padded_);
        std::size_t slots = 0;
        for (std::size_t c = 0; c < settings.contexts.size(); ++c) {
            tables_.emplace_back(settings, c, elements, slots);
            if (tables_.back().direct()) direct_[c] = ~0u;
            slots += (tables_.back().size() + in_a_line - 1) / in_a_line * in_a_line;
            const ContextSettings& of = settings.contexts[c];
            limits_[c] = of.limit;
            for (std::uint32_t n = 0; n <= of.limit; ++n)
                rates_[c * most_counts + n] =
                    static_cast<std::int32_t>((1u << 20) / (16 * n + of.offset));
        }
        slots_.assign(slots + in_a_line, fresh);  // the last ones are for what is no context
        for (const MixerSettings& of : settings.mixers) {
            mixers_.emplace_back(of, *this);
            if (settings.maps.limit != 0)
                maps_.emplace_back(of.sets(), settings.maps.limit, logistic);
        }
        const auto mixers = static_cast<std::int64_t>(mixers_.size());
        share_ = ((std::int64_t{1} << 32) + mixers - 1) / mixers;
    }

    std::size_t contexts() const { return tables_.size(); }
    // Whether the key of a context is wanted as it is, and not its hash.
    bool direct(std::size_t context) const { return tables_[context].direct(); }

    // A step of so many symbols begins.
    void begin(std::size_t symbols) {
        const std::size_t all = symbols * settings_.decisions;
        predicted_.assign(symbols, 0);
        keys_.resize(symbols * contexts());
        values_.resize(symbols * values_of_a_symbol_);
        lines_.resize(symbols * settings_.groups() * padded_, none());
        checks_.resize(symbols * settings_.groups() * padded_);
        numbers_.resize(all * padded_);
        inputs_.resize(all * stride_);
        odds_.resize(all);
        sets_.resize(symbols * mixers_.size());
        mixed_.resize(all * mixers_.size());
    }
    // The keys of a symbol, one for each context, and the values by which mixers are chosen.
    std::uint64_t* keys(std::size_t symbol) { return keys_.data() + symbol * contexts(); }
    std::uint32_t* values(std::size_t symbol) {
        return values_.data() + symbol * values_of_a_symbol_;
    }

    // The decisions of a symbol begin, whose keys and values are there.
    void start(std::size_t symbol) {
        const std::uint32_t* values = this->values(symbol);
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            std::uint32_t set = 0;
            for (const Part& of : mixers_[m].values) set += values[of.number] * of.stride;
            sets_[symbol * mixers_.size() + m] = set;
        }
    }
    // Finds the slots of a group of decisions of a symbol, the first of which is d, at this node.
    void find(std::size_t symbol, unsigned d, std::uint32_t node) {
        const std::uint64_t* keys = keys_.data() + symbol * contexts();
        std::uint32_t* lines = lines_.data() + line_of(symbol, d);
        std::uint32_t* checks = checks_.data() + line_of(symbol, d);
        for (std::size_t c = 0; c < contexts(); ++c) {
            const auto [first, check] = tables_[c].line(keys[c], node);
            lines[c] = first;
            checks[c] = check;
            prefetch(slots_.data() + (tables_[c].direct() ? first + node : first));
        }
    }

    // Looks at what contexts have counted of decision d of a symbol, at this node, and chooses the
    // weights of its mixers. given: the log-odds by the blend.
    void look(std::size_t symbol, unsigned d, std::uint32_t node, std::int32_t given = 0) {
        const unsigned depth = d % MixingSettings::together;
        const std::uint32_t place = 1u << depth | (node & ((1u << depth) - 1));
        const std::size_t number = symbol * settings_.decisions + d;
        std::int16_t* inputs = inputs_.data() + number * stride_;
        kernels_.look(slots_of(symbol, d),
                      {lines_.data() + line_of(symbol, d), direct_.data(), node, place},
                      logistic_.stretch(), settings_.trust, inputs, counts_.data());
        inputs[bias_] = bias;
        if (given_ != 0) inputs[given_] = static_cast<std::int16_t>(given);
        const auto likely =
            static_cast<std::uint32_t>(std::clamp((given + (1 << 14)) >> 11, 0, 15));
        Mixed* mixed = mixed_.data() + number * mixers_.size();
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            const Mixer& of = mixers_[m];
            std::uint32_t set = sets_[symbol * mixers_.size() + m] + of.node * node + of.depth * d +
                                of.odds * likely;
            for (const Part& by : of.known)
                set += (static_cast<std::uint32_t>(std::bit_width(counts_[by.number] + 1)) - 1) *
                       by.stride;
            mixed[m].set = set;
            const std::int16_t* weights = of.weights.data() + set * stride_;
            for (std::size_t i = 0; i < stride_; i += 32) prefetch(weights + i);
        }
    }

    // Mixes what has been looked at.
    void mix(std::size_t symbol, unsigned d) {
        const std::size_t number = symbol * settings_.decisions + d;
        Mixed* mixed = mixed_.data() + number * mixers_.size();
        std::array<const std::int16_t*, most_mixers> weights;
        std::array<std::int64_t, most_mixers> sums;
        for (std::size_t m = 0; m < mixers_.size(); ++m)
            weights[m] = mixers_[m].weights.data() + mixed[m].set * stride_;
        kernels_.mix(weights.data(), mixers_.size(), inputs_of(symbol, d), sums.data());
        constexpr std::int64_t reach = LogisticTables::reach;
        std::int64_t sum = 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            const std::int64_t t = std::clamp(sums[m] >> (weight_bits - 1), -reach, reach - 1);
            mixed[m].probability = logistic_.squash(static_cast<std::int32_t>(t));
            sum += t + reach;
        }
        // Without a division: the sum is below 2^19.
        odds_[number] = static_cast<std::int32_t>((sum * share_ >> 32) - reach);
        predicted_[symbol] |= 1u << d;
        const ProbabilityMap::Place place = ProbabilityMap::place(odds_[number]);
        for (std::size_t m = 0; m < maps_.size(); ++m) {
            mixed[m].entry = maps_[m].entry(mixed[m].set, place);
            maps_[m].expect(mixed[m].entry);
        }
    }

    // The probability that a decision that has been mixed is 1, in units of 2^-28.
    std::int32_t predict(std::size_t symbol, unsigned d) const {
        const std::size_t number = symbol * settings_.decisions + d;
        const std::int32_t odds = odds_[number], p = logistic_.squash(odds);
        if (maps_.empty()) return p;
        const ProbabilityMap::Place place = ProbabilityMap::place(odds);
        const Mixed* mixed = mixed_.data() + number * mixers_.size();
        std::int64_t sum = std::int64_t{settings_.maps.weight} * p;
        for (std::size_t m = 0; m < maps_.size(); ++m)
            sum += std::int64_t{maps_[m].probability(mixed[m].entry, place)} << 6;
        const auto weights = static_cast<std::int64_t>(settings_.maps.weight + maps_.size());
        return static_cast<std::int32_t>(quotient(sum, weights));
    }

    // Takes the decisions of a symbol that were predicted. bits: of all, the first one highest.
    void learn(std::size_t symbol, std::uint32_t bits) {
        for (std::uint32_t left = predicted_[symbol]; left != 0; left &= left - 1) {
            const auto d = static_cast<unsigned>(std::countr_zero(left));
            learn(symbol, d, bits >> (settings_.decisions - 1 - d) & 1);
        }
    }

  private:
    static constexpr std::size_t most_mixers = MixingSettings::most_mixers;
    static constexpr std::size_t in_a_line = cache_line / sizeof(std::uint32_t);  // slots
    static constexpr std::size_t lanes = 16;
    static constexpr std::int16_t bias = 1 << 7;
    static constexpr unsigned weight_bits = 14;  // of a weight of 1
    static constexpr unsigned error_shift = 40 - weight_bits;
    static constexpr std::uint32_t fresh = 1u << 31;  // a half, and nothing counted

    // A number that helps to choose a set of weights: so many sets lie between its values.
    struct Part {
        std::size_t number;
        std::uint32_t stride;
    };

    struct Mixer {
        Aligned<std::int16_t> weights;  // those of a set, as the inputs are
        // How often each set has learned, up to where that no longer matters. It lies apart from
        // the weights, since these are read as vectors right after it is written.
        std::vector<std::uint16_t> uses;
        std::vector<std::int32_t> rates;  // of learning, by that
        // What chooses a set: values of the symbol, and counts of contexts. Other strides are 0
        // where the node, the depth and the odds do not matter.
        std::vector<Part> values;
        std::vector<Part> known;
        std::uint32_t node = 0;
        std::uint32_t depth = 0;
        std::uint32_t odds = 0;

        Mixer(const MixerSettings& of, const ContextMixer& in)
            : weights(of.sets() * in.stride_), uses(of.sets()) {
            const auto start = static_cast<std::int16_t>(of.start);
            for (std::size_t set = 0; set < of.sets(); ++set) {
                std::int16_t* own = weights.data() + set * in.stride_;
                std::fill_n(own, in.contexts(), start);
                if (in.settings_.blended) own[in.given_] = start;
            }
            do {
                const auto uses = static_cast<std::int32_t>(rates.size());
                rates.push_back(std::max(16 * of.first_rate / (16 + uses), of.last_rate));
            } while (rates.back() > of.last_rate);
            std::uint32_t stride = 1;
            for (auto by = of.selectors.rbegin(); by != of.selectors.rend(); ++by) {
                choose(*by, stride);
                stride *= by->count;
            }
        }

        void choose(const Selector& by, std::uint32_t stride) {
            switch (by.kind) {
                case Selector::Kind::known:
                    known.push_back({by.number, stride});
                    break;
                case Selector::Kind::node:
                    node += stride;
                    break;
                case Selector::Kind::depth:
                    depth += stride;
                    break;
                case Selector::Kind::odds:
                    odds += stride;
                    break;
                default:
                    values.push_back({by.number, stride});
            }
        }
    };

    // What a mixer made of a decision.
    struct Mixed {
        std::uint32_t set;
        std::int32_t probability;
        std::uint32_t entry;  // of its probability map, below the odds
    };

    // Takes decision d of a symbol.
    void learn(std::size_t symbol, unsigned d, std::uint32_t bit) {
        const std::size_t number = symbol * settings_.decisions + d;
        const Mixed* mixed = mixed_.data() + number * mixers_.size();
        const std::int64_t goal = bit != 0 ? 1 << 28 : 0;
        std::array<std::int16_t*, most_mixers> changed;
        std::array<std::int16_t, most_mixers> errors;
        std::size_t count = 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            Mixer& of = mixers_[m];
            std::uint16_t& uses = of.uses[mixed[m].set];
            const std::int64_t change = (goal - mixed[m].probability) * of.rates[uses];
            const auto error =
                static_cast<std::int16_t>((change + (1 << (error_shift - 1))) >> error_shift);
            if (uses + 1u < of.rates.size()) ++uses;
            changed[count] = of.weights.data() + mixed[m].set * stride_;
            errors[count] = error;
            count += error != 0 ? 1 : 0;
        }
        if (count != 0) kernels_.adjust(changed.data(), errors.data(), count, inputs_of(symbol, d));
        const std::uint32_t nearer = ProbabilityMap::place(odds_[number]).nearer;
        for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].learn(mixed[m].entry + nearer, bit);
        kernels_.learn(slots_of(symbol, d), rates_.data(), limits_.data(), contexts(), bit);
    }

    // The next place of an input that is of no context.
    std::size_t free_place() {
        const std::size_t padding = padded_ - settings_.contexts.size();
        const std::size_t i = taken_++;
        if (i < 2 * padding) return (i / padding + 1) * padded_ - padding + i % padding;
        stride_ = std::max(stride_, (2 * padded_ + lanes + lanes - 1) / lanes * lanes);
        return 2 * padded_ + i - 2 * padding;
    }

    // Where slots begin that are of no context.
    std::uint32_t none() const { return static_cast<std::uint32_t>(slots_.size() - in_a_line); }

    std::size_t line_of(std::size_t symbol, unsigned d) const {
        return (symbol * settings_.groups() + d / MixingSettings::together) * padded_;
    }

    SlotView slots_of(std::size_t symbol, unsigned d) {
        return {slots_.data(),
                numbers_.data() + (symbol * settings_.decisions + d) * padded_,
                checks_.data() + line_of(symbol, d),
                padded_,
                settings_.probability_bits,
                settings_.check_bits()};
    }

    MixerInputs inputs_of(std::size_t symbol, unsigned d) const {
        return {inputs_.data() + (symbol * settings_.decisions + d) * stride_, stride_};
    }

    const MixingSettings& settings_;
    const LogisticTables& logistic_;
    const MixingKernels& kernels_ = mixing_kernels();
    // The inputs of a decision: the log-odds of all contexts, padded to eights; likewise the
    // probabilities as far as they are trusted; in the padding, or behind them, a constant and the
    // log-odds by a blend. A set of weights has as many.
    std::size_t padded_;
    std::size_t stride_;
    std::size_t bias_ = 0;
    std::size_t given_ = 0;  // or 0 if there is none
    std::size_t taken_ = 0;  // of the places in the padding and behind it
    std::vector<ContextTable> tables_;
    Aligned<std::uint32_t> slots_;     // of all contexts
    std::vector<std::int32_t> rates_;  // of each context, by its count
    std::vector<std::uint32_t> limits_;
    std::vector<Mixer> mixers_;
    std::int64_t share_;                // 2^32 / the number of mixers, rounded up
    std::vector<ProbabilityMap> maps_;  // of each mixer, if there are any
    // Of the symbols of the step.
    std::size_t values_of_a_symbol_;
    std::vector<std::uint32_t> predicted_;  // its decisions that are mixed, a bit each
    std::vector<std::uint32_t> sets_;       // of each mixer, as far as values choose them
    std::vector<std::uint64_t> keys_;
    std::vector<std::uint32_t> values_;
    std::vector<std::uint32_t> lines_;
    std::vector<std::uint32_t> checks_;
    // Of their decisions.
    std::vector<std::uint32_t> numbers_;  // of slots
    Aligned<std::int16_t> inputs_;
    std::vector<std::int32_t> odds_;  // by all mixers
    std::vector<Mixed> mixed_;
    std::vector<std::uint32_t>
        direct_;  // of each context, all ones if its keys have their own slots
    std::vector<std::uint32_t> counts_;  // of the one that is predicted
};

}  // namespace bitsback
