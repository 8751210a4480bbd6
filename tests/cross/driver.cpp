// Runs the core, without Python, over a file of test vectors from stdin and prints what comes out:
// tests/cross/run.sh builds this for other processors and compares.
//
// With the argument `engines` it prints the names of those that the processor can run, of which
// BITSBACK_SIMD chooses one.
//
// The file is 32-bit little-endian words: an operation (the letters below), then its fields. An
// array is its length and its elements, one a word, negative ones in two's complement. Each
// operation prints one line of numbers.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "codecs.hpp"
#include "crc32c.hpp"
#include "distributions/autoregressive.hpp"
#include "distributions/counted.hpp"
#include "distributions/coupled.hpp"
#include "distributions/gaussian.hpp"
#include "distributions/independent.hpp"
#include "distributions/series.hpp"
#include "distributions/uniform.hpp"
#include "distributions/wavefront.hpp"
#include "families/bernoulli.hpp"
#include "families/cdf_table.hpp"
#include "families/mixture.hpp"
#include "families/normal.hpp"
#include "jpeg/streams.hpp"
#include "linear/linear.hpp"
#include "message.hpp"
#include "multiset.hpp"
#include "network.hpp"
#include "program.hpp"

namespace {

using namespace bitsback;

class Fields {
  public:
    explicit Fields(std::FILE* file) : file_(file) {}
    bool word(std::uint32_t& value) {
        unsigned char bytes[4];
        if (std::fread(bytes, 1, 4, file_) != 4) return false;
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
    // Of what follows.
    std::size_t count() {
        const std::uint32_t value = word();
        if (value > 1 << 20) throw std::runtime_error("the test vectors have more than any have");
        return value;
    }
    template <class T>
    std::vector<T> array() {
        std::vector<T> values(count());
        for (T& value : values) value = static_cast<T>(integer());
        return values;
    }

    std::string text() {
        const auto letters = array<char>();
        return {letters.begin(), letters.end()};
    }

  private:
    std::FILE* file_;
};

// What no test vector may lead to, be it hostile.
struct NotGivenBack : std::logic_error {
    using std::logic_error::logic_error;
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

Field read_field(Fields& fields) {
    const std::uint32_t kind = fields.word();
    if (kind == 'L') return std::make_shared<const Linear>(read_linear(fields));
    if (kind == 'A') return fields.array<std::int64_t>();
    return std::int64_t{fields.integer()};
}

Network read_network(Fields& fields) {
    std::vector<Shape> sources(fields.count());
    for (Shape& source : sources) {
        source.rows = fields.word();
        source.columns = fields.word();
        source.channels = fields.word();
        source.low = fields.integer();
        source.high = fields.integer();
    }
    Network network(sources);
    for (std::uint32_t left = fields.word(); left != 0; --left) {
        const std::string op = fields.text();
        const auto inputs = fields.array<std::size_t>();
        NamedFields layer;
        for (std::size_t fields_left = fields.count(); fields_left != 0; --fields_left) {
            const std::string name = fields.text();
            layer[name] = read_field(fields);
        }
        network.add(op, inputs, std::move(layer));
    }
    return network;
}

struct State {
    Message message{{head_floor}, {}, 0};
    std::vector<std::int32_t> quantile;
    std::vector<std::int32_t> cdf;
    std::vector<std::int32_t> logistic;
};

Conditional read_conditional(Fields& fields) {
    Network network = read_network(fields);
    const auto sources = fields.array<std::size_t>();
    return {std::move(network), sources, fields.array<std::size_t>()};
}

std::shared_ptr<const Family> read_family(Fields& fields, const State& state) {
    const std::uint32_t kind = fields.word();
    const std::uint32_t precision = fields.word();
    if (kind == 'B')
        return std::make_shared<BernoulliFamily>(fields.array<std::uint32_t>(), precision);
    const std::uint32_t levels = fields.word();
    if (kind == 'R') {
        const std::uint32_t columns = fields.word();
        return std::make_shared<CdfTableFamily>(
            CdfTable(fields.array<std::uint32_t>(), levels, precision), columns);
    }
    const std::uint32_t mean_shift = fields.word();
    if (kind == 'N')
        return std::make_shared<NormalFamily>(fields.array<std::uint32_t>(), state.quantile,
                                              state.cdf, levels, precision, mean_shift);
    const auto exponential = fields.array<std::uint32_t>();
    const auto inverse_scale = fields.array<std::uint32_t>();
    return std::make_shared<MixtureFamily>(
        MixtureTables(exponential, inverse_scale, state.logistic, levels, precision, mean_shift));
}

PixelNetwork read_pixel_network(Fields& fields) {
    Network network = read_network(fields);
    return {std::move(network), fields.array<std::size_t>()};
}

std::shared_ptr<const Distribution> read_autoregressive(Fields& fields, const State& state) {
    const std::uint32_t variable = fields.word();
    const ImageSize size{fields.word(), fields.word(), fields.word()};
    const Window window{fields.word(), fields.word()};
    const std::uint32_t levels = fields.word();
    const auto bytes = fields.array<std::uint8_t>();
    const ContextPlanes planes(bytes, levels, fields.array<std::uint8_t>());
    std::optional<Conditional> features;
    if (fields.word() != 0) features = read_conditional(fields);
    std::vector<ChannelGroup> groups;
    for (std::uint32_t left = fields.word(); left != 0; --left) {
        const auto channels = fields.array<std::size_t>();
        const auto family = read_family(fields, state);
        ChannelGroup group{channels, family, read_pixel_network(fields), std::nullopt};
        if (fields.word() != 0) group.flat = read_pixel_network(fields);
        groups.push_back(std::move(group));
    }
    return std::make_shared<AutoregressiveDistribution>(variable, size, window, planes,
                                                        std::move(features), std::move(groups));
}

Terms read_terms(Fields& fields) {
    Terms terms(fields.count());
    for (Term& term : terms) {
        const std::uint32_t kind = fields.word();
        require(kind <= 7, "there are eight kinds of terms");
        term.kind = static_cast<Term::Kind>(kind);
        const auto numbers = fields.array<std::int32_t>();
        for (std::size_t i = 0; i + 3 < numbers.size(); i += 4)
            term.parts.push_back({{numbers[i], numbers[i + 1], numbers[i + 2]}, numbers[i + 3]});
        term.shift = fields.word();
        term.low = fields.integer();
        term.high = fields.integer();
        term.steps = fields.array<std::int32_t>();
    }
    return terms;
}

struct Counts {
    LogisticTables logistic;
    CountedSettings settings;
};

std::vector<Site> read_sites(Fields& fields) {
    std::vector<Site> sites(fields.count());
    for (Site& site : sites) {
        site.back = fields.integer();
        site.rows = fields.integer();
        site.columns = fields.integer();
    }
    return sites;
}

// candidates: whether the settings are those of the decisions whether pixels are as theirs.
Counts read_counts(Fields& fields, const State& state, bool candidates = false) {
    const std::uint32_t levels = fields.word();
    const std::uint32_t precision = fields.word(), lag = fields.word(), queues = fields.word();
    MixingSettings mixing{};
    mixing.table = fields.word();
    mixing.probability_bits = fields.word();
    mixing.count_bits = fields.word();
    mixing.trust = fields.word();
    mixing.maps.weight = fields.word();
    mixing.maps.limit = fields.word();
    const LogisticTables logistic(fields.array<std::int32_t>(), state.logistic);
    std::vector<Terms> contexts(fields.count());
    for (Terms& terms : contexts) {
        const std::uint32_t offset = fields.word(), limit = fields.word();
        mixing.contexts.push_back({0, offset, limit});
        terms = read_terms(fields);
    }
    const Terms values = read_terms(fields), predictors = read_terms(fields);
    mixing.mixers.resize(fields.count());
    for (MixerSettings& mixer : mixing.mixers) {
        mixer.start = fields.integer();
        mixer.first_rate = fields.integer();
        mixer.last_rate = fields.integer();
        mixer.selectors.resize(fields.count());
        for (Selector& selector : mixer.selectors) {
            const std::uint32_t kind = fields.word();
            require(kind <= 5, "there are six kinds of selectors");
            selector = {static_cast<Selector::Kind>(kind), fields.word(), 0};
        }
    }
    std::optional<std::size_t> memory;
    std::uint32_t sure = 0;
    std::shared_ptr<const CountedSettings> candidate;
    if (candidates) {
        memory = fields.word();
        sure = fields.word();
    } else if (fields.word() != 0) {
        candidate = std::make_shared<CountedSettings>(read_counts(fields, state, true).settings);
    }
    std::optional<FlatSettings> flat;
    if (!candidates && fields.word() != 0) {
        flat.emplace(FlatSettings{read_sites(fields), {}, 0, 0});
        flat->regions.resize(fields.count());
        for (std::vector<Site>& region : flat->regions) region = read_sites(fields);
        flat->offset = fields.word();
        flat->limit = fields.word();
    }
    return {logistic, CountedSettings(std::move(mixing), levels, precision, lag, queues, contexts,
                                      values, predictors, candidate, memory, sure, flat)};
}

std::shared_ptr<const Distribution> read_counted(Fields& fields, const State& state) {
    const std::uint32_t variable = fields.word();
    Counts counts = read_counts(fields, state);
    return std::make_shared<CountedDistribution>(variable, std::move(counts.settings),
                                                 std::move(counts.logistic));
}

std::shared_ptr<const Distribution> read_series(Fields& fields, const State& state) {
    const std::uint32_t variable = fields.word();
    std::vector<SeriesPredictor> predictors(fields.count());
    for (SeriesPredictor& predictor : predictors) {
        const auto numbers = fields.array<std::int32_t>();
        for (std::size_t i = 0; i + 1 < numbers.size(); i += 2)
            predictor.inputs.push_back({numbers[i], numbers[i + 1]});
        predictor.forgetting = fields.word();
        predictor.every = fields.word();
        predictor.ridge = fields.integer();
    }
    const auto scales = fields.array<std::int32_t>();
    const std::uint32_t levels = fields.word();
    const std::uint32_t precision = fields.word();
    SeriesSettings settings(std::move(predictors), scales, state.logistic, levels, precision);
    for (std::uint32_t left = fields.word(); left != 0; --left) {
        const auto words =
            fields.array<std::uint32_t>();  // two for each double, the lower one first
        std::vector<double> start;
        for (std::size_t i = 0; i + 1 < words.size(); i += 2)
            start.push_back(std::bit_cast<double>(words[i] | std::uint64_t{words[i + 1]} << 32));
        settings.starts.push_back(std::move(start));
    }
    return std::make_shared<SeriesDistribution>(variable, std::move(settings));
}

std::shared_ptr<const Distribution> read_wavefront(Fields& fields, const State& state) {
    const std::uint32_t variable = fields.word();
    std::array<std::int32_t, 3> decay{};
    for (std::int32_t& part : decay) part = fields.integer();
    const std::int32_t ridge = fields.integer();
    const auto start = fields.array<std::int32_t>();
    std::vector<std::vector<LayerTensors>> networks(fields.count());
    for (auto& layers : networks) {
        layers.resize(fields.count());
        for (LayerTensors& layer : layers) {
            layer.weight = fields.array<std::int8_t>();
            layer.bias = fields.array<std::int32_t>();
            layer.multiplier = fields.array<std::int32_t>();
        }
    }
    std::optional<WaveContextSettings> contexts;
    if (const std::uint32_t bits = fields.word(); bits != 0)
        contexts.emplace(bits, LogisticTables(fields.array<std::int32_t>(), state.logistic));
    return std::make_shared<WavefrontDistribution>(
        variable, std::make_shared<WavefrontSettings>(decay, ridge, start, networks, state.logistic,
                                                      std::move(contexts)));
}

std::shared_ptr<const Distribution> read_distribution(Fields& fields, const State& state) {
    const std::uint32_t kind = fields.word();
    if (kind == 'S') return read_autoregressive(fields, state);
    if (kind == 'W') return read_wavefront(fields, state);
    if (kind == 'E') return read_series(fields, state);
    if (kind == 'N') return read_counted(fields, state);
    const std::uint32_t variable = fields.word();
    if (kind == 'U') return std::make_shared<UniformDistribution>(variable, fields.word());
    Conditional given = read_conditional(fields);
    if (kind == 'G') {
        const auto inverse_scale = fields.array<std::uint32_t>();
        const std::uint32_t bits = fields.word();
        return std::make_shared<GaussianDistribution>(variable, std::move(given), inverse_scale,
                                                      NormalTables{state.quantile, state.cdf}, bits,
                                                      fields.word());
    }
    const std::uint32_t elements = fields.word();
    if (kind == 'C') {
        const std::uint32_t channels = fields.word();
        const auto normal =
            std::dynamic_pointer_cast<const NormalFamily>(read_family(fields, state));
        return std::make_shared<CoupledDistribution>(variable, elements, channels, std::move(given),
                                                     normal);
    }
    return std::make_shared<IndependentDistribution>(variable, elements, std::move(given),
                                                     read_family(fields, state));
}

std::vector<ShapeRun> read_shapes(Fields& fields) {
    std::vector<ShapeRun> runs(fields.count());
    for (auto& [count, shape] : runs) {
        count = fields.word();
        shape = {fields.word(), fields.word(), fields.word(),
                 fields.word(), fields.word(), fields.word() != 0};
    }
    return runs;
}

Program read_program(Fields& fields, const State& state) {
    std::vector<Variable> variables(fields.count());
    for (Variable& variable : variables) {
        variable.elements = fields.word();
        variable.levels = fields.word();
    }
    std::vector<std::shared_ptr<const Distribution>> distributions;
    for (std::uint32_t left = fields.word(); left != 0; --left)
        distributions.push_back(read_distribution(fields, state));
    std::vector<Step> steps;
    for (std::uint32_t left = fields.word(); left != 0; --left) {
        const bool pops = fields.word() != 0;
        steps.push_back({pops, distributions.at(fields.word())});
    }
    return {std::move(variables), std::move(steps)};
}

// Codecs have one operation each: push symbols, print the message, pop them, pop others, print
// those and the message.
template <class Symbol, class Push, class Pop>
void push_and_pop(State& state, const std::vector<Symbol>& symbols, Push push, Pop pop) {
    push(std::span<const Symbol>(symbols));
    print(state.message.to_bytes());
    std::vector<Symbol> popped(symbols.size());
    pop(std::span<Symbol>(popped));
    if (popped != symbols) throw NotGivenBack("a pop did not give back what was pushed");
    pop(std::span<Symbol>(popped));
    print(popped);
    print(state.message.to_bytes());
}

// Items of any shape, by one distribution.
void push_and_pop_items(Message& message, Fields& fields, State& state,
                        std::shared_ptr<const Distribution> of) {
    const Program program({{0, 65536}}, {{false, std::move(of)}});
    const std::vector<ShapeRun> shapes = read_shapes(fields);
    const Batches batch{
        std::accumulate(shapes.begin(), shapes.end(), std::size_t{0},
                        [](std::size_t items, const ShapeRun& run) { return items + run.count; }),
        1};
    const std::span<const Batches> batches(&batch, 1);
    push_and_pop(
        state, fields.array<std::uint16_t>(),
        [&](auto symbols) { program.push(message, symbols, shapes, batches); },
        [&](auto symbols) { program.pop(message, symbols, shapes, batches); });
}

// The bytes of items of one shape, the low byte of a symbol first.
template <class Symbol>
Keys keys_of(std::span<const Symbol> x, std::size_t items) {
    Keys keys;
    for (const Symbol symbol : x)
        for (std::size_t byte = 0; byte < sizeof(Symbol); ++byte)
            keys.bytes.push_back(static_cast<char>(symbol >> (8 * byte)));
    for (std::size_t i = 1; i <= items; ++i) keys.ends.push_back(i * (keys.bytes.size() / items));
    return keys;
}

// A chain: push items of one shape, print the message, pop them, print it again; and the same of
// them as a multiset.
template <class Symbol>
void push_and_pop_chain(Message& message, Fields& fields, const Program& program) {
    std::vector<ShapeRun> shapes = read_shapes(fields);
    std::vector<Batches> batches;
    for (std::size_t size : fields.array<std::size_t>()) batches.push_back({size, 1});
    const auto x = fields.array<Symbol>();
    program.push(message, std::span<const Symbol>(x), shapes, batches);
    print(message.to_bytes());
    std::ranges::reverse(batches);
    std::vector<Symbol> popped(x.size());
    program.pop(message, std::span<Symbol>(popped), shapes, batches);
    if (popped != x) throw NotGivenBack("a chain did not give back what was pushed");
    print(message.to_bytes());
    std::ranges::reverse(batches);
    if (shapes.size() != 1 || shapes[0].count == 0)
        throw std::runtime_error("a multiset has one shape");
    const std::size_t elements = x.size() / shapes[0].count;
    KeyedMultiset left, picked;
    left.add(keys_of(std::span<const Symbol>(x), shapes[0].count));
    for (const Batches& batch : batches) {
        std::vector<std::uint32_t> numbers(batch.size);
        left.pop(message, numbers);
        std::vector<Symbol> some;
        for (const std::uint32_t number : numbers)
            some.insert(some.end(), x.begin() + number * elements,
                        x.begin() + (number + 1) * elements);
        shapes[0].count = batch.size;
        program.push(message, std::span<const Symbol>(some), shapes, std::span(&batch, 1));
    }
    print(message.to_bytes());
    std::ranges::reverse(batches);
    std::vector<Symbol> back, all = x;
    for (const Batches& batch : batches) {
        std::vector<Symbol> some(batch.size * elements);
        shapes[0].count = batch.size;
        program.pop(message, std::span<Symbol>(some), shapes, std::span(&batch, 1));
        picked.push(message, keys_of(std::span<const Symbol>(some), batch.size));
        back.insert(back.end(), some.begin(), some.end());
    }
    std::ranges::sort(back);
    std::ranges::sort(all);
    if (back != all) throw NotGivenBack("a multiset did not give back what was pushed");
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
                state, fields.array<std::uint32_t>(),
                [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'B': {
            const std::uint32_t precision = fields.word();
            const auto frequencies = fields.array<std::uint32_t>();
            const Bernoulli codec(frequencies, precision);
            push_and_pop(
                state, fields.array<std::uint8_t>(),
                [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'C': {
            const std::uint32_t precision = fields.word();
            const Categorical codec(fields.array<std::uint32_t>(), precision);
            push_and_pop(
                state, fields.array<std::uint32_t>(),
                [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'G': {
            const std::uint32_t bits = fields.word();
            const std::uint32_t precision = fields.word();
            const auto mean = fields.array<std::int32_t>();
            const auto inverse_scale = fields.array<std::uint32_t>();
            const GaussianBuckets codec(state.quantile, state.cdf, mean, inverse_scale, bits,
                                        precision);
            push_and_pop(
                state, fields.array<std::uint16_t>(),
                [&](auto symbols) { push(message, codec, symbols); },
                [&](auto symbols) { pop(message, codec, symbols); });
            break;
        }
        case 'R': {
            const std::uint32_t precision = fields.word();
            const std::uint32_t levels = fields.word();
            const CdfTable table(fields.array<std::uint32_t>(), levels, precision);
            const auto index = fields.array<std::uint16_t>();
            const Rows codec(table, index);
            push_and_pop(
                state, fields.array<std::uint8_t>(),
                [&](auto symbols) { push(message, codec, symbols); },
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
            const ComponentCdf cdf =
                logistic ? ComponentCdf{state.logistic, 4} : ComponentCdf{state.cdf, 3};
            const DiscretisedMixture codec(cdf, weight, mean, inverse_scale, components, levels,
                                           precision);
            push_and_pop(
                state, fields.array<std::uint16_t>(),
                [&](auto symbols) { push(message, codec, symbols); },
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
        case 'P': {
            const Program program = read_program(fields, state);
            if (program.data().bytes())
                push_and_pop_chain<std::uint8_t>(message, fields, program);
            else
                push_and_pop_chain<std::uint16_t>(message, fields, program);
            break;
        }
        case 'E': {
            push_and_pop_items(message, fields, state, read_series(fields, state));
            break;
        }
        case 'N': {
            push_and_pop_items(message, fields, state, read_counted(fields, state));
            break;
        }
        case 'W': {
            push_and_pop_items(message, fields, state, read_wavefront(fields, state));
            break;
        }
        case 'J': {
            const LogisticTables logistic(fields.array<std::int32_t>(), state.logistic);
            const auto numbers = fields.array<std::int16_t>();
            std::optional<jpeg::SymbolTable> table;
            if (!numbers.empty()) table = jpeg::symbol_table(numbers);
            const jpeg::SymbolTable* const symbols = table ? &*table : nullptr;
            const auto bytes = fields.array<std::uint8_t>();
            const jpeg::Packed packed = jpeg::pack_streams(bytes, 1, logistic, symbols);
            if (jpeg::unpack_streams(packed.rounds, packed.rest, packed.strips, packed.coded,
                                     bytes.size(), 1, logistic, symbols) != bytes)
                throw NotGivenBack("JPEG streams did not give back their bytes");
            print(packed.coded);
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
#ifdef _WIN32
    // Its libraries would change the ends of lines, and end a file at a byte of 26.
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    try {
        if (count > 1 && std::string(arguments[1]) == "engines") {
            for (const std::string& name : simd_paths()) std::printf("%s ", name.c_str());
            return 0;
        }
        Fields fields(stdin);
        State state;
        for (std::uint32_t operation = 0; fields.word(operation);) run(operation, fields, state);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
