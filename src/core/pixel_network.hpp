// A network that computes the parameters of a pixel's distribution from its context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "family.hpp"
#include "network.hpp"

namespace bitsback {

// A network with one source, the context of a pixel, and the numbers of the values that a family
// needs.
struct PixelNetwork {
    Network network;
    std::vector<std::size_t> outputs;

    std::vector<Shape> shapes() const {
        std::vector<Shape> all;
        for (std::size_t output : outputs) all.push_back(network.shape(output));
        return all;
    }

    // The outputs, without a copy, with `components` components per symbol.
    Parameters parameters(const Workspace& work, std::size_t components) const {
        Parameters all;
        all.components = components;
        for (std::size_t o = 0; o < outputs.size(); ++o) {
            const Values& values = work.values[outputs[o]];
            if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&values))
                all.bytes[o] = bytes->data();
            else
                all.words[o] = std::get<std::vector<std::int16_t>>(values).data();
        }
        return all;
    }
};

}  // namespace bitsback
