"""A description as a program, without its test vectors: variables, networks, distributions,
code.
"""

from dataclasses import dataclass
from typing import Any

from . import cost
from .distributions import Distribution, Prediction, read_distribution
from .network import Network, build, tensor_names
from .rules import check_integer, check_keys, check_names, check_pair, objects, require
from .steps import Step, read_code
from .values import Size, Tensors, Value
from .variables import Variable, read_variables


@dataclass
class Program:
    variables: dict[str, Variable]
    size: Size | None  # of the images, if the model has one
    networks: dict[str, Network]
    distributions: dict[str, Distribution]
    code: list[Step]
    growth: int
    batch: int
    test_seed: int
    test_count: int
    test_size: Size

    @property
    def tensor_names(self) -> set[str]:
        of_layers = [tensor_names(name, of) for name, of in self.networks.items()]
        return set().union(*of_layers, *(of.tensor_names() for of in self.distributions.values()))

    @property
    def outputs(self) -> dict[str, set[str]]:
        """By network: the layers that a distribution names."""
        outputs: dict[str, set[str]] = {name: set() for name in self.networks}
        for of in self.distributions.values():
            for name, layers in of.named():
                outputs[name].update(layers)
        return outputs

    @property
    def prediction(self) -> Prediction | None:
        """The rules of prediction of x, if the model predicts x."""
        return next((of.prediction for of in self.distributions.values() if of.prediction), None)

    def memory(self, size: Size) -> int:
        """The bytes that coding an item, an image of this size, takes."""
        variables, distributions = self.variables.values(), self.distributions.values()
        return cost.memory(list(variables), list(distributions), size)

    def batch_memory(self, size: Size, items: int) -> int:
        """Those of a batch of so many."""
        memory = self.memory(size) * items
        if self.prediction:
            elements = self.variables["x"].value.elements(size)
            memory += cost.state_memory(self.prediction, items * elements)
        return memory

    def steps(self, size: Size) -> int:
        """The arrays that coding a batch of images of this size takes."""
        return cost.steps([step.distribution for step in self.code], size)

    def macs(self, size: Size) -> int:
        """The multiply-adds that coding an item, an image of this size, takes."""
        return cost.macs(
            list(self.variables.values()),
            list(self.networks.values()),
            list(self.distributions.values()),
            size,
        )


def read_program(about: Any, tensors: Tensors) -> Program:
    """Reads a description and checks everything but the networks' values."""
    chain = check_keys(about["chain"], "growth batch")
    variables, size = read_variables(about["variables"])
    require(type(about["distributions"]) is dict, "distributions are an object")
    distributions = {
        key: read_distribution(key, of, variables, tensors)
        for key, of in about["distributions"].items()
    }
    items = " items" if any(of.prediction for of in distributions.values()) else ""
    test = check_keys(about["test"], "seed count sha256" + ("" if size else " size") + items)
    code = read_code(about["code"], variables, distributions)
    program = Program(
        variables,
        size,
        build_networks(about["networks"], variables, distributions, tensors, size),
        distributions,
        code,
        check_integer(chain["growth"], 1, 256),
        check_integer(chain["batch"], 1, 4096),
        check_integer(test["seed"], 0, 2**64 - 1),
        check_integer(test["count"], 1, 16),
        size or check_pair(test["size"], 1, 4096),
    )
    for of in distributions.values():
        of.bind(program.networks, tensors)
    for name, layers in program.outputs.items():
        network = program.networks[name]
        require(len(layers) > 0, f"a distribution names the network {name}")
        unread = network.unread(layers)
        require(not unread, f"something depends on {min(unread, default='')}")
        network.check_elements(program.test_size)
    require(set(tensors) == program.tensor_names, "the tensors of layers and codecs, and no others")
    elements = sum(tensor.size for tensor in tensors.values())
    networks = list(program.networks.values())
    cost.check_test(networks, program.test_count, program.test_size, elements)
    if size:
        require(
            program.batch_memory(size, program.batch) <= 2**28, "a batch takes at most 2^28 bytes"
        )
    return program


def build_networks(
    about: Any,
    variables: dict[str, Variable],
    distributions: dict[str, Distribution],
    tensors: Tensors,
    size: Size | None,
) -> dict[str, Network]:
    """Builds the networks in order; those at a pixel need the network of the features."""
    networks: dict[str, Network] = {}

    def add(name: str, sources: dict[str, Value]) -> None:
        networks[name] = build(name, about[name]["layers"], sources, tensors, size)

    def add_with(of: dict[str, dict[str, Value]]) -> None:
        for name, values in of.items():
            require(sources[name] == list(values), f"the source of {name} is {list(values)}")
            add(name, values)

    sources = {}
    for name, of in objects(about):
        check_keys(of, "sources layers")
        sources[name] = check_names(of["sources"])
        if all(one in variables for one in sources[name]):
            add(name, {one: variables[one].value for one in sources[name]})
    named = {name for of in distributions.values() for name, _ in of.named()}
    require(named <= set(sources), "a distribution names a network that there is")
    for of in distributions.values():
        if not of.autoregressive:
            continue
        features = None
        if of.network:
            require(of.network in networks, "the network of the features reads variables")
            require(of.outputs[0] in networks[of.network].layers, "features are a layer")
            features = networks[of.network].values[of.outputs[0]]
        add_with(of.autoregressive.sources(features))
        of.autoregressive.bind(networks, tensors)
    require(set(networks) == set(sources), "the sources of a network are known")
    return {name: networks[name] for name in sources}
