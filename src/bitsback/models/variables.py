"""The variables of a model: the data x, and latents."""

from dataclasses import dataclass

import numpy as np

from bitsback.errors import ModelError
from bitsback.models.integer import ITEM, Activations, Size
from bitsback.models.integer.fields import Fields
from bitsback.models.integer.network import NAME

DATA = "x"
CONTEXT, FEATURES = "context", "features"
"""The names of the sources of a pixel's network, which no variable may have."""

_MOST_LATENTS = 16


@dataclass(frozen=True)
class Variable:
    """A variable: `channels` symbols of `levels` levels at each place of a grid, or per item."""

    name: str
    channels: int
    levels: int
    grid: int
    any_shape: bool = False
    """Whether each item has its own size, number of planes, and number of levels.

    The levels are then at most `levels`, and `channels` has no meaning.
    """

    @property
    def values(self) -> Activations:
        """The activations of the variable in a network that reads it."""
        return Activations(self.grid, self.channels, 0, self.levels - 1)

    @property
    def bits(self) -> int:
        """log2 of the number of buckets of a latent."""
        return self.levels.bit_length() - 1

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """The dtype of its symbols. Symbols of latents are buckets, always uint16."""
        return np.uint8 if self.name == DATA and self.levels <= 256 else np.uint16

    def elements(self, size: Size) -> int:
        """The number of elements of one item, for images of this size."""
        return self.values.elements(size)


def read_variables(fields: Fields) -> tuple[dict[str, Variable], Size | None]:
    """The variables of a description, x first, and the size of the images of a fixed-size model.

    Raises ModelError.
    """
    data = fields.object(DATA)
    if data.has("planes"):
        return _read_planes(data, fields.names()), None
    channels, levels = data.integer("channels", 1, 256), data.integer("levels", 2, 1 << 16)
    size: Size | None = None
    if data.has("size"):
        rows, columns = data.integers("size", 2, 1, 1 << 24)
        size = rows, columns
        if rows * columns * channels > 1 << 24:
            raise ModelError(
                f"an item of {rows} x {columns} x {channels} has more than 2^24 elements"
            )
    data.done()
    variables = {DATA: Variable(DATA, channels, levels, 1)}
    for name in fields.names():
        if not NAME.match(name) or name in (CONTEXT, FEATURES):
            raise ModelError(f"variables: {name!r} is not a valid name of a variable")
        latent = fields.object(name)
        count, bits = latent.integer("channels", 1, 4096), latent.integer("bits", 1, 12)
        grid = latent.integer("grid", 1, 64) if latent.has("grid") else ITEM
        latent.done()
        variables[name] = Variable(name, count, 1 << bits, grid)
    if len(variables) > _MOST_LATENTS + 1:
        raise ModelError(f"a model has at most {_MOST_LATENTS} latent variables")
    return variables, size


def _read_planes(data: Fields, others: list[str]) -> dict[str, Variable]:
    data.text("planes", "any")
    levels = data.integer("levels", 2, 1 << 16)
    data.done()
    if others:
        raise ModelError(f"variables: a model of any planes has no latents, such as {others[0]!r}")
    return {DATA: Variable(DATA, 1, levels, 1, any_shape=True)}
