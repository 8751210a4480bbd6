"""`Archive`, an open archive for users of the package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import (
    MOST_ELEMENTS,
    MOST_SHOWN,
    ArraySource,
    Indexed,
    View,
    shown_images,
    table,
)
from bitsback.archive.arrays.stored import Stored, StoredSource, shown_picture
from bitsback.archive.container.archive_file import Source
from bitsback.archive.container.damage import Problem
from bitsback.archive.container.directory import HEADER_SPACE
from bitsback.archive.container.sections import CACHE_BYTES
from bitsback.archive.files.describe import describe
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.files.stacked import Stack, StackSource, series_in
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError, InputError
from bitsback.format.labelling import classes_of
from bitsback.format.members import NumberedNames
from bitsback.format.parts import ARRAYS
from bitsback.io.output import Destination
from bitsback.io.remote.url import Options
from bitsback.models.model import Choice
from bitsback.work import Progress

if TYPE_CHECKING:
    from bitsback.archive.restoring.extract import Item


class Archive(Indexed):
    """An open archive.

    An archive of an array is like the array. It has `shape`, `dtype`, `ndim`, `size`, `nbytes` and
    `chunks`. `np.asarray` decodes all of it, and a loop goes over its items. It is indexed like
    NumPy arrays: `archive[i]`, `archive[2, 10:20, ::-1]`, and along the first axis also by lists of
    numbers and by masks, `archive[[5, 2, 5]]`. The result is a copy. `file_bytes` is the size of
    the archive.

    >>> import io
    >>> import numpy as np
    >>> from bitsback import compress
    >>> digits = np.random.default_rng(0).random((100, 28, 28)) < 0.1
    >>> file = io.BytesIO()
    >>> compressed = compress(digits, file, block=10)
    >>> with Archive(file) as archive:
    ...     print(len(archive), archive.shape, archive.chunks[0][:3])
    ...     print(np.array_equal(archive[[17, 3], 10:20], digits[[17, 3], 10:20]))
    100 (100, 28, 28) (10, 10, 10)
    True

    In an archive of files, `archive["a.png"]` and `archive[i]` are a `View` of one file, which is
    like an array in the same way. `archive[2:5]` is a list of views, and a loop goes over all of
    them. `"a.png" in archive` says whether there is such a file.

    An index decodes only the blocks that it needs, each once. Decoded blocks stay in a cache, whose
    size `open` limits.

    A damaged archive opens too, as long as its blocks can be found. `problems` lists faults outside
    of blocks, and the items of undamaged blocks can be read.

    Use the archive as a context manager, or close it. A closed archive cannot be read. Several
    threads may use it and, if it is a file, also processes that are forked later. An archive that
    was opened by its path can be pickled: unpickling opens it again. `reader` is for the package
    itself.
    """

    def __init__(
        self,
        source: Source,
        *,
        model: Choice | None = None,
        cache: int = CACHE_BYTES,
        storage_options: Options | None = None,
    ) -> None:
        """Opens an archive.

        source: a path, a URL that fsspec supports, a seekable binary file, or the bytes of an
        archive. From a URL only the needed bytes are fetched. model: a model that blocks of the
        archive may need. cache: the number of bytes of decoded blocks to keep, 64 MiB by default.
        The last decoded block is kept even if it is larger, unless `cache` is 0.
        storage_options: for the filesystem of a URL.

        Raises InputError if the source cannot be read. Raises ArchiveError if it is no archive,
        needs a newer bitsback, or is so damaged that its blocks cannot be found.
        """
        self.reader = ArchiveReader(
            source, model=model, cache=cache, storage_options=storage_options
        )

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, if it was opened here. Later reads raise ValueError."""
        self.reader.close()

    @property
    def closed(self) -> bool:
        return self.reader.file.closed

    @property
    def name(self) -> str:
        """The path or the URL of the archive, or the name of its file object."""
        return self.reader.name

    @property
    def file_bytes(self) -> int:
        """The size of the archive in bytes."""
        return self.reader.file_bytes

    @property
    def cache(self) -> int:
        """The capacity of the cache of decoded blocks, in bytes."""
        return self.reader.cache.capacity

    @property
    def kind(self) -> str:
        """The format of the original input, such as "npy", or "folder"."""
        return self.reader.kind

    @property
    def unordered(self) -> bool:
        """Whether the archive is a set, whose items have lost their order."""
        return self.reader.unordered

    @property
    def problems(self) -> list[ArchiveError]:
        """The faults that opening the archive found, in order. It does not read blocks."""
        return self.reader.problems

    @property
    def _source(self) -> ArraySource:
        return self.reader.array_source

    @property
    def nbytes(self) -> int:
        """The size of the decoded content in bytes; `file_bytes` is the size of the archive."""
        return self.reader.collection.nbytes

    def __len__(self) -> int:
        """The length of the array's first axis, or the number of files or arrays."""
        return len(self.reader)

    def __iter__(self) -> Iterator[Any]:
        """The items of an array, or a View of each file.

        Each block is decoded once, and one block at a time is in memory.
        """
        if self.reader.collection.kind is None:
            return super().__iter__()
        return map(self._view, range(len(self)))

    def __contains__(self, name: object) -> bool:
        """Whether there is a file of this name.

        Raises TypeError for anything but a name, since searching the values of an array would
        decode all of it.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"{self.name}: `in` looks for the name of a file, not {type(name).__name__}; look"
                " for values with (np.asarray(archive) == value).any()"
            )
        has_files = self.reader.collection.kind is not None
        return has_files and self.reader.files.number(name) is not None

    def __getitem__(self, which: Any) -> Any:
        """The indexed elements of an array, or files.

        For an array it is the result of NumPy's indexing, always a copy. For files it is the View
        of one, by number or by name, or a list of views, by a slice.

        Raises IndexError or KeyError if there is no such item. Raises ArchiveError, which names the
        block, if a needed block is damaged. Raises InputError if the result does not fit into
        memory.
        """
        if self.reader.collection.kind is None:
            return super().__getitem__(which)
        if isinstance(which, slice):
            return [self._view(number) for number in range(len(self))[which]]
        return self._view(which)

    def _view(self, which: Any) -> View:
        source = self.reader.file_source(which)
        if isinstance(source, StoredSource):
            return Stored(source)  # nothing of the file is read before its pixels are needed
        return View(self.reader.file_array(which))

    @property
    def names(self) -> Sequence[str]:
        """The names of the files in order; empty for an array.

        Raises ArchiveError for damage.
        """
        return self.reader.names

    @property
    def labels(self) -> NDArray[Any] | None:
        """The labels of the items or files, in their order; None if there are none.

        They are an array of an npz file, or for pictures int64 numbers of `classes`. Raises
        ArchiveError for damage.

        >>> import os, tempfile, bitsback, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     source = os.path.join(folder, "some.npz")
        ...     np.savez(source, images=np.zeros((3, 9, 9), np.uint8), labels=[5, 0, 5])
        ...     summary = bitsback.compress(source, source + ".bb", labels="labels")
        ...     with bitsback.open(source + ".bb") as archive:
        ...         archive.labels.tolist()
        [5, 0, 5]
        """
        reader = self.reader
        if reader.file_sections is None:
            return None
        pairs = reader.pairs
        if pairs is not None and pairs.labels is not None:
            return reader.part_source(pairs.labels).whole()
        if pairs is None and not reader.directory.unnamed:
            return None
        names = self.names
        if isinstance(names, NumberedNames):
            return None if names.labels is None else names.labels.copy()
        return classes_of(names)[1]

    @property
    def classes(self) -> list[str]:
        """The folders that are labels of pictures, sorted; empty without labels.

        Raises ArchiveError for damage.
        """
        return self.reader.classes

    @property
    def hashes(self) -> dict[str, bytes] | None:
        """The SHA-256, by name, of original files that are restored byte for byte.

        None if the archive has no hashes. Raises ArchiveError for damage.
        """
        hashes = self.reader.hashes
        if hashes is None:
            return None
        return {name: digest for name, digest in zip(self.names, hashes, strict=True) if digest}

    @property
    def series(self) -> dict[str, View]:
        """The series of a folder, each as one array [files, ...].

        A series has pictures of one size and kind that are coded together, such as the slices of
        DICOM files, in their order. The keys are the common start of their names, as `scan/IM*`.
        Raises ArchiveError for damage.

        >>> import os, tempfile, bitsback, numpy as np
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     os.mkdir(os.path.join(folder, "in"))
        ...     for number in range(5):
        ...         image = Image.fromarray(np.full((60, 50), 9 * number, np.uint8))
        ...         image.save(os.path.join(folder, f"in/{number}.bmp"))
        ...     summary = bitsback.compress(
        ...         os.path.join(folder, "in"), os.path.join(folder, "in.bb")
        ...     )
        ...     with bitsback.open(os.path.join(folder, "in.bb")) as archive:
        ...         {name: array.shape for name, array in archive.series.items()}
        {'*.bmp': (5, 60, 50)}
        """
        views: dict[str, View] = {}
        for name, numbers in series_in(self.reader).items():
            first = self.reader.file_array(numbers[0])
            views[name] = Stack(StackSource(self.reader, numbers, first.shape, first.dtype))
        return views

    def preview(self, which: int | str) -> bytes | None:
        """A small picture of a file, by number or by name, in WebP or JPEG.

        None if the archive was made without previews, or the picture itself is small. Raises
        KeyError or IndexError if there is no such file, ArchiveError for damage.
        """
        return self.reader.preview(which)

    def open(self, which: int | str) -> BytesIO:
        """A file of a folder, by number or by name, with the bytes that `decompress` restores.

        Raises KeyError or IndexError if there is no such file, InputError for an archive of an
        array, ArchiveError for damage.
        """
        if self.kind != "folder":
            raise InputError(
                f"{self.name}: is not the archive of a folder, so it has no files to open"
            )
        number = self.reader.file_number(which)
        with self.reader.file.naming():
            return BytesIO(FileWriter(self.reader).file(number))

    def extract(
        self,
        items: Item | Iterable[Item],
        destination: Destination,
        *,
        png: bool = False,
        verify: bool = True,
        force: bool = False,
        links: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Writes some files or items, and decodes only their blocks. Returns their number.

        >>> import os, tempfile, bitsback, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "some.npy")
        ...     summary = bitsback.compress(np.arange(60).reshape(20, 3), path + ".bb")
        ...     with bitsback.open(path + ".bb") as archive:
        ...         archive.extract([2, slice(18, 20)], path), np.load(path).tolist()
        (3, [[6, 7, 8], [54, 55, 56], [57, 58, 59]])

        items: the name of a file, a link or an empty folder, the number of a file or an item, a
            slice of numbers, or several of these.
        destination: for files of a folder the path or URL of a folder. For items of an array the
            path of a .npy file, or a binary stream; a single number then writes the item itself,
            and anything else an array of items. For one array of an npz file the path of a .npy
            file, and for several that of an .npz file.
        png: write a PNG file for each item, named by its number, into the folder `destination`.
        verify: False stops decoding a block behind the last requested item, and checks only
            checksums, not digests.
        force: replace existing files.
        links: also restore links that lead out of the folder.
        progress: called with the number of finished items, and the number of all items.

        Raises KeyError or IndexError if there is no such item, InputError if the destination does
        not suit the items, ArchiveError for damage.
        """
        from bitsback.archive.restoring.extract import extract  # late, as it imports Pillow

        return extract(self.reader, items, destination, png, verify, force, progress, links)

    def verify(self, threads: int | None = None, progress: Progress | None = None) -> list[Problem]:
        """Decodes every block and checks everything else. Returns the faults.

        Each fault comes with the number of its block, or None outside of blocks.
        """
        from bitsback.archive.files.verifying import verify  # late, as it imports Pillow

        return verify(self.reader, threads, progress)

    def lost(self, problems: Iterable[Problem]) -> list[str]:
        """The lost items, in the form that `bitsback extract` takes.

        They are names of files and arrays, and numbers of items, `3` or `3:8`. problems:
        the result of `verify`.
        """
        from bitsback.archive.files.verifying import lost_items  # late, as it imports Pillow

        return lost_items(self.reader, problems)

    def info(self) -> dict[str, Any]:
        """The description of the archive's content, as JSON.

        It reads the first bytes of each block. It decodes no block and builds no model.
        """
        self.reader.file.expect(self.reader.blocks, HEADER_SPACE)
        return describe(self.reader)

    def __repr__(self) -> str:
        collection = self.reader.collection
        if collection.kind is None:
            content = f"{' x '.join(map(str, collection.shape)) or 'one number'} {collection.dtype}"
        else:
            noun = "array" if collection.kind == ARRAYS else "picture"
            count = self.reader.visible_files
            content = f"{count} {noun}" + "s" * (count != 1)
        blocks = len(self.reader.blocks)
        return (
            f"<Archive {self.name}{', closed' * self.closed}: {content},"
            f" {blocks} block{'s' * (blocks != 1)}, {collection.nbytes} bytes in {self.file_bytes}>"
        )

    def _repr_html_(self) -> str:
        collection = self.reader.collection
        rows = [("made of", self.kind)]
        if collection.kind is None:
            rows += [("shape", f"{collection.shape}"), ("dtype", f"{collection.dtype}")]
        else:
            rows.append(("files", f"{self.reader.visible_files:,}"))
        share = f", {self.file_bytes / collection.nbytes:.1%}" if collection.nbytes else ""
        rows += [
            ("bytes", f"{self.file_bytes:,} of {collection.nbytes:,}{share}"),
            ("blocks", f"{len(self.reader.blocks):,}"),
        ]
        alt = f"the first images in {self.name}"
        return table(f"Archive {self.name}", rows, self._repr_png_(), alt)

    def _shown(self) -> list[NDArray[Any]]:
        """The images of the array, or of the first files. Files with previews are not decoded."""
        if self.reader.collection.kind is None:
            return super()._shown()
        images, left = list[NDArray[Any]](), MOST_ELEMENTS
        for number in range(min(len(self), MOST_SHOWN)):
            shown = self._shown_of_file(number, left)
            left -= sum(image.size for image in shown)
            images += shown
        return images

    def _shown_of_file(self, number: int, most: int) -> list[NDArray[Any]]:
        """The image of a file for a notebook: its preview, or the file itself if it is small.

        most: the greatest number of elements to decode.
        """
        preview = self.preview(number)
        try:
            if preview is not None:
                return [shown_picture(preview, self.name)]
            source = self.reader.file_array(number)
            is_small = isinstance(source, StoredSource) or np.prod(source.shape) <= most
            return shown_images(source, 1) if is_small else []
        except InputError:  # the file is no picture
            return []

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)


def open(
    source: Source,
    *,
    model: Choice | None = None,
    cache: int = CACHE_BYTES,
    storage_options: Options | None = None,
) -> Archive:
    """Opens an archive, to read items from it.

    The arguments and the errors are those of `Archive`.

    >>> import io
    >>> import bitsback
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> compressed = bitsback.compress(np.arange(10, dtype=np.uint8), file)
    >>> with bitsback.open(file) as archive:
    ...     print(archive[2:5], [int(number) for number in archive if number > 7])
    [2 3 4] [8, 9]
    """
    return Archive(source, model=model, cache=cache, storage_options=storage_options)
