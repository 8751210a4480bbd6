"""Bounds on the cost of coding with a model (docs/model-format.md, What a model may cost)."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from bitsback.errors import ModelError
from bitsback.models.distributions.distribution import Distribution
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA, Variable

_MOST_MEMORY = 1 << 28
_MACS_OF_AN_ELEMENT = 1 << 6
_MACS_OF_A_STEP = 1 << 15  # multiply-adds in the time that the start of an array takes


class Costly(Protocol):
    """The total costs of the items of a block that a model codes."""

    @property
    def most_elements(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def steps(self) -> int: ...


Coded = tuple[Costly, int]
"""Including the number of their batches."""


def check_test(
    networks: Mapping[str, Network], size: Size, count: int, tensor_elements: int
) -> None:
    """Raises ModelError if the test vectors would take far more work than the model's size
    warrants.
    """
    for name, network in networks.items():
        if count * network.elements(size) > (1 << 22) + (tensor_elements << 7):
            raise ModelError(
                f"{name}: its values in the test are too many for a model of this size"
            )
    if count * sum(network.multiply_adds(size) for network in networks.values()) > (1 << 28) + (
        tensor_elements << 12
    ):
        raise ModelError("the test of the model takes far more MACs than a model of this size may")


def memory_of(
    variables: Mapping[str, Variable], distributions: Iterable[Distribution], shape: ItemShape
) -> int:
    """Bytes that coding an item takes."""
    of_variables = 2 * (shape.elements + latents_of(variables, shape))
    return of_variables + sum(distribution.memory(shape) for distribution in distributions)


def check_memory(memory: int, batch: int, state: int) -> None:
    """Raises ModelError if a batch of a model with a size takes more than 256 MB. state: the bytes
    that it takes besides those of its items.
    """
    if memory * batch + state > _MOST_MEMORY:
        raise ModelError(
            f"an item takes {memory:,} bytes while it is coded, {batch} at once more than 2^28: the"
            " model needs a smaller 'batch'"
        )


def macs_of(
    variables: Mapping[str, Variable],
    networks: Iterable[Network],
    distributions: Iterable[Distribution],
    shape: ItemShape,
) -> int:
    """The multiply-adds for coding an item, including a constant for each element. networks: those
    that read variables.
    """
    macs = sum(network.multiply_adds(shape.size) for network in networks)
    macs += sum(distribution.macs(shape) for distribution in distributions)
    return macs + _MACS_OF_AN_ELEMENT * (shape.elements + latents_of(variables, shape))


def latents_of(variables: Mapping[str, Variable], shape: ItemShape) -> int:
    """Elements of all latents of an item."""
    latents = (each for name, each in variables.items() if name != DATA)
    return sum(each.elements(shape.size) for each in latents)


def max_elements(data_size: int) -> int:
    """The most elements of `data_size` bytes of data, so that a few bytes cannot claim all
    memory.
    """
    return (1 << 16) + (data_size << 12)


def affordable(parts: Iterable[Coded], data_size: int) -> bool:
    """Whether decoding these from `data_size` bytes takes no more memory and time than the bytes
    warrant. A block has 32 bytes besides its data, so an archive, also a merged one, needs at most
    2^26 multiply-adds for each of its bytes.
    """
    elements = memory = macs = 0
    for part, batches in parts:
        elements += part.most_elements
        memory = max(memory, part.memory)
        macs += part.macs + batches * part.steps * _MACS_OF_A_STEP
    return (
        elements <= max_elements(data_size)
        and memory <= (1 << 26) + (data_size << 10)
        and macs <= (1 << 31) + (data_size << 25)
    )
