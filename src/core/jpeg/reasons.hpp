// Why a JPEG stream is not coded.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace bitsback::jpeg {

// Python has the words for each, by its number.
enum class Reason : std::uint8_t {
    none,
    no_scan,
    segments,  // bytes between them, or markers where none can be
    table,     // a table or a restart interval that is damaged
    jpeg_ls,
    lossless_arithmetic,
    hierarchical,
    frame,  // its header is damaged, or has values that are not coded
    frames,
    scan,
    missing_table,
    many_blocks,  // for so few bytes
    many_scans,
    coding  // of coefficients, as no known encoder does it
};

struct Unsupported : std::invalid_argument {
    explicit Unsupported(Reason why)
        : std::invalid_argument("a JPEG stream is damaged or of a kind that is not coded"),
          reason(why) {}
    Reason reason;
};

}  // namespace bitsback::jpeg
