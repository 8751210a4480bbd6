"""The codec `wavefront`: images of any size as planes, many rows at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from .message import Interval, Message
from .planes import ItemShape
from .values import Ints
from .wavefront_bins import Blue, Mixture
from .wavefront_contexts import Contexts, Pixel, Surroundings
from .wavefront_plane import Plane, Prediction
from .wavefront_rules import WavefrontRules

SHEET, LAG, DELAY = 4, 16, 18  # planes at once, the times between rows, and between planes
SLOTS = 64  # of the items of a group together


class Distribution(Protocol):
    """Of a pixel, or of one of its decisions."""

    def symbol(self, level: int) -> int:
        """That of a pixel of this level."""

    def intervals(self, symbol: int) -> list[Interval]: ...

    def pop(self, message: Message, lane: int) -> int: ...


Code = Callable[[int, int, Distribution], int]
"""Codes what has this number in its array, of the pixel of an element, and gives its symbol."""


class Place(NamedTuple):
    """A pixel."""

    plane: Plane
    row: int
    column: int
    element: int  # of those of all items


@dataclass
class WavefrontItem:
    shape: ItemShape
    first: int  # element
    planes: list[Plane] = field(default_factory=list)


@dataclass
class WavefrontCodec:
    """A codec of a batch of items: a flat list of their elements, one item after the other, each
    [slices, rows, columns, channels].
    """

    of: WavefrontRules
    shapes: Sequence[ItemShape]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        coded = []

        def code(number: int, element: int, of: Distribution) -> int:
            symbol = of.symbol(symbols[element])
            coded.append((number % len(message.heads), of.intervals(symbol)))
            return symbol

        self.run(code)
        for lane, intervals in reversed(coded):
            message.push_all(lane, intervals)

    def pop(self, message: Message) -> list[int]:
        return self.run(lambda number, _, of: of.pop(message, number % len(message.heads)))

    def run(self, code: Code) -> list[int]:
        """Goes through all steps, and gives the symbols."""
        symbols = [0] * sum(shape.elements for shape in self.shapes)
        contexts = Contexts(self.of.contexts, len(symbols)) if self.of.contexts else None
        for places in self.steps():
            looks = [self.look(place) for place in places]
            parts = list(zip(places, looks, strict=True))
            if contexts:
                levels = contexts.step([self.pixel(place, *look) for place, look in parts], code)
            else:
                levels = [code(i, at.element, of) for i, (at, (_, of)) in enumerate(parts)]
            for (place, (known, _)), level in zip(parts, levels, strict=True):
                place.plane.learn(place.row, place.column, known, level)
                symbols[place.element] = level
        return symbols

    def pixel(self, place: Place, known: Prediction, distribution: Mixture | Blue) -> Pixel:
        """What contexts need of it."""
        plane, r, q, element = place
        return Pixel(element, min(plane.channel, 3), Surroundings(plane, r, q, known), distribution)

    def look(self, place: Place) -> tuple[Prediction, Mixture | Blue]:
        """What is predicted of a pixel, and its distribution."""
        plane, r, q = place[:3]
        known = plane.predict(r, q)
        features: Ints = np.array(plane.features(r, q, known))
        y = plane.network.run(features).tolist()
        mixture, blues = Mixture(known, y, plane.shape.levels), plane.blues(r, q)
        return known, mixture if blues is None else Blue(mixture, blues)

    def steps(self) -> Iterator[list[Place]]:
        """In the order of a pop."""
        for group in self.groups():
            shape = group[0].shape
            for s in range(shape.slices):
                for first in range(0, shape.channels, SHEET):
                    count = min(SHEET, shape.channels - first)
                    yield from self.sheet(group, s * shape.channels + first, count)

    def groups(self) -> Iterator[list[WavefrontItem]]:
        items, first = [], 0
        for shape in self.shapes:
            items.append(WavefrontItem(shape, first))
            first += shape.elements
        while items:
            count = group_size([item.shape for item in items])
            yield items[:count]
            items = items[count:]

    def sheet(self, group: list[WavefrontItem], first: int, count: int) -> Iterator[list[Place]]:
        """The steps of so many planes."""
        for item in group:
            for _ in range(count):
                Plane.next(self.of, item.shape, item.planes)
        shape = group[0].shape
        times = LAG * (shape.rows - 1) + shape.columns
        for time in range(times + DELAY * (count - 1)):
            for i in range(count):
                places = []
                for r in range(shape.rows):
                    q = time - LAG * r - DELAY * i
                    if 0 <= q < shape.columns:
                        for item in group:
                            element = item.first + shape.element(first + i, r, q)
                            places.append(Place(item.planes[first + i], r, q, element))
                if places:
                    yield places


def group_size(shapes: Sequence[ItemShape]) -> int:
    """The number of items, from the first on, that are coded together."""
    shape = shapes[0]
    alike = next((n for n, other in enumerate(shapes) if other != shape), len(shapes))
    across = -(-shape.columns // LAG)
    most = SLOTS // min(shape.rows, across)
    k = 1
    while 2 * k <= min(alike, most):
        k *= 2
    return k
