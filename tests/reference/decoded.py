"""The method decoded: pixels that a JPEG decoder made (docs/jpeg-format.md, J8)."""

from collections import defaultdict

import numpy as np

from .deflate_tokens import Counters
from .fields import require
from .jpeg_coefficients import ZIGZAG, Block, Coefficients
from .jpeg_colours import to_rgb
from .jpeg_markers import Component, Frame, ceil
from .values import Ints


def signed(n: int) -> int:
    return n // 2 if n % 2 == 0 else -(n + 1) // 2


class Tiles(Counters):
    """The tiles of a block, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.coefficients = Coefficients(data)
        super().__init__(self.coefficients.decisions)
        self.tables: dict[int, list[int]] = {}

    def pop(self, shape: tuple[int, ...]) -> Ints:
        """The pixels of a tile."""
        require(len(shape) == 2 or (len(shape) == 3 and shape[2] == 3), "grey or colours")
        rows, columns = shape[:2]
        require(min(rows, columns) >= 8 and np.prod(shape) <= 2**24, "the size of a tile")
        channels = len(shape) * 2 - 3
        v, h = (1 + self.plain(1), 1 + self.plain(1)) if channels == 3 else (1, 1)
        top, left = self.plain(4), self.plain(4)
        require(top < 8 * v and left < 8 * h, "a place in the first unit")
        for t in range(min(channels, 2)):
            self.pop_table(t)
        height, width = top + rows, left + columns
        frame = Frame(False, False, False, 8, ceil(height, 8 * v), ceil(width, 8 * h), [])
        for c in range(channels):
            down, across = (v, h) if c == 0 else (1, 1)
            size = (frame.rows * down, frame.columns * across)
            frame.components.append(Component(c, across, down, 0, *size))
            frame.components[c].steps = self.tables[min(c, 1)]
        planes = [
            upsample(
                samples(plane, component)[: ceil(height, v // component.v)],
                ceil(width, h // component.h),
                v // component.v,
                h // component.h,
            )[top:height, left:width]
            for plane, component in zip(self.coefficients.pop(frame), frame.components, strict=True)
        ]
        made = planes[0]
        if channels == 3:
            y, cb, cr = planes
            made = to_rgb(y, cb - 128, cr - 128).transpose(1, 2, 0)
        made = made.reshape(rows, columns, channels)
        self.correct(made, top, left)
        return made

    def pop_table(self, t: int) -> None:
        if self.by("Same"):
            require(t in self.tables, "a table of the tile before")
            return
        steps = [0]
        for _ in range(64):
            steps.append(steps[-1] + signed(self.number("Step", t)))
            require(1 <= steps[-1] <= 255, "a step")
        self.tables[t] = steps[1:]

    def correct(self, pixels: Ints, top: int, left: int) -> None:
        rows, columns, channels = pixels.shape
        cells: dict[tuple[int, int], int] = defaultdict(int)
        wrong: dict[tuple[int, int], int] = defaultdict(int)
        for i in range(top // 8, ceil(top + rows, 8)):
            for j in range(left // 8, ceil(left + columns, 8)):
                cells[i, j] = self.by("Cell", cells[i, j - 1] + cells[i - 1, j])
                if not cells[i, j]:
                    continue
                for y in range(max(8 * i - top, 0), min(8 * i + 8 - top, rows)):
                    for x in range(max(8 * j - left, 0), min(8 * j + 8 - left, columns)):
                        wrong[y, x] = self.by("Wrong", wrong[y, x - 1] + wrong[y - 1, x])
                        before = 0
                        for c in range(channels if wrong[y, x] else 0):
                            before = self.number("Change", c, min(before, 3))
                            pixels[y, x, c] += signed(before)
                            require(0 <= pixels[y, x, c] <= 255, "a level")


def samples(plane: list[Block], component: Component) -> Ints:
    """The samples of a component, with all that its blocks have."""
    steps = np.zeros(64, np.int64)
    steps[ZIGZAG] = component.steps
    x = np.array(plane, np.int64).reshape(-1, 64) * steps
    x = transform(x.reshape(-1, 8, 8).transpose(1, 0, 2), 11).transpose(1, 0, 2)
    x = transform(x.transpose(2, 0, 1), 18).transpose(1, 2, 0)
    blocks = np.clip(x + 128, 0, 255).reshape(component.rows, component.columns, 8, 8)
    return blocks.transpose(0, 2, 1, 3).reshape(8 * component.rows, 8 * component.columns)


def transform(x: Ints, shift: int) -> Ints:
    a = 4433 * (x[2] + x[6])
    b, c = a - 15137 * x[6], a + 6270 * x[2]
    d, e = 8192 * (x[0] + x[4]), 8192 * (x[0] - x[4])
    m = 9633 * (x[1] + x[3] + x[5] + x[7])
    n, o = m - 16069 * (x[3] + x[7]), m - 3196 * (x[1] + x[5])
    u, w = -7373 * (x[1] + x[7]), -20995 * (x[3] + x[5])
    even = [d + c, e + b, e - b, d - c]
    odd = [
        12299 * x[1] + u + o,
        25172 * x[3] + w + n,
        16819 * x[5] + w + o,
        2446 * x[7] + u + n,
    ]
    pairs = list(zip(even, odd, strict=True))
    made = [p + q for p, q in pairs] + [p - q for p, q in reversed(pairs)]
    return np.stack([(one + 2 ** (shift - 1)) >> shift for one in made])


def upsample(s: Ints, columns: int, v: int, h: int) -> Ints:
    """The samples of all pixels, of the first columns."""
    s = s[:, :columns]
    near = s if v == 1 else np.repeat(s, 2, 0)
    if v == 2:
        y = np.arange(2 * len(s))
        far = s[np.clip(y // 2 + 2 * (y % 2) - 1, 0, len(s) - 1)]
        if h == 1:
            return (3 * near + far + 1 + (y % 2)[:, None]) >> 2
        near = 3 * near + far
    if h == 1:
        return near
    x = np.arange(2 * columns)
    other = near[:, np.clip(x // 2 + 2 * (x % 2) - 1, 0, columns - 1)]
    near = 3 * np.repeat(near, 2, 1) + other
    return (near + 1 + x % 2) >> 2 if v == 1 else (near + 8 - x % 2) >> 4


def decode_pixels(data: bytes, shapes: list[tuple[int, ...]]) -> bytes:
    """The bytes of tiles of these shapes."""
    tiles = Tiles(data)
    items = b"".join(tiles.pop(shape).astype(np.uint8).tobytes() for shape in shapes)
    tiles.decisions.done()
    return items
