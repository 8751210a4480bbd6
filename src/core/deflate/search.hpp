// The search for the matches that an encoder may have found: positions with the same hash, the
// nearest first. docs/format.md, A6.8.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "format.hpp"

namespace bitsback::deflate {

// The settings of an encoder's match search.
struct SearchSettings {
    std::uint8_t hash = 0;            // which hash of `hash_at`
    std::uint16_t depth = 1;          // positions of a chain to try, 1 to 4,096
    std::uint16_t nice = most_match;  // a match of this length ends the search
    std::uint16_t insert = 0;  // longest match whose inside is inserted into chains, 0 to 258
    bool ends = false;         // whether the last position of longer matches is inserted
    // A level of zlib whose choice predicts each token, 0 for none; of the fields above only `hash`
    // is used then. filtered: by its strategy Z_FILTERED.
    std::uint8_t level = 0;
    bool filtered = false;

    bool operator==(const SearchSettings&) const = default;
};

inline constexpr unsigned hashes = 4, libdeflate = 2, most_depth = 4096;

// The hash of a position, by number: zlib with 15 bits, zlib with 16 bits, libdeflate, zlib-ng, and
// libdeflate for matches of three bytes.
inline std::uint32_t hash_at(const std::uint8_t* at, unsigned hash) {
    const std::uint32_t a = at[0], b = at[1], c = at[2];
    if (hash < 2) {
        const unsigned bits = 15 + hash, step = 5 + hash;
        return (a << 2 * step ^ b << step ^ c) & ((1u << bits) - 1);
    }
    const std::uint32_t four = a | b << 8 | c << 16 | std::uint32_t{at[3]} << 24;
    if (hash == hashes) return (four & 0xffffff) * 0x1E35A7BDu >> 17;
    return four * (hash == libdeflate ? 0x1E35A7BDu : 0x9E3779B1u) >> 16;
}

// The number of equal bytes from two positions on, at most `most`.
inline unsigned same_bytes(std::span<const std::uint8_t> plaintext, std::size_t a, std::size_t b,
                           unsigned most) {
    const std::uint8_t* x = plaintext.data() + a;
    const std::uint8_t* y = plaintext.data() + b;
    unsigned n = 0;
    if constexpr (std::endian::native == std::endian::little) {
        for (; n + 8 <= most; n += 8) {
            std::uint64_t u, v;
            std::memcpy(&u, x + n, 8);
            std::memcpy(&v, y + n, 8);
            if (u != v) return n + static_cast<unsigned>(std::countr_zero(u ^ v)) / 8;
        }
    }
    while (n < most && x[n] == y[n]) ++n;
    return n;
}

// For each position the distance to the previous one with the same hash, 0 if none is in reach.
inline std::vector<std::uint16_t> chains(std::span<const std::uint8_t> plaintext, unsigned hash) {
    std::vector<std::uint16_t> before(plaintext.size());
    std::vector<std::uint32_t> last(1 << 16);  // positions plus one
    for (std::size_t i = 0; i + (hash < 2 ? 3 : 4) <= plaintext.size(); ++i) {
        std::uint32_t& latest = last[hash_at(plaintext.data() + i, hash)];
        if (latest != 0 && i + 1 - latest <= most_distance)
            before[i] = static_cast<std::uint16_t>(i + 1 - latest);
        latest = static_cast<std::uint32_t>(i + 1);
    }
    return before;
}

struct Candidate {
    std::uint16_t length;
    std::uint16_t depth;  // place in its chain, from 1 on
    std::uint32_t distance;
};

// The matches at a position that are longer than every nearer one, the nearest first.
struct Candidates {
    std::array<Candidate, 256> all;
    std::size_t count = 0;

    // The number of candidates with at most this depth.
    std::size_t within(unsigned depth) const {
        std::size_t n = count;
        while (n > 0 && all[n - 1].depth > depth) --n;
        return n;
    }
};

class Search {
  public:
    Search(std::span<const std::uint8_t> plaintext, const SearchSettings& settings)
        : plaintext_(plaintext),
          settings_(settings),
          before_(chains(plaintext, settings.hash)),
          before_3_(settings.hash == libdeflate ? chains(plaintext, hashes)
                                                : std::vector<std::uint16_t>()),
          left_out_(plaintext.size()) {}

    // The candidates at a position; those of the last positions are cached.
    const Candidates& at(std::size_t position) {
        Kept& entry = kept_[position % 4];
        if (entry.position != position) {
            entry.position = position;
            find(position, entry.found, most_distance);
        }
        return entry.found;
    }

    // Inserts the positions of a match into chains, according to the settings.
    void take(std::size_t position, unsigned length) {
        if (length > settings_.insert)
            std::memset(left_out_.data() + position + 1, 1, length - 1 - (settings_.ends ? 1 : 0));
    }

    // Finds the candidates at a position within a distance.
    void find(std::size_t position, Candidates& found, std::size_t reach) {
        found.count = 0;
        if (plaintext_.size() - std::min(position, plaintext_.size()) < least_match) return;
        const auto most =
            static_cast<unsigned>(std::min<std::size_t>(most_match, plaintext_.size() - position));
        // A bound on the total work: chains become shorter where it is exceeded.
        const bool busy = work_ > 256 * (position + (std::size_t{1} << 16));
        const unsigned depth = busy ? std::min<unsigned>(settings_.depth, 16) : settings_.depth;
        unsigned left = 4 * depth + 256, deep = 0, best = least_match - 1;
        const unsigned nice = std::min<unsigned>(most, settings_.nice);
        const std::uint8_t* here = plaintext_.data() + position;
        std::size_t at = position;
        if (settings_.hash == libdeflate && before_3_[at] != 0 &&
            same_bytes(plaintext_, at - before_3_[at], at, least_match) == least_match) {
            best = least_match;
            found.all[found.count++] = {least_match, 0, before_3_[at]};
        }
        while (best < nice && before_[at] != 0 && deep < depth && left > 0) {
            at -= before_[at];
            if (position - at > reach) break;
            --left;
            if (left_out_[at] != 0) continue;
            ++deep;
            const std::uint8_t* there = plaintext_.data() + at;
            if (there[best] != here[best] || there[0] != here[0] || there[1] != here[1]) continue;
            const unsigned same = same_bytes(plaintext_, at, position, most);
            left -= std::min(left, same / 16);
            if (same <= best) continue;
            best = same;
            found.all[found.count++] = {static_cast<std::uint16_t>(same),
                                        static_cast<std::uint16_t>(deep),
                                        static_cast<std::uint32_t>(position - at)};
            if (same >= nice) break;
        }
        work_ += 4 * depth + 256 - left;
    }

  private:
    struct Kept {
        std::size_t position = ~std::size_t{0};
        Candidates found;
    };

    std::span<const std::uint8_t> plaintext_;
    SearchSettings settings_;
    std::vector<std::uint16_t> before_;
    std::vector<std::uint16_t> before_3_;  // chains of libdeflate's hash of three bytes
    std::vector<std::uint8_t> left_out_;
    std::array<Kept, 4> kept_;
    std::size_t work_ = 0;
};

}  // namespace bitsback::deflate
