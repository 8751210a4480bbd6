"""Pictures in ZIP files are coded by their pixels, and the files come back byte for byte from all
decoders.
"""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.coding import encoding
from bitsback.coding.block import INFLATED
from bitsback.coding.block_reader import decode_picture
from bitsback.coding.encoding import encode_picture
from bitsback.coding.inflated import (
    decode_inflated,
    encode_inflated,
    plaintexts,
    stored_members,
)
from bitsback.errors import ArchiveError
from bitsback.files.embedded import file, split
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.file_stats import FileStats
from bitsback.format.layout import HEAD, section
from bitsback.format.members import pack_files
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.models import Model, bundled
from bitsback.planner.planner import Planner
from bitsback.planner.policy import DEFAULT
from bitsback.wire import varint
from bundled_models import spec_models
from damaged_data import assert_damage_is_refused
from folders import contents_of, write_files
from images.test_deflate_streams import text
from jpeg_files import jpeg
from packing import index_of
from reference import archive as spec
from reference.fields import ArchiveError as SpecError
from second_decoder import PROGRAM
from waiting import PATIENCE
from zoo.gif_files import Drawn, gif_file, ramps

DEFLATED, STORED = zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED
RNG = np.random.default_rng(1)
SLOPE = np.add.outer(np.arange(32) * 2, np.arange(40)) % 251
NOISE = RNG.integers(0, 9, (32, 40, 3))
COLOURS = (np.stack([SLOPE, SLOPE[::-1], SLOPE // 2], -1) + NOISE).astype(np.uint8)
GREY = np.concatenate([COLOURS[..., 0], COLOURS[::-1, :, 1]])
VOLUME = (np.add.outer(np.arange(5) * 40, SLOPE) + NOISE[..., 0]).astype("<i2")


def png(pixels: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", **options)
    return out.getvalue()


def tiff(pixels: NDArray[Any], compression: str | None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "TIFF", compression=compression)
    return out.getvalue()


TIFF = ("tiff_lzw", "packbits")


def by_another_encoder() -> bytes:
    """A TIFF file whose segments libdeflate made."""
    out = io.BytesIO()
    codecs = {8: lambda data, **_: imagecodecs.deflate_encode(bytes(data), level=9)}
    with patch.dict(tifffile.TIFF.COMPRESSORS._codecs, codecs):
        tifffile.imwrite(out, COLOURS, compression="zlib", photometric="rgb", rowsperstrip=16)
    return out.getvalue()


def zipped(method: int, **members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def arrays(**arrays: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "deflated.docx": lambda: zipped(DEFLATED, text=text(3000), a=png(COLOURS), b=jpeg(quality=80)),
    "stored.ora": lambda: zipped(STORED, a=png(COLOURS), text=text(2000), b=png(COLOURS[::-1])),
    "grey.odt": lambda: zipped(DEFLATED, a=png(GREY, compress_level=9), b=text(900)),
    "other.epub": lambda: zipped(STORED, a=imagecodecs.png_encode(COLOURS, level=4), b=text(900)),
    "arrays.npz": lambda: arrays(a=VOLUME, colours=COLOURS, labels=np.arange(90)),
    "columns.npz": lambda: arrays(a=np.asfortranarray(VOLUME), b=VOLUME.astype(">f4")),
    "scans.zip": lambda: zipped(DEFLATED, a=tiff(COLOURS, None), b=tiff(255 - COLOURS, None)),
    "plain.zip": lambda: zipped(STORED, a=tiff(COLOURS, None)),
    "codes.zip": lambda: zipped(STORED, **{kind: tiff(COLOURS, kind) for kind in TIFF}),
    "tokens.zip": lambda: zipped(STORED, a=by_another_encoder(), b=text(900)),
    "drawn.zip": lambda: zipped(STORED, a=gif_file([Drawn(ramps(90, 80), single=True)])),
}


def restored(data: bytes, folder: Path, in_full: bool = True) -> dict[str, bytes]:
    """The files of an archive, from its bytes, as all decoders restore them.

    in_full: also by the specification, which is slow.
    """
    (folder / "x.bb").write_bytes(data)
    bitsback.decompress(folder / "x.bb", folder / "out")
    subprocess.run([PROGRAM, folder / "x.bb", folder / "other"], check=True, timeout=PATIENCE)
    found = contents_of(folder / "out")
    assert contents_of(folder / "other") == found
    for one in spec.decode_files(data, spec_models(data)) if in_full else ():
        assert one.array.tobytes() == found[one.name], one.name
    return found


@pytest.mark.rust
@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = FILES[name]()
    write_files(tmp_path / "in", {name: content})
    summary = bitsback.compress(tmp_path / "in", tmp_path / "a.bb", model="fast")
    assert summary.methods["inflated"] == 1
    monkeypatch.setattr(encoding, "encode_picture", lambda *_: None)
    without = bitsback.compress(tmp_path / "in", tmp_path / "b.bb", model="fast")
    assert summary.bytes_out < without.bytes_out
    assert restored((tmp_path / "a.bb").read_bytes(), tmp_path) == {name: content}


@pytest.mark.rust
def test_a_picture_of_several_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped(STORED, a=png(np.concatenate([COLOURS, COLOURS[::-1]])))
    write_files(tmp_path / "in", {"a": content})
    made = list[bytes | None]()

    def encode(*of: Any) -> bytes | None:
        made.append(encode_picture(*of))
        return made[-1]

    monkeypatch.setattr(encoding, "_BAND", 4000)
    monkeypatch.setattr(encoding, "encode_picture", encode)
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb", model="fast")
    assert [fields and fields[0] for fields in made] == [2]
    assert restored((tmp_path / "a.bb").read_bytes(), tmp_path) == {"a": content}


def test_places_of_files() -> None:
    content = b"behind" + zipped(STORED, a=b"first", b=b"", c=b"third") + b"PK\3\4"
    assert [content[at : at + size] for at, size in stored_members(content)] == [b"first", b"third"]
    assert not [*stored_members(b"PK\3\4" * 20)]
    rest = varint(900) + varint(3) + varint(1) * 2 + varint(3) + varint(1) * 2 + varint(0)
    rest += varint(1) * 2 + varint(2) + b"abcde"
    assert [rest[at : at + size] for at, size in plaintexts(rest).values()] == [b"abc", b"de"]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((40, 50), bool),
        np.zeros((40, 50), complex),
        np.zeros((40, 50), "M8[s]"),
        np.zeros((40, 50), np.longdouble),
        np.zeros((40, 50), "i4,f4"),
        np.zeros((40, 50), "U3"),
        np.zeros(4000),
        np.zeros((0, 900)),
    ],
)
def test_arrays_that_are_no_pictures_are_left(array: NDArray[Any]) -> None:
    out = io.BytesIO()
    np.save(out, array)
    assert split(out.getvalue()) is None


@pytest.mark.parametrize("kind", ["u1", "<f2", ">u2", "<i4", ">f8", "<u8"])
@pytest.mark.parametrize("columns", [False, True])
def test_arrays_come_back(kind: str, columns: bool) -> None:
    out = io.BytesIO()
    np.save(out, np.asfortranarray(VOLUME.astype(kind)) if columns else VOLUME.astype(kind))
    found = split(out.getvalue())
    assert found is not None and file(*found) == out.getvalue()
    assert found[0].dtype == np.dtype(kind).newbyteorder("<")


def test_pictures_that_not_every_decoder_makes_are_left() -> None:
    assert split(text(2000)) is None and split(png(COLOURS)[:-30]) is None
    assert split(tiff(COLOURS, "zstd")) is None
    found = split(png(COLOURS))
    assert found is not None and found[1][0] == 3 and file(*found) == png(COLOURS)
    for metadata in (b"\2" + found[1][1:], b"\4\0", b"", b"\x0a\0"):
        with pytest.raises(ArchiveError):
            file(found[0], metadata)


FRAME = b"\1\0\1\0\4"
"""Of four rows without anything around them."""


def crafted(*bands: bytes, metadata: bytes = FRAME, size: int = 12, left: bytes = b"") -> bytes:
    """An archive of one file, which is a picture."""
    rest = varint(size) + b"\1\0" + varint(size) + b"\0" + left
    picture = varint(len(bands)) + b"".join(varint(len(band)) + band for band in bands)
    picture += varint(len(metadata)) + metadata
    packed = bytes([0, 0, 0]) + b"\1" + len(rest).to_bytes(2, "little")
    packed += (len(rest) ^ 0xFFFF).to_bytes(2, "little") + rest
    data = b"\1" + varint(len(rest)) + b"\1\0" + b"\1" + picture + b"\3" + packed
    part = ArrayPart(np.dtype("|u1"), (1, size), BYTES)
    run = pack_runs([Run(1, np.dtype("|u1"), (size,), None)])
    start = HEAD + FileCollection(FOLDER, (part,), 1).pack()
    stats = FileStats()
    stats.add(size, 0, 0)
    start += pack_files(FOLDER, [(0, 1)], ["a"]) + stats.pack()
    start += section(b"B", varint(0) + run + bytes([INFLATED]) + data)
    return start + index_of(start, [1])


def band(
    first: int, *rows: bytes, dtype: str = "|u1", method: int = 0, items: int = 1, axes: int = 2
) -> bytes:
    kind = np.dtype(dtype)
    shape = (len(rows), len(rows[0]) // kind.itemsize, 1)[:axes]
    run = pack_runs([Run(items, kind, shape, None)])
    return varint(first) + run + bytes([method]) + b"".join(rows)


TWO = band(0, b"abc", b"def"), band(1, b"ghi", b"jkl")
BAD = {
    "no bands": crafted(),
    "a band too few": crafted(TWO[0]),
    "bands in another order": crafted(*TWO[::-1]),
    "bands of other columns": crafted(TWO[0], band(1, b"ghij", b"kl??")),
    "bands of other dtypes": crafted(TWO[0], band(1, b"ghi", b"jkl", dtype="|i1")),
    "two items": crafted(band(0, b"abc", b"def", items=2)),
    "no axes": crafted(band(0, b"a", axes=0)),
    "one axis": crafted(band(0, b"a", b"b", b"c", b"d", axes=1), size=4),
    "one channel": crafted(band(0, b"abc", b"def", axes=3), band(1, b"ghi", b"jkl", axes=3)),
    "the method inflated": crafted(band(0, b"abc", b"def", method=7), TWO[1]),
    "the method streams": crafted(band(0, b"abc", b"def", method=6), TWO[1]),
    "big-endian": crafted(*(band(n, b"abcd", b"efgh", dtype=">u2") for n in (0, 1)), size=16),
    "another kind of metadata": crafted(*TWO, metadata=b"\2" + FRAME[1:]),
    "no metadata": crafted(*TWO, metadata=b""),
    "another size": crafted(*TWO, size=11),
    "bytes that are left": crafted(*TWO, left=b"?"),
}


@pytest.mark.rust
def test_a_picture_alone_comes_back(tmp_path: Path) -> None:
    assert restored(crafted(*TWO), tmp_path) == {"a": b"abcdefghijkl"}


def assert_refused(
    data: bytes, folder: Path, error: type[bitsback.BitsbackError] = bitsback.BitsbackError
) -> None:
    """All decoders refuse an archive; error: the one that `decompress` raises."""
    with pytest.raises(error) as raised:
        bitsback.decompress(data, folder / "out")
    assert "\n" not in str(raised.value)
    with pytest.raises(SpecError):
        spec.decode_files(data, [])
    (folder / "x.bb").write_bytes(data)
    command = [PROGRAM, folder / "x.bb", folder / "other"]
    assert subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode == 1


@pytest.mark.rust
@pytest.mark.parametrize("name", BAD)
def test_what_breaks_a_rule_is_refused(name: str, tmp_path: Path) -> None:
    assert_refused(BAD[name], tmp_path)


def test_damaged_data_are_refused() -> None:
    content, rules = FILES["grey.odt"](), Planner(DEFAULT).rules
    assert rules.new_plan is not None
    encode = partial(encode_picture, rules, rules.new_plan)
    data = encode_inflated(np.frombuffer(content, np.uint8), encode)
    assert data is not None

    def decode(data: memoryview, size: int) -> bytes:
        return decode_inflated(data, size, partial(decode_picture, find_model))

    assert decode(memoryview(data), len(content)) == content
    assert_damage_is_refused(decode, data, len(content))


def find_model(prefix: bytes) -> Model:
    for name in bundled.names():
        if bundled.identity(name)[:16] == prefix:
            return bundled.load(name)
    raise ArchiveError("its model is unknown")
