// The autoregressive distribution of images (docs/model-format.md, M3): a small network predicts
// each group of channels of each pixel. Its inputs are a window of coded pixels, and features of
// the pixel that another network computes from the given variables. A step codes one group of one
// pixel of all items.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "../context_rows.hpp"
#include "../distribution.hpp"
#include "../family.hpp"
#include "../pixel_network.hpp"

namespace bitsback {

// Channels of a pixel that are coded together.
struct ChannelGroup {
    std::vector<std::size_t> channels;
    std::shared_ptr<const Family> family;
    PixelNetwork network;
    std::optional<PixelNetwork> flat;  // for pixels whose window is flat
};

struct ImageSize {
    std::size_t rows;
    std::size_t columns;
    std::size_t channels;

    std::size_t pixels() const { return rows * columns; }
};

class AutoregressiveDistribution : public Distribution {
  public:
    AutoregressiveDistribution(std::size_t variable, ImageSize size, Window window,
                               ContextPlanes planes, std::optional<Conditional> features,
                               std::vector<ChannelGroup> groups)
        : variable_(variable),
          size_(size),
          window_(window),
          planes_(std::move(planes)),
          given_(std::move(features)),
          groups_(std::move(groups)) {
        require(window.above >= 1 && window.above <= Window::most && window.side >= 1 &&
                    window.side <= Window::most,
                "a window has 1 to 8 rows above, and as many columns on a side");
        if (given_) {
            const Shape& feature_shape = given_->shape(0);
            require(given_->count() == 1 && feature_shape.bytes(),
                    "the features must lie in [0, 255]");
            require(feature_shape.rows == size.rows && feature_shape.columns == size.columns,
                    "the features do not cover the image");
            features_ = feature_shape.channels;
            require(features_ <= max_features, "a pixel has too many features");
        }
        std::size_t known = 0;
        std::vector<bool> named(size.channels);
        for (ChannelGroup& group : groups_) {
            require_group(group, known);
            known += group.channels.size();
            for (std::size_t channel : group.channels) {
                require(!named[channel], "two groups have the same channel");
                named[channel] = true;
            }
        }
        require(known == size.channels, "the groups do not make up the channels");
    }

    void push(Message& message, const Batch& batch) const override {
        std::visit([&](const auto& symbols) { push_all(message, batch, symbols); },
                   batch.variables[variable_]);
    }

    void pop(Message& message, Batch& batch) const override {
        std::visit([&](auto& symbols) { pop_all(message, batch, symbols); },
                   batch.variables[variable_]);
    }

  private:
    static constexpr std::size_t max_features = 256;
    static constexpr std::size_t rows_at_once = 256;

    // The features of some rows: [rows, columns, items, features].
    struct Features {
        RowRange rows;
        std::vector<std::uint8_t> values;
    };

    // The workspace of a group's network, and its outputs for some pixels of all items.
    struct GroupWork {
        Workspace varied;
        Workspace flat;
        ParameterArrays gathered;
        Parameters parameters;
    };

    // The items whose context at each pixel is flat, and the other items.
    struct Sorted {
        std::vector<std::uint32_t> varied, flat;          // items, pixel after pixel
        std::vector<std::size_t> varied_ends, flat_ends;  // of each pixel
    };

    void require_group(ChannelGroup& group, std::size_t known) const {
        const std::size_t channels = group.channels.size();
        for (std::size_t channel : group.channels)
            require(channel < size_.channels, "there is no such channel");
        require(channels >= 1, "a group needs at least one channel");
        require(group.family->levels() == planes_.levels(),
                "a family needs the same levels as the planes");
        const std::size_t width =
            planes_.count() * (window_.pixels() * size_.channels + known) + features_;
        require_network(group, group.network, width);
        require(group.flat.has_value() == planes_.gated(),
                "flat symbols need a network for flat contexts, and vice versa");
        if (group.flat) {
            require(features_ > 0, "flat contexts need features");
            require_network(group, *group.flat, features_);
        }
    }

    void require_network(const ChannelGroup& group, PixelNetwork& pixel_network,
                         std::size_t width) const {
        const Shape& source = pixel_network.network.shape(0);
        require(pixel_network.network.sources() == 1 && source.width() == width && source.bytes(),
                "the network of a pixel does not fit its context");
        require(pixel_network.outputs.size() == group.family->outputs(),
                "a family has another number of outputs");
        const std::vector<Shape> shapes = pixel_network.shapes();
        for (const Shape& shape : shapes)
            require(shape.width() == shapes[0].width() &&
                        shape.width() % group.channels.size() == 0 &&
                        components(group, pixel_network) <= group.family->most_components(),
                    "a distribution has another number of components");
        group.family->require_outputs(shapes);
        pixel_network.network.keep(pixel_network.outputs);
    }

    static std::size_t components(const ChannelGroup& group, const PixelNetwork& pixel_network) {
        return pixel_network.network.width(pixel_network.outputs[0]) / group.channels.size();
    }

    std::vector<GroupWork> make_work() const {
        std::vector<GroupWork> work;
        for (const ChannelGroup& group : groups_) {
            std::vector<Shape> shapes = group.network.shapes();
            std::size_t most = components(group, group.network);
            if (group.flat) {
                most = std::max(most, components(group, *group.flat));
                // A type that holds the outputs of both networks.
                for (std::size_t o = 0; o < shapes.size(); ++o)
                    if (!group.flat->shapes()[o].bytes()) shapes[o] = group.flat->shapes()[o];
            }
            work.push_back({{}, {}, ParameterArrays(shapes, most), {}});
        }
        return work;
    }

    // All symbols are known, so the networks run on many pixels of a row at once.
    template <class Symbol>
    void push_all(Message& message, const Batch& batch, const std::vector<Symbol>& x) const {
        require_symbols(std::span<const Symbol>(x), planes_.levels());
        const std::size_t items = batch.items, columns = size_.columns;
        std::vector<Symbol> symbols = by_pixel(x, items);
        const std::vector<Symbol> outside(items * size_.channels);
        ContextRows context_rows(planes_, window_, columns, size_.channels, items);
        const auto look_at = [&](std::size_t row, bool inside) {
            for (std::size_t column = 0; column < columns; ++column)
                set_all(context_rows, row, column,
                        inside ? pixel(symbols, row, column, items) : outside.data(), items);
        };
        for (std::size_t row = size_.rows - std::min(window_.above, size_.rows); row < size_.rows;
             ++row)
            look_at(row, true);
        const std::size_t at_once =
            std::max<std::size_t>(rows_at_once / std::max<std::size_t>(items, 1), 1);
        std::vector<GroupWork> work = make_work();
        Features features;
        Sorted sorted;
        for (std::size_t row = size_.rows; row-- > 0;) {
            // The row that enters the window replaces the one that leaves it, which is the row
            // below.
            const bool inside = row >= window_.above;
            look_at(inside ? row - window_.above : row + 1, inside);
            if (row < features.rows.first || features.rows.count() == 0)
                run_features(batch, row + 1 - std::min(row + 1, feature_rows(items)), row + 1,
                             features);
            for (std::size_t end = columns; end > 0;) {
                const std::size_t first = end > at_once ? end - at_once : 0;
                sort(context_rows, row, first, end, items, sorted);
                std::size_t known = 0;
                for (std::size_t g = 0; g < groups_.size(); ++g) {
                    run_group(work[g], g, known, context_rows, features, sorted, row, first, end,
                              items);
                    known += groups_[g].channels.size();
                }
                for (; end > first; --end) {
                    Symbol* pixel_symbols = pixel(symbols, row, end - 1, items);
                    known = size_.channels;
                    for (std::size_t g = groups_.size(); g-- > 0;) {
                        const std::size_t count = groups_[g].channels.size();
                        known -= count;
                        groups_[g].family->push(
                            message, work[g].parameters.from((end - 1 - first) * items * count),
                            std::span(pixel_symbols + known * items, count * items));
                    }
                }
            }
        }
    }

    template <class Symbol>
    void pop_all(Message& message, const Batch& batch, std::vector<Symbol>& x) const {
        const std::size_t items = batch.items;
        ContextRows context_rows(planes_, window_, size_.columns, size_.channels, items);
        std::vector<GroupWork> work = make_work();
        std::vector<Symbol> symbols(items * size_.channels);
        Features features;
        Sorted sorted;
        for (std::size_t row = 0; row < size_.rows; ++row) {
            if (row >= features.rows.end)
                run_features(batch, row, std::min(row + feature_rows(items), size_.rows), features);
            for (std::size_t column = 0; column < size_.columns; ++column) {
                sort(context_rows, row, column, column + 1, items, sorted);
                std::size_t known = 0;
                for (std::size_t g = 0; g < groups_.size(); ++g) {
                    const std::vector<std::size_t>& channels = groups_[g].channels;
                    run_group(work[g], g, known, context_rows, features, sorted, row, column,
                              column + 1, items);
                    const std::span group_symbols(symbols.data(), channels.size() * items);
                    groups_[g].family->pop(message, work[g].parameters, group_symbols);
                    context_rows.set(row, column, known, channels.size(), group_symbols.data());
                    for (std::size_t item = 0; item < items; ++item)
                        for (std::size_t c = 0; c < channels.size(); ++c)
                            x[((item * size_.rows + row) * size_.columns + column) *
                                  size_.channels +
                              channels[c]] = group_symbols[item * channels.size() + c];
                    known += channels.size();
                }
            }
        }
    }

    // The symbols of a pixel of all items, group after group, in each [items, channels].
    template <class Symbol>
    Symbol* pixel(std::vector<Symbol>& symbols, std::size_t row, std::size_t column,
                  std::size_t items) const {
        return symbols.data() + (row * size_.columns + column) * size_.channels * items;
    }

    template <class Symbol>
    std::vector<Symbol> by_pixel(const std::vector<Symbol>& x, std::size_t items) const {
        std::vector<Symbol> out(x.size());
        std::size_t known = 0;
        for (const ChannelGroup& group : groups_) {
            const std::size_t count = group.channels.size();
            for (std::size_t item = 0; item < items; ++item)
                for (std::size_t at = 0; at < size_.pixels(); ++at)
                    for (std::size_t c = 0; c < count; ++c)
                        out[(at * size_.channels + known) * items + item * count + c] =
                            x[(item * size_.pixels() + at) * size_.channels + group.channels[c]];
            known += count;
        }
        return out;
    }

    template <class Symbol>
    void set_all(ContextRows& context_rows, std::size_t row, std::size_t column,
                 const Symbol* pixel_symbols, std::size_t items) const {
        std::size_t known = 0;
        for (const ChannelGroup& group : groups_) {
            context_rows.set(row, column, known, group.channels.size(),
                             pixel_symbols + known * items);
            known += group.channels.size();
        }
    }

    // The number of rows whose features take at most 32 MB.
    std::size_t feature_rows(std::size_t items) const {
        const std::size_t line = std::max<std::size_t>(size_.columns * items * features_, 1);
        return std::clamp<std::size_t>((std::size_t{1} << 25) / line, 1, size_.rows);
    }

    void run_features(const Batch& batch, std::size_t first, std::size_t end,
                      Features& features) const {
        features.rows = {first, end};
        if (!given_) return;
        const std::size_t columns = size_.columns, items = batch.items;
        features.values.resize((end - first) * columns * items * features_ + ContextRows::overrun);
        given_->run(batch, features.rows,
                    [&](const Workspace& work, std::size_t item, std::size_t row) {
                        const std::uint8_t* in = work.bytes(given_->value(0));
                        const std::size_t rows = work.rows[given_->value(0)].count();
                        for (std::size_t i = item; i < item + work.items; ++i)
                            for (std::size_t at = (row - first) * columns;
                                 at < (row - first + rows) * columns; ++at, in += features_)
                                std::memcpy(features.values.data() + (at * items + i) * features_,
                                            in, features_);
                    });
    }

    void sort(const ContextRows& context_rows, std::size_t row, std::size_t first, std::size_t end,
              std::size_t items, Sorted& sorted) const {
        if (!planes_.gated() && sorted.varied_ends.size() == end - first) return;
        sorted.varied.clear();
        sorted.flat.clear();
        sorted.varied_ends.clear();
        sorted.flat_ends.clear();
        for (std::size_t column = first; column < end; ++column) {
            for (std::size_t item = 0; item < items; ++item) {
                const bool flat = planes_.gated() && context_rows.flat(row, column, item);
                (flat ? sorted.flat : sorted.varied).push_back(static_cast<std::uint32_t>(item));
            }
            sorted.varied_ends.push_back(sorted.varied.size());
            sorted.flat_ends.push_back(sorted.flat.size());
        }
    }

    // Runs the networks of a group on the pixels [first, end) of a row, of all items; its
    // parameters are those of [end - first, items, channels] symbols.
    void run_group(GroupWork& work, std::size_t g, std::size_t known,
                   const ContextRows& context_rows, const Features& features, const Sorted& sorted,
                   std::size_t row, std::size_t first, std::size_t end, std::size_t items) const {
        const ChannelGroup& group = groups_[g];
        const Network& network = group.network.network;
        network.prepare(work.varied, sorted.varied.size());
        std::uint8_t* out = network.source<std::uint8_t>(work.varied);
        std::size_t at = 0;
        for (std::size_t column = first; column < end; ++column) {
            const std::size_t to = sorted.varied_ends[column - first];
            context_rows.contexts(row, column, known, std::span(sorted.varied).subspan(at, to - at),
                                  features_of(features, row, column, items), features_, out);
            out += (to - at) * network.width(0);
            at = to;
        }
        if (at > 0) network.run(work.varied);
        const std::size_t channels = group.channels.size();
        if (!group.flat) {
            work.parameters =
                group.network.parameters(work.varied, components(group, group.network));
            return;
        }
        const Network& flat = group.flat->network;
        flat.prepare(work.flat, sorted.flat.size());
        out = flat.source<std::uint8_t>(work.flat);
        at = 0;
        for (std::size_t column = first; column < end; ++column) {
            const std::uint8_t* pixel_features = features_of(features, row, column, items);
            for (; at < sorted.flat_ends[column - first]; ++at, out += features_)
                std::memcpy(out, pixel_features + sorted.flat[at] * features_, features_);
        }
        if (at > 0) flat.run(work.flat);
        const bool counted = components(group, group.network) != components(group, *group.flat);
        work.gathered.resize((end - first) * items * channels, counted);
        scatter(work, group, group.network, work.varied, sorted.varied, sorted.varied_ends, items);
        scatter(work, group, *group.flat, work.flat, sorted.flat, sorted.flat_ends, items);
        work.parameters = work.gathered.view();
    }

    const std::uint8_t* features_of(const Features& features, std::size_t row, std::size_t column,
                                    std::size_t items) const {
        return features.values.data() +
               ((row - features.rows.first) * size_.columns + column) * items * features_;
    }

    // Copies the outputs of a network for some items of each pixel into those of all items.
    void scatter(GroupWork& work, const ChannelGroup& group, const PixelNetwork& pixel_network,
                 const Workspace& from, const std::vector<std::uint32_t>& items_of,
                 const std::vector<std::size_t>& ends, std::size_t items) const {
        const std::size_t channels = group.channels.size();
        const std::size_t each = components(group, pixel_network);
        std::size_t at = 0;
        for (std::size_t pixel = 0; pixel < ends.size(); ++pixel)
            while (at < ends[pixel]) {
                std::size_t run = 1;  // consecutive items are copied together
                while (at + run < ends[pixel] && items_of[at + run] == items_of[at] + run) ++run;
                work.gathered.put((pixel * items + items_of[at]) * channels, from,
                                  pixel_network.outputs, at * channels, run * channels, each);
                at += run;
            }
    }

    std::size_t variable_;
    ImageSize size_;
    Window window_;
    ContextPlanes planes_;
    std::optional<Conditional> given_;
    std::vector<ChannelGroup> groups_;
    std::size_t features_ = 0;
};

}  // namespace bitsback
