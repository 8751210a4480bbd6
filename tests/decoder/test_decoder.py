"""The second decoder, which was written from the specification alone, restores what the program
writes.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from archive.golden.make import GOLDEN, jpeg_colours, photo, swinging, woven
from bitsback.archive.inputs import jpeg_streams
from bitsback.archive.writing import writer
from bitsback.coding import encoding
from bitsback.coding.block import DECODED
from bitsback.coding.decoded import encode_pixels, find_behind
from bitsback.format.tiles import Tiles
from bitsback.models.embed import pack_model
from bitsback.models.file import write
from decoded_pictures import BAD, SHAPE, SOUND
from decoded_pictures import DECODED as PICTURES
from docs.blocks import ROOT
from folders import save
from fuzz import differential
from images.test_deflate_streams import FILES as INFLATED
from images.test_deflate_tokens import STREAMS as DEFLATED
from images.test_deflate_tokens import Bits, raw
from images.test_tiff_tokens import ENCODERS, FILES, deflated_file
from jpeg_files import LOSSLESS, STREAMS, cut, in_strips, jpeg, picture, with_preview
from packing import archive_of_block, swapped
from random_wavefronts import random_wavefront
from reference.container_metadata import chunk
from second_decoder import PROGRAM

pytestmark = pytest.mark.rust


def decoded(archive: Path, out: Path, *options: str) -> Path:
    run = subprocess.run([PROGRAM, *options, archive, out], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return out


USING_VECTORS = (
    "bundled-models", "wavefronts", "contexts", "candidates", "counted", "series", "planes-deep",
    "random-model", "coupled", "digits",
)  # fmt: skip
"""Parts of names of conformance files, for all code that runs with vectors."""


@pytest.mark.parametrize(
    ("vectors", "names"),
    [
        ("all", ("valid/",)), ("all", ("refused/",)),
        ("avx2", USING_VECTORS), ("none", USING_VECTORS),
        pytest.param("avx2", (), marks=pytest.mark.slow),
        pytest.param("none", (), marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_it_passes_the_conformance_files(vectors: str, names: tuple[str, ...]) -> None:
    """With all vectors that an x86-64 has, and with less."""
    runner = [sys.executable, ROOT / "conformance/run.py", *names, "--", PROGRAM, "--arrays"]
    environment = os.environ | {"BITSBACK_VECTORS": vectors}
    run = subprocess.run(runner, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout


def test_it_agrees_about_damage() -> None:
    """Both decoders give the same items of a damaged or forged file, or both refuse it."""
    outcomes = differential.run(0, 0, 350)
    assert all(outcomes[f"{kind}, refused"] > 10 for kind in differential.KINDS), outcomes
    assert outcomes["forgery, the same"] > 10 and outcomes["metadata, the same"] > 5, outcomes


def test_it_agrees_about_damaged_jpeg_streams() -> None:
    outcomes = differential.run(0, 0, 300, differential.JPEG_KINDS)
    assert all(outcomes[f"{kind}, the same"] for kind in differential.JPEG_KINDS), outcomes
    assert outcomes["JPEG block, refused"] > 30 and outcomes["stream, the same"] > 10, outcomes


def test_it_refuses_exchanged_names(tmp_path: Path) -> None:
    """The digests of files, which no block has, tell that content stands under another name."""
    for number in range(2):
        save(np.full((9, 9), number, np.uint8), tmp_path / "in" / f"{number}.bmp")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    decoded(tmp_path / "x.bb", tmp_path / "out")
    path = tmp_path / "wrong.bb"
    path.write_bytes(swapped((tmp_path / "x.bb").read_bytes(), "0.bmp", "1.bmp"))
    run = subprocess.run([PROGRAM, path, tmp_path / "no"], capture_output=True, text=True)
    assert run.returncode == 1 and "does not match its digest" in run.stderr


def noisy(dtype: str, *shape: int) -> NDArray[Any]:
    """Smooth, with noise that no model predicts."""
    noise = np.random.default_rng(0).integers(0, 12, shape)
    return (photo("u1", *shape).astype(np.int64) // 2 + noise).astype(dtype)


ARRAYS: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "colour": (lambda: noisy("u1", 61, 83, 3), {"model": "universal"}),
    "colour, counted beside": (lambda: noisy("u1", 61, 83, 3), {"model": "universal-mixed"}),
    "alpha": (lambda: noisy("u1", 30, 40, 4), {"model": "universal-fast"}),
    "drawing": (lambda: np.kron(noisy("u1", 20, 30, 3) // 16, np.ones((4, 3, 1), "u1")), {}),
    "deep": (lambda: noisy("<u2", 70, 50) * np.uint16(301), {"model": "universal-16"}),
    "signed": (lambda: woven(60, 70).astype(">i2") * np.int16(-7), {}),
    "colours of JPEG": (lambda: jpeg_colours(noisy("u1", 64, 48, 3)), {}),
    "stack": (lambda: np.stack([noisy("u1", 40, 50)] * 4), {"stack": True}),
    "tiles": (lambda: noisy("u1", 90, 100), {"tile": 32, "block": 3}),
    "series": (lambda: swinging("<i2", 500), {"model": "series"}),
    "many items": (lambda: noisy("u1", 900, 12, 12), {}),
    "floats": (lambda: np.sin(np.arange(5000.0)).astype(">f4").reshape(50, 100), {}),
    **{
        f"digits, {name} inside": (GOLDEN["digits"][0], {"model": name, "embed": "always"})
        for name in ("mnist-binary-paper", "mnist-binary-context")
    },
    "stack, its model inside": (
        lambda: np.stack([noisy("u1", 40, 50)] * 4),
        {"model": "universal", "embed": "always"},
    ),
    **{f"{name}, again": GOLDEN[name] for name in ("digits", "multiset", "number", "empty")},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array(tmp_path: Path, name: str) -> None:
    make, options = ARRAYS[name]
    array = make()
    bitsback.compress(array, tmp_path / "x.bb", **options)
    found = np.load(decoded(tmp_path / "x.bb", tmp_path / "x.npy"))
    assert found.dtype == array.dtype and found.shape == array.shape
    assert found.tobytes() == array.tobytes()


WAVEFRONTS: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "colour": (noisy("u1", 61, 83, 3), {}),
    "six channels": (noisy("u1", 33, 40, 6), {}),
    "a column": (noisy("u1", 900, 1), {}),
    "many rows": (noisy("u1", 400, 50), {}),
    "wide": (noisy("u1", 9, 1500), {}),
    "items": (noisy("u1", 37, 12, 16), {}),
    "stack": (noisy("u1", 5, 40, 30, 3), {"stack": True}),
    "colours of JPEG": (jpeg_colours(noisy("u1", 64, 48, 3)), {}),
    "16 bits": (noisy("u1", 61, 83, 3).astype(np.uint16) * 257 + noisy("u1", 61, 83, 3)[::-1], {}),
    "stack of 12 bits": (noisy("u1", 4, 40, 30).astype(np.uint16) * 16, {"stack": True}),
}


@pytest.mark.parametrize("name", WAVEFRONTS)
@pytest.mark.parametrize(("seed", "contexts"), [(0, {}), (1, {}), (2, {"contexts": 14})])
def test_an_array_in_wavefronts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    seed: int,
    contexts: dict[str, int],
) -> None:
    """By random models, which nothing else would be chosen over."""
    array, options = WAVEFRONTS[name]
    model = tmp_path / "model.safetensors"
    levels = 256 if array.dtype == np.uint8 else 65536
    model.write_bytes(write(*random_wavefront(seed, levels, **contexts)))
    monkeypatch.setattr(encoding, "without_model", lambda *of: iter(()))
    with warnings.catch_warnings(action="ignore", category=bitsback.ModelWarning):
        bitsback.compress(array, tmp_path / "x.bb", model=model, **options)
    with bitsback.open(tmp_path / "x.bb") as archive:
        methods = archive.info()["methods"]
    assert methods["model"] == sum(methods.values())
    found = np.load(decoded(tmp_path / "x.bb", tmp_path / "x.npy"))
    np.testing.assert_array_equal(found, array)


def test_a_model_by_its_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noisy("u1", 40, 50)
    monkeypatch.setattr(writer, "pack_model", lambda model, bases: pack_model(model))
    bitsback.compress(array, tmp_path / "x.bb", model="universal", embed="always")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.info()["model_bytes"] < 2000
    assert np.array_equal(np.load(decoded(tmp_path / "x.bb", tmp_path / "x.npy")), array)


def test_a_folder(tmp_path: Path) -> None:
    """Files that are kept and those that hold their pixels plainly byte for byte, others by their
    pixels.
    """
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(noisy("u1", 60, 90, 3)).save(folder / "a.png")
    Image.fromarray(noisy("<u2", 60, 90) * np.uint16(99)).save(folder / "deep" / "b.png")
    Image.fromarray(noisy("u1", 60, 91)).save(folder / "c.bmp")
    Image.fromarray(noisy("u1", 60, 90) > 70).save(folder / "d.tif", compression="group4")
    Image.fromarray(noisy("u1", 50, 70, 3)).save(folder / "e.jpg")
    (folder / "notes.txt").write_text("six files")
    bitsback.compress(folder, tmp_path / "x.bb")
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    for name in ("c.bmp", "d.tif", "e.jpg", "notes.txt"):
        assert (out / name).read_bytes() == (folder / name).read_bytes()
    for file in folder.rglob("*.*"):
        if file.suffix != ".txt":
            pixels = [
                np.asarray(Image.open(one / file.relative_to(folder))) for one in (folder, out)
            ]
            assert np.array_equal(*pixels)


def test_files_with_jpeg_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are coded by their coefficients, and restored byte for byte; large ones in parts."""
    folder = tmp_path / "in"
    folder.mkdir()
    files = {f"{name.replace(':', '')}.jpg": make() for name, make in (STREAMS | LOSSLESS).items()}
    files["cut.jpg"] = cut(jpeg(progressive=True), 0.7)
    files["preview.jpg"] = with_preview()
    files["several.bin"] = b"before" + jpeg(quality=50) + bytes(99) + jpeg(picture("L")) + b"behind"
    tiff = io.BytesIO()
    picture(rows=200).save(tiff, "TIFF", compression="jpeg", strip_size=1000)
    files["large.tif"] = tiff.getvalue()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(jpeg_streams, "MOST_BYTES", len(files["large.tif"]) - 1)
    bitsback.compress(folder, tmp_path / "x.bb")
    assert (tmp_path / "x.bb").stat().st_size < 0.7 * sum(map(len, files.values()))
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    assert {file.name: file.read_bytes() for file in out.iterdir()} == files


def test_jpeg_streams_in_strips(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    files = {
        "a.jpg": in_strips(),
        "several.bin": with_preview() + in_strips() + in_strips(STREAMS["CMYK"](), 3) + jpeg(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    summary = bitsback.compress(folder, tmp_path / "x.bb")
    assert summary.methods["streams"] == summary.blocks
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    assert {file.name: file.read_bytes() for file in out.iterdir()} == files


def test_png_files_of_other_encoders(tmp_path: Path) -> None:
    """They come back byte for byte, also those of streams that hardly any encoder makes."""
    folder = tmp_path / "in"
    folder.mkdir()
    streams = {name: DEFLATED.read(name) for name in DEFLATED.namelist() if name[:4] != "text"}
    for name, stream in (streams | rare_streams()).items():
        plaintext = zlib.decompress(stream, -15)
        width = {"drawing": 112, "photograph": 64}.get(name.split("/")[0])
        # What is no picture is a single row, whose first byte is its filter.
        size = (
            (width, len(plaintext) // (3 * width + 1), 2) if width else (len(plaintext) - 1, 1, 0)
        )
        path = folder / f"{name.replace('/', '-')}.png"
        path.write_bytes(png(*size, zlib_stream(stream, plaintext)))
    bitsback.compress(folder, tmp_path / "x.bb")
    require_pictures(tmp_path / "x.bb")
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    for file in folder.iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes(), file.name


def test_tiff_files_of_any_encoder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, encoder in product(FILES, ENCODERS):
        (folder / f"{name} {encoder}.tif").write_bytes(deflated_file(name, encoder))
    bitsback.compress(folder, tmp_path / "x.bb", files="exact", model="fast")
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    for file in folder.iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes(), file.name


def test_deflate_streams_in_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, make in INFLATED.items():
        (folder / f"{name}.bin").write_bytes(make())
    assert bitsback.compress(folder, tmp_path / "x.bb").methods["inflated"] == 1
    out = decoded(tmp_path / "x.bb", tmp_path / "out")
    for file in folder.iterdir():
        assert (out / file.name).read_bytes() == file.read_bytes(), file.name


def require_pictures(path: Path) -> None:
    """Refuses an archive that holds files as they are."""
    with bitsback.open(path) as archive:
        assert all(part["mode"] in ("L", "RGB") for part in archive.info()["parts"])


def rare_streams() -> dict[str, bytes]:
    """With flushes, stored blocks, words of most bits, far matches and an unusual 258; their
    pixels are smooth, so that they are smaller without deflate.
    """
    walk = np.random.default_rng(1).integers(-1, 2, 1 << 15).cumsum().astype(np.uint8).tobytes()
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    flushed = packer.compress(b"\0" + walk[:900]) + packer.flush(zlib.Z_SYNC_FLUSH)
    flushed += packer.compress(walk[:1800]) + packer.flush(zlib.Z_PARTIAL_FLUSH)
    # Counts that grow by less than two.
    skew = np.repeat(np.arange(22), (1.62 ** np.arange(22)).astype(int)).astype(np.uint8)
    long = [(1, 1), (1, 2), *[(int(bit), 1) for bit in "0011000011000100"], (31, 5), (0, 12)]
    return {
        "flushed": flushed + packer.flush(),
        "stored": rare_stored(b"\0" + walk[:900]),
        "skew": raw(b"\0" + skew.tobytes(), 6, 2, 2),
        "far": raw(b"\0" + walk + walk[:300] + walk[-600:], 9, 1),
        "odd": Bits().put(*long).end(),
    }


def zlib_stream(stream: bytes, plaintext: bytes) -> bytes:
    return b"\x78\xda" + stream + zlib.adler32(plaintext).to_bytes(4, "big")


def png(width: int, height: int, colour: int, *cuts: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *((b"IDAT", cut) for cut in cuts), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def test_an_animation_of_another_encoder(tmp_path: Path) -> None:
    """Its frames come back with their filters and their numbers."""
    chosen = np.random.default_rng(2)
    rows = [
        b"".join(bytes([filter]) + chosen.bytes(60) for filter in (0, 1, 2, 3, 4, 4)) for _ in "ab"
    ]
    streams = [zlib_stream(rare_stored(content), content) for content in rows]
    control = [struct.pack(">IIIIIHHBB", n, 20, 6, 0, 0, 1, 9, 0, 0) for n in (0, 1)]
    data = png(20, 6, 2, streams[0])
    start, end = data[:33], data[-12:]
    parts = [(b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", control[0])]
    parts += [(b"IDAT", streams[0][:70]), (b"IDAT", streams[0][70:]), (b"fcTL", control[1])]
    parts += [(b"fdAT", b"\0\0\0\2" + streams[1])]
    file = start + b"".join(chunk(kind, content) for kind, content in parts) + end
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(file)
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    require_pictures(tmp_path / "x.bb")
    assert (decoded(tmp_path / "x.bb", tmp_path / "out") / "a.png").read_bytes() == file


def rare_stored(content: bytes) -> bytes:
    """An empty block with bits between its type and its length, then stored ones."""
    return Bits().put((0, 1), (0, 2)).end(21) + b"\0\0\xff\xff" + raw(content, 0)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    bitsback.compress(noisy("u1", 60, 90), tmp_path / "x.bb")
    data = bytearray((tmp_path / "x.bb").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "x.bb").write_bytes(data)
    run = subprocess.run(
        [PROGRAM, tmp_path / "x.bb", tmp_path / "x.npy"], capture_output=True, text=True
    )
    assert run.returncode == 1 and run.stderr.count("\n") == 1 and "x.bb" in run.stderr
    assert not (tmp_path / "x.npy").exists()


@pytest.mark.parametrize("name", PICTURES)
def test_it_restores_pixels_that_a_jpeg_decoder_made(name: str, tmp_path: Path) -> None:
    pixels = PICTURES[name]()
    behind = find_behind(np.ascontiguousarray(pixels))
    assert behind is not None
    data = encode_pixels(Tiles.from_arrays([pixels], pixels.dtype), [behind])
    assert data is not None
    path = tmp_path / "x.bb"
    path.write_bytes(archive_of_block("|u1", pixels.shape, DECODED, data))
    decoded(path, tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy")[0], pixels)


@pytest.mark.parametrize("name", [*SOUND, *BAD])
def test_it_refuses_forged_coefficients(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    path.write_bytes(archive_of_block("|u1", SHAPE, DECODED, (SOUND | BAD)[name]))
    run = subprocess.run([PROGRAM, path, tmp_path / "x.npy"], capture_output=True, text=True)
    assert run.returncode == (0 if name in SOUND else 1), run.stderr
    if name in SOUND:
        np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), bitsback.decompress(path))
