"""The options of `compress`: the meaning, the default and the check of each.

`bitsback.compress`, the command `bitsback compress` and `bitsback.dask.to_archive` make one
`CompressOptions` of their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from bitsback.errors import InputError
from bitsback.option import check, documented, force_option, option, storage_option, threads_option

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from bitsback.io.remote.url import Options
    from bitsback.models.model import Choice

Embed = Literal["auto", "always", "never"]
FilesAs = Literal["exact", "pixels"]
Purpose = Literal["storage", "random-access"]
Algorithm = Literal["sha256"]
SMALLEST_TILE, LARGEST_TILE = 16, 2048
MOST_PARITY = 100

_MODEL = "Choice of the model"
_FILES = "Files of a folder"
_LAYOUT = "Layout of the archive"


@documented
@dataclass(frozen=True, kw_only=True)
class CompressOptions:
    """The options of `bitsback.compress`. Raises InputError for invalid values and combinations.

    >>> options = CompressOptions(model="fast", tile=256)
    >>> options.tile, options.embed
    (256, 'auto')
    """

    model: Choice = option(
        "auto",
        "A bundled model, see 'bitsback models', or a model file.",
        'Or a model; or how a bundled one is chosen. "best" takes whichever makes a sample'
        ' smallest. "auto" does the same, but takes context mixing, which is slow, only if it'
        ' saves 5 %. "fast" chooses among those that code at least 5 MB a'
        " second. The size of the input does not matter.",
        names=("-m", "--model"),
        metavar="NAME|FILE",
        usual="auto",
        shortcuts={
            "fast": "Choose among the fast models.",
            "best": "Choose the model that makes the archive smallest, however slow.",
        },
        heading=_MODEL,
    )
    embed: Embed = option(
        "auto",
        "Put the models into the archive, so that nothing but the format is needed to decode it."
        ' "auto": models of your own, and bundled ones where together they take less than 0.5 % of'
        ' the archive. "always"; "never".',
        metavar="WHEN",
        choices=get_args(Embed),
        heading=_MODEL,
        rare=True,
    )
    files: FilesAs = option(
        "exact",
        '"exact": files are restored byte for byte. "pixels": pictures are restored with the same'
        " pixels and metadata, but other bytes, if that takes less space.",
        "In both cases damaged files, files that are not pictures, and pictures that pixels would"
        " make larger or could not restore are stored verbatim.",
        choices=get_args(FilesAs),
        heading=_FILES,
    )
    pictures_only: bool = option(
        False,
        "Leave out hidden files and files other than pictures (labels, texts), and list them. A"
        " damaged picture is then an error, unless `skip_bad` leaves it out. Without this option"
        " every file of a folder is kept.",
        heading=_FILES,
    )
    skip_bad: bool = option(
        False,
        "Leave out files that cannot be read, and list them. Without this option the first of them"
        " is an error.",
        heading=_FILES,
    )
    labels: str | None = option(
        None,
        "The array of an .npz file that holds a label, or another small record, for each item of"
        " its largest array. Or the word folders: the label of a picture is its folder.",
        "`archive.labels` has them.",
        metavar="KEY",
        heading=_FILES,
        rare=True,
        in_add=False,
    )
    hashes: Algorithm | None = option(
        None,
        "Store the hash of each file of a folder that is restored byte for byte. It is checked"
        " whenever the file is restored, and 'list --hashes' prints it.",
        "`archive.hashes` has them. Each of these files is read once more.",
        choices=get_args(Algorithm),
        heading=_FILES,
        rare=True,
        in_add=False,
    )
    purpose: Purpose = option(
        "storage",
        '"storage": the archive is small. "random-access": reading one item, or a region of a large'
        " one, is fast, and the archive is larger: 8 % for grey MNIST digits, 57 % for bilevel"
        " ones, 4 % for photographs.",
        "An item is decoded in about a millisecond: by default, blocks and tiles are small and"
        ' nothing is a stack, and "auto" prefers models that are not autoregressive'
        " (docs/pytorch.md).",
        names=("--for",),
        choices=get_args(Purpose),
        heading=_LAYOUT,
    )
    unordered: bool = option(
        False,
        "Drop the order and the names of the items; they are restored sorted. This saves 11.8 bits"
        " an item for 10,000 items. All of them are one block, unless `block` is set, so reading"
        " one of them decodes all.",
        "A block is a multiset of at most 2^20 items and 2^28 elements, in memory as a whole. If a"
        " model codes it, this saves log2(n!) bits for n items. Items that are cut into tiles keep"
        " their order. Only the pixels of files are kept, and their names are numbers.",
        heading=_LAYOUT,
        in_add=False,
    )
    keep_names: bool = option(
        False,
        "With `unordered`: keep the names of files, and report how many bytes they take.",
        needs="unordered",
        heading=_LAYOUT,
        rare=True,
        in_add=False,
    )
    block: int | None = option(
        None,
        "Items, or tiles of large ones, in a block at most. Each block is decoded as a whole: small"
        " blocks make reading one item faster, large ones make the archive smaller.",
        metavar="N",
        usual="about 1.6 million elements, and 260,000 of pictures of a folder",
        least=1,
        heading=_LAYOUT,
        rare=True,
    )
    tile: int | None = option(
        None,
        "Cut large pictures into tiles of N x N pixels. Small tiles make regions faster to read,"
        " large ones make the archive smaller.",
        metavar="N",
        usual="1024, 4096 of bool, and 64 with a latent-variable model for images of any size",
        least=SMALLEST_TILE,
        most=LARGEST_TILE,
        heading=_LAYOUT,
        rare=True,
    )
    stack: bool | None = option(
        None,
        "Treat the slices of an array of three dimensions, the pages of a TIFF file, or the"
        " pictures of a folder that have one size, as a stack, where each is similar to the one"
        " before it.",
        names=("--stack/--no-stack",),
        usual="as a trial decides",
        heading=_LAYOUT,
        rare=True,
    )
    force: bool = force_option()
    threads: int | None = threads_option()
    parity: float | None = option(
        None,
        "Append parity data of this share of the archive, so that 'bitsback repair' can mend bad"
        " sectors of a disk.",
        "In per cent. The destination is a path.",
        metavar="PERCENT",
        above=0,
        most=MOST_PARITY,
        rare=True,
    )
    previews: bool = option(
        False,
        "Store a small picture of each large one of a folder, for viewers; about 1 % of the"
        " archive.",
        "`archive.preview` has them.",
        rare=True,
    )
    resume: bool = option(
        False,
        "Keep coded blocks beside the archive, in .NAME.part, until it is complete. After an"
        " interruption, the same command continues from them.",
        "The archive is the same as without this option: blocks whose input has changed are coded"
        " again, and `resumed` of the summary counts the others. The destination is a path.",
        rare=True,
        in_add=False,
    )
    storage_options: Options | None = storage_option()
    dtype: DTypeLike | None = option(
        None,
        "The dtype of the images that a generator yields; images are not converted.",
        in_command=False,
    )
    shape: Sequence[int] | None = option(
        None,
        "The shape of all images of a generator together, their number first.",
        in_command=False,
    )
    progress: Callable[[int, int], object] | None = option(
        None,
        "Called with the work done and the total: for a folder first in examined files, then in"
        " written elements, weighted by their cost. If it has a method `stage`, that is called"
        " before each of the two with its name.",
        in_command=False,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.unordered and self.stack:
            raise InputError("the slices of a stack have an order; leave out stack or unordered")
        if self.previews and self.unordered:
            raise InputError(
                "previews (--previews) need files, which unordered (--unordered) drops"
            )

    @property
    def quick(self) -> bool:
        """Whether reading a single item has to be fast."""
        return self.purpose == "random-access"


class CompressKeywords(TypedDict, total=False):
    """The fields of `CompressOptions` as keywords, for type checkers; a test compares the two."""

    model: Choice
    embed: Embed
    files: FilesAs
    pictures_only: bool
    skip_bad: bool
    labels: str | None
    hashes: Algorithm | None
    purpose: Purpose
    unordered: bool
    keep_names: bool
    block: int | None
    tile: int | None
    stack: bool | None
    force: bool
    threads: int | None
    parity: float | None
    previews: bool
    resume: bool
    storage_options: Options | None
    dtype: DTypeLike | None
    shape: Sequence[int] | None
    progress: Callable[[int, int], object] | None
