"""Blended predictors beside counted contexts: what they expect of a pixel."""

from typing import NamedTuple, Protocol

from .counted_rules import Look, Term

AROUND = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)]
UNITS = 16
FULL = 100  # the count of a deviation, at most


class Known(Protocol):
    """A pixel among those that are known."""

    def around(self, dr: int, dq: int) -> tuple[int, Look] | None:
        """The symbol there, and what is around it; or nothing outside of the plane."""

    def look(self, k: int, dr: int, dq: int) -> int: ...


class Deviation:
    def __init__(self, unit: int) -> None:
        self.mean, self.count = 16 * 2 ** (unit // 2), 0

    def learn(self, error: int) -> None:
        self.mean += ((16 * error - self.mean) * (2**16 // (self.count + 2))) >> 16
        self.count = min(self.count + 1, FULL)


class Blended(NamedTuple):
    """What is expected of a pixel."""

    prediction: int  # in units of 2^-4
    unit: int
    deviation: Deviation

    def odds(self, symbol: int) -> int:
        """Those of a lesser symbol, in units of 2^-12."""
        scale = (5678 << 12) // max(self.deviation.mean, 16)
        odds = 16 * (16 * symbol - 8 - self.prediction) * scale >> 12
        return min(max(odds, -(2**16)), 2**16 - 1)


class Blend:
    def __init__(self, predictors: list[Term]) -> None:
        self.predictors = predictors
        self.deviations: dict[tuple[int, int], Deviation] = {}  # by channel and unit

    def predict(self, pixel: Known, channel: int) -> Blended:
        errors = [0] * len(self.predictors)
        for dr, dq in AROUND:
            found = pixel.around(dr, dq)
            if found:
                symbol, look = found
                for k, prediction in enumerate(self.predictions(look)):
                    errors[k] += abs(symbol - prediction)
        weights = [max(2**18 // (4 + error**2), 1) for error in errors]
        total = sum(weights)
        blend = sum(w * p for w, p in zip(weights, self.predictions(pixel.look), strict=True))
        unit = self.unit(3 * min(errors))
        deviation = self.deviations.setdefault((min(channel, 3), unit), Deviation(unit))
        return Blended((16 * blend + total // 2) // total, unit, deviation)

    def predictions(self, look: Look) -> list[int]:
        return [term.value(look, {}) for term in self.predictors]

    def unit(self, error: int) -> int:
        if error < 2:
            return error
        lead = error.bit_length() - 1
        return min(2 * lead + error // 2 ** (lead - 1) % 2, UNITS - 1)
