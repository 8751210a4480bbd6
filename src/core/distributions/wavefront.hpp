// The wavefront distribution (docs/model-format.md, M10): images of any size and number of planes,
// each pixel predicted from coded ones, with pixels of many rows at a time (wavefront/sheets.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "../default_floats.hpp"
#include "../jpeg_colours.hpp"
#include "../step.hpp"
#include "../wavefront/context_tables.hpp"
#include "../wavefront/settings.hpp"
#include "../wavefront/sheets.hpp"
#include "data_distribution.hpp"

namespace bitsback {

// The symbols of a group of items, [items, slices, rows, columns, channels].
template <class Symbol>
class WaveSymbols {
  public:
    WaveSymbols(const ItemShape& shape, std::span<Symbol> symbols)
        : shape_(shape), symbols_(symbols) {}

    // Calls use(symbol, i) for the places of a part.
    template <class Use>
    void each(const WavePart& part, std::size_t items, const Use& use) const {
        const std::size_t first = shape_.first_element(part.plane), item_size = shape_.elements();
        std::size_t k = part.first / items, item = part.first % items;
        const auto at = [&] {
            return first +
                   ((part.row + k) * shape_.columns + part.column - wave_lag * k) * shape_.channels;
        };
        std::size_t place = at();
        for (std::size_t i = 0; i < part.count; ++i) {
            use(symbols_[place + item * item_size], i);
            if (++item == items) item = 0, ++k, place = at();
        }
    }

    // For a part of blue pixels with colours of JPEG, calls use(blues, i) with the possible levels
    // of each pixel and returns true. Otherwise returns false.
    template <class Use>
    bool each_blue(const WavePart& part, std::size_t items, const Use& use) const {
        if (!shape_.jpeg || part.plane % shape_.channels != 2) return false;
        std::array<std::uint32_t, wave_slots> colours[2];
        for (std::size_t k = 0; k < 2; ++k) {
            WavePart other = part;
            other.plane = part.plane - 2 + k;  // green, and red
            each(other, items, [&](Symbol symbol, std::size_t i) { colours[k][i] = symbol; });
        }
        for (std::size_t i = 0; i < part.count; ++i)
            use(JpegColours::all().blues(colours[0][i], colours[1][i]), i);
        return true;
    }

  private:
    const ItemShape& shape_;
    std::span<Symbol> symbols_;
};

// The cumulative weights of the possible levels of a blue pixel.
class BlueWeights {
  public:
    BlueWeights(const WaveKernels& kernels, const WaveFront& front, const WavePixels& pixels,
                std::size_t i, const JpegColours::Blues& blues) {
        std::uint32_t starts[wave_bins + 1];
        kernels.starts(front, pixels, i, starts);
        const std::int32_t bits = pixels.bits[i], base = pixels.base[i];
        const auto bin_of = [&](std::int32_t level) {
            return std::clamp((level - base + (32 << bits)) >> bits, 0, 63);
        };
        for (std::int32_t level = 0; level < 256;) {
            const std::int32_t bin = bin_of(level);
            std::int32_t end = level + 1;
            while (end < 256 && bin_of(end) == bin) ++end;
            const std::uint32_t weight =
                ((starts[bin + 1] - starts[bin]) << 8) / static_cast<std::uint32_t>(end - level);
            for (; level < end; ++level) {
                const auto c = static_cast<std::size_t>(level);
                below_[c + 1] = below_[c] + ((blues[c >> 6] >> (c & 63) & 1) != 0 ? weight : 0);
            }
        }
    }

    const std::array<std::uint32_t, 257>& below() const { return below_; }
    std::uint32_t start(std::size_t c) const {
        return static_cast<std::uint32_t>((std::uint64_t{below_[c]} << wave_jpeg_precision) /
                                          below_[256]);
    }
    // The level whose interval contains x.
    std::size_t find(std::uint32_t x) const {
        std::size_t low = 0, end = 256;
        while (end - low > 1) {
            const std::size_t middle = (low + end) / 2;
            (start(middle) <= x ? low : end) = middle;
        }
        return low;
    }

  private:
    std::array<std::uint32_t, 257> below_{};
};

class WavefrontDistribution : public DataDistribution<WavefrontDistribution> {
  public:
    // The distribution of the data, whose number in the program is `variable`.
    WavefrontDistribution(std::size_t variable, std::shared_ptr<const WavefrontSettings> settings,
                          Arithmetic arithmetic = Arithmetic::exact)
        : DataDistribution(variable), settings_(std::move(settings)), arithmetic_(arithmetic) {}

  private:
    friend DataDistribution<WavefrontDistribution>;

    const WaveKernels& kernels() const {
        return wave_kernels(arithmetic_ == Arithmetic::contracted);
    }

    // Calls code(sheets, symbols) for each group of items. Groups of one kind share their memory.
    template <class Symbol, class Code>
    void each_group(std::span<const ItemShape> shapes, std::span<Symbol> symbols,
                    const Code& code) const {
        const DefaultFloats floats(arithmetic_);
        std::optional<WaveSheets> sheets;
        while (!shapes.empty()) {
            const ItemShape& shape = shapes.front();
            const std::size_t items = wave_items(shapes), elements = items * shape.elements();
            if (!sheets || sheets->shape() != shape || sheets->items() != items)
                sheets.emplace(*settings_, kernels(), shape, items);
            code(*sheets, symbols.first(elements));
            shapes = shapes.subspan(items);
            symbols = symbols.subspan(elements);
        }
    }

    template <class Symbol>
    void push_all(Message& message, std::span<const ItemShape> shapes,
                  std::span<const Symbol> symbols) const {
        require_planes(shapes, symbols);
        if (settings_->contexts()) return push_decisions(message, shapes, symbols);
        const auto codes = std::make_unique_for_overwrite<WaveCode[]>(symbols.size());
        std::vector<std::uint32_t> counts;  // of each step
        std::size_t place = 0;
        each_group(shapes, symbols, [&](WaveSheets& sheets, auto some) {
            add_codes(sheets, some, codes.get(), place, counts);
        });
        if (message.records()) return record(message, {codes.get(), place});
        for (std::size_t k = counts.size(); k-- > 0;) {
            place -= counts[k];
            message.push_step(counts[k], [&](std::uint64_t* heads, std::uint32_t* top) {
                return kernels().push(codes.get() + place, counts[k], heads, message.lanes(), top);
            });
        }
    }

    // Appends the frequencies of both intervals of each pixel to a recorder.
    static void record(Message& message, std::span<const WaveCode> codes) {
        message.push_step(2 * codes.size(), [&](std::uint64_t*, std::uint32_t* top) {
            for (std::size_t i = codes.size(); i-- > 0;) {
                const WaveCode& code = codes[i];
                const std::uint32_t first = code.frequency, second = code.last_second;
                if (code.bits == wave_jpeg_precision) {
                    *top++ = (first | second << 16) << (max_precision - wave_jpeg_precision);
                } else {
                    *top++ = (second + 1) << (max_precision - code.bits);
                    *top++ = first << (max_precision - wave_precision);
                }
            }
            return top;
        });
    }

    template <class Symbol>
    void add_codes(WaveSheets& sheets, std::span<const Symbol> symbols, WaveCode* codes,
                   std::size_t& place, std::vector<std::uint32_t>& counts) const {
        const WaveSymbols<const Symbol> all(sheets.shape(), symbols);
        sheets.run(
            [&](const WaveFront& front, const WavePixels& pixels, const WavePart& part,
                std::uint16_t* out) {
                all.each(part, sheets.items(),
                         [&](Symbol symbol, std::size_t i) { out[i] = symbol; });
                WaveCode* const to = codes + place;
                const bool blue = all.each_blue(
                    part, sheets.items(), [&](const JpegColours::Blues& blues, std::size_t i) {
                        const BlueWeights weights(kernels(), front, pixels, i, blues);
                        const auto level = static_cast<std::size_t>(out[i]);
                        const std::uint32_t start = weights.start(level),
                                            frequency = weights.start(level + 1) - start;
                        to[i] = {static_cast<std::uint16_t>(start),
                                 static_cast<std::uint16_t>(frequency),
                                 static_cast<std::uint16_t>(start >> 16),
                                 static_cast<std::uint8_t>(frequency >> 16), wave_jpeg_precision};
                    });
                if (!blue) kernels().codes(front, pixels, out, to);
                place += part.count;
            },
            [&](std::size_t count) { counts.push_back(static_cast<std::uint32_t>(count)); });
    }

    template <class Symbol>
    void pop_all(Message& message, std::span<const ItemShape> shapes,
                 std::span<Symbol> symbols) const {
        require_elements(shapes, symbols.size());
        if (settings_->contexts()) return pop_decisions(message, shapes, symbols);
        each_group(shapes, symbols,
                   [&](WaveSheets& sheets, auto some) { pop_group(message, sheets, some); });
    }

    template <class Symbol>
    void pop_group(Message& message, WaveSheets& sheets, std::span<Symbol> symbols) const {
        const WaveSymbols<Symbol> all(sheets.shape(), symbols);
        sheets.run(
            [&](const WaveFront& front, const WavePixels& pixels, const WavePart& part,
                std::uint16_t* out) {
                message.pop_step(part.count, [&](std::uint64_t* heads, const std::uint32_t* top) {
                    const std::size_t lanes = message.lanes();
                    const bool blue = all.each_blue(
                        part, sheets.items(), [&](const JpegColours::Blues& blues, std::size_t i) {
                            const BlueWeights weights(kernels(), front, pixels, i, blues);
                            pop_symbol_of(weights, heads[(part.first + i) % lanes], top, out[i]);
                        });
                    if (blue) return top;
                    return kernels().pop(front, pixels, heads, lanes, part.first, top, out);
                });
                all.each(part, sheets.items(), [&](Symbol& symbol, std::size_t i) {
                    symbol = static_cast<Symbol>(out[i]);
                });
            },
            [](std::size_t) {});
    }

    // Calls code(all, part, decisions, symbols) for each front of a group: `all` are the symbols of
    // the group.
    template <class Symbol, class Code>
    void each_front(WaveSheets& sheets, std::span<Symbol> symbols, const Code& code) const {
        const WaveSymbols<Symbol> all(sheets.shape(), symbols);
        std::vector<std::uint32_t> below(sheets.shape().jpeg ? 257 * wave_slots : 0);
        sheets.run(
            [&](const WaveFront& front, const WavePixels& pixels, const WavePart& part,
                std::uint16_t* out) {
                const bool blue = all.each_blue(
                    part, sheets.items(), [&](const JpegColours::Blues& blues, std::size_t i) {
                        const BlueWeights weights(kernels(), front, pixels, i, blues);
                        std::ranges::copy(weights.below(), below.data() + 257 * i);
                    });
                const std::size_t channel =
                    std::min<std::size_t>(part.plane % sheets.shape().channels, 3);
                code(all, part,
                     WaveDecisions{&front, &pixels, channel, blue ? below.data() : nullptr}, out);
            },
            [](std::size_t) {});
    }

    template <class Symbol>
    void push_decisions(Message& message, std::span<const ItemShape> shapes,
                        std::span<const Symbol> symbols) const {
        std::vector<std::uint16_t> words, counts;  // of all fronts
        {
            WaveContextTables tables(*settings_->contexts(), symbols.size());
            each_group(shapes, symbols, [&](WaveSheets& sheets, auto some) {
                each_front(sheets, some,
                           [&](const auto& all, const WavePart& part,
                               const WaveDecisions& decisions, std::uint16_t* out) {
                               all.each(part, sheets.items(),
                                        [&](Symbol symbol, std::size_t i) { out[i] = symbol; });
                               std::array<std::uint16_t, wave_words> made;
                               const std::size_t count =
                                   kernels().decide(tables.view(), decisions, out, made.data());
                               words.insert(words.end(), made.begin(),
                                            made.begin() + wave_words_of(count));
                               counts.push_back(static_cast<std::uint16_t>(count));
                           });
            });
        }
        const std::uint16_t* end = words.data() + words.size();
        for (std::size_t k = counts.size(); k-- > 0;) {
            const std::size_t count = counts[k];
            end -= wave_words_of(count);
            push_step(message, wave_decision_precision, count, [&](std::size_t i) {
                const std::uint32_t frequency = end[i], bit = end[count + i / 16] >> i % 16 & 1;
                return Interval{bit != 0 ? (1u << wave_decision_precision) - frequency : 0,
                                frequency};
            });
        }
    }

    template <class Symbol>
    void pop_decisions(Message& message, std::span<const ItemShape> shapes,
                       std::span<Symbol> symbols) const {
        WaveContextTables tables(*settings_->contexts(), symbols.size());
        each_group(shapes, symbols, [&](WaveSheets& sheets, auto some) {
            each_front(sheets, some,
                       [&](const auto& all, const WavePart& part, const WaveDecisions& decisions,
                           std::uint16_t* out) {
                           message.pop_step(
                               static_cast<std::size_t>(decisions.front->depth) * part.count,
                               [&](std::uint64_t* heads, const std::uint32_t* top) {
                                   return kernels().pop_decisions(tables.view(), decisions, heads,
                                                                  message.lanes(), top, out);
                               });
                           all.each(part, sheets.items(), [&](Symbol& symbol, std::size_t i) {
                               symbol = static_cast<Symbol>(out[i]);
                           });
                       });
        });
    }

    static void pop_symbol_of(const BlueWeights& weights, std::uint64_t& head,
                              const std::uint32_t*& top, std::uint16_t& symbol) {
        auto find = [&](std::size_t, std::uint32_t x) {
            const std::size_t level = weights.find(x);
            symbol = static_cast<std::uint16_t>(level);
            const std::uint32_t start = weights.start(level);
            return Interval{start, weights.start(level + 1) - start};
        };
        pop_symbol(head, top, wave_jpeg_precision, 0, find);
    }

    std::shared_ptr<const WavefrontSettings> settings_;
    Arithmetic arithmetic_;
};

// The inputs of the network at all pixels of planes with this number of references: features; and
// the symbol, prediction, unit and number of levels of each pixel.
template <class Symbol>
void wave_features_of(const WavefrontSettings& settings, std::span<const ItemShape> shapes,
                      std::span<const Symbol> symbols, std::size_t references,
                      std::vector<std::uint8_t>& features, std::vector<std::int32_t>& pixels) {
    require(references <= wave_most_references, "a plane has 0 to 2 references");
    require_planes(shapes, symbols);
    const DefaultFloats floats;
    while (!shapes.empty()) {
        const ItemShape& shape = shapes.front();
        const std::size_t items = wave_items(shapes);
        const WaveSymbols<const Symbol> all(shape, symbols);
        WaveSheets sheets(settings, wave_kernels(false), shape, items);
        sheets.run(
            [&](const WaveFront& front, const WavePixels& known, const WavePart& part,
                std::uint16_t* out) {
                all.each(part, items, [&](Symbol symbol, std::size_t i) { out[i] = symbol; });
                if (front.references != references) return;
                const std::size_t size = part.count * wave_features(references);
                features.insert(features.end(), front.features, front.features + size);
                const bool wide = front.depth > wave_narrow_depth;
                for (std::size_t i = 0; i < part.count; ++i) {
                    const std::int32_t high = wide ? known.high_predictions[i] : 0,
                                       low = static_cast<std::uint16_t>(known.predictions[i]),
                                       shift = wide ? known.shifts[i] : 0;
                    pixels.insert(pixels.end(), {out[i], high << 16 | low, known.units[i] << shift,
                                                 front.levels});
                }
            },
            [](std::size_t) {}, true);
        symbols = symbols.subspan(items * shape.elements());
        shapes = shapes.subspan(items);
    }
}

}  // namespace bitsback
