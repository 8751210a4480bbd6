// Bits back with a variational auto-encoder, a whole chain of batches in one call: what bitsback.codecs.BitsBack does
// with the model's codecs, bit for bit, without a step in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "network.hpp"

namespace bitsback {

// The distributions of a pixel: those of a Bernoulli table, by the one output of the likelihood network, or a grid of
// rows, by its two.
struct RowGrid {
    RowTable table;
    std::size_t columns;  // the row of (first, second) is first * columns + second
};
using PixelTable = std::variant<BernoulliIntervals, RowGrid>;

struct NormalTables {
    std::vector<std::int32_t> quantile;  // normal_quantile.bin
    std::vector<std::int32_t> cdf;       // normal_cdf.bin
};

class Vae {
  public:
    // mean, scale and outputs are the numbers of those values in their networks; inverse_scale [256] is by `scale`.
    Vae(Network posterior, std::size_t mean, std::size_t scale, std::vector<std::uint32_t> inverse_scale,
        NormalTables normal, unsigned bits, unsigned precision, Network likelihood, std::vector<std::size_t> outputs,
        PixelTable pixel_table)
        : posterior_(std::move(posterior)),
          mean_(mean),
          scale_(scale),
          inverse_scale_(std::move(inverse_scale)),
          normal_(std::move(normal)),
          bits_(bits),
          precision_(precision),
          likelihood_(std::move(likelihood)),
          outputs_(std::move(outputs)),
          pixel_table_(std::move(pixel_table)) {
        require(inverse_scale_.size() == 256, "a table of inverse scales has 256 entries");
        require(posterior_.width(mean) == latents() && posterior_.width(scale) == latents(),
                "the networks of the model do not fit each other");
        require(outputs_.size() == (std::holds_alternative<RowGrid>(pixel_table_) ? 2 : 1),
                "a likelihood has one output, or two for a grid of rows");
        for (std::size_t output : outputs_)
            require(likelihood_.width(output) == pixels(), "the networks of the model do not fit each other");
    }

    std::size_t pixels() const { return posterior_.source_width(); }
    std::size_t latents() const { return likelihood_.source_width(); }

    // x: [sum of sizes, pixels]. The batches are taken from the end of x: sizes[0] counts its last items.
    void push(Message& message, std::span<const std::uint8_t> x, std::span<const std::size_t> sizes) const {
        require(x.size() == std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) * pixels(),
                "the batches do not make up the items");
        Message work = message;
        std::size_t end = x.size();
        for (std::size_t size : sizes) {
            end -= size * pixels();
            push_batch(work, x.subspan(end, size * pixels()), size);
        }
        message = std::move(work);
    }

    // Undoes `push`, given its sizes from the last to the first: batches come out from the start of x.
    void pop(Message& message, std::span<std::uint8_t> x, std::span<const std::size_t> sizes) const {
        require(x.size() == std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) * pixels(),
                "the batches do not make up the items");
        Message work = message;
        std::size_t start = 0;
        for (std::size_t size : sizes) {
            pop_batch(work, x.subspan(start, size * pixels()), size);
            start += size * pixels();
        }
        message = std::move(work);
    }

  private:
    void push_batch(Message& message, std::span<const std::uint8_t> x, std::size_t size) const {
        const Posterior posterior(*this, x, size);
        std::vector<std::uint16_t> z(size * latents());
        bitsback::pop(message, posterior.codec, z);
        with_likelihood(z, size, [&](const auto& likelihood) { bitsback::push(message, likelihood, x); });
        bitsback::push(message, Uniform(std::uint32_t{1} << bits_), std::span<const std::uint16_t>(z));
    }

    void pop_batch(Message& message, std::span<std::uint8_t> x, std::size_t size) const {
        std::vector<std::uint16_t> z(size * latents());
        bitsback::pop(message, Uniform(std::uint32_t{1} << bits_), std::span<std::uint16_t>(z));
        with_likelihood(z, size, [&](const auto& likelihood) { bitsback::pop(message, likelihood, x); });
        const Posterior posterior(*this, x, size);
        bitsback::push(message, posterior.codec, z);
    }

    // q(z|x), with the parameters that its codec refers to.
    struct Posterior {
        std::vector<std::int32_t> mean;
        std::vector<std::uint32_t> inverse_scale;
        Gaussian codec;

        Posterior(const Vae& vae, std::span<const std::uint8_t> x, std::size_t size)
            : codec(parameters(vae, x, size)) {}

      private:
        Gaussian parameters(const Vae& vae, std::span<const std::uint8_t> x, std::size_t size) {
            const auto values = vae.posterior_.run(std::vector<std::uint8_t>(x.begin(), x.end()), size);
            mean.resize(size * vae.latents());
            inverse_scale.resize(mean.size());
            std::visit(
                [&](const auto& means) {
                    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = std::int32_t{means[i]} * 256;
                },
                values[vae.mean_]);
            const auto& scale = std::get<std::vector<std::uint8_t>>(values[vae.scale_]);
            for (std::size_t i = 0; i < mean.size(); ++i) inverse_scale[i] = vae.inverse_scale_[scale[i]];
            return {vae.normal_.quantile, vae.normal_.cdf, mean, inverse_scale, vae.bits_, vae.precision_};
        }
    };

    // Calls `code` with the codec of p(x|z).
    template <class Code>
    void with_likelihood(std::span<const std::uint16_t> z, std::size_t size, Code&& code) const {
        // Bytes where the range allows, as between layers: a linear layer may read z itself.
        Values source = bits_ <= 8 ? Values(std::vector<std::uint8_t>(z.begin(), z.end()))
                                   : Values(std::vector<std::int16_t>(z.begin(), z.end()));
        const auto values = likelihood_.run(std::move(source), size);
        const auto output = [&](std::size_t i) -> const std::vector<std::uint8_t>& {
            return std::get<std::vector<std::uint8_t>>(values[outputs_[i]]);
        };
        if (const auto* intervals = std::get_if<BernoulliIntervals>(&pixel_table_)) {
            code(BernoulliTable(*intervals, output(0)));
            return;
        }
        const auto& grid = std::get<RowGrid>(pixel_table_);
        const auto& first = output(0);
        const auto& second = output(1);
        std::vector<std::uint16_t> row(first.size());
        for (std::size_t i = 0; i < row.size(); ++i)
            row[i] = static_cast<std::uint16_t>(first[i] * grid.columns + second[i]);
        code(Rows(grid.table, row));
    }

    Network posterior_;
    std::size_t mean_;
    std::size_t scale_;
    std::vector<std::uint32_t> inverse_scale_;
    NormalTables normal_;
    unsigned bits_;
    unsigned precision_;
    Network likelihood_;
    std::vector<std::size_t> outputs_;
    PixelTable pixel_table_;
};

}  // namespace bitsback
