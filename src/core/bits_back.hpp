// Bits back, a whole chain of batches in one call: what bitsback.codecs.BitsBack does with the
// model's codecs, bit for bit, without a step in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "posterior.hpp"

namespace bitsback {

// A likelihood p(x|z) has pixels(), latents(), and push and pop of x [size, pixels], given z [size,
// latents].
template <class Likelihood>
class BitsBack {
  public:
    BitsBack(Posterior posterior, Likelihood likelihood)
        : posterior_(std::move(posterior)), likelihood_(std::move(likelihood)) {
        require(posterior_.pixels() == likelihood_.pixels() &&
                    posterior_.latents() == likelihood_.latents(),
                "the networks of the model do not fit each other");
    }

    std::size_t pixels() const { return posterior_.pixels(); }
    std::size_t latents() const { return posterior_.latents(); }

    // x: [sum of sizes, pixels]. The batches are taken from the end of x: sizes[0] counts its last
    // items.
    void push(Message& message, std::span<const std::uint8_t> x,
              std::span<const std::size_t> sizes) const {
        require_items(x.size(), sizes);
        Message work = message;
        std::size_t end = x.size();
        for (std::size_t size : sizes) {
            end -= size * pixels();
            push_batch(work, x.subspan(end, size * pixels()), size);
        }
        message = std::move(work);
    }

    // Undoes `push`, given its sizes from the last to the first: batches come out from the start of
    // x.
    void pop(Message& message, std::span<std::uint8_t> x,
             std::span<const std::size_t> sizes) const {
        require_items(x.size(), sizes);
        Message work = message;
        std::size_t start = 0;
        for (std::size_t size : sizes) {
            pop_batch(work, x.subspan(start, size * pixels()), size);
            start += size * pixels();
        }
        message = std::move(work);
    }

  private:
    void require_items(std::size_t elements, std::span<const std::size_t> sizes) const {
        std::size_t left = elements / pixels();
        bool whole = elements % pixels() == 0;
        for (std::size_t size : sizes) {
            whole = whole && size <= left;
            left -= whole ? size : 0;
        }
        require(whole && left == 0, "the batches do not make up the items");
    }

    void push_batch(Message& message, std::span<const std::uint8_t> x, std::size_t size) const {
        std::vector<std::uint16_t> z(size * latents());
        const Posterior::Parameters parameters = posterior_.parameters(x, size);
        bitsback::pop(message, posterior_.codec(parameters), z);
        likelihood_.push(message, z, x, size);
        bitsback::push(message, prior(), std::span<const std::uint16_t>(z));
    }

    void pop_batch(Message& message, std::span<std::uint8_t> x, std::size_t size) const {
        std::vector<std::uint16_t> z(size * latents());
        bitsback::pop(message, prior(), std::span<std::uint16_t>(z));
        likelihood_.pop(message, z, x, size);
        const Posterior::Parameters parameters = posterior_.parameters(x, size);
        bitsback::push(message, posterior_.codec(parameters), z);
    }

    Uniform prior() const { return Uniform(std::uint32_t{1} << posterior_.bits()); }

    Posterior posterior_;
    Likelihood likelihood_;
};

// Fills the source of a network that reads latents, for `rows` items: bytes where the range allows.
inline void put_latents(const Network& network, Workspace& work, std::span<const std::uint16_t> z,
                        std::size_t rows) {
    if (network.shape(0).bytes())
        std::ranges::copy(z, network.source<std::uint8_t>(work, rows).begin());
    else
        std::ranges::copy(z, network.source<std::int16_t>(work, rows).begin());
}

}  // namespace bitsback
