"""The codec `predictive`: images of any size as planes, a pixel at a time, each predicted from
those before it by several predictors; a network sees how far its neighbours are from what was
predicted, and gives the distribution of the pixel around the prediction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .codecs import Array, Interval, Mixture
from .least_squares import LeastSquares
from .message import Message
from .planes import Field, PlaneShape, from_planes, median_edge, to_planes
from .predictive_rules import TOP, Offset, Predictive
from .units import Unit
from .values import Ints

LEVEL = 2**8  # predictions and errors are in units of 2^-8 of a level
LEAST_ERROR = 48  # no predictor is trusted more than this
LEAST_UNIT = 16
LEAST_NORMAL = 64  # of what the sums are in units of
MOST_NORMAL = 1023
# What an error is expected to be from: places and weights, of sum 8.
RECENT = [((0, -1), 2), ((-1, 0), 2), ((-1, -1), 1), ((-1, 1), 1), ((0, -2), 1), ((-2, 0), 1)]
NEIGHBOURS = [(0, -1), (-1, 0), (-1, -1), (-1, 1)]  # W, N, NW, NE


def recent(errors: Field, r: int, q: int) -> int:
    return (sum(w * errors[r + dr, q + dq] for (dr, dq), w in RECENT) + 4) >> 3


def blend(predictions: Sequence[int], errors: Sequence[int]) -> int:
    """The mean of the predictions, each weighted by one over the square of its recent error."""
    least = min(errors) + LEAST_ERROR
    weights = [((least << 8) // (error + LEAST_ERROR)) ** 2 for error in errors]
    total = sum(weights)
    mean = sum(w * p for w, p in zip(weights, predictions, strict=True))
    return (mean + (total >> 1)) // total


class Prediction(NamedTuple):
    """What is known of a pixel before it is coded; all but the inputs in 2^-8 of a level."""

    median: int  # MED, in levels
    inputs: list[list[int]]  # of each least squares predictor, in levels
    parts: list[int]  # the predictions of MED and of these
    errors: list[int]  # their recent errors
    blended: int
    error: int  # the recent error of the blend

    @property
    def unit(self) -> Unit:
        return Unit.of(self.error + LEAST_UNIT)


class Plane:
    """A plane while it is coded: what is known of it."""

    def __init__(self, of: Predictive, shape: PlaneShape, references: Sequence["Plane"]) -> None:
        self.of, self.shape, self.references = of, shape, references
        error = LEVEL * shape.levels >> 5
        middle = shape.levels >> 1

        def field(start: int) -> Field:
            return Field(shape.rows, shape.columns, start)

        self.x, self.blended, self.error = field(middle), field(LEVEL * middle), field(error)
        self.errors = [field(error) for _ in range(1 + len(of.predictors))]
        self.solvers = [
            LeastSquares(start[len(references)], shape.columns, one.cell, one.decay, one.ridge)
            for start, one in zip(of.starts, of.predictors, strict=True)
        ]

    def predict(self, r: int, q: int) -> Prediction:
        m, top = median_edge(self.x, r, q), LEVEL * (self.shape.levels - 1)
        medians = [median_edge(other.x, r, q) for other in self.references]
        inputs, parts = [], [LEVEL * m]
        for of, solver in zip(self.of.predictors, self.solvers, strict=True):
            offsets = of.offsets
            u = [self.x[r + dr, q + dq] - m for dr, dq in offsets.own]
            of_references = (offsets.first, offsets.second)
            for other, median, near in zip(self.references, medians, of_references, strict=False):
                u += [other.x[r + dr, q + dq] - median for dr, dq in near]
            weights = solver.weights(r, q)
            change = sum(w * one for w, one in zip(weights, u, strict=True))
            inputs.append(u)
            parts.append(min(max(LEVEL * m + ((change + 8) >> 4), 0), top))
        errors = [recent(field, r, q) for field in self.errors]
        blended = blend(parts[1:], errors[1:])
        return Prediction(m, inputs, parts, errors, blended, recent(self.error, r, q))

    def context(self, r: int, q: int, known: Prediction) -> list[int]:
        """The bytes that the network of a pixel sees."""
        window, references, unit = self.of.window, len(self.references), known.unit
        levels, see = self.shape.levels, self.of.see

        def seen(difference: int) -> int:
            return see[min(max(unit.steps(difference), -1024), 1023) + 1024]

        def seen_around(field: Field, offsets: list[Offset], center: int) -> list[int]:
            return [seen(LEVEL * field[r + dr, q + dq] - center) for dr, dq in offsets]

        context = seen_around(self.x, window.own, known.blended)
        for number, offsets in enumerate((window.first, window.second)):
            if number < references:
                other = self.references[number]
                context += seen_around(other.x, offsets, other.blended[r, q])
            else:
                context += [seen(0)] * len(offsets)
        context += [seen(part - known.blended) for part in known.parts]
        for error in known.errors:
            ratio = Unit.of(error + LEAST_UNIT).index - unit.index
            context.append(min(max(64 + 4 * ratio, 0), TOP))
        for dr, dq in NEIGHBOURS:
            place = r + dr, q + dq
            context.append(seen(LEVEL * self.x[place] - self.blended[place]))
        context += [seen(known.blended), seen(LEVEL * (levels - 1) - known.blended)]
        context += [min(unit.index, TOP), min(Unit.of(4 * levels).index, TOP)]
        context.append((known.blended & 255) >> 1)
        return [*context, 63 * references, 8 * min(r, 15), 8 * min(q, 15)]

    def learn(self, r: int, q: int, known: Prediction, symbol: int) -> None:
        """The pixel is known now."""
        self.x[r, q], self.blended[r, q] = symbol, known.blended
        self.error[r, q] = abs(LEVEL * symbol - known.blended)
        for field, part in zip(self.errors, known.parts, strict=True):
            field[r, q] = abs(LEVEL * symbol - part)
        unit = Unit.of(known.error + LEAST_NORMAL)
        for solver, inputs in zip(self.solvers, known.inputs, strict=True):
            steps = [unit.nearest(LEVEL * u) for u in [*inputs, symbol - known.median]]
            normal = [min(max(step, -MOST_NORMAL), MOST_NORMAL) for step in steps]
            solver.add(r, q, normal)


@dataclass
class Pixel:
    """The distribution of a pixel: a mixture over the differences to its prediction, in its
    unit.
    """

    mixture: Mixture  # means and inverse scales in 2^-12 of the unit
    prediction: int
    unit: Unit

    @property
    def precision(self) -> int:
        return self.mixture.precision

    @property
    def size(self) -> int:
        return self.mixture.size

    def cumulative(self, c: int) -> int:
        end = LEVEL * c - LEVEL // 2 - self.prediction
        return self.mixture.cumulative_at(c, self.unit.fine(end))


Place = tuple[Plane, int, int]  # row and column


@dataclass
class PlanesCodec:
    """A codec of a batch of items: a flat list of their elements, one item after the other."""

    of: Predictive
    shapes: Sequence[PlaneShape]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        arrays = [(intervals, x) for intervals, x, _ in self.run(symbols)]
        for intervals, x in reversed(arrays):
            Array(intervals).push(message, x)

    def run(self, symbols: Sequence[int]) -> Iterator[tuple[list[Interval], list[int], Ints]]:
        """The arrays of known items, in the order of a pop: distributions, symbols, contexts."""
        items, known = self._items(), []
        ends = np.cumsum([0, *(shape.elements for shape in self.shapes)])
        for shape, planes, start in zip(self.shapes, items, ends, strict=False):
            item = np.array(symbols[start : start + shape.elements], np.int64)
            known += list(zip(planes, to_planes(item, shape), strict=True))
        by_plane = {id(plane): x for plane, x in known}
        for places in self._steps(items):
            seen, contexts = self._see(places)
            x = [int(by_plane[id(plane)][r, q]) for plane, r, q in places]
            yield self._intervals(places, seen, contexts), x, contexts
            self._learn(places, seen, x)

    def pop(self, message: Message) -> list[int]:
        items = self._items()
        for places in self._steps(items):
            seen, contexts = self._see(places)
            x = Array(self._intervals(places, seen, contexts)).pop(message)
            self._learn(places, seen, x)
        out: list[int] = []
        for shape, planes in zip(self.shapes, items, strict=True):
            at = [(r, q) for r in range(shape.rows) for q in range(shape.columns)]
            known = np.array([[plane.x[place] for place in at] for plane in planes], np.int64)
            out += from_planes(known, shape).ravel().tolist()
        return out

    def _items(self) -> list[list[Plane]]:
        """The planes of each item, in coding order."""
        items = []
        for shape in self.shapes:
            planes: list[Plane] = []
            for p in range(shape.planes):
                references = [planes[other] for other in shape.references(p)]
                planes.append(Plane(self.of, shape, references))
            items.append(planes)
        return items

    def _steps(self, items: list[list[Plane]]) -> Iterator[list[Place]]:
        """The pixels that are coded together, until there are no more."""
        at: dict[int, list[Place]] = {}
        for planes in items:
            for p, plane in enumerate(planes):
                for r in range(plane.shape.rows):
                    for q in range(plane.shape.columns):
                        t = q + self.of.lag * r + self.of.delay * p
                        at.setdefault(t, []).append((plane, r, q))
        return iter([at[t] for t in sorted(at)])

    def _see(self, places: list[Place]) -> tuple[list[Prediction], Ints]:
        """What is known of each pixel, and the contexts [pixels, width]."""
        seen = [plane.predict(r, q) for plane, r, q in places]
        contexts = [
            plane.context(r, q, known) for (plane, r, q), known in zip(places, seen, strict=True)
        ]
        return seen, np.array(contexts, np.int64)

    def _learn(self, places: list[Place], seen: list[Prediction], x: list[int]) -> None:
        for (plane, r, q), known, symbol in zip(places, seen, x, strict=True):
            plane.learn(r, q, known, symbol)

    def _intervals(
        self, places: list[Place], seen: list[Prediction], contexts: Ints
    ) -> list[Interval]:
        source = contexts[:, np.newaxis, np.newaxis]
        values = self.of.network.run((1, 1), {"context": source})
        mixtures = self.of.mixture.intervals(*(values[name] for name in self.of.outputs))
        return [
            Pixel(replace(mixture, size=plane.shape.levels), known.blended, known.unit)
            for mixture, known, (plane, _, _) in zip(mixtures, seen, places, strict=True)
        ]
