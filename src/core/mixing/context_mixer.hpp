// Context mixing of binary decisions (Mahoney 2005): each context has adaptive probabilities, which
// mixers combine in the logistic domain. All decisions of a step are predicted before any is
// learned. docs/model-format.md, M6.
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
    // elements: the largest number of symbols to code. values: the number of values per symbol that
    // select weights of mixers.
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
        if (settings.blended) blend_input_ = free_place();
        const std::size_t most_counts = std::size_t{1} << settings.count_bits;
        rates_.resize(padded_ * most_counts);
        limits_.resize(padded_);
        std::size_t slots = 0;
        for (std::size_t c = 0; c < settings.contexts.size(); ++c) {
            tables_.emplace_back(settings, c, elements, slots);
            if (tables_.back().direct()) direct_[c] = ~0u;
            slots += (tables_.back().size() + in_a_line - 1) / in_a_line * in_a_line;
            const ContextSettings& context = settings.contexts[c];
            limits_[c] = context.limit;
            for (std::uint32_t n = 0; n <= context.limit; ++n)
                rates_[c * most_counts + n] =
                    static_cast<std::int32_t>((1u << 20) / (16 * n + context.offset));
        }
        slots_.assign(slots + in_a_line, fresh);  // the last ones are for inputs without a context
        for (const MixerSettings& mixer : settings.mixers) {
            mixers_.emplace_back(mixer, *this);
            if (settings.maps.limit != 0)
                maps_.emplace_back(mixer.sets(), settings.maps.limit, logistic);
        }
        const auto mixers = static_cast<std::int64_t>(mixers_.size());
        share_ = ((std::int64_t{1} << 32) + mixers - 1) / mixers;
    }

    std::size_t contexts() const { return tables_.size(); }
    // Whether a context takes its key unhashed.
    bool direct(std::size_t context) const { return tables_[context].direct(); }

    // Begins a step.
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
    // The keys of a symbol, one per context, and the values that select weights of mixers. The
    // caller fills them in.
    std::uint64_t* keys(std::size_t symbol) { return keys_.data() + symbol * contexts(); }
    std::uint32_t* values(std::size_t symbol) {
        return values_.data() + symbol * values_of_a_symbol_;
    }

    // Begins the decisions of a symbol, after its keys and values are set.
    void start(std::size_t symbol) {
        const std::uint32_t* values = this->values(symbol);
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            std::uint32_t set = 0;
            for (const Part& part : mixers_[m].values) set += values[part.number] * part.stride;
            sets_[symbol * mixers_.size() + m] = set;
        }
    }
    // Finds the slots of a group of decisions of a symbol, whose first is d, at this node.
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

    // Reads the slots of decision d of a symbol, at this node, and selects the weights of its
    // mixers. blended: the log-odds by the blend.
    void look(std::size_t symbol, unsigned d, std::uint32_t node, std::int32_t blended = 0) {
        const unsigned depth = d % MixingSettings::together;
        const std::uint32_t place = 1u << depth | (node & ((1u << depth) - 1));
        const std::size_t number = symbol * settings_.decisions + d;
        std::int16_t* inputs = inputs_.data() + number * stride_;
        kernels_.look(slots_of(symbol, d),
                      {lines_.data() + line_of(symbol, d), direct_.data(), node, place},
                      logistic_.stretch(), settings_.trust, inputs, counts_.data());
        inputs[bias_] = bias;
        if (blend_input_ != 0) inputs[blend_input_] = static_cast<std::int16_t>(blended);
        const auto likely =
            static_cast<std::uint32_t>(std::clamp((blended + (1 << 14)) >> 11, 0, 15));
        Mixed* mixed = mixed_.data() + number * mixers_.size();
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            const Mixer& mixer = mixers_[m];
            std::uint32_t set = sets_[symbol * mixers_.size() + m] + mixer.node * node +
                                mixer.depth * d + mixer.odds * likely;
            for (const Part& part : mixer.known)
                set += (static_cast<std::uint32_t>(std::bit_width(counts_[part.number] + 1)) - 1) *
                       part.stride;
            mixed[m].set = set;
            const std::int16_t* weights = mixer.weights.data() + set * stride_;
            for (std::size_t i = 0; i < stride_; i += 32) prefetch(weights + i);
        }
    }

    // Mixes the inputs that `look` has read.
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

    // The mixed probability of a 1, in units of 2^-28.
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

    // Learns the predicted decisions of a symbol. bits: of all its decisions, the first one
    // highest.
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
    static constexpr std::uint32_t fresh = 1u << 31;  // probability 1/2, count 0

    // A number that selects among sets of weights, multiplied by its stride.
    struct Part {
        std::size_t number;
        std::uint32_t stride;
    };

    struct Mixer {
        Aligned<std::int16_t> weights;  // [sets][stride_], in the order of the inputs
        // The number of updates of each set, up to the last rate. It is stored apart from the
        // weights, which are read as vectors right after a count is written.
        std::vector<std::uint16_t> uses;
        std::vector<std::int32_t> rates;  // learning rates, indexed by uses
        // The selectors of a set: values of the symbol, and counts of contexts. The strides of
        // node, depth and odds are 0 if they do not select.
        std::vector<Part> values;
        std::vector<Part> known;
        std::uint32_t node = 0;
        std::uint32_t depth = 0;
        std::uint32_t odds = 0;

        Mixer(const MixerSettings& settings, const ContextMixer& in)
            : weights(settings.sets() * in.stride_), uses(settings.sets()) {
            const auto start = static_cast<std::int16_t>(settings.start);
            for (std::size_t set = 0; set < settings.sets(); ++set) {
                std::int16_t* own = weights.data() + set * in.stride_;
                std::fill_n(own, in.contexts(), start);
                if (in.settings_.blended) own[in.blend_input_] = start;
            }
            do {
                const auto uses = static_cast<std::int32_t>(rates.size());
                rates.push_back(
                    std::max(16 * settings.first_rate / (16 + uses), settings.last_rate));
            } while (rates.back() > settings.last_rate);
            std::uint32_t stride = 1;
            for (auto selector = settings.selectors.rbegin(); selector != settings.selectors.rend();
                 ++selector) {
                choose(*selector, stride);
                stride *= selector->count;
            }
        }

        void choose(const Selector& selector, std::uint32_t stride) {
            switch (selector.kind) {
                case Selector::Kind::known:
                    known.push_back({selector.number, stride});
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
                    values.push_back({selector.number, stride});
            }
        }
    };

    // The result of a mixer for a decision.
    struct Mixed {
        std::uint32_t set;
        std::int32_t probability;
        std::uint32_t entry;  // entry of its probability map below the odds
    };

    // Learns decision d of a symbol.
    void learn(std::size_t symbol, unsigned d, std::uint32_t bit) {
        const std::size_t number = symbol * settings_.decisions + d;
        const Mixed* mixed = mixed_.data() + number * mixers_.size();
        const std::int64_t goal = bit != 0 ? 1 << 28 : 0;
        std::array<std::int16_t*, most_mixers> changed;
        std::array<std::int16_t, most_mixers> errors;
        std::size_t count = 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            Mixer& mixer = mixers_[m];
            std::uint16_t& uses = mixer.uses[mixed[m].set];
            const std::int64_t change = (goal - mixed[m].probability) * mixer.rates[uses];
            const auto error =
                static_cast<std::int16_t>((change + (1 << (error_shift - 1))) >> error_shift);
            if (uses + 1u < mixer.rates.size()) ++uses;
            changed[count] = mixer.weights.data() + mixed[m].set * stride_;
            errors[count] = error;
            count += error != 0 ? 1 : 0;
        }
        if (count != 0) kernels_.adjust(changed.data(), errors.data(), count, inputs_of(symbol, d));
        const std::uint32_t nearer = ProbabilityMap::place(odds_[number]).nearer;
        for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].learn(mixed[m].entry + nearer, bit);
        kernels_.learn(slots_of(symbol, d), rates_.data(), limits_.data(), contexts(), bit);
    }

    // The next place for an input without a context.
    std::size_t free_place() {
        const std::size_t padding = padded_ - settings_.contexts.size();
        const std::size_t i = used_places_++;
        if (i < 2 * padding) return (i / padding + 1) * padded_ - padding + i % padding;
        stride_ = std::max(stride_, (2 * padded_ + lanes + lanes - 1) / lanes * lanes);
        return 2 * padded_ + i - 2 * padding;
    }

    // The first slot for inputs without a context.
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
    // The inputs of a decision: the log-odds of all contexts, padded to a multiple of eight; the
    // confidences, likewise; a constant and the log-odds by a blend, in the padding or behind it. A
    // set of weights has the same layout.
    std::size_t padded_;
    std::size_t stride_;
    std::size_t bias_ = 0;
    std::size_t blend_input_ = 0;  // place of the blend's input, or 0
    std::size_t used_places_ = 0;  // in the padding and behind it
    std::vector<ContextTable> tables_;
    Aligned<std::uint32_t> slots_;     // of all contexts
    std::vector<std::int32_t> rates_;  // per context, indexed by the count
    std::vector<std::uint32_t> limits_;
    std::vector<Mixer> mixers_;
    std::int64_t share_;                // 2^32 / the number of mixers, rounded up
    std::vector<ProbabilityMap> maps_;  // one per mixer, or none
    // Per symbol of the step.
    std::size_t values_of_a_symbol_;
    std::vector<std::uint32_t> predicted_;  // a bit for each mixed decision
    std::vector<std::uint32_t> sets_;       // per mixer, the part of the set that values select
    std::vector<std::uint64_t> keys_;
    std::vector<std::uint32_t> values_;
    std::vector<std::uint32_t> lines_;
    std::vector<std::uint32_t> checks_;
    // Per decision of each symbol.
    std::vector<std::uint32_t> numbers_;  // of slots
    Aligned<std::int16_t> inputs_;
    std::vector<std::int32_t> odds_;  // mean log-odds of all mixers
    std::vector<Mixed> mixed_;
    std::vector<std::uint32_t> direct_;  // per context, all ones if its keys have their own slots
    std::vector<std::uint32_t> counts_;  // per context, of the predicted decision
};

}  // namespace bitsback
