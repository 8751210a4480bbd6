"""The codec `predictive` with contexts that are counted beside its network."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .codecs import Array
from .counted import Code, CountedCodec, Decision, Item, Pixel, State, Sure, stretch
from .planes import ItemShape
from .predicted_plane import LEVEL, Plane
from .predictive import Pixel as Interval
from .predictive import Place, PlanesCodec, Step
from .predictive_rules import Predictive


class MixedCodec(CountedCodec):
    """A codec of a batch of items: a flat list of their elements, one item after the other, each
    [slices, rows, columns, channels].
    """

    def __init__(self, of: Predictive, shapes: Sequence[ItemShape]) -> None:
        assert of.counts is not None
        super().__init__(of.counts, shapes)
        self.network = PlanesCodec(of, shapes)

    def run(self, code: Code) -> list[Item]:
        self.planes: dict[int, list[Plane]] = {}  # by the first element of an item
        return super().run(code)

    def foresee(self, pixels: list[Pixel]) -> None:
        self.now: Step = self.network.step([self.place(pixel) for pixel in pixels])
        self.intervals = {
            id(pixel): interval for pixel, interval in zip(pixels, self.now.pixels, strict=True)
        }
        for pixel, interval in zip(pixels, self.now.pixels, strict=True):
            pixel.foreseen["prediction"] = interval.prediction // LEVEL
            pixel.foreseen["unit"] = interval.unit.index
        for i, pixel in enumerate(pixels):
            pixel.inputs = [int(byte) for byte in self.now.contexts[i]]
            if self.of.layer is not None:
                made = self.now.values[self.of.layer][i].ravel()
                pixel.features = [(c - 64) * 2**5 for c in pixel.inputs]
                pixel.features += [int(f) * 2**5 for f in made]

    def place(self, pixel: Pixel) -> Place:
        item = pixel.item
        planes = self.planes.setdefault(item.first, [])
        if pixel.plane == len(planes):
            Plane.next(self.network.of, item.shape, planes)
        return Place(planes[pixel.plane], pixel.row, pixel.column, item.element(pixel))

    def masses(self, pixel: Pixel) -> tuple[int, int]:
        """The mass of the lower and of the upper half of what is left."""
        decisions, depth = self.of.decisions, len(pixel.bits)
        node = pixel.node(depth)
        low, middle = pixel.least(decisions, node), pixel.least(decisions, 2 * node + 1)
        end = min(low + 2 ** (decisions - depth), pixel.item.shape.levels)
        below = [self.intervals[id(pixel)].below(c) for c in (low, min(middle, end), end)]
        return below[1] - below[0], below[2] - below[1]

    def choices(self, pixel: Pixel) -> list[int]:
        return [bit for bit, mass in enumerate(self.masses(pixel)) if mass > 0]

    def predict(self, state: State, pixel: Pixel) -> Decision | Sure:
        lower, upper = self.masses(pixel)
        p, rare = 2**28 * upper // (lower + upper), 2**28 >> self.of.sure
        if p < rare or p > 2**28 - rare:
            return Sure(p)
        return state.predict(pixel, stretch(min(max(p >> 6, 1), 2**22 - 1)))

    def learn(self, pixels: list[Pixel]) -> None:
        self.now.learn([self.symbol(pixel) for pixel in pixels])


@dataclass
class Left:
    """What is left of a pixel: the symbols from `low` on below `end`."""

    of: Interval
    low: int
    end: int
    split: int = 0

    @property
    def precision(self) -> int:
        return self.of.precision

    @property
    def size(self) -> int:
        return self.of.size

    def mass(self, low: int, end: int) -> int:
        return self.of.below(end) - self.of.below(low)

    def cumulative(self, c: int) -> int:
        """Of what is left alone."""
        part = self.mass(self.low, min(max(c, self.low), self.end))
        return (part << self.precision) // self.mass(self.low, self.end)

    def divide(self) -> None:
        """Finds the split."""
        whole = self.of.below(self.low) + self.of.below(self.end)
        symbols = range(self.low, self.end)
        c = symbols[bisect_right(symbols, whole, key=lambda c: 2 * self.of.below(c + 1))]
        below, above = self.of.below(c), self.of.below(c + 1)
        lower = c > self.low and (c + 1 == self.end or whole - 2 * below <= 2 * above - whole)
        self.split = c if lower else c + 1


class QuantileCodec(MixedCodec):
    """The same by a tree of the network's quantiles."""

    def foresee(self, pixels: list[Pixel]) -> None:
        super().foresee(pixels)
        self.left = {
            id(pixel): Left(self.intervals[id(pixel)], 0, pixel.item.shape.levels)
            for pixel in pixels
        }

    def masses(self, pixel: Pixel) -> tuple[int, int]:
        left = self.left[id(pixel)]
        return left.mass(left.low, left.split), left.mass(left.split, left.end)

    def choices(self, pixel: Pixel) -> list[int]:
        left = self.left[id(pixel)]
        if left.end - left.low == 1:
            left.split = left.end
            return [0]
        left.divide()
        pixel.split = left.split
        return super().choices(pixel)

    def bit(self, pixel: Pixel, symbol: int) -> int:
        return int(symbol >= pixel.split)

    def take(self, pixel: Pixel, bit: int) -> None:
        super().take(pixel, bit)
        left = self.left[id(pixel)]
        if bit:
            left.low = left.split
        else:
            left.end = left.split

    def code_rest(self, pixels: list[Pixel], code: Code) -> None:
        some = [pixel for pixel in pixels if self.symbols_left(pixel) > 1]
        array = Array([self.left[id(pixel)] for pixel in some])
        for pixel, symbol in zip(some, code(array, some, self.of.decisions), strict=True):
            self.left[id(pixel)] = Left(self.intervals[id(pixel)], symbol, symbol + 1)

    def symbols_left(self, pixel: Pixel) -> int:
        left = self.left[id(pixel)]
        return left.end - left.low

    def symbol(self, pixel: Pixel) -> int:
        return self.left[id(pixel)].low


def mixed_codec(of: Predictive, shapes: Sequence[ItemShape]) -> MixedCodec:
    assert of.counts is not None
    return QuantileCodec(of, shapes) if of.counts.quantiles else MixedCodec(of, shapes)
