"""The method planes of a multiset: batches of items, picked from those that are left
(docs/format.md, Multisets).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.archive import chain, planes
from bitsback.archive.canonical import order_of_rows
from bitsback.archive.pieces import Pieces
from bitsback.archive.runs import Run
from bitsback.message import Message
from bitsback.models import Model


def batches(items: int) -> list[range]:
    """The places of the items of each batch, in the order of coding. Each is as large as all before
    it together: their bits choose its items.
    """
    found, left = [], items
    while left:
        start = left - min(max(items - left, 1), left)
        found.append(range(start, left))
        left = start
    return found


def encode(
    model: Model,
    pieces: Pieces,
    runs: Sequence[Run],
    layout: int,
    symbols: NDArray[Any],
    content: bytes,
    lanes: int,
) -> bytes:
    """The bytes of the message that holds the pieces, whose symbols these are, as multisets, one
    for each run; `content` is their digest.
    """
    message = chain.initial(content, lanes)
    members = [_core.Multiset() for _ in runs]
    for each, rows in zip(members, _rows(pieces.elements, runs), strict=True):
        each.add(_keys(rows))
    tables = list(_rows(symbols, runs))
    for places in batches(pieces.count):
        some = list(_some(runs, places))
        picked = [
            tables[number][members[number].pop(message, run.items)].reshape(-1)
            for number, run in some
        ]
        shapes = planes.plane_shapes([run for _, run in some], layout)
        model.push_planes(message, np.concatenate(picked), shapes)
    return message.to_bytes()


def decode(model: Model, message: Message, runs: Sequence[Run], layout: int) -> NDArray[Any]:
    """The elements, flat, of the runs, each in order. The message ends up as the initial one, if
    all is well.
    """
    members = [_core.Multiset() for _ in runs]
    found: list[list[NDArray[Any]]] = [[] for _ in runs]
    for places in reversed(batches(sum(run.items for run in runs))):
        some = list(_some(runs, places))
        shapes = planes.plane_shapes([run for _, run in some], layout)
        elements = planes.from_planes(planes.pop(model, message, shapes), [run for _, run in some])
        picked = list(_rows(elements, [run for _, run in some]))
        for (number, _), rows in zip(reversed(some), reversed(picked), strict=True):
            members[number].push(message, _keys(rows))
            found[number].append(rows)
    whole = [np.concatenate(rows) for rows in found]
    return np.concatenate([rows[order_of_rows(rows)].reshape(-1) for rows in whole])


def _some(runs: Sequence[Run], places: range) -> Iterator[tuple[int, Run]]:
    """The runs that have items at these places: the number of each, and what of it is there."""
    first = 0
    for number, run in enumerate(runs):
        count = min(places.stop, first + run.items) - max(places.start, first)
        if count > 0:
            yield number, replace(run, items=count)
        first += run.items


def _rows(flat: NDArray[Any], runs: Sequence[Run]) -> Iterator[NDArray[Any]]:
    """For each run an array [items, elements of an item]."""
    at = 0
    for run in runs:
        yield flat[at : at + run.elements].reshape(run.items, -1)
        at += run.elements


def _keys(rows: NDArray[Any]) -> list[bytes]:
    return [row.tobytes() for row in rows]
