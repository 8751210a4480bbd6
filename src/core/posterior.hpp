// q(z|x) of a variational auto-encoder: a network's means and scales, and the Gaussian codec that
// they make.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "codecs.hpp"
#include "network.hpp"

namespace bitsback {

struct NormalTables {
    std::vector<std::int32_t> quantile;  // normal_quantile.bin
    std::vector<std::int32_t> cdf;       // normal_cdf.bin
};

inline constexpr std::int32_t mean_unit =
    256;  // a network's means are in units of 2^-8, the codec's of 2^-16

class Posterior {
  public:
    // mean and scale are the numbers of those values in the network; inverse_scale [256] is by
    // `scale`.
    Posterior(Network network, std::size_t mean, std::size_t scale,
              std::vector<std::uint32_t> inverse_scale, NormalTables normal, unsigned bits,
              unsigned precision)
        : network_(std::move(network)),
          mean_(mean),
          scale_(scale),
          inverse_scale_(std::move(inverse_scale)),
          normal_(std::move(normal)),
          bits_(bits),
          precision_(precision) {
        require(inverse_scale_.size() == 256, "a table of inverse scales has 256 entries");
        require(network_.shape(0).bytes(), "a posterior's network reads bytes");
        require(network_.width(mean) == network_.width(scale),
                "there must be as many means as scales");
        require(network_.shape(scale).bytes(), "a posterior's scales must lie in [0, 255]");
        require(network_.shape(mean).low >= -mean_limit / mean_unit &&
                    network_.shape(mean).high <= mean_limit / mean_unit,
                "a posterior's means must lie within [-16, 16]");
        network_.keep({mean, scale});
        // The codec checks its parameters: once here, so that what it refuses cannot come up in the
        // middle of a chain.
        const std::vector<std::int32_t> means(256, 0);
        Gaussian(normal_.quantile, normal_.cdf, means, inverse_scale_, bits_, precision_);
    }

    std::size_t pixels() const { return network_.source_width(); }
    std::size_t latents() const { return network_.width(mean_); }
    unsigned bits() const { return bits_; }
    std::int32_t top() const { return network_.shape(0).high; }

    struct Parameters {
        std::vector<std::int32_t> mean;
        std::vector<std::uint32_t> inverse_scale;
    };

    // x: [size, pixels]. The parameters of z, [size, latents].
    Parameters parameters(std::span<const std::uint8_t> x, std::size_t size) const {
        Parameters out;
        Workspace work;
        for (std::size_t first = 0; first < size; first += network_.rows_at_once()) {
            const std::size_t rows = std::min(network_.rows_at_once(), size - first);
            std::ranges::copy(x.subspan(first * pixels(), rows * pixels()),
                              network_.source<std::uint8_t>(work, rows).begin());
            network_.run(work, rows);
            std::visit(
                [&](const auto& means) {
                    for (auto mean : means) out.mean.push_back(std::int32_t{mean} * mean_unit);
                },
                work.values[mean_]);
            for (std::uint8_t scale : std::get<std::vector<std::uint8_t>>(work.values[scale_]))
                out.inverse_scale.push_back(inverse_scale_[scale]);
        }
        return out;
    }

    Gaussian codec(const Parameters& parameters) const {
        return {normal_.quantile,         normal_.cdf, parameters.mean,
                parameters.inverse_scale, bits_,       precision_};
    }

  private:
    Network network_;
    std::size_t mean_;
    std::size_t scale_;
    std::vector<std::uint32_t> inverse_scale_;
    NormalTables normal_;
    unsigned bits_;
    unsigned precision_;
};

}  // namespace bitsback
