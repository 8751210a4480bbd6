// The network of pixels, and the distributions that it gives around their predictions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "../pixel_network.hpp"
#include "pixel_distribution.hpp"
#include "settings.hpp"

namespace bitsback {

class PixelMixtures {
  public:
    // Pixels that the network sees together.
    struct Rows {
        std::vector<std::uint8_t> contexts;  // and more that mean nothing
        std::vector<Expected> expected;
        Workspace work;

        std::size_t count() const { return expected.size(); }
        void clear() { expected.clear(); }
    };

    // width: of a context. features: another value of the network that is wanted, of bytes, if any.
    PixelMixtures(PixelNetwork network, MixtureTables tables, std::size_t width,
                  std::optional<std::size_t> features = {})
        : network_(std::move(network)),
          tables_(std::move(tables)),
          width_(width),
          features_(features) {
        const Shape& source = network_.network.shape(0);
        require(network_.network.sources() == 1 && source.width() == width && source.bytes(),
                "the network of a pixel does not fit its context");
        const std::vector<Shape> shapes = network_.shapes();
        require(shapes.size() == 3, "a mixture has three outputs");
        components_ = shapes[0].width();
        for (const Shape& shape : shapes)
            require(shape.width() == components_ && components_ <= MixtureTables::max_components,
                    "a mixture has another number of components");
        require_mixture_outputs(shapes);
        std::vector<std::size_t> wanted = network_.outputs;
        if (features_) {
            require(network_.network.shape(*features_).bytes(), "the features lie in [0, 255]");
            wanted.push_back(*features_);
        }
        network_.network.keep(wanted);
    }

    // The features of a pixel, none or so many.
    std::size_t features() const { return features_ ? network_.network.width(*features_) : 0; }
    const std::uint8_t* features(const Rows& rows, std::size_t i) const {
        if (!features_) return nullptr;
        const Values& values = rows.work.values[*features_];
        return std::get<std::vector<std::uint8_t>>(values).data() + i * features();
    }

    unsigned precision() const { return tables_.precision(); }

    // Makes room for the contexts of some pixels behind those that are expected, and of front_size
    // more.
    std::uint8_t* add(Rows& rows, std::size_t count) const {
        const std::size_t before = rows.count() * width_;
        const std::size_t needed = before + (count + front_size) * width_;
        if (rows.contexts.size() < needed) rows.contexts.resize(needed);
        return rows.contexts.data() + before;
    }

    void run(Rows& rows) const {
        if (rows.count() == 0) return;
        const Network& network = network_.network;
        network.prepare(rows.work, rows.count());
        std::memcpy(network.source<std::uint8_t>(rows.work), rows.contexts.data(),
                    rows.count() * width_);
        network.run(rows.work);
    }

    // Calls `code` with what makes the distribution of a pixel.
    template <class Code>
    void for_distributions(const Rows& rows, const Code& code) const {
        if (rows.count() == 0) return;
        const Parameters parameters = network_.parameters(rows.work, components_);
        const auto of = [&](const auto* means) {
            code([&, means](std::size_t i) {
                const std::size_t at = i * components_;
                return PixelDistribution(tables_, rows.expected[i], parameters.bytes[0] + at,
                                         means + at, parameters.bytes[2] + at, components_);
            });
        };
        if (parameters.words[1] != nullptr)
            of(parameters.words[1]);
        else
            of(parameters.bytes[1]);
    }

  private:
    PixelNetwork network_;
    MixtureTables tables_;
    std::size_t width_;
    std::optional<std::size_t> features_;
    std::size_t components_;
};

}  // namespace bitsback
