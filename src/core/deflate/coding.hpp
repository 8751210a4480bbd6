// Codes deflate streams as the choices of their encoders, given the plaintext. docs/format.md,
// A6.8.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "block_coder.hpp"
#include "guessed_coder.hpp"
#include "level_finder.hpp"
#include "stream.hpp"
#include "token_coder.hpp"

namespace bitsback::deflate {

// Calls take(position, token) for each match of a stream.
template <class Take>
void for_matches(const Stream& stream, const Take& take) {
    std::size_t at = 0;
    auto token = stream.tokens.begin();
    for (const Block& block : stream.blocks) {
        at += block.stored;
        for (std::size_t i = 0; i < block.tokens; ++i, at += token++->bytes())
            if (token->length != 0) take(at, *token);
    }
}

// Estimates the settings of the match search that produced a stream.
class SettingsFinder {
  public:
    explicit SettingsFinder(const Stream& stream) {
        std::vector<std::uint16_t> inside(stream.plaintext.size());
        for_matches(stream, [&](std::size_t at, const Token& token) {
            const std::uint16_t length = inside[at - token.distance()];
            if (length < last_inside) ++sources_[length];
            for (unsigned i = 1; i < token.length; ++i) inside[at + i] = token.length;
            inside[at + token.length - 1] += last_inside;
        });
        for (const std::uint16_t length : inside) ++positions_[length % last_inside];
    }

    static constexpr std::uint64_t none = std::uint64_t{1} << 32;  // a share

    // Settings with each plausible insertion rule, the likeliest first.
    std::vector<SearchSettings> inserts() const {
        std::vector<SearchSettings> made;
        for (const std::size_t insert : {above(sources_, none), dense(), above(sources_, 64)})
            for (const bool ends : {false, true})
                made.push_back(
                    {0, most_depth, most_match, static_cast<std::uint16_t>(insert), ends});
        return made;
    }

    // Sets the other settings so that at most 1 / share of the matches are not candidates. Returns
    // the number of matches that no settings make candidates.
    static std::size_t fit(const Stream& stream, SearchSettings& settings, std::uint64_t share) {
        settings.depth = most_depth;
        settings.nice = most_match;
        Search search(stream.plaintext, settings);
        Candidates found;
        Counts depths(most_depth + 1), lengths(most_match + 1);
        std::size_t missed = 0;
        for_matches(stream, [&](std::size_t at, const Token& token) {
            search.find(at, found, token.distance());
            search.take(at, token.length);
            if (found.count == 0 || found.all[found.count - 1].distance != token.distance()) {
                ++missed;
                return;
            }
            ++depths[found.all[found.count - 1].depth];
            // The search continued after the longest nearer match.
            ++lengths[found.count < 2 ? 0 : found.all[found.count - 2].length];
        });
        settings.depth = static_cast<std::uint16_t>(std::max<std::size_t>(above(depths, share), 1));
        settings.nice = static_cast<std::uint16_t>(
            std::clamp<std::size_t>(above(lengths, share) + 1, least_match, most_match));
        return missed;
    }

  private:
    using Counts = std::vector<std::uint64_t>;
    static constexpr unsigned last_inside = 512;

    // The least number that at most 1 / share of the counted numbers exceed.
    static std::size_t above(const Counts& counts, std::uint64_t share) {
        std::uint64_t sum = 0, more = 0;
        std::size_t n = counts.size() - 1;
        for (const std::uint64_t count : counts) sum += count;
        for (; n > 0 && (more + counts[n]) * share <= sum; --n) more += counts[n];
        return n;
    }

    // The longest match whose inside is a source of matches almost as often as other positions.
    std::size_t dense() const {
        std::uint64_t some = 0, expected = 0;
        std::size_t n = most_match;
        for (; n > 0; --n) {
            const std::uint64_t here =
                positions_[n] * sources_[0] / std::max<std::uint64_t>(positions_[0], 1);
            some += sources_[n];
            expected += here;
            if (16 * some > expected || (here > 64 && 64 * sources_[n] > here)) break;
        }
        return n;
    }

    // Positions that are sources of matches, and all positions, counted by the length of the match
    // that contains them (0 for none). Last positions of matches are not sources.
    Counts sources_ = Counts(most_match + 1), positions_ = sources_;
};

// The first `tokens` tokens of streams, joined into one stream without codes.
inline Stream beginning(std::span<const Stream> streams, std::size_t tokens) {
    Stream made;
    for (const Stream& stream : streams) {
        std::size_t bytes = 0;
        auto token = stream.tokens.begin();
        for (const Block& block : stream.blocks) {
            const std::size_t left = tokens - made.tokens.size();
            Block& part = made.blocks.emplace_back();
            part.type = block.type == 0 ? 0 : 1;
            part.stored = block.stored;
            part.tokens = std::min(block.tokens, left);
            bytes += block.stored;
            for (std::size_t i = 0; i < part.tokens; ++i, ++token) {
                made.tokens.push_back(*token);
                bytes += token->bytes();
            }
            if (block.tokens >= left || made.plaintext.size() + bytes >= most_match * tokens) break;
        }
        made.plaintext.insert(made.plaintext.end(), stream.plaintext.begin(),
                              stream.plaintext.begin() + static_cast<std::ptrdiff_t>(bytes));
        if (bytes < stream.plaintext.size()) break;
    }
    return made;
}

// Codes the settings, each value with the same probability.
template <class Coder>
void code_settings(Coder& coder, SearchSettings& settings) {
    const auto number = [&](unsigned bits, unsigned value) {
        unsigned made = 0;
        for (unsigned i = bits; i-- > 0;) made = 2 * made + coder.bit(1u << 15, value >> i & 1);
        return made;
    };
    settings.level = static_cast<std::uint8_t>(number(4, settings.level));
    if (settings.level >= levels)
        throw std::invalid_argument("coded tokens have an unknown level of zlib");
    if (settings.level > 0) {
        if (settings.level < runs_level) {
            settings.hash = number(1, settings.hash) & 1;
            settings.filtered = number(1, settings.filtered) != 0;
        }
        return;
    }
    settings.hash = static_cast<std::uint8_t>(number(2, settings.hash));
    settings.depth = static_cast<std::uint16_t>(number(12, settings.depth - 1u) + 1);
    settings.nice = static_cast<std::uint16_t>(number(9, settings.nice));
    settings.insert = static_cast<std::uint16_t>(number(9, settings.insert));
    settings.ends = number(1, settings.ends) != 0;
    if (settings.nice < least_match || settings.nice > most_match || settings.insert > most_match)
        throw std::invalid_argument("coded tokens have invalid search settings");
}

// Codes streams one after another. Counters and mixers continue from stream to stream.
template <class Coder>
class StreamCoder {
  public:
    StreamCoder(const LogisticTables& logistic, Coder& coder)
        : logistic_(logistic), coder_(coder), guessed_(matches_) {}
    StreamCoder(const StreamCoder&) = delete;

    // guesses: the settings; with a level of zlib, also its wrong guesses.
    void encode(const Stream& stream, const Guesses& guesses) {
        begin(stream.plaintext, guesses.settings);
        std::size_t at = 0, next = 0;
        auto wrong = guesses.wrong.begin();
        for (const Block& each : stream.blocks) {
            Block block{each.last, each.type, each.padding, each.stored, each.tokens, nullptr};
            blocks_.start(coder_, block);
            const std::size_t first = at, first_token = next;
            at += each.stored;
            for (std::size_t i = 0; i < each.tokens; ++i) {
                const Token& token = stream.tokens[next];
                if (settings_.level == 0) {
                    tokens_->code(coder_, at, token);
                } else {
                    const bool is_wrong = wrong != guesses.wrong.end() && wrong->first == next;
                    const Token guess = is_wrong ? wrong++->second : token;
                    guessed_.code(coder_, stream.plaintext, at, guess, token);
                }
                at += token.bytes();
                ++next;
            }
            if (each.header) {
                Header header = *each.header;
                blocks_.code(coder_, header,
                             std::span(stream.tokens).subspan(first_token, next - first_token),
                             stream.plaintext.data() + first);
            }
        }
        blocks_.end(coder_, stream.padding);
    }

    // The stream of `bytes` bytes with this plaintext. Throws std::invalid_argument for input that
    // `encode` does not produce.
    std::vector<std::uint8_t> decode(std::span<const std::uint8_t> plaintext, std::size_t bytes) {
        if (plaintext.size() > most_plaintext || bytes > most_bytes(plaintext.size()))
            throw std::invalid_argument("a deflate stream is too long");
        begin(plaintext, {});
        StreamWriter out;
        std::vector<Token> made;
        std::size_t at = 0;
        for (bool last = false; !last;) {
            Block block;
            blocks_.start(coder_, block);
            last = block.last;
            const std::size_t first = at;
            made.clear();
            if (block.stored > plaintext.size() - at)
                throw std::invalid_argument("coded tokens are of a longer plaintext");
            at += block.stored;
            while (block.type != 0 && (last ? at < plaintext.size() : made.size() < block.tokens)) {
                if (at == plaintext.size())
                    throw std::invalid_argument("coded tokens are of a longer plaintext");
                made.push_back(decode_token(plaintext, at));
                at += made.back().bytes();
            }
            if (block.type == 2) {
                block.header = std::make_unique<Header>();
                blocks_.code(coder_, *block.header, made, plaintext.data() + first);
            }
            out.put(block, made, plaintext.subspan(first, at - first));
            if (out.bytes().size() > bytes)
                throw std::invalid_argument("coded tokens are of a longer stream");
        }
        out.pad(blocks_.end(coder_, 0));
        if (at != plaintext.size() || out.bytes().size() != bytes)
            throw std::invalid_argument("coded tokens are of another stream");
        return std::move(out.bytes());
    }

  private:
    Token decode_token(std::span<const std::uint8_t> plaintext, std::size_t at) {
        if (settings_.level == 0) return tokens_->code(coder_, at, {});
        const Token made = guessed_.code(coder_, plaintext, at, choice_.guess(at), {});
        choice_.take(at, made);
        return made;
    }

    void begin(std::span<const std::uint8_t> plaintext, const SearchSettings& settings) {
        if (!begun_ || other_.code(coder_, settings != settings_) != 0) {
            settings_ = settings;
            code_settings(coder_, settings_);
        }
        begun_ = true;
        blocks_.begin();
        if (settings_.level > 0) {
            if constexpr (!Coder::encodes) choice_.begin(plaintext, settings_);
        } else {
            if (!tokens_) tokens_.emplace(logistic_, matches_);
            tokens_->begin(plaintext, settings_);
        }
    }

    const LogisticTables& logistic_;
    Coder& coder_;
    MatchCoder matches_;
    std::optional<TokenCoder> tokens_;
    GuessedCoder guessed_;
    ZlibChoice choice_;
    BlockCoder blocks_;
    bool begun_ = false;
    Counter other_;  // whether the settings differ from those of the previous stream
    SearchSettings settings_;
};

// The settings with which streams of one encoder take the fewest bytes.
inline SearchSettings find_settings(std::span<const Stream> streams,
                                    const LogisticTables& logistic) {
    const Stream all = beginning(streams, most_plaintext);
    const Stream trial = beginning(streams, 1 << 14);
    const std::vector<SearchSettings> inserts = SettingsFinder(all).inserts();
    const auto size_of = [&](SearchSettings& settings, std::uint64_t share) {
        SettingsFinder::fit(trial, settings, share);
        BitEncoder coder;
        StreamCoder(logistic, coder).encode(trial, {settings, {}});
        return coder.end().size();
    };
    std::array<std::size_t, hashes> sizes;
    const auto with_hash = [&](SearchSettings settings, std::size_t hash) {
        settings.hash = static_cast<std::uint8_t>(hash);
        return settings;
    };
    for (std::size_t hash = 0; hash < hashes; ++hash) {
        SearchSettings settings = with_hash(inserts[0], hash);
        sizes[hash] = size_of(settings, SettingsFinder::none);
    }
    // Among hashes with similar sizes, prefer the one that finds the most matches.
    const std::size_t good = 2 * *std::min_element(sizes.begin(), sizes.end()) + 64;
    std::size_t best_hash = 0, least = ~std::size_t{0};
    for (std::size_t hash = 0; hash < hashes; ++hash) {
        if (sizes[hash] > good) continue;
        SearchSettings settings = with_hash(inserts[0], hash);
        const std::size_t cost =
            4 * SettingsFinder::fit(all, settings, SettingsFinder::none) + sizes[hash];
        if (cost < least) least = cost, best_hash = hash;
    }
    SearchSettings best;
    std::uint64_t best_share = 0;
    least = ~std::size_t{0};
    for (const SearchSettings& each : inserts)
        for (const std::uint64_t share : {SettingsFinder::none, std::uint64_t{512}}) {
            SearchSettings settings = with_hash(each, best_hash);
            const std::size_t size = size_of(settings, share);
            if (size < least) least = size, best = settings, best_share = share;
        }
    SettingsFinder::fit(all, best, best_share);
    return best;
}

class StreamsEncoder {
  public:
    explicit StreamsEncoder(const LogisticTables& logistic)
        : logistic_(logistic), streams_(logistic, coder_) {}
    StreamsEncoder(const StreamsEncoder&) = delete;

    // Adds the next stream. encoder: identifies the encoder; consecutive streams with the same
    // number share settings.
    void add(Stream stream, unsigned encoder) {
        if (auto guesses = levels_.find(stream)) {
            flush();
            return streams_.encode(stream, *guesses);
        }
        if (bytes_ > bytes_of_a_group || encoder != encoder_) flush();
        encoder_ = encoder;
        bytes_ += stream.plaintext.size();
        group_.push_back(std::move(stream));
    }
    std::vector<std::uint8_t> end() {
        flush();
        return coder_.end();
    }

  private:
    static constexpr std::size_t bytes_of_a_group = 1 << 23, few_bytes = 1 << 10;

    void flush() {
        if (group_.empty()) return;
        if (!settings_ || bytes_ > few_bytes) settings_ = find_settings(group_, logistic_);
        for (const Stream& stream : group_) streams_.encode(stream, {*settings_, {}});
        group_.clear();
        bytes_ = 0;
    }

    const LogisticTables& logistic_;
    BitEncoder coder_;
    StreamCoder<BitEncoder> streams_;
    LevelFinder levels_;
    std::vector<Stream> group_;
    std::size_t bytes_ = 0;  // size of plaintexts of the group
    unsigned encoder_ = 0;
    std::optional<SearchSettings> settings_;
};

}  // namespace bitsback::deflate
