"""Files of voxels come back byte for byte, and their arrays and axes are those that the packages of
their formats read.
"""

from __future__ import annotations

import io
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import nibabel
import nrrd
import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import bitsback
from bitsback.files import volumes
from bitsback.files.picture_files import file_of
from folders import assert_restored
from zoo import volume_files

STEPS = (np.add.outer(np.add.outer(np.arange(6) * 40, np.arange(20) * 7), np.arange(24)) % 900) + 5
VOLUME = STEPS.astype("<i2")
SERIES = np.stack([STEPS, STEPS + 3, STEPS[::-1]])
ORDERS = ("<", ">")


def packed(folder: Path, files: dict[str, bytes]) -> Any:
    """An open archive of the files, which has restored their bytes."""
    assert_restored(folder, files, model="fast")
    return bitsback.open(folder / "x.bb")


def saved(write: Callable[[str], Any], path: Path) -> bytes:
    write(str(path))
    return path.read_bytes()


def test_nifti_by_nibabel(tmp_path: Path) -> None:
    files, expected = dict[str, bytes](), dict[str, Any]()
    for kind in ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"):
        for image, form, order in (
            (nibabel.Nifti1Image, nibabel.Nifti1Header, "<"),
            (nibabel.Nifti1Image, nibabel.Nifti1Header, ">"),
            (nibabel.Nifti2Image, nibabel.Nifti2Header, "<"),
            (nibabel.Nifti2Image, nibabel.Nifti2Header, ">"),
        ):
            voxels = (SERIES if kind == "i2" else STEPS).astype(kind)
            made = image(voxels.T, np.eye(4), form(endianness=order), dtype=voxels.dtype)
            made.header.set_xyzt_units("mm", "msec")
            made.header.set_zooms((0.5, 0.75, 2.0, 30.0)[: voxels.ndim])
            name = f"{kind}{form.__name__[5]}{'be' if order == '>' else 'le'}.nii"
            files[name] = saved(made.to_filename, tmp_path / name)
            expected[name] = nibabel.load(tmp_path / name)
    with packed(tmp_path, files) as archive:
        for name, image in expected.items():
            view = archive[name]
            assert np.array_equal(view, np.asanyarray(image.dataobj).T), name
            assert view.dims == ("t", "z", "y", "x")[-view.ndim :]
            steps = dict(zip("xyzt", map(float, image.header.get_zooms()), strict=False))
            assert view.attrs["spacing"] == steps
            assert view.attrs["units"]["x"] == "mm"
            assert not archive.info()["parts"][0]["held"]


def test_colours_of_nifti(tmp_path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours = np.stack([STEPS % 200, STEPS % 90, 255 - STEPS % 200], -1).astype("u1")
    image = nibabel.Nifti1Image(np.ascontiguousarray(colours).view(kind)[..., 0].T, np.eye(4))
    with packed(tmp_path, {"a.nii": saved(image.to_filename, tmp_path / "a.nii")}) as archive:
        assert archive["a.nii"].dims == ("z", "y", "x", "c")
        assert np.array_equal(archive["a.nii"], colours)


def test_nrrd_by_pynrrd(tmp_path: Path) -> None:
    files = {}
    for kind in ("u1", "i2", "u2", "f4", "f8"):
        steps = {"encoding": "raw", "spacings": [0.5, 0.75, 2.0]}
        write = lambda path, kind=kind: nrrd.write(path, STEPS.astype(kind).T, steps)  # noqa: B023, E731
        files[f"{kind}.nrrd"] = saved(write, tmp_path / f"{kind}.nrrd")
    directions = "space directions: none (0,2,0) (3,4,0)\nkinds: RGB-color domain domain\n"
    colours = np.stack([STEPS[0]] * 3, -1).astype("u1")
    files["colours.nrrd"] = volume_files.nrrd(colours, "uchar", ">", directions)
    with packed(tmp_path, files) as archive:
        for kind in ("u1", "i2", "u2", "f4", "f8"):
            expected, _ = nrrd.read(str(tmp_path / f"{kind}.nrrd"))
            view = archive[f"{kind}.nrrd"]
            assert np.array_equal(view, expected.T)
            assert view.attrs["spacing"] == {"x": 0.5, "y": 0.75, "z": 2.0}
        view = archive["colours.nrrd"]
        assert (view.dims, view.attrs["spacing"]) == (("y", "x", "c"), {"x": 2.0, "y": 5.0})
        assert np.array_equal(view, colours)


def test_mrc_by_mrcfile(tmp_path: Path) -> None:
    files, kinds = {}, ("i1", "i2", "u2", "f4", "f2")
    for kind in kinds:
        with mrcfile.new(tmp_path / f"{kind}.mrc") as file:
            file.set_data((STEPS % 100).astype(kind))
            file.voxel_size = 1.5
        files[f"{kind}.mrc"] = (tmp_path / f"{kind}.mrc").read_bytes()
    files["extended.mrc"] = volume_files.mrc(VOLUME, ">", bytes(range(200)))
    (tmp_path / "extended.mrc").write_bytes(files["extended.mrc"])
    with packed(tmp_path, files) as archive:
        for name in files:
            with mrcfile.open(tmp_path / name, permissive=True) as file:
                assert np.array_equal(archive[name], file.data)
                steps = archive[name].attrs["spacing"]
                assert steps == {axis: float(file.voxel_size[axis]) for axis in "xyz"}


def test_fits_by_astropy(tmp_path: Path) -> None:
    files = {}
    for kind in ("u1", "i2", "i4", "i8", "f4", "f8", "u2"):
        unit = fits.PrimaryHDU(SERIES.astype(kind))
        files[f"{kind}.fits"] = saved(unit.writeto, tmp_path / f"{kind}.fits")
    units = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])])]
    units += [fits.ImageHDU(VOLUME), fits.ImageHDU(VOLUME[0])]
    files["units.fits"] = saved(fits.HDUList(units).writeto, tmp_path / "units.fits")
    with packed(tmp_path, files) as archive:
        for name in files:
            with fits.open(tmp_path / name, do_not_scale_image_data=True) as units:
                stored = units[2 if name == "units.fits" else 0].data
                assert np.array_equal(archive[name], stored), name


def test_own_files(tmp_path: Path) -> None:
    """MetaImage and PFM, of which no package is at hand, and trailing bytes."""
    floats = np.stack([STEPS[0] / 7, STEPS[1] / 9, STEPS[2] / 3], -1).astype("f4")
    steps = "ElementSpacing = 0.5 0.75 2\n"
    files: dict[str, tuple[bytes, NDArray[Any]]] = {}
    for order in ORDERS:
        files |= {
            f"{order}.mha": (volume_files.meta_image(VOLUME, "MET_SHORT", order, steps), VOLUME),
            f"{order}.pfm": (volume_files.pfm(floats, order), floats),
            f"{order}grey.pfm": (volume_files.pfm(floats[..., 0], order), floats[..., 0]),
            f"{order}.nii": (volume_files.nifti(VOLUME, order, b"behind"), VOLUME),
        }
    names = {name.replace("<", "le").replace(">", "be"): pair for name, pair in files.items()}
    with packed(tmp_path, {name: data for name, (data, _) in names.items()}) as archive:
        for name, (_, expected) in names.items():
            assert np.array_equal(archive[name], expected), name
        assert archive["le.mha"].attrs["spacing"] == {"x": 0.5, "y": 0.75, "z": 2.0}


def test_a_file_alone(tmp_path: Path) -> None:
    data = volume_files.nifti(SERIES.astype("f4"))
    (tmp_path / "a.nii").write_bytes(data)
    summary = bitsback.compress(tmp_path / "a.nii", tmp_path / "a.bb")
    assert summary.bytes_out < 0.3 * len(data)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert (tmp_path / "out/a.nii").read_bytes() == data


@pytest.mark.parametrize(
    "data",
    [
        volume_files.nifti(VOLUME)[:-1],
        volume_files.nifti(VOLUME).replace(b"n+1", b"ni1"),
        volume_files.nrrd(VOLUME, "short", more="data file: a.raw\n"),
        volume_files.nrrd(VOLUME, "block"),
        volume_files.meta_image(VOLUME, "MET_SHORT", more="CompressedData = True\n"),
        volume_files.fits(VOLUME[0, 0]),
        volume_files.header({"SIMPLE": "T", "BITPIX": 16, "NAXIS": 0}),
        volume_files.header({"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2}),
        volume_files.mrc(VOLUME)[:1000],
        volume_files.pfm(STEPS[0].astype("f4"))[:-1],
    ],
)
def test_others_are_stored_verbatim(tmp_path: Path, data: bytes) -> None:
    assert volumes.split(io.BytesIO(data), True) is None
    with packed(tmp_path, {"a": data}) as archive:
        assert archive.info()["parts"][0]["held"]


def test_damaged_headers() -> None:
    """Each is split so that its bytes come back, or not at all, and takes no memory."""
    whole = [
        volume_files.nifti(VOLUME),
        volume_files.nrrd(VOLUME, "short", more='spacings: 1 2 3\nspace units: "mm"\n'),
        volume_files.meta_image(VOLUME, "MET_SHORT"),
        volume_files.mrc(VOLUME),
        volume_files.fits(VOLUME, volume_files.header({"SIMPLE": "T", "BITPIX": 8, "NAXIS": 0})),
        volume_files.pfm(STEPS[0].astype("f4")),
    ]
    rng = random.Random(0)
    tracemalloc.start()
    for data in whole:
        for _ in range(80):
            changed = bytearray(data)
            for at in rng.choices(range(min(len(data), 6000)), k=rng.choice((1, 2, 8))):
                changed[at] = rng.choice((0, 1, 32, 48, 57, 255, rng.randrange(256)))
            split = volumes.split(io.BytesIO(bytes(changed)), True)
            if split is not None:
                assert file_of(split.pixels.whole(), split.metadata) == changed
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 21
