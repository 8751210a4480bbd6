"""Compression: arrays, read once from beginning to end, become an archive, written once from
beginning to end.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import zip_longest
from typing import BinaryIO, Literal, cast, get_args

from numpy.typing import DTypeLike

from bitsback.archive.asked import Asked, Bonds, Input, Keeping
from bitsback.archive.block import METHODS
from bitsback.archive.block_writer import Encoded, encode
from bitsback.archive.choose import (
    HURRIED,
    Choice,
    Chosen,
    UnfitError,
    any_codes,
    check_fit,
    choose,
    coder_for,
    is_bundled,
    read_choice,
)
from bitsback.archive.collection import BYTES
from bitsback.archive.cutting import BLOCK_ELEMENTS, LARGEST_SIDE, SMALLEST_SIDE
from bitsback.archive.growth import Outgrown, check_growth, check_size
from bitsback.archive.hashes import Algorithm, Hashes
from bitsback.archive.hashing import check_unchanged, hash_inputs
from bitsback.archive.inputs import Source, files_of, open_input
from bitsback.archive.layout import (
    FILES,
    HASHED,
    LABELLED,
    MODEL,
    UNORDERED,
    head,
    pack_index,
    section,
)
from bitsback.archive.members import Files
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.part_reader import PartReader, Role, Uncoded
from bitsback.archive.parts import FileList
from bitsback.archive.pool import check_threads, ordered_map
from bitsback.archive.summary import Compressed, Progress
from bitsback.archive.unfinished import Unfinished, key_of, part_of
from bitsback.archive.work import Work, begin
from bitsback.errors import InputError, ModelWarning
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.remote.url import Options, check_options, located

Embed = Literal["auto", "if-smaller", "always", "never"]
"""Whether models go into an archive."""
FilesAs = Literal["pixels", "exact"]
"""What comes back of a folder's files: their pixels and metadata, or their very bytes."""

_log = logging.getLogger(__name__)
_PIECE = 1 << 20
Purpose = Literal["storage", "random-access"]
"""What an archive is for. "random-access": one random item is decoded fast, of an array or of
pictures that are small; an archive takes more bytes for it, docs/pytorch.md says how many.
"""

_QUICK_ELEMENTS = 8 * 784
"""Of a block for random access: a context model decodes them in some 5 ms, a dense one in a
fraction of one.
"""
_SMALL_TILE = 64
_HELD_BACK = 1 << 20  # bytes of blocks that may wait for it to be known whether a model is used


def compress(
    source: Source,
    destination: Destination,
    *,
    model: Choice = "auto",
    block: int | None = None,
    threads: int | None = None,
    embed: Embed = "auto",
    progress: Progress | None = None,
    force: bool = False,
    skip_bad: bool = False,
    tile: int | None = None,
    stack: bool | None = None,
    files: FilesAs = "pixels",
    pictures_only: bool = False,
    dtype: DTypeLike | None = None,
    shape: Sequence[int] | None = None,
    purpose: Purpose = "storage",
    unordered: bool = False,
    keep_names: bool = False,
    labels: str | None = None,
    hashes: Algorithm | None = None,
    resume: bool = False,
    storage_options: Options | None = None,
) -> Compressed:
    """Compresses an array, a folder, or a collection of pictures or arrays, into an archive.

    >>> import bitsback, io
    >>> import numpy as np
    >>> rows = (np.full((4, 6), number, np.uint8) for number in range(20))
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(rows, file, dtype=np.uint8, shape=(20, 4, 6))
    >>> summary.items, summary.bytes_in
    (20, 480)

    source: an array; the path of a .npy, .npz, idx, gzipped idx or TIFF file, or of a folder of
    pictures; a list of
        paths of pictures; a binary stream of a .npy file; or images of one shape, one after
        another, in a list or from a generator. An array may be any that has `__array__`; those of
        Zarr and Dask, and others with `chunks`, are read chunk by chunk along the first axis.
        Arrays are of bool, integers of 8 to 64 bits, or floats of 16 to 64 bits; their first axis
        counts the items, unless the array is one picture or a stack.
    Files may be at URLs of fsspec's.
    destination: a path or a URL, whose file appears when it is complete, or a binary stream, which
    is never sought in. model: the name of a bundled model, the path of a model file, or a model; or
    how a bundled one is chosen: "fast",
        among those of independent pixels; "best", whichever makes a sample smallest; "auto", the
        best if there are at most 20 million elements, some seconds' work, and otherwise a fast one,
        unless all of these are far worse.
    block: items, or pieces of them, in a block at most; they decode on their own, in parallel. By
    default about 1.6 million elements. threads: blocks to work on at once; all cores by default.
    The archive is the same for any number. embed: whether the models go into the archive; "auto":
    unless they are bundled; "if-smaller": the same, and a model that was asked for is left aside,
    with a ModelWarning, where the archive is smaller without it, by a trial. progress: called with
    how much is done, and how much there is to do: first, of a folder, in files that were looked at;
    then in elements that are written, times what they cost. If it has a method `stage`, that is
    called with the name of each of the two before. force: replace an existing file. skip_bad: leave
    out files that cannot be read, or not be held; the summary names them. tile: rows and columns of
    the pieces that large pictures are cut into, at most; by default 1,024, and 64 for a model with
    latents that codes images of any size. stack: whether an array of three dimensions,
    or the pages of a TIFF file, are the slices of one stack, each like the one before it; by
    default a trial tells. files: what comes back of a folder, or of a list of files. "pixels":
    files of the same pixels and metadata; "exact": the very bytes of each file. Files that are
    smaller as they are, and pictures that cannot be coded by their pixels, are held bit for bit in
    any case, and so are files that are no pictures, or damaged ones. pictures_only: leave files
    that are no pictures out, and hidden ones; the summary names them. A damaged picture is an error
    then, unless it is left out by skip_bad.
    dtype, shape: of all images together that a generator yields, their number first; none of them
    is converted. purpose: "random-access" makes small blocks and tiles and no stacks, unless others
    are asked for, and "auto" then takes a model without a scan where one fits, so that any one item
    can be had in a millisecond or so.
    unordered: the order of the items does not matter; they come back sorted by their bytes. A block
        is a multiset of all of them, or of as many as `block` says, 2^20 at most, and not more than
        2^28 elements; it is in memory as a whole. Where a model codes it this saves log2(n!) bits
        of n items. Items that are cut into pieces stay in their order. Of files the pixels are kept
        alone, and they get numbers as names. keep_names: they keep their names, which takes as many
        bytes as the summary says.
    labels: of an npz file the name of the array of labels, or of other small records, one for each
        item of the largest array; of a folder "folders": the label of a picture is the folder that
        it is in. `archive.labels` has them.
    hashes: "sha256": keep that of each file of a folder, or of a list, that comes back byte for
        byte; `archive.hashes` has them, and they are compared whenever a file is restored. Each of
        these files is read once more.
    resume: go on where an earlier run was stopped. Blocks that are coded are kept in a hidden file
        beside the archive, `.NAME.part`, until that is complete, also if this run is stopped, be it
        killed. The archive is the same as without; blocks of what has changed meanwhile are coded
        anew. `resumed` of what is returned says how many were not. The destination is a path.
    storage_options: for the filesystems of URLs.

    Memory is bounded by a few blocks for each thread, whatever the size of the input, and by the
    names; if a model is to be embedded, by a block for each array or kind of picture too. Raises
    InputError if the input cannot be used or the output not be written, ModelError if the model
    cannot. Warns with InputWarning, once for each kind of thing, of what will not come back as it
    was, and with ModelWarning of a model that was asked for and does badly. What is chosen, and
    why, goes to the logger "bitsback".
    """
    threads = check_threads(threads)
    if block is not None and block < 1:
        raise InputError(f"block={block}: a block has one item at least")
    if embed not in get_args(Embed):
        raise InputError(f"embed={embed!r}: it is one of {', '.join(get_args(Embed))}")
    if tile is not None and not SMALLEST_SIDE <= tile <= LARGEST_SIDE:
        raise InputError(f"tile={tile}: it is from {SMALLEST_SIDE} to {LARGEST_SIDE}")
    if files not in ("pixels", "exact"):
        raise InputError(f"files={files!r}: it is 'pixels' or 'exact'")
    if purpose not in get_args(Purpose):
        raise InputError(f"purpose={purpose!r}: it is 'storage' or 'random-access'")
    if unordered:
        if stack:
            raise InputError("a stack is one item, and its slices have an order; leave out one")
        stack = False
        if files != "pixels":
            raise InputError(
                "of files whose order does not matter only the pixels are kept; leave out"
                " unordered (--unordered), or files (--files)"
            )
    elif keep_names:
        raise InputError("keep_names (--keep-names) is for unordered (--unordered)")
    if hashes not in (None, "sha256"):
        raise InputError(f"hashes={hashes!r}: it is 'sha256', or None")
    quick = purpose == "random-access"
    if quick:
        stack = bool(stack)  # of which a slice needs those before it
    destination = located(destination, storage_options)
    if isinstance(source, list | tuple):
        source = [located(each, storage_options) for each in source]
    else:
        source = located(source, storage_options)
    check_options(storage_options, source, destination, located(model))
    given, effort = read_choice(model, storage_options)
    if tile is None and (quick or (given is not None and given.wants_small)):
        tile = _SMALL_TILE
    keeping = Keeping(files == "exact", not pictures_only, threads=threads, progress=progress)
    with Unfinished(part_of(destination)) if resume else nullcontext() as unfinished:
        while True:
            try:
                asked = Asked(
                    given,
                    effort,
                    skip_bad,
                    tile,
                    stack,
                    dtype,
                    shape,
                    unordered,
                    labels,
                    keep_names,
                    keeping,
                )
                return _compress(
                    source,
                    destination,
                    asked,
                    block,
                    threads,
                    embed,
                    progress,
                    force,
                    quick,
                    hashes is not None,
                    unfinished,
                )
            except Outgrown as outgrown:
                keeping = replace(keeping, stored=keeping.stored | outgrown.names)


def _compress(
    source: Source,
    destination: Destination,
    asked: Asked,
    block: int | None,
    threads: int,
    embed: Embed,
    progress: Progress | None,
    force: bool,
    quick: bool,
    hashed: bool,
    unfinished: Unfinished | None,
) -> Compressed:
    """Raises Outgrown if pictures of a folder are larger by their pixels than as files."""
    given = asked.given
    with open_input(source, asked) as taken:
        taken.check_output(destination)
        files = _files(taken) if hashed else None
        hashes = None if files is None else _hashes(taken, files, threads, asked)
        elements = _QUICK_ELEMENTS if quick else BLOCK_ELEMENTS
        parts: list[PartReader] = []
        for items, collection in taken.parts:
            role = _role(taken.bonds, len(parts), parts)
            parts.append(PartReader(items, collection, block, elements, role))
        if given is not None and not any(part.codable(given) for part in parts):
            for part in [part for part in parts if part.collection.axes != BYTES][:1]:
                check_fit(given, part.collection.dtype, part.shape, part.items.name)
        with (
            open_output(destination, force, source) as output,
            _revocable(output, taken, destination) as revocable,
        ):
            writer = _Writer(taken, parts, revocable, asked, embed, quick, hashes, unfinished)
            written = writer.write(threads, progress)
            if files is not None:
                check_unchanged(taken, files)
            return written


def _hashes(taken: Input, files: Files, threads: int, asked: Asked) -> Hashes:
    exact = asked.keeping is not None and asked.keeping.exact
    return hash_inputs(taken, files, threads, exact)


def _files(taken: Input) -> Files:
    """Raises InputError if the input is no collection of files."""
    if not isinstance(taken.collection, FileList):
        raise InputError(
            f"{taken.name}: hashes (--hashes) are of the files of a folder or of a list, not of an"
            " array"
        )
    return files_of(taken.collection, taken)


def _role(bonds: Bonds, number: int, before: Sequence[PartReader]) -> Role:
    """Of the part with this number, behind others."""
    leader, array = bonds.follows.get(number, (None, None))
    return Role(
        number in bonds.sets,
        bonds.ties.get(number, ()),
        None if leader is None or array is None else (before[leader], array),
        number in bonds.records,
    )


@contextmanager
def _revocable(output: Output, taken: Input, destination: Destination) -> Iterator[Output]:
    """The output; for an archive that may have to be made anew, and a stream, which cannot be taken
    back, a file that is copied to it at the end.
    """
    held = isinstance(taken.collection, FileList) and taken.collection.whole
    if (taken.kept is None and not held) or isinstance(destination, str | os.PathLike):
        yield output
        return
    with tempfile.TemporaryFile() as file:
        yield Output(cast(BinaryIO, file), output.name)
        file.seek(0)
        while piece := file.read(_PIECE):
            output.write(piece)


class _Writer:
    def __init__(
        self,
        taken: Input,
        parts: list[PartReader],
        output: Output,
        asked: Asked,
        embed: Embed,
        quick: bool,
        hashes: Hashes | None,
        unfinished: Unfinished | None,
    ) -> None:
        """quick: whether it is to be decoded fast. unfinished: where coded blocks are kept."""
        self._hashes, self._unfinished = hashes, unfinished
        self._taken = taken
        self._parts = parts
        self._output = output
        self._given = given = asked.given
        self._effort = effort = asked.effort
        self._unordered = asked.unordered
        self._keep_names = asked.keep_names
        self._labelled = asked.labels is not None
        self._embed = embed
        # Otherwise when it is a part's turn: the first block of each would have to be in memory.
        self._early = given is not None or embed == "always"
        least = HURRIED if quick else 0
        job = sum(part.collection.elements for part in parts if part.codable(given))
        self._job = max(job, least)
        self._coder = coder_for(effort, max(taken.collection.elements, least))

    def write(self, threads: int, progress: Progress | None) -> Compressed:
        collection, output = self._taken.collection, self._output
        begin(progress, "compressing")
        features = FILES * (self._taken.kept is not None) | UNORDERED * self._unordered
        features |= LABELLED * self._labelled | HASHED * (self._hashes is not None)
        output.write(head(features) + collection.pack())
        if self._taken.settle is None:  # so that an archive that is cut off still tells names
            output.write(self._taken.names + self._taken.labels)
            output.write(b"" if self._hashes is None else self._hashes.pack())
        chosen = self._choose() if self._early else []
        models = {
            choice.model.identity: choice.model for choice in chosen if choice.model is not None
        }
        model_bytes = 0
        held_back: list[bytes] = []  # until it is known that a model is used
        index: list[tuple[int, int]] = []
        methods = dict.fromkeys(reversed(METHODS), 0)
        work = Work(collection, progress)
        done = 0
        names: dict[str, None] = {}
        outdone = 0
        order_bits = 0.0
        for encoded in ordered_map(self._encode, self._tasks(chosen), threads):
            held_back.append(encoded.section)
            if encoded.model is not None or sum(map(len, held_back)) > _HELD_BACK:
                model_bytes += sum(map(self._write_model, models.values()))
                models = {}
            if not models:
                for held in held_back:
                    output.write(held)
                held_back = []
            index.append((encoded.items, len(encoded.section)))
            outdone += encoded.outdone
            order_bits += encoded.order_bits
            if encoded.model is not None:
                names[encoded.model.name] = None
            methods[METHODS[encoded.method]] += 1
            _log.debug(
                "block %d: %d items, %s%s, %d bytes",
                len(index),
                encoded.items,
                METHODS[encoded.method],
                f" by {encoded.model.name}" if encoded.model is not None else "",
                len(encoded.section),
            )
            work.add(done, encoded.items)
            done += encoded.items
        for held in held_back:
            output.write(held)
        first_offset = output.size - sum(size for _, size in index)
        if self._taken.kept is not None and isinstance(collection, FileList):
            check_growth(self._taken.kept, collection, index)
        if isinstance(collection, FileList) and collection.whole and collection.files:
            check_size(self._taken.name, self._taken.disk or 0, index)
        settled = self._taken.names
        if self._taken.settle is not None:
            settled = self._taken.settle([part.order for part in self._parts])
            output.write(settled + self._taken.labels)
        output.write(pack_index(first_offset, index))
        files = collection.told if isinstance(collection, FileList) else None
        return Compressed(
            shape=(collection.told,) if isinstance(collection, FileList) else collection.shape,
            dtype=collection.dtype if isinstance(collection, FileList) else collection.dtype.str,
            items=collection.items if files is None else files,
            elements=collection.elements,
            blocks=len(index),
            methods=methods,
            model=", ".join(names) or None,
            outdone=outdone,
            model_bytes=model_bytes,
            bytes_in=collection.nbytes,
            bytes_out=output.size,
            files=files,
            noun=collection.noun if isinstance(collection, FileList) else "item",
            skipped=self._taken.skipped,
            noted={} if self._taken.listing is None else self._taken.listing.noted,
            bad=self._taken.bad,
            disk_in=self._taken.disk if self._taken.kept is None else self._taken.kept.size,
            stored=self._taken.stored if self._taken.kept is None else self._taken.kept.stored,
            order_bits=order_bits if self._unordered else None,
            name_bytes=len(settled) if self._keep_names else None,
            resumed=None if self._unfinished is None else self._unfinished.used,
            unfit=0 if self._unfinished is None else self._unfinished.unfit,
        )

    def _choose(self) -> list[Chosen]:
        """The model for each part: the given one, unless it is to be left aside where the archive
        is smaller without it. Raises UnfitError if there is a given one that codes none of them.
        """
        chosen = self._choose_given()
        given = self._given
        if given is None or self._embed != "if-smaller" or is_bundled(given):
            return chosen
        weight = len(section(MODEL, pack_model(given)))
        others = [part.choose(None, self._effort, self._job) for part in self._parts]
        with_it, without = self._bytes_by(chosen) + weight, self._bytes_by(others)
        known = all(
            other.model is not None
            for choice, other in zip(chosen, others, strict=True)
            if choice.model is not None
        )
        if with_it <= without or not known:
            return chosen
        warnings.warn(
            f"{self._taken.name}: the model {given.name} is left aside, by a trial: with it inside"
            f" ({weight:,} bytes) the archive would take some {with_it:,} bytes, and without it"
            f" {without:,}; 'always' (--embed always) puts it in, and 'never' (--embed never) codes"
            " with it and leaves it outside",
            ModelWarning,
            stacklevel=2,
        )
        self._early = False
        return others

    def _bytes_by(self, chosen: list[Chosen]) -> int:
        """Of all blocks, by the trials."""
        pairs = zip(self._parts, chosen, strict=True)
        return round(sum(choice.rate * part.collection.elements for part, choice in pairs))

    def _choose_given(self) -> list[Chosen]:
        """Raises UnfitError if there is a given one that codes none of the parts."""
        chosen: list[Chosen] = []
        refused: UnfitError | None = None
        for part in self._parts:
            try:
                chosen.append(part.choose(self._given, self._effort, self._job))
            except UnfitError as error:
                refused = refused or error
                chosen.append(Chosen(None))
        if refused is not None and not any(choice.model for choice in chosen):
            raise refused
        return chosen

    def _write_model(self, model: Model) -> int:
        """Embeds a model, if it is to be; the number of bytes."""
        if self._embed == "never" or (self._embed != "always" and is_bundled(model)):
            return 0
        embedded = section(MODEL, pack_model(model))
        self._output.write(embedded)
        return len(embedded)

    def _tasks(self, chosen: list[Chosen]) -> Iterator[Uncoded]:
        """chosen: the model for each part; none if they are to be chosen now."""
        first = 0
        for part, choice in zip_longest(self._parts, chosen):
            if choice is None:
                choice = part.choose(None, self._effort, self._job)
            yield from part.tasks(first, choice, self._coder)
            first += part.collection.pieces

    def _encode(self, task: Uncoded) -> Encoded:
        """A block, by an earlier run that was stopped, if there was one, or coded now."""
        if self._unfinished is None:
            return self._coded(task)
        key = key_of(task, self._effort, self._job, self._early)
        encoded = self._unfinished.find(key, task.chosen.model)
        if encoded is None:
            encoded = self._coded(task)
            self._unfinished.add(key, encoded)
        return encoded

    def _coded(self, task: Uncoded) -> Encoded:
        """A block, with the model of its part, or with another one if that does worse than it was
        expected to, since the blocks of a part may differ much.
        """
        pieces, chosen = task.pieces, task.chosen
        encoded = self._encode_with(task, chosen)
        if (
            self._early  # when all models were written before
            or not pieces.elements.size
            or not any_codes(None, pieces.dtype, pieces.shapes[0][1])
        ):
            return encoded
        used = encoded.model
        if (
            used is not None
            and (used.any_shape or (used.levels == 2) == encoded.two_valued)
            and not chosen.disappoints(len(encoded.section), pieces.elements.size)
        ):
            return encoded
        other = choose(None, pieces, "", self._effort, self._job)
        if other.model is None or (other.model, other.invert, other.layout) == (
            chosen.model,
            chosen.invert,
            chosen.layout,
        ):
            return encoded
        again = self._encode_with(task, other)
        return min(encoded, again, key=lambda encoded: len(encoded.section))

    def _encode_with(self, task: Uncoded, chosen: Chosen) -> Encoded:
        return encode(
            task.pieces,
            task.first,
            chosen.model,
            chosen.invert,
            task.coder,
            chosen.contested,
            chosen.layout,
            task.order_bits,
            task.records,
        )
