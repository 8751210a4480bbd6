// Finds the level of zlib that predicts the tokens of a deflate stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "stream.hpp"
#include "zlib_choice.hpp"

namespace bitsback::deflate {

// A level, and the tokens that it does not predict: their numbers in the stream, and the guesses.
struct Guesses {
    SearchSettings settings;
    std::vector<std::pair<std::size_t, Token>> wrong;
};

class LevelFinder {
  public:
    // None if no level predicts nearly all tokens.
    std::optional<Guesses> find(const Stream& stream) {
        if (auto guesses = compare(stream, last_, everything, 0)) return guesses;
        std::vector<SearchSettings> left = all();
        keep_best(stream, left, 1 << 8);
        for (const SearchSettings& each : left)
            if (auto guesses = compare(stream, each, everything, 0)) {
                last_ = each;
                return guesses;
            }
        keep_best(stream, left, 1 << 12);
        keep_best(stream, left, 1 << 16);
        // A wrong guess takes some four bytes.
        if (left.empty()) return std::nullopt;
        return compare(stream, left[0], everything, 4 + stream.bytes / 2048);
    }

  private:
    static constexpr std::size_t everything = ~std::size_t{0};

    // Keeps the levels that are wrong least often for the first tokens.
    void keep_best(const Stream& stream, std::vector<SearchSettings>& left, std::size_t tokens) {
        std::size_t least = tokens / 16;
        std::vector<SearchSettings> best;
        for (const SearchSettings& each : left) {
            const auto guesses = compare(stream, each, tokens, least);
            if (!guesses) continue;
            if (guesses->wrong.size() < least) best.clear();
            least = guesses->wrong.size();
            best.push_back(each);
        }
        left = std::move(best);
    }

    // The usual levels first.
    static std::vector<SearchSettings> all() {
        std::vector<SearchSettings> made;
        for (const std::uint8_t level : {6, 9, 1, 7, 8, 5, 4, 3, 2, 10, 11})
            for (const bool filtered : {false, true})
                for (const std::uint8_t hash : {0, 1}) {
                    if ((level < 4 || level > 9) && filtered) continue;
                    if (level > 9 && hash != 0) continue;
                    SearchSettings& settings = made.emplace_back();
                    settings.level = level;
                    settings.filtered = filtered;
                    settings.hash = hash;
                }
        return made;
    }

    // The guesses of a level for the first tokens of a stream; none if more than `most` are wrong.
    std::optional<Guesses> compare(const Stream& stream, const SearchSettings& settings,
                                   std::size_t tokens, std::size_t most) {
        Guesses guesses{settings, {}};
        choice_.begin(stream.plaintext, settings);
        std::size_t at = 0, next = 0;
        for (const Block& block : stream.blocks) {
            at += block.stored;
            for (std::size_t i = 0; i < block.tokens; ++i, ++next) {
                if (next == tokens) return guesses;
                const Token& token = stream.tokens[next];
                const Token guess = choice_.guess(at);
                if (guess != token) {
                    if (guesses.wrong.size() == most || token.odd) return std::nullopt;
                    guesses.wrong.emplace_back(next, guess);
                }
                choice_.take(at, token);
                at += token.bytes();
            }
        }
        return guesses;
    }

    ZlibChoice choice_;
    SearchSettings last_ = all()[0];  // of the stream before
};

}  // namespace bitsback::deflate
