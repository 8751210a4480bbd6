// Codes the blocks of a deflate stream: first their types and sizes, and after the tokens their
// Huffman codes. docs/format.md, A6.8.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "code_builders.hpp"
#include "counters.hpp"
#include "format.hpp"

namespace bitsback::deflate {

class BlockCoder {
  public:
    // Begins a stream.
    void begin() { type_ = 2; }

    // Codes the fields in front of the tokens. The last block has tokens up to the end of the
    // plaintext.
    template <class Coder>
    void start(Coder& coder, Block& block) {
        block.last = last_.code(coder, block.last) != 0;
        Counter* types = types_[type_];
        if (types[0].code(coder, block.type == 2) != 0)
            block.type = 2;
        else
            block.type = types[1].code(coder, block.type == 1) != 0 ? 1 : 0;
        type_ = block.type;
        if (block.type == 0) {
            block.padding = paddings_.code(coder, block.padding);
            block.stored = repeated(coder, stored_, block.stored);
            if (block.stored > 0xffff)
                throw std::invalid_argument("coded tokens have a wrong stored block");
        } else if (!block.last) {
            block.tokens = repeated(coder, tokens_, static_cast<std::uint32_t>(block.tokens));
        }
    }

    // Codes the Huffman codes of a block with these tokens.
    template <class Coder>
    void code(Coder& coder, Header& header, std::span<const Token> tokens,
              const std::uint8_t* plaintext) {
        std::array<std::uint32_t, literals> literal{};
        std::array<std::uint32_t, distances> distance{};
        for (const Token& token : tokens) {
            if (token.length == 0) {
                ++literal[*plaintext];
            } else {
                ++literal[first_length + (token.odd ? 27 : length_symbol(token.length).symbol)];
                ++distance[distance_symbol(token.distance()).symbol];
            }
            plaintext += token.bytes();
        }
        ++literal[end_of_block];
        bool usual = false;
        if constexpr (Coder::encodes) usual = header == usual_header(literal, distance);
        if (usually_.code(coder, usual ? 1 : 0) == 0)
            code_lengths(coder, header, literal, distance);
        else if constexpr (!Coder::encodes)
            header = usual_header(literal, distance);
    }

    // Codes the padding behind the last block.
    template <class Coder>
    std::uint32_t end(Coder& coder, std::uint32_t padding) {
        return paddings_.code(coder, padding);
    }

  private:
    static constexpr std::uint32_t builders = 3;

    // Codes nothing: each decision has its usual value.
    struct NoCoder {
        static constexpr bool encodes = false;
        std::uint32_t bit(std::uint32_t, std::uint32_t) { return 0; }
    };
    Header usual_header(Counts literal, Counts distance) {
        Header made;
        NoCoder none;
        usual_ = true;
        code_lengths(none, made, literal, distance);
        usual_ = false;
        return made;
    }

    template <class Coder>
    void code_lengths(Coder& coder, Header& header, Counts literal, Counts distance) {
        CodeLengths actual;
        if constexpr (Coder::encodes) actual = CodeLengths::from_header(header);
        std::uint32_t builder = 0;
        if constexpr (Coder::encodes) {
            std::size_t least = literals + distances + 1;
            for (std::uint32_t each = 0; each < builders; ++each) {
                const auto a = built(each, literal, most_bits);
                const auto b = built(each, distance, most_bits);
                std::size_t wrong = 0;
                for (std::size_t i = 0; i < literals; ++i) wrong += a[i] != actual.literal[i];
                for (std::size_t i = 0; i < distances; ++i) wrong += b[i] != actual.distance[i];
                if (wrong < least) least = wrong, builder = each;
            }
        }
        if (decide(coder, builder_[0], builder != 0, 0) != 0)
            builder = 1 + builder_[1].code(coder, builder == 2);
        else
            builder = 0;
        differences(coder, 0, built(builder, literal, most_bits), actual.literal);
        differences(coder, 1, built(builder, distance, most_bits), actual.distance);
        header.literals =
            count(coder, 0, std::span(actual.literal).first(literals), 257, header.literals);
        header.distances =
            count(coder, 1, std::span(actual.distance).first(distances), 1, header.distances);
        std::vector<std::uint8_t> all(actual.literal.begin(),
                                      actual.literal.begin() + header.literals);
        all.insert(all.end(), actual.distance.begin(), actual.distance.begin() + header.distances);
        runs(coder, all, header);
        std::array<std::uint32_t, precodes> precode{};
        for (const Run& run : header.runs) ++precode[run.symbol];
        differences(coder, 2, built(builder, precode, 7), header.precode);
        std::array<std::uint8_t, precodes> ordered;
        for (std::size_t i = 0; i < precodes; ++i) ordered[i] = header.precode[precode_order[i]];
        header.precodes = count(coder, 2, ordered, 4, header.precodes);
    }

    // Codes a decision about a header. usual: its value in zlib's headers.
    template <class Coder>
    std::uint32_t decide(Coder& coder, Counter& counter, bool bit, std::uint32_t usual) {
        return usual_ ? usual : counter.code(coder, bit ? 1 : 0);
    }

    static std::vector<std::uint8_t> built(std::uint32_t builder, Counts counts, unsigned most) {
        if (builder == 0) return zlib_lengths(counts, most);
        // libdeflate limits code words of literals to 14 bits.
        return sorted_lengths(counts, builder == 1 && counts.size() == literals ? 14 : most);
    }

    // A coder of numbers that often repeat the previous one.
    struct Repeated {
        std::uint32_t before;
        Counter same;
        NumberCounters numbers;
    };
    template <class Coder>
    std::uint32_t repeated(Coder& coder, Repeated& last, std::uint32_t number) {
        if (last.same.code(coder, number == last.before) == 0)
            last.before = last.numbers.code(coder, number);
        return last.before;
    }

    // Codes lengths of code words by their differences to those of a builder.
    template <class Coder>
    void differences(Coder& coder, unsigned code, const std::vector<std::uint8_t>& expected,
                     std::span<std::uint8_t> actual) {
        Differences& differences = differences_[code];
        std::uint32_t before = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const std::uint32_t guess = expected[i], is = actual[i];
            before = decide(coder, differences.differs[guess != 0][before], is != guess, 0);
            if (before == 0) {
                actual[i] = static_cast<std::uint8_t>(guess);
                continue;
            }
            const std::uint32_t more = guess == 0 ? 1 : differences.more.code(coder, is > guess);
            const std::uint32_t by = 1 + differences.sizes[guess != 0][more].code(
                                             coder, (more != 0 ? is - guess : guess - is) - 1);
            const std::uint32_t made = more != 0 ? guess + by : guess - by;
            if (made > (code == 2 ? 7u : most_bits))
                throw std::invalid_argument("coded tokens have a wrong code");
            actual[i] = static_cast<std::uint8_t>(made);
        }
    }

    // Codes the number of written lengths, which usually end with the last one that is not 0.
    template <class Coder>
    unsigned count(Coder& coder, unsigned code, std::span<const std::uint8_t> lengths,
                   unsigned least, unsigned number) {
        auto needed = static_cast<unsigned>(lengths.size());
        while (needed > least && lengths[needed - 1] == 0) --needed;
        const std::uint32_t more = usual_ ? 0 : counts_[code].code(coder, number - needed);
        if (more > lengths.size() - needed)
            throw std::invalid_argument("coded tokens have a wrong code");
        return needed + more;
    }

    template <class Coder>
    void runs(Coder& coder, const std::vector<std::uint8_t>& all, Header& header) {
        std::vector<Run> made;
        for (std::size_t at = 0; at < all.size(); at += made.back().count) {
            const Run run = Coder::encodes ? header.runs[made.size()] : Run{};
            made.push_back(code_run(coder, all, at, header.literals, run));
        }
        header.runs = std::move(made);
    }

    template <class Coder>
    Run code_run(Coder& coder, const std::vector<std::uint8_t>& all, std::size_t at,
                 std::size_t middle, const Run& run) {
        const std::uint8_t length = all[at];
        std::size_t same = 1;
        while (same < 138 && at + same < all.size() && all[at + same] == length) ++same;
        // Some encoders, zlib among them, do not continue runs from literals to distances.
        const std::size_t near = at < middle ? std::min(same, middle - at) : same;
        if (usual_) same = near;
        const bool again = at > 0 && all[at - 1] == length, zero = length == 0;
        if (same < 3 || !(again || zero)) return {length, 1};
        Runs& runs = runs_[zero][again];
        Counter& is = runs.is[std::min<std::size_t>(near, 11)][near < same];
        if (decide(coder, is, run.symbol >= 16, 1) == 0) return {length, 1};
        unsigned kind = 0;
        if (zero && again)
            kind = decide(coder, runs.zeros, run.symbol > 16, 1);
        else if (zero)
            kind = 1;
        if (kind == 1 && same >= 11) kind += decide(coder, runs.many, run.symbol == 18, 1);
        std::size_t most = same;
        if (near < same && runs.crosses.code(coder, run.count > near) == 0) most = near;
        most = std::min<std::size_t>(most, run_most[kind]);
        std::size_t count = most;
        if (decide(coder, runs.all[kind], run.count == most, 1) == 0)
            count =
                most - 1 - runs.less.code(coder, static_cast<std::uint32_t>(most - 1 - run.count));
        if (count < run_least[kind] || count > most)
            throw std::invalid_argument("coded tokens have a wrong run");
        return {static_cast<std::uint8_t>(16 + kind), static_cast<std::uint8_t>(count)};
    }

    struct Differences {
        Counter differs[2][2], more;
        NumberCounters sizes[2][2];
    };
    struct Runs {
        Counter is[12][2], zeros, many, crosses, all[3];
        NumberCounters less;
    };

    Counter last_, types_[3][2], usually_, builder_[2];
    unsigned type_ = 2;
    bool usual_ = false;  // whether decisions about headers have their usual values
    NumberCounters paddings_, counts_[3];
    Repeated stored_{0, {}, {}}, tokens_{16383, {}, {}};
    Differences differences_[3];
    Runs runs_[2][2];
};

}  // namespace bitsback::deflate
