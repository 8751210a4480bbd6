"""The options of `decompress`: the meaning, the default and the check of each.

`bitsback.decompress` and the command `bitsback decompress` make one `DecompressOptions` of their
arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from bitsback.option import check, documented, force_option, option, storage_option, threads_option

if TYPE_CHECKING:
    from bitsback.io.remote.url import Options
    from bitsback.models.model import Choice
    from bitsback.work import Progress

RestoredFiles = Literal["exact", "pixels"]


@documented
@dataclass(frozen=True, kw_only=True)
class DecompressOptions:
    """The options of `bitsback.decompress`. Raises InputError for invalid values and combinations.

    >>> DecompressOptions(threads=2).files
    'exact'
    """

    files: RestoredFiles = option(
        "exact",
        '"exact": it is an error if libtiff of this computer cannot reproduce the bytes of'
        ' a file. "pixels": such a file is restored with the same pixels and metadata.',
        choices=get_args(RestoredFiles),
    )
    keep_going: bool = option(
        False,
        "Restore the undamaged parts of a damaged or truncated archive, and list the lost ones.",
        "All undamaged files are restored; of an array the undamaged items, one after the other, or"
        " the undamaged rows if it is one item. The output has to be named. Every block is decoded"
        " twice. `lost` and `problems` of the summary say what is missing.",
    )
    fill: float | None = option(
        None,
        "With `keep_going`: the value for lost elements of arrays. Without it, items with lost"
        " elements are left out.",
        metavar="VALUE",
        needs="keep_going",
    )
    links: bool = option(
        False,
        "Restore symbolic links that lead out of the folder, too.",
        "Without it an archive of a folder with such a link is refused: its target is absolute, or"
        " leads up by `..` further than to the folder. No file is ever written through a link.",
    )
    model: Choice | None = option(
        None,
        "The model file that the archive was made with, if the model is neither in the archive"
        " nor bundled.",
        names=("-m", "--model"),
        metavar="FILE",
    )
    threads: int | None = threads_option()
    force: bool = force_option()
    storage_options: Options | None = storage_option()
    verify: bool = option(
        True,
        "Check each block's digest; without it only the checksums of the bytes are checked.",
        in_command=False,
    )
    progress: Progress | None = option(
        None,
        "Called with how much is done, and how much there is to do, in elements times what they"
        " cost. If it has a method `stage`, that is called with the name of each stage, where"
        " there is more than one.",
        in_command=False,
    )

    def __post_init__(self) -> None:
        check(self)


class DecompressKeywords(TypedDict, total=False):
    """The fields of `DecompressOptions` as keywords, for type checkers; a test compares the two."""

    files: RestoredFiles
    keep_going: bool
    fill: float | None
    links: bool
    model: Choice | None
    threads: int | None
    force: bool
    storage_options: Options | None
    verify: bool
    progress: Progress | None
