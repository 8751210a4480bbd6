// Codes the tokens of a deflate stream, given its plaintext and the candidates of its encoder's
// match search. docs/format.md, A6.8.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>

#include "../mixing/context_mixer.hpp"
#include "counters.hpp"
#include "guessed_coder.hpp"
#include "search.hpp"

namespace bitsback::deflate {

// Binary decisions of one kind, predicted by mixing contexts.
class Decisions {
  public:
    // bits: sizes of the keys of contexts. sets: number of sets of weights.
    Decisions(std::initializer_list<unsigned> bits, std::uint32_t sets,
              const LogisticTables& logistic)
        : settings_(settings(bits, sets)), mixer_(settings_, logistic, 1, 1) {
        mixer_.begin(1);
    }

    template <class Coder>
    std::uint32_t code(Coder& coder, std::initializer_list<std::uint32_t> keys, std::uint32_t set,
                       std::uint32_t bit) {
        mixer_.begin(1);
        std::copy(keys.begin(), keys.end(), mixer_.keys(0));
        mixer_.values(0)[0] = set;
        mixer_.start(0);
        mixer_.find(0, 0, 1);
        mixer_.look(0, 0, 1);
        mixer_.mix(0, 0);
        const auto one = static_cast<std::uint32_t>(mixer_.predict(0, 0)) >> 12;
        bit = coder.bit(std::clamp(one, 1u, (1u << 16) - 1), bit);
        mixer_.learn(0, bit);
        return bit;
    }

  private:
    static MixingSettings settings(std::initializer_list<unsigned> bits, std::uint32_t sets) {
        MixingSettings settings{};
        settings.decisions = settings.node_bits = settings.nodes = 1;
        settings.table = 24;
        settings.probability_bits = 22;
        settings.count_bits = 10;
        settings.trust = 80;
        for (const unsigned each : bits) settings.contexts.push_back({each, 24, 1000});
        settings.mixers.push_back({{{Selector::Kind::value, 0, sets}}, 6000, 2000, 120});
        return settings;
    }

    MixingSettings settings_;
    ContextMixer mixer_;
};

class TokenCoder {
  public:
    TokenCoder(const LogisticTables& logistic, MatchCoder& others)
        : others_(others),
          matches_({10, 15, 13, 9, 14, 12, 15, 13, 12, 16, 15}, 4, logistic),
          candidates_({9, 12, 14, 9, 12, 9, 12, 9}, 6, logistic),
          lengths_({6, 9, 4, 12, 6}, 1, logistic) {}

    // Begins a stream.
    void begin(std::span<const std::uint8_t> plaintext, const SearchSettings& settings) {
        plaintext_ = plaintext;
        depth_ = settings.depth;
        search_.emplace(plaintext, settings);
        history_ = 0;
        literals_ = before_ = 0;
    }

    // Codes the token at a position.
    template <class Coder>
    Token code(Coder& coder, std::size_t position, const Token& token) {
        const Candidates& here = search_->at(position);
        const std::size_t longest = here.count == 0 ? 0 : here.all[here.count - 1].length;
        Token made;
        if (code_match(coder, position, here, token.length != 0 ? 1 : 0) == 0) {
            history_ = history_ << 1 & 63;
            ++literals_;
            before_ = longest == 3 && here.all[here.count - 1].distance > 4096 ? 0 : longest;
            return made;
        }
        code_candidate(coder, position, here, token, made);
        if (made.length == most_match) made.odd = odd_.code(coder, token.odd) & 1;
        history_ = (history_ << 1 | 1) & 63;
        literals_ = before_ = 0;
        search_->take(position, made.length);
        return made;
    }

  private:
    static constexpr std::uint32_t none = 45;  // above the buckets of all lengths

    // The bucket of a length, below 46. Lengths at thresholds of encoders have buckets of their
    // own.
    static std::uint32_t bucket(std::size_t length) {
        const auto n = static_cast<std::uint32_t>(length);
        if (n <= 34) return n;
        if (n < 64) return 35;
        if (n <= 65) return n - 28;
        if (n < 128) return 38;
        if (n <= 130) return n - 89;
        if (n < 192) return 42;
        return n < 257 ? 43 : 44;
    }
    static std::uint32_t log2(std::uint32_t n) {
        return n == 0 ? 0 : static_cast<std::uint32_t>(std::bit_width(n)) - 1;
    }
    // Four steps per power of two.
    static std::uint32_t quarters(std::uint32_t n) {
        if (n < 8) return n;
        const std::uint32_t whole = log2(n);
        return 4 * whole + (n >> (whole - 2) & 3) - 4;
    }
    static std::uint32_t within(std::int32_t n, std::int32_t low, std::int32_t high) {
        return static_cast<std::uint32_t>(std::clamp(n, low, high) - low);
    }

    struct Best {
        std::int32_t length = 0;
        std::uint32_t distance = 0;
    };
    Best best(std::size_t position, unsigned depth) {
        const Candidates& candidates = search_->at(position);
        const std::size_t n = candidates.within(depth);
        if (n == 0) return {};
        return {candidates.all[n - 1].length, candidates.all[n - 1].distance};
    }
    // The gain of a later match, by libdeflate's formula.
    static std::uint32_t gain(const Best& later, const Best& now) {
        if (later.length < now.length) return 23;
        return within(4 * (later.length - now.length) +
                          static_cast<std::int32_t>(log2(now.distance)) -
                          static_cast<std::int32_t>(log2(later.distance)),
                      -10, 12);
    }

    template <class Coder>
    std::uint32_t code_match(Coder& coder, std::size_t position, const Candidates& here,
                             std::uint32_t bit) {
        if (here.count == 0) return hidden_.code(coder, bit);
        const Best now = best(position, depth_), next = best(position + 1, depth_),
                   half = best(position + 1, (depth_ + 1) / 2),
                   quarter = best(position + 1, depth_ / 4), after = best(position + 2, depth_),
                   later = best(position + 2, (depth_ + 3) / 4);
        const std::uint32_t l0 = bucket(static_cast<std::size_t>(now.length));
        const auto length = static_cast<std::uint32_t>(now.length);
        const std::uint32_t run = here.all[0].distance == 1 ? bucket(here.all[0].length) : 0;
        const std::uint32_t far = now.distance > 32506 ? 2 : now.distance > 4096 ? 1 : 0;
        const std::uint32_t step = within(next.length - now.length, -3, 3);
        const std::uint32_t since =
            literals_ == 0 ? 5 : within(now.length - static_cast<std::int32_t>(before_), -2, 2);
        const std::uint32_t nearer = within(static_cast<std::int32_t>(log2(now.distance + 1)) -
                                                static_cast<std::int32_t>(log2(next.distance + 1)),
                                            -3, 3);
        const std::uint32_t lone = static_cast<std::uint32_t>(std::min<std::size_t>(literals_, 31));
        const std::uint32_t h = history_ & 7;
        const std::uint32_t g1 = gain(half, now), g2 = gain(later, now);
        const std::uint32_t last = literals_ == 0 ? none : bucket(before_);
        return matches_.code(
            coder,
            {((step * 6 + since) * 8 + std::min(7u, lone)) * 3 + far,
             (l0 * 46 + bucket(static_cast<std::size_t>(next.length))) * 8 + since,
             (l0 * 46 + last) * 3 + far, std::min(length, 15u) * 32 + quarters(now.distance) / 2,
             (l0 * 4 + (h & 3)) * 46 + bucket(static_cast<std::size_t>(quarter.length)),
             ((step * 7 + nearer) * 8 + within(after.length - now.length, -3, 4)) * 8 +
                 std::min(7u, length),
             (run * 46 + l0) * 8 + h, (std::min(length, 20u) * 32 + lone) * 8 + h,
             within(quarter.length - now.length, -3, 3) * 8 + since + 64 * l0,
             ((g1 * 24 + g2) * 16 + std::min(15u, length)) * 4 + (now.distance <= 4096   ? 0
                                                                  : now.distance <= 8192 ? 1
                                                                                         : 2),
             (g1 * 46 + l0) * 16 + log2(now.distance)},
            static_cast<std::uint32_t>(std::min<std::size_t>(3, here.count - 1)), bit);
    }

    // Codes the candidate of a match, from the longest one down, and the match's length.
    template <class Coder>
    void code_candidate(Coder& coder, std::size_t position, const Candidates& here,
                        const Token& token, Token& made) {
        const std::uint32_t last = literals_ == 0 ? none : bucket(before_);
        for (std::size_t i = here.count; i-- > 0;) {
            const Candidate& candidate = here.all[i];
            const std::uint32_t shorter = i > 0 ? here.all[i - 1].length : 0;
            const std::uint32_t nearer = i > 0 ? log2(here.all[i - 1].distance) : 15;
            const auto order = static_cast<std::uint32_t>(here.count - 1 - i);
            const std::uint32_t top = order == 0 ? 1 : 0;
            const std::uint32_t depth = candidate.depth <= depth_ / 4         ? 0
                                        : candidate.depth <= (depth_ + 1) / 2 ? 1
                                                                              : 2;
            const std::uint32_t known = bucket(shorter), distance = log2(candidate.distance);
            if (candidates_.code(
                    coder,
                    {(depth * 2 + top) * 46 + last, quarters(candidate.depth) * 46 + last,
                     (bucket(candidate.length) * 46 + known) * 4 + depth,
                     (std::min(7u, order) * 4 + depth) * 16 + distance,
                     (std::min(15u, candidate.length - shorter) * 16 + distance) * 16 + nearer,
                     (known * 4 + depth) * 2 + top, quarters(candidate.depth) * 46 + known,
                     (std::min<std::uint32_t>(15, static_cast<std::uint32_t>(i)) * 4 + depth) * 8 +
                         (history_ & 7)},
                    depth * 2 + top,
                    candidate.distance == token.distance() && token.length <= candidate.length
                        ? 1
                        : 0) != 0) {
                made.before = static_cast<std::uint16_t>(candidate.distance - 1);
                return code_length(coder, here, i, token.length, made);
            }
        }
        made = others_.code(coder, plaintext_, position, token);
    }

    template <class Coder>
    void code_length(Coder& coder, const Candidates& here, std::size_t i, unsigned length,
                     Token& made) {
        const Candidate& candidate = here.all[i];
        const std::uint32_t full = bucket(candidate.length),
                            shorter = i > 0 ? bucket(here.all[i - 1].length) : 0;
        const auto order = static_cast<std::uint32_t>(std::min<std::size_t>(7, here.count - 1 - i));
        made.length = candidate.length;
        if (lengths_.code(
                coder,
                {full, full * 8 + order, log2(candidate.distance), full * 46 + shorter, history_},
                0, length == candidate.length ? 1 : 0) != 0)
            return;
        const std::uint32_t less =
            shortened_[std::min(full, 31u)].code(coder, candidate.length - length - 1u);
        if (less + 1 + least_match > candidate.length)
            throw std::invalid_argument("coded tokens have a wrong length");
        made.length = static_cast<std::uint16_t>(candidate.length - 1 - less);
    }

    std::span<const std::uint8_t> plaintext_;
    unsigned depth_ = 0;
    std::optional<Search> search_;
    MatchCoder& others_;
    Decisions matches_, candidates_, lengths_;
    Counter hidden_, odd_;
    std::array<NumberCounters, 32> shortened_;
    // The state of the previous tokens.
    std::uint32_t history_ = 0;  // one bit per token, 1 for a match
    std::size_t literals_ = 0;   // since the last match
    std::size_t before_ = 0;     // length of the match that the last literal declined
};

}  // namespace bitsback::deflate
