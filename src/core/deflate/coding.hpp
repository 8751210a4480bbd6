// Deflate streams as their plaintext and what their encoders chose (docs/format.md, A6.10).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "block_coder.hpp"
#include "stream.hpp"
#include "token_coder.hpp"

namespace bitsback::deflate {

// What a search has to be like to find the matches of a stream, but for a share of them.
class SettingsFinder {
  public:
    SettingsFinder(const Stream& stream, std::size_t share) : stream_(stream), share_(share) {
        // Where matches come from: inside of which others.
        std::vector<std::uint16_t> inside(stream_.plaintext.size());
        std::vector<std::size_t> sources(most_match + 1), ends(most_match + 1);
        std::size_t matches = 0, at_ends = 0;
        for_matches([&](std::size_t at, const Token& token) {
            const std::uint16_t of = inside[at - token.distance()];
            ++(of > most_match ? ends : sources)[of % 512];
            ++matches;
            for (unsigned i = 1; i < token.length; ++i) inside[at + i] = token.length;
            inside[at + token.length - 1] += 512;
        });
        insert_ = static_cast<std::uint16_t>(above(sources));
        for (std::size_t length = insert_ + 1u; length <= most_match; ++length)
            at_ends += ends[length];
        ends_ = at_ends * share_ > matches;
    }

    // Those of a search by this hash.
    SearchSettings settings(std::uint8_t hash) const {
        SearchSettings of{hash, most_depth, most_match, insert_, ends_};
        Search search(stream_.plaintext, of);
        Candidates found;
        std::vector<std::size_t> depths(most_depth + 1), lengths(most_match + 1);
        for_matches([&](std::size_t at, const Token& token) {
            search.find(at, found, token.distance());
            search.take(at, token.length);
            const Candidate& last = found.all[found.count - 1];
            if (found.count == 0 || last.distance != token.distance()) return;
            ++depths[last.depth];
            // A search does not go on from such a match.
            ++lengths[found.count < 2 ? 0 : found.all[found.count - 2].length];
        });
        of.depth = static_cast<std::uint16_t>(std::max<std::size_t>(above(depths), 1));
        of.nice =
            static_cast<std::uint16_t>(std::clamp<std::size_t>(above(lengths) + 1, 3, most_match));
        return of;
    }

  private:
    template <class Take>
    void for_matches(const Take& take) const {
        std::size_t at = 0, next = 0;
        for (const Block& block : stream_.blocks) {
            at += block.stored;
            for (std::size_t i = 0; i < block.tokens; ++i, ++next) {
                if (stream_.tokens[next].length != 0) take(at, stream_.tokens[next]);
                at += stream_.tokens[next].bytes();
            }
        }
    }

    // The number that no more than the share exceed.
    std::size_t above(const std::vector<std::size_t>& counts) const {
        std::size_t sum = 0, more = 0, n = counts.size() - 1;
        for (const std::size_t count : counts) sum += count;
        for (; n > 0 && (more + counts[n]) * share_ <= sum; --n) more += counts[n];
        return n;
    }

    const Stream& stream_;
    std::size_t share_;
    std::uint16_t insert_;
    bool ends_;
};

// Codes the settings with equal chances.
template <class Coder>
void code_settings(Coder& coder, SearchSettings& of) {
    const auto number = [&](unsigned bits, unsigned value) {
        unsigned made = 0;
        for (unsigned i = bits; i-- > 0;) made = 2 * made + coder.bit(1u << 15, value >> i & 1);
        return made;
    };
    of.hash = static_cast<std::uint8_t>(number(2, of.hash));
    of.depth = static_cast<std::uint16_t>(number(12, of.depth - 1u) + 1);
    of.nice = static_cast<std::uint16_t>(number(9, of.nice));
    of.insert = static_cast<std::uint16_t>(number(9, of.insert));
    of.ends = number(1, of.ends) != 0;
    if (of.nice < least_match || of.nice > most_match || of.insert > most_match)
        throw std::invalid_argument("coded tokens are of no search");
}

// most: tokens that are coded.
inline std::vector<std::uint8_t> encode(const Stream& stream, SearchSettings settings,
                                        const LogisticTables& logistic, std::size_t most) {
    Encoder coder;
    code_settings(coder, settings);
    TokenCoder tokens(stream.plaintext, settings, logistic);
    BlockCoder blocks;
    std::size_t at = 0, next = 0;
    for (const Block& each : stream.blocks) {
        Block block{each.last, each.type, each.padding, each.stored, each.tokens, nullptr};
        blocks.start(coder, block);
        const std::size_t first = at, first_token = next;
        at += each.stored;
        for (std::size_t i = 0; i < each.tokens; ++i) {
            const Token& token = stream.tokens[next++];
            tokens.code(coder, at, token);
            at += token.bytes();
            if (next >= most) return coder.end();
        }
        if (each.header) {
            Header header = *each.header;
            blocks.code(coder, header,
                        std::span(stream.tokens).subspan(first_token, next - first_token),
                        stream.plaintext.data() + first);
        }
    }
    blocks.end(coder, stream.padding);
    return coder.end();
}

inline std::vector<std::uint8_t> encode(const Stream& stream, const LogisticTables& logistic) {
    SearchSettings best;
    std::size_t least = ~std::size_t{0};
    const auto attempt = [&](const SettingsFinder& finder, std::uint8_t hash) {
        constexpr std::size_t trial = 1 << 14;
        const SearchSettings settings = finder.settings(hash);
        const std::size_t size = encode(stream, settings, logistic, trial).size();
        if (size < least) least = size, best = settings;
    };
    const SettingsFinder all(stream, ~std::size_t{0} >> 32);
    for (std::uint8_t hash = 0; hash < hashes; ++hash) attempt(all, hash);
    for (const std::size_t share : {512, 64}) attempt(SettingsFinder(stream, share), best.hash);
    return encode(stream, best, logistic, ~std::size_t{0});
}

// The stream with this plaintext, of so many bytes. Throws std::invalid_argument for what `encode`
// does not make.
inline std::vector<std::uint8_t> decode(std::span<const std::uint8_t> plaintext,
                                        std::span<const std::uint8_t> coded, std::size_t bytes,
                                        const LogisticTables& logistic) {
    if (plaintext.size() > most_plaintext)
        throw std::invalid_argument("the plaintext of a deflate stream is too long");
    Decoder coder(coded);
    SearchSettings settings;
    code_settings(coder, settings);
    TokenCoder tokens(plaintext, settings, logistic);
    BlockCoder blocks;
    StreamWriter out;
    std::vector<Token> made;
    std::size_t at = 0;
    for (bool last = false; !last;) {
        Block block;
        blocks.start(coder, block);
        last = block.last;
        const std::size_t first = at;
        made.clear();
        if (block.stored > plaintext.size() - at)
            throw std::invalid_argument("coded tokens are of a longer plaintext");
        at += block.stored;
        while (block.type != 0 && (last ? at < plaintext.size() : made.size() < block.tokens)) {
            if (at == plaintext.size())
                throw std::invalid_argument("coded tokens are of a longer plaintext");
            made.push_back(tokens.code(coder, at, {}));
            at += made.back().bytes();
        }
        if (block.type == 2) {
            block.header = std::make_unique<Header>();
            blocks.code(coder, *block.header, made, plaintext.data() + first);
        }
        out.put(block, made, plaintext.subspan(first, at - first));
        if (out.bytes().size() > bytes)
            throw std::invalid_argument("coded tokens are of a longer stream");
    }
    out.pad(blocks.end(coder, 0));
    coder.end();
    if (at != plaintext.size() || out.bytes().size() != bytes)
        throw std::invalid_argument("coded tokens are of another stream");
    return std::move(out.bytes());
}

}  // namespace bitsback::deflate
