// The reasons why a JPEG stream is not coded.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace bitsback::jpeg {

// Python has the message of each number.
enum class Reason : std::uint8_t {
    none,
    no_scan,
    segments,  // bytes between segments, or misplaced markers
    table,     // a damaged table or restart interval
    jpeg_ls,
    lossless_arithmetic,
    hierarchical,
    frame,  // a header that is damaged, or has unsupported values
    frames,
    scan,
    missing_table,
    many_blocks,  // too many blocks for the size of the stream
    many_scans,
    coding  // coefficients that no known encoder codes like this
};

struct Unsupported : std::invalid_argument {
    explicit Unsupported(Reason why)
        : std::invalid_argument("a JPEG stream is damaged or of a kind that is not coded"),
          reason(why) {}
    Reason reason;
};

}  // namespace bitsback::jpeg
