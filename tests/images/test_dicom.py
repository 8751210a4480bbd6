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
from reference.container_metadata import restore
from zoo.dicom_files import BIG, DEFLATED, EXPLICIT, IMPLICIT, dicom_file, element, sequence

PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
RAMP = np.add.outer(np.arange(12) * 5, np.arange(20) * 3)
COLOURS = np.stack([RAMP, RAMP[::-1], 200 - RAMP], -1).astype("u1")
KINDS: dict[str, tuple[NDArray[Any], bytes]] = {}
for syntax in (IMPLICIT, EXPLICIT, BIG):
    for dtype in ("|u1", "<u2", "<i2"):
        grey = (RAMP - 50 * (dtype == "<i2")).astype(dtype)
        KINDS[f"{dtype} {syntax}"] = grey, dicom_file(grey, syntax)
    KINDS[f"RGB {syntax}"] = COLOURS, dicom_file(COLOURS, syntax)
    KINDS[f"planes {syntax}"] = COLOURS, dicom_file(COLOURS, syntax, planar=True)
KINDS |= {
    "32 bits": (RAMP.astype("<u4"), dicom_file(RAMP.astype("<u4"))),
    "palette": (COLOURS[..., 0], dicom_file(COLOURS[..., 0], photometric="PALETTE COLOR")),
    "frames": (RAMP.astype("<u2"), dicom_file(RAMP.astype("<u2"), frames=3)),
    "colours of 16 bits": (COLOURS.astype("<u2") * 99, dicom_file(COLOURS.astype("<u2") * 99)),
    "behind the pixels": (
        COLOURS[..., 1],
        dicom_file(COLOURS[..., 1], behind=element(0xFFFC, 0xFFFC, "OB", bytes(9))),
    ),
    "odd": (COLOURS[:3, :7, 0], dicom_file(COLOURS[:3, :7, 0])),
}

ICON = element(0x7FE0, 0x10, "OB", bytes(16))
FRAGMENTS = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + (
    struct.pack("<HHI", 0xFFFE, 0xE000, 4) + bytes(4) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
)


@pytest.mark.parametrize("name", KINDS)
def test_its_pixels_and_the_rest_make_its_bytes(name: str) -> None:
    pixels, data = KINDS[name]
    split = dicom.split(io.BytesIO(data), True)
    assert split is not None and split.exact and split.indexed == (name == "palette")
    found = split.pixels.whole()
    assert found.dtype == pixels.dtype and np.array_equal(found, pixels)
    assert restore(found, split.metadata) == data  # by the specification
    assert len(split.metadata) < len(data) - pixels.nbytes + 16
    samples = dicom.samples(io.BytesIO(data))
    assert samples is not None and np.array_equal(samples.whole(), pixels)
    if name not in ("odd", "frames"):
        shown = pydicom.dcmread(io.BytesIO(data)).pixel_array
        assert np.array_equal(shown, pixels)


@pytest.mark.parametrize("icon", [ICON, FRAGMENTS])
@pytest.mark.parametrize("defined", [False, True])
def test_pixels_in_a_sequence_are_not_those_of_the_file(icon: bytes, defined: bool) -> None:
    data = dicom_file(RAMP.astype("u1"))
    at = data.index(struct.pack("<HH", 0x0010, 0x0010))
    data = data[:at] + sequence([icon, sequence([icon])], defined) + data[at:]
    split = dicom.split(io.BytesIO(data), True)
    assert split is not None and np.array_equal(split.pixels.whole(), RAMP)


def test_other_kinds_are_not_coded() -> None:
    grey = RAMP.astype("u1")
    whole = dicom_file(grey)
    at = whole.index(struct.pack("<HH", 0x7FE0, 0x10))
    for data in (
        dicom_file(grey, DEFLATED),
        dicom_file(grey, "1.2.840.10008.1.2.4.70"),
        dicom_file(RAMP.astype("|i1")),
        dicom_file(grey, more={(0x28, 0x100): ("US", 1)}),  # of rows that end within a byte
        dicom_file(COLOURS, photometric="YBR_FULL_422"),
        dicom_file(COLOURS, planar=True, frames=2),
        dicom_file(grey, frames=99),
        dicom_file(grey, more={(0x28, 0x8): ("IS", "-1")}),
        dicom_file(grey, more={(0x28, 0x10): ("US", 0)}),
        whole[:at] + FRAGMENTS,
        whole[:at],
        whole[:-1],
        bytes(128) + b"DICM" + bytes(200),
    ):
        assert dicom.split(io.BytesIO(data), True) is None


def test_a_folder_comes_back(tmp_path: Path) -> None:
    """Files of any name, among others; pydicom reads what is restored, and pixels are as stored."""
    (tmp_path / "in/1.2.3").mkdir(parents=True)
    for number, (_, data) in enumerate(KINDS.values()):
        (tmp_path / f"in/1.2.3/IM{number:04}").write_bytes(data)
    (tmp_path / "in/compressed.dcm").write_bytes(dicom_file(COLOURS, DEFLATED))
    (tmp_path / "in/readme.txt").write_bytes(b"DICOM")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", hashes="sha256")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.verify() == []
        pixels, data = KINDS[f"<i2 {IMPLICIT}"]
        number = list(KINDS).index(f"<i2 {IMPLICIT}")
        name = f"1.2.3/IM{number:04}"
        found = archive[name]
        assert found.dtype == "<i2" and np.array_equal(found, pixels)
        assert archive.open(name).read() == archive.open(number).read() == data
        assert archive.open("readme.txt").read() == b"DICOM"
        read = pydicom.dcmread(archive.open(name))
        with pytest.raises(KeyError):
            archive.open("nobody")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "in")
    assert read.PatientName == "Nobody^Known" and np.array_equal(read.pixel_array, pixels)


def test_a_file_on_its_own_comes_back(tmp_path: Path) -> None:
    data = KINDS[f"<u2 {EXPLICIT}"][1]
    (tmp_path / "IM0001").write_bytes(data)
    bitsback.compress(tmp_path / "IM0001", tmp_path / "x.bb", model="fast")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == {"IM0001": data}


def test_files_of_pydicom_come_back(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    coded = {"CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm"}
    for name in coded | {"MR_truncated.dcm", "image_dfl.dcm", "JPEG2000.dcm", "rtplan.dcm"}:
        (tmp_path / "in" / name).write_bytes((PYDICOM / name).read_bytes())
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:
        for name in coded:
            read = pydicom.dcmread(tmp_path / "in" / name)
            assert np.array_equal(archive[name], read.pixel_array)
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "in")


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
    (tmp_path / "in").mkdir()
    axes = ("DS", "1\\0\\0\\0\\1\\0")
    order = np.random.default_rng(0).permutation(10)
    for number, place in enumerate(order):
        more = {
            (0x20, 0x0E): ("UI", f"1.2.{number % 2}"),
            (0x20, 0x32): ("DS", f"0\\0\\{place}.5"),
            (0x20, 0x37): axes,
        }
        grey = (RAMP + place).astype("<u2")
        (tmp_path / f"in/IM{number}").write_bytes(dicom_file(grey, more=more))
    options: dict[str, Any] = {"model": "fast", "stack": stacked}
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", **options)
    with bitsback.open(tmp_path / "x.bb") as archive:
        places = [int(order[int(name[2:])]) for name in archive.names]
        assert places == sorted(order[::2]) + sorted(order[1::2])
        parts = [part for part in archive.info()["parts"] if not part["held"]]
        assert [part["items"] for part in parts] == [5, 5]
        assert [part["stack"] for part in parts] == [stacked, stacked]
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "in")


def _alike(count: int, shift: int = 3) -> NDArray[np.uint16]:
    """Pictures, one below the other, each like the one before it, with a little noise."""
    rng = np.random.default_rng(0)
    still = np.add.outer(np.arange(48) * 5, np.arange(40) * 3) + rng.integers(0, 300, (48, 40))
    rows = [still + shift * number + rng.integers(0, 9, still.shape) for number in range(count)]
    return np.concatenate(rows).astype("<u2")


def test_frames_of_a_file_are_the_slices_of_a_stack(tmp_path: Path) -> None:
    """Where a trial says that it helps."""
    (tmp_path / "in").mkdir()
    frames, noise = _alike(12), np.random.default_rng(0).integers(0, 900, (480, 40)).astype("<u2")
    (tmp_path / "in/frames").write_bytes(dicom_file(frames, frames=12))
    (tmp_path / "in/noise").write_bytes(dicom_file(noise, frames=10))
    options: dict[str, Any] = {"model": "universal-16", "block": 4}
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb", **options)
    alone = bitsback.compress(tmp_path / "in", tmp_path / "y.bb", stack=False, **options)
    assert summary.bytes_out < 0.9 * alone.bytes_out
    with bitsback.open(tmp_path / "x.bb") as archive:
        told = archive.info()
        assert told["layouts"]["frames"] == 3 and told["layouts"]["stacks"] == 0
        assert {part["cut"] and part["cut"][0] for part in told["parts"]} >= {48}
        assert archive.verify() == []
        assert np.array_equal(archive["noise"], noise.reshape(10, 48, 40))
        assert np.array_equal(archive["frames"], frames.reshape(12, -1, *frames.shape[1:]))
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "in")


@pytest.mark.parametrize("count", [2, 4])
def test_files_of_frames_make_one_part(tmp_path: Path, count: int) -> None:
    """Those of one size; and a series of four is rather a stack of files."""
    (tmp_path / "in").mkdir()
    frames = _alike(5 * count).reshape(count, 240, 40)
    for number, pixels in enumerate(frames):
        more = {(0x20, 0x0E): ("UI", "1.2"), (0x20, 0x13): ("IS", str(number))}
        (tmp_path / f"in/{number}").write_bytes(dicom_file(pixels, frames=5, more=more))
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="universal-16")
    with bitsback.open(tmp_path / "x.bb") as archive:
        layouts = archive.info()["layouts"]
        assert layouts["stacks"] + layouts["frames"] == 1 and archive.verify() == []
        pictures = frames.reshape(count, 5, 48, 40)
        assert all(np.array_equal(archive[str(n)], pictures[n]) for n in range(count))
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "in")


def test_slices_are_a_stack_where_a_trial_says_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, pixels in enumerate(_alike(8).reshape(8, 48, 40)):
        more = {(0x20, 0x0E): ("UI", "1.2"), (0x20, 0x13): ("IS", str(number))}
        (tmp_path / f"in/{(3 * number) % 8}").write_bytes(dicom_file(pixels, more=more))
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="universal-16")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["layouts"]["frames"] == 1 and archive.verify() == []
        assert archive.names == [str((3 * number) % 8) for number in range(8)]
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert _files(tmp_path / "out") == _files(tmp_path / "in")


def test_the_headers_of_a_series_are_compressed_together(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    private = np.random.default_rng(0).bytes(60_000)
    for number in range(80):
        more = {(0x29, 0x1010): ("OB", private), (0x20, 0x13): ("IS", str(number))}
        data = dicom_file(np.zeros((4, 300), "u1"), more=more)
        (tmp_path / f"in/{number:02}").write_bytes(data)
    summary = bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast")
    with bitsback.open(tmp_path / "x.bb") as archive:  # in two blocks, of 4 MB at most
        assert len(archive.info()["parts"]) == 1 and archive.open("79").read() == data
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
    (tmp_path / "in").mkdir()
    frames = np.kron([[3], [9], [5]], np.add.outer(np.arange(150), np.arange(140))).astype("<i2")
    for told in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"):
        data = dicom_file(frames, frames=3, photometric=told)
        (tmp_path / "in" / told).write_bytes(data)
    (tmp_path / "in/damaged").write_bytes(data[:-1])
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", model="fast", previews=True)
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
    assert _files(tmp_path / "out") == {"IM0001": data}


def test_a_message_names_no_patient(tmp_path: Path) -> None:
    (tmp_path / "IM0001").write_bytes(dicom_file(RAMP.astype("u1"))[:-1])
    with pytest.raises(BitsbackError) as caught:
        bitsback.compress([tmp_path / "IM0001"], tmp_path / "x.bb", unordered=True)
    assert "Nobody" not in str(caught.value) and "\n" not in str(caught.value)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
