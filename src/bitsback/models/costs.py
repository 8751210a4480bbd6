"""What coding with a model may cost: docs/model-format.md, What a model may cost."""

from collections.abc import Iterable, Mapping

from bitsback.errors import ModelError
from bitsback.integer import Network, Size
from bitsback.models.distributions import Distribution
from bitsback.models.variables import Variable

_MOST_ROOM = 1 << 28
_WORK_OF_AN_ELEMENT = 1 << 6


def check_test(
    networks: Mapping[str, Network], size: Size, count: int, tensor_elements: int
) -> None:
    """Raises ModelError if running the test vectors would take far more than the model's size
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
        raise ModelError("the test of the model takes far more work than a model of this size may")


def room_of(
    variables: Mapping[str, Variable], distributions: Iterable[Distribution], size: Size
) -> int:
    """Bytes that coding an item takes."""
    of_variables = sum(2 * variable.elements(size) for variable in variables.values())
    return of_variables + sum(distribution.room(size) for distribution in distributions)


def check_room(room: int, batch: int) -> None:
    """Raises ModelError if a batch of a model with a size takes more than 256 MB."""
    if room * batch > _MOST_ROOM:
        raise ModelError(
            f"an item takes {room:,} bytes while it is coded, {batch} at once more than 2^28: the"
            " model needs a smaller 'batch'"
        )


def work_of(
    variables: Mapping[str, Variable],
    networks: Mapping[str, Network],
    of_a_pixel: Mapping[str, bool],
    size: Size,
) -> int:
    """Multiply-adds that coding an item takes, and what each element costs beside them."""
    elements = sum(variable.elements(size) for variable in variables.values())
    pixels = size[0] * size[1]
    work = sum(
        network.multiply_adds(size) * (pixels if of_a_pixel[name] else 1)
        for name, network in networks.items()
    )
    return work + _WORK_OF_AN_ELEMENT * elements
