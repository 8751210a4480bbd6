"""Files that instruments write come back byte for byte, and other packages read the same pixels,
axes and spacing from the files as users see in the archive.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import bitsback
from bitsback.archive.files.listing import entries
from bitsback.archive.inputs import folders, request
from bitsback.files import picture_files
from bitsback.napari import read
from bitsback.xarray import BitsbackBackend
from reference.container_metadata import restore
from second_decoder import PROGRAM

from .instrument_files import InstrumentFile, files

FILES = {file.name: file for file in files()}


@pytest.fixture(scope="module")
def instruments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files, and their archive."""
    folder = tmp_path_factory.mktemp("instruments") / "in"
    folder.mkdir()
    for name, file in FILES.items():
        file.write(folder / name)
    with pytest.MonkeyPatch.context() as patch:  # small pictures may be smaller as files
        patch.setattr(folders, "pixel_cost", lambda *_: (0, False))
        patch.setattr(request.FolderFiles, "outgrown", lambda *_: frozenset())
        bitsback.compress(folder, folder.parent / "in.bb", model="fast")
    return folder


@pytest.fixture(scope="module")
def archive(instruments: Path) -> Iterator[Any]:
    with bitsback.open(instruments.parent / "in.bb") as archive:
        yield archive


def test_there_are_many() -> None:
    assert len(FILES) >= 150


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_other_packages_read_the_same(
    archive: Any, instruments: Path, file: InstrumentFile
) -> None:
    assert archive.open(file.name).read() == (instruments / file.name).read_bytes()
    assert archive.reader.files.stored(archive.reader.file_number(file.name)) is not file.coded
    if not file.coded:
        return
    content, view = file.read(instruments / file.name), archive[file.name]
    assert len(view.levels) == len(content.levels)
    for level, expected in zip(view.levels, content.levels, strict=True):
        if level.dtype == bool:  # of which pydicom makes bytes
            expected = expected.astype(bool)
        assert (level.shape, level.dtype.newbyteorder("=")) == (
            expected.shape,
            expected.dtype.newbyteorder("="),
        )
        assert np.array_equal(np.asarray(level), expected)
        assert np.array_equal(level[-1, ..., ::-2], expected[-1, ..., ::-2])
    if content.dims is not None:
        assert view.dims == content.dims
    if content.spacing is not None:
        assert view.attrs.get("spacing", {}) == pytest.approx(content.spacing)


@pytest.mark.rust
def test_the_second_decoder_makes_the_same_files(instruments: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    subprocess.run([PROGRAM, instruments.parent / "in.bb", place], check=True)
    for name in FILES:
        assert (place / name).read_bytes() == (instruments / name).read_bytes(), name


@pytest.mark.parametrize(
    "name",
    ["inner-None-16-rgb.tif", "flat-None-None-grey.tif", "inner-lzw.ome.tif", "rle-i2-3.dcm"],
)
def test_the_specification_makes_the_same_files(instruments: Path, name: str) -> None:
    with (instruments / name).open("rb") as file:
        split = picture_files.split(file, True)
        assert split is not None
        pixels = split.pixels.whole()
    assert restore(pixels, split.metadata) == (instruments / name).read_bytes()


def test_levels_of_pyramids_have_their_spacing(archive: Any) -> None:
    levels = archive["inner-zlib-16.ome.tif"].levels
    assert [level.attrs["spacing"]["x"] for level in levels] == [0.5, 1.0, 2.0]
    assert {level.dims for level in levels} == {("z", "c", "y", "x")}


def test_files_that_are_not_coded_state_why(archive: Any, instruments: Path) -> None:
    held = [entry.name for entry in entries(archive.reader) if entry.verbatim]
    found = {
        name: picture_files.refusal(io.BytesIO((instruments / name).read_bytes())) for name in held
    }
    assert found == {
        "jpegxl.tif": "compression JPEGXL, 50002 (tag 259)",
        "jpeg2000.tif": "compression JPEG2000, 34712 (tag 259)",
        "webp.tif": "compression WEBP, 50001 (tag 259)",
        "complex.nii": "voxels of the type 32 of NIfTI",
        "complex.mrc": "voxels of the mode 4 of MRC",
        "u1-spacings-ascii.nrrd": "voxels that are not coded: type: uint8, encoding: ascii",
    }


def test_napari_shows_pyramids_in_all_sizes(instruments: Path, tmp_path: Path) -> None:
    names = ["inner-None-16-rgb.tif", "flat-zlib-16-grey.tif", "inner-zlib-16.ome.tif"]
    bitsback.compress([instruments / name for name in names], tmp_path / "some.bb", model="fast")
    layers = read(str(tmp_path / "some.bb"))
    assert len(layers) == len(names)
    for levels, options, _ in layers:
        expected = FILES[options["name"].removeprefix("some: ")].read
        content = expected(instruments / options["name"].removeprefix("some: "))
        assert len(levels) == 3
        assert all(map(np.array_equal, map(np.asarray, levels), content.levels))


def test_xarray_has_all_pictures(archive: Any, instruments: Path) -> None:
    """Those that are alike as one variable."""
    with xarray.open_dataset(instruments.parent / "in.bb", engine=BitsbackBackend) as dataset:
        coordinates = (array for name, array in dataset.coords.items() if name.endswith("name"))
        names = {name for array in coordinates for name in np.atleast_1d(array.values)}
        assert names | {*dataset.data_vars} >= {n for n, file in FILES.items() if file.coded}
        expected = {name: np.asarray(archive[name]) for name in ("CYX.ome.tif", "endian.tif")}
        for name, pixels in expected.items():
            if name in dataset:
                assert np.array_equal(dataset[name].values, pixels)
