#include "network.hpp"

#include <map>
#include <utility>

namespace bitsback {
namespace {

struct Registered {
    std::size_t inputs;
    LayerMaker make;
};

// By their names in model files.
std::map<std::string, Registered>& registered_layers() {
    static std::map<std::string, Registered> layers;
    return layers;
}

}  // namespace

void register_layer(const char* op, std::size_t inputs, LayerMaker make) {
    registered_layers()[op] = {inputs, make};
}

std::shared_ptr<const Layer> make_layer(const LayerFields& fields) {
    const auto found = registered_layers().find(fields.op());
    if (found == registered_layers().end())
        throw std::invalid_argument("there is no layer '" + fields.op() + "'");
    if (fields.inputs().size() != found->second.inputs)
        throw std::invalid_argument(fields.op() + ": it has another number of inputs");
    return found->second.make(fields);
}

Network::Network(const std::vector<Shape>& sources) {
    require_layer(!sources.empty(), "a network has at least one source");
    for (const Shape& source : sources) {
        require_layer(source.low <= source.high && source.low >= 0 && source.high <= 65535,
                      "a source lies in [0, 65535]");
        add_value(source);
    }
    sources_ = sources.size();
}

std::size_t Network::add(const std::string& op, const std::vector<std::size_t>& inputs,
                         NamedFields fields) {
    std::vector<Shape> shapes;
    for (const std::size_t input : inputs) shapes.push_back(shape(input));
    auto made = make_layer({op, inputs, std::move(shapes), std::move(fields)});
    add_value(made->shape());
    layers_.push_back(std::move(made));
    return shapes_.size() - 1;
}

void Network::keep(std::vector<std::size_t> wanted) {
    wanted_ = std::move(wanted);
    readers_.assign(shapes_.size(), 0);
    for (const std::size_t value : wanted_) ++readers_.at(value);
    for (const auto& layer : layers_)
        if (layer)
            for (const std::size_t input : layer->inputs()) ++readers_[input];
    for (auto& after : layers_) {
        if (!after) continue;
        const std::vector<std::size_t>& inputs = after->inputs();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const Layer* const before = layer(inputs[i]);
            if (before == nullptr || readers_[inputs[i]] != 1) continue;
            auto both = after->fused(i, *before);
            if (!both) continue;
            layers_[inputs[i] - sources_] = nullptr;
            after = std::move(both);
            break;
        }
    }
    whole_ = ranges(std::nullopt);
}

void Network::prepare(Workspace& work, std::size_t items, std::optional<RowRange> strip) const {
    work.items = items;
    work.rows = strip ? ranges(strip) : whole_;
    if (work.values.empty())
        for (const Shape& value : shapes_) work.values.push_back(value.empty());
    for (std::size_t value = 0; value < shapes_.size(); ++value) {
        const std::size_t overrun = value < sources_ ? 32 : 0;
        const std::size_t size = items * work.rows[value].count() * shapes_[value].line();
        const Layer* const operation = layer(value);
        if (operation == nullptr || !operation->is_view())
            std::visit([&](auto& values) { values.resize(size + overrun); }, work.values[value]);
    }
}

void Network::run(Workspace& work) const {
    for (std::size_t value = sources_; value < shapes_.size(); ++value) {
        const Layer* const operation = layer(value);
        if (operation == nullptr || work.rows[value].count() == 0) continue;
        // The elements are moved if only the view reads them.
        if (operation->is_view() && readers_[operation->inputs()[0]] == 1)
            std::swap(work.values[value], work.values[operation->inputs()[0]]);
        else
            operation->run(work, work.rows[value], work.values[value]);
    }
}

std::vector<RowRange> Network::ranges(std::optional<RowRange> strip) const {
    std::vector<RowRange> needed(shapes_.size());
    for (const std::size_t value : wanted_)
        needed[value] = strip.value_or(RowRange{0, shapes_[value].rows});
    for (std::size_t value = shapes_.size(); value-- > sources_;) {
        const Layer* const operation = layer(value);
        if (operation == nullptr || needed[value].count() == 0) continue;
        if (operation->is_view()) needed[value] = {0, shapes_[value].rows};
        const RowRange rows = operation->need(needed[value]);
        for (const std::size_t input : operation->inputs())
            needed[input] = needed[input].with(rows);
    }
    return needed;
}

void Network::add_value(const Shape& value) {
    require_layer(value.rows > 0 && value.columns > 0 && value.channels > 0,
                  "a value of a network has no elements");
    total_bytes_ += value.width() * value.element_size();
    shapes_.push_back(value);
}

}  // namespace bitsback
