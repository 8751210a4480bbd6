// What an encoder of a JPEG stream chose where usual encoders have no choice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "../varint.hpp"

namespace bitsback::jpeg {

// A list of places in ascending order, each with a value.
struct Exceptions {
    struct Entry {
        std::uint64_t place, value;
    };
    std::vector<Entry> entries;
    std::size_t next = 0;

    void add(std::uint64_t place, std::uint64_t value) { entries.push_back({place, value}); }
    // The value of this place, which is behind those of earlier calls, or the usual one.
    std::uint64_t at(std::uint64_t place, std::uint64_t usual) {
        while (next < entries.size() && entries[next].place < place) ++next;
        return next < entries.size() && entries[next].place == place ? entries[next].value : usual;
    }
    void pack(std::vector<std::uint8_t>& bytes) const {
        put_number(bytes, entries.size());
        std::uint64_t before = 0;
        for (const Entry& entry : entries) {
            put_number(bytes, entry.place - before);
            put_number(bytes, entry.value);
            before = entry.place;
        }
    }
    static Exceptions unpack(std::span<const std::uint8_t>& bytes) {
        Exceptions found;
        const std::uint64_t count = take_number(bytes);
        if (count > bytes.size()) throw std::invalid_argument("a list of a JPEG stream is cut");
        std::uint64_t place = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            place += take_number(bytes);
            found.add(place, take_number(bytes));
        }
        return found;
    }
};

// Places count blocks, or stretches between restarts, over all scans of a stream.
struct Details {
    bool zeros = false;        // bytes are padded by zeros, not by ones
    bool long_runs = false;    // runs of ends of bands go on behind 937 bits of corrections
    bool no_restarts = false;  // the restart interval that is told is not kept
    Exceptions padding;        // by stretch: other bits
    Exceptions zero_runs;      // by block: runs of 16 zeros in front of the end of a band
    Exceptions breaks;         // by block: a run of ends of bands that ends before it
    struct Cut {               // a scan whose data do not end where its last unit does
        std::uint64_t units;   // that were decoded
        std::vector<std::uint8_t> rest;
    };
    std::vector<Cut> cuts;  // by scan; units of -1: all
    static constexpr std::uint64_t all = ~std::uint64_t{0} >> 2;

    std::vector<std::uint8_t> pack() const {
        std::vector<std::uint8_t> bytes;
        bool usual = !zeros && !long_runs && !no_restarts && padding.entries.empty() &&
                     zero_runs.entries.empty() && breaks.entries.empty();
        for (const Cut& cut : cuts) usual &= cut.units == all && cut.rest.empty();
        if (usual) return bytes;
        bytes.push_back(static_cast<std::uint8_t>(zeros | long_runs << 1 | no_restarts << 2));
        padding.pack(bytes);
        zero_runs.pack(bytes);
        breaks.pack(bytes);
        for (std::size_t scan = 0; scan < cuts.size(); ++scan)
            if (cuts[scan].units != all || !cuts[scan].rest.empty()) {
                put_number(bytes, scan);
                put_number(bytes, cuts[scan].units == all ? 0 : cuts[scan].units + 1);
                put_number(bytes, cuts[scan].rest.size());
                bytes.insert(bytes.end(), cuts[scan].rest.begin(), cuts[scan].rest.end());
            }
        return bytes;
    }
    // scans: how many there are at most.
    static Details unpack(std::span<const std::uint8_t> bytes, std::size_t scans) {
        Details found;
        found.cuts.assign(scans, {all, {}});
        if (bytes.empty()) return found;
        if (bytes[0] > 7) throw std::invalid_argument("an unknown detail of a JPEG stream");
        found.zeros = (bytes[0] & 1) != 0;
        found.long_runs = (bytes[0] & 2) != 0;
        found.no_restarts = (bytes[0] & 4) != 0;
        bytes = bytes.subspan(1);
        found.padding = Exceptions::unpack(bytes);
        found.zero_runs = Exceptions::unpack(bytes);
        found.breaks = Exceptions::unpack(bytes);
        while (!bytes.empty()) {
            const std::uint64_t scan = take_number(bytes), units = take_number(bytes),
                                rest = take_number(bytes);
            if (scan >= scans || rest > bytes.size())
                throw std::invalid_argument("a cut scan of a JPEG stream is damaged");
            found.cuts[scan].units = units == 0 ? all : units - 1;
            const auto tail = bytes.first(rest);
            found.cuts[scan].rest.assign(tail.begin(), tail.end());
            bytes = bytes.subspan(rest);
        }
        return found;
    }
};

}  // namespace bitsback::jpeg
