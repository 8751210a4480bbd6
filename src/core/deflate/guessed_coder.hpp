// Codes tokens relative to those that zlib would choose, and matches that no search predicts.
// docs/format.md, A6.8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "counters.hpp"
#include "search.hpp"

namespace bitsback::deflate {

// Codes lengths and distances of matches by themselves.
class MatchCoder {
  public:
    template <class Coder>
    Token code(Coder& coder, std::span<const std::uint8_t> plaintext, std::size_t position,
               const Token& token) {
        const std::uint32_t length = lengths_.code(coder, token.length - least_match);
        const std::uint32_t before = distances_.code(coder, token.before);
        if (length > most_match - least_match ||
            length + least_match > plaintext.size() - position || before >= position ||
            before >= most_distance ||
            same_bytes(plaintext, position - before - 1, position, length + least_match) !=
                length + least_match)
            throw std::invalid_argument("coded tokens have a wrong match");
        return Token::match(length + least_match, before + std::size_t{1});
    }

  private:
    NumberCounters lengths_, distances_;
};

class GuessedCoder {
  public:
    explicit GuessedCoder(MatchCoder& matches) : others_(matches) {}

    // guess: the token that zlib would choose at the position.
    template <class Coder>
    Token code(Coder& coder, std::span<const std::uint8_t> plaintext, std::size_t position,
               const Token& guess, const Token& token) {
        if (guessed_.code(coder, token == guess ? 1 : 0) != 0) return guess;
        if (guess.length != 0 && matches_.code(coder, token.length != 0 ? 1 : 0) == 0) return {};
        return others_.code(coder, plaintext, position, token);
    }

  private:
    MatchCoder& others_;
    Counter guessed_{(1u << 22) - (1u << 15), 24}, matches_;
};

}  // namespace bitsback::deflate
