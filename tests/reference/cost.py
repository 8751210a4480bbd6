"""What a model may cost: docs/model-format.md, its last section."""

from collections.abc import Sequence

from .distributions import Distribution
from .network import Network
from .planes import PlaneShape
from .predictive_rules import Predictive
from .rules import require
from .series import SeriesRules
from .values import Size
from .variables import Variable


def check_test(networks: list[Network], count: int, size: Size, elements_of_tensors: int) -> None:
    """What the test takes."""
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


def room(variables: list[Variable], distributions: list[Distribution], size: Size) -> int:
    """The bytes that coding an item, an image of this size, takes."""
    total = sum(2 * variable.value.elements(size) for variable in variables)
    for of in distributions:
        if of.meaning and of.network:
            network = of.networks[of.network]
            total += 4 * sum(network.values[name].elements(size) for name in of.outputs)
        if of.scan:
            scan, (rows, columns) = of.scan, size
            channels = scan.x.channels
            features = of.networks[of.network].values[of.outputs[0]].channels if of.network else 0
            strip = (scan.above + 1) * (columns + 2 * scan.side)
            total += len(scan.planes) * channels * strip
            total += features * rows * columns + channels * rows * columns
    return total


def steps(steps: list[Distribution], size: Size) -> int:
    """The arrays that coding a batch takes, by the distributions of its lines of code."""
    pixels = size[0] * size[1]
    return sum(
        len(of.scan.groups) * pixels if of.scan else of.variable.channels if of.coupled else 1
        for of in steps
    )


def work(variables: list[Variable], networks: list[Network], size: Size) -> int:
    """The multiply-adds of an item, an image of this size, and something for each element."""
    total = 2**6 * sum(variable.value.elements(size) for variable in variables)
    for network in networks:
        at_each_pixel = set(network.sources) <= {"context", "features"}
        runs = size[0] * size[1] if at_each_pixel else 1
        total += runs * network.multiply_adds(size)
    return total


def plane_room(of: Predictive | SeriesRules, shapes: Sequence[PlaneShape]) -> int:
    """The bytes that coding these items takes."""
    if isinstance(of, SeriesRules):
        channel = 2**11 + sum(8 * (len(one.inputs) + 2) ** 2 for one in of.predictors)
        return sum(8 * shape.elements + shape.channels * channel for shape in shapes)
    of_row = 2**6 * (2 * of.lag + 8)
    for predictor in of.predictors:
        cells = -(-of.lag // predictor.cell) + 2
        of_row += 2 * (predictor.offsets.inputs(2) + 8) ** 2 * cells
    total = 0
    for shape in shapes:
        rows = min(shape.rows, (shape.columns - 1) // of.lag + 3)
        total += shape.planes * (2**4 * (shape.rows + 16) * (shape.columns + 16) + of_row * rows)
    return total


def plane_work(of: Predictive | SeriesRules, shapes: Sequence[PlaneShape]) -> int:
    """The multiply-adds that coding these items takes."""
    if isinstance(of, SeriesRules):
        return sum(series_work(of, shape) for shape in shapes)
    inputs = [predictor.offsets.inputs(2) for predictor in of.predictors]
    of_pixel = 2**6 + of.width + of.network.multiply_adds((1, 1))
    of_pixel += sum((n + 1) * (n + 2) for n in inputs)
    total = 0
    for shape in shapes:
        of_row = 0
        for predictor, n in zip(of.predictors, inputs, strict=True):
            of_row += -(-shape.columns // predictor.cell) * (n + 1) ** 3
        total += shape.elements * of_pixel + shape.planes * shape.rows * of_row
    return total


def series_work(of: SeriesRules, shape: PlaneShape) -> int:
    """That of an item."""
    times = shape.elements // shape.channels
    total = 2**10 * shape.elements
    for one in of.predictors:
        n = len(one.inputs)
        solutions = min(times, 64) + times // one.every
        total += shape.elements * (n + 2) ** 2 + shape.channels * solutions * (n + 1) ** 3
    return total


def plane_steps(of: Predictive | SeriesRules, shapes: Sequence[PlaneShape]) -> int:
    """The arrays that coding a batch of these items takes, at most."""
    if isinstance(of, SeriesRules):
        return 0
    return max(
        of.delay * (shape.planes - 1) + of.lag * (shape.rows - 1) + shape.columns
        for shape in shapes
    )
