// The pixels of a batch in their order, with the contexts and the mixer that follow them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "../mixing/context_mixer.hpp"
#include "order.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

// Goes through a batch step by step: `next`; for each decision `predict`, and `put` for each pixel
// of which it is open; then `learn`.
template <class Picture>
class CountedCoder {
  public:
    CountedCoder(const CountedSettings& settings, const LogisticTables& logistic,
                 std::span<const ItemShape> shapes)
        : settings_(settings),
          shapes_(shapes),
          decisions_(settings.mixing().decisions),
          mixer_(settings.mixing(), logistic, elements_of(shapes), settings.values().size()),
          order_(shapes, settings.lag(), settings.queues()),
          contexts_(settings) {
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
        const auto direct = [&](std::size_t c) { return mixer_.direct(c); };
        for (std::size_t i = 0; i < pixels_.size(); ++i) {
            const Pixel& at = pixels_[i];
            at.picture->look(at.plane, at.row, at.column, direct, mixer_.keys(i), mixer_.values(i));
        }
        return true;
    }

    std::size_t pixels() const { return pixels_.size(); }
    // Where pixel i stands among the symbols of all items.
    std::size_t element(std::size_t i) const { return pixels_[i].element; }
    // Its symbol, once all of its decisions are known.
    std::uint32_t symbol(std::size_t i) const { return pixels_[i].node - (1u << decisions_); }

    // The pixels of which decision d is open, and the frequencies of its being 1.
    void predict(unsigned d) {
        open_.clear();
        frequencies_.clear();
        for (std::size_t i = 0; i < pixels_.size(); ++i) {
            Pixel& of = pixels_[i];
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

    // Takes a decision of pixel i.
    void put(std::size_t i, std::uint32_t bit) { pixels_[i].node = 2 * pixels_[i].node + bit; }

    // Learns the symbols of the step.
    void learn() {
        for (std::size_t i = 0; i < pixels_.size(); ++i) {
            const Pixel& at = pixels_[i];
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
    };

    void add(const Front& front) {
        const ItemShape& shape = shapes_[front.item];
        Picture& picture = pictures_.try_emplace(front.item, contexts_, shape).first->second;
        const std::size_t first = firsts_[front.item] + shape.first_element(front.plane);
        for (std::size_t k = 0; k < front.count; ++k) {
            const std::size_t row = front.row + k, column = front.column - k * order_.lag(shape);
            pixels_.push_back({&picture, front.plane, row, column,
                               first + (row * shape.columns + column) * shape.channels,
                               shape.levels, 1});
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
    FrontOrder order_;
    typename Picture::Contexts contexts_;
    std::map<std::size_t, Picture> pictures_;  // of the items that are being coded
    std::vector<std::size_t> firsts_;
    std::vector<Pixel> pixels_;
    std::vector<std::uint32_t> open_;
    std::vector<std::uint32_t> frequencies_;
};

}  // namespace bitsback
