// What Python sees of the predictive distribution.
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "bindings_planes.hpp"
#include "distributions/predictive.hpp"
#include "network.hpp"
#include "predictive/predictor.hpp"
#include "predictive/settings.hpp"
#include "predictive/shape.hpp"

namespace bitsback {
namespace {

using OffsetList = std::vector<std::pair<std::int32_t, std::int32_t>>;
using PlaceLists = std::tuple<OffsetList, OffsetList, OffsetList>;
// cell, decay, ridge, own, first, second
using PredictorTuple = std::tuple<std::int32_t, std::array<std::int32_t, 3>, std::int32_t,
                                  OffsetList, OffsetList, OffsetList>;
template <class T>
std::vector<T> copy(const In<T>& array) {
    return {array.data(), array.data() + array.size()};
}

std::vector<Offset> offsets(const OffsetList& pairs) {
    std::vector<Offset> all;
    for (const auto& [rows, columns] : pairs) all.push_back({rows, columns});
    return all;
}

Places places(const PlaceLists& lists) {
    const auto& [own, first, second] = lists;
    return {offsets(own), offsets(first), offsets(second)};
}

template <class Symbol>
nb::tuple contexts(const PredictiveSettings& self, const In<Symbol>& symbols,
                   const std::vector<ShapeTuple>& tuples) {
    const std::vector<PlaneShape> shapes = shapes_of(tuples);
    const std::size_t count = symbols.size();
    auto seen = make_array<std::uint8_t>({count, self.width()}, [](auto) {});
    auto predictions = make_array<std::int32_t>({count}, [](auto) {});
    auto units = make_array<std::uint8_t>({count}, [](auto) {});
    {
        nb::gil_scoped_release release;
        see_symbols(self, shapes, view(symbols),
                    {{seen.data(), count * self.width()},
                     {predictions.data(), count},
                     {units.data(), count}});
    }
    return nb::make_tuple(seen, predictions, units);
}

}  // namespace

void bind_predictive(nb::module_& m) {
    nb::class_<PredictiveSettings>(m, "Predictor")
        .def(
            "__init__",
            [](PredictiveSettings* self, const std::vector<PredictorTuple>& predictors,
               const PlaceLists& window, const In<std::uint8_t>& see,
               const std::vector<In<std::int32_t>>& starts) {
                std::vector<PredictorSettings> all;
                for (const auto& [cell, decay, ridge, own, first, second] : predictors)
                    all.push_back({places({own, first, second}), cell, decay, ridge});
                std::vector<std::vector<std::int32_t>> matrices;
                for (const auto& start : starts)
                    matrices.emplace_back(start.data(), start.data() + start.size());
                new (self) PredictiveSettings(std::move(all), places(window),
                                              {see.data(), see.data() + see.size()}, matrices);
            },
            "predictors"_a, "window"_a, "see"_a, "starts"_a)
        .def_prop_ro("width", &PredictiveSettings::width)
        .def_prop_ro("lag", &PredictiveSettings::lag)
        .def_prop_ro("delay", &PredictiveSettings::delay)
        .def("contexts", &contexts<std::uint8_t>, nb::arg("symbols").noconvert(), "shapes"_a)
        .def("contexts", &contexts<std::uint16_t>, nb::arg("symbols").noconvert(), "shapes"_a);
    nb::class_<PredictiveDistribution>(m, "PredictiveDistribution")
        .def(
            "__init__",
            [](PredictiveDistribution* self, const PredictiveSettings& predictor,
               const Network& network, const std::vector<std::size_t>& outputs,
               const In<std::uint32_t>& exponential, const In<std::uint32_t>& inverse_scale,
               const In<std::int32_t>& cdf, std::uint32_t levels, unsigned precision,
               unsigned mean_shift) {
                new (self) PredictiveDistribution(predictor, {network, outputs},
                                                  {copy(exponential), copy(inverse_scale),
                                                   view(cdf), levels, precision, mean_shift});
            },
            "predictor"_a, "network"_a, "outputs"_a, "exponential"_a, "inverse_scale"_a, "cdf"_a,
            "levels"_a, "precision"_a, "mean_shift"_a)
        .def("push", &push_planes<PredictiveDistribution, std::uint8_t>, "message"_a,
             nb::arg("symbols").noconvert(), "shapes"_a)
        .def("push", &push_planes<PredictiveDistribution, std::uint16_t>, "message"_a,
             nb::arg("symbols").noconvert(), "shapes"_a)
        .def("push_by", &push_planes_by<PredictiveDistribution>, "message"_a,
             nb::arg("symbols").noconvert(), "shapes"_a, "arithmetic"_a)
        .def("pop_bytes", &pop_planes<PredictiveDistribution, std::uint8_t>, "message"_a,
             "shapes"_a)
        .def("pop_words", &pop_planes<PredictiveDistribution, std::uint16_t>, "message"_a,
             "shapes"_a);
}

}  // namespace bitsback
