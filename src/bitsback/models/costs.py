"""Bounds of the memory and time of coding with a model (docs/model-format.md, What a model may
cost).
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from bitsback.errors import ArchiveError, ModelError
from bitsback.models.distributions.distribution import Distribution
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA, Variable

_MOST_MEMORY = 1 << 28
_MACS_OF_AN_ELEMENT = 1 << 6
_MACS_OF_A_STEP = 1 << 15  # multiply-adds that take as long as starting an array


class Costly(Protocol):
    """The total costs of items that a model codes."""

    @property
    def most_elements(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def steps(self) -> int: ...


Coded = tuple[Costly, int]
"""The costs of items, and the number of their batches."""


def check_test(
    networks: Mapping[str, Network], size: Size, count: int, tensor_elements: int
) -> None:
    """Raises ModelError if the test vectors take too much work for a model of this size."""
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
    """The bytes of memory that coding an item takes."""
    of_variables = 2 * (shape.elements + latents_of(variables, shape))
    return of_variables + sum(distribution.memory(shape) for distribution in distributions)


def check_memory(memory: int, batch: int, state: int) -> None:
    """Raises ModelError if a batch of a fixed-size model takes more than 256 MB.

    memory: the bytes of an item. state: the bytes that do not depend on the number of items.
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
    """The multiply-adds for coding an item, and a constant for each element.

    networks: those that read variables.
    """
    macs = sum(network.multiply_adds(shape.size) for network in networks)
    macs += sum(distribution.macs(shape) for distribution in distributions)
    return macs + _MACS_OF_AN_ELEMENT * (shape.elements + latents_of(variables, shape))


def latents_of(variables: Mapping[str, Variable], shape: ItemShape) -> int:
    """The number of elements of all latents of an item."""
    latents = (each for name, each in variables.items() if name != DATA)
    return sum(each.elements(shape.size) for each in latents)


def max_elements(data_size: int) -> int:
    """The greatest number of elements that readers accept in `data_size` bytes.

    The limit keeps a few bytes from requesting all memory.
    """
    return (1 << 16) + (data_size << 12)


def check_claim(count: int, what: str, data_size: int) -> None:
    """Raises ArchiveError if readers do not accept so many elements in `data_size` bytes."""
    if count > max_elements(data_size):
        raise excess(count, what, data_size)


def excess(count: int, what: str, data_size: int) -> ArchiveError:
    return ArchiveError(
        f"it claims {count} {what} in {data_size} bytes, more than any writer makes"
    )


def affordable(parts: Iterable[Coded], data_size: int) -> bool:
    """Whether the memory and time of decoding stay within the limits for `data_size` bytes.

    A block has 32 bytes besides its data. An archive therefore needs at most 2^26 multiply-adds for
    each of its bytes, even after merging.
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
