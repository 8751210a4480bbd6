"""Compress an input into an archive.

The input is read and the archive is written once, from beginning to end. Both start again if
pictures take more bytes than their files.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Unpack, cast

from bitsback.archive.inputs.hashes import check_unchanged, hash_inputs
from bitsback.archive.inputs.opening import Source, open_source
from bitsback.archive.inputs.part_reader import part_readers
from bitsback.archive.inputs.request import Input, Request
from bitsback.archive.writing.continuing import ChangedFolder
from bitsback.archive.writing.generation import Generation
from bitsback.archive.writing.longer_array import LongerArray
from bitsback.archive.writing.unfinished import Unfinished, key_of, part_of
from bitsback.coding.block import METHODS, PREFIX_SIZE, STREAMS
from bitsback.coding.encoding import Encoded, Uncoded, encode
from bitsback.coding.plan import NO_MODEL, Plan
from bitsback.compress_options import CompressKeywords, CompressOptions
from bitsback.errors import InputError
from bitsback.format.array_part import BYTES
from bitsback.format.digests import Digests
from bitsback.format.layout import (
    DESCRIBED,
    FILES,
    HASHED,
    LABELLED,
    MODEL,
    UNORDERED,
    section,
)
from bitsback.format.unnamed import pack_described
from bitsback.io.output import Destination, Output, open_output
from bitsback.io.remote.url import check_options, located
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.planner.candidates import is_bundled
from bitsback.planner.planner import Planner, UnfitError
from bitsback.summary import Blocks, Compressed, Saving
from bitsback.work import Work, begin, check_threads, ordered_map

Changed = ChangedFolder | LongerArray
"""The new content of an archive to which the input is added."""

_log = logging.getLogger(__name__)
_CHUNK = 1 << 20  # bytes at once
_HELD_BACK = 1 << 20  # bytes of coded blocks that may wait for one that uses a model
_EMBED_RATIO = 200  # bytes of an archive for each byte of the bundled models that it embeds
_PACKED_RATIO = 4  # embedding makes tensors at most this many times smaller


def compress(
    source: Source, destination: Destination, **options: Unpack[CompressKeywords]
) -> Compressed:
    """Compresses an array, a folder, or a collection of pictures or arrays, into an archive.

    >>> import bitsback, io
    >>> import numpy as np
    >>> rows = (np.full((4, 6), number, np.uint8) for number in range(20))
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(rows, file, dtype=np.uint8, shape=(20, 4, 6))
    >>> summary.items, summary.bytes_in
    (20, 480)

    source: an array, the path of a file of a format in docs/images.md, or the path of a folder. Or
        a list of paths of pictures, a binary stream of a .npy file, or a list or generator of
        images of one shape. Files may be at URLs that fsspec supports.
        Any object with `__array__` is an array. Arrays of Zarr and Dask, and others with `chunks`,
        are read chunk by chunk along the first axis. Arrays are of bool, integers of 8 to 64 bits,
        or floats of 16 to 64 bits. The first axis counts the items, unless the array is one picture
        or a stack.
    destination: a path or a URL, whose file appears when it is complete; or a binary stream, which
        need not be seekable.
    options: the fields of `bitsback.CompressOptions`, by their names.

    Memory is bounded by a few blocks for each thread and by the names, whatever the size of the
    input. If a model is embedded, memory also holds a block for each array or kind of picture.

    Raises InputError if the input cannot be used or the output cannot be written, ModelError if the
    model cannot be used. Warns with InputWarning of properties that will not be restored, once for
    each kind. Warns with ModelWarning if a requested model does badly. The logger "bitsback"
    reports the choices and their reasons.
    """
    return write_archive(source, destination, CompressOptions(**options))


def write_archive(
    source: Source,
    destination: Destination,
    options: CompressOptions,
    changed: Changed | None = None,
) -> Compressed:
    """`compress` with checked options.

    changed: the new content of the existing archive `destination`, to which the source is added.
    """
    storage_options = options.storage_options
    destination = located(destination, storage_options)
    if options.parity is not None and not _is_file(destination):
        raise InputError("parity (--parity) is only for archives that are files")
    if isinstance(source, list | tuple):
        source = [located(each, storage_options) for each in source]
    else:
        source = located(source, storage_options)
    check_options(storage_options, source, destination, located(options.model))
    request = Request.from_options(options)
    if isinstance(changed, ChangedFolder):
        request = replace(request, archive=changed.files)
    with (
        Unfinished(part_of(destination)) if options.resume else nullcontext() as unfinished,
        open_source(source, request) as prepare,
        ExitStack() as inputs,
    ):
        content = inputs.enter_context(closing(prepare(request)))
        content.check_output(destination)
        writer = _Writer(content, request, unfinished, changed)
        with (
            nullcontext(changed.before.output)
            if changed is not None
            else open_output(destination, options.force, source) as output,
            _restartable(output, destination, content) as restartable,
        ):
            writer.write_blocks(restartable)
            # Only the coded blocks show how many bytes a picture takes.
            while outgrown := content.outgrown(writer.own_blocks):
                request = replace(request, verbatim=request.verbatim | outgrown)
                content = inputs.enter_context(closing(prepare(request)))
                writer = _Writer(content, request, unfinished, changed)
                restartable.restart()
                writer.write_blocks(restartable)
            summary = writer.finish()
    if options.parity is None:
        return summary
    from bitsback.archive.writing.repairing import add_parity

    grown = add_parity(cast(str, destination), options.parity)
    return replace(summary, bytes_out=summary.bytes_out + grown)


@contextmanager
def _restartable(output: Output, destination: Destination, content: Input) -> Iterator[Output]:
    """An output that can be rewound, for an archive that may have to be made a second time.

    If the output itself cannot be rewound, it is a temporary file that is copied at the end.
    """
    if _is_file(destination) or not content.may_outgrow:
        yield output
        return
    with tempfile.TemporaryFile() as spool:
        yield Output(cast(BinaryIO, spool), output.name)
        spool.seek(0)
        while chunk := spool.read(_CHUNK):
            output.write(chunk)


def _is_file(destination: Destination) -> bool:
    """Whether the destination is the path of a file or of a new file, and not of a device."""
    if not isinstance(destination, str | os.PathLike):
        return False
    path = Path(destination)
    return path.is_file() or not path.exists()


class _Writer:
    """Writes an archive: `write_blocks`, then `finish`."""

    def __init__(
        self,
        content: Input,
        request: Request,
        unfinished: Unfinished | None,
        changed: Changed | None,
    ) -> None:
        """unfinished: the file for coded blocks. changed: the content to which the input is added.
        Raises InputError if the options do not suit the input.
        """
        self._changed = self._extended = changed
        self._content, self._request, self._unfinished = content, request, unfinished
        self._requested, self._options = request.requested, request.options
        self._threads = check_threads(request.options.threads)
        self._hashes: list[bytes] | None = None
        if request.options.hashes is not None:
            self._hashes = hash_inputs(content, self._threads)
        self._parts = part_readers(content, request)
        # Whether blocks may use no other models than the planned ones. Then all parts are
        # planned before the first is coded; otherwise one by one, with one first block in memory.
        self._fixed = request.requested is not None or request.options.embed == "always"
        self._planner = Planner(request.policy)  # for parts and blocks without the requested model
        rules = self._planner.rules
        self._rules = replace(rules, new_plan=None) if self._fixed else rules
        self._methods = dict.fromkeys(reversed(METHODS), 0)
        self._jpeg, self._verbatim = Blocks(), Blocks()
        self._used: dict[bytes, Model] = {}
        """The models that blocks were coded with, by their identities."""
        self._outdone = 0
        """The number of blocks for which no model saved enough over a general compressor."""
        self._refused = 0
        self._order_bits = 0.0
        self._model_bytes = 0
        self._embedded: set[bytes] = set()  # first bytes of the identities of models in the archive
        self._start = 0 if changed is None else changed.before.end
        self._tile = self._first = 0 if changed is None else changed.content.tiles

    def write_blocks(self, output: Output) -> None:
        """Writes the head, the models and the blocks."""
        content, options = self._content, self._options
        begin(options.progress, "compressing")
        self._output = output
        self._written = self._begin() if self._changed is None else self._continue(self._changed)
        plans = self._plan() if self._fixed else []
        models = {model.identity: model for plan in plans for model in plan.all_models}
        held_back: list[Encoded] = []  # until the use of a model is decided
        work = Work(content.collection, options.progress)
        done = 0
        for encoded in ordered_map(self._encode, self._tasks(plans), self._threads):
            held_back.append(encoded)
            held_bytes = sum(len(block.sections) for block in held_back)
            if encoded.models or held_bytes > _HELD_BACK:
                for model in models.values():
                    self._write_model(model)
                models = {}
            if not models:
                self._write(held_back)
                held_back = []
            self._count(encoded, done)
            work.add(done, encoded.tiles)
            done += encoded.tiles
        self._write(held_back)

    def _begin(self) -> Generation:
        """Writes the head of an archive."""
        content, options = self._content, self._options
        features = FILES * (content.kept is not None) | UNORDERED * options.unordered
        has_entries = content.files is not None and content.files.entries is not None
        features |= DESCRIBED * has_entries
        features |= LABELLED * (options.labels is not None) | HASHED * (content.kept is not None)
        written = Generation(self._output)
        written.add(replace(content.collection, features=features).pack())
        if content.settle is None:  # a truncated archive then still has names
            described = b"" if content.files is None else pack_described(content.files)
            written.add(described + content.labels)
        return written

    def _continue(self, changed: Changed) -> Generation:
        """Writes the head of another generation."""
        self._embedded = changed.before.models()
        self._extended = changed.extended(self._content)
        return self._extended.begin()

    def _write(self, blocks: Iterable[Encoded]) -> None:
        for encoded in blocks:
            start = 0
            for tiles, size, _ in encoded.blocks:
                block = encoded.sections[start : start + size]
                self._written.add_block(block, self._tile, tiles)
                start, self._tile = start + size, self._tile + tiles

    @property
    def own_blocks(self) -> list[tuple[int, int]]:
        """The number of tiles and the size of the section of each block."""
        return self._written.own_blocks

    def finish(self) -> Compressed:
        """Writes the sections after the blocks, and returns the summary."""
        content, collection = self._content, self._content.collection
        settled = b""
        if content.settle is not None:
            settled = pack_described(content.settle([part.order for part in self._parts]))
            self._written.add(settled + content.labels)
        if self._options.previews:
            self._write_previews()
        self._write_bundled_models()
        check_unchanged(content, self._hashes is not None)
        self._written.add(self._digests())
        self._written.finish()
        files, disk = collection.files, content.disk
        return Compressed(
            shape=collection.shape,
            dtype=collection.dtype_name,
            items=collection.items if files is None else files,
            elements=collection.elements,
            blocks=len(self.own_blocks),
            methods=self._methods,
            jpeg=self._jpeg,
            verbatim=self._verbatim,
            model=", ".join(dict.fromkeys(model.name for model in self._used.values())) or None,
            policy=None if self._requested is not None else self._planner.policy.name,
            outdone=self._outdone,
            refused=self._refused,
            model_bytes=self._model_bytes,
            bytes_in=collection.nbytes,
            bytes_out=self._output.size - self._start,
            files=files,
            noun=collection.noun,
            skipped=content.skipped,
            noted={} if content.listing is None else content.listing.noted,
            bad=content.bad,
            disk_in=None if disk is None else disk.size,
            stored={} if disk is None else disk.stored_by_size,
            inexact=[] if disk is None else disk.inexact,
            saving=Saving() if disk is None else disk.saving,
            copies=Saving() if disk is None else disk.copies,
            order_bits=self._order_bits if self._options.unordered else None,
            name_bytes=len(settled) if self._options.keep_names else None,
            resumed=None if self._unfinished is None else self._unfinished.used,
            unfit=0 if self._unfinished is None else self._unfinished.unfit,
        )

    def _digests(self) -> bytes:
        """The `H` section of a folder that is restored as files; empty for other inputs."""
        kept = self._content.kept
        if kept is None:
            return b""
        digests = Digests(kept.sums.groups(self._output.size - self._start), self._hashes)
        if isinstance(self._extended, ChangedFolder):
            digests = self._extended.with_digests(digests)
        return digests.pack()

    def _write_previews(self) -> None:
        """Writes the previews. Raises InputError if the input is no folder."""
        from bitsback.archive.writing.thumbnails import previews

        content = self._content
        if content.kept is None or content.listing is None or content.files is None:
            raise InputError(f"{content.name}: previews (--previews) are only for folders of files")
        folder = self._changed
        before = len(folder.names) if isinstance(folder, ChangedFolder) else 0
        size = self._output.size - self._start
        for batch in previews(content.listing, content.files, before, size, self._threads):
            self._written.add(batch.pack())

    def _count(self, encoded: Encoded, tile: int) -> None:
        """Records coded blocks for the summary. tile: the number of their first tile."""
        self._outdone += encoded.outdone
        self._refused += encoded.refused
        self._order_bits += encoded.order_bits
        self._used |= {model.identity: model for model in encoded.models}
        for tiles, size, method in encoded.blocks:
            self._methods[METHODS[method]] += 1
            collection = self._content.collection
            start, part = collection.part_of(tile)
            before, end = map(part.elements_before, (tile - start, tile - start + tiles))
            if method == STREAMS:
                self._jpeg = self._jpeg.more(end - before, size)
            elif part.axes == BYTES and (part.entries or part.elements == collection.elements):
                self._verbatim = self._verbatim.more(end - before, size)
            tile += tiles
            _log.debug(
                "block %d: %d items, %s%s, %d bytes",
                sum(self._methods.values()),
                tiles,
                METHODS[method],
                "".join(f" by {model.name}" for model in dict.fromkeys(encoded.models)),
                size,
            )

    def _plan(self) -> list[Plan]:
        """The plan for each part with the requested model, if there is one.

        Raises UnfitError if the requested model codes none of the parts.
        """
        plans: list[Plan] = []
        refused: UnfitError | None = None
        for part in self._parts:
            try:
                plans.append(part.plan(self._request.planner).settled)
            except UnfitError as error:
                refused = refused or error
                plans.append(NO_MODEL)
        if refused is not None and not any(plan.model for plan in plans):
            raise refused
        return plans

    def _write_model(self, model: Model) -> None:
        """Embeds a model, if the options request it."""
        embed = self._options.embed
        if model.identity[:PREFIX_SIZE] in self._embedded:
            return
        if embed == "always" or (embed != "never" and not is_bundled(model)):
            bases = () if embed == "always" else None  # whole, so that nothing else is needed
            self._embed(section(MODEL, pack_model(model, bases)))

    def _write_bundled_models(self) -> None:
        """Embeds the bundled models that coded blocks, if they are small in comparison."""
        if self._options.embed in ("always", "never"):
            return
        missing = [
            model
            for model in self._used.values()
            if is_bundled(model) and model.identity[:PREFIX_SIZE] not in self._embedded
        ]
        room = self._output.size // _EMBED_RATIO
        tensors = sum(array.nbytes for model in missing for array in model.tensors.values())
        if tensors > room * _PACKED_RATIO:  # then there is no need to pack them
            return
        sections = b"".join(section(MODEL, pack_model(model, ())) for model in missing)
        if len(sections) < room:
            self._embed(sections)

    def _embed(self, sections: bytes) -> None:
        self._written.add(sections)
        self._model_bytes += len(sections)

    def _tasks(self, plans: list[Plan]) -> Iterator[Uncoded]:
        """The blocks to code. plans: for each part; empty to plan each part now."""
        first = self._first
        for part, plan in zip_longest(self._parts, plans):
            if plan is None:
                plan = part.plan(self._planner)
            yield from part.tasks(first, plan, self._planner.policy)
            first += part.collection.tiles

    def _encode(self, task: Uncoded) -> Encoded:
        """Codes a block, or takes it from an earlier run that was stopped."""
        if self._unfinished is None:
            return encode(task, self._rules)
        key = key_of(task, self._planner.policy, self._fixed)
        encoded = self._unfinished.find(key, task.plan.all_models)
        if encoded is None:
            encoded = encode(task, self._rules)
            self._unfinished.add(key, encoded)
        return encoded
