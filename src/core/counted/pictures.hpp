// The coded pixels of an item, from which the keys of contexts are computed: SymbolPicture for any
// levels, BitPicture for bilevel images. docs/model-format.md, Counted.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "../item_shape.hpp"
#include "../mixing/context_table.hpp"
#include "settings.hpp"

namespace bitsback {

// The predictions of a pixel: the blend predicts a level, and symbol_memory.hpp a symbol, the
// candidate.
struct PixelPrediction {
    std::int32_t level = 0;
    std::int32_t unit = 0;  // index of the unit of its errors
    std::uint32_t candidate = 0;
};

// The terms of contexts, and of the values that select weights of mixers. Each distinct term is
// computed once per pixel; terms that are plain symbols come first.
class SymbolContexts {
  public:
    static constexpr std::size_t most_terms = 64 * (MixingSettings::most_contexts + 1);

    // All contexts, and the values that select weights of mixers.
    explicit SymbolContexts(const CountedSettings& settings)
        : SymbolContexts(settings, every(settings.contexts().size()), settings.values()) {}
    // numbers: the contexts to include.
    SymbolContexts(const CountedSettings& settings, const std::vector<std::size_t>& numbers,
                   const Terms& values) {
        Terms all = values;
        for (const std::size_t c : numbers)
            all.insert(all.end(), settings.contexts()[c].begin(), settings.contexts()[c].end());
        std::ranges::stable_partition(all, &Term::is_symbol);
        Terms terms;
        for (const Term& term : all) {
            if (std::ranges::find(terms, term) != terms.end()) continue;
            terms.push_back(term);
            if (term.is_symbol())
                symbols_.push_back({term.parts[0].site, term.shift});
            else
                others_.push_back(term);
            for (const Term::Part& part : term.parts) back_ = std::max(back_, part.site.back);
        }
        const auto number = [&](const Term& term) {
            return static_cast<std::uint32_t>(std::ranges::find(terms, term) - terms.begin());
        };
        for (const std::size_t c : numbers) {
            contexts_.push_back({c, {{}}});
            unsigned filled = 0;
            for (const Term& term : settings.contexts()[c]) {
                const unsigned bits = term.bits();
                if (bits == 0) continue;  // the term is always 0
                std::vector<Word>& words = contexts_.back().words;
                if (filled + bits > 64) {
                    words.emplace_back();
                    filled = 0;
                }
                for (Piece& before : words.back()) before.shift += bits;
                words.back().push_back({number(term), 0});
                filled += bits;
            }
        }
        for (const Term& term : values) values_.push_back(number(term));
    }

    struct Symbol {
        Site site;
        unsigned shift;
    };
    std::span<const Symbol> symbols() const { return symbols_; }
    std::span<const Term> others() const { return others_; }
    // The largest distance to a plane that a term reads.
    std::int32_t back() const { return back_; }

    // Makes keys and values. terms: the values of all terms at a pixel. keys: one for each context
    // of the model. direct(c): whether context c takes its key unhashed.
    template <class Direct>
    void make(const std::uint32_t* terms, const Direct& direct, std::uint64_t* keys,
              std::uint32_t* values) const {
        for (const Context& context : contexts_) {
            std::uint64_t key = 0;
            for (const Word& word : context.words) {
                std::uint64_t made = 0;
                for (const auto [term, shift] : word) made |= std::uint64_t{terms[term]} << shift;
                key = direct(context.number) ? made : hash_word(key, made);
            }
            keys[context.number] = key;
        }
        for (std::size_t i = 0; i < values_.size(); ++i) values[i] = terms[values_[i]];
    }

  private:
    // A term and its position in a word of a key.
    struct Piece {
        std::uint32_t term;
        unsigned shift;
    };
    using Word = std::vector<Piece>;
    // The words of a key, which are hashed; a short key is one word.
    struct Context {
        std::size_t number;
        std::vector<Word> words;
    };

    static std::vector<std::size_t> every(std::size_t count) {
        std::vector<std::size_t> numbers(count);
        std::iota(numbers.begin(), numbers.end(), std::size_t{0});
        return numbers;
    }

    std::vector<Symbol> symbols_;
    Terms others_;
    std::int32_t back_ = 0;
    std::vector<Context> contexts_;
    std::vector<std::uint32_t> values_;  // indices of their terms
};

// The symbols of an item, in planes with a margin of zeros. A plane of zeros in front of them
// stands for missing planes.
class SymbolPicture {
  public:
    using Contexts = SymbolContexts;

    SymbolPicture(const Contexts& contexts, const ItemShape& shape)
        : contexts_(contexts),
          channels_(shape.channels),
          stride_(static_cast<std::ptrdiff_t>(shape.columns + 2 * margin)),
          size_((shape.rows + 2 * margin) * (shape.columns + 2 * margin)),
          symbols_((shape.planes() + 1) * size_) {}

    void put(std::size_t plane, std::size_t row, std::size_t column, std::uint32_t symbol) {
        symbols_[number(plane + 1, row, column)] = static_cast<std::uint8_t>(symbol);
    }

    // A pixel, or the one at its place `back` planes before. Its rows are `stride` apart.
    const std::uint8_t* at(std::size_t plane, std::size_t back, std::size_t row,
                           std::size_t column) const {
        return symbols_.data() + number(back <= plane ? plane + 1 - back : 0, row, column);
    }
    std::ptrdiff_t stride() const { return stride_; }

    // Makes the keys of all contexts at a pixel. direct(c): whether context c takes its key
    // unhashed.
    template <class Direct>
    void look(std::size_t plane, std::size_t row, std::size_t column,
              const PixelPrediction& prediction, const Direct& direct, std::uint64_t* keys,
              std::uint32_t* values) {
        look(contexts_, plane, row, column, prediction, direct, keys, values);
    }
    // The same for some of the contexts.
    template <class Direct>
    void look(const Contexts& contexts, std::size_t plane, std::size_t row, std::size_t column,
              const PixelPrediction& prediction, const Direct& direct, std::uint64_t* keys,
              std::uint32_t* values) {
        place_ = {row, column, plane % channels_};
        prediction_ = prediction;
        for (std::size_t back = 0; back <= static_cast<std::size_t>(contexts.back()); ++back)
            planes_[back] = at(plane, back, row, column);
        std::array<std::uint32_t, Contexts::most_terms> terms;
        std::uint32_t* term = terms.data();
        for (const auto& [site, shift] : contexts.symbols()) *term++ = symbol(site) >> shift;
        for (const Term& other : contexts.others()) *term++ = value(other);
        contexts.make(terms.data(), direct, keys, values);
    }

  private:
    static constexpr std::size_t margin = CountedSettings::reach;

    std::size_t number(std::size_t plane, std::size_t row, std::size_t column) const {
        return plane * size_ + (row + margin) * static_cast<std::size_t>(stride_) + column + margin;
    }
    std::uint32_t symbol(const Site& at) const {
        return planes_[static_cast<std::size_t>(at.back)][at.rows * stride_ + at.columns];
    }

    std::uint32_t value(const Term& term) const {
        switch (term.kind) {
            case Term::Kind::row:
                return term.quantised(static_cast<std::int32_t>(place_[0]));
            case Term::Kind::column:
                return term.quantised(static_cast<std::int32_t>(place_[1]));
            case Term::Kind::channel:
                return term.quantised(static_cast<std::int32_t>(place_[2]));
            case Term::Kind::prediction:
                return term.quantised(prediction_.level);
            case Term::Kind::unit:
                return term.quantised(prediction_.unit);
            case Term::Kind::candidate:
                return term.quantised(static_cast<std::int32_t>(prediction_.candidate));
            case Term::Kind::equal:
                return symbol(term.parts[0].site) == prediction_.candidate ? 1 : 0;
            default:
                break;
        }
        std::int32_t sum = 0;
        for (const Term::Part& part : term.parts)
            sum += part.weight * static_cast<std::int32_t>(symbol(part.site));
        return term.quantised(sum);
    }

    const Contexts& contexts_;
    std::size_t channels_;
    std::ptrdiff_t stride_;
    std::size_t size_;
    std::vector<std::uint8_t> symbols_;
    std::array<std::size_t, 3> place_{};
    PixelPrediction prediction_;
    std::array<const std::uint8_t*, CountedSettings::most_back + 1> planes_{};
};

// Contexts whose terms are all bits. Adjacent bits of a row are read together.
class BitContexts {
  public:
    static constexpr std::size_t before = 16;  // columns to the left in a window

    struct Line {
        std::size_t back;
        std::int32_t rows;

        bool operator==(const Line&) const = default;
    };
    // Adjacent columns of a line.
    struct Run {
        std::size_t line;
        unsigned shift;
        unsigned bits;
        std::uint32_t mask;
        unsigned position;  // in the key, which is one word: a context has at most 64 terms
    };

    explicit BitContexts(const CountedSettings& settings) {
        for (const Terms& terms : settings.contexts()) {
            std::vector<Run>& all = contexts_.emplace_back(runs(terms));
            unsigned position = 0;
            for (auto run = all.rbegin(); run != all.rend(); position += run++->bits)
                run->position = position;
        }
        for (const Term& term : settings.values()) values_.push_back(runs({term}).front());
        if (settings.flat()) {
            around_ = region(settings.flat()->around);
            for (const std::vector<Site>& sites : settings.flat()->regions)
                regions_.push_back(region(sites));
        }
    }

    const std::vector<Line>& lines() const { return lines_; }
    const std::vector<std::vector<Run>>& contexts() const { return contexts_; }
    const std::vector<Run>& values() const { return values_; }

    // A set of columns of a line.
    struct Part {
        std::size_t line;
        std::uint32_t mask;
    };
    using Region = std::vector<Part>;

    // The pixels that are all 0 in flat surroundings, and the regions that form their key.
    const Region& around() const { return around_; }
    const std::vector<Region>& regions() const { return regions_; }

  private:
    std::size_t line_of(const Site& at) {
        const Line line{static_cast<std::size_t>(at.back), at.rows};
        const auto found = std::ranges::find(lines_, line);
        const auto number = static_cast<std::size_t>(found - lines_.begin());
        if (found == lines_.end()) lines_.push_back(line);
        return number;
    }

    Region region(const std::vector<Site>& sites) {
        Region out;
        for (const Site& at : sites) {
            const std::size_t line = line_of(at);
            const auto found = std::ranges::find(out, line, &Part::line);
            Part& part = found == out.end() ? out.emplace_back(Part{line, 0}) : *found;
            part.mask |= 1u << (before - 1 - at.columns);
        }
        return out;
    }

    std::vector<Run> runs(const Terms& terms) {
        std::vector<Run> out;
        const Site* last = nullptr;
        for (const Term& term : terms) {
            const Site& at = term.parts[0].site;
            const std::size_t number = line_of(at);
            const auto shift = static_cast<unsigned>(before - 1 - at.columns);
            const bool follows = last != nullptr && last->back == at.back &&
                                 last->rows == at.rows && last->columns + 1 == at.columns;
            if (follows)
                out.back() = {number, shift, out.back().bits + 1, out.back().mask << 1 | 1, 0};
            else
                out.push_back({number, shift, 1, 1, 0});
            last = &at;
        }
        return out;
    }

    std::vector<Line> lines_;
    std::vector<std::vector<Run>> contexts_;
    std::vector<Run> values_;
    Region around_;
    std::vector<Region> regions_;
};

// A bilevel item, with the same margin. The first pixel of a word is its highest bit.
class BitPicture {
  public:
    using Contexts = BitContexts;

    BitPicture(const Contexts& contexts, const ItemShape& shape)
        : contexts_(contexts),
          stride_((shape.columns + 2 * side) / 64 + 2),
          size_((shape.rows + 2 * margin) * stride_),
          bits_((shape.planes() + 1) * size_),
          windows_(contexts.lines().size()) {}

    void put(std::size_t plane, std::size_t row, std::size_t column, std::uint32_t symbol) {
        const std::size_t bit = column + side;
        line(plane + 1, row)[bit / 64] |= std::uint64_t{symbol} << (63 - bit % 64);
    }

    // Reads the lines around a pixel.
    void read_lines(std::size_t plane, std::size_t row, std::size_t column) {
        for (std::size_t i = 0; i < windows_.size(); ++i) {
            const auto [back, rows] = contexts_.lines()[i];
            windows_[i] = window(back <= plane ? plane + 1 - back : 0, row, rows, column);
        }
    }
    // Whether the surroundings of the pixel are flat, and the key of flat surroundings.
    bool is_flat() const { return !any(contexts_.around()); }
    std::uint32_t flat_key() const {
        std::uint32_t key = 0;
        for (const BitContexts::Region& region : contexts_.regions()) key = 2 * key + any(region);
        return key;
    }
    // The keys of the pixel's contexts.
    template <class Direct>
    void look(const Direct& direct, std::uint64_t* keys, std::uint32_t* values) {
        for (std::size_t c = 0; c < contexts_.contexts().size(); ++c) {
            std::uint64_t word = 0;
            for (const BitContexts::Run& run : contexts_.contexts()[c])
                word |= std::uint64_t{value(run)} << run.position;
            keys[c] = direct(c) ? word : hash_word(0, word);
        }
        for (std::size_t i = 0; i < contexts_.values().size(); ++i)
            values[i] = value(contexts_.values()[i]);
    }

  private:
    static constexpr std::size_t margin = CountedSettings::reach, side = 32;

    std::uint64_t* line(std::size_t plane, std::size_t row) {
        return bits_.data() + plane * size_ + (row + margin) * stride_;
    }

    // 32 pixels of a line, from 16 columns to the left on; the first is the highest bit.
    std::uint32_t window(std::size_t plane, std::size_t row, std::int32_t rows,
                         std::size_t column) {
        const std::size_t first = column + side - BitContexts::before;
        const std::uint64_t* from =
            line(plane, row) + rows * static_cast<std::ptrdiff_t>(stride_) + first / 64;
        const std::uint64_t all = from[0] << first % 64 | from[1] >> 1 >> (63 - first % 64);
        return static_cast<std::uint32_t>(all >> 32);
    }

    bool any(const BitContexts::Region& region) const {
        std::uint32_t found = 0;
        for (const auto& [line, mask] : region) found |= windows_[line] & mask;
        return found != 0;
    }
    std::uint32_t value(const BitContexts::Run& run) const {
        return windows_[run.line] >> run.shift & run.mask;
    }

    const Contexts& contexts_;
    std::size_t stride_;
    std::size_t size_;
    std::vector<std::uint64_t> bits_;
    std::vector<std::uint32_t> windows_;
};

}  // namespace bitsback
