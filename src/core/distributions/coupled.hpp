// Images whose channels are normal, each conditional on the channels before it: a network gives
// means, scales, and couplings, by which the mean of a channel depends on those before. The codec
// `normal` with a third output (docs/model-format.md, M2.3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "../distribution.hpp"
#include "../families/normal.hpp"

namespace bitsback {

class CoupledDistribution : public Distribution {
  public:
    // elements: of the variable, per item. channels: per place. given: the network of mean, scale
    // and coupling.
    CoupledDistribution(std::size_t variable, std::size_t elements, std::size_t channels,
                        Conditional given, std::shared_ptr<const NormalFamily> family)
        : variable_(variable),
          channels_(channels),
          given_(std::move(given)),
          family_(std::move(family)) {
        require(given_.count() == 3, "coupled channels have three outputs");
        require(channels >= 2 && elements % channels == 0, "coupling needs at least two channels");
        places_ = elements / channels;
        require(given_.shape(0).width() == elements && given_.shape(1).width() == elements &&
                    given_.shape(2).width() == places_ * pairs(),
                "the networks of the model do not fit each other");
        family_->require_outputs({given_.shape(0), given_.shape(1)});
        require(given_.shape(2).low >= -128 && given_.shape(2).high <= 127,
                "couplings must lie in [-128, 127]");
    }

    void push(Message& message, const Batch& batch) const override {
        const Outputs outputs = gather(batch);
        std::visit(
            [&](const auto& x) {
                for (std::size_t channel = channels_; channel-- > 0;) {
                    auto line = channel_of(x, channel);
                    Parts parts = parts_of(outputs, x, channel);
                    family_->push(message, view(parts), std::span(line));
                }
            },
            batch.variables[variable_]);
    }
    void pop(Message& message, Batch& batch) const override {
        const Outputs outputs = gather(batch);
        std::visit(
            [&](auto& x) {
                auto line = channel_of(x, 0);
                for (std::size_t channel = 0; channel < channels_; ++channel) {
                    Parts parts = parts_of(outputs, x, channel);
                    family_->pop(message, view(parts), std::span(line));
                    for (std::size_t i = 0; i < line.size(); ++i)
                        x[i * channels_ + channel] = line[i];
                }
            },
            batch.variables[variable_]);
    }

  private:
    // The parameters of all items, place by place.
    struct Outputs {
        std::vector<std::int16_t> mean;
        std::vector<std::uint8_t> scale;
        std::vector<std::int8_t> coupling;
    };
    // The parameters of one channel.
    struct Parts {
        std::vector<std::int16_t> mean;
        std::vector<std::uint8_t> scale;
    };

    std::size_t pairs() const { return channels_ * (channels_ - 1) / 2; }

    Outputs gather(const Batch& batch) const {
        Outputs found;
        found.mean.resize(batch.items * places_ * channels_);
        found.scale.resize(batch.items * places_ * channels_);
        found.coupling.resize(batch.items * places_ * pairs());
        const std::size_t rows = given_.shape(0).rows, line = places_ / rows;
        given_.run(batch, {0, rows}, [&](const Workspace& work, std::size_t item, std::size_t row) {
            const std::size_t count = work.items * work.rows[given_.value(0)].count() * line;
            const std::size_t at = item * places_ + row * line;
            put(work, 0, count * channels_, found.mean.data() + at * channels_);
            put(work, 1, count * channels_, found.scale.data() + at * channels_);
            put(work, 2, count * pairs(), found.coupling.data() + at * pairs());
        });
        return found;
    }

    template <class To>
    void put(const Workspace& work, std::size_t output, std::size_t count, To* to) const {
        std::visit(
            [&](const auto& values) {
                std::transform(values.data(), values.data() + count, to,
                               [](auto value) { return static_cast<To>(value); });
            },
            work.values[given_.value(output)]);
    }

    template <class Symbol>
    std::vector<Symbol> channel_of(const std::vector<Symbol>& x, std::size_t channel) const {
        std::vector<Symbol> line(x.size() / channels_);
        for (std::size_t i = 0; i < line.size(); ++i) line[i] = x[i * channels_ + channel];
        return line;
    }

    // The distribution of a channel, given the channels before it in x.
    template <class Symbol>
    Parts parts_of(const Outputs& outputs, const std::vector<Symbol>& x,
                   std::size_t channel) const {
        const std::size_t count = x.size() / channels_;
        const std::size_t first = channel * (channel > 0 ? channel - 1 : 0) / 2;
        const unsigned shift = family_->mean_shift() + coupling_bits;
        Parts parts;
        parts.mean.resize(count);
        parts.scale.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            const std::int16_t* mean = outputs.mean.data() + i * channels_;
            const std::int8_t* coupling = outputs.coupling.data() + i * pairs() + first;
            std::int64_t sum = std::int64_t{1} << (shift - 1);
            for (std::size_t j = 0; j < channel; ++j) {
                const std::int64_t apart =
                    std::int64_t{x[i * channels_ + j]} * 256 -
                    std::int64_t{mean[j]} * (std::int64_t{1} << family_->mean_shift());
                sum += coupling[j] * apart;
            }
            const std::int64_t moved = mean[channel] + (sum >> shift);
            parts.mean[i] = static_cast<std::int16_t>(
                std::clamp(moved, std::int64_t{-32768}, std::int64_t{32767}));
            parts.scale[i] = outputs.scale[i * channels_ + channel];
        }
        return parts;
    }

    static Parameters view(const Parts& parts) {
        Parameters all;
        all.words[0] = parts.mean.data();
        all.bytes[1] = parts.scale.data();
        return all;
    }

    static constexpr unsigned coupling_bits = 6;

    std::size_t variable_;
    std::size_t channels_;
    std::size_t places_;
    Conditional given_;
    std::shared_ptr<const NormalFamily> family_;
};

}  // namespace bitsback
