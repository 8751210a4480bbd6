// Coefficients as symbols of rANS: faster than binary decisions, for a few more bytes.
// docs/jpeg-format.md, J9.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "markers.hpp"
#include "quantities.hpp"
#include "scans.hpp"
#include "shared_luma.hpp"
#include "strips.hpp"
#include "symbols.hpp"

namespace bitsback::jpeg {

// The bytes of its table, jpeg_symbols.bin.
inline constexpr std::size_t symbol_table_size =
    offsetof(SymbolTable, group_weights) + sizeof SymbolTable::group_weights;

inline SymbolTable symbol_table(std::span<const std::int16_t> numbers) {
    if (numbers.size_bytes() != symbol_table_size)
        throw std::invalid_argument("the table of symbols has another size");
    SymbolTable table{};
    std::memcpy(&table, numbers.data(), symbol_table_size);
    return table;
}

// Encodes symbols by rANS with two states, from the last symbol to the first.
class SymbolEncoder {
  public:
    static constexpr bool encodes = true;

    bool code(const SymbolRow& row) {
        const std::size_t most = count_ + row.columns * most_shares;
        if (shares_.size() < most) shares_.resize(std::max(most, 2 * shares_.size()));
        SymbolShare* const first = shares_.data();
        count_ = static_cast<std::size_t>(symbol_kernels().encode(row, first + count_) - first);
        return true;
    }
    std::vector<std::uint8_t> end() {
        std::vector<std::uint8_t> bytes;  // in reverse
        const auto put = [&](std::uint32_t word) {
            bytes.push_back(static_cast<std::uint8_t>(word >> 8));
            bytes.push_back(static_cast<std::uint8_t>(word));
        };
        std::array<std::uint32_t, 2> states = {1u << 16, 1u << 16};
        for (std::size_t i = count_; i-- > 0;) {
            std::uint32_t& state = states[i % 2];
            const auto [start, size] = shares_[i];
            if (state >> 17 >= size) {
                put(state & 0xFFFF);
                state >>= 16;
            }
            state = (state / size << 15) + state % size + start;
        }
        for (const std::size_t n : {1, 0}) {
            put(states[n] & 0xFFFF);
            put(states[n] >> 16);
        }
        std::ranges::reverse(bytes);
        return bytes;
    }

  private:
    std::vector<SymbolShare> shares_;
    std::size_t count_ = 0;
};

class SymbolDecoder {
  public:
    static constexpr bool encodes = false;

    explicit SymbolDecoder(std::span<const std::uint8_t> bytes) {
        if (bytes.size() < 8 || bytes.size() % 2 != 0)
            throw std::invalid_argument("symbols of coefficients are cut off");
        words_.resize(bytes.size() / 2 + most_shares);
        for (std::size_t i = 0; i < bytes.size() / 2; ++i)
            words_[i] = static_cast<std::uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8);
        reader_ = {words_.data() + 4, words_.data() + bytes.size() / 2, {}};
        for (std::size_t n = 0; n < 2; ++n)
            reader_.states[n] = std::uint32_t{words_[2 * n]} << 16 | words_[2 * n + 1];
    }
    bool code(const SymbolRow& row) { return symbol_kernels().decode(row, reader_); }
    void end() const {
        if (reader_.at != reader_.end || reader_.states[0] != 1u << 16 ||
            reader_.states[1] != 1u << 16)
            throw std::invalid_argument("symbols of coefficients do not end where they should");
    }

  private:
    std::vector<std::uint16_t> words_;
    SymbolReader reader_{};
};

// Codes the planes of streams, one after the other. Coder: a SymbolEncoder or a SymbolDecoder.
template <class Coder>
class SymbolPlanes {
  public:
    SymbolPlanes(const SymbolTable& table, Coder& coder)
        : coder_(coder), table_(table), state_(std::make_unique_for_overwrite<SymbolState>()) {
        SymbolState& state = *state_;
        const auto fill = [](auto& distributions, const Distribution& first) {
            std::ranges::fill(flat(distributions), first);
        };
        Distribution even{{18000}};
        for (std::size_t s = 1; s < symbols; ++s)
            even.words[s] = static_cast<std::int16_t>(2048 * s);
        for (std::size_t n = 0; n < 64; ++n) {
            for (std::size_t c = 0; c < 3; ++c)
                fill(state.groups_by_lasts[c][n], table.groups[std::min<std::size_t>(c, 1)][n]);
            for (std::size_t c = 0; c < classes; ++c) {
                fill(state.groups_by_edges[c][n], table.groups[c][n]);
                std::ranges::copy(table.last_values[c], state.last_values[c][n]);
            }
        }
        fill(state.groups_by_neighbours, even);
        fill(state.in_groups, even);
        fill(state.exponents, first_exponent);
        std::ranges::fill(state.ready, 0);
        std::memcpy(state.weights, table.weights, sizeof state.weights);
        std::memcpy(state.group_weights, table.group_weights, sizeof state.group_weights);
    }

    void code(const Strip& strip, std::span<const std::array<std::uint16_t, block_size>> steps) {
        const auto& [frame, planes] = strip;
        std::vector<std::vector<std::uint8_t>> lasts;
        for (std::size_t c = 0; c < frame.components.size(); ++c) {
            const Component& own = frame.components[c];
            const bool before = c > 1 && frame.components[c - 1].rows == own.rows &&
                                frame.components[c - 1].columns == own.columns;
            std::vector<std::uint8_t> related;
            if (before)
                related = lasts[c - 1];
            else if (c > 0 && SharedLuma::fits(frame.components[0], own))
                related = greatest(lasts[0], frame.components[0], own);
            lasts.emplace_back(own.blocks());
            plane(component(c, steps[c]), own, planes[c], before ? planes[c - 1] : PlaneView(),
                  related, lasts.back());
        }
    }

  private:
    static constexpr Distribution first_exponent = {{18000, 16000, 20000, 24000, 25600, 27200,
                                                     28100, 29000, 29600, 30200, 30700, 31200,
                                                     31600, 32000, 32300, 32600}};

    static std::span<Distribution> flat(Distribution& one) { return {&one, 1}; }
    template <class Inner, std::size_t n>
    static std::span<Distribution> flat(Inner (&many)[n]) {
        return {flat(many[0]).data(), sizeof many / sizeof(Distribution)};
    }

    static SymbolComponent component(std::size_t number,
                                     const std::array<std::uint16_t, block_size>& steps) {
        SymbolComponent made{};
        made.number = static_cast<std::int32_t>(number);
        made.of_class = number > 0 ? 1 : 0;
        for (std::size_t k = 0; k < block_size; ++k) {
            const std::size_t r = natural[k], i = r / 8, j = r % 8;
            const std::int32_t step = known_step(steps[k]);
            std::uint64_t sum = 0;  // of the weights of places around it that are coded before
            for (std::size_t n = k + 1; n < block_size; ++n) {
                const int down = natural[n] / 8 - static_cast<int>(i),
                          across = natural[n] % 8 - static_cast<int>(j);
                if (down * down <= 4 && across * across <= 4)
                    sum += static_cast<std::uint64_t>(840 / (down * down + across * across));
            }
            const Int by_left = k == 0   ? 8192
                                : i == 0 ? 0
                                : j == 0 ? 9830
                                         : 4915,
                      by_above = k == 0   ? 8192
                                 : i == 0 ? 9830
                                 : j == 0 ? 0
                                          : 4915;
            made.places[k] = {
                static_cast<std::int32_t>(inverse_outside[j] * by_left / step),
                static_cast<std::int32_t>(inverse_outside[i] * by_above / step),
                sum == 0 ? 0
                         : static_cast<std::uint32_t>((std::uint64_t{240} << 28) /
                                                      (sum * static_cast<std::uint64_t>(step))),
                static_cast<std::uint8_t>(r),
                static_cast<std::uint8_t>(i),
                static_cast<std::uint8_t>(j)};
            made.zigzag[r] = static_cast<std::int16_t>(k);
            made.steps[r] = step;
            made.beside_shares[r] = static_cast<std::uint32_t>(8256 / step);
            made.edge_shares[r] = static_cast<std::uint32_t>(65536 / step);
        }
        return made;
    }

    // For each block the greatest last place of the blocks of the first component that it covers.
    static std::vector<std::uint8_t> greatest(const std::vector<std::uint8_t>& lasts,
                                              const Component& first, const Component& own) {
        std::vector<std::uint8_t> found(own.blocks());
        const std::size_t down = first.rows / own.rows, across = first.columns / own.columns;
        for (std::size_t row = 0; row < first.rows; ++row)
            for (std::size_t column = 0; column < first.columns; ++column) {
                std::uint8_t& last = found[row / down * own.columns + column / across];
                last = std::max(last, lasts[row * first.columns + column]);
            }
        return found;
    }

    void plane(const SymbolComponent& component, const Component& own, PlaneView plane,
               PlaneView before, std::span<const std::uint8_t> related,
               std::span<std::uint8_t> lasts) {
        const std::size_t columns = own.columns, size = columns * block_size;
        std::vector<SymbolBlock> upper(columns), known(columns);
        for (std::size_t row = 0; row < own.rows; ++row) {
            std::int16_t* const at = plane.data() + row * size;
            if (!coder_.code({&table_, state_.get(), &component, columns, at,
                              row > 0 ? at - size : nullptr, row > 1 ? at - 2 * size : nullptr,
                              before.empty() ? nullptr : before.data() + row * size,
                              related.empty() ? nullptr : related.data() + row * columns,
                              upper.data(), known.data(), lasts.data() + row * columns}))
                throw std::invalid_argument("a symbol of a coefficient is not valid");
            upper.swap(known);
        }
    }

    Coder& coder_;
    const SymbolTable& table_;
    std::unique_ptr<SymbolState> state_;
};

}  // namespace bitsback::jpeg
