// Counts the symbols of JPEG files, and prints the table of first distributions that
// docs/jpeg-format.md, J9, defines. make_jpeg_symbols.py builds and runs it.
#define BITSBACK_KERNELS symbols_counted
#include "jpeg/symbols.cpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "jpeg/stream.hpp"
#include "jpeg/symbol_coder.hpp"

namespace {

using namespace bitsback::jpeg;
using Counts = std::array<double, symbols>;

// Counts of symbols by the distribution that learns them.
using Learned = std::map<const Distribution*, Counts>;

struct Counter {
    static constexpr bool encodes = true;
    Learned* all;

    int32_t symbol(const uint16_t*, bitsback::SixteenWords, int32_t s) { return s; }
    int32_t bits(int32_t value, int32_t) { return value; }
    void learned(const Distribution& of, int32_t s) { ++(*all)[&of][static_cast<size_t>(s)]; }
};
struct CountingCoder {
    Learned all;

    bool code(const SymbolRow& row) {
        RowCoder<Counter> rows(row, Counter{&all});
        for (size_t column = 0; column < row.columns; ++column) rows.block(column);
        return true;
    }
};

struct Group {
    std::vector<Counts> counts;
    int16_t rate;
};

// A distribution of counts, in which those of the whole group weigh as much as 8 symbols.
Distribution distribution(const Counts& own, const Counts& whole, int16_t rate) {
    double total = 0, whole_total = 0, below = 0;
    for (size_t s = 0; s < symbols; ++s) total += own[s], whole_total += whole[s] + 0.5;
    Distribution made{{rate}};
    for (size_t s = 0; s + 1 < symbols; ++s) {
        below += (own[s] + 8 * (whole[s] + 0.5) / whole_total) / (total + 8);
        made.words[s + 1] = static_cast<int16_t>(std::min(32767, static_cast<int>(below * 32767)));
    }
    return made;
}

void set(std::span<Distribution> out, std::span<const Counts> counts, std::size_t basic,
         int16_t rate) {
    Counts whole{};
    for (const Counts& one : counts.first(basic))
        for (size_t s = 0; s < symbols; ++s) whole[s] += one[s];
    for (size_t n = 0; n < out.size(); ++n) out[n] = distribution(counts[n], whole, rate);
}

}  // namespace

int main(int argc, char** argv) {
    SymbolTable table{};
    const auto start = [](Distribution& made) {
        made.words[0] = 18000;
        for (size_t s = 1; s < symbols; ++s)
            made.words[s] = static_cast<int16_t>(32767 - (32767 >> (s + 1) / 2));
    };
    for (auto& of_class : table.places)
        for (auto& kind : of_class) std::ranges::for_each(kind, start);
    for (auto& of_class : table.groups) std::ranges::for_each(of_class, start);
    for (auto& of_class : table.last_values) std::ranges::for_each(of_class, start);
    for (auto& of_class : table.weights)
        for (auto& weights : of_class) std::ranges::copy(std::array{16384, 10922, 8192}, weights);
    for (auto& weights : table.group_weights)
        std::ranges::copy(std::array{16384, 10922, 0}, weights);

    static std::array<std::array<std::array<Counts, place_contexts>, 2>, classes> places{};
    std::array<std::array<Counts, 64>, classes> groups{};
    std::array<std::array<Counts, 16>, classes> last_values{};
    std::array<std::array<std::array<double, 3>, 65>, classes> weights{};
    const auto add = [](Counts& sum, const Counts& one) {
        for (size_t s = 0; s < symbols; ++s) sum[s] += one[s];
    };
    for (int n = 2; n < argc; ++n) {
        std::ifstream file(argv[n], std::ios::binary);
        const std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
        Stream stream = StreamReader(bytes).read();
        CountingCoder coder;
        SymbolPlanes<CountingCoder> planes(table, coder);
        planes.code(Strip(stream.frame, stream.planes), stream.steps);
        const SymbolState& state = planes.state();
        for (const auto& [of, counts] : coder.all)
            for (size_t c = 0; c < classes; ++c) {
                const auto within = [&](const auto& many) {
                    const auto* first = reinterpret_cast<const Distribution*>(&many);
                    return of >= first && of < first + sizeof many / sizeof *of ? of - first : -1;
                };
                if (const auto at = within(state.places[c]); at >= 0)
                    add(places[c][static_cast<size_t>(at) >= place_contexts]
                              [static_cast<size_t>(at) % place_contexts],
                        counts);
                if (const auto at = within(state.groups_by_edges[c]); at >= 0)
                    add(groups[c][static_cast<size_t>(at) / 16], counts);
                if (const auto at = within(state.last_values[c]); at >= 0)
                    add(last_values[c][static_cast<size_t>(at) % 16], counts);
            }
        for (size_t c = 0; c < classes; ++c)
            for (size_t w = 0; w < 3; ++w) {
                for (size_t k = 0; k < 64; ++k)
                    weights[c][k][w] += state.weights[c][k][w] / (argc - 2.0);
                weights[c][64][w] += state.group_weights[c][w] / (argc - 2.0);
            }
    }
    for (size_t c = 0; c < classes; ++c) {
        for (size_t kind = 0; kind < 2; ++kind)
            set(table.places[c][kind], places[c][kind], by_prediction, 500);
        for (size_t n = 0; n < 64; ++n)
            table.groups[c][n] = distribution(groups[c][n], Counts{}, 3000);
        set(table.last_values[c], last_values[c], 16, 4000);
        for (size_t w = 0; w < 3; ++w) {
            for (size_t k = 0; k < 64; ++k)
                table.weights[c][k][w] = static_cast<int16_t>(weights[c][k][w]);
            table.group_weights[c][w] = static_cast<int16_t>(weights[c][64][w]);
        }
    }
    std::ofstream out(argv[1], std::ios::binary);
    const auto* words = reinterpret_cast<const std::uint16_t*>(&table);
    for (size_t i = 0; i < symbol_table_size / 2; ++i)
        out.put(static_cast<char>(words[i] & 255)).put(static_cast<char>(words[i] >> 8));
}
