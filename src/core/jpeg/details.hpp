// The deviations of a JPEG stream from the output of usual encoders. docs/jpeg-format.md, J3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "../varint.hpp"

namespace bitsback::jpeg {

// A list of ascending places, each with a value.
struct Exceptions {
    struct Entry {
        std::uint64_t place, value;
    };
    std::vector<Entry> entries;
    std::size_t next = 0;

    void add(std::uint64_t place, std::uint64_t value) { entries.push_back({place, value}); }
    // The value at this place, or `usual` if it is not listed. Places must ascend from call to
    // call.
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
        if (count > bytes.size()) throw std::invalid_argument("a list of a JPEG stream is cut off");
        std::uint64_t place = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            place += take_number(bytes);
            found.add(place, take_number(bytes));
        }
        return found;
    }
};

// Places are numbers of blocks, or of stretches between restarts, over all scans of a stream.
struct Details {
    bool zeros = false;        // bytes are padded with zeros instead of ones
    bool long_runs = false;    // runs of ends of bands continue after 937 correction bits
    bool no_restarts = false;  // the declared restart interval is ignored
    Exceptions padding;        // by stretch: unusual padding
    Exceptions zero_runs;      // by block: number of runs of 16 zeros before an end of band
    Exceptions breaks;         // by block: a run of ends of bands stops before it
    struct Cut {               // a scan whose data do not end with its last unit
        std::uint64_t units;   // number of decoded units
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
    // scans: the largest number of scans.
    static Details unpack(std::span<const std::uint8_t> bytes, std::size_t scans) {
        Details found;
        found.cuts.assign(scans, {all, {}});
        if (bytes.empty()) return found;
        if (bytes[0] > 7)
            throw std::invalid_argument("the details of a JPEG stream have unknown flags");
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
