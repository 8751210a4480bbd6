"""What a compression or a decompression tells about itself."""

from collections.abc import Callable
from dataclasses import dataclass

from bitsback.archive.layout import Shape

Progress = Callable[[int, int], object]
"""Called with the number of items that are done, and of all."""


@dataclass(frozen=True, repr=False)
class Summary:
    """What went through."""

    shape: Shape
    """Of the array; of a collection of files, how many there are."""
    dtype: str
    """NumPy's type string, or "mixed"."""
    items: int
    elements: int
    blocks: int
    bytes_in: int
    """Of the arrays, without the headers of their files, or of the archive."""
    bytes_out: int
    """Of the archive, or of the files."""
    files: int | None
    """How many files (pictures, pages, arrays) the collection has; None for an array alone."""

    def __repr__(self) -> str:
        """On one line; the fields are attributes."""
        what = f"{' x '.join(map(str, self.shape)) or 'one number'} {self.dtype}"
        if self.files is not None:
            what = f"{self.files:,} file{'s' * (self.files != 1)}"
        return (
            f"<{type(self).__name__}: {what}, {self.bytes_in:,} bytes to {self.bytes_out:,}"
            f" in {self.blocks:,} block{'s' * (self.blocks != 1)}{self._more()}>"
        )

    def _more(self) -> str:
        return ""


@dataclass(frozen=True)
class Held:
    """Files that are held bit for bit."""

    files: int
    bytes: int


@dataclass(frozen=True, repr=False)
class Compressed(Summary):
    """What went through a compression."""

    methods: dict[str, int]
    """How many blocks have which method: squeezed, chain, packed, raw."""
    model: str | None
    """The name of the model that blocks were coded with, or the names."""
    outdone: int
    """How many blocks a model could code, and a general compressor made smaller."""
    model_bytes: int
    """Bytes of the archive that the models in it take; 0 if they are not in it."""
    skipped: dict[str, int]
    """What of a folder is no picture and was left out, and how much of it."""
    bad: dict[str, str]
    """The pictures that were left out with `skip_bad`, and why."""
    disk_in: int | None
    """Bytes that the files of a folder, or of a list, have on disk; None for other inputs."""
    stored: "dict[str, Held]"
    """The files of a folder that are held bit for bit, and not by their pixels, by the reason."""
    order_bits: float | None
    """What the order of the items would have taken, in bits, if they have lost it; None if they
    keep it.
    """
    name_bytes: int | None
    """What names take that files keep although their order does not matter; None for all others."""

    def _more(self) -> str:
        return f", model {self.model}" if self.model else ", no model"
