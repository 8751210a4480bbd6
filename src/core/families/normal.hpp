// Discretised normal distributions over the levels of a variable, given means and scales: the codec
// `normal` (docs/model-format.md, M2.3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "../family.hpp"
#include "../step.hpp"

namespace bitsback {

class NormalFamily : public Family {
  public:
    // inverse_scale: [256], indexed by the output `scale`. quantile, cdf: normal_quantile.bin,
    // normal_cdf.bin.
    NormalFamily(std::vector<std::uint32_t> inverse_scale, std::vector<std::int32_t> quantile,
                 std::vector<std::int32_t> cdf, std::uint32_t levels, unsigned precision,
                 unsigned mean_shift)
        : inverse_scale_(std::move(inverse_scale)),
          quantile_(std::move(quantile)),
          cdf_(std::move(cdf)),
          levels_(levels),
          precision_(precision),
          mean_shift_(mean_shift) {
        require(inverse_scale_.size() == 256, "a table of inverse scales has 256 entries");
        require(precision >= 20, "a normal over levels needs a precision from 20 to 24");
        require(mean_shift <= 9, "the means of a normal are shifted by 0 to 9 bits");
        // The codec validates the rest. This check of extreme values excludes errors in the middle
        // of a chain.
        const std::vector<std::uint32_t> weights(256, 65536);
        const std::vector<std::int32_t> means(256, 0);
        DiscretisedMixture(table(), weights, means, inverse_scale_, 1, levels_, precision_);
        require(quantile_.size() == quantile_size, "the table of the quantile is not whole");
        for (std::uint32_t v : inverse_scale_) scale_.push_back((std::int64_t{1} << 32) / v);
    }

    std::size_t outputs() const override { return 2; }
    std::uint32_t levels() const override { return levels_; }
    unsigned mean_shift() const { return mean_shift_; }
    void require_outputs(const std::vector<Shape>& shapes) const override {
        require(shapes[0].high <= 32767, "the means of a normal lie in [-32768, 32767]");
        require(shapes[1].bytes(), "the scales of a normal must lie in [0, 255]");
    }

    void push(Message& message, const Parameters& parameters,
              const KnownSymbols& symbols) const override {
        with(parameters, symbols, [&](const auto& normals, auto known) {
            require_symbols(known, levels_);
            push_step(message, precision_, known.size(),
                      [&](std::size_t i) { return normals.interval(i, known[i]); });
        });
    }
    void pop(Message& message, const Parameters& parameters,
             const SomeSymbols& symbols) const override {
        with(parameters, symbols, [&](const auto& normals, auto out) {
            pop_step(message, precision_, out.size(), [&](std::size_t i, std::uint32_t x) {
                const Bracket found = widen(x, normals.guess(i, x), levels_,
                                            [&](std::uint32_t c) { return normals.start(i, c); });
                out[i] = static_cast<typename decltype(out)::value_type>(found.low);
                return found.interval();
            });
        });
    }

  private:
    // The interval of each symbol, by its mean and scale.
    template <class Mean>
    struct Normals {
        const NormalFamily& family;
        const Mean* mean;
        const std::uint8_t* scale;

        // In units of 2^-8 of a symbol.
        std::int64_t centre(std::size_t i) const {
            return std::int64_t{mean[i]} * (std::int64_t{1} << family.mean_shift_);
        }
        // The lower end of symbol c, for c = 0 ... levels.
        std::uint32_t start(std::size_t i, std::uint32_t c) const {
            const std::uint32_t total = std::uint32_t{1} << family.precision_;
            if (c == 0) return 0;
            if (c == family.levels_) return total;
            const std::int64_t edge = (2 * std::int64_t{c} - 1) * 128;
            const std::int64_t below = family.table().at(
                (edge - centre(i)) * std::int64_t{family.inverse_scale_[scale[i]]});
            return c + static_cast<std::uint32_t>((below * (total - family.levels_)) >> 28);
        }
        Interval interval(std::size_t i, std::uint32_t c) const {
            const std::uint32_t first = start(i, c);
            return {first, start(i, c + 1) - first};
        }
        // An estimate of the symbol whose interval contains x: its quantile times the scale, from
        // the mean.
        std::uint32_t guess(std::size_t i, std::uint32_t x) const {
            const std::uint64_t part = (std::uint64_t{x} << 13) >> family.precision_;
            const std::int64_t deviations =
                family.quantile_[std::clamp<std::uint64_t>(part, 1, 8191)];
            const std::int64_t at =
                centre(i) * 256 + ((deviations * family.scale_[scale[i]]) >> 16);
            return static_cast<std::uint32_t>(std::clamp((at + (1 << 15)) >> 16, std::int64_t{0},
                                                         std::int64_t{family.levels_} - 1));
        }
    };

    ComponentCdf table() const { return {cdf_, 3}; }

    // Calls `code` with the distributions, and with the typed symbols.
    template <class Symbols, class Code>
    void with(const Parameters& parameters, const Symbols& symbols, const Code& code) const {
        std::visit(
            [&](auto known) {
                if (parameters.words[0] != nullptr)
                    code(Normals<std::int16_t>{*this, parameters.words[0], parameters.bytes[1]},
                         known);
                else
                    code(Normals<std::uint8_t>{*this, parameters.bytes[0], parameters.bytes[1]},
                         known);
            },
            symbols);
    }

    std::vector<std::uint32_t> inverse_scale_;
    std::vector<std::int64_t> scale_;  // indexed by `scale`, in units of 2^-16 of a symbol
    std::vector<std::int32_t> quantile_;
    std::vector<std::int32_t> cdf_;
    std::uint32_t levels_;
    unsigned precision_;
    unsigned mean_shift_;
};

}  // namespace bitsback
