"""The options of `compress`: what each means, its default and its check.

`bitsback.compress`, the command `bitsback compress` and `bitsback.dask.to_archive` make one
`CompressOptions` of what they are given, and pass it on whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from bitsback.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from bitsback.io.remote.url import Options
    from bitsback.models.model import Choice

Embed = Literal["auto", "if-smaller", "always", "never"]
FilesAs = Literal["pixels", "exact"]
Purpose = Literal["storage", "random-access"]
Algorithm = Literal["sha256"]
SMALLEST_TILE, LARGEST_TILE = 16, 2048
MOST_PARITY = 100


@dataclass(frozen=True, kw_only=True)
class CompressOptions:
    """The options of `bitsback.compress`. Raises InputError for invalid values, and for options
    that exclude each other.

    model: the name of a bundled model, the path of a model file, or a model; or how a bundled one
        is chosen. "best" takes whichever makes a sample smallest. "auto" does the same, but tries
        the slow ones, which count contexts, only where a look at the sample says that they may
        pay. "fast" chooses among those that code 5 MB a second and more. The size of the input does
        not matter.
    block: items, or tiles of them, in a block at most. Blocks decode on their own, in parallel. By
        default a block has about 1.6 million elements.
    threads: blocks to work on at once; all cores by default. The archive is the same for any
        number.
    embed: whether the models go into the archive. "auto": unless they are bundled. "always": all of
        them, so that nothing but the format is needed to decode it. "if-smaller": as "auto", but a
        requested model is not used, with a ModelWarning, if a trial finds that the archive is
        smaller without it.
    progress: called with the work done and the total: for a folder first in examined files, then in
        written elements, weighted by their cost. If it has a method `stage`, that is called before
        each of the two with its name.
    force: replace an existing file.
    skip_bad: leave out files that cannot be read or held; the summary names them.
    tile: rows and columns of the tiles into which large pictures are cut, from 16 to 2,048. By
        default 1,024, and 64 for a model with latents that codes images of any size.
    stack: whether an array of three dimensions, the pages of a TIFF file, or the pictures of a
        folder that have one size, are the slices of one stack, each like the one before it. By
        default a trial tells.
    files: what comes back of a folder, or of a list of files. "pixels": files of the same pixels
        and metadata. "exact": the very bytes of each file. In both cases, files that coding by
        pixels would make larger or cannot restore, files that are no pictures, and damaged files
        are stored verbatim.
    pictures_only: leave out files that are no pictures, and hidden ones; the summary names them. A
        damaged picture is an error then, unless `skip_bad` leaves it out.
    dtype: the dtype of the images that a generator yields; images are not converted.
    shape: the shape of all images of a generator together, their number first.
    purpose: what the archive is for. "random-access": any one item is decoded in a millisecond or
        so. Blocks and tiles are small and nothing is a stack, unless others are asked for, and
        "auto" takes a model that is not autoregressive where one fits. This takes more bytes
        (docs/pytorch.md says how many).
    unordered: the order of the items does not matter; they come back sorted by their bytes. A block
        is a multiset of all of them, or of `block` items, at most 2^20 items and 2^28 elements; it
        is in memory as a whole. If a model codes it, this saves log2(n!) bits for n items. Items
        that are cut into tiles keep their order. Only the pixels of files are kept, and their names
        are numbers.
    keep_names: with `unordered`, files keep their names; the summary says how many bytes these
        take.
    labels: for an npz file, the name of the array of labels, or of other small records, one for
        each item of the largest array; for a folder "folders": the label of a picture is its
        folder. `archive.labels` has them.
    hashes: keep the hash of each file of a folder, or of a list, that comes back byte for byte.
        `archive.hashes` has them, and they are compared whenever a file is restored. Each of these
        files is read once more.
    previews: keep small pictures of the large ones of a folder, in about a hundredth of the
        archive, which viewers show in their place. `archive.preview` has them.
    parity: per cent of the archive by which it grows, so that `repair` can mend bad sectors of a
        disk, or other bytes that have changed. The destination is a path.
    resume: continue where an earlier run was stopped. Coded blocks are kept in a hidden file beside
        the archive, `.NAME.part`, until the archive is complete, even if this run is killed. The
        archive is the same as without this option: blocks whose input has changed are coded again,
        and `resumed` of the summary counts the others. The destination is a path.
    storage_options: options for the filesystems of URLs.

    >>> options = CompressOptions(model="fast", tile=256)
    >>> options.tile, options.embed
    (256, 'auto')
    """

    model: Choice = "auto"
    block: int | None = None
    threads: int | None = None
    embed: Embed = "auto"
    progress: Callable[[int, int], object] | None = None
    force: bool = False
    skip_bad: bool = False
    tile: int | None = None
    stack: bool | None = None
    files: FilesAs = "pixels"
    pictures_only: bool = False
    dtype: DTypeLike | None = None
    shape: Sequence[int] | None = None
    purpose: Purpose = "storage"
    unordered: bool = False
    keep_names: bool = False
    labels: str | None = None
    hashes: Algorithm | None = None
    previews: bool = False
    parity: float | None = None
    resume: bool = False
    storage_options: Options | None = None

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads={self.threads}: there must be one at least")
        if self.block is not None and self.block < 1:
            raise InputError(f"block={self.block}: a block has one item at least")
        if self.embed not in get_args(Embed):
            raise InputError(f"embed={self.embed!r}: it is one of {', '.join(get_args(Embed))}")
        if self.tile is not None and not SMALLEST_TILE <= self.tile <= LARGEST_TILE:
            raise InputError(f"tile={self.tile}: it is from {SMALLEST_TILE} to {LARGEST_TILE}")
        if self.files not in get_args(FilesAs):
            raise InputError(f"files={self.files!r}: it is 'pixels' or 'exact'")
        if self.purpose not in get_args(Purpose):
            raise InputError(f"purpose={self.purpose!r}: it is 'storage' or 'random-access'")
        if self.unordered and self.stack:
            raise InputError("a stack is one item, and its slices have an order; leave out one")
        if self.unordered and self.files != "pixels":
            raise InputError(
                "of files whose order does not matter only the pixels are kept; leave out"
                " unordered (--unordered), or files (--files)"
            )
        if self.keep_names and not self.unordered:
            raise InputError("keep_names (--keep-names) is for unordered (--unordered)")
        if self.previews and self.unordered:
            raise InputError("previews (--previews) are of files, which unordered drops")
        if self.parity is not None and not 0 < self.parity <= MOST_PARITY:
            raise InputError(f"parity={self.parity}: it is a per cent, {MOST_PARITY} at most")
        if self.hashes not in (None, *get_args(Algorithm)):
            raise InputError(f"hashes={self.hashes!r}: it is 'sha256', or None")

    @property
    def quick(self) -> bool:
        """Whether reading one random item has to be fast."""
        return self.purpose == "random-access"


class CompressKeywords(TypedDict, total=False):
    """The fields of `CompressOptions` as keywords, for type checkers; a test compares the two."""

    model: Choice
    block: int | None
    threads: int | None
    embed: Embed
    progress: Callable[[int, int], object] | None
    force: bool
    skip_bad: bool
    tile: int | None
    stack: bool | None
    files: FilesAs
    pictures_only: bool
    dtype: DTypeLike | None
    shape: Sequence[int] | None
    purpose: Purpose
    unordered: bool
    keep_names: bool
    labels: str | None
    hashes: Algorithm | None
    previews: bool
    parity: float | None
    resume: bool
    storage_options: Options | None
