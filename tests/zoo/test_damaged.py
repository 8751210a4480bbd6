"""A damaged file comes back byte for byte, or is one that its readers read without an error, with
the same content. It is never decoded to something else and written as a valid file.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.archive.inputs import folders, request
from bitsback.compress_options import FilesAs
from bitsback.files.picture_files import split

from .animated_files import alike, animated
from .compared import difference
from .dicom_files import dicom_file
from .gif_files import Drawn, gif_file, ramps

Pixels = NDArray[Any]
ROWS, COLUMNS = np.mgrid[:32, :40]
GREY = ((np.sin(ROWS / 5) + np.cos(COLUMNS / 7) + 2) * 50 + ROWS * COLUMNS % 7).astype("u1")
COLOURS = np.stack([GREY, GREY[::-1], 255 - GREY], -1)
DEEP = GREY * np.uint16(257) ^ (COLUMNS % 3).astype("u2")


def tiff(pixels: Pixels, compression: str, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, compression=compression, **options)
    return out.getvalue()


def saved(pixels: Pixels, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def idx() -> bytes:
    header = struct.pack(">HBBIII", 0, 8, 3, 4, *GREY[::4].shape)
    return header + np.stack([GREY[at::4] for at in range(4)]).tobytes()


def npy(array: Pixels) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def npz(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as container:
        container.writestr("grey.npy", npy(GREY))
        container.writestr("deep.npy", npy(DEEP))
    return out.getvalue()


COMPRESSIONS = ("zlib", "lzw", "packbits", "lzma", "zstd")
PICTURES: dict[str, bytes] = {
    **{f"strips-{kind}.tif": tiff(GREY, kind, rowsperstrip=16) for kind in COMPRESSIONS},
    **{f"tiles-{kind}.tif": tiff(COLOURS, kind, tile=(16, 16)) for kind in COMPRESSIONS},
    **{
        f"predicted-{kind}.tif": tiff(DEEP, kind, predictor=True, byteorder=">")
        for kind in COMPRESSIONS
        if kind != "packbits"
    },
    **{
        f"pillow-{kind}.tif": saved(GREY, "TIFF", compression=kind)
        for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd")
    },
    "jpeg.tif": saved(COLOURS, "TIFF", compression="jpeg"),
    "webp.tif": tiff(COLOURS, "webp"),
    "fax.tif": saved(GREY > 100, "TIFF", compression="group4"),
    "plain.tif": saved(GREY, "TIFF"),
    "grey.png": saved(GREY, "PNG"),
    "deep.png": saved(DEEP, "PNG"),
    "colours.png": saved(COLOURS, "PNG"),
    "palette.png": bytes(imagecodecs.png_encode(COLOURS, level=1)),
    "animated.png": animated(alike(3)),
    "lossless.webp": saved(COLOURS, "WEBP", lossless=True),
    "alpha.webp": saved(np.dstack([COLOURS, GREY]), "WEBP", lossless=True, exact=True),
    "lossless.jxl": bytes(imagecodecs.jpegxl_encode(COLOURS, lossless=True)),
    "one.gif": saved(GREY, "GIF"),
    "several.gif": gif_file([Drawn(ramps(20, 30)), Drawn(ramps(9, 9), interlaced=True)]),
    "bitmap.bmp": saved(COLOURS, "BMP"),
    "grey.pgm": saved(GREY, "PPM"),
    "colours.ppm": saved(COLOURS, "PPM"),
    "slice.dcm": dicom_file(DEEP.astype("<i2")),
}
ARRAYS: dict[str, bytes] = {
    "array.npy": npy(DEEP),
    "stored.npz": npz(zipfile.ZIP_STORED),
    "deflated.npz": npz(zipfile.ZIP_DEFLATED),
    "digits.idx": idx(),
    "digits.idx.gz": gzip.compress(idx(), mtime=0),
}


def places(name: str, data: bytes) -> list[tuple[int, int]]:
    """The starts and ends of parts that damage may aim at: the whole file, and its segments."""
    found = [(0, len(data))]
    if name.endswith(".tif"):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            spans = zip(page.dataoffsets, page.databytecounts, strict=True)
            found += [(at, at + size) for at, size in spans]
            found += [(end - min(16, end - start), end) for start, end in found[1:]]
    return found


def damaged(name: str, data: bytes, count: int) -> Iterator[bytes]:
    """Variants of a file: bits and bytes that changed, some that are lost or too many, and ends."""
    draw, parts = random.Random(name), places(name, data)
    for _ in range(count):
        start, end = draw.choice(parts)
        at, changed = draw.randrange(start, end), bytearray(data)
        match draw.choice(
            ("bit", "bit", "byte", "zeros", "cut", "lost", "more", "tail", "zero tail")
        ):
            case "bit":
                changed[at] ^= 1 << draw.randrange(8)
            case "byte":
                changed[at] = draw.randrange(256)
            case "zeros":
                changed[at : at + 8] = bytes(len(changed[at : at + 8]))
            case "cut":
                del changed[at:]
            case "lost":
                del changed[at : at + draw.randrange(1, 5)]
            case "more":
                changed[at:at] = draw.randbytes(draw.randrange(1, 5))
            case "tail":
                changed += draw.randbytes(draw.randrange(1, 30))
            case "zero tail":
                changed += bytes(draw.randrange(1, 30))
        yield bytes(changed)


@pytest.fixture(autouse=True)
def by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes all possible pictures by their pixels, also where their files are smaller."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    monkeypatch.setattr(request.FolderFiles, "outgrown", lambda *_: frozenset())


def check_folder(place: Path, how: FilesAs, count: int) -> None:
    files = {
        f"{number:04}-{name}": variant
        for name, data in (PICTURES | ARRAYS).items()
        for number, variant in enumerate([data, *damaged(name, data, count)])
    }
    (place / "in").mkdir()
    for name, data in files.items():
        (place / "in" / name).write_bytes(data)
    bitsback.compress(place / "in", place / "a.bb", model="fast", files=how)
    bitsback.decompress(place / "a.bb", place / "out")
    faults = {}
    for name, data in files.items():
        again = (place / "out" / name).read_bytes()
        exact = how == "exact" or not name.endswith((".png", ".tif", ".webp", ".jxl"))
        fault = "other bytes" if exact and data != again else difference(name, data, again)
        if fault is not None:
            faults[name] = fault
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())


@pytest.mark.parametrize("how", ["pixels", "exact"])
def test_a_sample_in_a_folder(tmp_path: Path, how: FilesAs) -> None:
    check_folder(tmp_path, how, 12)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pixels", "exact"])
def test_many_in_a_folder(tmp_path: Path, how: FilesAs) -> None:
    check_folder(tmp_path, how, 400)


def check_tiff_alone(place: Path, count: int) -> None:
    faults = {}
    for name, data in PICTURES.items():
        for number, variant in enumerate(damaged(name, data, count * name.endswith(".tif"))):
            (place / name).write_bytes(variant)
            try:
                bitsback.compress(place / name, place / "a.bb", model="fast", force=True)
            except bitsback.InputError:
                continue
            bitsback.decompress(place / "a.bb", place / "after.tif", force=True)
            fault = difference(name, variant, (place / "after.tif").read_bytes())
            if fault is not None:
                faults[f"{number} {name}"] = fault
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())


def test_a_sample_of_tiff_on_its_own(tmp_path: Path) -> None:
    check_tiff_alone(tmp_path, 6)


@pytest.mark.slow
def test_many_tiff_on_their_own(tmp_path: Path) -> None:
    check_tiff_alone(tmp_path, 200)


def arrays_in(name: str, data: bytes) -> dict[str, Pixels]:
    """The arrays of a file as NumPy and gzip read them. Raises their errors."""
    if name.endswith(".npz"):
        with np.load(io.BytesIO(data)) as container:
            return dict(container)
    if name.endswith(".npy"):
        return {"": np.load(io.BytesIO(data))}
    data = gzip.decompress(data) if name.endswith(".gz") else data
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    kind = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[data[2]]
    return {"": np.frombuffer(data[4 + 4 * data[3] :], kind).reshape(shape)}


def fault_of_array(name: str, data: bytes, place: Path) -> str | None:
    """What is wrong with what came back from a file on its own; None for one that is refused."""
    before, after = place / name, place / f"after-{name}"
    before.write_bytes(data)
    try:
        bitsback.compress(before, place / "a.bb", model="fast", force=True)
    except bitsback.InputError:
        return None
    with bitsback.open(place / "a.bb") as archive:
        is_folder = archive.kind == "folder"
    if is_folder:  # as any file without arrays
        bitsback.decompress(place / "a.bb", place / "after", force=True)
        return None if (place / "after" / name).read_bytes() == data else "other bytes"
    bitsback.decompress(place / "a.bb", after, force=True)
    try:
        told = arrays_in(name, data)
    except Exception as error:  # NumPy may raise any error for a damaged file
        return f"cannot be read, and was compressed: {error}"
    again = arrays_in(name, after.read_bytes())
    same = told.keys() == again.keys() and all(
        (array.dtype, array.shape, array.tobytes())
        == (again[key].dtype, again[key].shape, again[key].tobytes())
        for key, array in told.items()
    )
    return None if same else "other arrays"


def check_arrays(place: Path, count: int) -> None:
    faults = {}
    for name, data in ARRAYS.items():
        assert fault_of_array(name, data, place) is None
        for number, variant in enumerate(damaged(name, data, count)):
            fault = fault_of_array(name, variant, place)
            if fault is not None:
                faults[f"{number} {name}"] = fault
    assert not faults, "\n".join(f"{name}: {fault}" for name, fault in faults.items())


def test_a_sample_of_arrays_on_their_own(tmp_path: Path) -> None:
    check_arrays(tmp_path, 20)


@pytest.mark.slow
def test_many_arrays_on_their_own(tmp_path: Path) -> None:
    check_arrays(tmp_path, 600)


def segment_of(data: bytes) -> tuple[int, int]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        return page.dataoffsets[0], page.dataoffsets[0] + page.databytecounts[0]


def is_verbatim(data: bytes) -> bool:
    """Whether a file is stored verbatim: it is not split, or it is damaged."""
    try:
        return split(io.BytesIO(data), exact=False) is None
    except Exception:  # libraries may raise any error for a damaged file
        return True


def with_segment(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The file of one strip with another segment, which stands at its end."""
    start, end = segment_of(data)
    segment = change(data[start:end])
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags: Any = file.pages[0].tags
        out = bytearray(data + segment)
        for code, value in ((273, len(data)), (279, len(segment))):
            tag = tags[code]
            out[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I", value)
    return bytes(out)


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_segment_ends_with_its_last_byte(kind: str) -> None:
    data = tiff(GREY, kind, rowsperstrip=32)
    assert not is_verbatim(with_segment(data, lambda segment: segment))
    for tail in (b"\1", b"\0\0\0", b"garbage"):
        assert is_verbatim(with_segment(data, lambda segment: segment + tail))  # noqa: B023
    for lost in (1, 2, 4, 20):
        assert is_verbatim(with_segment(data, lambda segment: segment[:-lost]))  # noqa: B023


def test_lzma_that_is_damaged_is_stored_verbatim() -> None:
    """libtiff reads the pixels of most of these without an error."""
    data = saved(GREY, "TIFF", compression="lzma")
    start, end = segment_of(data)
    for at in range(start, end):
        changed = bytearray(data)
        changed[at] ^= 16
        found = is_verbatim(bytes(changed))
        try:
            imagecodecs.lzma_decode(bytes(changed[start:end]))
        except imagecodecs.LzmaError:
            assert found, f"byte {at - start} of the segment"


def test_bytes_behind_the_pixels_of_webp() -> None:
    data = saved(COLOURS, "WEBP", lossless=True)
    at = data.index(b"VP8L")
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    held = data[at + 8 : at + 8 + size] + b"more"
    chunk = b"VP8L" + struct.pack("<I", len(held)) + held + bytes(len(held) % 2)
    changed = b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
    assert Image.open(io.BytesIO(changed)).size == (40, 32)
    assert not is_verbatim(data)
    assert is_verbatim(changed)
