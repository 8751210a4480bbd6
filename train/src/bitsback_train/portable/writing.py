"""Write a torch program as a model of docs/model-format.md."""

from typing import Any

from numpy.typing import NDArray

from bitsback.models import Model
from bitsback_train.export.exporter import Card, Parts
from bitsback_train.export.vectors import TEST_SEED
from bitsback_train.layers.network_writer import Tensors
from bitsback_train.portable.torch_program import Program, in_words, key
from bitsback_train.portable.torch_variables import Data

_BATCH = 256
_MOST_ROOM = 1 << 28
_GROWTH_ITEMS = 256
_GROWTH_RUNS = 4


def write(program: Program, card: Card, symbols: NDArray[Any]) -> Model:
    """The integer model that the program's networks compute. symbols: [n, elements], for choosing
    the growth of the batches of its chain.

    Raises ModelError if the core computes something else, or if a bound of the format is exceeded.
    """
    parts = _parts(program, card)
    model = parts.model(1, 1, 1, tested=False)
    room = model.memory(model.shape_of(program.data.size))
    items = symbols[:_GROWTH_ITEMS]
    batch = max(1, min(_BATCH, _MOST_ROOM // room))
    return parts.grown(batch, items, TEST_SEED, _GROWTH_RUNS * len(items))[0]


def _parts(program: Program, card: Card) -> Parts:
    tensors: Tensors = {}
    distributions: dict[str, Any] = {}
    for step in program.steps:
        distribution, variable = step.distribution, program.variables[step.variable]
        entry = distribution.described(variable)
        if distribution.network is not None:
            names = [each.name for each in distribution.outputs(variable)]
            entry |= {"network": distribution.network, "outputs": names}
            for name, tensor in distribution.tensors(variable).items():
                tensors[f"{distribution.network}.{name}"] = tensor
        distributions[key(step)] = entry
    variables: dict[str, Any] = {}
    tops = {}
    for name, of_items in program.variables.items():
        if isinstance(of_items, Data):
            tops[name], variables[name] = of_items.levels - 1, of_items.described()
            continue
        tops[name] = (1 << of_items.bits) - 1
        variables[name] = {"channels": of_items.whole[-1], "bits": of_items.bits}
        if len(of_items.shape) == 3:
            variables[name]["grid"] = program.grids[name]
    code = [in_words(step) for step in program.steps]
    networks = program.every_network()
    return Parts(card, variables, networks, distributions, code, tensors, tops)
