"""TIFF files in Group 4, LZW and PackBits come back bit for bit whichever encoder wrote them, by
encoders of our own, without libtiff.
"""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files import picture_files
from bitsback.files.picture_files import file_of, split
from bitsback.files.tiff.choices import (
    LZW,
    PACKBITS,
    ChoiceReader,
    Segment,
    find_choices,
    usual_choices,
)
from bitsback.files.tiff.tiff_metadata import Tiff
from reference import container_metadata as spec
from reference.fields import ArchiveError as Refused
from reference.fields import varint
from reference.group4 import group4

GROUP_4 = 4
_NAMES = {GROUP_4: "group4", LZW: "tiff_lzw", PACKBITS: "packbits"}


def by_libtiff(compression: int, raw: bytes, columns: int) -> bytes:
    """A segment by libtiff, in Pillow. columns: of a row, pixels of Group 4, otherwise bytes."""
    mode, step = ("1", -(-columns // 8)) if compression == GROUP_4 else ("L", columns)
    file, rows = io.BytesIO(), len(raw) // step
    image = Image.frombytes(mode, (columns, rows), raw)
    image.save(file, "TIFF", compression=_NAMES[compression], tiffinfo={278: rows})
    with Image.open(file) as made:
        (at,), (size,) = made.tag_v2[273], made.tag_v2[279]
    return file.getvalue()[at : at + size]


def smooth(*shape: int, dtype: str = "u1") -> NDArray[Any]:
    """Steps with some noise: [..., height, width]."""
    rng = np.random.default_rng(1)
    places = np.add.outer(np.arange(shape[-2]), np.arange(shape[-1])) // 5
    return (places + (rng.random(shape) < 0.2)).astype(dtype)


def page(rows: int, columns: int) -> NDArray[np.bool_]:
    """Lines of words, in which most rows are like those above them."""
    rng = np.random.default_rng(2)
    coarse = rng.random((-(-rows // 6), -(-columns // 4))) < 0.3
    found = np.kron(coarse, np.ones((6, 4), bool))[:rows, :columns] > 0
    return np.asarray(found ^ (rng.random((rows, columns)) < 0.01))


BITS = {"compression": GROUP_4, "photometric": "miniswhite"}
RUNS = {"compression": PACKBITS, "photometric": "minisblack"}
CODES = {"compression": LZW, "photometric": "minisblack"}
WRITTEN: dict[str, tuple[list[NDArray[Any]], dict[str, Any], dict[str, Any]]] = {
    "fax": ([page(90, 203)], BITS, {}),
    "fax, minisblack": ([page(90, 203)], {**BITS, "photometric": "minisblack"}, {}),
    "fax, strips": ([page(90, 203)], {**BITS, "rowsperstrip": 17}, {}),
    "fax, reversed bits": ([page(90, 203)], {**BITS, "rowsperstrip": 40}, {}),
    "fax, tiles": ([page(90, 203)], {**BITS, "tile": (32, 64)}, {}),
    "fax, white": ([np.zeros((70, 9), bool)], BITS, {}),
    "fax, black": ([np.ones((10, 5000), bool)], {**BITS, "rowsperstrip": 3}, {}),
    "fax, a column": ([page(90, 1)], BITS, {}),
    "fax, pages": ([page(40, 30), page(61, 83), page(40, 31)], BITS, {"bigtiff": True}),
    "runs": ([smooth(50, 70)], RUNS, {}),
    "runs, two levels": ([page(90, 203)], {**RUNS, "rowsperstrip": 17}, {}),
    "runs, reversed bits": ([page(90, 203)], RUNS, {}),
    "runs, deep": ([smooth(50, 70, dtype="u2")], {**RUNS, "rowsperstrip": 7}, {"byteorder": ">"}),
    "runs, planes in tiles": (
        [smooth(3, 50, 70)],
        {**RUNS, "photometric": "rgb", "planarconfig": "separate", "tile": (16, 32)}, {},
    ),
    "runs, colours": ([np.moveaxis(smooth(3, 50, 70), 0, -1)], {**RUNS, "photometric": "rgb"}, {}),
    "codes": ([smooth(50, 70)], {**CODES, "rowsperstrip": 9, "predictor": True}, {}),
    "codes, of many clears": ([smooth(150, 170) ** 2], CODES, {}),
    "codes, reversed bits": ([page(90, 203)], {**CODES, "rowsperstrip": 17}, {}),
}  # fmt: skip


def without_end(compression: int, raw: bytes, columns: int) -> bytes:
    """Group 4 that ends with the last row, as some encoders do; runs of at most 9 bytes."""
    if compression == GROUP_4:
        return _core.group4_pack(raw, columns, size_of_rows(raw, columns))
    return b"".join(
        bytes(imagecodecs.packbits_encode(raw[at : at + 9])) for at in range(0, len(raw), 9)
    )


def size_of_rows(raw: bytes, columns: int) -> int:
    """The bytes that the rows need in Group 4, without what follows them."""
    for size in range(len(by_libtiff(GROUP_4, raw, columns)) - 3, 1 << 30):
        try:
            _core.group4_pack(raw, columns, size)
        except ValueError:
            continue
        return size
    raise AssertionError


def by_imagecodecs(compression: int, raw: bytes, columns: int) -> bytes:
    encode = imagecodecs.lzw_encode if compression == LZW else imagecodecs.packbits_encode
    return bytes(encode(raw))


Encode = Callable[[int, bytes, int], bytes]
ENCODERS: dict[str, Encode] = {
    "libtiff": by_libtiff, "imagecodecs": by_imagecodecs, "another": without_end,
}  # fmt: skip
NAMES = [
    (name, encoder)
    for name, encoder in product(WRITTEN, ENCODERS)
    if not (encoder == "imagecodecs" and "fax" in name)
    and not (encoder == "another" and "codes" in name)
]


def written(name: str, encoder: str) -> bytes:
    """A file whose segments are made by an encoder."""
    pages, options, of_file = WRITTEN[name]
    compression, reverse = options["compression"], "reversed" in name
    kinds = (PACKBITS, GROUP_4) if compression == GROUP_4 else (compression, compression)

    def encode(data: Any, **_: Any) -> bytes:
        made = ENCODERS[encoder](compression, bytes(data), columns)
        return bytes(int(f"{byte:08b}"[::-1], 2) for byte in made) if reverse else made

    out = io.BytesIO()
    with (
        patch.dict(tifffile.TIFF.COMPRESSORS._codecs, dict.fromkeys((LZW, PACKBITS), encode)),
        tifffile.TiffWriter(out, **of_file) as tiff,
    ):
        for each in pages:
            of_pixel = each[0, 0].size if each.shape[-1] == 3 else 1
            columns = options["tile"][1] if "tile" in options else each[0].size // of_pixel
            if compression != GROUP_4:
                bits = 1 if each.dtype == bool else 8 * each.itemsize
                columns = -(-columns * of_pixel * bits // 8)
            extra = {"extratags": [(271, 3, 1, 2, True)]} if reverse else {}
            tiff.write(each, **{"metadata": None, **options, **extra, "compression": kinds[0]})
    # What tifffile does not write takes the place of something else: FillOrder, and Group 4.
    form = f"{of_file.get('byteorder', '<')}HH{'Q' if 'bigtiff' in of_file else 'I'}H"
    data = out.getvalue()
    for values in ([(271, 3, 1, 2), (266, 3, 1, 2)], [(259, 3, 1, each) for each in kinds]):
        data = data.replace(*(struct.pack(form, *each) for each in values))
    return data


def no_libtiff(*_: Any, **__: Any) -> None:
    raise AssertionError("Pillow encodes a picture")


def taken(data: bytes) -> tuple[NDArray[Any], bytes]:
    """Pixels and container metadata of a file that is restored exactly."""
    found = split(io.BytesIO(data), True)
    assert found is not None and found.exact
    return found.pixels.whole(), found.metadata


@pytest.mark.parametrize(("name", "encoder"), NAMES)
def test_it_comes_back_without_libtiff(name: str, encoder: str) -> None:
    data = written(name, encoder)
    with patch.object(Image.Image, "save", no_libtiff):
        pixels, packed = taken(data)
        assert file_of(pixels, packed) == data
    assert spec.restore(pixels, packed) == data
    metadata = picture_files.unpack(packed)
    assert isinstance(metadata, Tiff)
    assert encoder != "libtiff" or len(metadata.choices) < 9


def rows_of_bits(rng: np.random.Generator) -> tuple[bytes, int]:
    """Packed rows, and their columns."""
    rows, columns = int(rng.integers(1, 6)), int(rng.integers(1, rng.choice([9, 70, 300, 6000])))
    kind = rng.integers(4)
    if kind == 0:
        bits = rng.random((rows, columns)) < rng.random()
    elif kind == 1:
        bits = np.repeat(rng.random((rows, columns)) < 0.5, rng.integers(1, 3000), 1)[:, :columns]
    elif kind == 2:
        first = np.cumsum(rng.random(columns) < 0.02 * rng.random()) % 2 > 0
        bits = np.stack([np.roll(first, rng.integers(-4, 5)) for _ in range(rows)])
        bits ^= rng.random(bits.shape) < 0.003
    else:
        bits = np.full((rows, columns), rng.integers(2) > 0)
    return np.packbits(bits, axis=1).tobytes(), columns


def rows_of_bytes(rng: np.random.Generator) -> tuple[bytes, int]:
    """Rows, and their columns."""
    rows, columns = int(rng.integers(1, 5)), int(rng.integers(1, rng.choice([9, 70, 300, 1000])))
    size, kind = rows * columns, rng.integers(3)
    if kind == 0:
        return rng.integers(0, rng.integers(1, 5), size).astype(np.uint8).tobytes(), columns
    often = [1, 1, 1, 2, 2, 3, 128, 129, 130, 131, 200] if kind == 1 else [1, 1, 1, 1, 1, 1, 2]
    values = np.repeat(np.arange(size) % 251, rng.choice(often, size))[:size]
    return values.astype(np.uint8).tobytes(), columns


def test_rows_of_group_4_are_those_of_libtiff() -> None:
    rng = np.random.default_rng(0)
    for number in range(800):
        raw, columns = rows_of_bits(rng)
        made = by_libtiff(GROUP_4, raw, columns)
        assert _core.group4_pack(raw, columns, len(made)) == made
        if number < 60:
            assert group4(raw, columns, len(made)) == made


def choices_of(compression: int, data: bytes, raw: bytes, columns: int) -> bytes:
    segment = Segment(compression, data, len(raw), columns)
    return find_choices(lambda wanted: [segment] * (compression in wanted))


@pytest.mark.parametrize("compression", [LZW, PACKBITS])
def test_rows_of_libtiff_have_the_usual_choices(compression: int) -> None:
    rng = np.random.default_rng(0)
    usual = usual_choices([(compression, 1)])
    for _ in range(1000):
        raw, columns = rows_of_bytes(rng)
        made = by_libtiff(compression, raw, columns)
        assert choices_of(compression, made, raw, columns) == usual
        assert ChoiceReader(usual).next().compress(compression, raw, columns) == made


def test_libtiff_clears_early_where_codes_become_long() -> None:
    """It does so at places of its own, which are exceptions."""
    rng = np.random.default_rng(0)
    parts = [np.zeros(50_000, np.uint8), rng.integers(0, 2, 50_000, np.uint8)] * 3
    raw = np.concatenate(parts).tobytes()
    made = by_libtiff(LZW, raw, 1000)
    coded = choices_of(LZW, made, raw, 1)
    assert len(usual_choices([(LZW, 1)])) < len(coded) < 40
    assert ChoiceReader(coded).next().compress(LZW, raw, 1) == made


def test_choices_are_those_of_the_specification() -> None:
    """Both make the same streams by any choices, or refuse them."""
    rng = np.random.default_rng(0)
    refused = 0
    for number in range(300):
        raw, columns = rows_of_bytes(rng)
        raw = raw[: columns * 2]
        pairs = rng.choice([0, 0, 1, 2, 5, 100, 127, 128, 200, 255, 256], (number % 4, 2))
        compression = LZW if number % 2 else PACKBITS
        regular = int(rng.choice([0, 3, 40, 119, 7672]) if compression == LZW else number % 8)
        coded = b"".join(map(varint, [1, regular, len(pairs), *pairs.ravel().tolist()]))
        exceptions = [(int(before), int(value)) for before, value in pairs]
        outcomes: list[bytes | None] = []
        try:
            outcomes.append(ChoiceReader(coded).next().compress(compression, raw, columns))
        except ArchiveError:
            outcomes.append(None)
        try:
            outcomes.append(
                spec.lzw_of_tiff(raw, regular, exceptions)
                if compression == LZW
                else spec.in_runs([*raw], columns, regular, exceptions)
            )
        except Refused:
            outcomes.append(None)
        assert outcomes[0] == outcomes[1]
        refused += outcomes[0] is None
    assert 20 < refused < 250


TIFFCP = [
    "-c g4", "-c g4 -r 7", "-c g4 -t -w 32 -l 16", "-c g4 -f lsb2msb", "-c g4 -8 -B", "-c lzw",
    "-c packbits", "-c packbits -r 7", "-c packbits -f lsb2msb", "-c packbits -t -w 32 -l 16",
]  # fmt: skip


@pytest.mark.tiffcp
@pytest.mark.parametrize("options", TIFFCP)
def test_what_tiffcp_wrote_comes_back(options: str, tmp_path: Path) -> None:
    for photometric, made in product(("miniswhite", "minisblack"), [tmp_path / "made.tif"]):
        tifffile.imwrite(tmp_path / "x.tif", page(90, 203), photometric=photometric)
        subprocess.run(["tiffcp", *options.split(), tmp_path / "x.tif", made], check=True)
        pixels, packed = taken(made.read_bytes())
        assert file_of(pixels, packed) == spec.restore(pixels, packed) == made.read_bytes()


@pytest.mark.parametrize("name", ["fax, pages", "runs, planes in tiles", "codes, of many clears"])
def test_it_comes_back_also_where_only_pixels_are_wanted(name: str) -> None:
    found = split(io.BytesIO(written(name, "libtiff")), False)
    assert found is not None and found.exact


def test_a_stream_with_other_modes_is_not_made_again() -> None:
    """Group 4 may code any change by the horizontal mode, which no encoder does."""
    with patch.dict(ENCODERS, {"odd": lambda *_: b"\x26\xa0\x40\x10\x01"}):
        WRITTEN["odd"] = ([np.zeros((1, 8), bool)], BITS, {})
        data = written("odd", "odd")
        del WRITTEN["odd"]
    assert split(io.BytesIO(data), True) is None


@pytest.mark.parametrize(("name", "encoder"), [
    ("fax, strips", "libtiff"), ("fax, tiles", "another"), ("runs, deep", "libtiff"),
    ("runs, colours", "another"), ("codes", "imagecodecs"), ("codes, of many clears", "libtiff"),
])  # fmt: skip
def test_damaged_metadata_are_refused_or_make_a_file(name: str, encoder: str) -> None:
    """By the program and the specification alike."""
    pixels, packed = taken(written(name, encoder))
    rng = np.random.default_rng(0)
    for _ in range(40):
        changed = bytearray(packed)
        changed[rng.integers(1, min(len(packed), 150))] ^= 1 << int(rng.integers(8))
        outcomes: list[bytes | str | None] = []
        for restore in (file_of, spec.restore):
            try:
                outcomes.append(restore(pixels, bytes(changed)))
            except (ArchiveError, Refused):
                outcomes.append("refused")
        # The specification makes no file that is not promised.
        assert outcomes[0] == outcomes[1] or outcomes[1] is None
