// The pixels of a batch in their order, with the contexts and the mixer that follow them.
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
#include "candidates.hpp"
#include "order.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

// Goes through a batch step by step: `next`; for each of the decisions `predict`, and `put` for each
// pixel of which it is open; then `learn`. With candidates, the first decision is whether a pixel is
// its candidate.
template <class Picture>
class CountedCoder {
  public:
    CountedCoder(const CountedSettings& settings, const CountedSettings* candidates,
                 const LogisticTables& logistic, std::span<const ItemShape> shapes)
        : settings_(settings),
          shapes_(shapes),
          decisions_(settings.mixing().decisions),
          mixer_(settings.mixing(), logistic, elements_of(shapes), settings.values().size()),
          order_(shapes, settings.lag(), settings.queues()),
          contexts_(settings) {
        if (candidates != nullptr) first_.emplace(*candidates, logistic, elements_of(shapes));
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
        for (const std::size_t item : order_.ended()) pictures_.erase(item);
        pixels_.clear();
        for (const Front& front : order_.fronts()) add(front);
        mixer_.begin(pixels_.size());
        if (!first_) {
            for (std::size_t i = 0; i < pixels_.size(); ++i) look(i);
            return true;
        }
        if constexpr (std::is_same_v<Picture, SymbolPicture>) {
            first_->begin(pixels_.size());
            for (std::size_t i = 0; i < pixels_.size(); ++i) {
                const Pixel& at = pixels_[i];
                first_->look(i, *at.picture, at.plane, at.row, at.column);
            }
            for (std::size_t i = 0; i < pixels_.size(); ++i) {
                const Pixel& at = pixels_[i];
                first_->guess(i, *at.picture, at.plane, at.row, at.column);
            }
        }
        return true;
    }

    std::size_t pixels() const { return pixels_.size(); }
    // Where pixel i stands among the symbols of all items.
    std::size_t element(std::size_t i) const { return pixels_[i].element; }
    // Its symbol, once all of its decisions are known.
    std::uint32_t symbol(std::size_t i) const { return pixels_[i].node - (1u << decisions_); }

    // Of a pixel.
    unsigned decisions() const { return decisions_ + (first_ ? 1 : 0); }
    // The pixels of which decision d is open, and the frequencies of its being 1.
    void predict(unsigned d) {
        open_.clear();
        frequencies_.clear();
        guessing_ = first_ && d == 0;
        if (guessing_) {
            for (std::size_t i = 0; i < pixels_.size(); ++i) {
                open_.push_back(static_cast<std::uint32_t>(i));
                frequencies_.push_back(frequency(first_->predict(i)));
            }
            return;
        }
        if (first_) --d;
        depth_ = d;
        for (std::size_t i = 0; i < pixels_.size(); ++i) {
            Pixel& of = pixels_[i];
            if (of.hit) continue;
            if (first_ && d == 0) look(i);
            if (d % MixingSettings::together == 0) mixer_.find(i, d, of.node);
            // The least symbol of the upper half of what is left.
            const std::uint32_t middle =
                ((2 * of.node + 1) << (decisions_ - 1 - d)) - (1u << decisions_);
            if (middle < of.levels)
                open_.push_back(static_cast<std::uint32_t>(i));
            else
                of.node *= 2;
        }
        for (const std::uint32_t i : open_)
            frequencies_.push_back(frequency(mixer_.predict(i, d, pixels_[i].node)));
    }
    std::span<const std::uint32_t> open() const { return open_; }
    std::uint32_t frequency_of(std::size_t k) const { return frequencies_[k]; }

    // How the decision comes out for the pixel k of those of which it is open, with this symbol.
    std::uint32_t bit(std::size_t k, std::uint32_t symbol) const {
        if (guessing_) return symbol == first_->candidate(open_[k]) ? 1 : 0;
        return symbol >> (decisions_ - 1 - depth_) & 1;
    }
    // Takes it.
    void put(std::size_t k, std::uint32_t bit) {
        Pixel& of = pixels_[open_[k]];
        if (!guessing_) {
            of.node = 2 * of.node + bit;
        } else if (bit != 0) {
            of.hit = true;
            of.node = 1u << decisions_ | first_->candidate(open_[k]);
        }
    }

    // Learns the symbols of the step.
    void learn() {
        for (std::size_t i = 0; i < pixels_.size(); ++i) {
            const Pixel& at = pixels_[i];
            if (first_) first_->learn(i, symbol(i));
            if (!at.hit)
                for (unsigned d = 0; d < decisions_; ++d)
                    mixer_.learn(i, d, at.node >> (decisions_ - 1 - d) & 1);
            at.picture->put(at.plane, at.row, at.column, symbol(i));
        }
    }

  private:
    struct Pixel {
        Picture* picture;
        std::size_t plane;
        std::size_t row;
        std::size_t column;
        std::size_t element;
        std::uint32_t levels;
        std::uint32_t node;  // what is known of it, below a one
        bool hit;            // whether it is its candidate
    };

    void look(std::size_t i) {
        const Pixel& at = pixels_[i];
        const auto direct = [this](std::size_t c) { return mixer_.direct(c); };
        at.picture->look(at.plane, at.row, at.column, first_ ? first_->candidate(i) : 0, direct, mixer_.keys(i), mixer_.values(i));
    }

    void add(const Front& front) {
        const ItemShape& shape = shapes_[front.item];
        Picture& picture = pictures_.try_emplace(front.item, contexts_, shape).first->second;
        const std::size_t first = firsts_[front.item] + shape.first_element(front.plane);
        for (std::size_t k = 0; k < front.count; ++k) {
            const std::size_t row = front.row + k, column = front.column - k * order_.lag(shape);
            pixels_.push_back({&picture, front.plane, row, column,
                               first + (row * shape.columns + column) * shape.channels,
                               shape.levels, 1, false});
        }
    }

    std::uint32_t frequency(std::int32_t p) const {
        const unsigned precision = settings_.precision();
        const std::int32_t most = (1 << precision) - 1;
        return static_cast<std::uint32_t>(std::clamp(p >> (28 - precision), 1, most));
    }

    const CountedSettings& settings_;
    std::span<const ItemShape> shapes_;
    unsigned decisions_;
    ContextMixer mixer_;
    std::optional<CandidateFirst> first_;
    bool guessing_ = false;  // the decision that is predicted
    unsigned depth_ = 0;
    FrontOrder order_;
    typename Picture::Contexts contexts_;
    std::map<std::size_t, Picture> pictures_;  // of the items that are being coded
    std::vector<std::size_t> firsts_;
    std::vector<Pixel> pixels_;
    std::vector<std::uint32_t> open_;
    std::vector<std::uint32_t> frequencies_;
};

}  // namespace bitsback
