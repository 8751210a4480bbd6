// Python bindings of the codecs of docs/codecs.md, which archives do not use.
#include <nanobind/stl/vector.h>

#include "bindings.hpp"
#include "intervals.hpp"
#include "weights.hpp"

namespace bitsback {
namespace {

template <class T>
std::size_t levels_of(const In<T>& rows) {
    require(rows.ndim() == 2 && rows.shape(1) >= 1, "rows have the shape [n, levels]");
    return rows.shape(1);
}

}  // namespace

void bind_more_codecs(nb::module_& m) {
    m.def("frequencies_of", [](const In<double>& weights, unsigned precision) {
        const std::size_t levels = levels_of(weights);
        return make_array<std::uint32_t>({weights.shape(0), levels}, [&](auto out) {
            frequencies_of(view(weights), levels, precision, out);
        });
    });
    m.def("check_own_categorical", [](const In<std::uint32_t>& frequencies, unsigned precision) {
        const std::size_t levels = levels_of(frequencies);
        nb::gil_scoped_release release;
        OwnCategorical(view(frequencies), levels, precision);
    });
    bind_codec<std::uint32_t, In<std::uint32_t>, unsigned>(
        m, "own_categorical",
        [](const In<std::uint32_t>& frequencies, unsigned precision) {
            return OwnCategorical(view(frequencies), levels_of(frequencies), precision);
        },
        [](const In<std::uint32_t>& frequencies, unsigned) {
            levels_of(frequencies);
            return std::vector<std::size_t>{frequencies.shape(0)};
        });
    m.def("push_intervals", [](Message& message, const In<std::uint32_t>& starts,
                               const In<std::uint32_t>& frequencies, unsigned precision) {
        nb::gil_scoped_release release;
        push_intervals(message, view(starts), view(frequencies), precision);
    });
    m.def("pop_intervals", [](Message& message, const In<std::uint32_t>& starts,
                              const In<std::uint32_t>& frequencies, unsigned precision) {
        nb::gil_scoped_release release;
        pop_intervals(message, view(starts), view(frequencies), precision);
    });
    m.def("peek", [](const Message& message, unsigned precision, std::size_t count) {
        return make_array<std::uint32_t>({count}, [&](auto out) { peek(message, precision, out); });
    });
    // A single symbol, whose interval Python computes. It is too short to release the GIL.
    m.def("push_interval",
          [](Message& message, std::uint32_t start, std::uint32_t frequency, unsigned precision) {
              push_intervals(message, {&start, 1}, {&frequency, 1}, precision);
          });
    m.def("on_lanes",
          [](Message& message, const std::vector<std::size_t>& lanes, const nb::callable& run) {
              message.on_lanes(lanes, [&](Message& part) {
                  // Python may store the object, so it must always be a valid message.
                  const nb::object object = nb::cast(Message::empty(1, 0));
                  auto& theirs = nb::cast<Message&>(object);
                  std::swap(part, theirs);
                  try {
                      run(object);
                  } catch (...) {
                      std::swap(part, theirs);
                      throw;
                  }
                  std::swap(part, theirs);
              });
          });
}

}  // namespace bitsback
