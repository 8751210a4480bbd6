// Python bindings of the coders of deflate streams.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <utility>
#include <vector>

#include "bindings.hpp"
#include "deflate/coding.hpp"
#include "deflate/embedded.hpp"

namespace bitsback {
namespace {

using Table = In<std::int32_t>;

class Encoder {
  public:
    Encoder(const Table& stretch, const Table& cdf)
        : logistic_(copy(stretch), copy(cdf)), streams_(logistic_) {}

    std::pair<nb::bytes, std::size_t> add(const In<std::uint8_t>& stream, std::size_t most) {
        deflate::Stream read;
        {
            nb::gil_scoped_release release;
            read = deflate::StreamReader(view(stream), most).read();
        }
        std::pair found(to_python(read.plaintext), read.bytes);
        nb::gil_scoped_release release;
        streams_.add(std::move(read), 0);
        return found;
    }
    nb::bytes end() {
        return made_without_lock([&] { return streams_.end(); });
    }

  private:
    LogisticTables logistic_;
    deflate::StreamsEncoder streams_;
};

class Decoder {
  public:
    Decoder(const In<std::uint8_t>& coded, const Table& stretch, const Table& cdf)
        : coded_(view(coded).begin(), view(coded).end()),
          logistic_(copy(stretch), copy(cdf)),
          coder_(coded_),
          streams_(logistic_, coder_) {}

    nb::bytes stream(const In<std::uint8_t>& plaintext, std::size_t size) {
        return made_without_lock([&] { return streams_.decode(view(plaintext), size); });
    }
    void end() const { coder_.end(); }

  private:
    std::vector<std::uint8_t> coded_;
    LogisticTables logistic_;
    BitDecoder coder_;
    deflate::StreamCoder<BitDecoder> streams_;
};

class Inflater {
  public:
    Inflater(const Table& stretch, const Table& cdf)
        : logistic_(copy(stretch), copy(cdf)), inflater_(logistic_) {}

    nb::bytes take(const In<std::uint8_t>& bytes,
                   const std::vector<std::pair<std::size_t, std::size_t>>& files,
                   std::uint64_t most) {
        std::vector<deflate::File> places;
        for (const auto& [place, size] : files) places.push_back({place, size});
        return made_without_lock([&] { return inflater_.take(view(bytes), places, most); });
    }
    nb::bytes tokens() {
        return made_without_lock([&] { return inflater_.tokens(); });
    }

  private:
    LogisticTables logistic_;
    deflate::Inflater inflater_;
};

}  // namespace

void bind_deflate(nb::module_& m) {
    nb::class_<Encoder>(m, "DeflateEncoder", "Codes the choices of encoders of deflate streams.")
        .def(nb::init<const Table&, const Table&>(), "stretch"_a, "cdf"_a)
        .def("add", &Encoder::add, "stream"_a, "most"_a,
             "Adds a raw deflate stream, whose plaintext has at most `most` bytes. Returns the "
             "plaintext and the size of the stream. Raises ValueError if it is damaged.")
        .def("end", &Encoder::end, "The coded tokens of all streams.");
    nb::class_<Decoder>(m, "DeflateDecoder", "Restores deflate streams from coded tokens.")
        .def(nb::init<const In<std::uint8_t>&, const Table&, const Table&>(), "coded"_a,
             "stretch"_a, "cdf"_a)
        .def("stream", &Decoder::stream, "plaintext"_a, "size"_a,
             "The next stream, of `size` bytes. Raises ValueError if the tokens do not fit.")
        .def("end", &Decoder::end, "Raises ValueError unless the tokens end here.");
    nb::class_<Inflater>(m, "DeflateInflater", "Extracts deflate streams and files from bytes.")
        .def(nb::init<const Table&, const Table&>(), "stretch"_a, "cdf"_a)
        .def("take", &Inflater::take, "bytes"_a, "files"_a, "most"_a,
             "The rest of the bytes, with the plaintexts of streams; empty if nothing is extracted "
             "or the rest has more than `most` bytes. files: place and size of each file.")
        .def("tokens", &Inflater::tokens, "The coded tokens of all streams.");
    m.def(
        "has_deflate_stream",
        [](const In<std::uint8_t>& bytes) {
            nb::gil_scoped_release release;
            const auto most = deflate::most_rest(view(bytes).size());
            deflate::Known known;
            std::size_t excess = deflate::most_excess;
            return !deflate::find_segments(view(bytes), {}, most, known, excess, 1).empty();
        },
        "bytes"_a, "Whether the bytes contain a deflate stream in a frame of zlib, gzip or ZIP.");
    m.def(
        "deflate_streams",
        [](std::size_t rounds, const In<std::uint8_t>& rest, const In<std::uint8_t>& tokens,
           const In<std::uint8_t>& files, std::size_t size, const Table& stretch,
           const Table& cdf) {
            const LogisticTables logistic(copy(stretch), copy(cdf));
            return made_without_lock([&] {
                return deflate::deflate_streams(rounds, view(rest), view(tokens), view(files), size,
                                                logistic);
            });
        },
        "rounds"_a, "rest"_a, "tokens"_a, "files"_a, "size"_a, "stretch"_a, "cdf"_a,
        "The original `size` bytes. files: the extracted files, in the order in which they are "
        "inserted. Raises ValueError for invalid input.");
}

}  // namespace bitsback
