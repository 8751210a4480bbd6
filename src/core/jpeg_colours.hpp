// The colours of JPEG: the RGB colours that libjpeg's integer conversion from YCbCr can produce.
// docs/model-format.md, M4.1.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitsback {

class JpegColours {
  public:
    using Blues = std::array<std::uint64_t, 4>;  // a bit for each level

    // Computed at the first call.
    static const JpegColours& all() {
        static const JpegColours made;
        return made;
    }

    // The possible levels of blue with this green and red; there may be none.
    const Blues& blues(std::uint32_t green, std::uint32_t red) const {
        return blues_[green << 8 | red];
    }
    bool has(std::uint32_t red, std::uint32_t green, std::uint32_t blue) const {
        return (blues(green, red)[blue >> 6] >> (blue & 63) & 1) != 0;
    }

  private:
    JpegColours() : blues_(std::size_t{1} << 16) {
        constexpr std::int32_t half = 1 << 15;
        const auto level = [](std::int32_t x) {
            return static_cast<std::uint32_t>(std::clamp(x, 0, 255));
        };
        for (std::int32_t cr = -128; cr < 128; ++cr)
            for (std::int32_t cb = -128; cb < 128; ++cb) {
                const std::int32_t red = (91881 * cr + half) >> 16;
                const std::int32_t green = (-46802 * cr - 22554 * cb + half) >> 16;
                const std::int32_t blue = (116130 * cb + half) >> 16;
                for (std::int32_t y = 0; y < 256; ++y) {
                    const std::uint32_t b = level(y + blue);
                    blues_[level(y + green) << 8 | level(y + red)][b >> 6] |= std::uint64_t{1}
                                                                              << (b & 63);
                }
            }
    }

    std::vector<Blues> blues_;
};

}  // namespace bitsback
