"""The coded blocks of a stopped compression, in a file beside the archive (`--resume`).

    file   = magic, SHA-256 of the versions that code blocks, record*
    record = key (32 bytes), length of head and section (4 and 8 bytes, little-endian), head (JSON),
             section, CRC32C of all of these (4 bytes)

A key is the SHA-256 of all that decides how a block is coded: its elements, and the choices for it.
A block is used again only if coding it would give the same bytes, even if the input has changed.
All other sections are made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bitsback import __version__, _core
from bitsback.coding.encoding import Encoded, Uncoded
from bitsback.errors import InputError, ModelError
from bitsback.format.layout import CRC_SIZE
from bitsback.io.file_lock import open_locked
from bitsback.io.locks import Lock
from bitsback.io.output import Destination, Output, naming
from bitsback.io.remote.url import Url
from bitsback.models import Model, known

_MAGIC = b"bitsback unfinished archive\n\0\0\0\1"
_START = struct.Struct("<32sIQ")
_MOST_HEAD = 1 << 16


def part_of(destination: Destination) -> Path:
    """The path of the file with an archive's coded blocks.

    Raises InputError if the archive is not a file of this computer.
    """
    if isinstance(destination, Url) or not isinstance(destination, str | os.PathLike):
        raise InputError(
            "resume (--resume) keeps blocks beside the archive, which is to be a file of this"
            " computer; name one with -o FILE"
        )
    path = Path(os.path.realpath(destination))
    return path.with_name(f".{path.name}.part")


class Unfinished:
    """A context manager for the file, which only this process may have open.

    When the body ends, the file is removed. If the body raises, the file stays, unless it is empty.
    Several threads may use it.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file cannot be written, has other content, or is open in another
        process.
        """
        self.path = path
        self._before = 0
        """The number of blocks of the earlier run."""
        self._unused: set[bytes] = set()
        """The keys of the earlier blocks that have not been used again."""
        self._places: dict[bytes, int] = {}
        self._lock = Lock()
        with naming(str(path)):
            self._file = open_locked(path, "a+b", str(path), private=True)
        try:
            with naming(str(path)):
                self._open()
        except BaseException:
            if not os.fstat(self._file.fileno()).st_size:
                self._remove()
            self._file.close()
            raise

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None or not self._places:
            self._remove()
        self._file.close()

    def _remove(self) -> None:
        with suppress(OSError):
            if os.name == "nt":  # an open file cannot be removed
                self._file.close()
            self.path.unlink()

    @property
    def used(self) -> int:
        """The number of earlier blocks that were used again."""
        return self._before - self.unfit

    @property
    def unfit(self) -> int:
        """The number of earlier blocks that were not used again."""
        return len(self._unused)

    def find(self, key: bytes, models: Sequence[Model]) -> Encoded | None:
        """The block with this key; None if there is none. models: the models that may have coded
        it.
        """
        place = self._places.get(key)
        record = None if place is None else self._record(place)
        if record is None:
            return None
        head, sections = record
        found = [_model(bytes.fromhex(identity), models) for identity in head.pop("models")]
        used = tuple(model for model in found if model is not None)
        if len(used) < len(found):
            return None
        with self._lock:
            self._unused.discard(key)
        blocks = tuple(map(tuple, head.pop("blocks")))
        return Encoded(sections=sections, blocks=blocks, models=used, **head)

    def add(self, key: bytes, block: Encoded) -> None:
        """Adds a block to the file. Raises InputError, for example if the disk is full."""
        head = json.dumps(
            {
                "blocks": block.blocks,
                "models": [model.identity.hex() for model in block.models],
                "outdone": block.outdone,
                "order_bits": block.order_bits,
                "refused": block.refused,
            }
        ).encode()
        start = _START.pack(key, len(head), len(block.sections))
        record = start + head + block.sections
        crc = _core.crc32c(record).to_bytes(CRC_SIZE, "little")
        with self._lock:
            with naming(str(self.path)):
                place = self._file.seek(0, os.SEEK_END)
            Output(self._file, str(self.path)).write(record + crc)
            self._places[key] = place

    def _open(self) -> None:
        """Finds the blocks in the file. A file of another version is emptied."""
        self._file.seek(0)
        head = _MAGIC + _versions()
        found = self._file.read(len(head))
        if found and not _MAGIC.startswith(found[: len(_MAGIC)]):
            raise InputError(
                f"{self.path}: is not an unfinished archive; move it, or name another output"
            )
        end = len(found)
        size = self._file.seek(0, os.SEEK_END)
        while end < size:
            start, following = self._start(end, size)
            if start is None:
                break
            self._places[start] = end
            end = following
        self._unused = set(self._places)
        self._before = len(self._places)
        if found != head:  # an older run with other versions, or nothing
            self._places.clear()
            end = 0
        self._file.truncate(end)  # removes an incomplete record
        if not end:
            Output(self._file, str(self.path)).write(head)

    def _start(self, place: int, size: int) -> tuple[bytes | None, int]:
        """The key of a record, and the start of the next one. The key is None if it is cut off."""
        self._file.seek(place)
        start = self._file.read(_START.size)
        if len(start) < _START.size:
            return None, place
        key, head, section = _START.unpack(start)
        following = place + _START.size + head + section + CRC_SIZE
        return (key, following) if following <= size and head <= _MOST_HEAD else (None, place)

    def _record(self, place: int) -> tuple[dict[str, Any], bytes] | None:
        """The content of a record; None if it is damaged."""
        with self._lock, naming(str(self.path)):
            self._file.seek(place)
            start = self._file.read(_START.size)
            _, head, section = _START.unpack(start)
            rest = self._file.read(head + section + CRC_SIZE)
        crc = int.from_bytes(rest[-CRC_SIZE:], "little")
        if len(rest) < head + section + CRC_SIZE or _core.crc32c(start + rest[:-CRC_SIZE]) != crc:
            return None
        fields: dict[str, Any] = json.loads(rest[:head])
        return fields, rest[head:-CRC_SIZE]


def key_of(task: Uncoded, *settings: object) -> bytes:
    """The key of a block. settings: all choices that decide how it is coded."""
    plans = [task.plan, *task.plan.rivals]
    plans += [digit for one in plans for digit in one.digits]
    settled = (
        [model.identity.hex() for one in plans for model in one.models],
        [replace(one, model=None, rivals=(), digits=()) for one in plans],
        (task.first, task.coder, task.order_bits, task.records),
        task.tiles.dtype.str,
        task.tiles.shapes,
        settings,
    )
    digest = hashlib.sha256(repr(settled).encode())
    digest.update(task.tiles.bytes)
    return digest.digest()


def _versions() -> bytes:
    """The versions of the libraries that code blocks.

    Other versions may make other bytes of the same elements.
    """
    return hashlib.sha256(
        repr((__version__, sys.version, zlib.ZLIB_RUNTIME_VERSION)).encode()
    ).digest()


def _model(identity: bytes, models: Sequence[Model]) -> Model | None:
    for model in models:
        if model.identity == identity:
            return model
    with suppress(ModelError):
        return known.find(identity)
    return None
