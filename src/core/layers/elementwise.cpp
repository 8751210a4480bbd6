// The layers that compute each element from the elements at the same place of the inputs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "layer.hpp"

// Declares that the result does not overlap the inputs, so that loops are vectorised.
#if defined(_MSC_VER)
#define BITSBACK_RESTRICT __restrict
#else
#define BITSBACK_RESTRICT __restrict__
#endif

namespace bitsback {
namespace {

// Any function of one small integer, the same for each element.
class LookupLayer : public Computed<LookupLayer> {
  public:
    // table: one entry for each value in [from.low, from.high].
    explicit LookupLayer(const LayerFields& fields)
        : Computed(fields), table_(fields.array<std::int16_t>("table")) {
        const Shape& from = from_[0];
        require_layer(table_.size() == static_cast<std::size_t>(from.high - from.low) + 1,
                      "a table has one entry for each value of its input");
        const auto [least, most] = std::ranges::minmax(table_);
        shape_ = {from.rows, from.columns, from.channels, least, most};
        for (int bits = 0; bits <= 8 && !shift_; ++bits)
            if (shifts_by(bits)) shift_ = bits;
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const std::int16_t* const entries = table_.data();
        if (shift_) {
            const int bits = *shift_;
            map(work, wanted, out, [bits](int value) { return value >> bits; });
        } else {
            const std::int32_t low = from_[0].low;
            map(work, wanted, out, [entries, low](int value) { return entries[value - low]; });
        }
    }

  private:
    // Whether the table is a right shift by `bits`, which is computed without the table.
    bool shifts_by(int bits) const {
        for (std::size_t i = 0; i < table_.size(); ++i)
            if (table_[i] != (from_[0].low + static_cast<std::int32_t>(i)) >> bits) return false;
        return true;
    }

    template <class Out, class Function>
    void map(Workspace& work, RowRange wanted, Out* out, const Function& function) const {
        std::visit(
            [&](const auto& values) {
                for_chunks(work, from_[0].line(), wanted, work.rows[inputs_[0]],
                           [&](std::size_t from, std::size_t to, std::size_t count) {
                               const auto* const in = values.data() + from;
                               for (std::size_t i = 0; i < count; ++i)
                                   out[to + i] = static_cast<Out>(function(in[i]));
                           });
            },
            work.values[inputs_[0]]);
    }

    std::vector<std::int16_t> table_;
    std::optional<int> shift_;
};

const LayerOp<LookupLayer> lookup("lookup_table", 1);

// The sum of two values, clamped.
class AddLayer : public Computed<AddLayer> {
  public:
    explicit AddLayer(const LayerFields& fields) : Computed(fields) {
        const Shape &one = from_[0], &two = from_[1];
        require_layer(
            one.rows == two.rows && one.columns == two.columns && one.channels == two.channels,
            "the two values of a sum have the same number of elements");
        const auto clamp = fields.array<std::int32_t>("clamp");
        require_layer(
            clamp.size() == 2 && clamp[0] < clamp[1] && clamp[0] >= -32768 && clamp[1] <= 32767,
            "clamp must be two increasing numbers of 16 bits");
        shape_ = {one.rows, one.columns, one.channels, clamp[0], clamp[1]};
        narrow_ = one.low + two.low >= -32768 && one.high + two.high <= 32767;
    }

    std::shared_ptr<const Layer> fused(std::size_t i, const Layer& before) const override {
        if (!shape_.bytes() || !from_[1 - i].bytes()) return nullptr;
        return before.with_sum(inputs_[1 - i], shape_);
    }

    template <class Out>
    void compute(Workspace& work, RowRange wanted, Out* out) const {
        const std::size_t input = inputs_[0], other = inputs_[1];
        std::visit(
            [&](const auto& one, const auto& two) {
                for_chunks(
                    work, shape_.line(), wanted, work.rows[input], work.rows[other],
                    [&](std::size_t in, std::size_t with, std::size_t to, std::size_t count) {
                        // 16-bit sums, if they fit, double the number of lanes.
                        if (narrow_)
                            add<std::int16_t>(one.data() + in, two.data() + with, count, out + to);
                        else
                            add<std::int32_t>(one.data() + in, two.data() + with, count, out + to);
                    });
            },
            work.values[input], work.values[other]);
    }

  private:
    template <class Wide, class One, class Two, class Out>
    void add(const One* BITSBACK_RESTRICT one, const Two* BITSBACK_RESTRICT two, std::size_t size,
             Out* BITSBACK_RESTRICT out) const {
        const auto low = static_cast<Wide>(shape_.low);
        const auto high = static_cast<Wide>(shape_.high);
        for (std::size_t i = 0; i < size; ++i) {
            Wide sum = static_cast<Wide>(one[i] + two[i]);
            sum = sum < low ? low : sum;
            out[i] = static_cast<Out>(sum > high ? high : sum);
        }
    }

    bool narrow_;
};

const LayerOp<AddLayer> add("add", 2);

}  // namespace
}  // namespace bitsback
