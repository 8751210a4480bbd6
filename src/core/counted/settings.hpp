// What a model says of the contexts of pixels, checked.
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

// A number that a pixel's surroundings or its place give, from 0 to count - 1.
struct Term {
    // Prediction and unit: by a blend of predictors. Equal: whether a pixel is as the candidate.
    enum class Kind { sum, row, column, channel, prediction, unit, candidate, equal };
    struct Part {
        Site site;
        std::int32_t weight;

        bool operator==(const Part&) const = default;
    };

    Kind kind;
    std::vector<Part> parts;  // of a sum, or the one that may be equal
    unsigned shift;
    std::int32_t low;  // where what is left of it begins and ends
    std::int32_t high;
    std::vector<std::int32_t> steps;  // in place of shift, low and high: how many are no more

    std::uint32_t count() const {
        return steps.empty() ? static_cast<std::uint32_t>(high - low) + 1
                             : static_cast<std::uint32_t>(steps.size()) + 1;
    }
    unsigned bits() const { return static_cast<unsigned>(std::bit_width(count() - 1)); }
    bool operator==(const Term&) const = default;

    // Whether it is a symbol, as it is or without its last bits.
    bool is_symbol() const {
        return kind == Kind::sum && parts.size() == 1 && parts[0].weight == 1 && steps.empty() &&
               low == 0 && high >= 255 >> shift;
    }
    bool needs_candidate() const { return kind == Kind::candidate || kind == Kind::equal; }
    // Whether it is a symbol of two levels as it is.
    bool is_bit() const {
        return kind == Kind::sum && parts.size() == 1 && parts[0].weight == 1 && shift == 0 &&
               steps.empty() && low == 0 && high == 1;
    }

    std::uint32_t of(std::int32_t value) const {
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
    static constexpr std::int32_t reach = 15;  // of a site
    static constexpr std::int32_t most_back = 15;
    static constexpr std::size_t most_predictors = 32;

    // contexts: the terms of each. values: those by which mixers are chosen. lag: columns that a
    // row is coded behind the one above. queues: items that are coded at the same time.
    // predictors: those of which a blend stands beside the contexts, or none. candidate: the
    // settings of the decision whether a symbol is as its candidate, before the others, or nothing.
    // memory: in those settings, the context that remembers candidates; those with fewer failures
    // than `sure` are taken without contexts. flat: what is counted in place of contexts where all
    // around is 0, or nothing.
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
                "predictors are blended for the tree, by a lag of 2 or more");
        mixing_.blended = !predictors_.empty();
        const auto bits = static_cast<unsigned>(std::bit_width(levels - 1));
        mixing_.node_bits = bits;
        mixing_.decisions = memory_ ? 1 : bits;
        mixing_.nodes = memory_ ? 1u << bits : (1u << bits) - 1;
        require(candidate_ == nullptr ||
                    (candidate_->levels_ == levels && candidate_->memory_ && !memory_),
                "candidates are symbols of the same levels");
        require(precision >= 16 && precision <= max_precision, "the precision is 16 to 24");
        require(lag >= 1 && lag <= 4096 && queues >= 1 && queues <= 256,
                "the lag is 1 to 4,096, and the queues are 1 to 256");
        require(contexts_.size() == mixing_.contexts.size() && values_.size() <= 64,
                "each context has terms");
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
                    "a predictor is a sum, of as many values as there are levels");
        }
        if (flat_) require_flat();
        require(!memory_ || (*memory_ < contexts_.size() &&
                             std::ranges::none_of(contexts_[*memory_], &Term::needs_candidate)),
                "a context that remembers candidates does not depend on them");
        for (MixerSettings& of : mixing_.mixers) {
            require(of.selectors.size() <= 8, "a mixer is chosen by at most 8 numbers");
            for (Selector& by : of.selectors) {
                using Kind = Selector::Kind;
                require(by.kind != Kind::value || by.number < values_.size(),
                        "a mixer is chosen by a value that there is");
                require(!memory_ ? by.kind != Kind::failures
                                 : by.kind != Kind::node && by.kind != Kind::depth,
                        "a mixer is chosen by what there is of its decision");
                if (by.kind == Kind::failures) by.number = values_.size();
                by.count = by.kind == Kind::value      ? values_[by.number].count()
                           : by.kind == Kind::node     ? 1u << mixing_.decisions
                           : by.kind == Kind::depth    ? mixing_.decisions
                           : by.kind == Kind::odds     ? 16
                           : by.kind == Kind::failures ? SymbolMemory::failures
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
    // Of the decision whether a symbol is its candidate, or nothing.
    const CountedSettings* candidate() const { return candidate_.get(); }
    std::optional<std::size_t> memory() const { return memory_; }
    unsigned sure() const { return sure_; }
    const std::optional<FlatSettings>& flat() const { return flat_; }
    // Whether all that is looked at are pixels of two levels as they are.
    bool of_bits() const { return bits_; }
    // Planes back that are looked at, at most.
    std::int32_t back() const { return back_; }

  private:
    void require_term(const Term& of) {
        constexpr std::int32_t most = 1 << 20;
        require(of.shift <= 15 && of.low >= -most && of.high <= most && of.low <= of.high &&
                    of.high - of.low < 1 << 16 && of.steps.size() <= 255,
                "a term has a shift of 0 to 15 and at most 2^16 values");
        for (std::size_t i = 0; i < of.steps.size(); ++i)
            require(std::abs(of.steps[i]) <= most && (i == 0 || of.steps[i - 1] < of.steps[i]),
                    "the steps of a term rise");
        const bool equal = of.kind == Term::Kind::equal;
        require(!equal || of.parts.size() == 1, "one pixel is compared with a candidate");
        require(!of.needs_candidate() || candidate_ != nullptr || memory_,
                "a context holds a candidate where there is one");
        const bool sums = of.kind == Term::Kind::sum || equal;
        require(
            mixing_.blended || (of.kind != Term::Kind::prediction && of.kind != Term::Kind::unit),
            "a context holds predictions where there are some");
        require(of.parts.size() <= 16 && sums == !of.parts.empty(), "a sum has 1 to 16 parts");
        for (const Term::Part& part : of.parts) {
            require(std::abs(part.weight) <= 64, "a weight is at most 64");
            require_site(part.site);
        }
        bits_ = bits_ && of.is_bit();
    }
    void require_site(const Site& site) {
        const auto [back, rows, columns] = site;
        require(
            back >= 0 && back <= most_back && std::abs(rows) <= reach && std::abs(columns) <= reach,
            "a pixel of a context lies within 15 rows, columns and planes");
        require(back > 0 || rows < 0 || (rows == 0 && columns < 0),
                "a pixel of a context comes before the one that it is for");
        const auto lag = static_cast<std::int32_t>(lag_);
        require(back > 0 || rows == 0 || columns + 1 <= lag * -rows,
                "a pixel of a context is coded at an earlier time");
        back_ = std::max(back_, back);
    }
    void require_flat() {
        const FlatSettings& of = *flat_;
        require(bits_, "what is flat is of two levels, in contexts of pixels");
        require(of.offset >= 16 && of.offset <= 255 && of.limit >= 1 &&
                    of.limit < 1u << mixing_.count_bits,
                "what is flat has an offset of 16 to 255, and a limit that a count has room for");
        require(of.regions.size() <= FlatSettings::most_regions, "there are at most 8 regions");
        const auto check = [&](const std::vector<Site>& sites) {
            require(!sites.empty() && sites.size() <= FlatSettings::most_sites,
                    "a region has 1 to 64 pixels");
            for (const Site& site : sites) require_site(site);
        };
        check(of.around);
        for (const std::vector<Site>& region : of.regions) check(region);
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
