// What Python sees of models: networks, the distributions that they give, and programs of them.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.hpp"
#include "distributions/coupled.hpp"
#include "distributions/gaussian.hpp"
#include "distributions/independent.hpp"
#include "distributions/scan.hpp"
#include "distributions/uniform.hpp"
#include "families/bernoulli.hpp"
#include "families/mixture.hpp"
#include "families/normal.hpp"
#include "families/rows.hpp"
#include "linear/linear.hpp"
#include "network.hpp"
#include "program.hpp"

namespace bitsback {
namespace {

template <class T>
std::vector<T> copy(const In<T>& array) {
    return {array.data(), array.data() + array.size()};
}

std::vector<std::size_t> shape_of_result(const Linear& linear, const In<std::uint8_t>& x) {
    if (x.ndim() != 2 || x.shape(1) != linear.inputs())
        throw std::invalid_argument("a linear layer needs an input of [rows, " +
                                    std::to_string(linear.inputs()) + "]");
    return {x.shape(0), linear.outputs()};
}

void bind_linear(nb::module_& m) {
    nb::class_<Linear>(m, "Linear")
        .def(
            "__init__",
            [](Linear* self, const In<std::int8_t>& weight, const In<std::int32_t>& bias,
               const In<std::int32_t>& multiplier, unsigned shift, std::int32_t low,
               std::int32_t high, std::uint32_t input_top) {
                if (weight.ndim() != 2 || bias.ndim() != 1 || multiplier.ndim() != 1 ||
                    weight.shape(0) != bias.size())
                    throw std::invalid_argument(
                        "the shapes of weight, bias and multiplier do not go together");
                new (self) Linear(view(weight), view(bias), view(multiplier), weight.shape(1),
                                  shift, low, high, input_top);
            },
            "weight"_a, "bias"_a, "multiplier"_a, "shift"_a, "low"_a, "high"_a, "input_top"_a)
        .def_prop_ro("outputs", &Linear::outputs)
        .def_prop_ro("low", &Linear::low)
        .def_prop_ro("high", &Linear::high)
        .def("__call__",
             [](const Linear& self, const In<std::uint8_t>& x) -> nb::object {
                 const std::vector<std::size_t> shape = shape_of_result(self, x);
                 auto run = [&](auto out) { self.run(x.data(), x.shape(0), out.data()); };
                 if (self.byte_output()) return nb::cast(make_array<std::uint8_t>(shape, run));
                 return nb::cast(make_array<std::int16_t>(shape, run));
             })
        .def(
            "run_sum",
            [](const Linear& self, const In<std::uint8_t>& x, const In<std::uint8_t>& other,
               std::uint8_t low, std::uint8_t high) {
                const std::vector<std::size_t> shape = shape_of_result(self, x);
                if (other.ndim() != 2 || other.shape(0) != shape[0] || other.shape(1) != shape[1])
                    throw std::invalid_argument("both parts of a sum have the same shape");
                return make_array<std::uint8_t>(shape, [&](auto out) {
                    self.run_sum(x.data(), x.shape(0), {other.data(), low, high}, out.data());
                });
            },
            "x"_a, "other"_a, "low"_a, "high"_a);
    m.def("simd_paths", [] { return nb::tuple(nb::cast(simd_paths())); });
    m.def("simd", &simd_path);
    m.def("set_simd", &set_simd_path);
}

// The values `wanted` of a network, each [items, its width], for sources [items, their widths].
nb::list run_network(Network network, const std::vector<In<std::uint16_t>>& sources,
                     const std::vector<std::size_t>& wanted) {
    if (sources.size() != network.sources())
        throw std::invalid_argument("a network needs an array for each source");
    const std::size_t items = sources[0].shape(0);
    for (std::size_t i = 0; i < sources.size(); ++i)
        if (sources[i].ndim() != 2 || sources[i].shape(0) != items ||
            sources[i].shape(1) != network.width(i))
            throw std::invalid_argument("a network needs a source of [items, " +
                                        std::to_string(network.width(i)) + "]");
    nb::list outputs;
    std::vector<void*> pointers;
    for (std::size_t value : wanted) {
        const std::vector<std::size_t> shape{items, network.width(value)};
        const auto keep = [&](auto array) {
            pointers.push_back(array.data());
            outputs.append(array);
        };
        std::visit(
            [&](auto values) {
                keep(make_array<typename decltype(values)::value_type>(shape, [](auto) {}));
            },
            network.shape(value).empty());
    }
    nb::gil_scoped_release release;
    network.keep(wanted);
    Workspace work;
    const std::size_t at_once = network.items_at_once();
    for (std::size_t start = 0; start < items; start += at_once) {
        const std::size_t count = std::min(at_once, items - start);
        network.prepare(work, count);
        for (std::size_t i = 0; i < sources.size(); ++i)
            network.fill(work, i, sources[i].data() + start * network.width(i));
        network.run(work);
        for (std::size_t i = 0; i < wanted.size(); ++i)
            std::visit(
                [&](const auto& values) {
                    using Element = typename std::remove_cvref_t<decltype(values)>::value_type;
                    const std::size_t width = network.width(wanted[i]);
                    std::copy_n(values.data(), count * width,
                                static_cast<Element*>(pointers[i]) + start * width);
                },
                work.values[wanted[i]]);
    }
    return outputs;
}

Field to_field(nb::handle value) {
    if (nb::isinstance<Linear>(value)) return nb::cast<std::shared_ptr<Linear>>(value);
    if (std::int64_t number = 0; nb::try_cast(value, number)) return number;
    const nb::object array =
        nb::module_::import_("numpy").attr("ascontiguousarray")(value, "int64");
    const auto numbers = nb::cast<In<std::int64_t>>(array);
    return copy(numbers);
}

void bind_network(nb::module_& m) {
    // rows, columns, channels, low, high
    using Source = std::tuple<std::size_t, std::size_t, std::size_t, std::int32_t, std::int32_t>;
    nb::class_<Network>(m, "Network")
        .def(
            "__init__",
            [](Network* self, const std::vector<Source>& sources) {
                std::vector<Shape> shapes;
                for (const auto& [rows, columns, channels, low, high] : sources)
                    shapes.push_back({rows, columns, channels, low, high});
                new (self) Network(shapes);
            },
            "sources"_a)
        .def(
            "add",
            [](Network& self, const std::string& op, const std::vector<std::size_t>& inputs,
               const nb::dict& fields) {
                NamedFields all;
                for (const auto& [name, value] : fields)
                    all[nb::cast<std::string>(name)] = to_field(value);
                return self.add(op, inputs, std::move(all));
            },
            "op"_a, "inputs"_a, "fields"_a)
        .def("__call__", &run_network, "sources"_a, "wanted"_a);
    nb::class_<Conditional>(m, "Conditional")
        .def(nb::init<Network, std::vector<std::size_t>, std::vector<std::size_t>>(), "network"_a,
             "sources"_a, "outputs"_a);
}

void bind_families(nb::module_& m) {
    nb::class_<Family>(m, "Family");
    nb::class_<BernoulliFamily, Family>(m, "BernoulliFamily")
        .def(
            "__init__",
            [](BernoulliFamily* self, const In<std::uint32_t>& table, unsigned precision) {
                new (self) BernoulliFamily(view(table), precision);
            },
            "table"_a, "precision"_a);
    nb::class_<RowsFamily, Family>(m, "RowsFamily")
        .def(
            "__init__",
            [](RowsFamily* self, const In<std::uint32_t>& starts, unsigned precision) {
                require(starts.ndim() == 3 && starts.shape(2) > 1,
                        "a grid of rows has the shape [A, B, levels + 1]");
                new (self) RowsFamily(RowTable(view(starts), starts.shape(2) - 1, precision),
                                      starts.shape(1));
            },
            "starts"_a, "precision"_a);
    nb::class_<MixtureFamily, Family>(m, "MixtureFamily")
        .def(
            "__init__",
            [](MixtureFamily* self, const In<std::uint32_t>& exponential,
               const In<std::uint32_t>& inverse_scale, const In<std::int32_t>& cdf,
               std::uint32_t levels, unsigned precision, unsigned mean_shift) {
                new (self) MixtureFamily(MixtureTables(copy(exponential), copy(inverse_scale),
                                                       view(cdf), levels, precision, mean_shift));
            },
            "exponential"_a, "inverse_scale"_a, "cdf"_a, "levels"_a, "precision"_a, "mean_shift"_a);
    nb::class_<NormalFamily, Family>(m, "NormalFamily")
        .def(
            "__init__",
            [](NormalFamily* self, const In<std::uint32_t>& inverse_scale,
               const In<std::int32_t>& quantile, const In<std::int32_t>& cdf, std::uint32_t levels,
               unsigned precision, unsigned mean_shift) {
                new (self) NormalFamily(copy(inverse_scale), copy(quantile), copy(cdf), levels,
                                        precision, mean_shift);
            },
            "inverse_scale"_a, "quantile"_a, "cdf"_a, "levels"_a, "precision"_a, "mean_shift"_a);
}

void bind_distributions(nb::module_& m) {
    nb::class_<Distribution>(m, "Distribution");
    nb::class_<UniformDistribution, Distribution>(m, "UniformDistribution")
        .def(nb::init<std::size_t, std::uint32_t>(), "variable"_a, "levels"_a);
    nb::class_<GaussianDistribution, Distribution>(m, "GaussianDistribution")
        .def(
            "__init__",
            [](GaussianDistribution* self, std::size_t variable, const Conditional& given,
               const In<std::uint32_t>& inverse_scale, const In<std::int32_t>& quantile,
               const In<std::int32_t>& cdf, unsigned bits, unsigned precision) {
                new (self) GaussianDistribution(variable, given, copy(inverse_scale),
                                                {copy(quantile), copy(cdf)}, bits, precision);
            },
            "variable"_a, "given"_a, "inverse_scale"_a, "quantile"_a, "cdf"_a, "bits"_a,
            "precision"_a);
    nb::class_<IndependentDistribution, Distribution>(m, "IndependentDistribution")
        .def(
            "__init__",
            [](IndependentDistribution* self, std::size_t variable, std::size_t elements,
               const Conditional& given, std::shared_ptr<Family> family) {
                new (self) IndependentDistribution(variable, elements, given, family);
            },
            "variable"_a, "elements"_a, "given"_a, "family"_a);
    nb::class_<CoupledDistribution, Distribution>(m, "CoupledDistribution")
        .def(
            "__init__",
            [](CoupledDistribution* self, std::size_t variable, std::size_t elements,
               std::size_t channels, const Conditional& given,
               std::shared_ptr<NormalFamily> family) {
                new (self) CoupledDistribution(variable, elements, channels, given, family);
            },
            "variable"_a, "elements"_a, "channels"_a, "given"_a, "family"_a);

    using Numbers = std::vector<std::size_t>;
    // channels, family, network and its outputs, network of dull pixels and its outputs
    using Group = std::tuple<Numbers, std::shared_ptr<Family>, Network*, Numbers,
                             std::optional<Network*>, Numbers>;
    nb::class_<ScanDistribution, Distribution>(m, "ScanDistribution")
        .def(
            "__init__",
            [](ScanDistribution* self, std::size_t variable, const std::array<std::size_t, 3>& size,
               const std::array<std::size_t, 2>& window, const In<std::uint8_t>& planes,
               std::optional<In<std::uint8_t>> dull, std::optional<Conditional*> features,
               const std::vector<Group>& groups) {
                require(planes.ndim() == 2, "planes have the shape [planes, levels]");
                std::vector<ChannelGroup> all;
                for (const auto& [channels, family, network, outputs, other, other_outputs] :
                     groups) {
                    ChannelGroup group{channels, family, {*network, outputs}, std::nullopt};
                    if (other) group.dull = PixelNetwork{**other, other_outputs};
                    all.push_back(std::move(group));
                }
                new (self) ScanDistribution(
                    variable, {size[0], size[1], size[2]}, {window[0], window[1]},
                    PlaneTable(copy(planes), planes.shape(1),
                               dull ? copy(*dull) : std::vector<std::uint8_t>()),
                    features ? std::optional<Conditional>(**features) : std::nullopt,
                    std::move(all));
            },
            "variable"_a, "size"_a, "window"_a, "planes"_a, "dull"_a.none(), "features"_a.none(),
            "groups"_a);
}

std::vector<Batches> batches_of(const std::vector<std::pair<std::size_t, std::size_t>>& pairs) {
    std::vector<Batches> batches;
    for (const auto& [size, count] : pairs) batches.push_back({size, count});
    return batches;
}

using Items = std::variant<In<std::uint8_t>, In<std::uint16_t>>;

// Calls `use(items)`, without the GIL, if a model has symbols of this type.
template <class Use>
void visit_items(const Program& program, const Items& x, const Use& use) {
    require(program.data().bytes() == (x.index() == 0), program.data().bytes()
                                                            ? "this model has items of uint8"
                                                            : "this model has items of uint16");
    nb::gil_scoped_release release;
    std::visit([&](const auto& array) { use(view(array)); }, x);
}

// A new array [items, elements] of the symbols of a model, filled by `fill(items)`.
template <class Fill>
nb::object make_items(const Program& program, const std::vector<Batches>& batches,
                      const Fill& fill) {
    std::size_t items = 0;
    for (const Batches& run : batches) items += run.size * run.count;
    const std::vector<std::size_t> shape{items, program.data().elements};
    if (program.data().bytes()) return nb::cast(make_array<std::uint8_t>(shape, fill));
    return nb::cast(make_array<std::uint16_t>(shape, fill));
}

void bind_program(nb::module_& m) {
    using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
    using Codes = std::vector<std::pair<bool, std::shared_ptr<Distribution>>>;
    nb::class_<Program>(m, "Program")
        .def(
            "__init__",
            [](Program* self, const std::vector<std::pair<std::size_t, std::uint32_t>>& variables,
               const Codes& steps) {
                std::vector<Variable> all;
                for (const auto& [elements, levels] : variables) all.push_back({elements, levels});
                std::vector<Step> code;
                for (const auto& [pops, distribution] : steps) code.push_back({pops, distribution});
                new (self) Program(std::move(all), std::move(code));
            },
            "variables"_a, "steps"_a)
        .def(
            "push",
            [](const Program& self, Message& message, const Items& x, const Pairs& batches) {
                visit_items(self, x,
                            [&](auto items) { self.push(message, items, batches_of(batches)); });
            },
            "message"_a, nb::arg("x").noconvert(), "batches"_a)
        .def(
            "pop",
            [](const Program& self, Message& message, const Pairs& pairs) {
                const std::vector<Batches> batches = batches_of(pairs);
                return make_items(self, batches,
                                  [&](auto out) { self.pop(message, out, batches); });
            },
            "message"_a, "batches"_a)
        .def(
            "push_set",
            [](const Program& self, Message& message, const Items& x, const Pairs& batches,
               bool falling) {
                visit_items(self, x, [&](auto items) {
                    self.push_set(message, items, batches_of(batches), falling);
                });
            },
            "message"_a, nb::arg("x").noconvert(), "batches"_a, "falling"_a)
        .def(
            "pop_set",
            [](const Program& self, Message& message, const Pairs& pairs, bool falling) {
                const std::vector<Batches> batches = batches_of(pairs);
                return make_items(self, batches,
                                  [&](auto out) { self.pop_set(message, out, batches, falling); });
            },
            "message"_a, "batches"_a, "falling"_a);
}

}  // namespace

void bind_models(nb::module_& m) {
    bind_linear(m);
    bind_network(m);
    bind_families(m);
    bind_distributions(m);
    bind_program(m);
}

}  // namespace bitsback
