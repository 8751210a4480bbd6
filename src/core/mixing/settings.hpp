// What a model says of its contexts and of how their probabilities are mixed, checked.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "../codecs.hpp"

namespace bitsback {

// How the slots of a context adapt.
struct ContextSettings {
    unsigned bits;         // of its key
    std::uint32_t offset;  // in sixteenths: the first update is by 1 / offset
    std::uint32_t limit;   // of the count, by which the rate falls
};

// What chooses among the weights of a mixer, one number of the product of all.
struct Selector {
    enum class Kind { known, node, depth, odds, failures, value };
    Kind kind;
    std::size_t number;   // of the context whose count is meant, or of the value: failures are one
    std::uint32_t count;  // of its values
};

struct MixerSettings {
    std::vector<Selector> selectors;
    std::int32_t start;  // weight of each context's log-odds, in units of 2^-14
    // The rates of learning, in units of 2^-16: that of new weights, and the least.
    std::int32_t first_rate;
    std::int32_t last_rate;

    std::size_t sets() const {
        std::size_t sets = 1;
        for (const Selector& of : selectors) sets *= of.count;
        return sets;
    }
};

// The probability maps of mixers, if there are any.
struct MapSettings {
    std::uint32_t weight = 0;  // of what the mixers say; that of each map is 1
    std::uint32_t limit = 0;   // of the counts of entries, or 0 without maps
};

struct MixingSettings {
    static constexpr std::size_t most_contexts = 32, most_mixers = 4, most_sets = 1 << 16;
    static constexpr unsigned together = 4;  // decisions whose slots lie near one another

    unsigned decisions;   // of a symbol, one after the other
    unsigned node_bits;   // of the number of nodes at which decisions are made
    std::uint32_t nodes;  // they have the numbers 1 to so many
    unsigned table;       // log2 of the slots of a context, at most
    // Of a slot of 32 bits; what is left tells keys from one another.
    unsigned probability_bits;
    unsigned count_bits;
    std::uint32_t trust;  // the count from which on a probability is trusted no more
    bool blended;         // whether a blend gives a probability of each decision more
    std::vector<ContextSettings> contexts;
    std::vector<MixerSettings> mixers;
    MapSettings maps;

    void check() const {
        require(decisions >= 1 && decisions <= 8, "a symbol is 1 to 8 decisions");
        require(table >= 10 && table <= 24, "a table has 2^10 to 2^24 slots");
        require(probability_bits >= 12 && probability_bits <= 22 && count_bits >= 4 &&
                    count_bits <= 10 && probability_bits + count_bits <= 32,
                "a slot has a probability of 12 to 22 bits and a count of 4 to 10");
        require(trust >= 1 && trust <= 255, "a count is trusted up to 1 to 255");
        require(!contexts.empty() && contexts.size() <= most_contexts,
                "there are 1 to 32 contexts");
        for (const ContextSettings& of : contexts)
            require(of.bits <= 512 && of.offset >= 16 && of.offset <= 255 && of.limit >= 1 &&
                        of.limit < 1u << count_bits,
                    "a context has a key of 512 bits at most, an offset of 16 to 255, and a limit "
                    "that a count has room for");
        require(maps.weight <= 16 && maps.limit <= 1023,
                "mixers weigh 0 to 16 beside their maps, which count up to 1,023");
        require(!mixers.empty() && mixers.size() <= most_mixers, "there are 1 to 4 mixers");
        for (const MixerSettings& of : mixers) {
            require(of.start >= 0 && of.start < 1 << 15 && of.last_rate >= 1 &&
                        of.last_rate <= of.first_rate && of.first_rate <= 2047,
                    "weights start within [0, 2^15 - 1], and rates of learning are 1 to 2,047");
            std::size_t sets = 1;
            for (const Selector& by : of.selectors) {
                require(by.count >= 1 && by.count <= most_sets / sets,
                        "a mixer has at most 2^16 sets of weights");
                sets *= by.count;
                require(by.kind != Selector::Kind::known || by.number < contexts.size(),
                        "a mixer is chosen by a context that there is");
                require(by.kind != Selector::Kind::odds || blended,
                        "a mixer is chosen by the odds of a blend that there is");
            }
        }
    }

    unsigned check_bits() const { return 32 - probability_bits - count_bits; }
    std::size_t groups() const { return (decisions + together - 1) / together; }
    // Whether each key of a context has slots of its own.
    bool direct(std::size_t c) const { return contexts[c].bits + node_bits <= table; }
    // log2 of the slots of a context that has not, for so many symbols.
    unsigned slots(std::size_t elements) const {
        const std::size_t most = std::max<std::size_t>(elements * decisions, 2) - 1;
        return std::clamp<unsigned>(static_cast<unsigned>(std::bit_width(most)), 10, table);
    }
};

}  // namespace bitsback
