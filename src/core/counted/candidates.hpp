// A symbol that may come, by what contexts remember.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../mixing/context_mixer.hpp"
#include "../mixing/context_table.hpp"
#include "../prefetch.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace bitsback {

//      slot      check of the key, 16 bits | confidence, 8 | symbol, 8
class Candidates {
  public:
    Candidates(const CountedSettings& settings, std::size_t elements)
        : contexts_(settings.memories()), shift_(64 - settings.mixing().slots(elements)) {
        slots_.resize(contexts_.size() << (64 - shift_));
        rates_.resize(contexts_.size());
        for (auto& of : rates_)
            for (std::uint32_t n = 0; n <= most_confidence; ++n)
                of[n] = (one * (2 * n + 1)) / (2 * n + 2);
    }

    // A step of so many pixels begins.
    void begin(std::size_t pixels) { found_.resize(pixels * contexts_.size()); }

    // keys: of all contexts.
    void find(std::size_t pixel, const std::uint64_t* keys) {
        Found* found = found_.data() + pixel * contexts_.size();
        for (std::size_t m = 0; m < contexts_.size(); ++m) {
            const std::uint64_t hash = keys[contexts_[m]] * hash_factor;
            found[m].slot = static_cast<std::uint32_t>((m << (64 - shift_)) + (hash >> shift_));
            found[m].check = static_cast<std::uint32_t>(hash >> 20) & 0xFFFF;
            prefetch(slots_.data() + found[m].slot);
        }
    }

    struct Candidate {
        std::uint32_t symbol;
        std::uint32_t fails;  // bits of how often it does
    };
    // otherwise: what it is if no context knows.
    Candidate candidate(std::size_t pixel, std::uint32_t otherwise) {
        Found* found = found_.data() + pixel * contexts_.size();
        std::uint32_t symbol = otherwise, best = 0;
        for (std::size_t m = 0; m < contexts_.size(); ++m) {
            const std::uint32_t slot = slots_[found[m].slot];
            found[m].confidence = slot >> 16 == found[m].check ? slot >> 8 & 0xFF : 0;
            found[m].symbol = slot & 0xFF;
            if (found[m].confidence != 0 && rates_[m][found[m].confidence] > best) {
                best = rates_[m][found[m].confidence];
                symbol = found[m].symbol;
            }
        }
        return {symbol, static_cast<std::uint32_t>(std::bit_width((one - 1 - best) >> 7))};
    }

    void learn(std::size_t pixel, std::uint32_t symbol) {
        Found* found = found_.data() + pixel * contexts_.size();
        for (std::size_t m = 0; m < contexts_.size(); ++m) {
            const Found& of = found[m];
            if (of.confidence != 0) {
                std::uint32_t& rate = rates_[m][of.confidence];
                const std::uint32_t goal = of.symbol == symbol ? one - 1 : 0;
                rate += static_cast<std::uint32_t>(
                    (static_cast<std::int32_t>(goal) - static_cast<std::int32_t>(rate)) >> 7);
            }
            std::uint32_t& slot = slots_[of.slot];
            const std::uint32_t confidence = slot >> 16 == of.check ? slot >> 8 & 0xFF : 0;
            if (confidence == 0)
                slot = of.check << 16 | 1 << 8 | symbol;
            else if ((slot & 0xFF) == symbol)
                slot += confidence < most_confidence ? 1 << 8 : 0;
            else if (confidence > 3)
                slot = of.check << 16 | confidence >> 2 << 8 | (slot & 0xFF);
            else
                slot = of.check << 16 | 1 << 8 | symbol;
        }
    }

  private:
    static constexpr std::uint32_t most_confidence = 31;
    static constexpr std::uint32_t one = 1 << 22;

    struct Found {
        std::uint32_t slot;
        std::uint32_t check;
        std::uint32_t symbol;
        std::uint32_t confidence;  // 0 if nothing is known
    };

    const std::vector<std::size_t>& contexts_;
    unsigned shift_;
    std::vector<std::uint32_t> slots_;
    std::vector<std::array<std::uint32_t, most_confidence + 1>> rates_;
    std::vector<Found> found_;
};

// The decisions whether the pixels of a step are their candidates.
class CandidateFirst {
    auto direct() const {
        return [this](std::size_t c) { return mixer_.direct(c); };
    }

  public:
    CandidateFirst(const CountedSettings& settings, const LogisticTables& logistic,
                   std::size_t elements)
        : contexts_(settings),
          mixer_(settings.mixing(), logistic, elements, settings.values().size() + 1),
          candidates_(settings, elements),
          success_(settings.values().size()) {}

    // A step of so many pixels begins.
    void begin(std::size_t pixels) {
        mixer_.begin(pixels);
        candidates_.begin(pixels);
        terms_.resize(pixels * contexts_.count());
        symbols_.resize(pixels);
    }
    // Looks at the surroundings of one.
    void look(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
              std::size_t column) {
        std::uint32_t* terms = terms_.data() + pixel * contexts_.count();
        picture.read(contexts_, plane, row, column, terms);
        contexts_.keys(false, terms, direct(), mixer_.keys(pixel));
        candidates_.find(pixel, mixer_.keys(pixel));
    }
    void guess(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
               std::size_t column) {
        std::uint32_t* terms = terms_.data() + pixel * contexts_.count();
        const auto [symbol, fails] =
            candidates_.candidate(pixel, picture.at(plane, row, column, {0, 0, -1}));
        symbols_[pixel] = symbol;
        picture.compare(contexts_, plane, row, column, symbol, terms);
        contexts_.keys(true, terms, direct(), mixer_.keys(pixel));
        contexts_.values(terms, mixer_.values(pixel));
        mixer_.values(pixel)[success_] = fails;
        mixer_.find(pixel, 0, 1 + symbol);
    }
    std::uint32_t candidate(std::size_t pixel) const { return symbols_[pixel]; }
    // That a pixel is its candidate.
    std::int32_t predict(std::size_t pixel) { return mixer_.predict(pixel, 0, 1 + symbols_[pixel]); }
    void learn(std::size_t pixel, std::uint32_t symbol) {
        mixer_.learn(pixel, 0, symbol == symbols_[pixel] ? 1 : 0);
        candidates_.learn(pixel, symbol);
    }

  private:
    SymbolContexts contexts_;
    ContextMixer mixer_;
    Candidates candidates_;
    std::size_t success_;
    std::vector<std::uint32_t> terms_;
    std::vector<std::uint32_t> symbols_;
};

}  // namespace bitsback
