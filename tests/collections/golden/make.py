"""The files of the golden archives of collections, and the archives; run this file to write them
again.

They pin the meaning of the bytes of containers 1 to 4, like those in tests/archive/golden for
arrays.
"""

from __future__ import annotations

import gzip
import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback import _core
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from fuzz.seeds import plain_tiff, png_of_16_bits
from reference.container_metadata import chunk
from zoo import volume_files
from zoo.animated_files import SOUND, alike, animated, smaller
from zoo.dicom_files import BIG, EXPLICIT, IMPLICIT, dicom_file
from zoo.gif_files import Drawn, gif_file, noise, ramps

FOLDER = Path(__file__).parent


def ramp(dtype: str, *shape: int) -> NDArray[Any]:
    """Pseudo-random numbers that are the same on every machine."""
    return (np.arange(np.prod(shape)) * 7919 % 251).astype(dtype).reshape(shape)


def save_pictures(path: Path) -> None:
    (path / "deep" / "Ünïcode").mkdir(parents=True)
    for number, digit in enumerate(binarised_mnist_test_images()[:4]):
        Image.fromarray(digit).save(path / f"{number}.png")
    for number, digit in enumerate(mnist_test_images()[:3]):
        Image.fromarray(digit).save(path / "deep" / f"{number}.bmp")
    Image.fromarray(ramp("u1", 3, 5, 3)).save(path / "deep" / "Ünïcode" / "colour.png")
    Image.fromarray(ramp("u1", 6, 4, 3)).save(path / "tall.png")
    Image.fromarray(ramp("<u2", 4, 3)).save(path / "deep" / "wide.png")


def every_byte(path: Path) -> None:
    """Files with the same bytes everywhere: stored verbatim, or made again from pixels and
    metadata.
    """
    path.mkdir()
    rows = np.add.outer(np.arange(40), np.arange(60)).astype("u1")
    (path / "a.pgm").write_bytes(b"P5 # a comment\n60 40 255\n" + rows.tobytes())
    size = struct.pack(">IIBBBBB", 60, 40, 8, 0, 0, 0, 0)
    content = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [
        (b"IHDR", size),
        (b"tEXt", b"Title\0steps"),
        (b"IDAT", zlib.compress(content, 0)),
        (b"IEND", b""),
    ]
    (path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks))
    (path / "labels.csv").write_bytes(b"a,1\nb,2\n")
    (path / "nothing").touch()
    for number, file in enumerate(sorted(path.iterdir())):
        os.utime(file, ns=(0, 1_700_000_000_123_456_789 - number * 10**10))


def slices(path: Path) -> None:
    """Slices of a stack in tiles, and a picture of another size between them."""
    path.mkdir()
    for number, rows in enumerate(ramp("u1", 5, 18, 20) // 16):
        Image.fromarray(rows).save(path / f"{number}.png")
    Image.fromarray(ramp("u1", 3, 5, 3)).save(path / "2a.png")


def kinds(path: Path) -> None:
    """Pictures and pages of all kinds of samples."""
    path.mkdir()
    steps = np.add.outer(np.arange(24) * 5, np.arange(36) * 3)
    colour = np.stack([steps, steps[::-1], 400 - steps], -1).astype("<u2") * 100
    (path / "deep.png").write_bytes(png_of_16_bits(colour))
    (path / "deep.ppm").write_bytes(b"P6 36 24 65535\n" + colour.astype(">u2").tobytes())
    for name, samples, order in (
        ("labels", steps.astype("u4") // 30 * 100003, ">"),
        ("counts", steps.astype("u8") << 40, "<"),
        ("signed", (steps // 2).astype("i1"), "<"),
        ("floats", (steps * 0.1 - 4).astype("f4"), ">"),
        ("doubles", 1 / (1 + steps.astype("f8")), "<"),
        ("halves", np.sqrt(steps).astype("f2"), "<"),
        ("spectra", np.stack([steps + channel for channel in range(7)], -1).astype("u2"), "<"),
        ("colour", colour, ">"),
        ("planes", np.moveaxis(colour, -1, 0), "<"),
    ):
        (path / f"{name}.tif").write_bytes(plain_tiff(samples, order))


def scans(path: Path) -> None:
    """DICOM files: slices of a series, whose names are not in the order of their places, and files
    of other kinds.
    """
    path.mkdir()
    steps = np.add.outer(np.arange(24) * 5, np.arange(36) * 3)
    colour = np.stack([steps, steps[::-1], 230 - steps], -1).astype("u1")
    for number in range(5):
        place = (2 * number) % 5
        more = {
            (0x20, 0x0E): ("UI", "1.2.3.4"),
            (0x20, 0x13): ("IS", str(place)),
        }
        grain = (_core.splitmix64(number, 0, 24 * 36) % 32).astype("<i2").reshape(24, 36)
        signed = (steps - 100 + 20 * place).astype("<i2") + grain
        (path / f"IM{number}").write_bytes(dicom_file(signed, IMPLICIT, more=more))
    (path / "deep.dcm").write_bytes(dicom_file(steps.astype("<u2") * 9, BIG))
    (path / "signed.dcm").write_bytes(dicom_file((steps - 99).astype("<i2"), BIG))
    (path / "colour").write_bytes(dicom_file(colour, EXPLICIT))
    (path / "planes").write_bytes(dicom_file(colour, EXPLICIT, planar=True))
    (path / "frames").write_bytes(dicom_file(colour[..., 0], EXPLICIT, frames=3))
    (path / "cut").write_bytes(dicom_file(colour[..., 0], EXPLICIT)[:-1])


def frames(path: Path) -> None:
    """DICOM files of several frames, each like the one before it, grey and in colour."""
    path.mkdir()
    steps = np.add.outer(np.arange(24) * 5, np.arange(36) * 3)
    grains = [_core.splitmix64(seed, 0, 24 * 36).reshape(24, 36) for seed in range(6)]
    still = steps.astype("<u2") * 3 + grains[5] % 200
    grey = np.concatenate([still + grain % 32 for grain in grains[:5]]).astype("<u2")
    colour = np.stack([grey, grey // 2, 900 - grey], -1)[: 4 * 24] // 4
    (path / "grey").write_bytes(dicom_file(grey, EXPLICIT, frames=5))
    (path / "colour").write_bytes(dicom_file(colour.astype("u1"), IMPLICIT, frames=4))


def volumes(path: Path) -> None:
    """Files of voxels: floats, integers of 32 bits, and channels of 16, in both orders of bytes."""
    path.mkdir()
    steps = np.add.outer(np.arange(3) * 40, np.add.outer(np.arange(18) * 5, np.arange(25) * 3))
    colours = np.stack([steps[0], steps[1], steps[2]], -1)
    for name, data in {
        "wide.nii": volume_files.nifti(steps.astype("<i4") * 1000, ">"),
        "floats.mrc": volume_files.mrc((steps / 8).astype("<f4"), "<", bytes(range(80))),
        "signed.fits": volume_files.fits(steps.astype("<i2") - 90),
        "deep.nrrd": volume_files.nrrd(colours.astype("<i2"), "short", ">", "kinds: vector d d\n"),
        "bytes.mha": volume_files.meta_image(steps.astype("u1"), "MET_UCHAR"),
        "upwards.pfm": volume_files.pfm(colours.astype("<f4") / 7, ">"),
    }.items():
        (path / name).write_bytes(data)


def gifs(path: Path) -> None:
    """GIF files: still, interlaced and animated, by encoders of all kinds."""
    path.mkdir()
    for name, data in {
        "still": gif_file([Drawn(noise(40, 60) // 32, bits=3)]),
        "interlaced": gif_file([Drawn(noise(61, 40), interlaced=True, block=254)]),
        "animated": gif_file(
            [Drawn(ramps(30 + n, 50 - 7 * n) + np.uint8(n), zero=n > 1) for n in range(4)],
            comment=b"of many sizes",
        ),
        "literal": gif_file([Drawn(ramps(30, 30), clears=(0, 254, 254), single=True)]),
        "cleared": gif_file([Drawn(noise(40, 50), clears=(0, 0, 700, 3), ended=False)]),
        "full": gif_file([Drawn(noise(60, 120), clears=())]),
        "partly": gif_file([Drawn(ramps(20, 30)), Drawn(ramps(30, 30), filled=False)]),
    }.items():
        (path / f"{name}.gif").write_bytes(data)


def webps(path: Path) -> None:
    """Lossless WebP files, with chunks and without."""
    path.mkdir()
    steps = np.add.outer(np.arange(40), np.arange(50)).astype("u1")
    grain = (_core.splitmix64(0, 0, 2000) % 8).astype("u1").reshape(40, 50)
    colours = np.stack([steps + grain, steps, 255 - steps, steps // 40 * 127], -1)
    told = {"exif": b"Exif\0\0II*\0", "icc_profile": bytes(131), "xmp": b"<x/>"}
    for name, pixels, chunks in (
        ("colours", colours[..., :3], {}),
        ("alpha", colours, {}),
        ("chunks", colours[:, ::-1], told),
    ):
        options = {"lossless": True, "exact": True, "method": 0, **chunks}
        Image.fromarray(pixels).save(path / f"{name}.webp", **options)


def animations(path: Path) -> None:
    """Animated PNG files: frames of one size and of several, of all kinds of samples."""
    path.mkdir()
    for colour, depth in ((0, 1), (0, 4), (0, 16), (2, 8), (3, 2), (4, 16), (6, 8)):
        frames = smaller(colour, depth) if depth in (4, 8) else alike(9, colour, depth)
        (path / f"{colour}-{depth}.png").write_bytes(animated(frames, apart=depth == 16))
    for name in ("texts", "cut"):
        (path / f"{name}.apng").write_bytes(SOUND[name])


def npz(path: Path) -> None:
    np.savez(
        path,
        images=binarised_mnist_test_images()[:3],
        labels=ramp(">i4", 3),
        empty=np.zeros((0, 2)),
    )


def classes(path: Path) -> None:
    """Pictures in folders, in canonical order as they come back without names: by their sizes."""
    colours = [ramp("u1", rows, 5, 3) for rows in (3, 6)]
    digits = sorted(binarised_mnist_test_images()[:5], key=lambda digit: digit.tobytes())
    for number, (picture, folder) in enumerate(
        zip(
            [*colours, *digits],
            ["cat", "dog/old", "cat", "cat", "dog/old", "cat", "cat"],
            strict=True,
        )
    ):
        (path / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path / folder / f"{number}.png")


def pairs(path: Path) -> None:
    digits = binarised_mnist_test_images()[:9]
    order = sorted(range(9), key=lambda number: digits[number].tobytes())
    np.savez(path, images=digits[order], labels=ramp(">i4", 9) % 3, boxes=ramp("u1", 9, 2))


def tiff(path: Path) -> None:
    pages = [
        Image.fromarray(ramp("u1", 4, 5)),
        *(Image.fromarray(digit) for digit in mnist_test_images()[:2]),
    ]
    path.mkdir()
    pages[0].save(path / "pages.tiff", save_all=True, append_images=pages[1:])


def idx(path: Path) -> None:
    images = mnist_test_images()[:3]
    path.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes())


def idx_gz(path: Path) -> None:
    idx(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def joined(path: Path) -> None:
    """Makes files of random bytes, which no compressor shrinks."""
    words = _core.splitmix64(0, 0, 6 * 20 * 30)
    with path.open("wb") as file:
        np.save(file, words.astype("<i2").reshape(6, 20, 30))


def merged(source: Path, archive: Path) -> None:
    """Merges archives of a stack, of items, and of a stack in tiles."""
    array, shards = np.load(source), []
    for number, (start, end, options) in enumerate(
        [(0, 2, {"stack": True}), (2, 3, {}), (3, 6, {"stack": True, "tile": 16})]
    ):
        shards.append(archive.with_name(f"{number}.bb"))
        bitsback.compress(array[start:end], shards[-1], model="fast", threads=1, **options)
    bitsback.merge(shards, archive)


def more_files(path: Path) -> None:
    (path / "deep").mkdir(parents=True)
    rows = np.add.outer(np.arange(30), np.arange(50)).astype("u1")
    (path / "deep" / "c.pgm").write_bytes(b"P5 50 30 255\n" + rows.tobytes())
    (path / "deep" / "c.txt").write_bytes(b"of a later generation\n")
    (path / "labels.csv").write_bytes(b"c,3\n")
    for number, file in enumerate(path.rglob("*.*")):
        os.utime(file, ns=(0, 1_600_000_000_000_000_000 + number))


def after_changes(path: Path) -> None:
    """The files of `every_byte`, of which some were removed, and a later one replaced."""
    every_byte(path)
    for name in ("a.pgm", "nothing", "labels.csv"):
        (path / name).unlink()
    more_files(path / "more")
    for name in ("deep", "labels.csv"):
        (path / "more" / name).rename(path / name)
    (path / "more").rmdir()


def change(folder: Path, archive: Path) -> None:
    """Makes an archive of three generations."""
    every_byte(folder / "old")
    more_files(folder / "more")
    options: dict[str, Any] = {"model": "fast", "threads": 1}
    bitsback.compress(folder / "old", archive, hashes="sha256", **options)
    bitsback.add(archive, folder / "more", replace=True, **options)
    bitsback.remove(archive, ["a.pgm", "nothing"])


GOLDEN: dict[str, Callable[[Path], None]] = {
    "pictures": save_pictures,
    "pictures-without-stats": save_pictures,
    "slices": slices,
    "files": every_byte,
    "hashes": every_byte,
    "kinds": kinds,
    "scans": scans,
    "frames": frames,
    "volumes": volumes,
    "gifs": gifs,
    "webps": webps,
    "animations": animations,
    "animations-exact": animations,
    "arrays.npz": npz,
    "labels.npz": pairs,
    "set.npz": pairs,
    "labels": classes,
    "set": classes,
    "pages": tiff,
    "images.idx": idx,
    "images.idx.gz": idx_gz,
    "joined": joined,
    "changed": after_changes,
}
"""For each archive, the name of its file or folder and the function that writes it."""

OLD = ("pictures-without-stats",)
"""The archives of older writers, which the present writer no longer makes."""

_PIXELS: dict[str, Any] = {"files": "pixels"}
OPTIONS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("pictures", "webps", "animations", "pages"), _PIXELS),
    "slices": {"stack": True, "tile": 16, **_PIXELS},
    "hashes": {"hashes": "sha256"},
    "scans": {"stack": True},
    "frames": {"stack": True},
    "labels.npz": {"labels": "labels"},
    "set.npz": {"labels": "labels", "unordered": True},
    "labels": {"labels": "folders", "unordered": True, "keep_names": True},
    "set": {"labels": "folders", "unordered": True},
}
"""The options of each archive."""

PINNED = ("arrays.npz", "images.idx", "images.idx.gz", "joined")
"""The archives without a part by a general compressor, whose versions may differ in bytes."""


def make(name: str, folder: Path) -> bytes:
    """Makes an archive. Its input stays in `folder`, under its name."""
    source, archive = folder / name, folder / f"{name}.bb"
    GOLDEN[name](source)
    if name == "joined":
        merged(source, archive)
        return archive.read_bytes()
    if name == "changed":
        change(folder, archive)
        return archive.read_bytes()
    bitsback.compress(source, archive, model="fast", threads=1, **OPTIONS.get(name, {}))
    return archive.read_bytes()


if __name__ == "__main__":
    for name in GOLDEN.keys() - OLD:
        with tempfile.TemporaryDirectory() as folder:
            (FOLDER / f"{name}.bb").write_bytes(make(name, Path(folder)))
