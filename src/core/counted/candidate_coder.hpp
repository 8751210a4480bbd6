// The decisions whether pixels are as their candidates, before those of the tree.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../mixing/context_mixer.hpp"
#include "coder.hpp"
#include "pictures.hpp"
#include "settings.hpp"
#include "symbol_memory.hpp"

namespace bitsback {

// For each pixel of a step `look`, then for each `guess`; `predict` those that have candidates; and
// in the end `learn`.
class CandidateFirst {
    auto direct() const {
        return [this](std::size_t c) { return mixer_.direct(c); };
    }

  public:
    CandidateFirst(const CountedSettings& settings, const LogisticTables& logistic,
                   std::size_t elements)
        : memory_(*settings.memory()),
          sure_(settings.sure()),
          none_(settings.levels()),
          remembered_(settings, {memory_}, {}),
          others_(settings, others(settings), settings.values()),
          mixer_(settings.mixing(), logistic, elements, settings.values().size() + 1),
          symbols_(settings.mixing().slots(elements)),
          failures_(settings.values().size()) {}

    // A step of so many pixels begins.
    void begin(std::size_t pixels) {
        mixer_.begin(pixels);
        symbols_.begin(pixels);
        candidates_.resize(pixels);
    }

    // Takes what surrounds a pixel.
    void look(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
              std::size_t column) {
        picture.look(remembered_, plane, row, column, {}, direct(), mixer_.keys(pixel), nullptr);
        symbols_.find(pixel, mixer_.keys(pixel)[memory_]);
    }
    // Finds its candidate, of so many levels.
    void guess(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
               std::size_t column, std::uint32_t levels) {
        SymbolMemory::Candidate& of = candidates_[pixel];
        of = symbols_.candidate(pixel);
        of.exists = of.exists && of.symbol < levels;
        if (!of.exists) of.symbol = none_;
        if (!of.exists || of.failures < sure_) return;
        picture.look(others_, plane, row, column, {0, 0, of.symbol}, direct(), mixer_.keys(pixel),
                     mixer_.values(pixel));
        mixer_.values(pixel)[failures_] = of.failures;
        mixer_.start(pixel);
        mixer_.find(pixel, 0, 1 + of.symbol);
    }
    bool exists(std::size_t pixel) const { return candidates_[pixel].exists; }
    // The levels of the data, which are no symbol, if there is none.
    std::uint32_t candidate(std::size_t pixel) const { return candidates_[pixel].symbol; }

    // The probability that a pixel is as its candidate, in units of 2^-28.
    std::int32_t predict(std::size_t pixel) {
        const SymbolMemory::Candidate& of = candidates_[pixel];
        if (of.failures < sure_) return counts_[of.failures].probability();
        mixer_.look(pixel, 0, 1 + of.symbol);
        mixer_.mix(pixel, 0);
        return mixer_.predict(pixel, 0);
    }
    void learn(std::size_t pixel, std::uint32_t symbol) {
        const SymbolMemory::Candidate& of = candidates_[pixel];
        const bool right = symbol == of.symbol;
        if (of.exists && of.failures < sure_)
            counts_[of.failures].learn(right);
        else if (of.exists)
            mixer_.learn(pixel, right ? 1 : 0);
        symbols_.learn(pixel, symbol);
    }

  private:
    // Of candidates that are taken without contexts: how many there were, and how many were wrong.
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

    // The contexts that remember nothing.
    static std::vector<std::size_t> others(const CountedSettings& settings) {
        std::vector<std::size_t> out;
        for (std::size_t c = 0; c < settings.contexts().size(); ++c)
            if (c != *settings.memory()) out.push_back(c);
        return out;
    }

    std::size_t memory_;  // the context that remembers
    std::uint32_t sure_;  // candidates with fewer failures are taken without contexts
    std::uint32_t none_;
    SymbolContexts remembered_;
    SymbolContexts others_;
    ContextMixer mixer_;
    SymbolMemory symbols_;
    std::size_t failures_;  // the number of this value by which mixers are chosen
    std::array<Count, SymbolMemory::failures> counts_;
    std::vector<SymbolMemory::Candidate> candidates_;  // of the pixels of the step
};

// The coder whose first decision is whether a pixel is as its candidate; the tree is of those that
// are not, and of the symbols that are not it.
template <class Beside = NothingBeside>
class CandidateCoder : public CountedCoder<SymbolPicture, Beside> {
    using Tree = CountedCoder<SymbolPicture, Beside>;

  public:
    CandidateCoder(const CountedSettings& settings, const LogisticTables& logistic,
                   std::span<const ItemShape> shapes)
        : Tree(settings, logistic, shapes),
          first_(*settings.candidate(), logistic, Tree::elements_of(shapes)) {}

    bool next() {
        if (!this->begin_step()) return false;
        first_.begin(this->pixels());
        for (std::size_t i = 0; i < this->pixels(); ++i) {
            const auto& at = this->pixels_[i];
            first_.look(i, *at.picture, at.plane, at.row, at.column);
        }
        for (std::size_t i = 0; i < this->pixels(); ++i) {
            auto& at = this->pixels_[i];
            first_.guess(i, *at.picture, at.plane, at.row, at.column, at.levels);
            at.excluded = first_.candidate(i);
        }
        return true;
    }

    unsigned decisions() const { return Tree::decisions() + 1; }
    void predict(unsigned decision) {
        guessing_ = decision == 0;
        this->begin(guessing_ ? 0 : decision - 1);
        if (guessing_) {
            for (std::size_t i = 0; i < this->pixels(); ++i)
                if (first_.exists(i)) this->open(i, this->frequency(first_.predict(i)));
            return;
        }
        if (decision == 1) {
            missed_.clear();
            for (std::size_t i = 0; i < this->pixels(); ++i)
                if (this->pixels_[i].node == 1) missed_.push_back(i);
        }
        for (const std::size_t i : missed_) {
            if (decision == 1) {
                Foreseen foreseen = this->beside_.foreseen(i);
                foreseen.candidate = first_.candidate(i);
                this->look(i, foreseen);
            }
            this->predict_half(i);
        }
        this->mix();
    }

    std::uint32_t bit(std::size_t k, std::uint32_t symbol) const {
        if (guessing_) return symbol == first_.candidate(this->open()[k]) ? 1 : 0;
        return Tree::bit(k, symbol);
    }
    void put(std::size_t k, std::uint32_t bit) {
        if (!guessing_) return Tree::put(k, bit);
        const std::size_t i = this->open()[k];
        if (bit != 0) this->pixels_[i].node = 1u << Tree::decisions() | first_.candidate(i);
    }

    void learn() {
        for (std::size_t i = 0; i < this->pixels(); ++i) {
            first_.learn(i, this->symbol(i));
            Tree::learn(i, this->symbol(i));
        }
    }

  private:
    CandidateFirst first_;
    bool guessing_ = false;            // whether the decision is the first one
    std::vector<std::size_t> missed_;  // the pixels that are not as their candidates
};

}  // namespace bitsback
