// Reads a deflate stream into its plaintext and the choices of its encoder, and writes the same
// bits from these. Source: RFC 1951.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "format.hpp"

namespace bitsback::deflate {

struct Stream {
    std::vector<std::uint8_t> plaintext;
    std::vector<Block> blocks;
    std::vector<Token> tokens;  // of all blocks
    std::uint32_t padding = 0;  // the bits behind the last block
    std::size_t bytes = 0;
};

// The usual size of a plaintext is at most so many times that of its stream.
inline constexpr std::size_t usual_ratio = 32;

class StreamReader {
  public:
    // most: the largest size of the plaintext. excess: by how much it may exceed usual_ratio times
    // the stream. Throws std::invalid_argument for streams that zlib refuses, for longer
    // plaintext, and for streams of more than most_bytes.
    StreamReader(std::span<const std::uint8_t> bytes, std::size_t most,
                 std::size_t excess = most_plaintext)
        : in_(bytes), most_(std::min(most, most_plaintext)), excess_(excess) {}

    Stream read() {
        do read_block();
        while (!stream_.blocks.back().last);
        stream_.padding = in_.take(in_.room());
        stream_.bytes = in_.bytes();
        if (stream_.bytes > most_bytes(stream_.plaintext.size()))
            throw std::invalid_argument("a deflate stream is too long for its plaintext");
        return std::move(stream_);
    }
    // The number of bytes that were read and produced so far, and of entries of tables.
    std::size_t work() const { return in_.bytes() + stream_.plaintext.size() + entries_; }

  private:
    void read_block() {
        Block& block = stream_.blocks.emplace_back();
        block.last = in_.take(1) != 0;
        block.type = static_cast<std::uint8_t>(in_.take(2));
        if (block.type == 0) return read_stored(block);
        if (block.type == 3) throw std::invalid_argument("a deflate stream has an unknown block");
        if (block.type == 2) block.header = std::make_unique<Header>(read_header());
        read_tokens(block);
    }

    void read_stored(Block& block) {
        block.padding = in_.take(in_.room());
        block.stored = in_.take(16);
        if (in_.take(16) != (~block.stored & 0xffffu))
            throw std::invalid_argument("a stored block of a deflate stream is damaged");
        require_room(block.stored);
        for (unsigned i = 0; i < block.stored; ++i)
            stream_.plaintext.push_back(static_cast<std::uint8_t>(in_.take(8)));
    }

    Header read_header() {
        Header header;
        header.literals = in_.take(5) + 257;
        header.distances = in_.take(5) + 1;
        header.precodes = in_.take(4) + 4;
        if (header.literals > literals || header.distances > distances)
            throw std::invalid_argument("a deflate stream has too many symbols");
        for (unsigned i = 0; i < header.precodes; ++i)
            header.precode[precode_order[i]] = static_cast<std::uint8_t>(in_.take(3));
        Code precode(header.precode, true);
        precode.fill();
        const unsigned end = header.literals + header.distances;
        for (unsigned at = 0; at < end; at += header.runs.back().count) {
            Run run{static_cast<std::uint8_t>(precode.take(in_)), 1};
            if (run.symbol >= 16) {
                const unsigned kind = run.symbol - 16u;
                run.count = static_cast<std::uint8_t>(run_least[kind] + in_.take(run_bits[kind]));
                if (run.count > end - at || (kind == 0 && at == 0))
                    throw std::invalid_argument("a deflate stream has wrong code lengths");
            }
            header.runs.push_back(run);
        }
        return header;
    }

    // The codes of a block, with tables for reading.
    struct Codes {
        explicit Codes(const CodeLengths& all)
            : lengths(all), literal(lengths.literal), distance(lengths.distance) {
            if (!literal.has(end_of_block))
                throw std::invalid_argument("a block of a deflate stream has no end");
            entries = literal.fill() + distance.fill();
        }
        Codes(const Codes&) = delete;

        CodeLengths lengths;
        Code literal, distance;
        std::size_t entries;
    };

    void read_tokens(Block& block) {
        static const Codes fixed(CodeLengths::fixed());
        std::optional<Codes> own;
        if (block.header) entries_ += own.emplace(block.lengths()).entries;
        const Codes& codes = own ? *own : fixed;
        std::vector<std::uint8_t>& out = stream_.plaintext;
        while (true) {
            unsigned symbol = codes.literal.take(in_);
            if (symbol == end_of_block) return;
            Token token;
            if (symbol < end_of_block) {
                require_room(1);
                out.push_back(static_cast<std::uint8_t>(symbol));
            } else {
                symbol -= first_length;
                if (symbol > 28)
                    throw std::invalid_argument("a deflate stream has an invalid length");
                const Symbol length = base_of(symbol, 2);
                token.length = symbol == 28
                                   ? most_match
                                   : static_cast<std::uint16_t>(least_match + length.extra +
                                                                in_.take(length.bits));
                token.odd = symbol == 27 && token.length == most_match;
                const Symbol far = base_of(codes.distance.take(in_), 1);
                if (far.symbol >= distances)
                    throw std::invalid_argument("a deflate stream has an invalid distance");
                token.before = static_cast<std::uint16_t>(far.extra + in_.take(far.bits));
                if (token.distance() > out.size())
                    throw std::invalid_argument("a deflate stream copies bytes before its start");
                require_room(token.length);
                const std::size_t size = out.size();
                out.resize(size + token.length);
                std::uint8_t* to = out.data() + size;
                for (unsigned i = 0; i < token.length; ++i, ++to) *to = *(to - token.distance());
            }
            stream_.tokens.push_back(token);
            ++block.tokens;
        }
    }

    void require_room(std::size_t bytes) {
        if (bytes <= room_ - stream_.plaintext.size()) return;
        room_ = std::min(most_, excess_ + usual_ratio * in_.bytes());
        if (bytes > room_ - stream_.plaintext.size())
            throw std::invalid_argument("the plaintext of a deflate stream is too long");
    }

    BitReader in_;
    std::size_t most_, excess_;
    std::size_t room_ = 0;     // bytes of plaintext up to which there surely is room
    std::size_t entries_ = 0;  // of tables
    Stream stream_;
};

class StreamWriter {
  public:
    // Writes a block whose plaintext begins at this position. Throws std::invalid_argument if a
    // symbol has no code.
    void put(const Block& block, std::span<const Token> tokens,
             std::span<const std::uint8_t> plaintext) {
        out_.put(block.last, 1);
        out_.put(block.type, 2);
        if (block.type == 0) return put_stored(block, plaintext);
        if (block.type == 2) put_header(*block.header);
        const CodeLengths lengths = block.lengths();
        const Code literal(lengths.literal), distance(lengths.distance);
        std::size_t at = 0;
        for (const Token& token : tokens) {
            if (token.length == 0) {
                put_symbol(literal, plaintext[at]);
            } else {
                const Symbol length = token.odd ? Symbol{27, 5, 31} : length_symbol(token.length);
                put_symbol(literal, first_length + length.symbol);
                out_.put(length.extra, length.bits);
                const Symbol far = distance_symbol(token.distance());
                put_symbol(distance, far.symbol);
                out_.put(far.extra, far.bits);
            }
            at += token.bytes();
        }
        put_symbol(literal, end_of_block);
    }
    // Writes these bits up to the next byte.
    void pad(std::uint32_t bits) {
        if (bits >> out_.room() != 0)
            throw std::invalid_argument("the padding of a deflate stream is too long");
        out_.put(bits, out_.room());
    }
    std::vector<std::uint8_t>& bytes() { return out_.bytes(); }

  private:
    void put_symbol(const Code& code, unsigned symbol) {
        if (!code.has(symbol))
            throw std::invalid_argument("a symbol of a deflate stream has no code");
        code.put(out_, symbol);
    }

    void put_stored(const Block& block, std::span<const std::uint8_t> plaintext) {
        pad(block.padding);
        out_.put(block.stored, 16);
        out_.put(~block.stored & 0xffffu, 16);
        for (unsigned i = 0; i < block.stored; ++i) out_.put(plaintext[i], 8);
    }

    void put_header(const Header& header) {
        out_.put(header.literals - 257, 5);
        out_.put(header.distances - 1, 5);
        out_.put(header.precodes - 4, 4);
        for (unsigned i = 0; i < header.precodes; ++i)
            out_.put(header.precode[precode_order[i]], 3);
        const Code precode(header.precode, true);
        for (const Run& run : header.runs) {
            put_symbol(precode, run.symbol);
            if (run.symbol >= 16)
                out_.put(run.count - run_least[run.symbol - 16], run_bits[run.symbol - 16]);
        }
    }

    BitWriter out_;
};

}  // namespace bitsback::deflate
