"""Images as OME-Zarr, read by Zarr and checked by the models of its specification."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05 import Image
from PIL import Image as Picture

import bitsback
from bitsback.errors import InputError
from zoo.dicom_files import dicom_file

RNG = np.random.default_rng(5)


def exported(source: Any, folder: Path) -> Any:
    """The group that an archive of the source is exported to."""
    bitsback.compress(source, folder / "x.bb", force=True)
    bitsback.decompress(folder / "x.bb", folder / "x.ome.zarr", force=True)
    return zarr.open_group(folder / "x.ome.zarr", mode="r")


def checked(group: Any) -> dict[str, Any]:
    """The metadata of an image, by the models of the specification."""
    Image.from_zarr(group)
    metadata: dict[str, Any] = group.attrs["ome"]
    return metadata


def axes_of(metadata: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(axis["name"], axis.get("unit")) for axis in metadata["multiscales"][0]["axes"]]


def test_axes_spacing_units_and_channels_of_a_tiff_file(tmp_path: Path) -> None:
    data = RNG.integers(0, 900, (3, 4, 2, 20, 30)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        data,
        ome=True,
        photometric="minisblack",
        metadata={
            "axes": "TZCYX",
            "PhysicalSizeX": 0.25,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "µm",
            "PhysicalSizeZ": 2.0,
            "PhysicalSizeZUnit": "µm",
            "TimeIncrement": 1.5,
            "Channel": {"Name": ["DAPI", "GFP"]},
        },
    )
    group = exported(tmp_path / "a.ome.tif", tmp_path)
    assert np.array_equal(group["0"][:], data.transpose(0, 2, 1, 3, 4))
    assert group["0"].metadata.dimension_names == ("t", "c", "z", "y", "x")
    found = checked(group)
    micro = "micrometer"
    assert axes_of(found) == [
        ("t", "second"), ("c", None), ("z", micro), ("y", micro), ("x", micro),
    ]  # fmt: skip
    (dataset,) = found["multiscales"][0]["datasets"]
    assert dataset["coordinateTransformations"][0]["scale"] == [1.5, 1.0, 2.0, 0.5, 0.25]
    assert [channel["label"] for channel in found["omero"]["channels"]] == ["DAPI", "GFP"]


def test_slices_of_a_series_are_a_stack(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    slices = RNG.integers(0, 700, (5, 40, 30)).astype("<i2")
    more = {(0x0028, 0x1050): ("DS", "100"), (0x0028, 0x1051): ("DS", "60")}
    for number, pixels in enumerate(slices):
        (tmp_path / f"in/{number}.dcm").write_bytes(dicom_file(pixels, more=more))
    (tmp_path / "in/text").write_text("words")
    group = exported(tmp_path / "in", tmp_path)
    assert np.array_equal(group["0"][:], slices)
    found = checked(group)
    assert [name for name, _ in axes_of(found)] == ["z", "y", "x"]
    window = found["omero"]["channels"][0]["window"]
    assert (window["start"], window["end"]) == (70.0, 130.0)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((50, 40), "yx"), ((50, 40, 3), "cyx"), ((9, 50, 40), "zyx"), ((5, 9, 50, 40, 3), "tczyx")],
)
def test_arrays_without_stated_axes(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    data = RNG.integers(0, 99, shape).astype(np.uint8)
    group = exported(data, tmp_path)
    assert [name for name, _ in axes_of(checked(group))] == list(axes)
    expected = np.moveaxis(data, -1, axes.index("c")) if "c" in axes else data
    assert np.array_equal(group["0"][:], expected)


def test_pictures_of_several_shapes_are_several_images(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, shape in (("a", (40, 30)), ("b", (30, 50, 3))):
        picture = RNG.integers(0, 9, shape).astype(np.uint8)
        Picture.fromarray(picture).save(tmp_path / f"in/{name}.png")
    group = exported(tmp_path / "in", tmp_path)
    assert group.attrs["ome"]["bioformats2raw.layout"] == 3
    assert {group[name].attrs["ome"]["multiscales"][0]["name"] for name in "01"} == {
        "a.png", "b.png",
    }  # fmt: skip
    for name in "01":
        checked(group[name])


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    archive, output = tmp_path / "x.bb", tmp_path / "x.ome.zarr"
    bitsback.compress(np.arange(9), archive)
    with pytest.raises(InputError, match="no images"):
        bitsback.decompress(archive, output)
    bitsback.compress(np.zeros((2,) * 6, np.uint8), archive, force=True)
    with pytest.raises(InputError, match="has the axes 6"):
        bitsback.decompress(archive, output)
    bitsback.compress(np.zeros((30, 30), np.uint8), archive, force=True)
    output.mkdir()
    (output / "precious").touch()
    with pytest.raises(InputError, match="exists already"):
        bitsback.decompress(archive, output, force=True)
    assert (output / "precious").exists()
    with pytest.raises(InputError, match="exists already"):
        bitsback.decompress(archive, output)
    data = bytearray(archive.read_bytes())
    with bitsback.open(archive) as opened:
        data[opened.reader.blocks[0].end - 6] ^= 1
    with pytest.raises(bitsback.ArchiveError):
        bitsback.decompress(io.BytesIO(bytes(data)), tmp_path / "y.ome.zarr")
    assert not (tmp_path / "y.ome.zarr").exists() and len(list(tmp_path.iterdir())) == 2
