"""A plane while it is coded by `predictive`: what is predicted of each pixel, and what the network
of a pixel sees.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .jpeg_colours import blues
from .least_squares import LeastSquares
from .planes import Field, ItemShape, median_edge
from .predictive_rules import TOP, Offset, Predictive
from .units import Unit

LEVEL = 2**8  # predictions and errors are in units of 2^-8 of a level
LEAST_ERROR = 48  # no predictor is trusted more than this
LEAST_UNIT = 16
LEAST_NORMAL = 64  # the least unit of the sums; the greatest follows
MOST_NORMAL = 1023
# The expected error comes from these: places and weights, of sum 8.
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
    """The prediction of a pixel. All numbers but the inputs are in 2^-8 of a level."""

    median: int  # MED, in levels
    inputs: list[list[int]]  # those of each least squares predictor, in levels
    parts: list[int]  # the predictions of MED and of these
    errors: list[int]  # their recent errors
    blended: int
    error: int  # the recent error of the blend

    @property
    def unit(self) -> Unit:
        return Unit.of(self.error + LEAST_UNIT)


class Plane:
    """A plane while it is coded: what is known of it."""

    def __init__(
        self,
        of: Predictive,
        shape: ItemShape,
        references: Sequence["Plane"],
        others: Sequence["Plane"] = (),
    ) -> None:
        """others: if it is blue and has colours of JPEG, green and red."""
        self.of, self.shape, self.references, self.others = of, shape, references, others
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

    @classmethod
    def next(cls, of: Predictive, shape: ItemShape, planes: list["Plane"]) -> "Plane":
        """The plane behind these, which is added to them."""
        p = len(planes)
        references = [planes[other] for other in shape.references(p)]
        is_blue = shape.jpeg and p % 3 == 2
        planes.append(cls(of, shape, references, planes[p - 2 : p] if is_blue else ()))
        return planes[p]

    def blues(self, r: int, q: int) -> list[int] | None:
        """The symbols that a pixel may have, if not all."""
        if not self.others:
            return None
        green, red = self.others
        return blues(green.x[r, q], red.x[r, q])

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
