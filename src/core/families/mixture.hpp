// Mixtures of discretised logistics whose weights, means and scales are a network's outputs: the
// codec `mixture` (docs/model-format.md, M2.3).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../family.hpp"
#include "../step.hpp"

namespace bitsback {

// The validated tables that map outputs to parameters.
class MixtureTables {
  public:
    static constexpr std::size_t max_components = 32;

    // The distribution function between two entries of its table.
    struct Segment {
        std::int32_t start;
        std::int32_t rise;
    };

    MixtureTables(std::vector<std::uint32_t> exponential, std::vector<std::uint32_t> inverse_scale,
                  std::span<const std::int32_t> cdf, std::uint32_t levels, unsigned precision,
                  unsigned mean_shift)
        : exponential_(std::move(exponential)),
          inverse_scale_(std::move(inverse_scale)),
          levels_(levels),
          precision_(precision),
          mean_shift_(mean_shift) {
        require(exponential_.size() == 256 && inverse_scale_.size() == 256,
                "the tables of a mixture have 256 entries");
        for (std::uint32_t e : exponential_)
            require(e >= 1 && e <= 1u << 24, "an exponential lies within [1, 2^24]");
        for (std::uint32_t v : inverse_scale_)
            require(v >= 1 && v <= 1u << 26,
                    "an inverse scale of a mixture must lie within [1, 2^26]");
        require(cdf.size() == cdf_size && cdf.front() >= 0 && cdf.back() <= 1 << 28 &&
                    std::ranges::is_sorted(cdf),
                "the table of the distribution function is not whole");
        for (std::size_t j = 0; j + 1 < cdf_size; ++j)
            segments_.push_back({cdf[j], cdf[j + 1] - cdf[j]});
        require(precision >= 20 && precision <= max_precision,
                "a mixture of pixels needs a precision from 20 to 24");
        require(levels >= 2 && levels <= 1u << (precision - 4),
                "a mixture of pixels has from 2 to 2^(precision - 4) levels");
        require(mean_shift <= 9, "the means of a mixture are shifted by 0 to 9 bits");
    }

    std::uint32_t levels() const { return levels_; }
    unsigned precision() const { return precision_; }
    unsigned mean_shift() const { return mean_shift_; }
    std::uint32_t exponential(std::size_t i) const { return exponential_[i]; }
    std::uint32_t inverse_scale(std::size_t i) const { return inverse_scale_[i]; }
    const Segment* segments() const { return segments_.data(); }

  private:
    std::vector<std::uint32_t> exponential_;
    std::vector<std::uint32_t> inverse_scale_;
    std::vector<Segment> segments_;
    std::uint32_t levels_;
    unsigned precision_;
    unsigned mean_shift_;
};

// The distribution of one pixel over its levels.
class PixelMixture {
  public:
    // weight, mean and scale: the network's outputs for each component.
    template <class Mean>
    PixelMixture(const MixtureTables& tables, const std::uint8_t* weight, const Mean* mean,
                 const std::uint8_t* scale, std::size_t components)
        : tables_(tables), components_(components) {
        std::array<std::uint64_t, MixtureTables::max_components> sums;
        std::uint64_t sum = 0;
        for (std::size_t k = 0; k < components; ++k) sums[k] = sum += tables.exponential(weight[k]);
        // floor(2^16 S[k + 1] / S[K]), by one division for all k.
        const std::uint64_t reciprocal = ~std::uint64_t{0} / sum;
        std::uint64_t before = 0;
        for (std::size_t k = 0; k < components; ++k) {
            const std::uint64_t n = sums[k] << 16;
            std::uint64_t end = multiply_high(n, reciprocal);  // or one less
            end += n - end * sum >= sum ? 1 : 0;
            const std::int64_t slope = tables.inverse_scale(scale[k]);
            const std::int64_t shifted =
                std::int64_t{mean[k]} * (std::int64_t{1} << tables.mean_shift());
            parts_[k] = {static_cast<std::int64_t>(end - before), slope,
                         (std::int64_t{16} << 24) - shifted * slope};
            before = end;
        }
    }

    // The lower end of symbol c, for c = 0 ... levels.
    std::uint32_t start(std::uint32_t c) const {
        const std::uint32_t total = std::uint32_t{1} << tables_.precision();
        if (c == 0) return 0;
        if (c == tables_.levels()) return total;
        const std::int64_t below = at(256 * std::int64_t{c} - 128);
        return c + static_cast<std::uint32_t>((below * (total - tables_.levels())) >> 28);
    }
    Interval interval(std::uint32_t c) const {
        const std::uint32_t first = start(c);
        return {first, start(c + 1) - first};
    }
    // The symbol whose interval contains x, and that interval. The lowest is tried first, since
    // most pixels are background.
    Interval find(std::uint32_t x, std::uint32_t& symbol) const {
        Bracket b{0, 1, 0, start(1)};
        if (x >= b.end) b = {1, tables_.levels(), b.end, std::uint32_t{1} << tables_.precision()};
        b = halve(x, b, [&](std::uint32_t c) { return start(c); });
        symbol = b.low;
        return b.interval();
    }

  private:
    // The distribution function, in units of 2^-28, at a position in units of unshifted means.
    std::int64_t at(std::int64_t position) const {
        constexpr std::int64_t most = (std::int64_t{32} << 24) - 1;
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < components_; ++k) {
            const std::int64_t t = std::clamp<std::int64_t>(parts_[k].at(position), 0, most);
            const MixtureTables::Segment segment = tables_.segments()[t >> 18];
            const std::int64_t risen = (std::int64_t{segment.rise} * (t & ((1 << 18) - 1))) >> 18;
            sum += parts_[k].weight * (segment.start + risen);
        }
        return sum >> 16;
    }

    struct Part {
        std::int64_t weight;
        std::int64_t slope;
        std::int64_t offset;

        // t + (16 << 24) of docs/format.md.
        std::int64_t at(std::int64_t position) const { return offset + position * slope; }
    };

    const MixtureTables& tables_;
    std::size_t components_;
    std::array<Part, MixtureTables::max_components> parts_;  // of the components
};

class MixtureFamily : public Family {
  public:
    explicit MixtureFamily(MixtureTables tables) : tables_(std::move(tables)) {}

    std::size_t outputs() const override { return 3; }
    std::size_t most_components() const override { return MixtureTables::max_components; }
    std::uint32_t levels() const override { return tables_.levels(); }
    void require_outputs(const std::vector<Shape>& shapes) const override {
        require(shapes[0].bytes() && shapes[2].bytes(),
                "the weights and scales of a mixture must lie in [0, 255]");
        require(shapes[1].high <= 32767, "the means of a mixture lie in [-32768, 32767]");
    }

    void push(Message& message, const Parameters& parameters,
              const KnownSymbols& symbols) const override {
        with(parameters, symbols, [&](auto pixels, auto known) {
            require_symbols(known, tables_.levels());
            push_step(message, tables_.precision(), known.size(),
                      [&](std::size_t i) { return pixels(i).interval(known[i]); });
        });
    }
    void pop(Message& message, const Parameters& parameters,
             const SomeSymbols& symbols) const override {
        with(parameters, symbols, [&](auto pixels, auto out) {
            pop_step(message, tables_.precision(), out.size(), [&](std::size_t i, std::uint32_t x) {
                std::uint32_t symbol = 0;
                const Interval interval = pixels(i).find(x, symbol);
                out[i] = static_cast<typename decltype(out)::value_type>(symbol);
                return interval;
            });
        });
    }

  private:
    // Calls `code` with a function that constructs the mixture of a pixel, and with the typed
    // symbols.
    template <class Symbols, class Code>
    void with(const Parameters& parameters, const Symbols& symbols, const Code& code) const {
        const auto mixtures = [&](const auto* means) {
            return [this, &parameters, means](std::size_t i) {
                const std::size_t at = i * parameters.components;
                return PixelMixture(tables_, parameters.bytes[0] + at, means + at,
                                    parameters.bytes[2] + at, parameters.components_of(i));
            };
        };
        std::visit(
            [&](auto known) {
                if (parameters.words[1] != nullptr)
                    code(mixtures(parameters.words[1]), known);
                else
                    code(mixtures(parameters.bytes[1]), known);
            },
            symbols);
    }

    MixtureTables tables_;
};

}  // namespace bitsback
