// The coding order of the pixels of items of one shape: slice by slice, in a slice up to four
// planes (a sheet) at once, and in a sheet time by time. docs/model-format.md, M10.4.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../item_shape.hpp"
#include "kernels.hpp"
#include "plane.hpp"
#include "settings.hpp"

namespace bitsback {

// The number of items that are coded side by side, from the first on.
inline std::size_t wave_items(std::span<const ItemShape> shapes) {
    const ItemShape& shape = shapes.front();
    const std::size_t rows = std::min(shape.rows, (shape.columns - 1) / wave_lag + 1);
    std::size_t same = 1, items = 1;
    while (same < shapes.size() && shapes[same] == shape) ++same;
    while (2 * items <= same && 2 * items * rows <= wave_slots) items *= 2;
    return items;
}

// Pixels of a plane that are coded at the same time, in the order of rows and then of items.
struct WavePart {
    std::size_t plane;
    std::size_t row, column;  // of the first pixel
    std::size_t first;        // its index among all pixels of this time in the plane
    std::size_t count;
};

// It codes any number of groups of so many items, in the same memory.
class WaveSheets {
  public:
    WaveSheets(const WavefrontSettings& settings, const WaveKernels& kernels,
               const ItemShape& shape, std::size_t items)
        : settings_(settings),
          kernels_(kernels),
          shape_(shape),
          items_(items),
          window_(items, shape.rows, shape.columns, static_cast<std::int32_t>(shape.levels)) {
        for (std::size_t p = 0; p < shape.planes(); ++p) {
            const References references(shape, p);
            for (std::size_t k = 0; k < references.count; ++k)
                if (sheet_of(references.planes[k]) != sheet_of(p))
                    last_use_[references.planes[k]] = p;
        }
    }

    const ItemShape& shape() const { return shape_; }
    std::size_t items() const { return items_; }

    // Calls code(front, pixels, part, symbols) for each part, which must set the symbols. Calls
    // end(number of pixels) after the last part of each time in a plane. featured: whether fronts
    // have features.
    template <class Code, class End>
    void run(const Code& code, const End& end, bool featured = false) {
        if (featured) features_.resize((wave_slots + 15) * wave_most_features);
        for (std::size_t p = 0; p < shape_.planes();) {
            std::size_t count = 1;
            while (p + count < shape_.planes() && sheet_of(p + count) == sheet_of(p)) ++count;
            run_sheet(p, count, code, end);
            p += count;
            std::erase_if(histories_,
                          [&](const auto& history) { return last_use_.at(history.first) < p; });
        }
    }

  private:
    static constexpr std::size_t most = 4, delay = wave_lag + 2;

    // A plane of an earlier sheet, as a reference.
    struct Replay {
        WavePlane plane;
        WaveHistory* history;
        std::size_t place;
        std::size_t lead;  // in units of `delay`: the index of the plane that reads it
    };

    std::size_t sheet_of(std::size_t p) const {
        const std::size_t sheets = (shape_.channels + most - 1) / most;
        return p / shape_.channels * sheets + p % shape_.channels / most;
    }

    template <class Code, class End>
    void run_sheet(std::size_t first, std::size_t count, const Code& code, const End& end) {
        window_.base = 0;
        std::vector<std::array<WavePlane*, 2>> looked_at(count);
        std::vector<WaveHistory*> saved(count);
        replays_.clear();
        for (std::size_t i = 0; i < count; ++i) {
            const References references(shape_, first + i);
            if (i == planes_.size()) planes_.emplace_back();
            auto& plane = planes_[i];
            if (plane == nullptr || plane->references() != references.count)
                plane = std::make_unique<WavePlane>(window_, references.count, true);
            plane->begin();
            for (std::size_t k = 0; k < references.count; ++k) {
                const std::size_t p = references.planes[k];
                if (p >= first) {
                    looked_at[i][k] = planes_[p - first].get();
                    continue;
                }
                replays_.push_back(std::make_unique<Replay>(
                    Replay{WavePlane(window_, 0, false), &histories_.at(p), 0, i}));
                replays_.back()->plane.begin();
                looked_at[i][k] = &replays_.back()->plane;
            }
        }
        for (std::size_t i = 0; i < count; ++i)
            if (last_use_.contains(first + i))
                saved[i] = &histories_
                                .emplace(first + i, WavePlane::kept(window_) * items_ *
                                                        shape_.rows * shape_.columns)
                                .first->second;
        const auto beyond = static_cast<std::int64_t>(window_.times());
        const auto times = beyond + static_cast<std::int64_t>(delay * (count - 1));
        // References are one delay ahead of the planes that read them.
        for (std::int64_t time = -static_cast<std::int64_t>(delay); time < times; ++time) {
            move(time);
            for (const auto& replay : replays_) {
                const std::int64_t own = time - static_cast<std::int64_t>(delay * replay->lead) +
                                         static_cast<std::int64_t>(delay);
                if (own < 0 || own >= beyond) continue;
                replay->history->go_to(replay->place);
                replay->plane.restore(own, *replay->history);
                replay->place = replay->history->place();
                replay->plane.finish(own);
            }
            for (std::size_t i = 0; i < count; ++i) {
                const std::int64_t own = time - static_cast<std::int64_t>(delay * i);
                if (own < 0 || own >= beyond) continue;
                step(*planes_[i], looked_at[i], first + i, own, code, end);
                if (saved[i] != nullptr) planes_[i]->save(own, *saved[i]);
                planes_[i]->finish(own);
            }
        }
    }

    // Moves the window down with the front, so that it contains all rows that are still read.
    void move(std::int64_t time) {
        const auto ahead = static_cast<std::int64_t>(delay),
                   behind = static_cast<std::int64_t>(delay * (most - 1) + wave_cell);
        if (window_.end(time + ahead) + 1 <= window_.base + window_.capacity) return;
        const std::size_t low = window_.low(time - behind);
        const std::size_t base = (low < 4 ? 0 : low - 4) / 8 * 8;
        const std::size_t slots = (base - window_.base) * items_;
        for (const auto& plane : planes_) plane->move(slots);
        for (const auto& replay : replays_) replay->plane.move(slots);
        window_.base = base;
    }

    template <class Code, class End>
    void step(WavePlane& plane, const std::array<WavePlane*, 2>& looked_at, std::size_t number,
              std::int64_t time, const Code& code, const End& end) {
        if (time % static_cast<std::int64_t>(wave_cell) == 0) {
            const WaveCells cells = plane.cells(settings_, time);
            // Also called where cells only end, for rows of a single cell.
            if (cells.low <= cells.high + 1) kernels_.cells(cells);
        }
        const std::size_t low = window_.low(time), rows_end = window_.end(time);
        if (low >= rows_end) return;
        const std::size_t all = (rows_end - low) * items_, begin = window_.slot(low);
        for (std::size_t first = 0; first < all; first += wave_slots) {
            const std::size_t slot = begin + first;
            WaveFront front{};
            front.references = plane.references();
            front.planes[0] = plane.from(slot);
            for (std::size_t k = 0; k < plane.references(); ++k)
                front.planes[k + 1] = looked_at[k]->from(slot);
            front.stride = window_.stride;
            front.time = static_cast<std::size_t>(time);
            front.items = items_;
            front.count = std::min(wave_slots, all - first);
            front.weights = plane.weights(slot);
            front.values = plane.values(slot);
            front.network = &settings_.network(plane.references());
            front.table = settings_.table();
            front.levels = window_.levels;
            front.depth = window_.depth;
            front.features = features_.empty() ? nullptr : features_.data();
            kernels_.look(front, pixels_);
            const WavePart part{number, low, static_cast<std::size_t>(time) - wave_lag * low, first,
                                front.count};
            code(front, pixels_, part, symbols_);
            kernels_.learn(front, pixels_, symbols_);
        }
        end(all);
    }

    const WavefrontSettings& settings_;
    const WaveKernels& kernels_;
    ItemShape shape_;
    std::size_t items_;
    WaveWindow window_;
    std::vector<std::unique_ptr<WavePlane>> planes_;  // of a sheet
    std::vector<std::unique_ptr<Replay>> replays_;
    // For each plane that later sheets read, the last reader.
    std::map<std::size_t, std::size_t> last_use_;
    std::map<std::size_t, WaveHistory> histories_;
    WavePixels pixels_;
    std::vector<std::uint8_t> features_;
    alignas(64) std::uint16_t symbols_[wave_slots] = {};
};

}  // namespace bitsback
