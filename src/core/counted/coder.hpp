// Predicts the pixels of a batch in coding order by contexts, their mixers, and an optional blend
// of predictors. docs/model-format.md, Counted.
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

// Replaces a blend (blending.hpp), for models without predictors. `begin` and `end` delimit an
// item; `add` takes each pixel of a step, and `look` begins the step; `predict` gives the
// prediction of a pixel. For each decision of its tree, `divide` splits the remaining range,
// `probability` predicts the upper part and `put` takes the bit; `end_at` only lowers the end of
// the range. `learn` takes the symbol.
struct NoBlend {
    static constexpr bool exists = false;

    NoBlend(const CountedSettings&, const LogisticTables&) {}
    void begin(std::size_t, const ItemShape&) {}
    void end(std::size_t) {}
    template <class Picture>
    void add(std::size_t, const Picture&, std::size_t, std::size_t, std::size_t) {}
    void look() {}
    PixelPrediction predict(std::size_t) const { return {}; }
    void end_at(std::size_t, std::uint32_t) {}
    void put(std::size_t, std::uint32_t) {}
    void learn(std::size_t, std::uint32_t) {}
};

// Per step, call `next`; for each of the `decisions` call `predict`, and `put` for each pixel whose
// decision is open; then `learn`. Decisions divide the levels into halves; a CandidateCoder has one
// more before them.
template <class Picture, class Blend = NoBlend>
class CountedCoder {
  public:
    CountedCoder(const CountedSettings& settings, const LogisticTables& logistic,
                 std::span<const ItemShape> shapes)
        : settings_(settings),
          logistic_(logistic),
          blend_(settings, logistic),
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

    // Goes to the pixels of the next time. Returns false at the end.
    bool next() {
        if (!begin_step()) return false;
        for (std::size_t i = 0; i < pixels_.size(); ++i) look(i, blend_.predict(i));
        return true;
    }

    std::size_t pixels() const { return pixels_.size(); }
    // The place of pixel i among the symbols of all items.
    std::size_t element(std::size_t i) const { return pixels_[i].element; }
    // The symbol of pixel i, after all of its decisions.
    std::uint32_t symbol(std::size_t i) const { return pixels_[i].node - (1u << decisions_); }

    // The number of decisions of a pixel.
    unsigned decisions() const { return decisions_; }
    // Finds the pixels whose decision is open, that is, not implied, and the frequencies of a 1.
    void predict(unsigned decision) {
        begin(decision);
        for (std::size_t i = 0; i < pixels_.size(); ++i) predict_half(i);
        mix();
    }
    std::span<const std::uint32_t> open() const { return {open_.data(), opened_}; }
    std::uint32_t frequency_of(std::size_t k) const { return frequencies_[k]; }

    // The decision of the open pixel k, given its symbol.
    std::uint32_t bit(std::size_t, std::uint32_t symbol) const {
        return symbol >> (decisions_ - 1 - depth_) & 1;
    }
    // Takes the decision of the open pixel k.
    void put(std::size_t k, std::uint32_t bit) {
        Pixel& pixel = pixels_[open_[k]];
        pixel.node = 2 * pixel.node + bit;
        blend_.put(open_[k], bit);
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
        std::uint32_t node;             // the known bits of its symbol, below a leading 1
        std::uint32_t excluded = none;  // a symbol that is ruled out
        unsigned found = 0;             // one behind the last decision whose slots have been found
        bool flat = false;              // whether its surroundings are flat
        std::uint32_t key = 0;          // of flat surroundings
    };

    // Goes to the pixels of the next time, without their contexts.
    bool begin_step() {
        if (!order_.next()) return false;
        for (const std::size_t item : order_.ended()) {
            pictures_.erase(item);
            blend_.end(item);
        }
        pixels_.clear();
        for (const Front& front : order_.fronts()) add(front);
        blend_.look();
        mixer_.begin(pixels_.size());
        open_.resize(pixels_.size());
        frequencies_.resize(pixels_.size());
        mixed_.resize(pixels_.size());
        return true;
    }

    // Begins a decision at this depth of the tree.
    void begin(unsigned depth) {
        opened_ = mixes_ = 0;
        depth_ = depth;
    }

    // Predicts whether the symbol of a pixel is in the upper half of the remaining range.
    void predict_half(std::size_t i) {
        Pixel& pixel = pixels_[i];
        // `middle` is the least symbol of the upper half.
        const std::uint32_t half = 1u << (decisions_ - 1 - depth_);
        const std::uint32_t middle = (2 * pixel.node + 1) * half - (1u << decisions_);
        if (!any(pixel, middle, std::min(middle + half, pixel.levels))) {
            pixel.node *= 2;
            if (middle < pixel.levels)
                blend_.end_at(i, middle);  // the excluded symbol was the upper half
            return;
        }
        if (!any(pixel, middle - half, middle)) {
            pixel.node = 2 * pixel.node + 1;
            return;
        }
        if constexpr (Blend::exists) blend_.divide(i, middle);
        open_decision(i);
    }

    void learn(std::size_t i, std::uint32_t symbol) {
        const Pixel& at = pixels_[i];
        if (at.flat) flat_->learn(at.key, symbol);
        mixer_.learn(i, at.node);
        at.picture->put(at.plane, at.row, at.column, symbol);
        blend_.learn(i, symbol);
    }

    static constexpr bool of_bits = std::is_same_v<Picture, BitPicture>;

    void look(std::size_t i, const PixelPrediction& prediction) {
        Pixel& at = pixels_[i];
        const auto direct = [&](std::size_t c) { return mixer_.direct(c); };
        if constexpr (of_bits) {
            at.picture->read_lines(at.plane, at.row, at.column);
            at.flat = flat_ && at.levels > 1 && at.picture->is_flat();
            if (at.flat) {
                at.key = at.picture->flat_key();
                return;
            }
            at.picture->look(direct, mixer_.keys(i), mixer_.values(i));
        } else {
            at.picture->look(at.plane, at.row, at.column, prediction, direct, mixer_.keys(i),
                             mixer_.values(i));
        }
        mixer_.start(i);
    }

    // Opens the decision of a pixel.
    void open_decision(std::size_t i) {
        const Pixel& pixel = pixels_[i];
        if constexpr (of_bits) {
            if (pixel.flat) return open(i, frequency(flat_->predict(pixel.key)));
        }
        mixed_[mixes_++] = static_cast<std::uint32_t>(opened_);
        open(i, 0);
    }
    void open(std::size_t i, std::uint32_t frequency) {
        open_[opened_] = static_cast<std::uint32_t>(i);
        frequencies_[opened_++] = frequency;
    }

    // Finds the frequencies of the mixed decisions, in stages that run some decisions apart: the
    // memory of large tables is prefetched some decisions before it is read.
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
        Pixel& pixel = pixels_[i];
        const unsigned depth = depth_ % MixingSettings::together;
        if (pixel.found > depth_ - depth) return;
        mixer_.find(i, depth_ - depth, pixel.node >> depth);
        pixel.found = depth_ + 1;
    }
    void look_at_slots(std::size_t i) {
        std::int32_t odds = 0;
        if constexpr (Blend::exists)
            odds = logistic_.stretch(std::clamp(blend_.probability(i) >> 6, 1u, (1u << 22) - 1));
        mixer_.look(i, depth_, pixels_[i].node, odds);
    }

    // Whether a pixel may have a symbol in [first, end).
    static bool any(const Pixel& pixel, std::uint32_t first, std::uint32_t end) {
        return first < end && !(first + 1 == end && first == pixel.excluded);
    }

    void add(const Front& front) {
        const ItemShape& shape = shapes_[front.item];
        const auto [found, is_new] = pictures_.try_emplace(front.item, contexts_, shape);
        Picture& picture = found->second;
        if (is_new) blend_.begin(front.item, shape);
        const std::size_t first = firsts_[front.item] + shape.first_element(front.plane);
        for (std::size_t k = 0; k < front.count; ++k) {
            const std::size_t row = front.row + k, column = front.column - k * order_.lag(shape);
            pixels_.push_back({&picture, front.plane, row, column,
                               first + (row * shape.columns + column) * shape.channels,
                               shape.levels, 1});
            blend_.add(front.item, picture, front.plane, row, column);
        }
    }

    std::uint32_t frequency(std::int32_t p) const {
        const unsigned precision = settings_.precision();
        const std::int32_t most = (1 << precision) - 1;
        return static_cast<std::uint32_t>(std::clamp(p >> (28 - precision), 1, most));
    }

    const CountedSettings& settings_;
    const LogisticTables& logistic_;
    Blend blend_;
    std::span<const ItemShape> shapes_;
    unsigned decisions_;
    ContextMixer mixer_;
    std::optional<FlatSurroundings> flat_;
    FrontOrder order_;
    typename Picture::Contexts contexts_;
    std::map<std::size_t, Picture> pictures_;  // of the items in progress
    std::vector<std::size_t> firsts_;
    std::vector<Pixel> pixels_;
    // Of the current decision.
    unsigned depth_ = 0;      // in the tree
    std::size_t opened_ = 0;  // the length of the two lists below
    std::vector<std::uint32_t> open_;
    std::vector<std::uint32_t> frequencies_;
    std::size_t mixes_ = 0;             // the length of the list below
    std::vector<std::uint32_t> mixed_;  // indices of the mixed ones in open_
};

}  // namespace bitsback
