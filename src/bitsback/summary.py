"""Summaries of compressions, decompressions and comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field

from bitsback.format.grid import Shape


@dataclass(frozen=True, repr=False)
class Summary:
    """A summary of a compression or decompression."""

    shape: Shape
    """The shape of the array, or the number of files of a collection."""
    dtype: str
    """NumPy's type string, or "mixed"."""
    items: int
    elements: int
    blocks: int
    bytes_in: int
    """The size of the input: of arrays without the headers of their files, or of the archive."""
    bytes_out: int
    """The size of the output: of the archive, or of the files."""
    files: int | None
    """The number of files or arrays of a collection; None for an array alone."""
    noun: str
    """The noun for one of them: "file", "array", or "item" of an array alone."""

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
    """The lost content of a damaged archive, with `keep_going`.

    It has names of files and arrays, and numbers of items, as `3` or `3:8`.
    """
    problems: tuple[str, ...] = ()
    """The faults of the archive."""


SMALLER, DAMAGED, NOT_REPRODUCIBLE, NO_PICTURE, UNREAD, NO_H5PY = (
    "smaller verbatim than by their pixels",
    "damaged, or not what their endings say",
    "of a compression that cannot be made again",
    "no pictures",
    "not read",
    "HDF5 without h5py",
)
"""Reasons to store files verbatim, or the start of reasons. Formats have further ones."""
_REMEDIES = {
    SMALLER: "nothing is to be done",
    DAMAGED: "they come back as they are; --pictures-only refuses them by name",
    NOT_REPRODUCIBLE: "--files pixels codes them by their pixels",
    NO_PICTURE: "--pictures-only leaves them out",
    f"{UNREAD}: JPEG XL": "convert lossless ones to PNG to have them coded",
    NO_H5PY: "the extra hdf5 codes their data sets: pip install '.[hdf5]'",
    "JPEG:": "they are compressed already, so nothing is to be done",
}


def remedy(reason: str) -> str:
    """Advice on a reason to store a file verbatim."""
    found = (advice for start, advice in _REMEDIES.items() if reason.startswith(start))
    return next(found, "they come back as they are")


@dataclass(frozen=True)
class VerbatimFiles:
    """Files that are stored verbatim."""

    files: int = 0
    bytes: int = 0
    largest: str = ""
    """The name of the largest one."""
    largest_bytes: int = 0

    def more(self, name: str, size: int) -> VerbatimFiles:
        """These files and another one."""
        largest = self.largest, self.largest_bytes
        if not self.files or size > self.largest_bytes:
            largest = name, size
        return VerbatimFiles(self.files + 1, self.bytes + size, *largest)


@dataclass(frozen=True)
class Saving:
    """A number of files, and the bytes that they save, or could save."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Blocks:
    """The total bytes of some blocks of files, before and after coding."""

    bytes_in: int = 0
    bytes_out: int = 0

    def more(self, bytes_in: int, bytes_out: int) -> Blocks:
        """The total with another block."""
        return Blocks(self.bytes_in + bytes_in, self.bytes_out + bytes_out)


@dataclass(frozen=True, repr=False)
class Compressed(Summary):
    """A summary of a compression."""

    methods: dict[str, int]
    """The number of blocks by method."""
    jpeg: Blocks
    """The blocks with coded JPEG streams."""
    verbatim: Blocks
    """The other blocks of verbatim files."""
    model: str | None
    """The name, or the names, of the models of the blocks; None if no model was used."""
    policy: str | None
    """The policy that chose models: "auto", "fast" or "best"; None for a requested model."""
    outdone: int
    """The number of blocks that a model could code, but did not make enough smaller than a general
    compressor."""
    refused: int
    """The number of blocks that a model could code, but that readers would refuse, since decoding
    them takes too much memory or time for their bytes. A general compressor coded them."""
    model_bytes: int
    """The bytes of embedded models; 0 if there are none."""
    skipped: dict[str, list[str]]
    """The names of files and folders that were left out, by kind.

    Names of empty folders, and of folders that were not searched, end with a /.
    """
    noted: dict[str, list[str]]
    """The names of noteworthy files, by kind.

    They are hidden files, links that lead out of the folder, files and folders that lose their
    setuid, setgid and sticky bits, and, in a set, links that were followed.
    """
    bad: dict[str, str]
    """The files that `skip_bad` has left out, and the reasons."""
    disk_in: int | None
    """The bytes on disk of the files of a folder or a list; None for other inputs."""
    stored: dict[str, VerbatimFiles]
    """The files of a folder that are stored verbatim instead of by their pixels, by the reason."""
    inexact: list[str]
    """The names of the files that are restored with the same pixels and metadata, but other bytes.
    """
    saving: Saving
    """An estimate of the saving by `files="pixels"`."""
    copies: Saving
    """The files with the bytes of other files, which are stored once."""
    order_bits: float | None
    """The bits saved by dropping the order of the items; None if it was kept."""
    name_bytes: int | None
    """The bytes of the names of an unordered collection that keeps them; otherwise None."""
    resumed: int | None
    """The number of blocks from an earlier, stopped run; None without `resume`."""
    unfit: int
    """The number of unusable blocks of an earlier run with other inputs, options or versions."""

    def _more(self) -> str:
        model = f"model {self.model}" if self.model else "no model"
        return f", {model}" + (f", chosen by {self.policy!r}" if self.policy else "")


@dataclass(frozen=True)
class Repaired:
    """A summary of a repair. It is true if the new archive differs from the old one."""

    shards: int = 0
    """The number of shards that were repaired by parity."""
    index: bool = False
    """Whether the index was cut off or damaged, and was made anew."""
    footer: bool = False
    """Whether the footer was written again."""
    parity: str | None = None
    """The change of the parity: "renewed", "damaged" if it still is, "dropped", or None."""
    tail: int = 0
    """The number of bytes behind the end that are not in the new archive."""
    tail_file: str | None = None
    """The new file with these bytes; None if the old archive stays."""

    def __bool__(self) -> bool:
        renewed = self.parity in ("renewed", "dropped")
        return bool(self.shards or self.index or self.footer or renewed or self.tail)


@dataclass(frozen=True)
class Differences:
    """The differences between two archives, or between an archive and a folder or a file.

    Files and arrays are named, and items numbered, as `3` or `3:8`. It is true if
    anything differs.
    """

    added: list[str] = field(default_factory=list)
    """The content of only the second one."""
    removed: list[str] = field(default_factory=list)
    """The content of only the first one."""
    changed: dict[str, str] = field(default_factory=dict)
    """The content of both that differs, and the difference: "pixels", "bytes", "size", "shape"."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)
