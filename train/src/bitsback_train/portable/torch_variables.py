"""A user's description of a model's variables."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback_train.layers.operations import Flatten, Node, Source
from bitsback_train.layers.rounding import Grid
from bitsback_train.network.exact_tables import bucket_quantiles
from bitsback_train.portable.value import Value, flat_value

_REACH_BITS = 2  # the range of a latent on a fixed grid: -2^2 to 2^2
_LATENT_TOP = 255


@dataclass(frozen=True)
class Data:
    """The data x, in torch's shape of an item: (channels, rows, columns), or (n,).

    In the networks and in the means of its distribution, the symbol s of `levels` is the real
    number low + s * (high - low) / (levels - 1). By default these are 0 to 1, as from ToTensor.

    >>> from bitsback_train import portable
    >>> portable.Data((1, 28, 28), levels=2).item_shape
    (28, 28)
    """

    shape: tuple[int, ...]
    levels: int = 256
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise InputError(
                "the shape of x is (channels, rows, columns) or (n,), as in torch, not"
                f" {self.shape}"
            )
        if not 2 <= self.levels <= 65_536:
            raise InputError(f"x has 2 to 65,536 levels, not {self.levels}")
        if not self.low < self.high:
            raise InputError(f"x goes from {self.low} to {self.high}, which is not up")

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return (1, self.shape[0]) if len(self.shape) == 1 else (self.shape[1], self.shape[2])

    @property
    def channels(self) -> int:
        return 1 if len(self.shape) == 1 else self.shape[0]

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of the arrays that are compressed."""
        if len(self.shape) == 1:
            return self.shape
        return self.size if self.channels == 1 else (*self.size, self.channels)

    @property
    def dimensions(self) -> int:
        return math.prod(self.shape)

    @property
    def grid(self) -> Grid:
        scale = (self.levels - 1) / (self.high - self.low)
        return Grid(scale, -self.low * scale, 0, self.levels - 1)

    def described(self) -> dict[str, Any]:
        return {"channels": self.channels, "levels": self.levels, "size": list(self.size)}

    def source(self, name: str) -> Value:
        rows, columns = self.size
        node = Node(Source(name, (rows, columns, self.channels), self.grid), (), name)
        if len(self.shape) == 3:
            return Value(node)
        return flat_value(node.over(Flatten(), name))

    def symbols(self, images: NDArray[Any], what: str) -> NDArray[Any]:
        """Images in the form for `compress`, [n, rows, columns] or [n, rows, columns, channels], or
        vectors [n, size], as symbols [n, elements]. Raises InputError. what: their name in errors.
        """
        images = np.asarray(images)
        flat = (self.dimensions,)
        if images.ndim < 2 or images.shape[1:] not in (self.item_shape, flat) or not len(images):
            raise InputError(
                f"{what} must have the shape [n, {', '.join(map(str, self.item_shape))}], as they"
                f" are compressed, not {images.shape}"
            )
        if images.dtype != bool and not np.issubdtype(images.dtype, np.integer):
            raise InputError(
                f"{what} must be the integers that are compressed, not {images.dtype}: symbols from"
                f" 0 to {self.levels - 1}"
            )
        low, high = int(images.min()), int(images.max())
        if low < 0 or high >= self.levels:
            raise InputError(f"{what} must lie from 0 to {self.levels - 1}, not {low} to {high}")
        kind = np.uint8 if self.levels <= 256 else np.uint16
        return images.reshape(len(images), -1).astype(kind)


@dataclass(frozen=True)
class Latent:
    """A latent variable, in torch's shape of an item: (n,), or (channels, rows, columns).

    With the prior `StandardNormal` it has 2^bits equally likely buckets. With a prior from a
    network, it lies on a fixed grid of 2^bits numbers from -4 to 4.

    >>> from bitsback_train import portable
    >>> portable.Latent((16,)).bits
    10
    """

    shape: tuple[int, ...]
    bits: int = 10

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise InputError(
                f"the shape of a latent is (n,) or (channels, rows, columns), not {self.shape}"
            )
        if not 4 <= self.bits <= 12:
            raise InputError(f"a latent has 4 to 12 bits, not {self.bits}")

    @property
    def dimensions(self) -> int:
        return math.prod(self.shape)

    @property
    def whole(self) -> tuple[int, ...]:
        """Its shape in the graph."""
        if len(self.shape) == 1:
            return self.shape
        return (*self.shape[1:], self.shape[0])

    @property
    def fixed(self) -> Grid:
        """The fixed grid of its symbols."""
        scale = 2.0 ** (self.bits - 1 - _REACH_BITS)
        return Grid(scale, 1 << (self.bits - 1), 0, (1 << self.bits) - 1)

    @property
    def mean_shift(self) -> int:
        """The shift of the means of a normal on the fixed grid, which are in steps of 2^-8, or in
        finer ones for symbols of few bits.
        """
        return max(self.bits - _REACH_BITS - 1, 0)

    def source(self, name: str, buckets: bool) -> Value:
        grids = self._buckets() if buckets else (self.fixed,)
        node = Node(Source(name, self.whole, *grids), (), name)
        return Value(node) if len(self.shape) == 3 else flat_value(node)

    def _buckets(self) -> tuple[Grid, NDArray[np.uint8]]:
        """The integers of the medians of the buckets."""
        medians = bucket_quantiles(self.bits)
        reach = float(medians[-1]) / 2**16
        grid = Grid(_LATENT_TOP / (2 * reach), _LATENT_TOP // 2 + 1, 0, _LATENT_TOP)
        table = np.floor(medians / 2**16 * grid.scale + grid.zero + 0.5)
        return grid, table.clip(0, _LATENT_TOP).astype(np.uint8)
