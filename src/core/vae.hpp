// The likelihood of a variational auto-encoder whose pixels depend on the latents alone: one
// network gives all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "bits_back.hpp"
#include "codecs.hpp"
#include "message.hpp"
#include "network.hpp"
#include "row_grid.hpp"

namespace bitsback {

// The distributions of a pixel: those of a Bernoulli table, by the one output of the likelihood
// network, or a grid of rows, by its two.
using PixelTable = std::variant<BernoulliIntervals, RowGrid>;

class PixelLikelihood {
  public:
    // outputs are the numbers of those values in the network.
    PixelLikelihood(Network network, std::vector<std::size_t> outputs, PixelTable table)
        : network_(std::move(network)), outputs_(std::move(outputs)), table_(std::move(table)) {
        require(outputs_.size() == (std::holds_alternative<RowGrid>(table_) ? 2 : 1),
                "a likelihood has one output, or two for a grid of rows");
        for (std::size_t output : outputs_) {
            require(network_.width(output) == pixels(),
                    "the networks of the model do not fit each other");
            require(network_.shape(output).bytes(),
                    "an output of a likelihood must lie in [0, 255]");
        }
        network_.keep(outputs_);
    }

    std::size_t pixels() const { return network_.width(outputs_[0]); }
    std::size_t latents() const { return network_.source_width(); }

    void push(Message& message, std::span<const std::uint16_t> z, std::span<const std::uint8_t> x,
              std::size_t size) const {
        with_codec(z, size, [&](const auto& codec) { bitsback::push(message, codec, x); });
    }

    void pop(Message& message, std::span<const std::uint16_t> z, std::span<std::uint8_t> x,
             std::size_t size) const {
        with_codec(z, size, [&](const auto& codec) { bitsback::pop(message, codec, x); });
    }

  private:
    // Calls `code` with the codec of p(x|z).
    template <class Code>
    void with_codec(std::span<const std::uint16_t> z, std::size_t size, Code&& code) const {
        const auto* const grid = std::get_if<RowGrid>(&table_);
        std::vector<std::uint8_t> index(grid == nullptr ? size * pixels() : 0);
        std::vector<std::uint16_t> row(grid == nullptr ? 0 : size * pixels());
        Workspace work;
        for (std::size_t start = 0; start < size; start += network_.rows_at_once()) {
            const std::size_t rows = std::min(network_.rows_at_once(), size - start);
            put_latents(network_, work, z.subspan(start * latents(), rows * latents()), rows);
            network_.run(work, rows);
            const std::uint8_t* const first = work.bytes(outputs_[0]);
            if (grid == nullptr)
                std::copy_n(first, rows * pixels(), index.data() + start * pixels());
            else
                grid->look_up(first, work.bytes(outputs_[1]), rows * pixels(),
                              row.data() + start * pixels());
        }
        if (grid == nullptr)
            code(BernoulliTable(std::get<BernoulliIntervals>(table_), index));
        else
            code(Rows(grid->table(), row));
    }

    Network network_;
    std::vector<std::size_t> outputs_;
    PixelTable table_;
};

using Vae = BitsBack<PixelLikelihood>;

}  // namespace bitsback
