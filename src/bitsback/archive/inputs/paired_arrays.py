"""Arrays of an npz file that belong together: items and their records (docs/sets.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.request import Bonds, Input, Request
from bitsback.errors import InputError
from bitsback.files.npy import Items
from bitsback.format.array_part import COUNTED, ArrayPart
from bitsback.format.labelling import pack_arrays
from bitsback.format.members import Files
from bitsback.format.parts import ARRAYS, FileCollection
from bitsback.io.names import printable

_MOST = 1 << 30  # bytes of the records in memory


@dataclass(frozen=True)
class _Leader:
    """An array of items, and the arrays with a record for each item."""

    name: str
    followers: Sequence[str]


def arrays_input(
    arrays: Mapping[str, Items], name: str, request: Request, ordered: Mapping[str, ArrayPart]
) -> Input:
    """The input for the arrays of an npz file.

    name: the name of the file. ordered: the arrays as parts that keep their order. Raises
    InputError.
    """
    labels = request.options.labels
    if labels is not None and labels not in arrays:
        known = ", ".join(map(printable, arrays))
        raise InputError(f"{name}: has no array {printable(labels)!r} of labels, but {known}")
    order = list(arrays)
    leaders = _leaders(arrays) if request.options.unordered else []
    followers = {follower for leader in leaders for follower in leader.followers}
    for leader in leaders:  # members come after the leader that gives them their order
        for follower in leader.followers:
            order.remove(follower)
        at = order.index(leader.name) + 1
        order[at:at] = leader.followers
    parts = [
        (
            arrays[key],
            _counted(arrays[key]) if key in followers or key == labels else ordered[key],
        )
        for key in order
    ]
    held: dict[str, NDArray[Any]] = {key: _held(arrays[key]) for key in order if key in followers}
    numbers = {key: number for number, key in enumerate(order)}
    collection = FileCollection(ARRAYS, tuple(part for _, part in parts))
    return Input(
        collection,
        parts,
        name,
        Files(collection, order, []),
        labels=b"" if labels is None else _labels(arrays, labels, name, numbers),
        bonds=Bonds(
            frozenset(numbers[leader.name] for leader in leaders),
            {numbers[leader.name]: [held[key] for key in leader.followers] for leader in leaders},
            {
                numbers[key]: (numbers[leader.name], held[key])
                for leader in leaders
                for key in leader.followers
            },
            frozenset(numbers[key] for key in {*followers, labels} if key is not None),
        ),
    )


def _leaders(arrays: Mapping[str, Items]) -> list[_Leader]:
    """For each length, the largest array of that length whose items are not single numbers."""
    found = []
    for length in dict.fromkeys(items.shape[0] for items in arrays.values() if items.shape):
        alike = [key for key, items in arrays.items() if items.shape[:1] == (length,)]
        largest = max(alike, key=lambda key: _bytes(arrays[key]))
        if len(arrays[largest].shape) > 1:
            found.append(_Leader(largest, [key for key in alike if key != largest]))
    return found


def _labels(
    arrays: Mapping[str, Items], labels: str, name: str, numbers: Mapping[str, int]
) -> bytes:
    """The `L` section. Raises InputError if no other array has as many items."""
    shape = arrays[labels].shape
    alike = [key for key, items in arrays.items() if key != labels and items.shape[:1] == shape[:1]]
    if not shape or not alike:
        raise InputError(
            f"{name}: {printable(labels)} has {' x '.join(map(str, shape)) or 'one'} labels, and no"
            " other array is as long"
        )
    images = max(alike, key=lambda key: _bytes(arrays[key]))
    return pack_arrays(numbers[images], numbers[labels])


def _bytes(items: Items) -> int:
    return int(np.prod(items.shape, dtype=object)) * items.dtype.itemsize


def _counted(items: Items) -> ArrayPart:
    return ArrayPart(items.dtype, items.shape, COUNTED if items.shape else 0)


def _held(items: Items) -> NDArray[Any]:
    """The records in memory. Raises InputError if they are too large."""
    if _bytes(items) > _MOST:
        raise InputError(
            f"{items.name}: records of unordered items have to fit into {_MOST} bytes of memory,"
            f" and it has {_bytes(items)} bytes; compress it separately, or without unordered"
            " (--unordered)"
        )
    array = items.read(items.shape[0], COUNTED)
    items.finish()
    return array
