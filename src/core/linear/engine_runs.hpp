// The entry points of an engine, made from its `run` for each kind of result. Include this after
// `run`, `Bytes`, `Words` and `Sums`, which each instruction set defines.
#pragma once

#include "engine.hpp"

namespace bitsback {
namespace {

void run_8(const LinearLayer& layer, const uint8_t* in, size_t rows, uint8_t* out) {
    run(layer, in, rows, Bytes{out});
}

void run_16(const LinearLayer& layer, const uint8_t* in, size_t rows, int16_t* out) {
    run(layer, in, rows, Words{out});
}

void run_sum(const LinearLayer& layer, const uint8_t* in, size_t rows, const LinearSum& sum,
             uint8_t* out) {
    run(layer, in, rows, Sums{{out}, sum.other, sum.low, sum.high});
}

}  // namespace
}  // namespace bitsback
