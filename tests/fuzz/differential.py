"""Mutations that both decoders read, ours and the one in `decoder`: they must give the same items,
or both refuse. `python tests/fuzz/run.py --differential --mutations 1000000` is the long run, and
with --jpeg that of JPEG streams.

It needs the second one's program and its shared library: `make decoder`.
"""

from __future__ import annotations

import ctypes
import io
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from random import Random
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Literal

import numpy as np
import tifffile
from PIL import Image, ImageSequence

import bitsback
from bitsback import _core
from bundled_models import spec_models
from reference import archive as spec
from reference.container_metadata import promises_bytes
from second_decoder import LIBRARY, PROGRAM

from . import jpeg, seeds
from .campaign import SECONDS as CASE_SECONDS
from .campaign import most_memory, peak_memory
from .check import MEMORY
from .forged_metadata import forge_metadata, take_apart
from .mutate import forge, mutate

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = "archive/golden", "chunks/golden"
LARGEST = 5_000  # bytes of a golden file: what is larger takes too long to decode a million times
SECONDS = 600  # for one run of the second decoder's program
KINDS = *("damage",) * 2, *("forgery",) * 4, *("block",) * 2, "metadata"  # the last takes longest
JPEG_KINDS = (
    *("JPEG block",) * 4,
    *("stream",) * 3,
    *("symbols",) * 2,
    "pixels",
    *("samples",) * 2,
    "file",
)

Items = list[tuple[str, str, tuple[int, ...], bytes]]
"""The name, dtype, shape and bytes of each item."""


def run(seed: int, first: int, count: int, kinds: Sequence[str] = KINDS) -> Counter[str]:
    """Compares what the decoders make of some cases. Returns the number of cases by what came out.
    Raises AssertionError, with the number of the case, if they disagree, or one takes too long or
    too much memory.
    """
    outcomes = Counter[str]()
    for number in range(first, first + count):
        kind, data, content = case(seed, number, kinds)
        peak = peak_memory()
        start = process_time()
        folder = is_folder(data)
        one = ours(data, folder)
        other = theirs(data, folder, not isinstance(one, str))
        both_refuse = isinstance(one, str) and isinstance(other, str)
        same = both_refuse or one == other or is_allowed(data, one, other)
        assert same, f"case {number}, {kind}: {brief(one)} | {brief(other)}"
        if content is not None:
            assert one == [("a", "|u1", (), comparable(content))], f"case {number}: {brief(one)}"
        assert process_time() - start < CASE_SECONDS, f"case {number}, {kind}, takes too long"
        memory = peak_memory() - peak
        assert memory < most_memory(len(data)), f"case {number}, {kind}: {memory} bytes"
        outcomes[f"{kind}, {'refused' if both_refuse else 'the same'}"] += 1
    return outcomes


@cache
def starts(kind: str) -> list[bytes]:
    """What the mutations of a kind start from."""
    if kind == "JPEG block":
        return jpeg.archives()
    if kind == "samples":
        return [jpeg.samples(), seeds.jpegs()[-1].data]
    if kind == "metadata":
        return [seed.data for seed in seeds.collections() if take_apart(seed.data)]
    golden = [
        path.read_bytes()
        for folder in GOLDEN
        for path in sorted((ROOT / "tests" / folder).iterdir())
        if path.is_file() and path.stat().st_size < LARGEST
    ]
    if kind == "block":
        return [data for data in golden if data[:1] == b"\xbb"]
    made = [*seeds.archives(), *seeds.collections()]
    archives = [seed.data for seed in made if len(seed.data) < 4 * LARGEST]
    archives += [data for data in golden if data[:4] == b"\x89bb\r"]
    archives = [data for data in archives if not has_unneeded(data)]
    return [*archives, *seeds.hostile()] if kind == "forgery" else archives


def has_unneeded(data: bytes) -> bool:
    """Whether it has parity or previews, which a decoder need not look at."""
    return any(section.kind.islower() for section in spec.read_sections(data))


def case(seed: int, number: int, kinds: Sequence[str]) -> tuple[str, bytes, bytes | None]:
    """The kind and the bytes of a case, which depend on its number and the seed alone, and the file
    that must come back.
    """
    random = Random(f"{seed} {number}")
    kind = random.choice(kinds)
    if kind == "file":
        content, data = jpeg.change_file(random)
        return kind, data, content
    if kind == "stream":
        return kind, jpeg.change_stream(random, lambda data: refusal(second().read(data))), None
    if kind == "symbols":
        data, content = jpeg.choose_symbols(random)
        return kind, data, content
    if kind == "samples" and random.random() < 0.5:
        return kind, jpeg.change_samples(random, lambda data: refusal(their_files(data))), None
    if kind == "pixels":
        return kind, jpeg.change_pixels(random, lambda data: refusal(second().read(data))), None
    one, other = random.choice(starts(kind)), random.choice(starts(kind))
    match kind:
        case "damage":
            data = mutate(random, one, other)
        case "forgery":
            data = forge(random, one, other)
        case "metadata" | "samples":
            data = forge_metadata(random, one, other)
        case "JPEG block":
            data = jpeg.change_block(random, one, other)
        case _:
            body = mutate(random, one[:-4], other[:-4])
            data = body + _core.crc32c(body).to_bytes(4, "little")
    return kind, data, None


def refusal(read: Items | str) -> str | None:
    return read if isinstance(read, str) else None


def is_allowed(data: bytes, one: Items | str, other: Items | str) -> bool:
    """Whether the decoders may differ: a model that no block needs may be damaged; pictures without
    container metadata become files of the same pixels; of compressed TIFF and WebP files the second
    decoder may make other files; a PNG file with exact bytes may be one that nobody reads, which is
    made anew here, whatever its hash is; the second decoder does not check the hashes of files that
    it makes anew, and refuses PNG and TIFF files that cannot have the bytes that they should.
    """
    if isinstance(one, str):
        return (
            "the model in the archive is damaged" in one
            or "the restored file has another SHA-256" in one
        )
    if isinstance(other, str):
        if "A5.16)" in other:
            return has_other_hash(data)
        return any(rule in other for rule in ("A6.2)", "A6.3)", "A6.8)")) and not exact_files(data)
    files = spec.decode_files(data, spec_models(data))
    paged = [f"{file.name}" for file in files if is_made_anew(file.metadata)]
    one = [file for file in one if file[0] not in paged]
    other = [
        file
        for file in other
        if file[0] not in paged and not any(file[0].startswith(f"{name}.") for name in paged)
    ]
    if [name for name, *_ in one] != [name for name, *_ in other]:
        return False
    plain = {
        f"{file.name}{ending}"
        for file in files
        if not file.held and not file.metadata
        for ending in ("", ".png", ".tif")
    }
    exact = exact_files(data)
    return all(
        mine == theirs
        or theirs in exact
        or (mine[0] in plain and pixels_of(mine[3]) == pixels_of(theirs[3]))
        for mine, theirs in zip(one, other, strict=True)
    )


def exact_files(data: bytes) -> Items:
    """The files with the bytes that they should have; none if one of them cannot be made so."""
    with TemporaryDirectory(dir=MEMORY) as name:
        try:
            bitsback.decompress(io.BytesIO(data), Path(name) / "out", threads=1)
        except bitsback.BitsbackError:
            return []
        return files_of(Path(name) / "out")


def is_made_anew(metadata: bytes) -> bool:
    """Whether it is that of a compressed TIFF file, or of a WebP file."""
    return metadata[:1] in (b"\4", b"\7") and not promises_bytes(metadata)


def pixels_of(data: bytes) -> tuple[str, tuple[int, ...], bytes]:
    if data[:2] in (b"II", b"MM"):  # TIFF, also of samples that Pillow does not read
        array = tifffile.imread(io.BytesIO(data))
        return array.dtype.name, array.shape, array.tobytes()
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.size, image.tobytes()


def is_folder(data: bytes) -> bool:
    """Whether it is an archive of a folder, of which files with their metadata are compared."""
    try:
        return data[:1] != b"\xbb" and bitsback.open(io.BytesIO(data)).kind == "folder"
    except bitsback.BitsbackError:
        return False


def ours(data: bytes, folder: bool) -> Items | str:
    """The items, or why bitsback refuses it."""
    try:
        if data[:1] == b"\xbb":
            return [item("", bitsback.decode(data))]
        if folder:
            return our_files(data)
        with bitsback.open(io.BytesIO(data)) as archive:
            if archive.kind not in ("npz", "tiff"):
                return [item("", bitsback.decompress(io.BytesIO(data), threads=1))]
            for _, problem in archive.verify(threads=1):
                return str(problem)
            names = list(archive.names) if archive.kind == "npz" else [""] * len(archive)
            return [item(name, archive[number]) for number, name in enumerate(names)]
    except bitsback.BitsbackError as error:
        return str(error)


def item(name: str, content: Any) -> tuple[str, str, tuple[int, ...], bytes]:
    if isinstance(content, seeds.Stored):
        data = content.read()
        return name, "|u1", (len(data),), data
    array = np.asarray(content)
    return name, array.dtype.str, array.shape, array.tobytes()


def our_files(data: bytes, files: Literal["exact", "pixels"] = "pixels") -> Items:
    """The restored files. By `pixels`, PNG files need not have the very bytes."""
    with TemporaryDirectory(dir=MEMORY) as name:
        bitsback.decompress(io.BytesIO(data), Path(name) / "out", threads=1, files=files)
        return files_of(Path(name) / "out")


def has_other_hash(data: bytes) -> bool:
    """Whether the very bytes of a file have another hash than the archive promises."""
    try:
        our_files(data, "exact")
    except bitsback.ArchiveError as error:
        return "another SHA-256" in str(error)
    return False


def theirs(data: bytes, folder: bool, accepted: bool) -> Items | str:
    """What the second decoder makes of it. Its program takes longer than its library, which gives
    no files but those that are stored verbatim, and no links.
    """
    read = second().read(data)
    if not folder or isinstance(read, str):
        return read
    if accepted and all(dtype == "|u1" and len(shape) == 1 for _, dtype, shape, _ in read):
        files = sorted(read, key=lambda file: PurePosixPath(file[0]))
        return [(name, dtype, (), comparable(content)) for name, dtype, _, content in files]
    return their_files(data)


def their_files(data: bytes) -> Items | str:
    """The files that the second decoder restores, or why it refuses them."""
    with TemporaryDirectory(dir=MEMORY) as name:
        (Path(name) / "in").write_bytes(data)
        run = subprocess.run(
            [PROGRAM, Path(name) / "in", Path(name) / "out"], capture_output=True, timeout=SECONDS
        )
        if run.returncode:
            assert run.returncode == 1, run.returncode
            return run.stderr.decode()
        return files_of(Path(name) / "out")


def files_of(folder: Path) -> Items:
    """What both decoders restore to the same: all bytes, of PNG files all but the compression."""
    found: Items = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        found.append((name, "|u1", (), comparable(path.read_bytes())))
    return found


def comparable(data: bytes) -> bytes:
    return content_of_png(data) if data[:4] == b"\x89PNG" else data


def content_of_png(data: bytes) -> bytes:
    """Its chunks, without their numbers in an animation, and the pixels of its frames."""
    kept, at = [], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        kept += [data[at + 12 * (kind == b"fcTL") : end - 4]] * (kind not in (b"IDAT", b"fdAT"))
        at = end
    with suppress(OSError, SyntaxError, ValueError), Image.open(io.BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            kept.append(frame.tobytes())
    return b"".join(kept)


class Second:
    """The second decoder's C interface."""

    def __init__(self, path: Path) -> None:
        self._library = library = ctypes.CDLL(str(path))
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        for name, result, arguments in (
            ("open", pointer, (ctypes.c_char_p, size)),
            ("error", ctypes.c_char_p, (pointer,)),
            ("count", size, (pointer,)),
            ("name", ctypes.c_char_p, (pointer, size)),
            ("dtype", ctypes.c_char_p, (pointer, size)),
            ("dimensions", size, (pointer, size)),
            ("shape", ctypes.POINTER(ctypes.c_uint64), (pointer, size)),
            ("size", size, (pointer, size)),
            ("decode", ctypes.c_int, (pointer, size, ctypes.c_char_p, size)),
            ("free", None, (pointer,)),
        ):
            function = getattr(library, f"bitsback_{name}")
            function.restype, function.argtypes = result, arguments

    def read(self, data: bytes) -> Items | str:
        """The items, or why the second decoder refuses it."""
        library = self._library
        archive = library.bitsback_open(data, len(data))
        try:
            error = library.bitsback_error(archive)
            if error is not None:
                return str(error.decode())
            return [
                self._item(archive, number) for number in range(library.bitsback_count(archive))
            ]
        finally:
            library.bitsback_free(archive)

    def _item(self, archive: int, number: int) -> tuple[str, str, tuple[int, ...], bytes]:
        library = self._library
        size = library.bitsback_size(archive, number)
        content = ctypes.create_string_buffer(size)
        assert library.bitsback_decode(archive, number, content, size) == 0
        shape = library.bitsback_shape(archive, number)[
            : library.bitsback_dimensions(archive, number)
        ]
        name, dtype = (
            library.bitsback_name(archive, number),
            library.bitsback_dtype(archive, number),
        )
        return name.decode(), dtype.decode(), tuple(shape), content.raw[:size]


@cache
def second() -> Second:
    return Second(LIBRARY)


def brief(read: Items | str) -> str:
    if isinstance(read, str):
        return read
    return ", ".join(f"{name} {dtype} {shape}" for name, dtype, shape, _ in read[:3]) or "nothing"
