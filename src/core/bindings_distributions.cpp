// Python bindings of distributions and families. Two tables map the name of each to a function that
// reads its fields.
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "distributions/autoregressive.hpp"
#include "distributions/counted.hpp"
#include "distributions/coupled.hpp"
#include "distributions/gaussian.hpp"
#include "distributions/independent.hpp"
#include "distributions/series.hpp"
#include "distributions/uniform.hpp"
#include "distributions/wavefront.hpp"
#include "families/bernoulli.hpp"
#include "families/cdf_table.hpp"
#include "families/mixture.hpp"
#include "families/normal.hpp"

namespace bitsback {
namespace {

using Numbers = std::vector<std::size_t>;
using SharedFamily = std::shared_ptr<Family>;

class Fields {
  public:
    explicit Fields(nb::dict fields) : fields_(std::move(fields)) {}

    template <class T>
    T get(const char* name) const {
        return nb::cast<T>(fields_[name]);
    }
    // A field that may be None.
    template <class T>
    const T* find(const char* name) const {
        const nb::object value = fields_[name];
        return value.is_none() ? nullptr : nb::cast<const T*>(value);
    }
    // Empty for None.
    template <class T>
    std::vector<T> array(const char* name) const {
        const nb::object value = fields_[name];
        return value.is_none() ? std::vector<T>() : copy(nb::cast<In<T>>(value));
    }
    template <class T>
    std::vector<std::vector<T>> arrays(const char* name) const {
        std::vector<std::vector<T>> all;
        for (const nb::handle one : get<nb::sequence>(name))
            all.push_back(copy(nb::cast<In<T>>(one)));
        return all;
    }
    std::vector<Fields> list(const char* name) const {
        std::vector<Fields> all;
        for (const nb::handle one : get<nb::sequence>(name))
            all.emplace_back(nb::cast<nb::dict>(one));
        return all;
    }

  private:
    nb::dict fields_;
};

// ---- families

CdfTable cdf_table(const Fields& fields) {
    const auto starts = fields.get<In<std::uint32_t>>("starts");
    require(starts.ndim() == 3 && starts.shape(2) > 1,
            "a grid of rows has the shape [A, B, levels + 1]");
    return CdfTable(view(starts), starts.shape(2) - 1, fields.get<unsigned>("precision"));
}

using MakeFamily = SharedFamily (*)(const Fields&);

const std::map<std::string, MakeFamily> families{
    {"bernoulli",
     [](const Fields& fields) -> SharedFamily {
         return std::make_shared<BernoulliFamily>(fields.array<std::uint32_t>("table"),
                                                  fields.get<unsigned>("precision"));
     }},
    {"cdf-table",
     [](const Fields& fields) -> SharedFamily {
         const std::size_t columns = fields.get<In<std::uint32_t>>("starts").shape(1);
         return std::make_shared<CdfTableFamily>(cdf_table(fields), columns);
     }},
    {"mixture",
     [](const Fields& fields) -> SharedFamily {
         return std::make_shared<MixtureFamily>(
             MixtureTables(fields.array<std::uint32_t>("exponential"),
                           fields.array<std::uint32_t>("inverse_scale"),
                           fields.array<std::int32_t>("cdf"), fields.get<std::uint32_t>("levels"),
                           fields.get<unsigned>("precision"), fields.get<unsigned>("mean_shift")));
     }},
    {"normal",
     [](const Fields& fields) -> SharedFamily {
         return std::make_shared<NormalFamily>(
             fields.array<std::uint32_t>("inverse_scale"), fields.array<std::int32_t>("quantile"),
             fields.array<std::int32_t>("cdf"), fields.get<std::uint32_t>("levels"),
             fields.get<unsigned>("precision"), fields.get<unsigned>("mean_shift"));
     }},
};

// ---- distributions

using Offsets = std::vector<std::pair<std::int32_t, std::int32_t>>;

Arithmetic arithmetic(const Fields& fields) {
    static const std::map<std::string, Arithmetic> all{{"exact", Arithmetic::exact},
                                                       {"contracted", Arithmetic::contracted},
                                                       {"upward", Arithmetic::upward},
                                                       {"downward", Arithmetic::downward},
                                                       {"toward zero", Arithmetic::toward_zero}};
    const auto found = all.find(fields.get<std::string>("arithmetic"));
    require(found != all.end(), "unknown arithmetic");
    return found->second;
}

SeriesSettings series_settings(const Fields& fields) {
    std::vector<SeriesPredictor> predictors;
    for (const Fields& predictor : fields.list("predictors")) {
        std::vector<SeriesInput> inputs;
        for (const auto& [back, channels] : predictor.get<Offsets>("inputs"))
            inputs.push_back({back, channels});
        predictors.push_back({std::move(inputs), predictor.get<unsigned>("forgetting"),
                              predictor.get<std::uint32_t>("every"),
                              predictor.get<std::int32_t>("ridge")});
    }
    SeriesSettings settings(std::move(predictors), fields.get<std::vector<std::int32_t>>("scales"),
                            fields.array<std::int32_t>("cdf"), fields.get<std::uint32_t>("levels"),
                            fields.get<unsigned>("precision"));
    settings.starts = fields.arrays<double>("starts");
    return settings;
}

Terms terms(const Fields& fields, const char* name) {
    using Parts = std::vector<std::array<std::int32_t, 4>>;
    static const std::map<std::string, Term::Kind> kinds{{"sum", Term::Kind::sum},
                                                         {"row", Term::Kind::row},
                                                         {"column", Term::Kind::column},
                                                         {"channel", Term::Kind::channel},
                                                         {"prediction", Term::Kind::prediction},
                                                         {"unit", Term::Kind::unit},
                                                         {"candidate", Term::Kind::candidate},
                                                         {"equal", Term::Kind::equal}};
    Terms all;
    for (const Fields& term_fields : fields.list(name)) {
        Term term{kinds.at(term_fields.get<std::string>("kind")),
                  {},
                  term_fields.get<unsigned>("shift"),
                  term_fields.get<std::int32_t>("low"),
                  term_fields.get<std::int32_t>("high"),
                  term_fields.get<std::vector<std::int32_t>>("steps")};
        for (const auto& [back, rows, columns, weight] : term_fields.get<Parts>("parts"))
            term.parts.push_back({{back, rows, columns}, weight});
        all.push_back(std::move(term));
    }
    return all;
}

CountedSettings counted_settings(const Fields& fields) {
    using Select = std::vector<std::pair<std::string, std::size_t>>;
    static const std::map<std::string, Selector::Kind> kinds{
        {"known", Selector::Kind::known},       {"node", Selector::Kind::node},
        {"depth", Selector::Kind::depth},       {"odds", Selector::Kind::odds},
        {"failures", Selector::Kind::failures}, {"value", Selector::Kind::value}};
    const auto slot = fields.get<std::array<unsigned, 2>>("slot");
    MixingSettings mixing{};
    mixing.table = fields.get<unsigned>("table");
    mixing.probability_bits = slot[0];
    mixing.count_bits = slot[1];
    mixing.trust = fields.get<std::uint32_t>("trust");
    const auto maps = fields.get<std::array<std::uint32_t, 2>>("maps");
    mixing.maps = {maps[0], maps[1]};
    std::vector<Terms> contexts;
    for (const Fields& context : fields.list("contexts")) {
        mixing.contexts.push_back(
            {0, context.get<std::uint32_t>("offset"), context.get<std::uint32_t>("limit")});
        contexts.push_back(terms(context, "terms"));
    }
    for (const Fields& mixer_fields : fields.list("mixers")) {
        const auto rates = mixer_fields.get<std::array<std::int32_t, 2>>("rates");
        MixerSettings& mixer = mixing.mixers.emplace_back(
            MixerSettings{{}, mixer_fields.get<std::int32_t>("start"), rates[0], rates[1]});
        for (const auto& [kind, number] : mixer_fields.get<Select>("select"))
            mixer.selectors.push_back({kinds.at(kind), number, 0});
    }
    std::optional<std::size_t> memory;
    if (const auto number = fields.get<nb::object>("memory"); !number.is_none())
        memory = nb::cast<std::size_t>(number);
    std::shared_ptr<const CountedSettings> candidate;
    if (const auto object = fields.get<nb::object>("candidate"); !object.is_none())
        candidate =
            std::make_shared<CountedSettings>(counted_settings(Fields(nb::cast<nb::dict>(object))));
    std::optional<FlatSettings> flat;
    if (const auto object = fields.get<nb::object>("flat"); !object.is_none()) {
        using Sites = std::vector<std::array<std::int32_t, 3>>;
        const Fields flat_fields(nb::cast<nb::dict>(object));
        const auto sites = [](const Sites& some) {
            std::vector<Site> all;
            for (const auto& [back, rows, columns] : some) all.push_back({back, rows, columns});
            return all;
        };
        flat.emplace(FlatSettings{sites(flat_fields.get<Sites>("around")),
                                  {},
                                  flat_fields.get<std::uint32_t>("offset"),
                                  flat_fields.get<std::uint32_t>("limit")});
        for (const Sites& region : flat_fields.get<std::vector<Sites>>("regions"))
            flat->regions.push_back(sites(region));
    }
    return {std::move(mixing),
            fields.get<std::uint32_t>("levels"),
            fields.get<unsigned>("precision"),
            fields.get<std::size_t>("lag"),
            fields.get<std::size_t>("queues"),
            std::move(contexts),
            terms(fields, "values"),
            terms(fields, "predictors"),
            std::move(candidate),
            memory,
            fields.get<unsigned>("sure"),
            std::move(flat)};
}

LogisticTables logistic_tables(const Fields& fields) {
    return {fields.array<std::int32_t>("stretch"), fields.array<std::int32_t>("cdf")};
}

std::vector<ChannelGroup> channel_groups(const Fields& fields) {
    std::vector<ChannelGroup> groups;
    for (const Fields& group_fields : fields.list("groups")) {
        ChannelGroup group{
            group_fields.get<Numbers>("channels"),
            group_fields.get<SharedFamily>("family"),
            {group_fields.get<Network>("network"), group_fields.get<Numbers>("outputs")},
            std::nullopt};
        if (const auto* flat = group_fields.find<Network>("flat"))
            group.flat = PixelNetwork{*flat, group_fields.get<Numbers>("flat_outputs")};
        groups.push_back(std::move(group));
    }
    return groups;
}

std::shared_ptr<Distribution> make_autoregressive(std::size_t variable, const Fields& fields) {
    const auto planes = fields.get<In<std::uint8_t>>("planes");
    require(planes.ndim() == 2, "planes have the shape [planes, levels]");
    const auto size = fields.get<std::array<std::size_t, 3>>("size");
    const auto window = fields.get<std::array<std::size_t, 2>>("window");
    const auto* features = fields.find<Conditional>("features");
    return std::make_shared<AutoregressiveDistribution>(
        variable, ImageSize{size[0], size[1], size[2]}, Window{window[0], window[1]},
        ContextPlanes(copy(planes), planes.shape(1), fields.array<std::uint8_t>("flat")),
        features ? std::optional<Conditional>(*features) : std::nullopt, channel_groups(fields));
}

using MakeDistribution = std::shared_ptr<Distribution> (*)(std::size_t variable, const Fields&);

const std::map<std::string, MakeDistribution> distributions{
    {"uniform",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<UniformDistribution>(variable,
                                                      fields.get<std::uint32_t>("levels"));
     }},
    {"gaussian",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<GaussianDistribution>(
             variable, fields.get<Conditional>("given"),
             fields.array<std::uint32_t>("inverse_scale"),
             NormalTables{fields.array<std::int32_t>("quantile"),
                          fields.array<std::int32_t>("cdf")},
             fields.get<unsigned>("bits"), fields.get<unsigned>("precision"));
     }},
    {"independent",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<IndependentDistribution>(
             variable, fields.get<std::size_t>("elements"), fields.get<Conditional>("given"),
             fields.get<SharedFamily>("family"));
     }},
    {"coupled",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<CoupledDistribution>(
             variable, fields.get<std::size_t>("elements"), fields.get<std::size_t>("channels"),
             fields.get<Conditional>("given"),
             std::dynamic_pointer_cast<NormalFamily>(fields.get<SharedFamily>("family")));
     }},
    {"autoregressive", make_autoregressive},
    {"counted",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<CountedDistribution>(variable, counted_settings(fields),
                                                      logistic_tables(fields));
     }},
    {"wavefront",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<WavefrontDistribution>(
             variable, fields.get<std::shared_ptr<WavefrontSettings>>("settings"),
             arithmetic(fields));
     }},
    {"series",
     [](std::size_t variable, const Fields& fields) -> std::shared_ptr<Distribution> {
         return std::make_shared<SeriesDistribution>(variable, series_settings(fields),
                                                     arithmetic(fields));
     }},
};

// ---- wavefronts

using LayerArrays = std::tuple<In<std::int8_t>, In<std::int32_t>, In<std::int32_t>>;

std::shared_ptr<WavefrontSettings> wavefront_settings(
    const std::array<std::int32_t, 3>& decay, std::int32_t ridge, const In<std::int32_t>& start,
    const std::vector<std::vector<LayerArrays>>& networks, const In<std::int32_t>& cdf,
    const In<std::int32_t>& stretch, unsigned contexts) {
    std::vector<std::vector<LayerTensors>> all;
    for (const auto& network : networks) {
        std::vector<LayerTensors>& layers = all.emplace_back();
        for (const auto& [weight, bias, multiplier] : network)
            layers.push_back({copy(weight), copy(bias), copy(multiplier)});
    }
    std::optional<WaveContextSettings> some;
    if (contexts != 0) some.emplace(contexts, LogisticTables(copy(stretch), copy(cdf)));
    return std::make_shared<WavefrontSettings>(decay, ridge, view(start), all, view(cdf),
                                               std::move(some));
}

// The inputs of the network for planes with this number of references, in the order of coding:
// features [pixels, features]; and the symbols, predictions, units and levels [pixels, 4].
template <class Symbol>
nb::tuple wavefront_features(const WavefrontSettings& self, const In<Symbol>& symbols,
                             const std::vector<ItemShape>& shapes, std::size_t references) {
    std::vector<std::uint8_t> features;
    std::vector<std::int32_t> pixels;
    {
        nb::gil_scoped_release release;
        wave_features_of(self, shapes, view(symbols), references, features, pixels);
    }
    const std::size_t width = wave_features(references), count = pixels.size() / 4;
    return nb::make_tuple(
        make_array<std::uint8_t>({count, width},
                                 [&](auto out) { std::ranges::copy(features, out.begin()); }),
        make_array<std::int32_t>({count, 4},
                                 [&](auto out) { std::ranges::copy(pixels, out.begin()); }));
}

}  // namespace

void bind_distributions(nb::module_& m) {
    nb::class_<Family>(m, "Family");
    m.def(
        "family",
        [](const std::string& kind, const nb::kwargs& fields) {
            return families.at(kind)(Fields(fields));
        },
        "kind"_a, "fields"_a);
    nb::class_<Distribution>(m, "Distribution");
    m.def(
        "distribution",
        [](const std::string& kind, std::size_t variable, const nb::kwargs& fields) {
            return distributions.at(kind)(variable, Fields(fields));
        },
        "kind"_a, "variable"_a, "fields"_a);
    nb::class_<WavefrontSettings>(m, "Wavefront")
        .def(nb::new_(&wavefront_settings), "decay"_a, "ridge"_a, "start"_a, "networks"_a, "cdf"_a,
             "stretch"_a, "contexts"_a)
        .def("features", &wavefront_features<std::uint8_t>, nb::arg("symbols").noconvert(),
             "shapes"_a, "references"_a)
        .def("features", &wavefront_features<std::uint16_t>, nb::arg("symbols").noconvert(),
             "shapes"_a, "references"_a);
}

}  // namespace bitsback
