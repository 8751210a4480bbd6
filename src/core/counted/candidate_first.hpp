// The decisions whether pixels are as their candidates, before those of the tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../mixing/context_mixer.hpp"
#include "memories.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

// For each pixel of a step `look`, then for each `guess`; `predict`; and in the end `learn`.
class CandidateFirst {
  public:
    CandidateFirst(const CountedSettings& settings, const LogisticTables& logistic,
                   std::size_t elements)
        : contexts_(settings),
          mixer_(settings.mixing(), logistic, elements, settings.values().size() + 1),
          memories_(settings, elements),
          failures_(settings.values().size()) {}

    // A step of so many pixels begins.
    void begin(std::size_t pixels) {
        mixer_.begin(pixels);
        memories_.begin(pixels);
        terms_.resize(pixels * contexts_.count());
        candidates_.resize(pixels);
    }

    // Takes what surrounds a pixel.
    void look(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
              std::size_t column) {
        std::uint32_t* terms = terms_.data() + pixel * contexts_.count();
        picture.read(contexts_, plane, row, column, terms);
        make_keys(pixel, false);
        memories_.find(pixel, mixer_.keys(pixel));
    }
    // Finds its candidate.
    void guess(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
               std::size_t column) {
        std::uint32_t* terms = terms_.data() + pixel * contexts_.count();
        const auto [symbol, failures] =
            memories_.candidate(pixel, picture.before(plane, row, column));
        candidates_[pixel] = symbol;
        picture.compare(contexts_, plane, row, column, symbol, terms);
        make_keys(pixel, true);
        contexts_.values(terms, mixer_.values(pixel));
        mixer_.values(pixel)[failures_] = failures;
        mixer_.find(pixel, 0, node(pixel));
    }
    std::uint32_t candidate(std::size_t pixel) const { return candidates_[pixel]; }

    // The probability that a pixel is as its candidate, in units of 2^-28.
    std::int32_t predict(std::size_t pixel) { return mixer_.predict(pixel, 0, node(pixel)); }
    void learn(std::size_t pixel, std::uint32_t symbol) {
        mixer_.learn(pixel, 0, symbol == candidates_[pixel] ? 1 : 0);
        memories_.learn(pixel, symbol);
    }

  private:
    std::uint32_t node(std::size_t pixel) const { return 1 + candidates_[pixel]; }

    // The keys of the contexts that need a candidate, or of the others.
    void make_keys(std::size_t pixel, bool guessed) {
        contexts_.keys(
            guessed, terms_.data() + pixel * contexts_.count(),
            [this](std::size_t c) { return mixer_.direct(c); }, mixer_.keys(pixel));
    }

    SymbolContexts contexts_;
    ContextMixer mixer_;
    SymbolMemories memories_;
    std::size_t failures_;  // the number of this value by which mixers are chosen
    // Of the pixels of the step.
    std::vector<std::uint32_t> terms_;
    std::vector<std::uint32_t> candidates_;
};

}  // namespace bitsback
