"""The cost that a model may have: docs/model-format.md, its last section."""

from collections.abc import Sequence

from . import wavefront_contexts
from .counted_rules import CountedRules
from .distributions import Distribution, Prediction
from .network import Network
from .planes import ItemShape
from .rules import require
from .series import SeriesRules
from .values import Size
from .variables import Variable
from .wavefront_rules import WavefrontRules


def check_test(networks: list[Network], count: int, size: Size, elements_of_tensors: int) -> None:
    """Checks the cost of a model's test."""
    for network in networks:
        require(
            network.elements(size) * count <= 2**22 + 2**7 * elements_of_tensors,
            "a network has no more elements in the test than the tensors allow",
        )
    multiply_adds = sum(network.multiply_adds(size) for network in networks)
    require(
        multiply_adds * count <= 2**28 + 2**12 * elements_of_tensors,
        "the test takes no more multiply-adds than the tensors allow",
    )


def memory(variables: list[Variable], distributions: list[Distribution], size: Size) -> int:
    """The bytes that coding an item, an image of this size, takes."""
    total = sum(2 * variable.value.elements(size) for variable in variables)
    for of in distributions:
        if of.meaning and of.network:
            network = of.networks[of.network]
            total += 4 * sum(network.values[name].elements(size) for name in of.outputs)
        if of.prediction:
            total += prediction_memory(of.prediction, ItemShape(1, *size, of.variable.channels, 2))
        if of.autoregressive:
            pixels, (rows, columns) = of.autoregressive, size
            channels = pixels.x.channels
            features = of.networks[of.network].values[of.outputs[0]].channels if of.network else 0
            strip = (pixels.above + 1) * (columns + 2 * pixels.side)
            total += len(pixels.planes) * channels * strip
            total += features * rows * columns + channels * rows * columns
    return total


def steps(steps: list[Distribution], size: Size) -> int:
    """The arrays that coding a batch takes, by the distributions of its lines of code."""
    pixels = size[0] * size[1]
    total = 0
    for of in steps:
        if of.autoregressive:
            total += len(of.autoregressive.groups) * pixels
        elif not of.prediction:
            total += of.variable.channels if of.coupled else 1
    return total


def macs(
    variables: list[Variable],
    networks: list[Network],
    distributions: list[Distribution],
    size: Size,
) -> int:
    """The multiply-adds of an item, an image of this size, and something for each element."""
    total = 2**6 * sum(variable.value.elements(size) for variable in variables)
    for of in distributions:
        if of.prediction:
            total += prediction_macs(of.prediction, ItemShape(1, *size, of.variable.channels, 2))
        for head in of.autoregressive.heads() if of.autoregressive else []:
            total += size[0] * size[1] * of.networks[head.name].multiply_adds((1, 1))
    for network in networks:
        if not set(network.sources) <= {"context", "features"}:
            total += network.multiply_adds(size)
    return total


def prediction_memory(of: Prediction, shape: ItemShape) -> int:
    """The bytes that an item takes, beside its symbols."""
    if isinstance(of, CountedRules):
        return of.memory(shape)
    if isinstance(of, SeriesRules):
        channel = 2**11 + sum(8 * (len(one.inputs) + 2) ** 2 for one in of.predictors)
        return 6 * shape.elements + shape.channels * channel
    rows = min(shape.rows, (shape.columns - 1) // 16)
    memory = 2**12 * min(shape.channels, 4) * rows
    if shape.slices > 1 or shape.channels > 4:
        memory += 2**4 * shape.elements
    return memory * 3 // 2 if of.levels > 256 else memory


def prediction_macs(of: Prediction, shape: ItemShape) -> int:
    """The multiply-adds that an item takes, beside those for each element."""
    if isinstance(of, CountedRules):
        return of.macs(shape)
    if isinstance(of, SeriesRules):
        return series_macs(of, shape)
    total = shape.elements * (2**10 + of.multiply_adds)
    times = shape.planes * (16 * (shape.rows - 1) + shape.columns)
    total += 2**10 * times
    if of.contexts:
        total += 2**13 * shape.elements + 2**11 * times
    return total + (2**12 * shape.slices * shape.rows * shape.columns if shape.jpeg else 0)


def plane_memory(of: Prediction, shapes: Sequence[ItemShape]) -> int:
    """The bytes that coding these items takes, of a model of items of any shape."""
    of_items = sum(2 * shape.elements + prediction_memory(of, shape) for shape in shapes)
    return of_items + state_memory(of, sum(shape.elements for shape in shapes))


def state_memory(of: Prediction, elements: int) -> int:
    """The bytes that a batch of so many elements takes, beside those of its items."""
    if isinstance(of, WavefrontRules):
        learned = wavefront_contexts.state_memory(of.contexts, elements) if of.contexts else 0
        return min(2**4 * elements, 2**23) + learned if elements else 0
    return of.state_memory(elements) if isinstance(of, CountedRules) else 0


def plane_macs(of: Prediction, shapes: Sequence[ItemShape]) -> int:
    """The multiply-adds that coding these items takes."""
    return sum(2**6 * shape.elements + prediction_macs(of, shape) for shape in shapes)


def series_macs(of: SeriesRules, shape: ItemShape) -> int:
    """The MACs of an item of a series."""
    times = shape.elements // shape.channels
    total = 2**10 * shape.elements
    for one in of.predictors:
        n = len(one.inputs)
        solutions = min(times, 64) + times // one.every
        total += shape.elements * (n + 2) ** 2 + shape.channels * solutions * (n + 1) ** 3
    return total
