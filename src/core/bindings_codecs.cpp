// Python bindings of the codecs of docs/codecs.md, which archives do not use.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "bindings.hpp"
#include "counts.hpp"
#include "hidden_markov.hpp"
#include "intervals.hpp"
#include "own_weights.hpp"
#include "weights.hpp"

namespace bitsback {
namespace {

template <class T>
std::size_t levels_of(const In<T>& rows) {
    require(rows.ndim() == 2 && rows.shape(1) >= 1, "rows have the shape [n, levels]");
    return rows.shape(1);
}

template <class Counts>
void bind_counts(nb::module_& m, const std::string& name) {
    using Parameter = In<std::uint32_t>;
    bind_codec<std::uint16_t, Parameter, Parameter, std::size_t, unsigned>(
        m, name,
        [](const Parameter& a, const Parameter& b, std::size_t levels, unsigned precision) {
            return CountCodec<Counts>({view(a), view(b)}, levels, precision);
        },
        [](const Parameter& a, const auto&...) { return std::vector<std::size_t>{a.size()}; });
}

template <class Weight>
OwnWeights<Weight> own_weights_of(const In<Weight>& weights, unsigned precision,
                                  const In<double>& scales, const In<std::uint64_t>& ends) {
    return {view(weights), levels_of(weights), precision, view(scales), view(ends)};
}

template <class Weight>
void bind_own_weights(nb::module_& m) {
    using Scales = In<double>;
    using Ends = In<std::uint64_t>;
    m.def(
        "look_at_weights",
        [](const In<Weight>& weights, unsigned precision) {
            const std::size_t levels = levels_of(weights), rows = weights.shape(0);
            require_levels(levels, precision);
            Out<std::uint64_t> ends;
            auto scales = make_array<double>({rows}, [&](auto scale) {
                nb::gil_scoped_acquire acquire;
                ends = make_array<std::uint64_t>({rows, blocks_of(levels)}, [&](auto end) {
                    const DefaultFloats floats;
                    const std::size_t blocks = blocks_of(levels);
                    for (std::size_t i = 0; i < rows; ++i)
                        scale[i] = look_at(view(weights).subspan(i * levels, levels),
                                           end.subspan(i * blocks, blocks));
                });
            });
            return std::pair(scales, ends);
        },
        nb::arg().noconvert(), nb::arg());
    m.def(
        "push_own_weights",
        [](Message& message, const In<Weight>& weights, unsigned precision, const Scales& scales,
           const Ends& ends, const In<std::uint32_t>& symbols) {
            const auto codec = own_weights_of(weights, precision, scales, ends);
            nb::gil_scoped_release release;
            push(message, codec, view(symbols));
        },
        nb::arg(), nb::arg().noconvert(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
    m.def(
        "pop_own_weights",
        [](Message& message, const In<Weight>& weights, unsigned precision, const Scales& scales,
           const Ends& ends) {
            const auto codec = own_weights_of(weights, precision, scales, ends);
            return make_array<std::uint32_t>({codec.size()},
                                             [&](auto out) { pop(message, codec, out); });
        },
        nb::arg(), nb::arg().noconvert(), nb::arg(), nb::arg(), nb::arg());
}

using Rows = In<std::uint32_t>;

HiddenMarkov hidden_markov(const Rows& initial, const Rows& transition, const Rows& emission) {
    require(initial.size() >= 1, "a hidden Markov model needs at least one state");
    return {view(initial), view(transition), view(emission), levels_of(emission)};
}

void bind_hidden_markov(nb::module_& m) {
    // Series one after the other, each with its length.
    using Lengths = std::vector<std::size_t>;
    m.def("push_hidden_markov",
          [](Message& message, const Rows& initial, const Rows& transition, const Rows& emission,
             const In<std::uint32_t>& symbols, const Lengths& lengths) {
              nb::gil_scoped_release release;
              hidden_markov(initial, transition, emission).push(message, view(symbols), lengths);
          });
    m.def("pop_hidden_markov", [](Message& message, const Rows& initial, const Rows& transition,
                                  const Rows& emission, const Lengths& lengths) {
        const Ragged series(lengths);
        return make_array<std::uint32_t>({series.size()}, [&](auto out) {
            hidden_markov(initial, transition, emission).pop(message, out, lengths);
        });
    });
    m.def("hidden_markov_evidence",
          [](const Rows& initial, const Rows& transition, const Rows& emission,
             const In<std::uint32_t>& symbols, const Lengths& lengths) {
              return make_array<std::uint64_t>({2, symbols.size()}, [&](auto out) {
                  hidden_markov(initial, transition, emission)
                      .evidence(view(symbols), lengths, out.first(symbols.size()),
                                out.last(symbols.size()));
              });
          });
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
    bind_own_weights<float>(m);
    bind_own_weights<double>(m);
    bind_hidden_markov(m);
    bind_counts<PoissonCounts>(m, "poisson");
    bind_counts<NegativeBinomialCounts>(m, "negative_binomial");
    bind_counts<BetaBinomialCounts>(m, "beta_binomial");
}

}  // namespace bitsback
