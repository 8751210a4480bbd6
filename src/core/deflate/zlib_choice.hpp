// The tokens that zlib chooses (deflate.c: deflate_fast, deflate_slow, deflate_rle, deflate_huff).
// docs/format.md, A6.8.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "search.hpp"

namespace bitsback::deflate {

// Levels of zlib by number; two more stand for its strategies Z_RLE and Z_HUFFMAN_ONLY.
inline constexpr unsigned runs_level = 10, literals_level = 11, levels = 12;

// What a level of zlib means (deflate.c: configuration_table).
struct ZlibLevel {
    unsigned good, lazy, nice, depth;
    bool greedy;
};
inline constexpr ZlibLevel zlib_levels[10] = {
    {},
    {4, 4, 8, 4, true},
    {4, 5, 16, 8, true},
    {4, 6, 32, 32, true},
    {4, 4, 16, 16, false},
    {8, 16, 32, 32, false},
    {8, 16, 128, 128, false},
    {8, 32, 128, 256, false},
    {32, 128, 258, 1024, false},
    {32, 258, 258, 4096, false},
};

class ZlibChoice {
  public:
    // Begins a stream. settings: of a level of zlib.
    void begin(std::span<const std::uint8_t> plaintext, const SearchSettings& settings) {
        if (base_ + next_ + plaintext.size() > ~std::uint32_t{0} || head_.empty()) {
            head_.assign(1 << 16, 0);
            before_.resize(window);
            base_ = next_ = 0;
        }
        base_ += next_;  // so that nothing of another stream is found
        next_ = 0;
        plaintext_ = plaintext;
        settings_ = settings;
        level_ = zlib_levels[settings.level < runs_level ? settings.level : 0];
        known_at_ = ~std::size_t{0};
        work_ = 0;
    }

    // The token at a position.
    Token guess(std::size_t position) {
        if (settings_.level == literals_level) return {};
        if (settings_.level == runs_level) {
            if (position == 0) return {};
            const unsigned length = same_bytes(plaintext_, position - 1, position, most(position));
            return token(length < least_match ? Match{} : Match{length, 1});
        }
        if (known_at_ != position) here_ = find(position, least_match - 1);
        if (level_.greedy || here_.length < least_match) return token(here_);
        later_ = here_.length < level_.lazy ? find(position + 1, here_.length) : Match{};
        return later_.length < least_match ? token(here_) : Token{};
    }

    // Takes the token at the position of the last guess.
    void take(std::size_t position, const Token& token) {
        if (settings_.level >= runs_level) return;
        insert(position + 1);
        if (token.length == 0 && !level_.greedy && here_.length >= least_match) {
            here_ = later_;
            known_at_ = position + 1;
        }
        if (level_.greedy && token.length > level_.lazy)
            next_ = position + token.length;  // without the inside of a long match
    }

  private:
    static constexpr std::size_t window = std::size_t{1} << 15;
    static constexpr std::size_t most_reach = window - 262;
    static constexpr unsigned far = 4096, least_filtered = 6;

    struct Match {
        unsigned length = 0;
        std::size_t distance = 0;
    };
    static Token token(const Match& match) {
        return match.length < least_match ? Token{} : Token::match(match.length, match.distance);
    }
    unsigned most(std::size_t position) const {
        return static_cast<unsigned>(
            std::min<std::size_t>(most_match, plaintext_.size() - position));
    }

    // Inserts all positions up to this one, without it, into the chains of their hashes.
    void insert(std::size_t end) {
        const std::size_t last = plaintext_.size() < least_match ? 0 : plaintext_.size() - 2;
        for (; next_ < std::min(end, last); ++next_) {
            std::uint32_t& head = head_[hash_at(plaintext_.data() + next_, settings_.hash)];
            before_[next_ % window] = distance_to(head, next_);
            head = static_cast<std::uint32_t>(base_ + next_);
        }
        next_ = std::max(next_, end);
    }

    // The distance of a position to the last one with the same hash, 0 if that is in no reach. Like
    // in zlib, no match begins at the first position.
    std::uint16_t distance_to(std::uint32_t head, std::size_t position) const {
        const std::uint64_t distance = base_ + position - head;
        return static_cast<std::uint16_t>(head > base_ && distance <= most_reach ? distance : 0);
    }
    static std::uint16_t pair_at(const std::uint8_t* at) {
        std::uint16_t pair;
        std::memcpy(&pair, at, 2);
        return pair;
    }

    // The longest match at a position, if it is longer than this.
    Match find(std::size_t position, unsigned longer) {
        Match found;
        if (plaintext_.size() < position + least_match) return found;
        insert(position);
        const unsigned most = this->most(position), stop = std::min(level_.nice, most);
        unsigned left = longer >= level_.good ? level_.depth / 4 : level_.depth;
        // A bound on the total work.
        if (work_ > 1024 * (position + (std::size_t{1} << 16))) left = std::min(left, 16u);
        unsigned best = longer;
        if (best >= most) return found;
        const std::uint8_t* here = plaintext_.data() + position;
        const std::uint16_t start = pair_at(here);
        std::uint16_t end = pair_at(here + best - 1);
        std::size_t at = position, work = 0;
        std::size_t step = distance_to(head_[hash_at(here, settings_.hash)], position);
        for (std::size_t reach = most_reach; step != 0 && left > 0; --left) {
            at -= step;
            if (position - at > reach) break;
            reach = most_reach - 1;
            step = before_[at % window];
            ++work;
            const std::uint8_t* there = plaintext_.data() + at;
            if (pair_at(there + best - 1) != end || pair_at(there) != start) continue;
            const unsigned same = same_bytes(plaintext_, at, position, most);
            work += same / 16;
            if (same <= best) continue;
            best = same;
            found = {same, position - at};
            if (same >= stop) break;
            end = pair_at(here + best - 1);
        }
        work_ += work;
        if (!level_.greedy && ((settings_.filtered && found.length < least_filtered) ||
                               (found.length == least_match && found.distance > far)))
            return {};
        return found;
    }

    std::span<const std::uint8_t> plaintext_;
    SearchSettings settings_;
    ZlibLevel level_{};
    std::vector<std::uint32_t> head_;    // the last position with each hash, plus base_
    std::vector<std::uint16_t> before_;  // the distance of each position to the one before it
    std::uint64_t base_ = 0;
    std::size_t next_ = 0;      // the first position that is in no chain
    Match here_, later_;        // at the position of the last guess, and the next one
    std::size_t known_at_ = 0;  // the position of here_, if its match is known before the guess
    std::size_t work_ = 0;
};

}  // namespace bitsback::deflate
