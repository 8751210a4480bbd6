// The likelihood of a context VAE: pixel by pixel, each given the latents and a window of those
// before it, by a small network that sees both. A step is one pixel of all items of a batch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "bits_back.hpp"
#include "codecs.hpp"
#include "message.hpp"
#include "network.hpp"
#include "pixel_mixture.hpp"
#include "planes.hpp"
#include "row_grid.hpp"

namespace bitsback {

using PixelCodec = std::variant<BernoulliIntervals, RowGrid, MixtureTables>;

// The network that makes what is known of each pixel from the latents: an image of rows x columns,
// as large as the items at least.
struct FeatureNetwork {
    Network network;
    std::size_t features;  // the number of that value
    std::size_t rows;
    std::size_t columns;

    std::size_t channels() const {
        return image_of(network.width(features), rows, columns).channels;
    }
};

// The network that makes a pixel's distribution from its context.
struct PixelNetwork {
    Network network;
    std::vector<std::size_t> outputs;  // the numbers of those values
    PixelCodec codec;
};

class ContextLikelihood {
  public:
    ContextLikelihood(FeatureNetwork decoder, std::size_t rows, std::size_t columns, Window window,
                      PlaneTable planes, PixelNetwork pixel)
        : decoder_(std::move(decoder)),
          rows_(rows),
          columns_(columns),
          window_(window),
          planes_(std::move(planes)),
          pixel_(std::move(pixel)) {
        require(rows >= 1 && columns >= 1 && rows <= max_width && columns <= max_width / rows,
                "an image has 1 to 2^24 pixels");
        require(window.above >= 1 && window.above <= Window::most && window.side >= 1 &&
                    window.side <= Window::most,
                "a window has 1 to 8 rows above, and as many columns on a side");
        require(decoder_.rows >= rows && decoder_.columns >= columns,
                "the features do not cover the image");
        require(decoder_.network.shape(decoder_.features).bytes(),
                "the features must lie in [0, 255]");
        channels_ = decoder_.channels();
        require(channels_ <= max_channels, "a pixel has too many features");
        const Shape& context = pixel_.network.shape(0);
        require(
            context.width == planes_.count() * window.pixels() + channels_ && context.high == 255,
            "the network of a pixel does not fit its context");
        std::visit([&](const auto& codec) { require_outputs(codec); }, pixel_.codec);
        decoder_.network.keep({decoder_.features});
        pixel_.network.keep(pixel_.outputs);
    }

    std::size_t pixels() const { return rows_ * columns_; }
    std::size_t latents() const { return decoder_.network.source_width(); }
    std::size_t levels() const { return planes_.levels(); }

    // All of x is known: the network runs on many pixels of a row at once.
    void push(Message& message, std::span<const std::uint16_t> z, std::span<const std::uint8_t> x,
              std::size_t size) const {
        require_symbols(x, levels());
        const std::vector<std::uint8_t> features = run_decoder(z, size);
        std::vector<std::uint8_t> symbols(x.size());  // [pixels, size]
        for (std::size_t pixel = 0; pixel < pixels(); ++pixel)
            for (std::size_t item = 0; item < size; ++item)
                symbols[pixel * size + item] = x[item * pixels() + pixel];
        const std::vector<std::uint8_t> outside(size);
        PlaneRows seen(planes_, window_, columns_, size);
        const auto look_at = [&](std::size_t row, bool inside) {
            for (std::size_t column = 0; column < columns_; ++column)
                seen.set(
                    row, column,
                    inside ? symbols.data() + (row * columns_ + column) * size : outside.data());
        };
        for (std::size_t row = rows_ - std::min(window_.above, rows_); row < rows_; ++row)
            look_at(row, true);
        const std::size_t at_once =
            std::max<std::size_t>(rows_at_once / std::max<std::size_t>(size, 1), 1);
        Workspace work;
        for (std::size_t row = rows_; row-- > 0;) {
            // The row that comes into view has the place of the one that has been left, the one
            // below.
            const bool inside = row >= window_.above;
            look_at(inside ? row - window_.above : row + 1, inside);
            for (std::size_t end = columns_; end > 0;) {
                const std::size_t first = end > at_once ? end - at_once : 0;
                run_pixels(work, seen, features, size, row, first, end);
                for (; end > first; --end)
                    with_codec(work, (end - 1 - first) * size, size, [&](const auto& codec) {
                        const std::size_t at = (row * columns_ + end - 1) * size;
                        bitsback::push(message, codec,
                                       std::span<const std::uint8_t>(symbols).subspan(at, size));
                    });
            }
        }
    }

    void pop(Message& message, std::span<const std::uint16_t> z, std::span<std::uint8_t> x,
             std::size_t size) const {
        const std::vector<std::uint8_t> features = run_decoder(z, size);
        PlaneRows seen(planes_, window_, columns_, size);
        std::vector<std::uint8_t> symbols(size);
        Workspace work;
        for (std::size_t row = 0; row < rows_; ++row)
            for (std::size_t column = 0; column < columns_; ++column) {
                run_pixels(work, seen, features, size, row, column, column + 1);
                with_codec(work, 0, size, [&](const auto& codec) {
                    bitsback::pop(message, codec, std::span<std::uint8_t>(symbols));
                });
                for (std::size_t item = 0; item < size; ++item)
                    x[item * pixels() + row * columns_ + column] = symbols[item];
                seen.set(row, column, symbols.data());
            }
    }

  private:
    static constexpr std::size_t max_channels = 256;
    static constexpr std::size_t rows_at_once = 256;
    static constexpr std::size_t overrun = 32;

    const Shape& output(std::size_t i) const { return pixel_.network.shape(pixel_.outputs[i]); }

    void require_outputs(const BernoulliIntervals&) const {
        require(levels() == 2, "a Bernoulli table is for 2 levels");
        require(pixel_.outputs.size() == 1 && output(0).width == 1 && output(0).bytes(),
                "the network of a pixel has one output, of one byte");
    }

    void require_outputs(const RowGrid& grid) const {
        require(levels() == grid.table().levels(),
                "a grid of rows is for the levels of the planes");
        require(pixel_.outputs.size() == 2 && output(0).width == 1 && output(1).width == 1 &&
                    output(0).bytes() && output(1).bytes(),
                "the network of a pixel has two outputs, of one byte each");
        require(static_cast<std::size_t>(output(0).high) < grid.rows() &&
                    static_cast<std::size_t>(output(1).high) < grid.columns(),
                "the outputs of the network of a pixel leave the grid of rows");
    }

    void require_outputs(const MixtureTables& tables) const {
        require(levels() == tables.levels(), "a mixture is for the levels of the planes");
        require(pixel_.outputs.size() == 3,
                "the network of a pixel has three outputs: weight, mean and scale");
        require(output(0).width <= MixtureTables::max_components &&
                    output(1).width == output(0).width && output(2).width == output(0).width,
                "a mixture has 1 to 32 components, each with a weight, a mean and a scale");
        require(output(0).bytes() && output(2).bytes(),
                "the weights and scales of a mixture must lie in [0, 255]");
    }

    // The features of each pixel, [pixels, size, channels].
    std::vector<std::uint8_t> run_decoder(std::span<const std::uint16_t> z,
                                          std::size_t size) const {
        const Network& network = decoder_.network;
        std::vector<std::uint8_t> features(pixels() * size * channels_ + overrun);
        Workspace work;
        for (std::size_t start = 0; start < size; start += network.rows_at_once()) {
            const std::size_t rows = std::min(network.rows_at_once(), size - start);
            put_latents(network, work, z.subspan(start * latents(), rows * latents()), rows);
            network.run(work, rows);
            const std::uint8_t* in = work.bytes(decoder_.features);
            for (std::size_t item = start; item < start + rows; ++item)
                for (std::size_t row = 0; row < decoder_.rows; ++row)
                    for (std::size_t column = 0; column < decoder_.columns;
                         ++column, in += channels_)
                        if (row < rows_ && column < columns_)
                            std::memcpy(features.data() +
                                            ((row * columns_ + column) * size + item) * channels_,
                                        in, channels_);
        }
        return features;
    }

    // Runs the network on the pixels [first, end) of a row, of all items; its values are [end -
    // first, size] rows.
    void run_pixels(Workspace& work, const PlaneRows& seen,
                    const std::vector<std::uint8_t>& features, std::size_t size, std::size_t row,
                    std::size_t first, std::size_t end) const {
        std::uint8_t* out = pixel_.network.source<std::uint8_t>(work, (end - first) * size).data();
        const std::uint8_t* in = features.data() + (row * columns_ + first) * size * channels_;
        for (std::size_t column = first; column < end; ++column) {
            seen.contexts(row, column, in, channels_, out);
            in += size * channels_;
            out += size * pixel_.network.source_width();
        }
        pixel_.network.run(work, (end - first) * size);
    }

    // Calls `code` with the codec of `count` symbols, by what the network gave in the rows from
    // `first` on.
    template <class Code>
    void with_codec(const Workspace& work, std::size_t first, std::size_t count,
                    Code&& code) const {
        const auto out = [&](std::size_t i) {
            return work.bytes(pixel_.outputs[i]) + first * output(i).width;
        };
        if (const auto* table = std::get_if<BernoulliIntervals>(&pixel_.codec)) {
            code(BernoulliTable(*table, {out(0), count}));
        } else if (const auto* grid = std::get_if<RowGrid>(&pixel_.codec)) {
            std::vector<std::uint16_t> row(count);
            grid->look_up(out(0), out(1), count, row.data());
            code(Rows(grid->table(), row));
        } else {
            const auto& tables = std::get<MixtureTables>(pixel_.codec);
            const std::size_t components = output(0).width;
            std::visit(
                [&](const auto& mean) {
                    code(PixelMixtures{tables, out(0), mean.data() + first * components, out(2),
                                       components});
                },
                work.values[pixel_.outputs[1]]);
        }
    }

    FeatureNetwork decoder_;
    std::size_t rows_;
    std::size_t columns_;
    Window window_;
    PlaneTable planes_;
    PixelNetwork pixel_;
    std::size_t channels_;
};

using ContextVae = BitsBack<ContextLikelihood>;

}  // namespace bitsback
