// The settings of contexts and mixers, and their validation. docs/model-format.md, M6.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "../codecs.hpp"

namespace bitsback {

// The adaptation of the slots of a context.
struct ContextSettings {
    unsigned bits;         // of its key
    std::uint32_t offset;  // in sixteenths: the first rate is 1 / offset
    std::uint32_t limit;   // of the count, which lowers the rate
};

// One factor of the index of a mixer's set of weights.
struct Selector {
    enum class Kind { known, node, depth, odds, failures, value };
    Kind kind;
    std::size_t number;   // of the context whose count selects, or of the value (also for failures)
    std::uint32_t count;  // number of its values
};

struct MixerSettings {
    std::vector<Selector> selectors;
    std::int32_t start;  // initial weight of each context's log-odds, in units of 2^-14
    // The first and the last learning rate, in units of 2^-16.
    std::int32_t first_rate;
    std::int32_t last_rate;

    std::size_t sets() const {
        std::size_t sets = 1;
        for (const Selector& selector : selectors) sets *= selector.count;
        return sets;
    }
};

// The optional probability maps of mixers.
struct MapSettings {
    std::uint32_t weight = 0;  // weight of the mixers; that of each map is 1
    std::uint32_t limit = 0;   // of the counts of entries; 0 without maps
};

struct MixingSettings {
    static constexpr std::size_t most_contexts = 32, most_mixers = 4, most_sets = 1 << 16;
    static constexpr unsigned together = 4;  // decisions of a group, whose slots share a line

    unsigned decisions;   // number of decisions of a symbol
    unsigned node_bits;   // bits of the numbers of nodes
    std::uint32_t nodes;  // nodes have the numbers 1 to `nodes`
    unsigned table;       // log2 of the largest number of slots of a context
    // Bits of a slot; the rest of its 32 bits is the check of the key.
    unsigned probability_bits;
    unsigned count_bits;
    std::uint32_t trust;  // the count from which on the confidence no longer grows
    bool blended;         // whether a blend provides another probability of each decision
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
        for (const ContextSettings& context : contexts)
            require(context.bits <= 512 && context.offset >= 16 && context.offset <= 255 &&
                        context.limit >= 1 && context.limit < 1u << count_bits,
                    "a context has a key of 512 bits at most, an offset of 16 to 255, and a limit "
                    "that fits in a count");
        require(maps.weight <= 16 && maps.limit <= 1023,
                "beside maps, the mixers have a weight from 0 to 16; counts of maps are limited to "
                "1,023");
        require(!mixers.empty() && mixers.size() <= most_mixers, "there are 1 to 4 mixers");
        for (const MixerSettings& mixer : mixers) {
            require(mixer.start >= 0 && mixer.start < 1 << 15 && mixer.last_rate >= 1 &&
                        mixer.last_rate <= mixer.first_rate && mixer.first_rate <= 2047,
                    "weights start within [0, 2^15 - 1], and rates of learning are 1 to 2,047");
            std::size_t sets = 1;
            for (const Selector& selector : mixer.selectors) {
                require(selector.count >= 1 && selector.count <= most_sets / sets,
                        "a mixer has at most 2^16 sets of weights");
                sets *= selector.count;
                require(selector.kind != Selector::Kind::known || selector.number < contexts.size(),
                        "a mixer selects by a context that does not exist");
                require(selector.kind != Selector::Kind::odds || blended,
                        "a mixer selects by the odds of a blend, but there is none");
            }
        }
    }

    unsigned check_bits() const { return 32 - probability_bits - count_bits; }
    std::size_t groups() const { return (decisions + together - 1) / together; }
    // Whether each key of a context has its own slots.
    bool direct(std::size_t c) const { return contexts[c].bits + node_bits <= table; }
    // log2 of the number of slots of any other context, for this number of symbols.
    unsigned slots(std::size_t elements) const {
        const std::size_t most = std::max<std::size_t>(elements * decisions, 2) - 1;
        return std::clamp<unsigned>(static_cast<unsigned>(std::bit_width(most)), 10, table);
    }
};

}  // namespace bitsback
