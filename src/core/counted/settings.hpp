// The validated settings of a counted distribution. docs/model-format.md, Counted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../mixing/settings.hpp"
#include "flat_surroundings.hpp"
#include "symbol_memory.hpp"

namespace bitsback {

// A number in [0, count) that depends on a pixel's surroundings or on its place.
struct Term {
    // prediction, unit: those of a blend of predictors. equal: whether a neighbour equals the
    // candidate.
    enum class Kind { sum, row, column, channel, prediction, unit, candidate, equal };
    struct Part {
        Site site;
        std::int32_t weight;

        bool operator==(const Part&) const = default;
    };

    Kind kind;
    std::vector<Part> parts;  // of a sum, or the neighbour of `equal`
    unsigned shift;
    std::int32_t low;  // bounds of the shifted value
    std::int32_t high;
    std::vector<std::int32_t> steps;  // replaces shift, low and high: counts the steps <= the value

    std::uint32_t count() const {
        return steps.empty() ? static_cast<std::uint32_t>(high - low) + 1
                             : static_cast<std::uint32_t>(steps.size()) + 1;
    }
    unsigned bits() const { return static_cast<unsigned>(std::bit_width(count() - 1)); }
    bool operator==(const Term&) const = default;

    // Whether the term is a symbol, or its upper bits.
    bool is_symbol() const {
        return kind == Kind::sum && parts.size() == 1 && parts[0].weight == 1 && steps.empty() &&
               low == 0 && high >= 255 >> shift;
    }
    bool needs_candidate() const { return kind == Kind::candidate || kind == Kind::equal; }
    // Whether the term is a symbol of two levels.
    bool is_bit() const {
        return kind == Kind::sum && parts.size() == 1 && parts[0].weight == 1 && shift == 0 &&
               steps.empty() && low == 0 && high == 1;
    }

    std::uint32_t quantised(std::int32_t value) const {
        if (steps.empty())
            return static_cast<std::uint32_t>(std::clamp(value >> shift, low, high) - low);
        std::uint32_t count = 0;
        for (const std::int32_t step : steps) count += step <= value;
        return count;
    }
};

using Terms = std::vector<Term>;

class CountedSettings {
  public:
    static constexpr std::int32_t reach = 15;  // largest distance of a site, in rows and columns
    static constexpr std::int32_t most_back = 15;
    static constexpr std::size_t most_predictors = 32;

    // contexts: the terms of each. values: terms that select weights of mixers. lag: the number of
    // columns by which a row is coded later than the row above. queues: the number of items that
    // are coded at the same time. predictors: those of the blend, or none. candidate: the settings
    // of the first decision, whether a symbol equals its candidate, or null. memory: in those
    // settings, the context whose last symbol is the candidate. sure: in those settings, candidates
    // with fewer failures are coded without contexts. flat: the settings of flat surroundings, or
    // nothing.
    CountedSettings(MixingSettings mixing, std::uint32_t levels, unsigned precision,
                    std::size_t lag, std::size_t queues, std::vector<Terms> contexts, Terms values,
                    Terms predictors, std::shared_ptr<const CountedSettings> candidate,
                    std::optional<std::size_t> memory, unsigned sure,
                    std::optional<FlatSettings> flat)
        : mixing_(std::move(mixing)),
          levels_(levels),
          precision_(precision),
          lag_(lag),
          queues_(queues),
          contexts_(std::move(contexts)),
          values_(std::move(values)),
          predictors_(std::move(predictors)),
          candidate_(std::move(candidate)),
          memory_(memory),
          sure_(sure),
          flat_(std::move(flat)) {
        require(levels >= 2 && levels <= 256, "there are 2 to 256 levels");
        require(sure <= SymbolMemory::failures, "candidates have at most 15 failures");
        require(predictors_.empty() || (!memory_ && lag >= 2),
                "predictors need a lag of 2 or more, and are not for the decision of candidates");
        mixing_.blended = !predictors_.empty();
        const auto bits = static_cast<unsigned>(std::bit_width(levels - 1));
        mixing_.node_bits = bits;
        mixing_.decisions = memory_ ? 1 : bits;
        mixing_.nodes = memory_ ? 1u << bits : (1u << bits) - 1;
        require(candidate_ == nullptr ||
                    (candidate_->levels_ == levels && candidate_->memory_ && !memory_),
                "the decision of candidates needs the same levels, and a memory");
        require(precision >= 16 && precision <= max_precision, "the precision is 16 to 24");
        require(lag >= 1 && lag <= 4096 && queues >= 1 && queues <= 256,
                "the lag is 1 to 4,096, and the queues are 1 to 256");
        require(contexts_.size() == mixing_.contexts.size() && values_.size() <= 64,
                "each context needs its terms, and there are at most 64 values");
        bits_ = levels == 2 && candidate_ == nullptr && !memory_ && predictors_.empty();
        for (std::size_t c = 0; c < contexts_.size(); ++c) {
            require(contexts_[c].size() <= 64, "a context has at most 64 terms");
            mixing_.contexts[c].bits = 0;
            for (const Term& term : contexts_[c]) {
                require_term(term);
                mixing_.contexts[c].bits += term.bits();
            }
        }
        for (const Term& term : values_) require_term(term);
        require(predictors_.size() <= most_predictors, "there are at most 32 predictors");
        for (const Term& term : predictors_) {
            require_term(term);
            require(term.kind == Term::Kind::sum && term.steps.empty() && term.count() <= levels,
                    "a predictor is a sum with at most as many values as there are levels");
        }
        if (flat_) require_flat();
        require(!memory_ || (*memory_ < contexts_.size() &&
                             std::ranges::none_of(contexts_[*memory_], &Term::needs_candidate)),
                "the memory of candidates is a context that does not depend on them");
        for (MixerSettings& mixer : mixing_.mixers) {
            require(mixer.selectors.size() <= 8, "a mixer has at most 8 selectors");
            for (Selector& selector : mixer.selectors) {
                using Kind = Selector::Kind;
                require(selector.kind != Kind::value || selector.number < values_.size(),
                        "a mixer selects by a value that does not exist");
                require(!memory_ ? selector.kind != Kind::failures
                                 : selector.kind != Kind::node && selector.kind != Kind::depth,
                        "a mixer selects by a property that its decision does not have");
                if (selector.kind == Kind::failures) selector.number = values_.size();
                selector.count = selector.kind == Kind::value   ? values_[selector.number].count()
                                 : selector.kind == Kind::node  ? 1u << mixing_.decisions
                                 : selector.kind == Kind::depth ? mixing_.decisions
                                 : selector.kind == Kind::odds  ? 16
                                 : selector.kind == Kind::failures ? SymbolMemory::failures
                                                                   : 11;
            }
        }
        mixing_.check();
    }

    const MixingSettings& mixing() const { return mixing_; }
    std::uint32_t levels() const { return levels_; }
    unsigned precision() const { return precision_; }
    std::size_t lag() const { return lag_; }
    std::size_t queues() const { return queues_; }
    const std::vector<Terms>& contexts() const { return contexts_; }
    const Terms& values() const { return values_; }
    const Terms& predictors() const { return predictors_; }
    // The settings of the decision whether a symbol equals its candidate, or null.
    const CountedSettings* candidate() const { return candidate_.get(); }
    std::optional<std::size_t> memory() const { return memory_; }
    unsigned sure() const { return sure_; }
    const std::optional<FlatSettings>& flat() const { return flat_; }
    // Whether all terms are plain pixels of two levels.
    bool of_bits() const { return bits_; }
    // The largest distance to a plane that a term reads.
    std::int32_t back() const { return back_; }

  private:
    void require_term(const Term& term) {
        constexpr std::int32_t most = 1 << 20;
        require(term.shift <= 15 && term.low >= -most && term.high <= most &&
                    term.low <= term.high && term.high - term.low < 1 << 16 &&
                    term.steps.size() <= 255,
                "a term has a shift of 0 to 15 and at most 2^16 values");
        for (std::size_t i = 0; i < term.steps.size(); ++i)
            require(
                std::abs(term.steps[i]) <= most && (i == 0 || term.steps[i - 1] < term.steps[i]),
                "the steps of a term must increase");
        const bool equal = term.kind == Term::Kind::equal;
        require(!equal || term.parts.size() == 1, "a term compares one pixel with the candidate");
        require(!term.needs_candidate() || candidate_ != nullptr || memory_,
                "a term uses a candidate, but the model has none");
        const bool sums = term.kind == Term::Kind::sum || equal;
        require(mixing_.blended ||
                    (term.kind != Term::Kind::prediction && term.kind != Term::Kind::unit),
                "a term uses predictions, but the model has no predictors");
        require(term.parts.size() <= 16 && sums == !term.parts.empty(), "a sum has 1 to 16 parts");
        for (const Term::Part& part : term.parts) {
            require(std::abs(part.weight) <= 64, "a weight is at most 64");
            require_site(part.site);
        }
        bits_ = bits_ && term.is_bit();
    }
    void require_site(const Site& site) {
        const auto [back, rows, columns] = site;
        require(
            back >= 0 && back <= most_back && std::abs(rows) <= reach && std::abs(columns) <= reach,
            "a pixel of a context lies within 15 rows, columns and planes");
        require(back > 0 || rows < 0 || (rows == 0 && columns < 0),
                "a pixel of a context must precede the predicted one");
        const auto lag = static_cast<std::int32_t>(lag_);
        require(back > 0 || rows == 0 || columns + 1 <= lag * -rows,
                "a pixel of a context must be coded at an earlier time");
        back_ = std::max(back_, back);
    }
    void require_flat() {
        const FlatSettings& flat = *flat_;
        require(bits_, "flat surroundings need two levels, and contexts of plain pixels");
        require(
            flat.offset >= 16 && flat.offset <= 255 && flat.limit >= 1 &&
                flat.limit < 1u << mixing_.count_bits,
            "flat surroundings need an offset from 16 to 255, and a limit that fits in a count");
        require(flat.regions.size() <= FlatSettings::most_regions, "there are at most 8 regions");
        const auto check = [&](const std::vector<Site>& sites) {
            require(!sites.empty() && sites.size() <= FlatSettings::most_sites,
                    "a region has 1 to 64 pixels");
            for (const Site& site : sites) require_site(site);
        };
        check(flat.around);
        for (const std::vector<Site>& region : flat.regions) check(region);
    }

    MixingSettings mixing_;
    std::uint32_t levels_;
    unsigned precision_;
    std::size_t lag_;
    std::size_t queues_;
    std::vector<Terms> contexts_;
    Terms values_;
    Terms predictors_;
    std::shared_ptr<const CountedSettings> candidate_;
    std::optional<std::size_t> memory_;
    unsigned sure_;
    std::optional<FlatSettings> flat_;
    bool bits_ = false;
    std::int32_t back_ = 0;
};

}  // namespace bitsback
