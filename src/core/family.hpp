// The interface of families of distributions over the levels of a pixel or a latent, and their
// parameters from a network. docs/model-format.md, M2.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <variant>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "value.hpp"

namespace bitsback {

// The outputs of a network for some symbols. Output o has `components` elements for each symbol,
// one after another, in bytes or in words.
struct Parameters {
    static constexpr std::size_t most = 3;

    std::array<const std::uint8_t*, most> bytes{};
    std::array<const std::int16_t*, most> words{};
    std::size_t components = 1;
    const std::uint8_t* counts = nullptr;  // per symbol, if numbers of components differ

    std::size_t components_of(std::size_t i) const { return counts ? counts[i] : components; }

    // The parameters of the symbols from `first` on.
    Parameters from(std::size_t first) const {
        Parameters some = *this;
        for (std::size_t o = 0; o < most; ++o) {
            if (bytes[o] != nullptr) some.bytes[o] += first * components;
            if (words[o] != nullptr) some.words[o] += first * components;
        }
        if (counts != nullptr) some.counts += first;
        return some;
    }
};

// Parameters of symbols, copied from several runs of networks.
class ParameterArrays {
  public:
    // shapes: of the outputs. symbols: per place; with n components, outputs have n * symbols
    // channels.
    ParameterArrays(const std::vector<Shape>& shapes, std::size_t components)
        : components_(components) {
        for (const Shape& shape : shapes) wide_.push_back(!shape.bytes());
    }

    void resize(std::size_t symbols, bool counted) {
        for (std::size_t o = 0; o < wide_.size(); ++o) {
            if (wide_[o])
                words_[o].resize(symbols * components_);
            else
                bytes_[o].resize(symbols * components_);
        }
        if (counted) counts_.resize(symbols);
    }

    // Copies the parameters of `count` symbols to the place `at`, from the place `first` in the
    // values `outputs` of `work`, with `components` elements each.
    void put(std::size_t at, const Workspace& work, const std::vector<std::size_t>& outputs,
             std::size_t first, std::size_t count, std::size_t components) {
        for (std::size_t o = 0; o < wide_.size(); ++o)
            std::visit(
                [&](const auto& values) {
                    const auto* from = values.data() + first * components;
                    if (wide_[o])
                        copy(from, count, components, words_[o].data() + at * components_);
                    else
                        copy(from, count, components, bytes_[o].data() + at * components_);
                },
                work.values[outputs[o]]);
        if (!counts_.empty()) std::memset(counts_.data() + at, static_cast<int>(components), count);
    }

    Parameters view() const {
        Parameters all;
        all.components = components_;
        for (std::size_t o = 0; o < wide_.size(); ++o) {
            if (wide_[o])
                all.words[o] = words_[o].data();
            else
                all.bytes[o] = bytes_[o].data();
        }
        if (!counts_.empty()) all.counts = counts_.data();
        return all;
    }

  private:
    template <class From, class To>
    void copy(const From* from, std::size_t count, std::size_t components, To* to) const {
        if (components == components_) {
            std::copy_n(from, count * components, to);
            return;
        }
        for (std::size_t i = 0; i < count; ++i, from += components, to += components_)
            std::copy_n(from, components, to);
    }

    std::size_t components_;
    std::vector<bool> wide_;
    std::array<std::vector<std::uint8_t>, Parameters::most> bytes_;
    std::array<std::vector<std::int16_t>, Parameters::most> words_;
    std::vector<std::uint8_t> counts_;
};

// Symbols of 8 bits or of 16.
using SomeSymbols = std::variant<std::span<std::uint8_t>, std::span<std::uint16_t>>;
using KnownSymbols = std::variant<std::span<const std::uint8_t>, std::span<const std::uint16_t>>;

class Family {
  public:
    virtual ~Family() = default;
    // The number of outputs, and the most components for each symbol.
    virtual std::size_t outputs() const = 0;
    virtual std::size_t most_components() const { return 1; }
    virtual std::uint32_t levels() const = 0;
    // Throws MessageError unless the family accepts outputs of these shapes.
    virtual void require_outputs(const std::vector<Shape>& shapes) const = 0;

    virtual void push(Message& message, const Parameters& parameters,
                      const KnownSymbols& symbols) const = 0;
    virtual void pop(Message& message, const Parameters& parameters,
                     const SomeSymbols& symbols) const = 0;
};

// The bytes of symbols that have at most 256 levels.
template <class Symbols>
auto bytes_of(const Symbols& symbols) {
    return std::get<0>(symbols);
}

}  // namespace bitsback
