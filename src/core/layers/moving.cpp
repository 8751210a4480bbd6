// The layers that put elements elsewhere, and change none.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <variant>

#include "layer.hpp"

namespace bitsback {
namespace {

// The channels of two values, one behind the other.
class ConcatLayer : public Computed<ConcatLayer> {
  public:
    explicit ConcatLayer(const LayerFields& fields)
        : Computed(fields.inputs(), result(fields.shape(0), fields.shape(1))),
          channels_{fields.shape(0).channels, fields.shape(1).channels} {}

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        put(work, wanted, 0, out);
        put(work, wanted, 1, out + channels_[0]);
    }

  private:
    static Shape result(const Shape& one, const Shape& two) {
        require_layer(one.rows == two.rows && one.columns == two.columns,
                      "the two values of a join live at the same places");
        return {one.rows, one.columns, one.channels + two.channels, std::min(one.low, two.low),
                std::max(one.high, two.high)};
    }

    template <class Out>
    void put(const Workspace& work, RowRange wanted, std::size_t i, Out* out) const {
        const std::size_t step = shape().channels, channels = channels_[i];
        std::visit(
            [&](const auto& values) {
                for_pieces(work, shape().columns, wanted, work.rows[inputs()[i]],
                           [&](std::size_t from, std::size_t to, std::size_t places) {
                               for (std::size_t p = 0; p < places; ++p)
                                   for (std::size_t c = 0; c < channels; ++c)
                                       out[(to + p) * step + c] =
                                           static_cast<Out>(values[(from + p) * channels + c]);
                           });
            },
            work.values[inputs()[i]]);
    }

    std::size_t channels_[2];
};

const LayerOp<ConcatLayer> concat("join", 2);

// Each place becomes factor x factor places, of so many times fewer channels.
class PixelShuffleLayer : public Computed<PixelShuffleLayer> {
  public:
    // rows and columns of the result; those beyond are dropped.
    explicit PixelShuffleLayer(const LayerFields& fields)
        : Computed(fields.inputs(), result(fields)),
          from_(fields.shape()),
          factor_(fields.count("factor")) {}

    RowRange need(RowRange wanted) const override {
        return {wanted.first / factor_, (wanted.end - 1) / factor_ + 1};
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const Out* in = work.get<Out>(inputs()[0]);
        const RowRange rows = work.rows[inputs()[0]];
        // A row of a square is one piece, in the source and in the result.
        const std::size_t piece = from_.channels / factor_;
        const std::size_t line = shape().line();
        for (std::size_t item = 0; item < work.items; ++item, in += rows.count() * from_.line())
            for (std::size_t y = wanted.first; y < wanted.end; ++y, out += line) {
                const Out* from =
                    in + (y / factor_ - rows.first) * from_.line() + y % factor_ * piece;
                for (std::size_t at = 0; at < line; at += piece, from += from_.channels)
                    std::memcpy(out + at, from, std::min(piece, line - at) * sizeof(Out));
            }
    }

  private:
    static Shape result(const LayerFields& fields) {
        const Shape& from = fields.shape();
        const std::size_t factor = fields.count("factor");
        require_layer(factor >= 2 && factor <= 8, "the factor of a shuffle is from 2 to 8");
        require_layer(from.channels % (factor * factor) == 0,
                      "the channels of a shuffle do not make up its squares");
        const std::size_t rows = fields.count("rows"), columns = fields.count("columns");
        require_layer((rows + factor - 1) / factor == from.rows &&
                          (columns + factor - 1) / factor == from.columns,
                      "the size of a shuffle does not fit its source");
        return {rows, columns, from.channels / (factor * factor), from.low, from.high};
    }

    Shape from_;
    std::size_t factor_;
};

const LayerOp<PixelShuffleLayer> pixel_shuffle("shuffle", 1);

// A value at the item becomes one on a grid of rows and columns, the same at each place.
class BroadcastLayer : public Computed<BroadcastLayer> {
  public:
    explicit BroadcastLayer(const LayerFields& fields)
        : Computed(fields.inputs(),
                   {fields.count("rows"), fields.count("columns"), fields.shape().channels,
                    fields.shape().low, fields.shape().high}) {
        require_layer(fields.shape().places() == 1, "what is spread lives at the item");
    }

    RowRange need(RowRange) const override { return {0, 1}; }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const Out* in = work.get<Out>(inputs()[0]);
        const std::size_t channels = shape().channels;
        for (std::size_t item = 0; item < work.items; ++item, in += channels)
            for (std::size_t i = 0; i < wanted.count() * shape().columns; ++i, out += channels)
                std::copy_n(in, channels, out);
    }
};

const LayerOp<BroadcastLayer> broadcast("spread", 1);

// The same elements, seen as so many rows and columns. Only of all its rows.
class ViewLayer : public Layer {
  public:
    explicit ViewLayer(const LayerFields& fields)
        : Layer(fields.inputs(), result(fields)), rows_(fields.shape().rows) {}

    bool is_view() const override { return true; }
    RowRange need(RowRange) const override { return {0, rows_}; }
    void run(Workspace& work, RowRange, Values& out) const override {
        out = work.values[inputs()[0]];
    }

  private:
    static Shape result(const LayerFields& fields) {
        const Shape& from = fields.shape();
        const std::size_t rows = fields.count("rows"), columns = fields.count("columns");
        require_layer(rows > 0 && columns > 0 && rows <= from.width() && columns <= from.width() &&
                          from.width() % (rows * columns) == 0,
                      "the size of an image does not fit its value");
        return {rows, columns, from.width() / (rows * columns), from.low, from.high};
    }

    std::size_t rows_;
};

const LayerOp<ViewLayer> flatten("flatten", 1);
const LayerOp<ViewLayer> image("image", 1);

}  // namespace
}  // namespace bitsback
