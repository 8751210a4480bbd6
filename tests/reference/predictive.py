"""The codec `predictive`: images of any size as planes, a pixel at a time, each predicted from
those before it by several predictors; a network sees how far its neighbours are from what was
predicted, and gives the distribution of the pixel around the prediction.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .codecs import Array, DiscretisedMixture
from .message import Message
from .planes import ItemShape
from .predicted_plane import LEVEL, Plane, Prediction
from .predictive_rules import Predictive
from .units import Unit
from .values import Ints


@dataclass
class Pixel:
    """The distribution of a pixel: a mixture over the differences to its prediction, in its
    unit.
    """

    mixture: DiscretisedMixture  # means and inverse scales in 2^-12 of the unit
    prediction: int
    unit: Unit
    blues: list[int] | None = None  # the symbols that it may have, if not all

    @property
    def precision(self) -> int:
        return self.mixture.precision

    @property
    def size(self) -> int:
        return self.mixture.size

    def uncut(self, c: int) -> int:
        end = LEVEL * c - LEVEL // 2 - self.prediction
        return self.mixture.cumulative_at(c, self.unit.fine(end))

    @cached_property
    def masses(self) -> list[int]:
        """Of each symbol that it may have."""
        return [self.uncut(c + 1) - self.uncut(c) for c in self.blues or []]

    def below(self, c: int) -> int:
        """The mass of the symbols below c that it may have."""
        if self.blues is None:
            return self.uncut(c)
        return sum(self.masses[: bisect_left(self.blues, c)])

    def cumulative(self, c: int) -> int:
        if self.blues is None:
            return self.uncut(c)
        return (self.below(c) << self.precision) // self.below(self.size)


class Place(NamedTuple):
    """A pixel."""

    plane: Plane
    row: int
    column: int
    element: int  # of those of all items


class Step(NamedTuple):
    """The pixels that are coded together, before they are known."""

    places: list[Place]
    predictions: list[Prediction]
    contexts: Ints  # [pixels, width]
    pixels: list[Pixel]
    values: Mapping[str, Ints]  # of the network

    def learn(self, symbols: Sequence[int]) -> None:
        for place, prediction, symbol in zip(self.places, self.predictions, symbols, strict=True):
            place.plane.learn(place.row, place.column, prediction, symbol)


@dataclass
class PlanesCodec:
    """A codec of a batch of items: a flat list of their elements, one item after the other, each
    [slices, rows, columns, channels].
    """

    of: Predictive
    shapes: Sequence[ItemShape]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        arrays = []
        for step in self.steps():
            known = [symbols[place.element] for place in step.places]
            step.learn(known)
            arrays.append((Array(step.pixels), known))
        for array, known in reversed(arrays):
            array.push(message, known)

    def pop(self, message: Message) -> list[int]:
        symbols = [0] * sum(shape.elements for shape in self.shapes)
        for step in self.steps():
            known = Array(step.pixels).pop(message)
            step.learn(known)
            for place, symbol in zip(step.places, known, strict=True):
                symbols[place.element] = symbol
        return symbols

    def steps(self) -> Iterator[Step]:
        """In the order of a pop; each must learn its symbols before the next one comes."""
        by_time: dict[int, list[Place]] = {}
        first = 0
        for shape in self.shapes:
            for time, place in self._places(shape, first):
                by_time.setdefault(time, []).append(place)
            first += shape.elements
        for time in sorted(by_time):
            yield self.step(by_time[time])

    def _places(self, shape: ItemShape, first: int) -> Iterator[tuple[int, Place]]:
        """The pixels of an item with their times, plane by plane and row by row; `first` is its
        first element.
        """
        planes: list[Plane] = []
        for p in range(shape.planes):
            plane = Plane.next(self.of, shape, planes)
            for r in range(shape.rows):
                for q in range(shape.columns):
                    time = q + self.of.lag * r + self.of.delay * p
                    yield time, Place(plane, r, q, first + shape.element(p, r, q))

    def step(self, places: list[Place]) -> Step:
        """The step of the pixels of these places."""
        predictions = [place.plane.predict(place.row, place.column) for place in places]
        contexts = np.array(
            [
                place.plane.context(place.row, place.column, prediction)
                for place, prediction in zip(places, predictions, strict=True)
            ]
        )
        source = contexts[:, np.newaxis, np.newaxis]
        values = self.of.network.run((1, 1), {"context": source})
        mixtures = self.of.mixture.intervals(*(values[name] for name in self.of.outputs))
        pixels = [
            Pixel(
                replace(mixture, size=place.plane.shape.levels),
                prediction.blended,
                prediction.unit,
                place.plane.blues(place.row, place.column),
            )
            for mixture, prediction, place in zip(mixtures, predictions, places, strict=True)
        ]
        return Step(places, predictions, contexts, pixels, values)
