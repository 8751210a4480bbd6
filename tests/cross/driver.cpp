// Runs the core, without Python, over a file of test vectors from stdin and prints what comes out: tests/cross/run.sh
// builds this for other processors and compares.
//
// With the argument `engines` it prints the names of those that the processor can run, of which BITSBACK_SIMD chooses
// one.
//
// The file is 32-bit little-endian words: an operation (the letters below), then its fields. An array is its length and
// its elements, one a word, negative ones in two's complement. Each operation prints one line of numbers.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "codecs.hpp"
#include "context_vae.hpp"
#include "crc32c.hpp"
#include "linear.hpp"
#include "message.hpp"
#include "network.hpp"
#include "vae.hpp"

namespace {

using namespace bitsback;

class Fields {
  public:
    bool word(std::uint32_t& value) {
        unsigned char bytes[4];
        if (std::fread(bytes, 1, 4, stdin) != 4) return false;
        value = 0;
        for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{bytes[i]} << (8 * i);
        return true;
    }
    std::uint32_t word() {
        std::uint32_t value = 0;
        if (!word(value)) throw std::runtime_error("the test vectors are cut short");
        return value;
    }
    std::int32_t integer() { return static_cast<std::int32_t>(word()); }
    template <class T>
    std::vector<T> array() {
        std::vector<T> values(word());
        for (T& value : values) value = static_cast<T>(integer());
        return values;
    }
};

template <class Values>
void print(const Values& values) {
    for (auto value : values) std::printf("%lld ", static_cast<long long>(value));
}

Linear read_linear(Fields& fields) {
    const std::uint32_t inputs = fields.word();
    const std::uint32_t top = fields.word();
    const std::uint32_t shift = fields.word();
    const std::int32_t low = fields.integer();
    const std::int32_t high = fields.integer();
    const auto weight = fields.array<std::int8_t>();
    const auto bias = fields.array<std::int32_t>();
    const auto multiplier = fields.array<std::int32_t>();
    return {weight, bias, multiplier, inputs, shift, low, high, top};
}

Network read_network(Fields& fields) {
    const std::uint32_t width = fields.word();
    Network network(width, fields.integer());
    for (std::uint32_t left = fields.word(); left != 0; --left) {
        const std::uint32_t layer = fields.word();
        const std::uint32_t input = fields.word();
        switch (layer) {
            case 'L':
                network.add_linear(input, std::make_shared<const Linear>(read_linear(fields)));
                break;
            case 'T': {
                const std::int32_t low = fields.integer();
                network.add_table(input, fields.array<std::int16_t>(), low);
                break;
            }
            case 'C': {
                const std::uint32_t rows = fields.word();
                const std::uint32_t columns = fields.word();
                const std::uint32_t kernel = fields.word();
                const std::uint32_t stride = fields.word();
                network.add_conv(input, std::make_shared<const Linear>(read_linear(fields)), rows, columns, kernel,
                                 stride);
                break;
            }
            case 'S': {
                const std::uint32_t rows = fields.word();
                const std::uint32_t columns = fields.word();
                network.add_shuffle(input, rows, columns, fields.word());
                break;
            }
            case 'A': {
                const std::uint32_t other = fields.word();
                const std::int32_t low = fields.integer();
                network.add_sum(input, other, low, fields.integer());
                break;
            }
            default:
                throw std::runtime_error("an unknown layer in the test vectors");
        }
    }
    return network;
}

// Frequencies of a one, or, behind its number of columns, a grid of rows.
PixelTable read_pixel_table(Fields& fields) {
    const std::uint32_t precision = fields.word();
    const std::uint32_t levels = fields.word();
    const std::uint32_t columns = fields.word();
    const auto table = fields.array<std::uint32_t>();
    if (columns == 0) return BernoulliIntervals(table, precision);
    return RowGrid(RowTable(table, levels, precision), columns);
}

Posterior read_posterior(Fields& fields, const NormalTables& normal) {
    const Network network = read_network(fields);
    const std::uint32_t mean = fields.word();
    const std::uint32_t scale = fields.word();
    const auto inverse_scale = fields.array<std::uint32_t>();
    const std::uint32_t bits = fields.word();
    return {network, mean, scale, inverse_scale, normal, bits, fields.word()};
}

ContextLikelihood read_context_likelihood(Fields& fields, const std::vector<std::int32_t>& logistic) {
    FeatureNetwork decoder{read_network(fields), fields.word(), fields.word(), fields.word()};
    const std::uint32_t rows = fields.word();
    const std::uint32_t columns = fields.word();
    const std::uint32_t above = fields.word();
    const std::uint32_t side = fields.word();
    const std::uint32_t levels = fields.word();
    const PlaneTable planes(fields.array<std::uint8_t>(), levels);
    const Network network = read_network(fields);
    const auto outputs = fields.array<std::size_t>();
    if (fields.word() == 'X') {
        const std::uint32_t precision = fields.word();
        const auto exponential = fields.array<std::uint32_t>();
        const MixtureTables tables(exponential, fields.array<std::uint32_t>(), logistic, levels, precision);
        return {std::move(decoder), rows, columns, {above, side}, planes, {network, outputs, tables}};
    }
    const auto codec = std::visit([](auto table) -> PixelCodec { return table; }, read_pixel_table(fields));
    return {std::move(decoder), rows, columns, {above, side}, planes, {network, outputs, codec}};
}

struct State {
    Message message{{head_floor}, {}, 0};
    std::vector<std::int32_t> quantile;
    std::vector<std::int32_t> cdf;
    std::vector<std::int32_t> logistic;
};

// Codecs have one operation each: push symbols, print the message, pop them, pop others, print those and the message.
template <class Symbol, class Push, class Pop>
void push_and_pop(State& state, const std::vector<Symbol>& symbols, Push push, Pop pop) {
    push(std::span<const Symbol>(symbols));
    print(state.message.to_bytes());
    std::vector<Symbol> popped(symbols.size());
    pop(std::span<Symbol>(popped));
    if (popped != symbols) throw std::runtime_error("a pop did not give back what was pushed");
    pop(std::span<Symbol>(popped));
    print(popped);
    print(state.message.to_bytes());
}

// A chain: push items, print the message, pop them, print it again.
template <class Chain>
void push_and_pop_chain(Message& message, Fields& fields, const Chain& chain) {
    auto sizes = fields.array<std::size_t>();
    const auto x = fields.array<std::uint8_t>();
    chain.push(message, x, sizes);
    print(message.to_bytes());
    std::ranges::reverse(sizes);
    std::vector<std::uint8_t> popped(x.size());
    chain.pop(message, popped, sizes);
    if (popped != x) throw std::runtime_error("a chain did not give back what was pushed");
    print(message.to_bytes());
}

void run(std::uint32_t operation, Fields& fields, State& state) {
    Message& message = state.message;
    switch (operation) {
        case 'M': {
            message = Message::from_bytes(fields.array<std::uint8_t>());
            print(message.to_bytes());
            break;
        }
        case 'T': {
            state.quantile = fields.array<std::int32_t>();
            state.cdf = fields.array<std::int32_t>();
            state.logistic = fields.array<std::int32_t>();
            break;
        }
        case 'U': {
            const Uniform codec(fields.word());
            push_and_pop(
                state, fields.array<std::uint32_t>(), [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'B': {
            const std::uint32_t precision = fields.word();
            const auto frequencies = fields.array<std::uint32_t>();
            const Bernoulli codec(frequencies, precision);
            push_and_pop(
                state, fields.array<std::uint8_t>(), [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'C': {
            const std::uint32_t precision = fields.word();
            const Categorical codec(fields.array<std::uint32_t>(), precision);
            push_and_pop(
                state, fields.array<std::uint32_t>(), [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'G': {
            const std::uint32_t bits = fields.word();
            const std::uint32_t precision = fields.word();
            const auto mean = fields.array<std::int32_t>();
            const auto inverse_scale = fields.array<std::uint32_t>();
            const Gaussian codec(state.quantile, state.cdf, mean, inverse_scale, bits, precision);
            push_and_pop(
                state, fields.array<std::uint16_t>(), [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'R': {
            const std::uint32_t precision = fields.word();
            const std::uint32_t levels = fields.word();
            const RowTable table(fields.array<std::uint32_t>(), levels, precision);
            const auto index = fields.array<std::uint16_t>();
            const Rows codec(table, index);
            push_and_pop(
                state, fields.array<std::uint8_t>(), [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'X': {
            const bool logistic = fields.word() != 0;
            const std::uint32_t precision = fields.word();
            const std::uint32_t levels = fields.word();
            const std::uint32_t components = fields.word();
            const auto weight = fields.array<std::uint32_t>();
            const auto mean = fields.array<std::int32_t>();
            const auto inverse_scale = fields.array<std::uint32_t>();
            const CdfTable cdf = logistic ? CdfTable{state.logistic, 4} : CdfTable{state.cdf, 3};
            const Mixture codec(cdf, weight, mean, inverse_scale, components, levels, precision);
            push_and_pop(
                state, fields.array<std::uint16_t>(), [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'L': {
            const Linear layer = read_linear(fields);
            const auto x = fields.array<std::uint8_t>();
            const std::size_t rows = x.size() / layer.inputs();
            if (layer.byte_output()) {
                std::vector<std::uint8_t> out(rows * layer.outputs());
                layer.run(x.data(), rows, out.data());
                print(out);
            } else {
                std::vector<std::int16_t> out(rows * layer.outputs());
                layer.run(x.data(), rows, out.data());
                print(out);
            }
            break;
        }
        case 'V': {
            Posterior posterior = read_posterior(fields, {state.quantile, state.cdf});
            const Network likelihood = read_network(fields);
            const auto outputs = fields.array<std::size_t>();
            push_and_pop_chain(message, fields,
                               Vae(std::move(posterior), {likelihood, outputs, read_pixel_table(fields)}));
            break;
        }
        case 'W': {
            Posterior posterior = read_posterior(fields, {state.quantile, state.cdf});
            push_and_pop_chain(message, fields,
                               ContextVae(std::move(posterior), read_context_likelihood(fields, state.logistic)));
            break;
        }
        case '3': {
            const std::vector<std::uint32_t> crc{crc32c(fields.array<std::uint8_t>())};
            print(crc);
            break;
        }
        default:
            throw std::runtime_error("an unknown operation in the test vectors");
    }
    std::printf("\n");
}

}  // namespace

int main(int count, char** arguments) {
    try {
        if (count > 1 && std::string(arguments[1]) == "engines") {
            for (const std::string& name : simd_paths()) std::printf("%s ", name.c_str());
            return 0;
        }
        Fields fields;
        State state;
        for (std::uint32_t operation = 0; fields.word(operation);) run(operation, fields, state);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
