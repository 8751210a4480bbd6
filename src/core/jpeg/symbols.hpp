// Coefficients as symbols: plain data of the coder of a row of blocks. Like kernels.hpp, it has no
// inline code, since the coder is compiled for each instruction set. docs/jpeg-format.md, J9.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bitsback::jpeg {

// A distribution of 16 symbols. [0]: the rate at which it learns. [s]: the probability of a symbol
// below s. Both are in units of 2^-15.
constexpr size_t symbols = 16;
struct alignas(32) Distribution {
    int16_t words[symbols];
};

// Distributions of a place, in four groups, one of each group for a coefficient.
constexpr size_t by_size = 0, by_prediction = 32, by_neighbours = by_prediction + 12 * 8,
                 by_count = by_neighbours + 12 * 12, place_contexts = by_count + 12 * 16;
constexpr size_t classes = 2;  // the first component, and the others

// First distributions and weights: jpeg_symbols.bin, in numbers of 16 bits.
struct SymbolTable {
    Distribution places[classes][2][place_contexts];  // of DC, and of all other coefficients
    Distribution groups[classes][64];
    Distribution last_values[classes][16];
    int16_t weights[classes][64][3];
    int16_t group_weights[classes][3];
};

// What a coder learns. A last place is coded as its group of four places, and its number there.
struct SymbolState {
    Distribution places[classes][64][place_contexts];
    Distribution groups_by_lasts[3][64][16], groups_by_neighbours[classes][16][16][16],
        groups_by_edges[classes][64][16];
    Distribution in_groups[classes][16][32];
    Distribution last_values[classes][64][16];
    Distribution exponents[classes][64];
    int16_t weights[classes][64][3];
    int16_t group_weights[classes][3];
    int32_t ready[classes];  // the number of places whose distributions are set
};

// A place of a block, in zigzag order, with numbers that depend on its step.
struct SymbolPlace {
    int32_t left_share, above_share;  // of the gaps at the edges
    uint32_t inner_share;             // of the sizes around it in the block
    uint8_t r, i, j;
};
struct SymbolComponent {
    SymbolPlace places[64];
    int16_t zigzag[64];  // the number of each place
    int32_t steps[64];
    uint32_t beside_shares[64], edge_shares[64];
    int32_t number, of_class;
};

// What the blocks to the right and below need of a block.
struct SymbolBlock {
    alignas(32) uint16_t sizes[64];  // smoothed
    alignas(32) int32_t right[8];    // pixels at its edges, in units of 2^-12
    alignas(32) int32_t bottom[8];
    int32_t last, nonzero;
};

// A row of blocks. Coefficients follow each other, block by block.
struct SymbolRow {
    const SymbolTable* table;
    SymbolState* state;
    const SymbolComponent* component;
    size_t columns;
    int16_t* own;
    const int16_t *above, *above2;  // rows above it, or null
    const int16_t* before;          // the row of the component before, or null
    const uint8_t* related_lasts;   // of blocks of another component, or null
    const SymbolBlock* upper;       // of the row above
    SymbolBlock* known;
    uint8_t* lasts;
};

// The part of 2^-15 that a symbol has: what the encoder needs of it.
struct SymbolShare {
    uint16_t start, size;
};
// The most symbols of a block: two of its last place, and up to four for each coefficient.
constexpr size_t most_shares = 2 + 4 * 64;

struct SymbolReader {
    const uint16_t *at, *end;  // `most_shares` words behind `end` can be read
    uint32_t states[2];
};

struct SymbolKernels {
    // Appends the shares of a row. Returns their end.
    SymbolShare* (*encode)(const SymbolRow& row, SymbolShare* shares);
    // Returns whether the row is valid.
    bool (*decode)(const SymbolRow& row, SymbolReader& reader);
};

const SymbolKernels& symbol_kernels();

extern const SymbolKernels symbols_plain;
extern const SymbolKernels symbols_avx2;
extern const SymbolKernels symbols_avx512;

}  // namespace bitsback::jpeg
