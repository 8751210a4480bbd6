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
            references = [planes[other] for other in item.shape.references(pixel.plane)]
            planes.append(Plane(self.network.of, item.shape, references))
        return Place(planes[pixel.plane], pixel.row, pixel.column, item.element(pixel))

    def predict(self, state: State, pixel: Pixel) -> Decision | Sure:
        decisions, depth = self.of.decisions, len(pixel.bits)
        node = pixel.node(depth)
        end = min(pixel.least(decisions, node) + 2 ** (decisions - depth), pixel.item.shape.levels)
        bounds = pixel.least(decisions, node), pixel.least(decisions, 2 * node + 1), end
        low, middle, high = (self.intervals[id(pixel)].cumulative(c) for c in bounds)
        p, rare = 2**28 * (high - middle) // (high - low), 2**28 >> self.of.sure
        if p < rare or p > 2**28 - rare:
            return Sure(p)
        return state.predict(pixel, stretch(min(max(p >> 6, 1), 2**22 - 1)))

    def learn(self, pixels: list[Pixel]) -> None:
        self.now.learn([pixel.symbol for pixel in pixels])
