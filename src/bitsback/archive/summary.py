"""What a compression or a decompression tells about itself."""

from collections.abc import Callable
from dataclasses import dataclass

from bitsback.archive.layout import Shape

Progress = Callable[[int, int], object]
"""Called with the number of items that are done, and of all."""


@dataclass(frozen=True)
class Summary:
    """What went through."""

    shape: Shape
    dtype: str
    """NumPy's type string."""
    items: int
    elements: int
    blocks: int
    bytes_in: int
    """Of the array, without the header of its .npy file, or of the archive."""
    bytes_out: int
    """Of the archive, or of the .npy file."""


@dataclass(frozen=True)
class Compressed(Summary):
    """What went through a compression."""

    methods: dict[str, int]
    """How many blocks have which method: chain, packed, raw."""
    model: str | None
    """The name of the model that blocks were coded with."""
    model_bytes: int
    """Bytes of the archive that the model in it takes; 0 if it is not in it."""
