// The pixels of a batch in their order, with the contexts and the mixer that follow them, a
// candidate that may come first, and a network or a blend of predictors that may stand beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "../mixing/context_mixer.hpp"
#include "candidate_first.hpp"
#include "order.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

// Nothing. What stands beside contexts (predictive/beside.hpp, blending.hpp) has the same members:
// `begin` and `end` of an item's time, `add` of each pixel of a step, `look` at all of them,
// `foreseen` of a pixel before its tree, and of a network `describe`, its features for the mixers,
// then for each decision `divide`, `probability` and `put`, or `end_at` where what is left ends,
// and in the end `learn`.
struct NothingBeside {
    static constexpr bool exists = false, is_network = false;

    void begin(std::size_t, const ItemShape&) {}
    void end(std::size_t) {}
    template <class Picture>
    void add(std::size_t, const Picture&, std::size_t, std::size_t, std::size_t) {}
    void look() {}
    Foreseen foreseen(std::size_t) const { return {}; }
    void end_at(std::size_t, std::uint32_t) {}
    void put(std::size_t, std::uint32_t) {}
    void learn(std::size_t, std::uint32_t) {}
};

// Goes through a batch step by step: `next`; for each of the `decisions` `predict`, and `put` for
// each pixel of which it is open; then `learn`. With candidates, the first decision is whether a
// pixel is as its own; the tree is of those that are not, and of symbols that are not it. With
// quantiles, the pixels of which several symbols are left come last, by what is left of their
// distributions: `predict_rest`, and an interval of each.
template <class Picture, class Beside = NothingBeside>
class CountedCoder {
  public:
    // beside: what makes what stands beside.
    template <class... Arguments>
    CountedCoder(const CountedSettings& settings, const LogisticTables& logistic,
                 std::span<const ItemShape> shapes, const Arguments&... beside)
        : settings_(settings),
          logistic_(logistic),
          beside_(beside...),
          shapes_(shapes),
          decisions_(settings.mixing().decisions),
          mixer_(settings.mixing(), logistic, elements_of(shapes), settings.values().size()),
          order_(shapes, settings.lag(), settings.queues()),
          contexts_(settings) {
        if (settings.candidate() != nullptr)
            first_.emplace(*settings.candidate(), logistic, elements_of(shapes));
        if (settings.flat()) flat_.emplace(*settings.flat(), settings.mixing().probability_bits);
        std::size_t first = 0;
        for (const ItemShape& shape : shapes) {
            firsts_.push_back(first);
            first += shape.elements();
        }
    }

    static std::size_t elements_of(std::span<const ItemShape> shapes) {
        std::size_t elements = 0;
        for (const ItemShape& shape : shapes) elements += shape.elements();
        return elements;
    }

    // Goes to the pixels of the next time; whether there is one.
    bool next() {
        if (!order_.next()) return false;
        for (const std::size_t item : order_.ended()) {
            pictures_.erase(item);
            beside_.end(item);
        }
        pixels_.clear();
        for (const Front& front : order_.fronts()) add(front);
        beside_.look();
        mixer_.begin(pixels_.size());
        open_.resize(pixels_.size());
        frequencies_.resize(pixels_.size());
        mixed_.resize(pixels_.size());
        if (first_)
            guess();
        else
            for (std::size_t i = 0; i < pixels_.size(); ++i) {
                look(i, beside_.foreseen(i));
                if constexpr (Beside::is_network) beside_.describe(i, mixer_.features(i));
            }
        return true;
    }

    std::size_t pixels() const { return pixels_.size(); }
    // Where pixel i stands among the symbols of all items.
    std::size_t element(std::size_t i) const { return pixels_[i].element; }
    // Its symbol, once all of its decisions are known.
    std::uint32_t symbol(std::size_t i) const {
        if constexpr (Beside::is_network)
            if (settings_.quantiles() != 0) return beside_.left(i).low;
        return pixels_[i].node - (1u << decisions_);
    }

    // Of a pixel.
    unsigned decisions() const { return decisions_ + (first_ ? 1 : 0); }
    // The pixels of which a decision is open, and the frequencies of its being 1.
    void predict(unsigned decision) {
        opened_ = mixes_ = 0;
        guessing_ = first_ && decision == 0;
        if (guessing_) {
            for (std::size_t i = 0; i < pixels_.size(); ++i)
                if (first_->exists(i)) open(i, frequency(first_->predict(i)));
            return;
        }
        const unsigned d = depth_ = first_ ? decision - 1 : decision;
        if (d == 0) {
            missed_.clear();
            for (std::size_t i = 0; i < pixels_.size(); ++i)
                if (!pixels_[i].hit) missed_.push_back(static_cast<std::uint32_t>(i));
        }
        for (const std::uint32_t i : missed_) {
            Pixel& of = pixels_[i];
            if (first_ && d == 0) {
                Foreseen foreseen = beside_.foreseen(i);
                foreseen.candidate = first_->candidate(i);
                look(i, foreseen);
            }
            if constexpr (Beside::is_network) {
                if (settings_.quantiles() != 0) {
                    if (beside_.divide(i))
                        ask(i);
                    else
                        of.node *= 2;
                    continue;
                }
            }
            // The least symbol of the upper half of what is left.
            const std::uint32_t half = 1u << (decisions_ - 1 - d);
            const std::uint32_t middle = (2 * of.node + 1) * half - (1u << decisions_);
            if (!any(i, middle, std::min(middle + half, of.levels))) {
                of.node *= 2;
                if (middle < of.levels) beside_.end_at(i, middle);  // before a candidate
                continue;
            }
            if (!any(i, middle - half, middle)) {
                of.node = 2 * of.node + 1;
                continue;
            }
            if constexpr (Beside::exists) beside_.divide(i, middle);
            ask(i);
        }
        mix();
    }
    std::span<const std::uint32_t> open() const { return {open_.data(), opened_}; }
    std::uint32_t frequency_of(std::size_t k) const { return frequencies_[k]; }

    // How it comes out for pixel k of those of which it is open, if this is its symbol.
    std::uint32_t bit(std::size_t k, std::uint32_t symbol) const {
        if (guessing_) return symbol == first_->candidate(open_[k]) ? 1 : 0;
        if constexpr (Beside::is_network)
            if (settings_.quantiles() != 0) return symbol >= beside_.split(open_[k]) ? 1 : 0;
        return symbol >> (decisions_ - 1 - depth_) & 1;
    }
    // Takes it.
    void put(std::size_t k, std::uint32_t bit) {
        Pixel& of = pixels_[open_[k]];
        if (!guessing_) {
            of.node = 2 * of.node + bit;
            beside_.put(open_[k], bit);
        } else if (bit != 0) {
            of.hit = true;
            of.node = 1u << decisions_ | first_->candidate(open_[k]);
        }
    }

    // With quantiles: the pixels of which several symbols are left after all decisions.
    bool has_rest() const { return settings_.quantiles() != 0; }
    void predict_rest() {
        opened_ = 0;
        if constexpr (Beside::is_network)
            for (std::size_t i = 0; i < pixels_.size(); ++i)
                if (beside_.left(i).high - beside_.left(i).low > 1) open(i, 0);
    }
    Interval rest(std::size_t k, std::uint32_t symbol) const {
        if constexpr (Beside::is_network) return beside_.interval(open_[k], symbol);
        return {};
    }
    std::uint32_t find_rest(std::size_t k, std::uint32_t x) const {
        if constexpr (Beside::is_network) return beside_.find(open_[k], x);
        return 0;
    }
    void put_rest(std::size_t k, std::uint32_t symbol) {
        if constexpr (Beside::is_network) beside_.keep(open_[k], symbol);
    }

    // Learns the symbols of the step.
    void learn() {
        for (std::size_t i = 0; i < pixels_.size(); ++i) {
            const Pixel& at = pixels_[i];
            if (first_) first_->learn(i, symbol(i));
            if (at.flat) flat_->learn(at.key, symbol(i));
            mixer_.learn(i, at.node);
            at.picture->put(at.plane, at.row, at.column, symbol(i));
            beside_.learn(i, symbol(i));
        }
    }

  private:
    static constexpr bool of_bits = std::is_same_v<Picture, BitPicture>;

    struct Pixel {
        Picture* picture;
        std::size_t plane;
        std::size_t row;
        std::size_t column;
        std::size_t element;
        std::uint32_t levels;
        std::uint32_t node;             // what is known of it, below a one
        unsigned found = 0;             // decisions up to the last whose group has been found
        std::uint32_t probability = 0;  // of the decision, by what stands beside, in 2^-28
        bool hit = false;               // whether it is as its candidate
        bool flat = false;              // whether its surroundings are
        std::uint32_t key = 0;          // of those
    };

    void look(std::size_t i, const Foreseen& foreseen) {
        Pixel& at = pixels_[i];
        const auto direct = [&](std::size_t c) { return mixer_.direct(c); };
        if constexpr (of_bits) {
            at.picture->see(at.plane, at.row, at.column);
            at.flat = flat_ && at.levels > 1 && at.picture->is_flat();
            if (at.flat) {
                at.key = at.picture->flat_key();
                return;
            }
            at.picture->look(direct, mixer_.keys(i), mixer_.values(i));
        } else {
            at.picture->look(at.plane, at.row, at.column, foreseen, direct, mixer_.keys(i),
                             mixer_.values(i));
        }
        mixer_.start(i);
    }

    // A decision of a pixel, if both sides can be.
    void ask(std::uint32_t i) {
        Pixel& of = pixels_[i];
        if constexpr (Beside::exists) {
            of.probability = beside_.probability(i);
            if (of.probability == 0 || of.probability == 1u << 28) {
                of.node = 2 * of.node + (of.probability >> 28);
                beside_.put(i, of.probability >> 28);
                return;
            }
        }
        if constexpr (of_bits) {
            if (of.flat) return open(i, frequency(flat_->predict(of.key)));
        }
        if constexpr (Beside::exists) {
            if (is_sure(of.probability))
                return open(i, frequency(static_cast<std::int32_t>(of.probability)));
        }
        mixed_[mixes_++] = static_cast<std::uint32_t>(opened_);
        open(i, 0);
    }
    void open(std::size_t i, std::uint32_t frequency) {
        open_[opened_] = static_cast<std::uint32_t>(i);
        frequencies_[opened_++] = frequency;
    }

    // Finds the frequencies of the decisions that are mixed. What a decision needs of large tables
    // is asked for some decisions before.
    void mix() {
        constexpr std::size_t apart = 8;
        for (std::size_t t = 0; t < mixes_ + 3 * apart; ++t) {
            const auto now = [&](std::size_t step) {
                return t >= step * apart && t - step * apart < mixes_;
            };
            const auto pixel = [&](std::size_t step) { return open_[mixed_[t - step * apart]]; };
            if (now(0)) find(pixel(0));
            if (now(1)) look_at_slots(pixel(1));
            if (now(2)) mixer_.mix(pixel(2), depth_);
            if (now(3))
                frequencies_[mixed_[t - 3 * apart]] = frequency(mixer_.predict(pixel(3), depth_));
        }
    }
    void find(std::size_t i) {
        Pixel& of = pixels_[i];
        const unsigned depth = depth_ % settings_.mixing().together;
        if (of.found > depth_ - depth) return;
        std::uint32_t split = 0;
        if constexpr (Beside::is_network) split = beside_.split(i);
        mixer_.find(i, depth_ - depth, of.node >> depth, split);
        of.found = depth_ + 1;
    }
    void look_at_slots(std::size_t i) {
        const Pixel& of = pixels_[i];
        std::int32_t given = 0;
        if constexpr (Beside::exists)
            given = logistic_.stretch(std::clamp(of.probability >> 6, 1u, (1u << 22) - 1));
        mixer_.look(i, depth_, of.node, given);
    }

    // Whether there is a symbol from first on below end, but for the candidate of a pixel.
    bool any(std::size_t i, std::uint32_t first, std::uint32_t end) const {
        return first < end && !(first_ && first + 1 == end && first == first_->candidate(i));
    }

    // Finds the candidates of the pixels.
    void guess() {
        if constexpr (std::is_same_v<Picture, SymbolPicture>) {
            first_->begin(pixels_.size());
            for (std::size_t i = 0; i < pixels_.size(); ++i) {
                const Pixel& at = pixels_[i];
                first_->look(i, *at.picture, at.plane, at.row, at.column);
            }
            for (std::size_t i = 0; i < pixels_.size(); ++i) {
                const Pixel& at = pixels_[i];
                first_->guess(i, *at.picture, at.plane, at.row, at.column, at.levels);
            }
        }
    }

    void add(const Front& front) {
        const ItemShape& shape = shapes_[front.item];
        const auto [found, is_new] = pictures_.try_emplace(front.item, contexts_, shape);
        Picture& picture = found->second;
        if (is_new) beside_.begin(front.item, shape);
        const std::size_t first = firsts_[front.item] + shape.first_element(front.plane);
        for (std::size_t k = 0; k < front.count; ++k) {
            const std::size_t row = front.row + k, column = front.column - k * order_.lag(shape);
            pixels_.push_back({&picture, front.plane, row, column,
                               first + (row * shape.columns + column) * shape.channels,
                               shape.levels, 1});
            beside_.add(front.item, picture, front.plane, row, column);
        }
    }

    // Whether a network beside is so sure of a decision that its probability is taken as it is.
    bool is_sure(std::uint32_t p) const {
        if (settings_.sure() == 0) return false;
        const std::uint32_t whole = 1u << 28, rare = whole >> settings_.sure();
        return p < rare || p > whole - rare;
    }

    std::uint32_t frequency(std::int32_t p) const {
        const unsigned precision = settings_.precision();
        const std::int32_t most = (1 << precision) - 1;
        return static_cast<std::uint32_t>(std::clamp(p >> (28 - precision), 1, most));
    }

    const CountedSettings& settings_;
    const LogisticTables& logistic_;
    Beside beside_;
    std::span<const ItemShape> shapes_;
    unsigned decisions_;
    ContextMixer mixer_;
    std::optional<CandidateFirst> first_;
    std::optional<FlatSurroundings> flat_;
    FrontOrder order_;
    typename Picture::Contexts contexts_;
    std::map<std::size_t, Picture> pictures_;  // of the items that are being coded
    std::vector<std::size_t> firsts_;
    std::vector<Pixel> pixels_;
    // Of the decision that is predicted.
    bool guessing_ = false;              // whether it is the first one of a candidate
    unsigned depth_ = 0;                 // else in the tree
    std::vector<std::uint32_t> missed_;  // the pixels that are not as their candidates
    std::size_t opened_ = 0;             // so many of the next ones are of it
    std::vector<std::uint32_t> open_;
    std::vector<std::uint32_t> frequencies_;
    std::size_t mixes_ = 0;             // likewise
    std::vector<std::uint32_t> mixed_;  // the numbers among them of those that are mixed
};

}  // namespace bitsback
