// The SIMD kernels of a front, the pixels of a plane that are coded at the same time
// (docs/model-format.md, M10). The interface has plain data and functions and no inline code, since
// each set of kernels is compiled for its own instruction set. All sets compute the same integers.
//
// A number of each pixel of a plane is stored in a ring of lines, [wave_times][stride]: a line for
// each time, with a slot for each row of each item, row by row. So the neighbours d rows above and
// c columns to the left of many pixels are adjacent in one line, d * items slots before the pixels.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback {

static constexpr size_t wave_lag = 16, wave_cell = 8, wave_times = 64;
static constexpr size_t wave_slots = 64;  // pixels at once
static constexpr size_t wave_most_references = 2, wave_most_inputs = 18, wave_most_features = 40;
static constexpr size_t wave_outputs = 8, wave_bins = 64;

static constexpr inline size_t wave_inputs(size_t references) { return references == 1 ? 15 : 18; }
static constexpr inline size_t wave_features(size_t references) {
    return references == 2 ? 40 : 32;
}
static constexpr inline size_t wave_triangle(size_t side) { return side * (side + 1) / 2; }

// The rings of a plane, from the slot of the first pixel on. With more than 256 levels ("wide"),
// symbols are stored less 2^15, and other numbers have high words too.
struct WaveRings {
    static constexpr size_t count = 8, narrow_count = 5;
    int16_t* symbols;
    int16_t* predictions;
    int16_t* differences;
    int16_t* errors;
    int16_t* logarithms;
    int16_t* high_predictions;
    int16_t* high_differences;
    int16_t* high_errors;
};
static constexpr int32_t wave_middle = 1 << 15;  // subtracted from wide symbols
static constexpr int32_t wave_narrow_depth = 8;  // bits of a level; wide ones have more

struct WaveLayer {
    const int8_t* weight;   // [outputs / 4][inputs / 4][4 outputs][4 inputs]
    const int32_t* halves;  // the bias as two words for each part of 64 inputs: [parts][outputs]
    const int32_t* bias;    // [outputs]
    const int32_t* multiplier;  // [outputs]
    size_t inputs;
    size_t outputs;
};

struct WaveNetwork {
    static constexpr size_t most_residual = 3;
    WaveLayer first;
    WaveLayer residual[most_residual];
    size_t residuals;
    WaveLayer output;            // without a bias; output_bias is added after the multiplication
    const int32_t* output_bias;  // [wave_outputs]
};

// The pixels of a front: no more than wave_slots.
struct WaveFront {
    size_t references;
    WaveRings planes[1 + wave_most_references];  // the plane of the pixels, and its references
    size_t stride;
    size_t time;
    size_t items;
    size_t count;
    int16_t* weights;  // of least squares, [inputs][stride]
    int16_t* values;   // normalised inputs and target, [wave_cell][inputs + 1][stride]
    const WaveNetwork* network;
    const uint16_t* table;  // of logistic distributions, [36][8][128]
    int32_t levels;
    int32_t depth;      // bits of a level, at least 8
    uint8_t* features;  // output [count + 15][wave_features], or null
};

// The predictions of the pixels of a front. Elements behind the front's count are undefined.
struct WavePixels {
    alignas(64) int16_t medians[wave_slots];
    int16_t predictions[wave_slots];
    int16_t units[wave_slots];  // with more than 256 levels, shifted down
    int16_t reciprocals[wave_slots];
    int16_t logarithms[wave_slots];
    // Only with more than 256 levels.
    int16_t high_predictions[wave_slots];
    int16_t shifts[wave_slots];
    int16_t factors[wave_slots];  // 2^(14 - shift)
    int16_t inputs[wave_most_inputs][wave_slots];
    int16_t outputs[wave_outputs][wave_slots];
    // The bins: numbers of entries of the table, weights, and the place of the window.
    uint16_t rows[3][wave_slots];
    uint16_t weights[3][wave_slots];
    uint16_t base[wave_slots];
    int16_t bits[wave_slots];
    int16_t first[wave_slots];  // the bin of the lowest level
    int16_t last[wave_slots];   // the bin of the highest level
    int16_t full[wave_slots];   // the last whole bin, with 2^bits levels
};

// The two intervals of a pixel: [start, start + frequency) of 2^15, and a second one of 2^bits with
// a frequency of at most 2^8. With bits = wave_jpeg_precision it is a single interval of that
// precision, whose high bits are in the fields of the second one.
struct WaveCode {
    uint16_t start;
    uint16_t frequency;
    uint16_t second_start;
    uint8_t last_second;  // frequency - 1; of a single interval, its high bits
    uint8_t bits;
};
static constexpr unsigned wave_precision = 15, wave_jpeg_precision = 23;

// The cells of a plane that begin at one time.
struct WaveCells {
    size_t references;
    float* sums;  // [4 cells][groups][triangle][8 slots], a ring of groups
    size_t groups;
    float* carried;         // [triangle][8]
    const int16_t* values;  // as in a front, from the slot of the first row on
    int16_t* weights;
    size_t stride;
    size_t items;
    const float* start;  // [triangle]
    float decay[3];
    float ridge;
    // Time in units of cells. first_row: the row in the first slots.
    int64_t time;
    int64_t first_row;
    int64_t low, high;  // rows whose cells begin
    int64_t cells;      // number of cells of a row
};

// The slots of the contexts of a batch, and their mixers.
struct WaveContexts {
    // The layout of slots: unused ones, tables, and errors.
    static constexpr size_t none = 16, tables = 10, errors = size_t{1} << 15;
    static constexpr uint32_t probability_bits = 16, count_bits = 7, check_bits = 9;
    static constexpr size_t inputs = 32, mixers = 4;
    static constexpr size_t sets[mixers] = {1024, 2048, 512, 1024};
    static constexpr size_t all_sets = sets[0] + sets[1] + sets[2] + sets[3];

    uint32_t* slots;
    unsigned bits;     // log2 of the number of slots of a table
    int16_t* weights;  // [all_sets][inputs]
    uint16_t* uses;    // number of updates of each set, up to last_rate
    const int32_t* mixer_rates;
    size_t last_rate;
    const int32_t* slot_rates[2];  // of levels and of others, indexed by the count
    const int32_t* stretch;        // the tables of logistic.hpp
    const int32_t* cdf;
};
// The largest number of decisions of a front. They are stored as the frequencies of their bits out
// of 2^wave_decision_precision, followed by the bits, packed in words.
static constexpr size_t wave_decisions = 16 * wave_slots, wave_words = wave_decisions / 16 * 17;
static constexpr unsigned wave_decision_precision = 16;
static constexpr inline size_t wave_words_of(size_t decisions) {
    return decisions + (decisions + 15) / 16;
}

// A front whose pixels are coded by decisions.
struct WaveDecisions {
    const WaveFront* front;
    const WavePixels* pixels;
    size_t channel;  // at most 3
    // Replaces the distributions of bins, if not null: cumulative weights of levels,
    // [wave_slots][257].
    const uint32_t* below;
};

struct WaveKernels {
    // Completes the sums of ending cells, and solves the weights of those that begin.
    void (*cells)(const WaveCells& cells);
    // Predicts pixels and their distributions.
    void (*look)(const WaveFront& front, WavePixels& pixels);
    // The intervals of known symbols.
    void (*codes)(const WaveFront& front, const WavePixels& pixels, const uint16_t* symbols,
                  WaveCode* codes);
    // The starts of the bins of one pixel, [wave_bins + 1].
    void (*starts)(const WaveFront& front, const WavePixels& pixels, size_t i, uint32_t* starts);
    // Pops symbols, the first from lane `lane`. Returns the new top of the tail.
    const uint32_t* (*pop)(const WaveFront& front, const WavePixels& pixels, uint64_t* heads,
                           size_t lanes, size_t lane, const uint32_t* top, uint16_t* symbols);
    // Pushes intervals, the last one first. Returns the new top of the tail.
    uint32_t* (*push)(const WaveCode* codes, size_t count, uint64_t* heads, size_t lanes,
                      uint32_t* top);
    // Writes the decisions of known symbols to `out`. Returns their number.
    size_t (*decide)(const WaveContexts& contexts, const WaveDecisions& decisions,
                     const uint16_t* symbols, uint16_t* out);
    // Pops the decisions of symbols, the first from lane 0. Returns the new top of the tail.
    const uint32_t* (*pop_decisions)(const WaveContexts& contexts, const WaveDecisions& decisions,
                                     uint64_t* heads, size_t lanes, const uint32_t* top,
                                     uint16_t* symbols);
    // Stores the numbers that later pixels read. symbols: has room for 16 more.
    void (*learn)(const WaveFront& front, const WavePixels& pixels, const uint16_t* symbols);
};

// The kernels for the engine in use (linear.hpp), or those with contracted products and sums.
const WaveKernels& wave_kernels(bool contracted);

extern const WaveKernels wavefront_plain;
extern const WaveKernels wavefront_avx2;
extern const WaveKernels wavefront_avx512;
extern const WaveKernels wavefront_contracted;

}  // namespace bitsback
