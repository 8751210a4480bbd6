"""Models of the codec `predictive` drawn at random, and items for them: of all shapes, and what is
hard for a predictor.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import random_counted
from bitsback.models import file
from choices import Choices, Seeded
from model_parts import Parts, Tensors
from reference.jpeg_colours import to_rgb
from reference.least_squares import triangle
from reference.planes import ItemShape
from reference.predictive_rules import Offsets, lag_of, read_offsets, width
from reference.values import ITEM, Ints, Value

CODE = ["push x ~ p(x)"]
LEVELS = [65536, 256, 2, 1000, 4096]  # the levels of a model
SIDES = [5, 1, 2, 9, 17, 3, 140]
CHANNELS = [1, 3, 2, 4, 5, 7]


class Grower:
    """A random model, from choices and from a seed."""

    def __init__(self, choose: Choices, seed: int, parts: Parts | None = None) -> None:
        self.choose, self.parts = choose, parts or Parts(seed, None)
        self.rng = self.parts.rng

    def model(
        self,
        levels: int | None = None,
        rules: list[dict[str, Any]] | None = None,
        counts: bool = False,
    ) -> tuple[str, Tensors]:
        """rules: how the weights of each predictor follow the image, unless that is random.
        counts: whether contexts are counted beside its network.
        """
        rules = rules or self.rules()
        levels = levels or self.choose.of(random_counted.BESIDE if counts else LEVELS)
        self.parts.variables["x"] = {"planes": "any", "levels": levels}
        about = {"codec": "predictive"} | self.prediction(levels, rules)
        if counts:
            offsets = [read_offsets(of, 112, 64) for of in (*about["predictors"], about["window"])]
            lag = lag_of([of["cell"] for of in about["predictors"]], offsets)
            seed = int(self.rng.integers(1 << 32))
            inputs = width(offsets[-1], len(about["predictors"]))
            about["counts"] = random_counted.beside(self.choose, seed, levels, lag, inputs)
            if self.choose.of([False, True]):
                about["counts"]["features"] = self.layer
        self.parts.distributions["p(x)"] = about
        return self.parts.model(CODE)

    def prediction(self, levels: int, rules: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """The fields of the distribution of x, for this number of levels, except `codec`."""
        choose, parts = self.choose, self.parts
        rules = rules or self.rules()
        counts = [(4, 2, 3), (1, 0, 0), (12, 5, 5), (32, 0, 16), (1, 32, 15), (3, 1, 0), (4, 0, 1)]
        predictors = [self.offsets(*choose.of(counts)) for _ in rules]
        counts = [(3, 1, 2), (1, 0, 0), (12, 5, 4), (112, 64, 64)]
        window = self.offsets(*choose.of(counts))
        about: dict[str, Any] = {
            "predictors": [a | described(b) for a, b in zip(rules, predictors, strict=True)],
            "window": described(window),
        }
        for number, of in enumerate(predictors):
            parts.tensors[f"x.start.{number}"] = self.start(of)
        parts.tensors["x.see"] = self.see()
        source = Value(width(window, len(predictors)), ITEM, (0, 127))
        net = parts.net_over("pixel", {"context": source})
        of_net = net.linear("context", choose.of([5, 33]))
        if choose.of([True, False]):
            of_net = net.residual(of_net)
        self.layer = of_net
        outputs = net.outputs("mixture", of_net, 1, 64, choose.of([2, 1, 5, 32]))
        precision, shift = choose.of([24, 20, 22]), choose.of([4, 0, 9])
        codec = parts.codec("mixture", precision, net, outputs, levels, shift)
        del codec["codec"]
        return codec | about

    def rules(self) -> list[dict[str, Any]]:
        cells = self.choose.of([[8], [4], [32, 5, 8, 4]])
        decays = [[86, 72, 72], [0, 0, 0], [252, 0, 0], [0, 100, 152], [1, 2, 3]]
        return [
            {
                "cell": self.choose.of(cells),
                "decay": self.choose.of(decays),
                "ridge": self.choose.of([128, 1, 2**20]),
            }
            for _ in range(self.choose.of([1, 2, 3, 4]))
        ]

    def offsets(self, own: int, first: int, second: int) -> Offsets:
        """Random offsets: this many in the plane itself and in each plane that it looks at."""
        near = self.choose.of([True, False])
        return Offsets(
            self.some(own, near, is_own=True),
            self.some(first, near, is_own=False),
            self.some(second, near, is_own=False),
        )

    def some(self, count: int, near: bool, is_own: bool) -> list[tuple[int, int]]:
        """Some of all offsets: the nearest ones, or any."""
        reach = range(-8, 9)
        places = [(r, q) for r in reach for q in reach if not is_own or (r, q) < (0, 0)]
        if near:
            places.sort(key=lambda at: (at[0] ** 2 + at[1] ** 2, at))
        else:
            self.rng.shuffle(places)
        return [(int(r), int(q)) for r, q in places[:count]]

    def start(self, of: Offsets) -> NDArray[np.int32]:
        """The sums of some random inputs, or any allowed values."""
        rows = np.zeros((3, triangle(of.inputs(2))), np.int32)
        kind = self.choose.of(["sums", "zero", "anything", "least", "most"])
        for references, row in enumerate(rows):
            n = of.inputs(references)
            v = self.rng.integers(-60, 61, (4 * n, n + 1))
            v[:, n] = v[:, 0] // 2 + v[:, n // 2]
            sums = v.T @ v
            if kind == "zero":
                sums[:] = 0
            elif kind == "anything":
                sums = self.rng.integers(-(2**26), 2**26 + 1, sums.shape)
                np.fill_diagonal(sums, abs(sums.diagonal()))
            elif kind in ("least", "most"):
                sums[:] = 2**26 if kind == "most" else -(2**26)
                np.fill_diagonal(sums, 2**26)
            row[: triangle(n)] = sums[np.tril_indices(n + 1)]
        return rows

    def see(self) -> NDArray[np.uint8]:
        if self.choose.of([True, False]):
            d = np.arange(-1024, 1024) / 16
            return np.clip(np.rint(63.5 + 13 * np.arcsinh(d)), 0, 127).astype(np.uint8)
        return self.rng.integers(0, 128, 2048).astype(np.uint8)


def described(of: Offsets) -> dict[str, list[list[int]]]:
    return {name: [list(one) for one in getattr(of, name)] for name in ("own", "first", "second")}


def random_predictive(seed: int, levels: int | None = None) -> bytes:
    """A model file."""
    return file.write(*Grower(Seeded(np.random.default_rng(seed)), seed).model(levels))


def random_mixed(seed: int, levels: int | None = None) -> bytes:
    """A model file with contexts that are counted beside the network."""
    choose = Seeded(np.random.default_rng(seed))
    return file.write(*Grower(choose, seed).model(levels, counts=True))


def small_predictive(counts: bool = False, levels: int = 256) -> tuple[str, Tensors]:
    """A model of two predictors with few inputs."""
    rule = {"cell": 8, "decay": [86, 72, 72], "ridge": 128}
    return Grower(First(), 0).model(levels, [rule, rule], counts)


class First:
    """The first of all choices."""

    def of(self, options: Sequence[Any]) -> Any:
        return options[0]

    def order(self, items: Sequence[Any]) -> list[Any]:
        return list(items)


def slow_predictive() -> bytes:
    """A model with the largest possible sums."""
    rules = [{"cell": 32, "decay": [252, 0, 0], "ridge": 1}]
    return file.write(*Grower(Seeded(np.random.default_rng(0)), 0).model(65536, rules))


def random_shapes(choose: Choices, levels: int, most: int = 300) -> list[ItemShape]:
    """The shapes of a batch of one to four items, with about `most` elements in all at most."""
    shapes: list[ItemShape] = []
    of_item = [2, 256, 65536, 3, 1000, 1 << 12]
    for _ in range(choose.of([1, 2, 4])):
        columns = choose.of(SIDES)
        rows = min(choose.of(SIDES), max(1, most // columns))
        slices, channels = choose.of([1, 1, 3, 4]), choose.of(CHANNELS)
        at_most = max(1, most // (rows * columns))
        channels = min(channels, at_most)
        slices = min(slices, max(1, at_most // channels))
        own = min(choose.of(of_item), levels)
        jpeg = channels == 3 and levels >= 256 and choose.of([True, False])
        own = 256 if jpeg else own
        shapes.append(ItemShape(slices, rows, columns, channels, own, jpeg))
        most = max(most - shapes[-1].elements, 0)
    return shapes


KINDS = ["smooth", "random", "constant", "ends", "gaps", "steps", "board"]


def random_item(rng: np.random.Generator, shape: ItemShape, kind: str) -> Ints:
    """The symbols of an item [slices, rows, columns, channels]."""
    if shape.jpeg:
        ycc = random_item(rng, shape._replace(jpeg=False), kind).reshape(-1, 3)
        y, cb, cr = ycc.T
        return np.moveaxis(to_rgb(y, cb - 128, cr - 128), 0, -1).reshape(shape[:4])
    at, top = shape[:4], shape.levels - 1
    s, r, q, c = np.indices(at)
    if kind == "smooth":
        wave = np.sin(r / 3 + s / 5) + np.cos(q / 4 + c / 3) + rng.normal(0, 0.05, at)
        x: Ints = np.clip((wave + 2) / 4 * top, 0, top).astype(np.int64)
        return x
    x = np.asarray(rng.integers(0, top + 1, at), np.int64)
    if kind == "constant":
        x[:] = x[0, 0, 0, 0]
    elif kind == "ends":
        x = top * rng.integers(0, 2, at)
    elif kind == "gaps":
        x = x // 7 * 7
    elif kind == "steps":
        x[:] = ((r // 3 + q // 2 + s + c) % 2 * 3 + 1) * top // 4
    elif kind == "board":
        x[:] = (r + q + s + c) % 2 * top
    return x


def random_items(seed: int, shapes: Sequence[ItemShape]) -> Ints:
    """The symbols of items of any kinds, one item after the other."""
    rng = np.random.default_rng(seed)
    items = [random_item(rng, shape, str(rng.choice(KINDS))) for shape in shapes]
    return np.concatenate([item.ravel() for item in items])
