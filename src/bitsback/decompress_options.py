"""The options of `decompress`: what each means, its default and its check.

`bitsback.decompress` and the command `bitsback decompress` make one `DecompressOptions` of what
they are given, and pass it on whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.io.remote.url import Options
    from bitsback.models.model import Choice
    from bitsback.work import Progress

RestoredFiles = Literal["exact", "pixels"]


@dataclass(frozen=True, kw_only=True)
class DecompressOptions:
    """The options of `bitsback.decompress`. Raises InputError for invalid values, and for options
    that exclude each other.

    model: one that the archive's blocks may ask for, where it is neither embedded nor bundled.
    threads: blocks to work on at once; all cores by default.
    progress: called with how much is done, and how much there is to do, in elements times what
        they cost. If it has a method `stage`, that is called with the name of each stage, where
        there is more than one.
    force: replace an existing file.
    verify: check each block's digest; without it only the checksums of the bytes are checked.
    files: what comes back of files that were compressed with "exact". "exact": the very bytes of
        each file, or an error if the zlib of this computer cannot make them. "pixels": files of the
        same pixels and metadata.
    keep_going: restore the undamaged parts of a damaged or truncated archive, instead of raising
        ArchiveError; `lost` and `problems` of the summary say what is missing. All undamaged files
        come back; of an array the undamaged items, one after the other, or the undamaged rows if it
        is one item. The output has to be named. Every block is decoded twice.
    fill: with `keep_going`, the value of the lost elements of arrays, which then keep their shapes.
    storage_options: options for the filesystems of URLs.

    >>> DecompressOptions(threads=2).files
    'exact'
    """

    model: Choice | None = None
    threads: int | None = None
    progress: Progress | None = None
    force: bool = False
    verify: bool = True
    files: RestoredFiles = "exact"
    keep_going: bool = False
    fill: float | None = None
    storage_options: Options | None = None

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads={self.threads}: there must be one at least")
        if self.files not in get_args(RestoredFiles):
            raise InputError(f"files={self.files!r}: it is 'exact' or 'pixels'")
        if self.fill is not None and not self.keep_going:
            raise InputError("fill (--fill) is for keep_going (--keep-going)")


class DecompressKeywords(TypedDict, total=False):
    """The fields of `DecompressOptions` as keywords, for type checkers; a test compares the two."""

    model: Choice | None
    threads: int | None
    progress: Progress | None
    force: bool
    verify: bool
    files: RestoredFiles
    keep_going: bool
    fill: float | None
    storage_options: Options | None
