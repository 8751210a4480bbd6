"""Items of all shapes for models of any size, drawn at random, and what is hard to predict."""

from collections.abc import Sequence

import numpy as np

from choices import Choices
from reference.jpeg_colours import to_rgb
from reference.planes import ItemShape
from reference.values import Ints

SIDES = [5, 1, 2, 9, 17, 3, 140]
CHANNELS = [1, 3, 2, 4, 5, 7]


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
