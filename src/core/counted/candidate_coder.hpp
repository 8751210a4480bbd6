// The decision whether a pixel equals its candidate, which precedes those of the binary tree.
// docs/model-format.md, Counted.
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

// Predicts whether pixels equal their candidates. Per step, call `look` for each pixel, then
// `guess` for each; `predict` for those with candidates; and `learn` for each.
class CandidateDecision {
    auto direct() const {
        return [this](std::size_t c) { return mixer_.direct(c); };
    }

  public:
    CandidateDecision(const CountedSettings& settings, const LogisticTables& logistic,
                      std::size_t elements)
        : memory_(*settings.memory()),
          sure_(settings.sure()),
          none_(settings.levels()),
          remembered_(settings, {memory_}, {}),
          others_(settings, others(settings), settings.values()),
          mixer_(settings.mixing(), logistic, elements, settings.values().size() + 1),
          symbols_(settings.mixing().slots(elements)),
          failures_(settings.values().size()) {}

    // Begins a step.
    void begin(std::size_t pixels) {
        mixer_.begin(pixels);
        symbols_.begin(pixels);
        candidates_.resize(pixels);
    }

    // Reads the surroundings of a pixel.
    void look(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
              std::size_t column) {
        picture.look(remembered_, plane, row, column, {}, direct(), mixer_.keys(pixel), nullptr);
        symbols_.find(pixel, mixer_.keys(pixel)[memory_]);
    }
    // Finds the candidate of a pixel whose item has this number of levels.
    void guess(std::size_t pixel, SymbolPicture& picture, std::size_t plane, std::size_t row,
               std::size_t column, std::uint32_t levels) {
        SymbolMemory::Candidate& candidate = candidates_[pixel];
        candidate = symbols_.candidate(pixel);
        candidate.exists = candidate.exists && candidate.symbol < levels;
        if (!candidate.exists) candidate.symbol = none_;
        if (!candidate.exists || candidate.failures < sure_) return;
        picture.look(others_, plane, row, column, {0, 0, candidate.symbol}, direct(),
                     mixer_.keys(pixel), mixer_.values(pixel));
        mixer_.values(pixel)[failures_] = candidate.failures;
        mixer_.start(pixel);
        mixer_.find(pixel, 0, 1 + candidate.symbol);
    }
    bool exists(std::size_t pixel) const { return candidates_[pixel].exists; }
    // The number of levels of the data, which is not a symbol, if there is no candidate.
    std::uint32_t candidate(std::size_t pixel) const { return candidates_[pixel].symbol; }

    // The probability that a pixel equals its candidate, in units of 2^-28.
    std::int32_t predict(std::size_t pixel) {
        const SymbolMemory::Candidate& candidate = candidates_[pixel];
        if (candidate.failures < sure_) return counts_[candidate.failures].probability();
        mixer_.look(pixel, 0, 1 + candidate.symbol);
        mixer_.mix(pixel, 0);
        return mixer_.predict(pixel, 0);
    }
    void learn(std::size_t pixel, std::uint32_t symbol) {
        const SymbolMemory::Candidate& candidate = candidates_[pixel];
        const bool right = symbol == candidate.symbol;
        if (candidate.exists && candidate.failures < sure_)
            counts_[candidate.failures].learn(right);
        else if (candidate.exists)
            mixer_.learn(pixel, right ? 1 : 0);
        symbols_.learn(pixel, symbol);
    }

  private:
    // The number of candidates that are coded without contexts, and of wrong ones among them.
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

    // The numbers of all contexts other than the memory.
    static std::vector<std::size_t> others(const CountedSettings& settings) {
        std::vector<std::size_t> out;
        for (std::size_t c = 0; c < settings.contexts().size(); ++c)
            if (c != *settings.memory()) out.push_back(c);
        return out;
    }

    std::size_t memory_;  // number of the context of the memory
    std::uint32_t sure_;  // candidates with fewer failures are coded without contexts
    std::uint32_t none_;
    SymbolContexts remembered_;
    SymbolContexts others_;
    ContextMixer mixer_;
    SymbolMemory symbols_;
    std::size_t failures_;  // number of this value, which selects weights of mixers
    std::array<Count, SymbolMemory::failures> counts_;
    std::vector<SymbolMemory::Candidate> candidates_;  // of the pixels of the step
};

// A coder whose first decision is whether a pixel equals its candidate. The tree codes only the
// other pixels, and excludes the candidate.
template <class Blend = NoBlend>
class CandidateCoder : public CountedCoder<SymbolPicture, Blend> {
    using Tree = CountedCoder<SymbolPicture, Blend>;

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
                PixelPrediction prediction = this->blend_.predict(i);
                prediction.candidate = first_.candidate(i);
                this->look(i, prediction);
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
    CandidateDecision first_;
    bool guessing_ = false;            // whether the decision is the first one
    std::vector<std::size_t> missed_;  // the pixels that differ from their candidates
};

}  // namespace bitsback
