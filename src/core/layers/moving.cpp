// The layers that only move elements.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <variant>

#include "layer.hpp"

namespace bitsback {
namespace {

// The channels of two values, one after the other.
class ConcatLayer : public Computed<ConcatLayer> {
  public:
    explicit ConcatLayer(const LayerFields& fields) : Computed(fields) {
        const Shape &one = from_[0], &two = from_[1];
        require_layer(one.rows == two.rows && one.columns == two.columns,
                      "the two inputs of a concat have different grids");
        shape_ = {one.rows, one.columns, one.channels + two.channels, std::min(one.low, two.low),
                  std::max(one.high, two.high)};
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        put(work, wanted, 0, out);
        put(work, wanted, 1, out + from_[0].channels);
    }

  private:
    template <class Out>
    void put(const Workspace& work, RowRange wanted, std::size_t i, Out* out) const {
        const std::size_t step = shape_.channels, channels = from_[i].channels;
        std::visit(
            [&](const auto& values) {
                for_chunks(work, shape_.columns, wanted, work.rows[inputs_[i]],
                           [&](std::size_t from, std::size_t to, std::size_t places) {
                               for (std::size_t p = 0; p < places; ++p)
                                   for (std::size_t c = 0; c < channels; ++c)
                                       out[(to + p) * step + c] =
                                           static_cast<Out>(values[(from + p) * channels + c]);
                           });
            },
            work.values[inputs_[i]]);
    }
};

const LayerOp<ConcatLayer> concat("concat", 2);

// Each place becomes factor x factor places, with factor^2 times fewer channels.
class PixelShuffleLayer : public Computed<PixelShuffleLayer> {
  public:
    // The fields rows and columns are those of the result; further ones are dropped.
    explicit PixelShuffleLayer(const LayerFields& fields)
        : Computed(fields), factor_(fields.count("factor")) {
        const Shape& from = from_[0];
        require_layer(factor_ >= 2 && factor_ <= 8, "the factor of a shuffle is from 2 to 8");
        require_layer(from.channels % (factor_ * factor_) == 0,
                      "the number of channels of a shuffle is not a multiple of factor^2");
        const std::size_t rows = fields.count("rows"), columns = fields.count("columns");
        require_layer((rows + factor_ - 1) / factor_ == from.rows &&
                          (columns + factor_ - 1) / factor_ == from.columns,
                      "the size of a shuffle does not fit its source");
        shape_ = {rows, columns, from.channels / (factor_ * factor_), from.low, from.high};
    }

    RowRange need(RowRange wanted) const override {
        return {wanted.first / factor_, (wanted.end - 1) / factor_ + 1};
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const Out* in = work.get<Out>(inputs_[0]);
        const RowRange rows = work.rows[inputs_[0]];
        // A row of a square is one chunk, in the source and in the result.
        const std::size_t chunk = from_[0].channels / factor_;
        const std::size_t line = shape_.line();
        for (std::size_t item = 0; item < work.items; ++item, in += rows.count() * from_[0].line())
            for (std::size_t y = wanted.first; y < wanted.end; ++y, out += line) {
                const Out* from =
                    in + (y / factor_ - rows.first) * from_[0].line() + y % factor_ * chunk;
                for (std::size_t at = 0; at < line; at += chunk, from += from_[0].channels)
                    std::memcpy(out + at, from, std::min(chunk, line - at) * sizeof(Out));
            }
    }

  private:
    std::size_t factor_;
};

const LayerOp<PixelShuffleLayer> pixel_shuffle("pixel_shuffle", 1);

// Repeats a value per item at each place of a grid.
class BroadcastLayer : public Computed<BroadcastLayer> {
  public:
    explicit BroadcastLayer(const LayerFields& fields) : Computed(fields) {
        const Shape& from = from_[0];
        require_layer(from.places() == 1, "a broadcast needs an input with one place");
        shape_ = {fields.count("rows"), fields.count("columns"), from.channels, from.low,
                  from.high};
    }

    RowRange need(RowRange) const override { return {0, 1}; }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const Out* in = work.get<Out>(inputs_[0]);
        const std::size_t channels = shape_.channels;
        for (std::size_t item = 0; item < work.items; ++item, in += channels)
            for (std::size_t i = 0; i < wanted.count() * shape_.columns; ++i, out += channels)
                std::copy_n(in, channels, out);
    }
};

const LayerOp<BroadcastLayer> broadcast("broadcast", 1);

// The same elements with another shape. It needs all rows at once.
class ViewLayer : public Layer {
  public:
    explicit ViewLayer(const LayerFields& fields) : Layer(fields) {
        const Shape& from = from_[0];
        const std::size_t rows = fields.count("rows"), columns = fields.count("columns");
        require_layer(rows > 0 && columns > 0 && rows <= from.width() && columns <= from.width() &&
                          from.width() % (rows * columns) == 0,
                      "the size of an image does not fit its value");
        shape_ = {rows, columns, from.width() / (rows * columns), from.low, from.high};
    }

    bool is_view() const override { return true; }
    RowRange need(RowRange) const override { return {0, from_[0].rows}; }
    void run(Workspace& work, RowRange, Values& out) const override {
        out = work.values[inputs_[0]];
    }
};

const LayerOp<ViewLayer> flatten("flatten", 1);
const LayerOp<ViewLayer> image("image", 1);

}  // namespace
}  // namespace bitsback
