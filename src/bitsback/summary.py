"""Summaries of compressions and decompressions."""

from dataclasses import dataclass

from bitsback.format.layout import Shape
from bitsback.images import formats


@dataclass(frozen=True, repr=False)
class Summary:
    """A summary of a compression or decompression."""

    shape: Shape
    """The shape of the array; for a collection of files, their number."""
    dtype: str
    """NumPy's type string, or "mixed"."""
    items: int
    elements: int
    blocks: int
    bytes_in: int
    """The bytes of the arrays, without the headers of their files, or of the archive."""
    bytes_out: int
    """The bytes of the archive, or of the files."""
    files: int | None
    """The number of files, pages or arrays of a collection; None for an array alone."""
    noun: str
    """The noun for one of them: "file", "page", "array", or "item" of an array alone."""

    def __repr__(self) -> str:
        """The summary on one line; the fields are attributes."""
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
class Restored(Summary):
    """A summary of a decompression."""

    lost: tuple[str, ...] = ()
    """What was lost of a damaged archive, with `keep_going`: names of files and arrays, numbers of
    pages and items, as `3` or `3:8`.
    """
    problems: tuple[str, ...] = ()
    """The faults of the archive."""


LOSSY, CAMERA_FILES, SMALLER, OTHER_KIND, DAMAGED, ASKED_FOR, NO_PICTURE = (
    formats.lossy(),
    formats.unread_pictures(),
    "smaller so than by their pixels",
    "of kinds that are not coded by their pixels",
    "damaged, or not what their endings say",
    "interlaced, or compressed neither by zlib nor by libtiff",
    "no pictures",
)
REMEDIES = {
    LOSSY: "they are compressed already, so nothing is to be done",
    CAMERA_FILES: "no model codes them, so nothing is to be done",
    SMALLER: "nothing is to be done",
    OTHER_KIND: "animations, CMYK, floats and the like; as .npy arrays some may be smaller",
    DAMAGED: "they come back as they are; --pictures-only refuses them by name",
    ASKED_FOR: "--files pixels codes them by their pixels",
    NO_PICTURE: "--pictures-only leaves them out",
}
"""For each reason to store a file verbatim, what a person can do about it."""


@dataclass(frozen=True)
class Held:
    """Files that are stored verbatim."""

    files: int
    bytes: int
    first: str
    """The name of the first one."""


@dataclass(frozen=True, repr=False)
class Compressed(Summary):
    """A summary of a compression."""

    methods: dict[str, int]
    """For each method, the number of blocks that have it."""
    model: str | None
    """The name of the model that blocks were coded with, or the names."""
    outdone: int
    """The number of blocks that a model could code, and a general compressor made smaller."""
    model_bytes: int
    """Bytes of the archive that the models in it take; 0 if they are not in it."""
    skipped: dict[str, list[str]]
    """The names of what was left out of a folder, by kind. Names of empty folders, and of folders
    that were not searched, end with a /.
    """
    noted: dict[str, list[str]]
    """The names of hidden files, and of links that come back as files, that were taken along."""
    bad: dict[str, str]
    """The files that were left out with `skip_bad`, and why."""
    disk_in: int | None
    """Bytes that the files of a folder, or of a list, have on disk; None for other inputs."""
    stored: "dict[str, Held]"
    """The files of a folder that are stored verbatim, and not by their pixels, by the reason."""
    order_bits: float | None
    """The bits that the order of the items would have taken, if it was dropped; otherwise None."""
    name_bytes: int | None
    """The bytes of the names of an unordered collection that keeps them; otherwise None."""
    resumed: int | None
    """The number of blocks that an earlier, stopped run had coded; None if none was looked for."""
    unfit: int
    """The number of blocks of an earlier run that had other inputs, options or versions."""

    def _more(self) -> str:
        return f", model {self.model}" if self.model else ", no model"
