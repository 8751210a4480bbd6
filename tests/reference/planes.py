"""Items as planes: the coding order of planes, the reference planes of a plane, and the values
outside an image.
"""

from typing import NamedTuple

from .rules import require

CODING_ORDERS = {3: [1, 0, 2], 4: [1, 0, 2, 3]}  # by the number of channels, if not in order


class ItemShape(NamedTuple):
    """The shape of an item, and the number of levels of its symbols."""

    slices: int
    rows: int
    columns: int
    channels: int
    levels: int
    jpeg: bool = False  # whether it has colours of JPEG alone

    @property
    def elements(self) -> int:
        return self.slices * self.rows * self.columns * self.channels

    @property
    def planes(self) -> int:
        return self.slices * self.channels

    @property
    def coding_order(self) -> list[int]:
        """The channels of a slice in the order in which they are coded."""
        return CODING_ORDERS.get(self.channels, list(range(self.channels)))

    def references(self, plane: int) -> list[int]:
        """The planes that a plane looks at: at most two, *first* and *second*."""
        s, c = divmod(plane, self.channels)
        near = [(s, c - 1), (s - 1, c), (s, c - 2), (s - 2, c)]
        return [a * self.channels + b for a, b in near if a >= 0 and b >= 0][:2]

    def element(self, plane: int, row: int, column: int) -> int:
        """The index of a plane's pixel among the elements [slices, rows, columns, channels]."""
        s, c = divmod(plane, self.channels)
        place = (s * self.rows + row) * self.columns + column
        return place * self.channels + self.coding_order[c]


def check_shape(shape: ItemShape, levels: int) -> None:
    """Checks a shape for a model whose x has `levels` levels."""
    require(min(shape[:4]) >= 1, "an item has at least one element in each direction")
    require(shape.elements <= 2**26, "an item has at most 2^26 elements")
    require(2 <= shape.levels <= levels, f"an item has 2 to {levels} levels")
    has_them = shape.channels == 3 and shape.levels == 256
    require(not shape.jpeg or has_them, "colours of JPEG have three channels and 256 levels")


class Field:
    """A number at each pixel of a plane, and beyond the plane."""

    def __init__(self, rows: int, columns: int, start: int) -> None:
        self.rows, self.columns, self.start = rows, columns, start
        self.known: dict[tuple[int, int], int] = {}  # by row and column

    def __getitem__(self, place: tuple[int, int]) -> int:
        r, q = min(place[0], self.rows - 1), place[1]
        if r < 0:
            return self.start
        if q < 0:
            return self[r - 1, 0]
        return self.known[r, min(q, self.columns - 1)]

    def __setitem__(self, place: tuple[int, int], value: int) -> None:
        """Sets the number at a pixel of the plane, once."""
        assert 0 <= place[0] < self.rows and 0 <= place[1] < self.columns
        assert place not in self.known
        self.known[place] = value


def median_edge(x: Field, r: int, q: int) -> int:
    """The prediction of LOCO-I (Weinberger, Seroussi, Sapiro 2000), from three neighbours."""
    a, b, c = x[r, q - 1], x[r - 1, q], x[r - 1, q - 1]
    if c >= max(a, b):
        return min(a, b)
    if c <= min(a, b):
        return max(a, b)
    return a + b - c
