// The pixels of a batch in their order, with the contexts and the mixer that follow them, and a
// blend of predictors that may stand beside them.
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
#include "order.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

// In place of a blend (blending.hpp), with its members: `begin` and `end` of an item's time, `add`
// of each pixel of a step, `look` at all of them, `foreseen` of a pixel before its tree, then for
// each decision `divide`, `probability` and `put`, or `end_at` where what is left ends, and in the
// end `learn`.
struct NothingBeside {
    static constexpr bool exists = false;

    NothingBeside(const CountedSettings&, const LogisticTables&) {}
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
// each pixel of which it is open; then `learn`. Decisions divide the levels into halves; a
// CandidateCoder has one more before them.
template <class Picture, class Beside = NothingBeside>
class CountedCoder {
  public:
    CountedCoder(const CountedSettings& settings, const LogisticTables& logistic,
                 std::span<const ItemShape> shapes)
        : settings_(settings),
          logistic_(logistic),
          beside_(settings, logistic),
          shapes_(shapes),
          decisions_(settings.mixing().decisions),
          mixer_(settings.mixing(), logistic, elements_of(shapes), settings.values().size()),
          order_(shapes, settings.lag(), settings.queues()),
          contexts_(settings) {
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
        if (!begin_step()) return false;
        for (std::size_t i = 0; i < pixels_.size(); ++i) look(i, beside_.foreseen(i));
        return true;
    }

    std::size_t pixels() const { return pixels_.size(); }
    // Where pixel i stands among the symbols of all items.
    std::size_t element(std::size_t i) const { return pixels_[i].element; }
    // Its symbol, once all of its decisions are known.
    std::uint32_t symbol(std::size_t i) const { return pixels_[i].node - (1u << decisions_); }

    // Of a pixel.
    unsigned decisions() const { return decisions_; }
    // The pixels of which a decision is open, and the frequencies of its being 1.
    void predict(unsigned decision) {
        begin(decision);
        for (std::size_t i = 0; i < pixels_.size(); ++i) predict_half(i);
        mix();
    }
    std::span<const std::uint32_t> open() const { return {open_.data(), opened_}; }
    std::uint32_t frequency_of(std::size_t k) const { return frequencies_[k]; }

    // How it comes out for pixel k of those of which it is open, if this is its symbol.
    std::uint32_t bit(std::size_t, std::uint32_t symbol) const {
        return symbol >> (decisions_ - 1 - depth_) & 1;
    }
    // Takes it.
    void put(std::size_t k, std::uint32_t bit) {
        Pixel& of = pixels_[open_[k]];
        of.node = 2 * of.node + bit;
        beside_.put(open_[k], bit);
    }

    // Learns the symbols of the step.
    void learn() {
        for (std::size_t i = 0; i < pixels_.size(); ++i) learn(i, symbol(i));
    }

  protected:
    static constexpr std::uint32_t none = ~0u;

    struct Pixel {
        Picture* picture;
        std::size_t plane;
        std::size_t row;
        std::size_t column;
        std::size_t element;
        std::uint32_t levels;
        std::uint32_t node;             // what is known of it, below a one
        std::uint32_t excluded = none;  // a symbol that it is known not to be
        unsigned found = 0;             // decisions up to the last whose group has been found
        bool flat = false;              // whether its surroundings are
        std::uint32_t key = 0;          // of those
    };

    // Goes to the pixels of the next time, without a look at their contexts.
    bool begin_step() {
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
        return true;
    }

    // A decision begins, of this depth in the tree.
    void begin(unsigned depth) {
        opened_ = mixes_ = 0;
        depth_ = depth;
    }

    // Whether the symbol of a pixel is in the upper half of what is left.
    void predict_half(std::size_t i) {
        Pixel& of = pixels_[i];
        // The least symbol of that half.
        const std::uint32_t half = 1u << (decisions_ - 1 - depth_);
        const std::uint32_t middle = (2 * of.node + 1) * half - (1u << decisions_);
        if (!any(of, middle, std::min(middle + half, of.levels))) {
            of.node *= 2;
            if (middle < of.levels) beside_.end_at(i, middle);  // before an excluded one
            return;
        }
        if (!any(of, middle - half, middle)) {
            of.node = 2 * of.node + 1;
            return;
        }
        if constexpr (Beside::exists) beside_.divide(i, middle);
        ask(i);
    }

    void learn(std::size_t i, std::uint32_t symbol) {
        const Pixel& at = pixels_[i];
        if (at.flat) flat_->learn(at.key, symbol);
        mixer_.learn(i, at.node);
        at.picture->put(at.plane, at.row, at.column, symbol);
        beside_.learn(i, symbol);
    }

    static constexpr bool of_bits = std::is_same_v<Picture, BitPicture>;

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

    // A decision of a pixel.
    void ask(std::size_t i) {
        const Pixel& of = pixels_[i];
        if constexpr (of_bits) {
            if (of.flat) return open(i, frequency(flat_->predict(of.key)));
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
        const unsigned depth = depth_ % MixingSettings::together;
        if (of.found > depth_ - depth) return;
        mixer_.find(i, depth_ - depth, of.node >> depth);
        of.found = depth_ + 1;
    }
    void look_at_slots(std::size_t i) {
        std::int32_t given = 0;
        if constexpr (Beside::exists)
            given = logistic_.stretch(std::clamp(beside_.probability(i) >> 6, 1u, (1u << 22) - 1));
        mixer_.look(i, depth_, pixels_[i].node, given);
    }

    // Whether a pixel may have a symbol from first on below end.
    static bool any(const Pixel& of, std::uint32_t first, std::uint32_t end) {
        return first < end && !(first + 1 == end && first == of.excluded);
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
    std::optional<FlatSurroundings> flat_;
    FrontOrder order_;
    typename Picture::Contexts contexts_;
    std::map<std::size_t, Picture> pictures_;  // of the items that are being coded
    std::vector<std::size_t> firsts_;
    std::vector<Pixel> pixels_;
    // Of the decision that is predicted.
    unsigned depth_ = 0;      // in the tree
    std::size_t opened_ = 0;  // so many of the next ones are of it
    std::vector<std::uint32_t> open_;
    std::vector<std::uint32_t> frequencies_;
    std::size_t mixes_ = 0;             // likewise
    std::vector<std::uint32_t> mixed_;  // the numbers among them of those that are mixed
};

}  // namespace bitsback
