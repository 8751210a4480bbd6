// Compression by classic zlib, whose exact output image files contain. Python's own zlib may be
// another implementation, such as zlib-ng, whose output differs with the same settings.
#pragma once

#ifdef BITSBACK_ZLIB
#define ZLIB_CONST
#include <zlib.h>
#endif

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback {

#ifdef BITSBACK_ZLIB

// The version of the linked zlib if it is the classic one, or "".
inline const char* classic_zlib() {
    return std::strstr(zlibVersion(), "ng") == nullptr ? zlibVersion() : "";
}

// A raw stream (RFC 1951). The size of the output buffer does not affect its bytes.
class Deflate {
  public:
    // The settings are those of zlib's deflateInit2. Throws std::invalid_argument for others.
    Deflate(int level, int window, int memory, int strategy) : stream_(new z_stream()) {
        const int done = deflateInit2(stream_.get(), level, Z_DEFLATED, -window, memory, strategy);
        if (done == Z_MEM_ERROR) throw std::bad_alloc();
        if (done != Z_OK) throw std::invalid_argument("zlib does not accept these settings");
    }

    std::vector<std::uint8_t> compress(std::span<const std::uint8_t> content) {
        std::vector<std::uint8_t> made;
        constexpr std::size_t most = std::numeric_limits<uInt>::max();
        for (; content.size() > most; content = content.subspan(most))
            run(content.first(most), Z_NO_FLUSH, made);
        run(content, Z_NO_FLUSH, made);
        return made;
    }

    // The end of the stream.
    std::vector<std::uint8_t> flush() {
        std::vector<std::uint8_t> made;
        run({}, Z_FINISH, made);
        return made;
    }

  private:
    void run(std::span<const std::uint8_t> content, int flush, std::vector<std::uint8_t>& made) {
        stream_->next_in = content.data();
        stream_->avail_in = static_cast<uInt>(content.size());
        std::uint8_t room[1 << 14];
        do {
            stream_->next_out = room;
            stream_->avail_out = sizeof room;
            deflate(stream_.get(), flush);
            made.insert(made.end(), room, room + (sizeof room - stream_->avail_out));
        } while (stream_->avail_out == 0);
    }

    struct End {
        void operator()(z_stream* stream) const {
            deflateEnd(stream);
            delete stream;
        }
    };
    std::unique_ptr<z_stream, End> stream_;  // zlib stores its address
};

#else

inline const char* classic_zlib() { return ""; }

class Deflate {
  public:
    Deflate(int, int, int, int) { throw std::invalid_argument("compiled without zlib"); }
    std::vector<std::uint8_t> compress(std::span<const std::uint8_t>) { return {}; }
    std::vector<std::uint8_t> flush() { return {}; }
};

#endif

}  // namespace bitsback
