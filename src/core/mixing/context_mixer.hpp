// Binary decisions by contexts whose probabilities are counted as they come and mixed in the
// logistic domain (Mahoney 2005). Those of a step are all predicted before any is learned.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "context_table.hpp"
#include "kernels.hpp"
#include "logistic.hpp"
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
          stride_((settings.inputs() + 8) / 8 * 8),
          values_of_a_symbol_(values),
          counts_(settings.contexts.size()) {
        for (std::size_t c = 0; c < settings.contexts.size(); ++c)
            tables_.emplace_back(settings, c, elements);
        for (const MixerSettings& of : settings.mixers) mixers_.emplace_back(of, *this);
    }

    std::size_t contexts() const { return tables_.size(); }
    // Whether the key of a context is wanted as it is, and not its hash.
    bool direct(std::size_t context) const { return tables_[context].direct(); }

    // A step of so many symbols begins.
    void begin(std::size_t symbols) {
        const std::size_t all = symbols * settings_.decisions;
        keys_.resize(symbols * contexts());
        values_.resize(symbols * values_of_a_symbol_);
        lines_.resize(symbols * settings_.groups() * contexts());
        slots_.resize(all * contexts());
        inputs_.resize(all * stride_);
        mixed_.assign(all * mixers_.size(), {});
    }
    // The keys of a symbol, one for each context, and the values by which mixers are chosen.
    std::uint64_t* keys(std::size_t symbol) { return keys_.data() + symbol * contexts(); }
    std::uint32_t* values(std::size_t symbol) {
        return values_.data() + symbol * values_of_a_symbol_;
    }

    // Finds the slots of a group of decisions of a symbol, the first of which is d, at this node.
    void find(std::size_t symbol, unsigned d, std::uint32_t node) {
        const std::uint64_t* keys = keys_.data() + symbol * contexts();
        ContextTable::Line* lines = lines_of(symbol, d);
        for (std::size_t c = 0; c < contexts(); ++c) {
            lines[c] = tables_[c].line(keys[c], node);
            prefetch(tables_[c].at(tables_[c].slot(lines[c], node, 1)));
        }
    }

    // The probability that decision d of a symbol, at this node, is 1, in units of 2^-28.
    std::int32_t predict(std::size_t symbol, unsigned d, std::uint32_t node) {
        const unsigned depth = d % MixingSettings::together;
        const std::uint32_t within = 1u << depth | (node & ((1u << depth) - 1));
        const std::size_t number = symbol * settings_.decisions + d;
        const ContextTable::Line* lines = lines_of(symbol, d);
        std::uint32_t* slots = slots_.data() + number * contexts();
        std::int32_t* inputs = inputs_.data() + number * stride_;
        for (std::size_t c = 0; c < contexts(); ++c) {
            slots[c] = tables_[c].slot(lines[c], node, within);
            const auto [p, count] = tables_[c].look(slots[c], lines[c].check);
            counts_[c] = count;
            inputs[2 * c] = count == 0 ? 0 : logistic_.stretch(p);
            inputs[2 * c + 1] = (static_cast<std::int32_t>(p) - (1 << 21)) *
                                    static_cast<std::int32_t>(std::min(count, settings_.trust)) >>
                                13;
        }
        inputs[2 * contexts()] = bias;
        Mixed* mixed = mixed_.data() + number * mixers_.size();
        std::int32_t sum = 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            std::size_t set = 0;
            for (const Selector& by : settings_.mixers[m].selectors)
                set = set * by.count + chosen(by, symbol, d, node);
            const std::int32_t t = mix(mixers_[m].weights.data() + set * stride_, inputs);
            mixed[m] = {static_cast<std::uint32_t>(set), logistic_.squash(t)};
            sum += t;
        }
        if (mixers_.size() == 1) return mixed[0].probability;
        const auto count = static_cast<std::int32_t>(mixers_.size());
        return logistic_.squash(sum / count - (sum % count < 0 ? 1 : 0));
    }

    // Takes decision d of a symbol, if it was predicted.
    void learn(std::size_t symbol, unsigned d, std::uint32_t bit) {
        const std::size_t number = symbol * settings_.decisions + d;
        const Mixed* mixed = mixed_.data() + number * mixers_.size();
        if (mixed[0].probability == 0) return;
        const std::int32_t* inputs = inputs_.data() + number * stride_;
        const std::int64_t goal = bit != 0 ? 1 << 28 : 0;
        for (std::size_t m = 0; m < mixers_.size(); ++m) {
            std::int32_t* weights = mixers_[m].weights.data() + mixed[m].set * stride_;
            std::int32_t& uses = weights[stride_ - 1];
            const std::vector<std::int32_t>& rates = mixers_[m].rates;
            const std::int64_t error =
                (goal - mixed[m].probability) * rates[static_cast<std::size_t>(uses)] >> 8;
            if (static_cast<std::size_t>(uses) + 1 < rates.size()) ++uses;
            kernels_.adjust(weights, inputs, static_cast<std::int32_t>(error), stride_);
        }
        const ContextTable::Line* lines = lines_of(symbol, d);
        const std::uint32_t* slots = slots_.data() + number * contexts();
        for (std::size_t c = 0; c < contexts(); ++c)
            tables_[c].learn(slots[c], lines[c].check, bit);
    }

  private:
    static constexpr std::int32_t bias = 1 << 8;

    struct Mixer {
        // Those of a set, with how often it has learned behind them, up to where that no longer
        // matters.
        std::vector<std::int32_t> weights;
        std::vector<std::int32_t> rates;  // of learning, by that

        Mixer(const MixerSettings& of, const ContextMixer& in) : weights(of.sets() * in.stride_) {
            for (std::size_t set = 0; set < of.sets(); ++set)
                for (std::size_t c = 0; c < in.contexts(); ++c)
                    weights[set * in.stride_ + 2 * c] = of.start;
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
    };

    static void prefetch([[maybe_unused]] const void* at) {
#if defined(__GNUC__)
        __builtin_prefetch(at);
#endif
    }

    ContextTable::Line* lines_of(std::size_t symbol, unsigned d) {
        return lines_.data() +
               (symbol * settings_.groups() + d / MixingSettings::together) * contexts();
    }

    std::int32_t mix(const std::int32_t* weights, const std::int32_t* inputs) const {
        constexpr std::int64_t reach = LogisticTables::reach;
        const std::int64_t sum = kernels_.dot(weights, inputs, stride_);
        return static_cast<std::int32_t>(std::clamp(sum >> 16, -reach, reach - 1));
    }

    std::uint32_t chosen(const Selector& by, std::size_t symbol, unsigned d,
                         std::uint32_t node) const {
        switch (by.kind) {
            case Selector::Kind::known:
                return static_cast<std::uint32_t>(std::bit_width(counts_[by.number] + 1)) - 1;
            case Selector::Kind::node:
                return node;
            case Selector::Kind::depth:
                return d;
            default:
                return values_[symbol * values_of_a_symbol_ + by.number];
        }
    }

    const MixingSettings& settings_;
    const LogisticTables& logistic_;
    const MixingKernels& kernels_ = mixing_kernels();
    std::size_t stride_;
    std::vector<ContextTable> tables_;
    std::vector<Mixer> mixers_;
    // Of the symbols of the step.
    std::size_t values_of_a_symbol_;
    std::vector<std::uint64_t> keys_;
    std::vector<std::uint32_t> values_;
    std::vector<ContextTable::Line> lines_;
    // Of their decisions.
    std::vector<std::uint32_t> slots_;
    std::vector<std::int32_t> inputs_;
    std::vector<Mixed> mixed_;
    std::vector<std::uint32_t> counts_;  // of the one that is predicted
};

}  // namespace bitsback
