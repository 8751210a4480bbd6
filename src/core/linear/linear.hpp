// Integer linear layers (docs/model-format.md, M7): out = clamp((acc * multiplier + half) >> shift)
// with acc = bias + weight * input in int32.
//
// The engines differ only in instructions. The bounds of docs/model-format.md, which are checked
// before an engine runs, keep every partial sum within int32 and every product within 2^53, so that
// all engines give the same integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine.hpp"

namespace bitsback {

// A name that is not in simd_paths().
struct UnknownSimdPath : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The names of the engines that this machine can run, the fastest last.
std::vector<std::string> simd_paths();
// The engine in use: the fastest, or the one that BITSBACK_SIMD names. It and the constructor of a
// layer throw UnknownSimdPath.
std::string simd_path();
// Chooses the engine of layers that are constructed afterwards.
void set_simd_path(const std::string& name);

class Linear {
  public:
    // weight is [outputs, inputs]; inputs lie in [0, input_top]. Throws std::invalid_argument if a
    // bound is exceeded.
    Linear(std::span<const std::int8_t> weight, std::span<const std::int32_t> bias,
           std::span<const std::int32_t> multiplier, std::size_t inputs, unsigned shift,
           std::int32_t low, std::int32_t high, std::uint32_t input_top);

    std::size_t inputs() const { return layer_.inputs; }
    std::size_t outputs() const { return layer_.outputs; }
    std::uint32_t input_top() const { return input_top_; }
    std::int32_t low() const { return layer_.low; }
    std::int32_t high() const { return layer_.high; }
    bool byte_output() const { return layer_.low >= 0 && layer_.high <= 255; }

    // in is [rows, inputs], out is [rows, outputs] of uint8 if byte_output() and of int16
    // otherwise.
    void run(const std::uint8_t* in, std::size_t rows, void* out) const;

    // out = clamp(sum.other + result of run), [rows, outputs] of uint8.
    void run_sum(const std::uint8_t* in, std::size_t rows, const LinearSum& sum,
                 std::uint8_t* out) const;

  private:
    static constexpr std::align_val_t packed_alignment{64};
    struct Free {
        void operator()(std::int8_t* packed) const { ::operator delete(packed, packed_alignment); }
    };

    LinearHighWord high_word(std::int64_t largest_accumulator, unsigned shift);

    std::vector<std::int32_t> bias_;             // padded to a multiple of 64 outputs
    std::vector<std::int32_t> multiplier_;       // likewise
    std::vector<std::int32_t> high_multiplier_;  // likewise, of LinearHighWord
    std::unique_ptr<std::int8_t, Free> packed_;
    LinearLayer layer_;
    const LinearEngine* engine_;
    std::uint32_t input_top_;
};

}  // namespace bitsback
