// Elements of a variable that are independent, given other variables: a network gives the
// distribution of each.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "../distribution.hpp"
#include "../family.hpp"

namespace bitsback {

class IndependentDistribution : public Distribution {
  public:
    // elements: of the variable, per item.
    IndependentDistribution(std::size_t variable, std::size_t elements, Conditional given,
                            std::shared_ptr<const Family> family)
        : variable_(variable),
          elements_(elements),
          given_(std::move(given)),
          family_(std::move(family)) {
        require(given_.count() == family_->outputs(), "a family has another number of outputs");
        for (std::size_t o = 0; o < given_.count(); ++o) {
            shapes_.push_back(given_.shape(o));
            values_.push_back(given_.value(o));
            require(given_.shape(o).width() == given_.shape(0).width(),
                    "the outputs of a distribution have as many elements as each other");
        }
        require(given_.shape(0).width() % elements == 0,
                "the networks of the model do not fit each other");
        components_ = given_.shape(0).width() / elements;
        require(components_ >= 1 && components_ <= family_->most_components(),
                "a distribution has another number of components");
        family_->require_outputs(shapes_);
    }

    void push(Message& message, const Batch& batch) const override {
        const ParameterArrays parameters = gather(batch);
        family_->push(message, parameters.view(), symbols<KnownSymbols>(batch));
    }
    void pop(Message& message, Batch& batch) const override {
        const ParameterArrays parameters = gather(batch);
        family_->pop(message, parameters.view(), symbols<SomeSymbols>(batch));
    }

  private:
    template <class All, class Batches>
    All symbols(Batches& batch) const {
        return std::visit([](auto& typed) -> All { return std::span(typed); },
                          batch.variables[variable_]);
    }

    ParameterArrays gather(const Batch& batch) const {
        const std::size_t rows = shapes_[0].rows, line = elements_ / rows;
        ParameterArrays parameters(shapes_, components_);
        parameters.resize(batch.items * elements_, false);
        given_.run(batch, {0, rows}, [&](const Workspace& work, std::size_t item, std::size_t row) {
            const std::size_t count = work.items * work.rows[values_[0]].count() * line;
            parameters.put(item * elements_ + row * line, work, values_, 0, count, components_);
        });
        return parameters;
    }

    std::size_t variable_;
    std::size_t elements_;
    Conditional given_;
    std::shared_ptr<const Family> family_;
    std::vector<Shape> shapes_;
    std::vector<std::size_t> values_;
    std::size_t components_;
};

}  // namespace bitsback
