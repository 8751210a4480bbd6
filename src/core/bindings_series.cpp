// What Python sees of the series distribution.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "bindings_planes.hpp"
#include "distributions/series.hpp"
#include "series/settings.hpp"

namespace bitsback {
namespace {

// inputs, fade, every, ridge
using PredictorTuple = std::tuple<std::vector<std::pair<std::int32_t, std::int32_t>>, unsigned,
                                  std::uint32_t, std::int32_t>;

}  // namespace

void bind_series(nb::module_& m) {
    nb::class_<SeriesDistribution>(m, "SeriesDistribution")
        .def(
            "__init__",
            [](SeriesDistribution* self, const std::vector<PredictorTuple>& predictors,
               const std::vector<std::int32_t>& scales, const In<std::int32_t>& cdf,
               std::uint32_t levels, unsigned precision, const std::vector<In<double>>& starts) {
                std::vector<SeriesPredictor> all;
                for (const auto& [pairs, fade, every, ridge] : predictors) {
                    std::vector<SeriesInput> inputs;
                    for (const auto& [back, channels] : pairs) inputs.push_back({back, channels});
                    all.push_back({std::move(inputs), fade, every, ridge});
                }
                SeriesSettings settings(std::move(all), scales, view(cdf), levels, precision);
                for (const auto& start : starts)
                    settings.starts.emplace_back(start.data(), start.data() + start.size());
                new (self) SeriesDistribution(std::move(settings));
            },
            "predictors"_a, "scales"_a, "cdf"_a, "levels"_a, "precision"_a,
            "starts"_a = nb::tuple())
        .def("push", &push_planes<SeriesDistribution, std::uint8_t>, "message"_a,
             nb::arg("symbols").noconvert(), "shapes"_a)
        .def("push", &push_planes<SeriesDistribution, std::uint16_t>, "message"_a,
             nb::arg("symbols").noconvert(), "shapes"_a)
        .def("push_by", &push_planes_by<SeriesDistribution>, "message"_a,
             nb::arg("symbols").noconvert(), "shapes"_a, "arithmetic"_a)
        .def("pop_bytes", &pop_planes<SeriesDistribution, std::uint8_t>, "message"_a, "shapes"_a)
        .def("pop_words", &pop_planes<SeriesDistribution, std::uint16_t>, "message"_a, "shapes"_a);
}

}  // namespace bitsback
