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
#include "aligned.hpp"
#include "context_table.hpp"
#include "kernels.hpp"
#include "logistic.hpp"
#include "probability_map.hpp"
#include "settings.hpp"

namespace bitsback {

class ContextMixer {
    using Beside = MixingSettings::Beside;

  public:
    // elements: symbols that are coded with it, at most. values: so many of a symbol, by which
    // mixers are chosen.
    ContextMixer(const MixingSettings& settings, const LogisticTables& logistic,
                 std::size_t elements, std::size_t values)
        : settings_(settings),
          logistic_(logistic),
          padded_((settings.contexts.size() + 7) / 8 * 8),
          stride_((2 * padded_ + lanes - 1) / lanes * lanes),
          features_((settings.features + lanes - 1) / lanes * lanes),
          values_of_a_symbol_(values),
          direct_(padded_),
          counts_(padded_) {
        bias_ = free_place();
        uses_ = free_place();
        given_ = settings.beside != Beside::nothing ? free_place() : uses_;
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
        weights_ = stride_ + features_;
        for (const MixerSettings& of : settings.mixers) {
            mixers_.emplace_back(of, *this);
            if (settings.maps.limit != 0)
                maps_.emplace_back(of.sets(), settings.maps.limit, logistic);
        }
    }

    std::size_t contexts() const { return tables_.size(); }
    // Whether the key of a context is wanted as it is, and not its hash.
    bool direct(std::size_t context) const { return tables_[context].direct(); }

    // A step of so many symbols begins.
    void begin(std::size_t symbols) {
        const std::size_t all = symbols * settings_.decisions;
        keys_.resize(symbols * contexts());
        values_.resize(symbols * values_of_a_symbol_);
        seen_.resize(symbols * features_);
        lines_.resize(symbols * settings_.groups() * padded_, none());
        checks_.resize(symbols * settings_.groups() * padded_);
        numbers_.resize(all * padded_);
        inputs_.resize(all * stride_);
        mixed_.resize(all * mixers_.size());
    }
    // The decisions of one of them begin.
    void start(std::size_t symbol) {
        const std::size_t count = settings_.decisions * mixers_.size();
        std::fill_n(mixed_.data() + symbol * count, count, Mixed{});
    }
    // The keys of a symbol, one for each context, and the values by which mixers are chosen.
    std::uint64_t* keys(std::size_t symbol) { return keys_.data() + symbol * contexts(); }
    std::uint32_t* values(std::size_t symbol) {
        return values_.data() + symbol * values_of_a_symbol_;
    }
    // The features of a symbol: numbers of 16 bits, and zeros behind them.
    std::int16_t* features(std::size_t symbol) { return seen_.data() + symbol * features_; }

    // Finds the slots of a group of decisions of a symbol, the first of which is d, at this node.
    // split: what stands for the node in some contexts.
    void find(std::size_t symbol, unsigned d, std::uint32_t node, std::uint32_t split = 0) {
        const std::uint64_t* keys = keys_.data() + symbol * contexts();
        std::uint32_t* lines = lines_.data() + line_of(symbol, d);
        std::uint32_t* checks = checks_.data() + line_of(symbol, d);
        for (std::size_t c = 0; c < contexts(); ++c) {
            const std::uint32_t at = settings_.contexts[c].by_split ? split : node;
            const auto [first, check] = tables_[c].line(keys[c], at);
            lines[c] = first;
            checks[c] = check;
            prefetch(slots_.data() + (tables_[c].direct() ? first + node : first));
        }
    }

    // Looks at what contexts have counted of decision d of a symbol, at this node, and chooses the
    // weights of its mixers. given: the log-odds by the model beside.
    void look(std::size_t symbol, unsigned d, std::uint32_t node, std::int32_t given = 0) {
        const unsigned depth = d % settings_.together;
        const std::size_t number = symbol * settings_.decisions + d;
        std::int16_t* inputs = inputs_.data() + number * stride_;
        const std::uint32_t place = 1u << depth | (node & ((1u << depth) - 1));
        kernels_.look(slots_of(symbol, d),
                      {lines_.data() + line_of(symbol, d), direct_.data(), node, place},
                      logistic_.stretch(), settings_.trust, inputs, counts_.data());
        inputs[bias_] = bias;
        inputs[given_] = static_cast<std::int16_t>(given);
        Mixed* mixed = mixed_.data() + number * mixers_.size();
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            std::size_t set = 0;
            for (const Selector& by : settings_.mixers[m].selectors)
                set = set * by.count + chosen(by, symbol, d, node, given);
            mixed[m].set = static_cast<std::uint32_t>(set);
            const std::int16_t* weights = mixers_[m].weights.data() + set * weights_;
            for (std::size_t i = 0; i < weights_; i += 32) prefetch(weights + i);
        }
    }

    // The probability that it is 1, in units of 2^-28.
    std::int32_t predict(std::size_t symbol, unsigned d) {
        const std::size_t number = symbol * settings_.decisions + d;
        Mixed* mixed = mixed_.data() + number * mixers_.size();
        std::array<const std::int16_t*, MixingSettings::most_mixers> weights;
        std::array<std::int64_t, MixingSettings::most_mixers> sums;
        for (std::size_t m = 0; m < mixers_.size(); ++m)
            weights[m] = mixers_[m].weights.data() + mixed[m].set * weights_;
        kernels_.mix(weights.data(), mixers_.size(), inputs_of(symbol, d), sums.data());
        constexpr std::int64_t reach = LogisticTables::reach;
        std::int32_t sum = 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            const auto t = static_cast<std::int32_t>(
                std::clamp(sums[m] >> (weight_bits - 1), -reach, reach - 1));
            mixed[m].probability = logistic_.squash(t);
            sum += t;
        }
        const auto count = static_cast<std::int32_t>(mixers_.size());
        const std::int32_t odds = sum / count - (sum % count < 0 ? 1 : 0);
        return mapped(odds, mixed);
    }

    // The decisions of a symbol are soon learned.
    void expect(std::size_t symbol) const {
        const std::size_t count = settings_.decisions * mixers_.size();
        const Mixed* mixed = mixed_.data() + symbol * count;
        for (std::size_t k = 0; k < count; ++k) {
            if (mixed[k].probability == 0) continue;
            const std::size_t m = k % mixers_.size();
            const std::int16_t* weights = mixers_[m].weights.data() + mixed[k].set * weights_;
            prefetch(weights + uses_);
            if (!maps_.empty()) maps_[m].expect(mixed[k].entry);
        }
    }
    // Takes decision d of a symbol, if it was predicted.
    void learn(std::size_t symbol, unsigned d, std::uint32_t bit) {
        const std::size_t number = symbol * settings_.decisions + d;
        const Mixed* mixed = mixed_.data() + number * mixers_.size();
        if (mixed[0].probability == 0) return;
        const MixerInputs inputs = inputs_of(symbol, d);
        const std::int64_t goal = bit != 0 ? 1 << 28 : 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            std::int16_t* weights = mixers_[m].weights.data() + mixed[m].set * weights_;
            std::int16_t& uses = weights[uses_];
            const std::vector<std::int32_t>& rates = mixers_[m].rates;
            const std::int64_t change =
                (goal - mixed[m].probability) * rates[static_cast<std::size_t>(uses)];
            const auto error =
                static_cast<std::int16_t>((change + (1 << (error_shift - 1))) >> error_shift);
            if (static_cast<std::size_t>(uses) + 1 < rates.size()) ++uses;
            if (error != 0) kernels_.adjust(weights, inputs, error);
        }
        for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].learn(mixed[m].entry, bit);
        kernels_.learn(slots_of(symbol, d), rates_.data(), limits_.data(), contexts(), bit);
    }

  private:
    static constexpr std::size_t in_a_line = cache_line / sizeof(std::uint32_t);  // slots
    static constexpr std::size_t lanes = 16;
    static constexpr std::int16_t bias = 1 << 7;
    static constexpr unsigned weight_bits = 14;  // of a weight of 1
    static constexpr unsigned error_shift = 40 - weight_bits;
    static constexpr std::uint32_t fresh = 1u << 31;  // a half, and nothing counted

    struct Mixer {
        // Those of a set, as the inputs are, with how often it has learned, up to where that no
        // longer matters.
        Aligned<std::int16_t> weights;
        std::vector<std::int32_t> rates;  // of learning, by that

        Mixer(const MixerSettings& of, const ContextMixer& in) : weights(of.sets() * in.weights_) {
            const auto start = static_cast<std::int16_t>(of.start);
            for (std::size_t set = 0; set < of.sets(); ++set) {
                std::int16_t* own = weights.data() + set * in.weights_;
                std::fill_n(own, in.contexts(), start);
                if (in.settings_.beside == Beside::network)
                    own[in.given_] = static_cast<std::int16_t>(1 << weight_bits);
                if (in.settings_.beside == Beside::blend) own[in.given_] = start;
            }
            do {
                const auto uses = static_cast<std::int32_t>(rates.size());
                rates.push_back(std::max(16 * of.first_rate / (16 + uses), of.last_rate));
            } while (rates.back() > of.last_rate);
        }
    };

    // What a mixer made of a decision; a probability of 0 if it was none.
    struct Mixed {
        std::uint32_t set = 0;
        std::int32_t probability = 0;
        std::uint32_t entry = 0;  // of its probability map
    };

    // The probability of a one, of these log-odds by all mixers.
    std::int32_t mapped(std::int32_t odds, Mixed* mixed) const {
        const std::int32_t p = logistic_.squash(odds);
        if (maps_.empty()) return p;
        std::int64_t sum = std::int64_t{settings_.maps.weight} * p;
        for (std::size_t m = 0; m < maps_.size(); ++m) {
            const ProbabilityMap::Found found = maps_[m].find(mixed[m].set, odds);
            mixed[m].entry = found.entry;
            sum += std::int64_t{found.probability} << 6;
        }
        const auto weights = static_cast<std::int64_t>(settings_.maps.weight + maps_.size());
        return static_cast<std::int32_t>(sum / weights);
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
        return (symbol * settings_.groups() + d / settings_.together) * padded_;
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
        return {inputs_.data() + (symbol * settings_.decisions + d) * stride_, stride_,
                seen_.data() + symbol * features_, features_};
    }

    std::uint32_t chosen(const Selector& by, std::size_t symbol, unsigned d, std::uint32_t node,
                         std::int32_t given) const {
        switch (by.kind) {
            case Selector::Kind::known:
                return static_cast<std::uint32_t>(std::bit_width(counts_[by.number] + 1)) - 1;
            case Selector::Kind::node:
                return node;
            case Selector::Kind::depth:
                return d;
            case Selector::Kind::odds:
                return static_cast<std::uint32_t>(std::clamp((given + (1 << 14)) >> 11, 0, 15));
            default:
                return values_[symbol * values_of_a_symbol_ + by.number];
        }
    }

    const MixingSettings& settings_;
    const LogisticTables& logistic_;
    const MixingKernels& kernels_ = mixing_kernels();
    // The inputs of a decision: the log-odds of all contexts, padded to eights; likewise the
    // probabilities as far as they are trusted; in the padding, or behind them, a constant, a zero,
    // at whose place weights have how often they learned, and the log-odds by a model beside. The
    // features of a symbol are inputs of all of its decisions.
    std::size_t padded_;
    std::size_t stride_;
    std::size_t features_;
    std::size_t weights_ = 0;  // of a set
    std::size_t bias_ = 0;
    std::size_t uses_ = 0;
    std::size_t given_ = 0;
    std::size_t taken_ = 0;  // of the places in the padding and behind it
    std::vector<ContextTable> tables_;
    Aligned<std::uint32_t> slots_;     // of all contexts
    std::vector<std::int32_t> rates_;  // of each context, by its count
    std::vector<std::uint32_t> limits_;
    std::vector<Mixer> mixers_;
    std::vector<ProbabilityMap> maps_;  // of each mixer, if there are any
    // Of the symbols of the step.
    std::size_t values_of_a_symbol_;
    std::vector<std::uint64_t> keys_;
    std::vector<std::uint32_t> values_;
    Aligned<std::int16_t> seen_;
    std::vector<std::uint32_t> lines_;
    std::vector<std::uint32_t> checks_;
    // Of their decisions.
    std::vector<std::uint32_t> numbers_;  // of slots
    Aligned<std::int16_t> inputs_;
    std::vector<Mixed> mixed_;
    std::vector<std::uint32_t>
        direct_;  // of each context, all ones if its keys have their own slots
    std::vector<std::uint32_t> counts_;  // of the one that is predicted
};

}  // namespace bitsback
