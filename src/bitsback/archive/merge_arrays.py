"""Arrays joined along their first axis: as one, or, where their items or stacks are cut in several
ways, as one in parts.
"""

from collections.abc import Sequence
from dataclasses import replace

from bitsback.archive.collection import ARRAY, COUNTED, ONE, Collection
from bitsback.archive.parts import Array, FileList, Joined
from bitsback.archive.shards import Merged, Shard
from bitsback.errors import InputError


def merge_arrays(shards: Sequence[Shard]) -> Merged:
    """Raises InputError if they cannot be one."""
    arrays = [_array_of(shard, shards[0]) for shard in shards]
    if len(shards) > 1:
        for shard in shards:
            _check_alike(shard, shards[0])
    parts: list[Collection] = []
    members: list[list[tuple[int, int]]] = []
    for number, array in enumerate(arrays):
        for part, found in enumerate(array.parts):
            if parts and _go_on(parts[-1], found):
                parts[-1] = _longer(parts[-1], found)
                members[-1].append((number, part))
            elif found.entries or len(shards) == 1:
                parts.append(found)
                members.append([(number, part)])
    if not parts:
        parts, members = [arrays[0].parts[0]], [[(0, 0)]]
    if len(parts) > 1:
        return Merged(Joined(tuple(parts)), members)
    containers = {array.container for array in arrays}
    container = containers.pop() if len(containers) == 1 else ARRAY
    return Merged(replace(parts[0], container=container), members)


def _array_of(shard: Shard, first: Shard) -> Array:
    if isinstance(shard.content, FileList):
        raise InputError(f"{shard.name}: holds files, and {first.name} one array")
    return shard.content


def _check_alike(shard: Shard, first: Shard) -> None:
    """Raises InputError unless the array can be joined to the first one."""
    (mine, *_), (other, *_) = shard.parts, first.parts
    if mine.axes == ONE and not mine.stack:
        raise InputError(
            f"{shard.name}: its array is one picture, or one item, behind which no more can be put;"
            " compress such arrays together, along a first axis, or as files"
        )
    for what, a, b in (
        ("dtype", mine.dtype.str, other.dtype.str),
        ("items of the shape", mine.shape[1:], other.shape[1:]),
    ):
        if a != b:
            raise InputError(
                f"{shard.name}: has the {what} {a}, and {first.name} {b}; arrays are joined along"
                " their first axis"
            )


def _go_on(part: Collection, other: Collection) -> bool:
    """Whether the items of another array can be more items of this one."""
    return part.axes == other.axes == COUNTED and (part.cut == other.cut or not other.entries)


def _longer(part: Collection, other: Collection) -> Collection:
    return replace(part, shape=(part.entries + other.entries, *part.shape[1:]))
