// The decisions whether pixels are as their candidates, before those of the tree.
#pragma once

#include <algorithm>
#include <array>
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
    auto direct() const {
        return [this](std::size_t c) { return mixer_.direct(c); };
    }

  public:
    CandidateFirst(const CountedSettings& settings, const LogisticTables& logistic,
                   std::size_t elements)
        : sure_(settings.sure()),
          remembered_(settings, settings.memories(), {}),
          others_(settings, others(settings), settings.values()),
          mixer_(settings.mixing(), logistic, elements, settings.values().size() + 1),
          memories_(settings, elements),
          failures_(settings.values().size()) {}

    // A step of so many pixels begins.
    void begin(std::size_t pixels) {
        mixer_.begin(pixels);
        memories_.begin(pixels);
        candidates_.resize(pixels);
    }

    // Takes what surrounds a pixel.
    void look(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
              std::size_t column) {
        picture.look(remembered_, plane, row, column, {}, direct(), mixer_.keys(pixel), nullptr);
        memories_.find(pixel, mixer_.keys(pixel));
    }
    // Finds its candidate, one of so many levels.
    void guess(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
               std::size_t column, std::uint32_t levels) {
        SymbolMemories::Candidate& of = candidates_[pixel];
        of = memories_.candidate(pixel, picture.before(plane, row, column));
        of.symbol = std::min(of.symbol, levels - 1);
        if (of.failures < sure_) return;
        picture.look(others_, plane, row, column, {0, 0, of.symbol}, direct(), mixer_.keys(pixel),
                     mixer_.values(pixel));
        mixer_.values(pixel)[failures_] = of.failures;
        mixer_.find(pixel, 0, 1 + of.symbol);
    }
    std::uint32_t candidate(std::size_t pixel) const { return candidates_[pixel].symbol; }

    // The probability that a pixel is as its candidate, in units of 2^-28.
    std::int32_t predict(std::size_t pixel) {
        const auto [symbol, failures] = candidates_[pixel];
        if (failures < sure_) return counts_[failures].probability();
        return mixer_.predict(pixel, 0, 1 + symbol);
    }
    void learn(std::size_t pixel, std::uint32_t symbol) {
        const auto [candidate, failures] = candidates_[pixel];
        if (failures < sure_)
            counts_[failures].learn(symbol == candidate);
        else
            mixer_.learn(pixel, 0, symbol == candidate ? 1 : 0);
        memories_.learn(pixel, symbol);
    }

  private:
    // Of candidates that are surely right: how many there were, and how many were wrong.
    struct Count {
        std::uint64_t all = 0;
        std::uint64_t wrong = 0;

        std::int32_t probability() const {
            constexpr std::uint64_t one = 1 << 28;
            return static_cast<std::int32_t>(one - one * (2 * wrong + 1) / (2 * all + (1 << 13)));
        }
        void learn(bool right) {
            ++all;
            wrong += right ? 0 : 1;
        }
    };

    static std::vector<std::size_t> others(const CountedSettings& settings) {
        std::vector<std::size_t> out;
        for (std::size_t c = 0; c < settings.contexts().size(); ++c)
            if (std::ranges::find(settings.memories(), c) == settings.memories().end())
                out.push_back(c);
        return out;
    }

    std::uint32_t sure_;  // with fewer failures
    SymbolContexts remembered_;
    SymbolContexts others_;
    ContextMixer mixer_;
    SymbolMemories memories_;
    std::size_t failures_;  // the number of this value by which mixers are chosen
    std::array<Count, CountedSettings::failures> counts_;
    std::vector<SymbolMemories::Candidate> candidates_;  // of the pixels of the step
};

}  // namespace bitsback
