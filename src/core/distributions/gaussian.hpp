// A normal distribution for each latent, whose mean and scale a network gives, over the buckets
// that are equally likely under N(0, 1).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "../distribution.hpp"

namespace bitsback {

struct NormalTables {
    std::vector<std::int32_t> quantile;  // normal_quantile.bin
    std::vector<std::int32_t> cdf;       // normal_cdf.bin
};

// A network's means have units of 2^-8, the codec's 2^-16.
inline constexpr std::int32_t mean_unit = 256;

class GaussianDistribution : public Distribution {
  public:
    // bits: log2 of the number of buckets. inverse_scale: [256], indexed by the output `scale`.
    GaussianDistribution(std::size_t variable, Conditional given,
                         std::vector<std::uint32_t> inverse_scale, NormalTables normal,
                         unsigned bits, unsigned precision)
        : variable_(variable),
          given_(std::move(given)),
          inverse_scale_(std::move(inverse_scale)),
          normal_(std::move(normal)),
          bits_(bits),
          precision_(precision) {
        require(given_.count() == 2 && given_.shape(0).width() == given_.shape(1).width(),
                "there must be as many means as scales");
        require(inverse_scale_.size() == 256, "a table of inverse scales has 256 entries");
        require(given_.shape(1).bytes(), "scales must lie in [0, 255]");
        require(given_.shape(0).low >= -mean_limit / mean_unit &&
                    given_.shape(0).high <= mean_limit / mean_unit,
                "means must lie within [-16, 16]");
        // The codec validates its parameters. This check of extreme values excludes errors in the
        // middle of a chain.
        const std::vector<std::int32_t> means(256, 0);
        GaussianBuckets(normal_.quantile, normal_.cdf, means, inverse_scale_, bits_, precision_);
    }

    void push(Message& message, const Batch& batch) const override {
        const Parts parts = parameters(batch);
        bitsback::push(message, codec(parts),
                       std::span(std::get<Latents>(batch.variables[variable_])));
    }
    void pop(Message& message, Batch& batch) const override {
        const Parts parts = parameters(batch);
        bitsback::pop(message, codec(parts),
                      std::span(std::get<Latents>(batch.variables[variable_])));
    }

  private:
    using Latents = std::vector<std::uint16_t>;

    struct Parts {
        std::vector<std::int32_t> mean;
        std::vector<std::uint32_t> inverse_scale;
    };

    Parts parameters(const Batch& batch) const {
        const Shape& mean_shape = given_.shape(0);
        Parts out;
        out.mean.resize(batch.items * mean_shape.width());
        out.inverse_scale.resize(batch.items * mean_shape.width());
        given_.run(batch, {0, mean_shape.rows},
                   [&](const Workspace& work, std::size_t item, std::size_t row) {
                       const std::size_t at = item * mean_shape.width() + row * mean_shape.line();
                       const std::size_t count =
                           work.items * work.rows[given_.value(0)].count() * mean_shape.line();
                       std::visit(
                           [&](const auto& means) {
                               for (std::size_t i = 0; i < count; ++i)
                                   out.mean[at + i] = std::int32_t{means[i]} * mean_unit;
                           },
                           work.values[given_.value(0)]);
                       const std::uint8_t* scales = work.bytes(given_.value(1));
                       for (std::size_t i = 0; i < count; ++i)
                           out.inverse_scale[at + i] = inverse_scale_[scales[i]];
                   });
        return out;
    }

    GaussianBuckets codec(const Parts& parts) const {
        return {normal_.quantile, normal_.cdf, parts.mean, parts.inverse_scale, bits_, precision_};
    }

    std::size_t variable_;
    Conditional given_;
    std::vector<std::uint32_t> inverse_scale_;
    NormalTables normal_;
    unsigned bits_;
    unsigned precision_;
};

}  // namespace bitsback
