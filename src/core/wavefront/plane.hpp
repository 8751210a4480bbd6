// The memory of a plane of some items while it is coded: rings of numbers that later pixels read,
// and sums of least squares. It contains a window of rows, which moves down with the front.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kernels.hpp"
#include "settings.hpp"

namespace bitsback {

// The window: the rows in memory of items of one shape, which are side by side in each row of a
// front.
struct WaveWindow {
    std::size_t items, rows, columns;
    std::int32_t levels, depth;
    std::size_t base = 0;  // the first row in memory
    std::size_t capacity, lead, stride;
    std::size_t groups;  // of eight slots whose sums are in memory: those of rows with cells

    WaveWindow(std::size_t items_, std::size_t rows_, std::size_t columns_, std::int32_t levels_)
        : items(items_), rows(rows_), columns(columns_), levels(levels_) {
        depth = wave_narrow_depth;
        while ((levels - 1) >> depth != 0) ++depth;
        const std::size_t across = (columns - 1) / wave_lag + 1,
                          step = std::min<std::size_t>(64, 1024 / items);  // rows of a move, about
        capacity = std::min(rows + 1, across + 12 + step);
        lead = (3 * items + 15) / 16 * 16;
        stride = (lead + (capacity + 1) * items + 16 + 31) / 32 * 32;
        if (stride / 32 % 2 == 0) stride += 32;  // avoids cache set conflicts of lines
        groups = (std::min(rows + 1, across + 3) * items + 7) / 8 + 2;
    }

    // The rows of a plane that have pixels at this time, from `low` to before `end`.
    std::size_t low(std::int64_t time) const {
        const std::int64_t since = time - static_cast<std::int64_t>(columns) + 1;
        return since <= 0 ? 0 : (static_cast<std::size_t>(since) + wave_lag - 1) / wave_lag;
    }
    std::size_t end(std::int64_t time) const {
        return time < 0 ? 0 : std::min(rows, static_cast<std::size_t>(time) / wave_lag + 1);
    }
    // The number of rings per plane.
    std::size_t rings() const {
        return depth > wave_narrow_depth ? WaveRings::count : WaveRings::narrow_count;
    }
    std::size_t slot(std::size_t row) const { return (row - base) * items; }
    // The number of times from the first pixel of a plane to the margin behind the last one.
    std::size_t times() const { return wave_lag * rows + columns + 2; }
};

// The saved numbers of a plane, one line per time, for planes that are coded in later sheets.
class WaveHistory {
  public:
    explicit WaveHistory(std::size_t numbers) : numbers_(numbers) {}

    void rewind() { at_ = 0; }
    // The next `count` numbers of a ring.
    std::int16_t* next(std::size_t count) {
        std::int16_t* const out = numbers_.data() + at_;
        at_ += count;
        return out;
    }
    std::size_t place() const { return at_; }
    void go_to(std::size_t place) { at_ = place; }

  private:
    std::vector<std::int16_t> numbers_;
    std::size_t at_ = 0;
};

class WavePlane {
  public:
    // coded: whether the plane is coded, or only read as a reference.
    WavePlane(const WaveWindow& window, std::size_t references, bool coded)
        : window_(&window), references_(references), coded_(coded), rings_(window.rings()) {
        const std::size_t stride = window.stride;
        for (auto& ring : rings_) ring = VectorArray<std::int16_t>(wave_times * stride);
        if (coded) {
            inputs_ = wave_inputs(references);
            const std::size_t triangle = wave_triangle(inputs_ + 1);
            weights_ = VectorArray<std::int16_t>(inputs_ * stride);
            values_ = VectorArray<std::int16_t>(wave_cell * (inputs_ + 1) * stride);
            sums_ = VectorArray<float>(4 * window.groups * triangle * 8);
            carried_ = VectorArray<float>(triangle * 8);
        }
    }

    // Sets the numbers above the first row, before a plane is coded.
    void begin() {
        const WaveWindow& window = *window_;
        const std::int32_t levels = window.levels, unit = 2 * levels + 16;
        std::int32_t lead = 4;
        while (unit >> (lead + 1) != 0) ++lead;
        const std::int32_t middle = levels >> 1, wide = rings_.size() > WaveRings::narrow_count,
                           logarithm = 8 * lead + (unit >> (lead - 3) & 7);
        const std::int32_t starts[WaveRings::count] = {middle - wide * wave_middle,
                                                       64 * middle,
                                                       0,
                                                       2 * levels,
                                                       logarithm,
                                                       64 * middle >> 16,
                                                       0,
                                                       2 * levels >> 16};
        for (std::size_t k = 0; k < rings_.size(); ++k)
            for (std::size_t line = 0; line < wave_times; ++line)
                std::fill_n(rings_[k].data() + line * window.stride, window.lead + window.items,
                            static_cast<std::int16_t>(starts[k]));
    }

    std::size_t references() const { return references_; }

    // The rings, from the slot of a row on.
    WaveRings from(std::size_t slot) {
        const auto ring = [&](std::size_t k) {
            return k < rings_.size() ? rings_[k].data() + window_->lead + slot : nullptr;
        };
        return {ring(0), ring(1), ring(2), ring(3), ring(4), ring(5), ring(6), ring(7)};
    }
    std::int16_t* weights(std::size_t slot) { return weights_.data() + slot; }
    std::int16_t* values(std::size_t slot) { return values_.data() + slot; }

    WaveCells cells(const WavefrontSettings& settings, std::int64_t time) {
        const WaveWindow& w = *window_;
        WaveCells made{};
        made.references = references_;
        made.sums = sums_.data();
        made.groups = w.groups;
        made.carried = carried_.data();
        made.values = values_.data();
        made.weights = weights_.data();
        made.stride = w.stride;
        made.items = w.items;
        made.start = settings.start(references_);
        std::copy(settings.decay().begin(), settings.decay().end(), made.decay);
        made.ridge = settings.ridge();
        made.time = time / static_cast<std::int64_t>(wave_cell);
        made.first_row = static_cast<std::int64_t>(w.base);
        made.cells = static_cast<std::int64_t>((w.columns + wave_cell - 1) / wave_cell);
        // The first and the last row with a cell at this time.
        const std::int64_t since = made.time - made.cells + 1;
        made.low = since <= 0 ? 0 : (since + 1) / 2;
        made.high = std::min(static_cast<std::int64_t>(w.rows) - 1, made.time / 2);
        return made;
    }

    // After the pixels of a time, fills in the numbers outside of the plane; and zeros for the
    // values of missing columns in the last cell.
    void finish(std::int64_t time) {
        const WaveWindow& w = *window_;
        const auto lag = static_cast<std::int64_t>(wave_lag),
                   columns = static_cast<std::int64_t>(w.columns),
                   rows = static_cast<std::int64_t>(w.rows);
        const std::int64_t before = lag - time % lag;  // columns, of a row that begins
        if (before <= 3) {
            const std::int64_t row = (time + before) / lag;
            if (row < rows) copy(time, row, lag * (row - 1), row - 1);
        }
        const std::int64_t beyond = time - columns;
        if (beyond >= 0) {
            const std::int64_t row = beyond / lag, after = beyond % lag;
            if (row < rows && after < 3) copy(time, row, lag * row + columns - 1, row);
            if (coded_ && row < rows && columns + after < (columns + 7) / 8 * 8) clear(time, row);
        }
        if (time >= lag * rows - 3) copy(time, rows, time - lag, rows - 1);
    }

    static std::size_t kept(const WaveWindow& window) {
        return window.rings() - (window.rings() > WaveRings::narrow_count ? 2 : 1);
    }
    void save(std::int64_t time, WaveHistory& to) {
        const Part part = this->part(time);
        for (std::size_t k = 0; k < rings_.size(); ++k)
            if (!unkept(k))
                std::memcpy(to.next(part.count), rings_[k].data() + part.from,
                            part.count * sizeof(std::int16_t));
    }
    void restore(std::int64_t time, WaveHistory& from) {
        const Part part = this->part(time);
        for (std::size_t k = 0; k < rings_.size(); ++k)
            if (!unkept(k))
                std::memcpy(rings_[k].data() + part.from, from.next(part.count),
                            part.count * sizeof(std::int16_t));
    }

    // Moves all rows up by `slots` slots, a multiple of eight.
    void move(std::size_t slots) {
        const WaveWindow& w = *window_;
        const auto lines = [&](std::int16_t* at, std::size_t count) {
            for (std::size_t i = 0; i < count; ++i, at += w.stride)
                std::memmove(at, at + slots, (w.stride - slots) * sizeof(std::int16_t));
        };
        for (auto& ring : rings_) lines(ring.data(), wave_times);
        if (!coded_) return;
        lines(weights_.data(), inputs_);
        lines(values_.data(), wave_cell * (inputs_ + 1));
    }

  private:
    // Rings of differences, which no other plane reads.
    static bool unkept(std::size_t ring) { return ring == 2 || ring == 6; }

    struct Part {
        std::size_t from, count;
    };
    // The pixels of a time in a ring.
    Part part(std::int64_t time) const {
        const WaveWindow& w = *window_;
        const std::size_t low = w.low(time), end = w.end(time);
        if (low >= end) return {0, 0};
        return {place(time, static_cast<std::int64_t>(low)), (end - low) * w.items};
    }
    std::size_t place(std::int64_t time, std::int64_t row) const {
        const WaveWindow& w = *window_;
        return (static_cast<std::size_t>(time) & (wave_times - 1)) * w.stride + w.lead +
               static_cast<std::size_t>(row - static_cast<std::int64_t>(w.base)) * w.items;
    }
    void copy(std::int64_t to_time, std::int64_t to_row, std::int64_t time, std::int64_t row) {
        const std::size_t to = place(to_time, to_row), from = place(time, row);
        for (auto& ring : rings_) std::copy_n(ring.data() + from, window_->items, ring.data() + to);
    }
    void clear(std::int64_t time, std::int64_t row) {
        const WaveWindow& w = *window_;
        std::int16_t* at = values_.data() +
                           static_cast<std::size_t>(time) % wave_cell * (inputs_ + 1) * w.stride +
                           w.slot(static_cast<std::size_t>(row));
        for (std::size_t i = 0; i <= inputs_; ++i, at += w.stride) std::fill_n(at, w.items, 0);
    }

    const WaveWindow* window_;
    std::size_t references_;
    bool coded_;
    std::size_t inputs_ = 0;
    std::vector<VectorArray<std::int16_t>> rings_;
    VectorArray<std::int16_t> weights_, values_;
    VectorArray<float> sums_, carried_;
};

}  // namespace bitsback
