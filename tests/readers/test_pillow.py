"""Pillow opens archives of pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageSequence, PngImagePlugin

import bitsback
import bitsback.pillow  # registers it


def archive_of(array: NDArray[Any]) -> io.BytesIO:
    file = io.BytesIO()
    bitsback.compress(array, file)
    return file


def test_a_single_picture_is_an_image(made: Path, pictures: dict[str, NDArray[Any]]) -> None:
    with Image.open(made / "scan.bb") as image:
        assert (image.format, image.mode, image.size) == ("BITSBACK", "RGB", (6, 5))
        assert not image.is_animated and image.info["name"] == "c.png"
        assert np.array_equal(np.asarray(image), pictures["c.png"])
        assert image.convert("L").size == image.resize((6, 5)).size


def test_pictures_are_frames(made: Path, pictures: dict[str, NDArray[Any]]) -> None:
    with Image.open(made / "folder.bb") as image:
        assert image.n_frames == len(pictures)
        for frame in ImageSequence.Iterator(image):
            assert np.array_equal(np.asarray(frame), pictures[frame.info["name"]])
        assert image.tell() == 3
        with pytest.raises(EOFError):
            image.seek(4)
        image.seek(0)
        assert image.info["name"] == "a/1.png" and image.size == (8, 7)


def test_a_frame_decodes_its_own_block(
    made: Path, volume: NDArray[np.uint8], decoded: list[int]
) -> None:
    with Image.open(made / "volume.bb") as image:
        assert (image.n_frames, decoded) == (12, [0])
        image.seek(11)
        assert np.array_equal(np.asarray(image), volume[11])
        assert decoded == [0, 8]


@pytest.mark.parametrize(
    ("dtype", "mode"),
    [("?", "1"), ("u1", "L"), ("<u2", "I;16"), (">u2", "I;16"), (">i4", "I"), ("<f4", "F")],
)
def test_images_of_an_array(dtype: str, mode: str) -> None:
    array = (np.arange(90).reshape(9, 10) % 2).astype(dtype)
    with Image.open(archive_of(array)) as image:
        assert (image.mode, image.n_frames) == (mode, 1)
        assert np.array_equal(np.asarray(image), array)


def test_palettes_and_metadata_are_those_of_the_files(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(90, dtype=np.uint8).reshape(9, 10) % 4, "L")
    picture.putpalette([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 99, 98])
    info = PngImagePlugin.PngInfo()
    info.add_text("about", "this")
    picture.save(tmp_path / "x.png", pnginfo=info, dpi=(300, 300))
    bitsback.compress([tmp_path / "x.png"], tmp_path / "x.bb")
    with Image.open(tmp_path / "x.bb") as image, Image.open(tmp_path / "x.png") as original:
        assert (image.mode, image.info["about"]) == ("P", "this")
        assert image.info["dpi"] == original.info["dpi"]
        assert image.convert("RGB").tobytes() == original.convert("RGB").tobytes()
        image.copy().save(tmp_path / "again.png")


def test_pages_of_a_tiff_file(tmp_path: Path) -> None:
    pages = np.arange(3 * 9 * 10, dtype=np.uint16).reshape(3, 9, 10)
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack")
    bitsback.compress(tmp_path / "x.tif", tmp_path / "x.bb")
    with Image.open(tmp_path / "x.bb") as image:
        image.seek(1)
        assert image.n_frames == 3 and np.array_equal(np.asarray(image), pages[1])


@pytest.mark.parametrize(
    ("array", "part"),
    [(np.zeros(5), "no pictures"), (np.zeros((4, 5)), "no images of float64")],
)
def test_what_pillow_cannot_show(array: NDArray[Any], part: str) -> None:
    with pytest.raises(bitsback.InputError, match=part):
        Image.open(archive_of(array))


def test_damage_is_an_error(made: Path) -> None:
    data = bytearray((made / "volume.bb").read_bytes())
    with bitsback.open(bytes(data)) as archive:
        data[archive.reader.blocks[0].end - 6] ^= 1
    with pytest.raises(bitsback.ArchiveError, match="block 0"):
        Image.open(io.BytesIO(data))
