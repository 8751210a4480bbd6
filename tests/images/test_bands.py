"""Large pictures are read and written some rows at a time, with the same result."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.archive.comparing.readback import compare
from bitsback.files import bands, picture_files, pictures
from bitsback.files.bands import Bands, Rows
from bitsback.files.picture_files import pixel_bands, samples_of
from bitsback.files.pictures import pixels_of, samples
from bitsback.files.png.png_reading import png_bands
from bitsback.files.tiff import structure
from bitsback.format.grid import Grid
from bitsback.io import file_io
from bitsback.planner.pictures import pixel_cost
from bitsback.planner.planner import Planner
from bitsback.planner.policy import BEST
from plane_models import only_one_shape
from reference import container_metadata as spec

SIZE = (37, 53)  # columns and rows
MODES = ("1", "L", "P", "I;16", "LA", "RGB", "RGBA")
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {}),
    "stored png": ("PNG", {"compress_level": 0}),
    "bmp": ("BMP", {}),
    "pnm": ("PPM", {}),
    "tiff": ("TIFF", {}),
    "tiff in strips": ("TIFF", {"strip_size": 400}),
    "large tiff": ("TIFF", {"big_tiff": True, "compression": "tiff_deflate", "strip_size": 400}),
    **{
        f"{name} in strips": ("TIFF", {"compression": name, "strip_size": 400})
        for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd")
    },
    "faxed": ("TIFF", {"compression": "group4", "strip_size": 40}),
    "predicted": (
        "TIFF", {"compression": "tiff_lzw", "strip_size": 400, "tiffinfo": {317: 2}},
    ),
}  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every picture count as large."""
    monkeypatch.setattr(pictures, "LARGE", 0)
    monkeypatch.setattr(bands, "BAND", 120)
    monkeypatch.setattr(file_io, "IN_MEMORY", 0)
    monkeypatch.setattr(structure, "_MOST_ROWS", 120)


def drawn(mode: str, seed: int = 0) -> Image.Image:
    """Noise with runs and slopes, so that all PNG filters are used."""
    rng = np.random.default_rng(seed)
    channels = {"LA": (2,), "RGB": (3,), "RGBA": (4,)}.get(mode, ())
    shape = (*SIZE[::-1], *channels)
    rows = np.arange(SIZE[1]).reshape(-1, *[1] * (len(shape) - 1))
    values = (rows * 5 + np.cumsum(rng.integers(0, 9, shape), 1)) * (rows % 7 < 4)
    if mode == "1":
        return Image.fromarray(values % 5 < 2)
    if mode == "I;16":
        return Image.fromarray((values * 77).astype(np.uint16))
    image = Image.fromarray((values % 200).astype(np.uint8))
    if mode == "P":
        image.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
    return image


def saved() -> Iterator[tuple[str, str, bytes]]:
    """Each mode in each format that holds it."""
    for mode in MODES:
        for name, (kind, options) in FILES.items():
            out = io.BytesIO()
            try:
                drawn(mode).save(out, kind, **options)
            except (OSError, RuntimeError, SystemError, KeyError):
                continue
            yield mode, name, out.getvalue()


def own_tiff(
    pixels: NDArray[Any], order: str, deflate: bool, tile: int | None = None, **more: int
) -> bytes:
    """In tiles, or in strips of five rows with a gap before each."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows, columns = (tile, tile) if tile else (5, width)
    deep = pixels.astype(order + "u2") if pixels.dtype.itemsize == 2 else pixels
    parts = []
    for r in range(0, height, rows):
        for c in range(0, width, columns):
            part = deep[r : r + rows, c : c + columns]
            if tile:
                rest = [(0, rows - part.shape[0]), (0, columns - part.shape[1]), (0, 0)]
                part = np.pad(part, rest[: part.ndim])
            parts.append(zlib.compress(part.tobytes()) if deflate else part.tobytes())
    offsets, body = [], b""
    for part in parts:
        body += b"gap!"
        offsets.append(8 + len(body))
        body += part + bytes(len(part) % 2)

    def longs(*values: int) -> tuple[int, bytes]:
        return 4, struct.pack(f"{order}{len(values)}I", *values)

    def shorts(*values: int) -> tuple[int, bytes]:
        return 3, struct.pack(f"{order}{len(values)}H", *values)

    tags = {
        256: longs(width), 257: longs(height), 258: shorts(*[8 * pixels.itemsize] * channels),
        259: shorts(8 if deflate else 1), 262: shorts(2 if channels > 2 else 1),
        277: shorts(channels),
    }  # fmt: skip
    counts = [len(part) for part in parts]
    if tile:
        tags |= {322: longs(tile), 323: longs(tile), 324: longs(*offsets), 325: longs(*counts)}
    else:
        tags |= {273: longs(*offsets), 278: longs(rows), 279: longs(*counts)}
    tags |= {int(number[1:]): shorts(value) for number, value in more.items()}
    values_of, entries, at = b"", [], 8 + len(body)
    for number, (kind, values) in sorted(tags.items()):
        place = values.ljust(4, b"\0")
        if len(values) > 4:
            place = struct.pack(order + "I", at + len(values_of))
            values_of += values + bytes(len(values) % 2)
        count = len(values) // {3: 2, 4: 4}[kind]
        entries.append(struct.pack(order + "HHI", number, kind, count) + place)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, at + len(values_of))
    return head + body + values_of + directory


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def same(read: Bands, whole: NDArray[Any]) -> bool:
    again = read.whole()
    return (again.dtype, again.shape, read.dtype, read.shape) == (
        whole.dtype, whole.shape, whole.dtype, whole.shape,
    ) and np.array_equal(again, whole)  # fmt: skip


def test_bands_have_the_pixels_of_the_whole(small: None) -> None:
    in_bands = []
    for mode, name, data in saved():
        whole = samples(opened(data))
        assert whole is not None
        read = samples_of(io.BytesIO(data))
        assert read is not None and same(read, whole), (mode, name)
        assert same(read, whole), "a second time"
        assert same(pixel_bands(opened(data), "x"), pixels_of(opened(data), "x")), (mode, name)
        if len(list(read)) > 1:
            in_bands.append((mode, name))
    assert {name for _, name in in_bands} == set(FILES)
    assert {mode for mode, _ in in_bands} == set(MODES)


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
@pytest.mark.parametrize("tile", [16, None])
@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiles_gaps_and_orders_of_bytes(
    small: None, mode: str, tile: int | None, deflate: bool, order: str
) -> None:
    pixels = np.asarray(drawn(mode))
    data = own_tiff(pixels, order, deflate, tile)
    read = samples_of(io.BytesIO(data))
    assert read is not None and same(read, pixels) and len(list(read)) > 1
    assert same(pixel_bands(opened(data), "x"), pixels)


def test_what_is_read_at_once(small: None) -> None:
    """These files are read at once: their rows are out of order, or viewers show another
    picture.
    """
    turned = own_tiff(np.asarray(drawn("L")), "<", True, _274=3)
    interlaced = io.BytesIO()
    clear = io.BytesIO()
    drawn("L").save(interlaced, "PNG")
    drawn("L").save(clear, "PNG", transparency=3)
    data = interlaced.getvalue()
    for file in (turned, clear.getvalue()):
        whole = pixels_of(opened(file), "x")
        read = pixel_bands(opened(file), "x")
        assert same(read, whole) and len(list(read)) == 1
    header = bytearray(data[16:29])
    header[12] = 1
    told = data[:8] + spec.chunk(b"IHDR", bytes(header)) + data[33:]
    image = opened(told)
    assert image.info["interlace"] == 1
    assert png_bands(image) is None


@pytest.mark.parametrize("name", ["png", "bmp", "pnm", "tiff", "tiff_lzw in strips"])
def test_a_file_that_was_cut_short(small: None, tmp_path: Path, name: str) -> None:
    kind, options = FILES[name]
    out = io.BytesIO()
    drawn("RGB").save(out, kind, **options)
    data = bytearray(out.getvalue())
    middle = len(data) // 2
    if kind == "TIFF":  # its directory is at its end or at its beginning
        data[middle : middle + 600] = b"" if name == "tiff" else bytes(600)
    else:
        del data[middle:]
    path = tmp_path / f"x.{'tif' if kind == 'TIFF' else kind.lower()}"
    path.write_bytes(data)
    with pytest.raises(bitsback.InputError, match=path.name):
        bitsback.compress([path], tmp_path / "x.bb", pictures_only=True)


def test_the_metadata_of_bands_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode, name, data in saved():
        for exact in (False, True):
            whole = picture_files.split(io.BytesIO(data), exact)
            with monkeypatch.context() as patch:
                patch.setattr(pictures, "LARGE", 0)
                patch.setattr(bands, "BAND", 120)
                patch.setattr(file_io, "IN_MEMORY", 0)
                read = picture_files.split(io.BytesIO(data), exact)
                assert (read is None) == (whole is None), (mode, name)
                if read is None or whole is None:
                    continue
                assert (read.metadata, read.exact, read.indexed) == (
                    whole.metadata, whole.exact, whole.indexed,
                ), (mode, name)  # fmt: skip
                assert same(read.pixels, whole.pixels.whole())


def test_files_drawn_in_bands_are_those_drawn_at_once() -> None:
    for mode, name, data in saved():
        for exact in (False, True):
            parts = picture_files.split(io.BytesIO(data), exact)
            if parts is None:
                continue
            pixels = parts.pixels.whole()
            out = io.BytesIO()
            drawing = picture_files.drawing_of(parts.metadata, out, pixels.dtype, pixels.shape)
            rows = Rows([pixels])
            for count in (1, 20, 7, len(pixels) - 28):
                drawing.add(rows.take(count))
            drawing.close()
            assert out.getvalue() == picture_files.file_of(pixels, parts.metadata), (mode, name)


def test_archives_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for number, (mode, name, data) in enumerate(saved()):
        if name not in ("stored png", "predicted"):
            kind = FILES[name][0].replace("TIFF", "tif").replace("PPM", "pnm").lower()
            (tmp_path / "in" / f"{number:02}-{mode[0]}.{kind}").write_bytes(data)
    drawn("RGB").save(
        tmp_path / "pages.tif", save_all=True, compression="tiff_lzw", strip_size=400,
        append_images=[drawn("RGB", 1), drawn("L", 2)],
    )  # fmt: skip
    for source, output in (("in", "a"), ("pages.tif", "b")):
        bitsback.compress(
            tmp_path / source, tmp_path / f"{output}.bb", tile=16, threads=1, model="fast"
        )
    monkeypatch.setattr(pictures, "LARGE", 0)
    monkeypatch.setattr(file_io, "IN_MEMORY", 0)
    for source, output in (("in", "a"), ("pages.tif", "b")):
        if (
            source == "pages.tif"
        ):  # bands of a folder would change the trial of a general compressor
            monkeypatch.setattr(bands, "BAND", 120)
        bitsback.compress(
            tmp_path / source, tmp_path / "x.bb", tile=16, threads=1, force=True, model="fast"
        )
        assert (tmp_path / "x.bb").read_bytes() == (tmp_path / f"{output}.bb").read_bytes()
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for path in (tmp_path / "in").iterdir():
        again = tmp_path / "out" / path.name
        assert metadata_told(again) == metadata_told(path), path.name
    bitsback.decompress(tmp_path / "b.bb", tmp_path / "again.tif")
    with Image.open(tmp_path / "again.tif") as again, Image.open(tmp_path / "pages.tif") as before:
        assert getattr(again, "n_frames", 1) == 3
        for page in range(3):
            again.seek(page)
            before.seek(page)
            assert np.array_equal(np.asarray(again), np.asarray(before))


def test_regions_are_those_of_the_whole() -> None:
    pixels = np.asarray(drawn("RGB"))
    read = Bands(pixels.dtype, pixels.shape, lambda: iter(np.array_split(pixels, 11)))
    grid = Grid(pixels.shape, (16, 16, 3))
    for boxes in (
        [grid.region(number) for number in range(grid.tiles)],
        [grid.region(number) for number in range(0, grid.tiles, 5)],
        [(slice(20, 30), slice(3), slice(3)), (slice(18, 40), slice(9), slice(1))],
    ):
        for box, found in zip(boxes, read.regions(boxes), strict=True):
            assert np.array_equal(found, pixels[box])
    costs = [pixel_cost(each, 16, Planner(BEST)) for each in (read, Bands.from_array(pixels))]
    assert costs[0] == costs[1]


def test_pictures_in_tiles_are_compared_with_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    y, x, c = np.mgrid[:90, :80, :3]
    noise = np.random.default_rng(0).integers(0, 4, y.shape)
    pixels = (127 + 60 * np.sin(x / 9 + c) + 50 * np.cos(y / 13) + noise).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    Image.fromarray(pixels).save(folder / "b.bmp")
    Image.fromarray(pixels[:, :, 0]).save(folder / "c.tif", compression="tiff_lzw")
    bitsback.compress(folder, tmp_path / "a.bb", tile=32)
    monkeypatch.setattr(pictures, "LARGE", 0)
    monkeypatch.setattr(bands, "BAND", 120)
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive.info()["elements"] > 2.3 * pixels.size, "by their pixels"
        names = sorted(archive.names)
        compare(archive.reader, folder, list(archive.names))
        for name in names:
            kept = (folder / name).read_bytes()
            with Image.open(folder / name) as image:
                image.load()
                changed = image.copy()
            changed.putpixel((30, 44), 7 if name == "c.tif" else (1, 2, 3))
            changed.save(folder / name, **({"compression": "tiff_lzw"} if name == "c.tif" else {}))
            with pytest.raises(bitsback.InputError, match=name):
                compare(archive.reader, folder, list(archive.names))
            (folder / name).write_bytes(kept)
        compare(archive.reader, folder, list(archive.names))


def metadata_told(path: Path) -> tuple[Any, ...]:
    with Image.open(path) as image:
        return image.mode, np.asarray(image).tobytes(), image.getpalette()


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "ppm"])
def test_bands_of_a_large_picture_are_in_memory(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of 60 MB. The test does not see Pillow's own memory, which is more."""
    only_one_shape(monkeypatch)  # models of any size would take long
    path = tmp_path / f"in.{ending}"
    pixels = np.resize(np.repeat(np.arange(223, dtype=np.uint8), 1000), (4000, 5000, 3))
    pixels += np.random.default_rng(0).integers(0, 32, pixels.shape, np.uint8)  # too much for LZMA
    options = {"tif": {"compression": "tiff_lzw"}, "png": {"compress_level": 0}}
    Image.fromarray(pixels).save(path, **options.get(ending, {}))
    size, peaks = pixels.nbytes, []
    del pixels
    folder = ending != "tif"
    for run in (
        lambda: bitsback.compress(
            [path] if folder else path, tmp_path / "x.bb", threads=1, model="fast", files="pixels"
        ),
        lambda: bitsback.decompress(tmp_path / "x.bb", tmp_path / "out", threads=1),
    ):
        tracemalloc.start()
        run()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    out = tmp_path / "out" / path.name if folder else tmp_path / "out"
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["elements"] >= size, "by their pixels"
    with Image.open(out) as again, Image.open(path) as before:
        assert np.array_equal(np.asarray(again), np.asarray(before))
    assert max(peaks) < 0.75 * size, peaks
