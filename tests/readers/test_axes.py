"""Frames and pages of files are axes wherever pixels leave an archive, with what headers say about
them; tifffile and Pillow say what is right.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.napari import read
from bitsback.xarray import BitsbackBackend
from zoo.dicom_files import dicom_file

STEPS = {"PhysicalSizeX": 0.1, "PhysicalSizeZ": 0.5, "TimeIncrement": 2.0}


def pixels(*shape: int) -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(0, 50, shape, np.uint16)


@pytest.fixture(scope="module")
def frame_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with frames, and their archive."""
    folder = tmp_path_factory.mktemp("axes") / "in"
    folder.mkdir()
    whole = pixels(3, 4, 2, 20, 30)
    names = {"Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(folder / "a.ome.tif", whole, metadata={"axes": "TZCYX", **STEPS, **names})
    hyperstack = {"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 3.0, "min": 0}
    tifffile.imwrite(
        folder / "imagej.tif", whole, imagej=True, metadata={**hyperstack, "max": 44},
        resolution=(5, 4), compression="zlib",
    )  # fmt: skip
    tifffile.imwrite(folder / "pages.tif", whole[0, :, 0], photometric="minisblack", metadata=None)
    tifffile.imwrite(
        folder / "rgb.tif", whole[0, :, 0, :, :27].astype(np.uint8).reshape(4, 20, 9, 3)
    )
    frames = [Image.fromarray(frame.astype(np.uint8)) for frame in whole[0, :, 0]]
    frames[0].save(folder / "a.png", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "still.png")
    more = {
        (0x08, 0x60): ("CS", "US"),
        (0x18, 0x1063): ("DS", "40"),
        (0x28, 0x30): ("DS", "0.5\\0.25"),
        (0x28, 0x1050): ("DS", "60"),
        (0x28, 0x1051): ("DS", "40"),
    }
    cine = whole[0, :, 0].astype(np.uint8).reshape(80, 30)
    (folder / "cine").write_bytes(dicom_file(cine, frames=4, more=more))
    bitsback.compress(folder, folder.parent / "in.bb")
    return folder


@pytest.fixture
def archive(frame_files: Path) -> Any:
    with bitsback.open(frame_files.parent / "in.bb") as archive:
        yield archive


@pytest.mark.parametrize("name", ["a.ome.tif", "imagej.tif", "pages.tif", "rgb.tif"])
def test_pages_of_tiff_files_are_axes(archive: Any, frame_files: Path, name: str) -> None:
    """In the shape in which tifffile reads them, whatever index is taken."""
    expected = tifffile.imread(frame_files / name)
    view = archive[name]
    assert (view.shape, view.dtype) == (expected.shape, expected.dtype)
    assert [sum(lengths) for lengths in view.chunks] == [*expected.shape]
    assert np.array_equal(np.asarray(view), expected)
    assert all(map(np.array_equal, view, expected))
    draw = random.Random(name)
    for _ in range(150):
        index = tuple(_index(draw, axis, size) for axis, size in enumerate(expected.shape))
        index = index[: draw.randrange(len(index) + 1)]
        assert np.array_equal(view[index], expected[index]), index


def _index(draw: random.Random, axis: int, size: int) -> Any:
    which = draw.randrange(4)
    if which == 0:
        return draw.randrange(-size, size)
    if which == 1:
        return slice(*sorted(draw.choices(range(size + 1), k=2)), draw.choice([1, 2, 5]))
    if which == 2 and not axis:
        return draw.choices(range(-size, size), k=draw.randrange(4))
    return slice(None, None, draw.choice([1, -1, -3]))


def test_axes_and_facts_of_headers(archive: Any) -> None:
    hyperstack, named = archive["imagej.tif"], archive["a.ome.tif"]
    assert named.dims == hyperstack.dims == ("t", "z", "c", "y", "x")
    assert named.attrs == {
        "channels": ["DAPI", "GFP"],
        "spacing": {"x": 0.1, "z": 0.5, "t": 2.0},
        "units": {"x": "µm", "z": "µm", "t": "s"},
    }
    assert hyperstack.attrs == {
        "spacing": {"x": 0.2, "y": 0.25, "z": 0.5, "t": 3.0},
        "units": {"x": "µm", "y": "µm", "z": "µm", "t": "s"},
        "window": (0, 44),
    }
    cine = archive["cine"]
    assert (cine.shape, cine.dims) == ((4, 20, 30), ("t", "y", "x"))
    assert cine.attrs == {
        "spacing": {"y": 0.5, "x": 0.25, "t": 40.0},
        "units": {"y": "mm", "x": "mm", "t": "ms"},
        "window": (40, 80),
        "modality": "US",
    }
    assert (archive["a.png"].shape, archive["a.png"].dims) == ((4, 20, 30), ("frame", "y", "x"))
    assert (archive["pages.tif"].dims, archive["pages.tif"].attrs) == (("page", "y", "x"), {})
    assert (archive["still.png"].dims, archive["still.png"].attrs) == ((), {})


def test_an_animation_has_the_frames_of_pillow(archive: Any, frame_files: Path) -> None:
    with Image.open(frame_files / "a.png") as image:
        for number, frame in enumerate(archive["a.png"]):
            image.seek(number)
            assert np.array_equal(frame, np.asarray(image))


def test_xarray_has_dims_and_coordinates(frame_files: Path, tmp_path: Path) -> None:
    bitsback.compress(frame_files / "a.ome.tif", tmp_path / "alone.bb")
    with xarray.open_dataset(tmp_path / "alone.bb", engine=BitsbackBackend) as dataset:
        array = dataset["a.ome.tif"]
        assert array.dims == ("t", "z", "c", "y", "x")
        assert np.array_equal(array, tifffile.imread(frame_files / "a.ome.tif"))
        assert array["t"].values.tolist() == [0, 2, 4] and array["t"].attrs == {"units": "s"}
        assert array["c"].values.tolist() == ["DAPI", "GFP"] and "y" not in array.coords
    with xarray.open_dataset(frame_files.parent / "in.bb", engine=BitsbackBackend) as dataset:
        cine = dataset["cine"]
        assert cine.dims == ("cine_t", "cine_y", "cine_x") and cine.attrs == {"window": [40, 80]}
        assert cine["cine_x"].values[2] == 0.5


def test_files_of_one_shape_and_axes_are_one_array(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    series = {f"{number}.tif": pixels(5, 20, 30) + number for number in range(3)}
    for name, stack in series.items():
        tifffile.imwrite(tmp_path / "in" / name, stack, imagej=True, metadata={"axes": "ZYX"})
    bitsback.compress(tmp_path / "in", tmp_path / "in.bb")
    with xarray.open_dataset(tmp_path / "in.bb", engine=BitsbackBackend) as dataset:
        assert dataset["pictures"].dims == ("file", "z", "y", "x")
        assert dataset["name"].values.tolist() == [*series]
        assert np.array_equal(dataset["pictures"], np.stack([*series.values()]))


def test_series_are_arrays(tmp_path: Path) -> None:
    """Slices of a series in the order of their places."""
    (tmp_path / "in/scan").mkdir(parents=True)
    slices = np.add.outer(np.arange(6), np.add.outer(np.arange(30), np.arange(40))).astype("<i2")
    for number in range(6):
        more = {
            (0x20, 0x0E): ("UI", "1.2"),
            (0x20, 0x13): ("IS", str((2 * number) % 5 + number // 5)),
        }
        (tmp_path / f"in/scan/IM{number}").write_bytes(dicom_file(slices[number], more=more))
    (tmp_path / "in/notes").write_bytes(b"words")
    bitsback.compress(tmp_path / "in", tmp_path / "in.bb")
    with bitsback.open(tmp_path / "in.bb") as archive:
        ((name, array),) = archive.series.items()
        assert (name, array.shape) == ("scan/IM*", (6, 30, 40))
        expected = [archive[name] for name in archive.names if name != "notes"]
        assert np.array_equal(array, np.stack(expected))


def test_napari_has_channels_and_a_scale(frame_files: Path) -> None:
    layers = {options["metadata"].get("names", options["name"])[0]: (data, options)
              for data, options, _ in read(str(frame_files.parent / "in.bb"))}  # fmt: skip
    data, options = layers["in: a.ome.tif: DAPI"]
    assert data.shape == (3, 4, 2, 20, 30) and options["channel_axis"] == 2
    assert options["axis_labels"] == ("t", "z", "y", "x")
    assert options["scale"] == [2.0, 0.5, 1.0, 0.1]
    assert options["units"] == ["s", "µm", "pixel", "µm"]


def test_damaged_metadata_names_the_file(frame_files: Path, tmp_path: Path) -> None:
    """A header that tifffile cannot read leaves pages, and no other error leaves the archive."""
    (tmp_path / "in").mkdir()
    data = bytearray((frame_files / "a.ome.tif").read_bytes())
    at = data.index(b"<Pixels")
    data[at : at + 40] = b"<" * 40
    (tmp_path / "in/a.ome.tif").write_bytes(data)
    bitsback.compress(tmp_path / "in", tmp_path / "in.bb")
    with bitsback.open(tmp_path / "in.bb") as archive:
        view = archive["a.ome.tif"]
        assert (view.shape, view.dims) == ((24, 20, 30), ("page", "y", "x"))
