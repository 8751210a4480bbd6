// Bits back with a variational auto-encoder, a whole chain of batches in one call: what bitsback.codecs.BitsBack does
// with the model's codecs, bit for bit, without a step in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "network.hpp"

namespace bitsback {

struct VaeTables {
    std::vector<std::int32_t> quantile;        // normal_quantile.bin
    std::vector<std::int32_t> cdf;             // normal_cdf.bin
    std::vector<std::uint32_t> inverse_scale;  // [256], by the posterior's `scale`
    std::vector<std::uint32_t> probability;    // [256], by the likelihood's `logit`
};

class Vae {
  public:
    // mean, scale and logit are the numbers of those values in their networks.
    Vae(Network posterior, std::size_t mean, std::size_t scale, Network likelihood, std::size_t logit, VaeTables tables,
        unsigned bits, unsigned posterior_precision, unsigned likelihood_precision)
        : posterior_(std::move(posterior)),
          likelihood_(std::move(likelihood)),
          mean_(mean),
          scale_(scale),
          logit_(logit),
          tables_(std::move(tables)),
          intervals_(tables_.probability, likelihood_precision),
          bits_(bits),
          posterior_precision_(posterior_precision) {
        require(tables_.inverse_scale.size() == 256, "a table of inverse scales has 256 entries");
        require(posterior_.width(mean) == latents() && posterior_.width(scale) == latents() &&
                    likelihood_.width(logit) == pixels(),
                "the networks of the model do not fit each other");
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
        const std::vector<std::uint8_t> logit = likelihood(z, size);
        push_bernoulli(message, BernoulliTable{intervals_, logit}, x);
        bitsback::push(message, Uniform(std::uint32_t{1} << bits_), std::span<const std::uint16_t>(z));
    }

    void pop_batch(Message& message, std::span<std::uint8_t> x, std::size_t size) const {
        std::vector<std::uint16_t> z(size * latents());
        bitsback::pop(message, Uniform(std::uint32_t{1} << bits_), std::span<std::uint16_t>(z));
        const std::vector<std::uint8_t> logit = likelihood(z, size);
        pop_bernoulli(message, BernoulliTable{intervals_, logit}, x);
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
            for (std::size_t i = 0; i < mean.size(); ++i) inverse_scale[i] = vae.tables_.inverse_scale[scale[i]];
            return {vae.tables_.quantile, vae.tables_.cdf, mean, inverse_scale, vae.bits_, vae.posterior_precision_};
        }
    };

    std::vector<std::uint8_t> likelihood(std::span<const std::uint16_t> z, std::size_t size) const {
        auto values = likelihood_.run(std::vector<std::int16_t>(z.begin(), z.end()), size);
        return std::get<std::vector<std::uint8_t>>(std::move(values[logit_]));
    }

    Network posterior_;
    Network likelihood_;
    std::size_t mean_;
    std::size_t scale_;
    std::size_t logit_;
    VaeTables tables_;
    BernoulliIntervals intervals_;
    unsigned bits_;
    unsigned posterior_precision_;
};

}  // namespace bitsback
