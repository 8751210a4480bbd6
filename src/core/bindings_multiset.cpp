// What Python sees of multisets: picks without replacement, of members with keys.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <span>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "multiset.hpp"

namespace bitsback {
namespace {

std::vector<std::string> strings_of(const nb::sequence& keys) {
    std::vector<std::string> strings;
    for (const nb::handle key : keys) {
        const auto bytes = nb::cast<nb::bytes>(key);
        strings.emplace_back(bytes.c_str(), bytes.size());
    }
    return strings;
}

}  // namespace

void bind_multiset(nb::module_& m) {
    nb::class_<KeyedMultiset>(m, "Multiset")
        .def(nb::init<>())
        .def(
            "add",
            [](KeyedMultiset& self, const nb::sequence& keys) { self.add(strings_of(keys)); },
            "keys"_a)
        .def(
            "pop",
            [](KeyedMultiset& self, Message& message, std::size_t count) {
                return make_array<std::uint32_t>({count},
                                                 [&](auto out) { self.pop(message, out); });
            },
            "message"_a, "count"_a)
        .def(
            "push",
            [](KeyedMultiset& self, Message& message, const nb::sequence& keys) {
                const std::vector<std::string> strings = strings_of(keys);
                nb::gil_scoped_release release;
                self.push(message, strings);
            },
            "message"_a, "keys"_a);
}

}  // namespace bitsback
