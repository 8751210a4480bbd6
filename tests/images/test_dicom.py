"""DICOM files: their pixels are coded, and their very bytes come back."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import generate_frames

import bitsback
from bitsback.errors import BitsbackError
from bitsback.files import dicom
from bitsback.files.picture_files import file_of
from folders import assert_restored, contents_of
from images.rows import Restored, Rows, Verbatim
from reference.container_metadata import restore
from zoo.dicom_files import BIG, DEFLATED, EXPLICIT, IMPLICIT, dicom_file, element, sequence

RAMP = np.add.outer(np.arange(12) * 5, np.arange(20) * 3)
GREY = RAMP.astype("u1")
COLOURS = np.stack([RAMP, RAMP[::-1], 200 - RAMP], -1).astype("u1")
FRAGMENTS = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + (
    struct.pack("<HHI", 0xFFFE, 0xE000, 4) + bytes(4) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
)


def _restored(
    pixels: NDArray[Any], *syntax: str, indexed: bool = False, **options: Any
) -> Restored:
    data = dicom_file(pixels, *syntax, **options)
    return Restored(data, indexed=indexed, pixels=pixels, most=len(data) - pixels.nbytes + 15)


_FILES: dict[str, Restored] = {}
for syntax in (IMPLICIT, EXPLICIT, BIG):
    for dtype in ("|u1", "<u2", "<i2"):
        grey = (RAMP - 50 * (dtype == "<i2")).astype(dtype)
        _FILES[f"{dtype} {syntax}"] = _restored(grey, syntax)
    _FILES[f"RGB {syntax}"] = _restored(COLOURS, syntax)
    _FILES[f"planes {syntax}"] = _restored(COLOURS, syntax, planar=True)
_FILES |= {
    "32 bits": _restored(RAMP.astype("<u4")),
    "palette": _restored(COLOURS[..., 0], photometric="PALETTE COLOR", indexed=True),
    "frames": _restored(RAMP.astype("<u2"), frames=3),
    "colours of 16 bits": _restored(COLOURS.astype("<u2") * 99),
    "behind the pixels": _restored(COLOURS[..., 1], behind=element(0xFFFC, 0xFFFC, "OB", bytes(9))),
    "odd": _restored(COLOURS[:3, :7, 0]),
}
_WHOLE = dicom_file(GREY)
_AT = _WHOLE.index(struct.pack("<HH", 0x7FE0, 0x10))
_OTHERS = {
    "deflate": dicom_file(GREY, DEFLATED),
    "JPEG": dicom_file(GREY, "1.2.840.10008.1.2.4.70"),
    "signed bytes": dicom_file(RAMP.astype("|i1")),
    "rows that end within a byte": dicom_file(GREY, more={(0x28, 0x100): ("US", 1)}),
    "halved colours": dicom_file(COLOURS, photometric="YBR_FULL_422"),
    "frames of planes": dicom_file(COLOURS, planar=True, frames=2),
    "too many frames": dicom_file(GREY, frames=99),
    "fewer than no frames": dicom_file(GREY, more={(0x28, 0x8): ("IS", "-1")}),
    "no rows": dicom_file(GREY, more={(0x28, 0x10): ("US", 0)}),
    "fragments": _WHOLE[:_AT] + FRAGMENTS,
    "no pixels": _WHOLE[:_AT],
    "a byte too few": _WHOLE[:-1],
    "no elements": bytes(128) + b"DICM" + bytes(200),
}

ROWS = Rows(
    "dcm", restored=_FILES, verbatim={name: Verbatim(data) for name, data in _OTHERS.items()}
)

PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
ICON = element(0x7FE0, 0x10, "OB", bytes(16))


@pytest.mark.parametrize("name", sorted(ROWS.restored.keys() - {"odd", "frames"}))
def test_pixels_are_those_that_pydicom_reads(name: str) -> None:
    row = ROWS.restored[name]
    shown = pydicom.dcmread(io.BytesIO(row.data)).pixel_array
    assert row.pixels is not None and np.array_equal(shown, row.pixels)


@pytest.mark.parametrize("icon", [ICON, FRAGMENTS])
@pytest.mark.parametrize("defined", [False, True])
def test_pixels_in_a_sequence_are_not_those_of_the_file(icon: bytes, defined: bool) -> None:
    data = dicom_file(RAMP.astype("u1"))
    at = data.index(struct.pack("<HH", 0x0010, 0x0010))
    data = data[:at] + sequence([icon, sequence([icon])], defined) + data[at:]
    split = dicom.split(io.BytesIO(data), True)
    assert split is not None and np.array_equal(split.pixels.whole(), RAMP)


def test_a_folder_comes_back(tmp_path: Path) -> None:
    """Files of any name, among others; pydicom reads what is restored, and pixels are as stored."""
    files = {f"1.2.3/IM{number:04}": row.data for number, row in enumerate(ROWS.restored.values())}
    files |= {"compressed.dcm": dicom_file(COLOURS, DEFLATED), "readme.txt": b"DICOM"}
    assert_restored(tmp_path, files, hashes="sha256", model="fast")
    pixels = (RAMP - 50).astype("<i2")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.verify() == []
        number = list(ROWS.restored).index(f"<i2 {IMPLICIT}")
        name = f"1.2.3/IM{number:04}"
        found = archive[name]
        assert found.dtype == "<i2" and np.array_equal(found, pixels)
        assert archive.open(name).read() == archive.open(number).read() == files[name]
        assert archive.open("readme.txt").read() == b"DICOM"
        read = pydicom.dcmread(archive.open(name))
        with pytest.raises(KeyError):
            archive.open("nobody")
    assert read.PatientName == "Nobody^Known" and np.array_equal(read.pixel_array, pixels)


def test_a_file_on_its_own_comes_back(tmp_path: Path) -> None:
    data = ROWS.restored[f"<u2 {EXPLICIT}"].data
    (tmp_path / "IM0001").write_bytes(data)
    bitsback.compress(tmp_path / "IM0001", tmp_path / "x.bb", model="fast")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert contents_of(tmp_path / "out") == {"IM0001": data}


def test_files_of_pydicom_come_back(tmp_path: Path) -> None:
    coded = {"CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm"}
    names = coded | {"MR_truncated.dcm", "image_dfl.dcm", "JPEG2000.dcm", "rtplan.dcm"}
    assert_restored(tmp_path, {name: (PYDICOM / name).read_bytes() for name in names}, model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        for name in coded:
            read = pydicom.dcmread(tmp_path / "in" / name)
            assert np.array_equal(archive[name], read.pixel_array)


@pytest.mark.filterwarnings("ignore:The pixel data:UserWarning")
def test_pixels_of_all_files_of_pydicom_are_those_that_it_reads() -> None:
    seen = 0
    for path in PYDICOM.glob("*.dcm"):
        if path.stat().st_size < 1 << 16:
            split = dicom.split(io.BytesIO(path.read_bytes()), True)
            if split is not None:
                pixels = split.pixels.whole()
                if path.name != "badVR.dcm":  # of which pydicom warns
                    read = pydicom.dcmread(path)
                    if read.file_meta.TransferSyntaxUID == pydicom.uid.JPEGLosslessSV1:
                        (stream,) = generate_frames(read.PixelData, number_of_frames=1)
                        shown = imagecodecs.jpeg8_decode(stream)
                    else:
                        shown = read.pixel_array
                    assert np.array_equal(shown.reshape(pixels.shape), pixels)
                assert restore(pixels, split.metadata) == path.read_bytes()
                seen += 1
    assert seen >= 22


@pytest.mark.parametrize("stacked", [False, True])
def test_slices_of_a_series_follow_one_another(tmp_path: Path, stacked: bool) -> None:
    """By their places, whatever their names are, and each series apart."""
    axes, files = ("DS", "1\\0\\0\\0\\1\\0"), {}
    order = np.random.default_rng(0).permutation(10)
    for number, place in enumerate(order):
        more = {
            (0x20, 0x0E): ("UI", f"1.2.{number % 2}"),
            (0x20, 0x32): ("DS", f"0\\0\\{place}.5"),
            (0x20, 0x37): axes,
        }
        files[f"IM{number}"] = dicom_file((RAMP + place).astype("<u2"), more=more)
    assert_restored(tmp_path, files, stack=stacked, model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        places = [int(order[int(name[2:])]) for name in archive.names]
        assert places == sorted(order[::2]) + sorted(order[1::2])
        parts = [part for part in archive.info()["parts"] if not part["held"]]
        assert [part["items"] for part in parts] == [5, 5]
        assert [part["stack"] for part in parts] == [stacked, stacked]


def _alike(count: int, shift: int = 3) -> NDArray[np.uint16]:
    """Pictures, one below the other, each like the one before it, with a little noise."""
    rng = np.random.default_rng(0)
    still = np.add.outer(np.arange(48) * 5, np.arange(40) * 3) + rng.integers(0, 300, (48, 40))
    rows = [still + shift * number + rng.integers(0, 9, still.shape) for number in range(count)]
    return np.concatenate(rows).astype("<u2")


def test_frames_of_a_file_are_the_slices_of_a_stack(tmp_path: Path) -> None:
    """Where a trial says that it helps."""
    frames, noise = _alike(12), np.random.default_rng(0).integers(0, 900, (480, 40)).astype("<u2")
    files = {"frames": dicom_file(frames, frames=12), "noise": dicom_file(noise, frames=10)}
    options: dict[str, Any] = {"model": "universal-16", "block": 4}
    summary = assert_restored(tmp_path, files, **options)
    alone = bitsback.compress(tmp_path / "in", tmp_path / "y.bb", stack=False, **options)
    assert summary.bytes_out < 0.9 * alone.bytes_out
    with bitsback.open(tmp_path / "x.bb") as archive:
        told = archive.info()
        assert told["layouts"]["frames"] == 3 and told["layouts"]["stacks"] == 0
        assert {part["cut"] and part["cut"][0] for part in told["parts"]} >= {48}
        assert archive.verify() == []
        assert np.array_equal(archive["noise"], noise.reshape(10, 48, 40))
        assert np.array_equal(archive["frames"], frames.reshape(12, -1, *frames.shape[1:]))


@pytest.mark.parametrize("count", [2, 4])
def test_files_of_frames_make_one_part(tmp_path: Path, count: int) -> None:
    """Those of one size; and a series of four is rather a stack of files."""
    frames, files = _alike(5 * count).reshape(count, 240, 40), {}
    for number, pixels in enumerate(frames):
        more = {(0x20, 0x0E): ("UI", "1.2"), (0x20, 0x13): ("IS", str(number))}
        files[str(number)] = dicom_file(pixels, frames=5, more=more)
    assert_restored(tmp_path, files, model="universal-16")
    with bitsback.open(tmp_path / "x.bb") as archive:
        layouts = archive.info()["layouts"]
        assert layouts["stacks"] + layouts["frames"] == 1 and archive.verify() == []
        pictures = frames.reshape(count, 5, 48, 40)
        assert all(np.array_equal(archive[str(n)], pictures[n]) for n in range(count))


def test_slices_are_a_stack_where_a_trial_says_so(tmp_path: Path) -> None:
    files = {}
    for number, pixels in enumerate(_alike(8).reshape(8, 48, 40)):
        more = {(0x20, 0x0E): ("UI", "1.2"), (0x20, 0x13): ("IS", str(number))}
        files[str(3 * number % 8)] = dicom_file(pixels, more=more)
    assert_restored(tmp_path, files, model="universal-16")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["layouts"]["frames"] == 1 and archive.verify() == []
        assert archive.names == [str((3 * number) % 8) for number in range(8)]


def test_the_headers_of_a_series_are_compressed_together(tmp_path: Path) -> None:
    private, files = np.random.default_rng(0).bytes(60_000), {}
    for number in range(80):
        more = {(0x29, 0x1010): ("OB", private), (0x20, 0x13): ("IS", str(number))}
        files[f"{number:02}"] = dicom_file(np.zeros((4, 300), "u1"), more=more)
    summary = assert_restored(tmp_path, files, model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:  # in two blocks, of 4 MB at most
        assert len(archive.info()["parts"]) == 1 and archive.open("79").read() == files["79"]
    assert summary.bytes_out < 2 * 60_000 + 80 * 60


def test_damaged_files_end_verbatim() -> None:
    """Cut off at each byte of the head, or with other bytes: they are split so that their bytes
    come back, or not at all, and take no memory.
    """
    whole = [dicom_file(RAMP.astype("<u2"), syntax) for syntax in (EXPLICIT, IMPLICIT, BIG)]
    whole[0] += sequence([ICON])
    rng = random.Random(0)
    tracemalloc.start()
    for data in whole:
        for end in range(132, len(data) - RAMP.size * 2, 7):
            assert dicom.split(io.BytesIO(data[:end]), True) is None
        for _ in range(200):
            changed = bytearray(data)
            for at in rng.choices(range(128, len(data) - 400), k=rng.choice((1, 2, 8))):
                changed[at] = rng.choice((0, 1, 255, rng.randrange(256)))
            split = dicom.split(io.BytesIO(bytes(changed)), True)
            if split is not None:
                assert file_of(split.pixels.whole(), split.metadata) == changed
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_previews(tmp_path: Path) -> None:
    """Of the frame in the middle; black is the least value, or of MONOCHROME1 the greatest."""
    frames = np.kron([[3], [9], [5]], np.add.outer(np.arange(150), np.arange(140))).astype("<i2")
    names = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    files = {name: dicom_file(frames, frames=3, photometric=name) for name in names}
    files["damaged"] = files["PALETTE COLOR"][:-1]
    assert_restored(tmp_path, files, previews=True, model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        dark, light = (archive.preview(f"MONOCHROME{number}") for number in (2, 1))
        assert archive.preview("PALETTE COLOR") is archive.preview("damaged") is None
        assert dark is not None and light is not None
    corners = [
        np.asarray(Image.open(io.BytesIO(data)).convert("L"))[0, 0] for data in (dark, light)
    ]
    assert corners[0] < 40 and corners[1] > 215


def test_a_damaged_file_is_stored_verbatim(tmp_path: Path) -> None:
    data = dicom_file(RAMP.astype("u1"), more={(0x28, 0x11): ("US", 65535)})
    (tmp_path / "IM0001").write_bytes(data)
    summary = bitsback.compress(tmp_path / "IM0001", tmp_path / "x.bb")
    assert sum(held.files for held in summary.stored.values()) == 1
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert contents_of(tmp_path / "out") == {"IM0001": data}


def test_a_message_names_no_patient(tmp_path: Path) -> None:
    (tmp_path / "IM0001").write_bytes(dicom_file(RAMP.astype("u1"))[:-1])
    with pytest.raises(BitsbackError) as caught:
        bitsback.compress([tmp_path / "IM0001"], tmp_path / "x.bb", unordered=True)
    assert "Nobody" not in str(caught.value) and "\n" not in str(caught.value)
