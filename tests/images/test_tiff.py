"""TIFF files come back unchanged, as tifffile, libtiff and Pillow read them."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.errors import ArchiveError
from bitsback.files import picture_files
from bitsback.files.tiff import tiff_metadata
from bitsback.files.tiff.structure import one_picture, pages_of, pixels_of
from bitsback.files.tiff.tiff_codec import coded_pages, same
from bitsback.files.tiff.tiff_metadata import Tiff, TiffDrawing
from bundled_models import spec_models
from reference import archive as spec
from reference import container_metadata as spec_metadata
from reference.fields import Reader


def waves(*shape: int, dtype: str = "u2", seed: int = 0) -> NDArray[Any]:
    """Slopes with noise, which models code well: [..., height, width]."""
    rng = np.random.default_rng(seed)
    places = np.add.outer(np.arange(shape[-2]) * 3, np.arange(shape[-1]) * 2)
    return (places + rng.integers(0, 5, shape)).astype(dtype)


def colours(channels: int = 3, dtype: str = "u1") -> NDArray[Any]:
    return np.moveaxis(waves(channels, 36, 44, dtype=dtype), 0, -1)


def white_margin() -> NDArray[Any]:
    """A scan in which the first, the middle and the last row are white."""
    picture = np.full((61, 44), 255, np.uint8)
    picture[5:25, 3:44] = waves(20, 41, dtype="u1")
    return picture


WRITTEN: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "turned": (white_margin(), {"extratags": [(274, 3, 1, 2, True)], "compression": "zlib"}),
    "premultiplied": (colours(4),
     {"photometric": "rgb", "extrasamples": ["assocalpha"], "compression": "zlib"}),
    "a tag twice": (waves(36, 44), {"description": "of tifffile's own too"}),
    "a tag twice, deflate": (waves(36, 44), {"description": "as well", "compression": "zlib"}),
    "channels": (waves(5, 36, 44, dtype="u1"),
     {"planarconfig": "separate", "photometric": "minisblack"}),
    "one directory": (waves(4, 36, 44), {"imagej": True, "truncate": True}),
    "calibrated": (
        waves(4, 36, 44),
        {
            "imagej": True, "resolution": (3.5, 3.5),
            "metadata": {"axes": "ZYX", "spacing": 2.5, "unit": "um", "Labels": ["a"] * 4},
        },
    ),
    "OME": (waves(2, 2, 36, 44),
     {"ome": True, "metadata": {"axes": "CZYX", "PhysicalSizeX": 0.5}, "compression": "lzw"}),
    "big-endian ImageJ": (
        waves(4, 36, 44),
        {
            "imagej": True, "byteorder": ">", "compression": "zlib",
            "metadata": {"axes": "ZYX", "Labels": ["a", "bc", "d", "e"], "Ranges": (0.0, 9.0)},
        },
    ),
    "planes": (np.moveaxis(colours(), -1, 0),
     {"planarconfig": "separate", "photometric": "rgb", "compression": "zlib"}),
    "tiles": (waves(75, 70), {"tile": (16, 32), "compression": "zlib", "predictor": True}),
    "BigTIFF": (
        waves(3, 36, 44), {"bigtiff": True, "rowsperstrip": 7, "photometric": "minisblack"},
    ),
    "bits": (waves(61, 70) % 3 > 0, {"photometric": "miniswhite"}),
    "floats": (waves(36, 44, dtype="f4"), {}),
    "deep colours": (colours(3, "u2"), {"photometric": "rgb", "compression": "lzw"}),
    "signed": (waves(36, 44, dtype="i2"), {}),
    "pyramid": (waves(64, 64), {"subifds": 1}),
    "packed": (colours(), {"photometric": "rgb", "compression": "packbits", "rowsperstrip": 9}),
    "zstd": (waves(36, 44), {"compression": "zstd"}),
    "CMYK": (colours(4), {"photometric": "separated", "compression": "lzw", "predictor": True}),
    "CMYK and alpha": (
        colours(5, "u2"), {"photometric": "separated", "extrasamples": ["unassalpha"]},
    ),
}  # fmt: skip


def written(name: str) -> bytes:
    pixels, options = WRITTEN[name]
    file = io.BytesIO()
    with tifffile.TiffWriter(
        file,
        **{
            key: options[key] for key in ("bigtiff", "byteorder", "imagej", "ome") if key in options
        },
    ) as tiff:
        told = {
            k: v for k, v in options.items() if k not in ("bigtiff", "byteorder", "imagej", "ome")
        }
        tiff.write(pixels, **told)
        if "subifds" in told:
            tiff.write(pixels[::2, ::2], subfiletype=1)
    return file.getvalue()


def told(data: bytes) -> list[Any]:
    """All that tifffile reports of a file, except the places of its segments."""
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        found: list[Any] = [tiff.byteorder, tiff.is_bigtiff, repr(tiff.imagej_metadata)]
        found.append(tiff.ome_metadata)
        for page in tiff.pages:
            found += [
                (tag.code, tag.dtype, tag.count)
                + (() if tag.code in (273, 279, 324, 325) else (repr(tag.value),))
                for tag in page.tags.values()
            ]
        for series in tiff.series:
            found += [series.axes, series.shape, series.asarray().tobytes()]
        return found


def assert_same(data: bytes, again: bytes, folder: Path) -> None:
    assert told(again) == told(data)
    if shutil.which("tiffcmp"):
        for name, content in (("a.tif", data), ("b.tif", again)):
            (folder / name).write_bytes(content)
        run = subprocess.run(
            ["tiffcmp", folder / "a.tif", folder / "b.tif"], capture_output=True, check=False
        )
        said = run.stdout + run.stderr
        assert run.returncode == 0 or b"Can not read scanlines from a tiled image" in said, run


@pytest.mark.parametrize("files", ["pixels", "exact"])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_tiff_file_comes_back(name: str, files: Any, tmp_path: Path) -> None:
    data = written(name)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.tif").write_bytes(data)
    single = tmp_path / "in" / "x.tif"
    alone = bitsback.compress(single, tmp_path / "x.bb", files=files, model="fast")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "y.tif")
    folder = bitsback.compress(tmp_path / "in", tmp_path / "in.bb", files=files, model="fast")
    bitsback.decompress(tmp_path / "in.bb", tmp_path / "out")
    for summary, path in ((alone, tmp_path / "y.tif"), (folder, tmp_path / "out" / "x.tif")):
        assert_same(data, path.read_bytes(), tmp_path)
        assert path.read_bytes() == data or (files == "pixels" and len(summary.inexact) == 1)
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.verify() == []
    if files == "exact":
        coded = (tmp_path / "x.bb").read_bytes()
        (file,) = spec.decode_files(coded, spec_models(coded))
        if not file.held:
            assert spec_metadata.restore(file.array, file.metadata) in (None, data)


@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_the_bytes_of_compressors_that_change_are_not_promised(compression: str) -> None:
    """Another version of the library would not make them again."""
    made = io.BytesIO()
    pixels = np.add.outer(np.arange(60), np.arange(50)).astype(np.uint8)
    Image.fromarray(pixels).save(made, "TIFF", compression=compression)
    assert picture_files.split(made, exact=True) is None
    found = picture_files.split(made, exact=False)
    assert found is not None and not found.exact


@pytest.mark.parametrize(
    ("name", "shape"),
    [("one directory", (4, 36, 44)), ("channels", (5, 36, 44)), ("planes", (36, 44, 3)),
     ("premultiplied", (36, 44, 4)), ("turned", (61, 44)), ("OME", (2, 2, 36, 44)),
     ("floats", (36, 44))],
)  # fmt: skip
def test_its_pages_are_an_array_of_its_samples(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "x.tif").write_bytes(written(name))
    bitsback.compress(tmp_path / "x.tif", tmp_path / "x.bb", model="fast", files="pixels")
    with bitsback.open(tmp_path / "x.bb") as archive:
        found = np.asarray(archive[0])
    pixels = WRITTEN[name][0]
    expected = np.moveaxis(pixels, 0, -1) if name == "planes" else pixels
    assert np.array_equal(found, expected.reshape(shape))


def test_pages_that_are_not_those_of_the_picture_are_damage() -> None:
    taken = picture_files.split(io.BytesIO(written("one directory")), False)
    assert taken is not None
    pages = picture_files.levels_of(taken.metadata, np.dtype("u2"), (4 * 36, 44))[0].places
    assert len(pages) == 4
    for shape in (4 * 36 - 1, 44), (4 * 36, 43):
        with pytest.raises(ArchiveError, match="another picture"):
            picture_files.levels_of(taken.metadata, np.dtype("u2"), shape)


@pytest.mark.tiffcp
def test_what_libtiff_wrote_is_made_again(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", waves(61, 70, dtype="u1"))
    tifffile.imwrite(tmp_path / "bits.tif", waves(61, 70) % 5 > 2)
    for source, options in (
        ("x.tif", "-c lzw"), ("x.tif", "-c lzw:2 -r 8"), ("x.tif", "-c packbits -B"),
        ("x.tif", "-c lzw -t -w 32 -l 16"), ("bits.tif", "-c g4"), ("bits.tif", "-c g4 -f lsb2msb"),
    ):  # fmt: skip
        made = tmp_path / "made.tif"
        subprocess.run(["tiffcp", *options.split(), tmp_path / source, made], check=True)
        for exact in (False, True):
            with made.open("rb") as file:
                taken = picture_files.split(file, exact)
                assert taken is not None, options
                pixels = taken.pixels.whole()
            assert picture_files.file_of(pixels, taken.metadata) == made.read_bytes(), options
            expected = tifffile.imread(made)
            assert np.array_equal(pixels, ~expected if "g4" in options else expected)  # white is 0


def test_a_file_that_would_differ_is_not_taken() -> None:
    """The difference is found outside the sampled rows too, since all rows are compared."""
    data = bytearray(written("a tag twice, deflate"))
    before = io.BytesIO(bytes(data))
    assert picture_files.split(before, False) is not None
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as tiff:
        offset = tiff.pages[0].dataoffsets[0]
    data[offset + 40] ^= 255
    with pytest.raises(Exception, match=r"truncated|invalid|incorrect"):
        picture_files.split(io.BytesIO(bytes(data)), False)


def test_two_files_are_compared_in_full() -> None:
    one = written("big-endian ImageJ")
    assert same(io.BytesIO(one), io.BytesIO(one))
    for name in ("calibrated", "OME", "one directory"):
        assert not same(io.BytesIO(one), io.BytesIO(written(name)))
    pixels = waves(30, 40)
    changed = pixels.copy()
    changed[7, 9] += 1
    files = []
    for array in (pixels, changed):
        files.append(io.BytesIO())
        tifffile.imwrite(files[-1], array, compression="zlib")
    assert not same(files[0], files[1])


def test_segments_that_grow_find_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger segments, like those of another deflate, move; the tags hold their new places."""
    data = written("tiles")
    file = io.BytesIO(data)
    pages = coded_pages(file)
    assert pages is not None
    taken = picture_files.split(file, False)
    assert taken is not None
    metadata = picture_files.unpack(taken.metadata)
    assert isinstance(metadata, Tiff)
    pixels = pixels_of(file, pages).whole()
    for level in (0, 1, 9):
        monkeypatch.setattr(tiff_metadata, "_LEVEL", level)
        out = io.BytesIO()
        drawing = TiffDrawing(metadata, out)
        for first in range(0, len(pixels), 7):
            drawing.add(pixels[first : first + 7])
        assert drawing.close() == len(out.getvalue())
        assert same(file, out)
        assert np.array_equal(tifffile.imread(io.BytesIO(out.getvalue())), pixels)


@pytest.mark.parametrize("name", ["tiles", "planes", "bits", "one directory", "BigTIFF"])
def test_damaged_metadata_is_refused_or_make_a_file(name: str) -> None:
    file = io.BytesIO(written(name))
    taken = picture_files.split(file, False)
    assert taken is not None
    pixels = taken.pixels.whole()
    rng = np.random.default_rng(0)
    for _ in range(40):
        metadata = bytearray(taken.metadata)
        metadata[rng.integers(1, min(len(metadata), 90))] ^= 1 << int(rng.integers(8))
        try:
            unpacked = picture_files.unpack(bytes(metadata))
            if not unpacked.fits(pixels.dtype, pixels.shape):
                continue
            again = picture_files.file_of(pixels, bytes(metadata))
        except ArchiveError:
            continue
        assert len(again) < 1 << 24
        expected = spec_metadata.restore(pixels, bytes(metadata))
        assert expected in (None, again)


def test_the_specification_seals_forged_metadata() -> None:
    """The specification can write valid digests into forged metadata, to test the checks after
    them.
    """
    pixels = waves(40, 50, dtype="u1")
    file = io.BytesIO()
    # zlib's segments, independent of tifffile's choice
    segments = iter([zlib.compress(pixels.tobytes())])
    tifffile.imwrite(
        file, segments, shape=pixels.shape, dtype="u1", compression="zlib", rowsperstrip=40
    )
    taken = picture_files.split(file, True)
    assert taken is not None and taken.exact
    assert spec_metadata.sealed(pixels, taken.metadata) == taken.metadata
    made = spec_metadata.tiff_file(Reader(taken.metadata[1:]), pixels)
    assert made is not None
    forged = bytearray(taken.metadata)
    forged[1 + made.at] ^= 1
    with pytest.raises(ArchiveError, match="--files pixels"):
        picture_files.file_of(pixels, bytes(forged))
    assert spec_metadata.sealed(pixels, bytes(forged)) == taken.metadata


def test_pages_that_share_segments_are_held() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(waves(2, 30, 40), compression="zlib")
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        places = [tiff.pages[number].tags[273] for number in range(2)]
    data = bytearray(file.getvalue())
    first, second = (place.valueoffset for place in places)
    data[second : second + 4] = data[first : first + 4]
    shared = io.BytesIO(bytes(data))
    assert len(one_picture(pages_of(shared))) == 2
    assert picture_files.split(shared, False) is None


@pytest.mark.parametrize("back", [0, 1, 2])
@pytest.mark.parametrize("big", [False, True])
def test_pages_that_form_a_loop_are_damage(back: int, big: bool, tmp_path: Path) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=big) as tiff:
        for page in waves(3, 30, 40):
            tiff.write(page, contiguous=False)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        places = [page.offset for page in tiff.pages]
        last = tiff.pages.next_page_offset
    file.seek(last)
    file.write(struct.pack("<Q" if big else "<I", places[back]))
    (tmp_path / "folder").mkdir()
    loop = tmp_path / "folder" / "loop.tif"
    loop.write_bytes(file.getvalue())
    summary = bitsback.compress(tmp_path / "folder", tmp_path / "x.bb")
    assert "its pages form a loop" in str(summary.stored)
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "restored")
    assert (tmp_path / "restored" / "loop.tif").read_bytes() == file.getvalue()
