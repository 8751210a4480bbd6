"""The codec `predictive` with contexts that are counted beside its network."""

from collections.abc import Sequence

from .counted import Code, CountedCodec, Decision, Item, Pixel, State, Sure, stretch
from .planes import ItemShape
from .predicted_plane import LEVEL, Plane
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
        self.now.learn([pixel.symbol for pixel in pixels])
