// The validated settings of a wavefront distribution: least squares, networks, and the table of
// logistic distributions. docs/model-format.md, M10.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "../codecs.hpp"
#include "context_tables.hpp"
#include "kernels.hpp"

namespace bitsback {

// Zero-initialised memory for vectors, with padding for loads of 16 words.
template <class T>
class VectorArray {
  public:
    VectorArray() = default;
    explicit VectorArray(std::size_t size) {
        const std::size_t bytes = (size * sizeof(T) + 2 * alignment - 1) / alignment * alignment;
        data_.reset(static_cast<T*>(::operator new(bytes, std::align_val_t{alignment})));
        std::fill_n(reinterpret_cast<unsigned char*>(data_.get()), bytes, 0);
    }
    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }

  private:
    static constexpr std::size_t alignment = 64;
    struct Free {
        void operator()(T* data) const { ::operator delete(data, std::align_val_t{alignment}); }
    };
    std::unique_ptr<T, Free> data_;
};

// The tensors of a layer: weight [outputs, inputs], bias and multiplier [outputs].
struct LayerTensors {
    std::vector<std::int8_t> weight;
    std::vector<std::int32_t> bias;
    std::vector<std::int32_t> multiplier;
};

// A layer in the layout of the kernels, whose sums fit into words.
class PackedLayer {
  public:
    PackedLayer(const LayerTensors& tensors, std::size_t inputs, bool is_output)
        : inputs_(inputs),
          outputs_(tensors.bias.size()),
          weight_(inputs_ * outputs_),
          bias_(is_output ? std::vector<std::int32_t>(outputs_) : tensors.bias),
          multiplier_(tensors.multiplier),
          output_bias_(tensors.bias) {
        require(outputs_ % 4 == 0 && inputs_ % 4 == 0 && multiplier_.size() == outputs_ &&
                    tensors.weight.size() == inputs_ * outputs_,
                "a layer of a wavefront has tensors of other shapes");
        const std::size_t parts = (inputs_ + 63) / 64;
        halves_.resize(parts * outputs_);
        for (std::size_t o = 0; o < outputs_; ++o) {
            const std::int8_t* row = tensors.weight.data() + o * inputs_;
            for (std::size_t i = 0; i < inputs_; ++i)
                weight_.data()[(o / 4 * inputs_ + i / 4 * 4) * 4 + o % 4 * 4 + i % 4] = row[i];
            split(row, o);
            if (is_output)
                require_output(row, o);
            else
                require(multiplier_[o] >= 1 && multiplier_[o] <= 32767,
                        "a multiplier of a wavefront's layer is from 1 to 32,767");
        }
    }

    WaveLayer view() const {
        return {weight_.data(),     halves_.data(), bias_.data(),
                multiplier_.data(), inputs_,        outputs_};
    }
    const std::int32_t* output_bias() const { return output_bias_.data(); }

  private:
    static constexpr std::int64_t top = 127;

    // Divides the bias among the 16-bit sums, each of which covers half of the inputs of one part.
    void split(const std::int8_t* row, std::size_t o) {
        const std::size_t parts = halves_.size() / outputs_;
        std::vector<std::int64_t> least(2 * parts, -32768), most(2 * parts, 32767);
        std::int64_t lowest = bias_[o], highest = bias_[o];
        for (std::size_t i = 0; i < inputs_; ++i) {
            const std::size_t k = i / 64 * 2 + i % 4 / 2;
            const std::int64_t reach = top * row[i];
            (reach < 0 ? least[k] : most[k]) -= reach;
            (reach < 0 ? lowest : highest) += reach;
        }
        std::int64_t rest = bias_[o];
        for (std::size_t k = 0; k < least.size(); ++k) {
            require(least[k] <= most[k], "the sums of a wavefront's network leave 16 bits");
            rest -= least[k];
        }
        const auto words = static_cast<std::int64_t>(2 * parts);
        require(lowest >= -32768 * words && highest <= 32767 * words,
                "the bias of a wavefront's network does not fit in 16-bit sums");
        for (std::size_t k = 0; k < least.size(); ++k) {
            const std::int64_t more = std::clamp<std::int64_t>(rest, 0, most[k] - least[k]);
            rest -= more;
            const auto word = static_cast<std::uint16_t>(least[k] + more);
            halves_[k / 2 * outputs_ + o] |=
                static_cast<std::int32_t>(std::uint32_t{word} << 16 * (k % 2));
        }
    }

    void require_output(const std::int8_t* row, std::size_t o) const {
        std::int64_t low = 0, high = 0;
        for (std::size_t i = 0; i < inputs_; ++i) (row[i] < 0 ? low : high) += top * row[i];
        const std::int64_t reach = std::max(-low, high);
        require(multiplier_[o] >= 1 && multiplier_[o] <= 1 << 14 &&
                    reach * multiplier_[o] + std::abs(std::int64_t{output_bias_[o]}) <
                        std::int64_t{1} << 31,
                "an output of a wavefront's network leaves 32 bits");
    }

    std::size_t inputs_, outputs_;
    VectorArray<std::int8_t> weight_;
    std::vector<std::int32_t> halves_, bias_, multiplier_, output_bias_;
};

// The network for planes with this number of references: first layer, residual layers, outputs.
class PackedNetwork {
  public:
    PackedNetwork(std::size_t references, const std::vector<LayerTensors>& layers) {
        require(layers.size() >= 2 && layers.size() <= 2 + WaveNetwork::most_residual,
                "a network of a wavefront has 2 to 5 layers");
        std::size_t inputs = wave_features(references);
        for (std::size_t k = 0; k < layers.size(); ++k) {
            const bool is_output = k + 1 == layers.size();
            const std::size_t outputs = layers[k].bias.size();
            require(is_output ? outputs == wave_outputs
                              : outputs % 16 == 0 && outputs >= 16 && outputs <= 128 &&
                                    (k == 0 || outputs == inputs),
                    "a layer of a wavefront has another number of outputs");
            layers_.emplace_back(layers[k], inputs, is_output);
            inputs = outputs;
        }
    }

    WaveNetwork view() const {
        WaveNetwork out{};
        out.first = layers_.front().view();
        out.residuals = layers_.size() - 2;
        for (std::size_t k = 0; k < out.residuals; ++k) out.residual[k] = layers_[k + 1].view();
        out.output = layers_.back().view();
        out.output_bias = layers_.back().output_bias();
        return out;
    }

  private:
    std::vector<PackedLayer> layers_;
};

// The distribution functions of logistic distributions over bins: [36 scales][8 fractions][128],
// and padding. cdf: the logistic distribution function (docs/format.md), [2049].
inline VectorArray<std::uint16_t> wave_table(std::span<const std::int32_t> cdf) {
    constexpr std::size_t scales = 36;
    constexpr std::int64_t steps[4] = {65536, 77936, 92682, 110218};
    require(cdf.size() == cdf_size, "the table of the logistic distribution has 2,049 entries");
    const ComponentCdf logistic{cdf, 4};
    VectorArray<std::uint16_t> table(scales * 8 * 128 + 16);
    std::uint16_t* out = table.data();
    for (std::size_t c = 0; c < scales; ++c) {
        const std::int64_t scale = steps[(scales - c) % 4] << ((scales - c) / 4);
        for (std::int64_t f = 0; f < 8; ++f)
            for (std::int64_t i = 0; i < 128; ++i) {
                const std::int64_t p = logistic.at((16 * (i - 64) - 2 * f - 1) * scale);
                *out++ = static_cast<std::uint16_t>((65408 * p) >> 28);
            }
    }
    return table;
}

class WavefrontSettings {
  public:
    // start: [3, 190]. networks: the layers for each number of references. contexts: optional.
    WavefrontSettings(std::array<std::int32_t, 3> decay, std::int32_t ridge,
                      std::span<const std::int32_t> start,
                      const std::vector<std::vector<LayerTensors>>& networks,
                      std::span<const std::int32_t> cdf,
                      std::optional<WaveContextSettings> contexts)
        : table_(wave_table(cdf)),
          ridge_(static_cast<float>(ridge)),
          contexts_(std::move(contexts)) {
        constexpr std::size_t most = wave_triangle(wave_most_inputs + 1);
        require(start.size() == 3 * most && networks.size() == 3,
                "a wavefront has sums and networks for 0, 1 and 2 references");
        require(ridge >= 1 && ridge <= 1 << 20, "a ridge is from 1 to 2^20");
        std::int32_t sum = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            require(decay[i] >= 0 && decay[i] <= 252, "a decay is from 0 to 252");
            sum += decay[i];
            decay_[i] = static_cast<float>(decay[i]) / 256;
        }
        require(sum <= 252, "the sum of a decay is at most 252");
        for (std::size_t references = 0; references < 3; ++references) {
            const auto sums = start.subspan(references * most, most);
            require(std::ranges::all_of(
                        sums, [](std::int32_t x) { return x >= -(1 << 24) && x <= 1 << 24; }),
                    "a sum at the start is at most 2^24");
            starts_[references].assign(sums.begin(), sums.end());
            networks_.emplace_back(references, networks[references]);
        }
        for (std::size_t references = 0; references < 3; ++references)
            views_[references] = networks_[references].view();
    }
    WavefrontSettings(const WavefrontSettings&) = delete;
    WavefrontSettings& operator=(const WavefrontSettings&) = delete;

    const float* start(std::size_t references) const { return starts_[references].data(); }
    const WaveNetwork& network(std::size_t references) const { return views_[references]; }
    const std::uint16_t* table() const { return table_.data(); }
    const std::array<float, 3>& decay() const { return decay_; }
    float ridge() const { return ridge_; }
    const std::optional<WaveContextSettings>& contexts() const { return contexts_; }

  private:
    VectorArray<std::uint16_t> table_;
    std::array<float, 3> decay_;
    float ridge_;
    std::array<std::vector<float>, 3> starts_;
    std::vector<PackedNetwork> networks_;
    std::array<WaveNetwork, 3> views_;
    std::optional<WaveContextSettings> contexts_;
};

}  // namespace bitsback
