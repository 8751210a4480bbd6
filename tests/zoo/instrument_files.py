"""Files that instruments and their programs write, by the packages that scientists use: tifffile,
nibabel, pynrrd, mrcfile, astropy and pydicom. The same packages say what is in a file.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mrcfile
import nibabel
import nrrd
import numpy as np
import pydicom
import tifffile
from astropy.io import fits
from numpy.typing import NDArray
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)


class Content(NamedTuple):
    """What another package reads of a file."""

    levels: list[NDArray[Any]]
    """The pixels; of a pyramid in each of its sizes, the largest first."""
    dims: tuple[str, ...] | None = None
    """The names of the axes, if the package tells them."""
    spacing: dict[str, float] | None = None


class InstrumentFile(NamedTuple):
    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], Content]
    coded: bool = True
    """Whether it is coded by its pixels."""


def files() -> Iterator[InstrumentFile]:
    """All files, each under a name of its own."""
    for kind in (tiff_files, pyramids, nifti_files, nrrd_files, mrc_files, fits_files, dicom_files):
        yield from kind()


def field(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Smooth values with some noise, which differ from slice to slice."""
    places = np.indices(shape).reshape(len(shape), -1)
    waves = sum(np.sin(axis / (3 + 2 * number)) for number, axis in enumerate(places))
    noise = np.random.default_rng(len(places[0])).normal(0, 0.05, len(places[0]))
    values = ((waves + noise) * 25 + 60).reshape(shape)
    return np.clip(values, 0, 255).astype(dtype) if np.dtype(dtype).kind != "b" else values > 60


_LETTERS = {"S": "c", "I": "page", "Q": "page"}


def _read_tiff(path: Path) -> Content:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        levels = [level.asarray() for level in series.levels]
        dims = tuple(_LETTERS.get(letter, letter.lower()) for letter in series.axes)
        spacing = None
        if file.ome_metadata:
            image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
            pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
            told = {axis: pixels.get(f"PhysicalSize{axis.upper()}") for axis in "xyz"}
            spacing = {axis: step for axis, step in told.items() if step is not None}
        return Content(levels, dims, spacing)


def _tiff(name: str, coded: bool = True, **options: Any) -> InstrumentFile:
    def write(path: Path) -> None:
        own = ("ome", "imagej", "bigtiff", "byteorder")
        told = dict(options)
        pixels = field(told.pop("shape"), told.pop("dtype"))
        with tifffile.TiffWriter(path, **{k: told.pop(k) for k in own if k in told}) as tiff:
            tiff.write(pixels, **told)

    return InstrumentFile(name, write, _read_tiff, coded)


def tiff_files() -> Iterator[InstrumentFile]:
    grey = {"photometric": "minisblack"}
    for dtype, compression in itertools.product(("u1", "u2", "i2", "f4"), (None, "zlib")):
        name = f"{dtype}-{compression}"
        told: dict[str, Any] = {"dtype": dtype, "compression": compression, **grey}
        yield _tiff(f"plain-{name}.tif", shape=(20, 30), **told, metadata=None)
        yield _tiff(f"pages-{name}.tif", shape=(4, 20, 30), **told, metadata=None)
        steps = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 1.5}
        shape = (2, 3, 2, 20, 30)
        metadata = {"axes": "TZCYX", **steps}
        yield _tiff(f"{name}.ome.tif", shape=shape, metadata=metadata, ome=True, **told)
        if dtype != "i2":
            imagej = {"axes": "ZCYX", "spacing": 2.0, "unit": "um"}
            shape = (3, 2, 20, 30)
            yield _tiff(f"hyper-{name}.tif", shape=shape, imagej=True, metadata=imagej, **told)
    for axes, shape in {"CYX": (3, 20, 30), "ZYX": (4, 20, 30), "TYX": (5, 20, 30)}.items():
        metadata = {"axes": axes}
        yield _tiff(f"{axes}.ome.tif", shape=shape, dtype="u2", ome=True, metadata=metadata, **grey)
    rgb = {"photometric": "rgb", "dtype": "u1"}
    yield _tiff("rgb.tif", shape=(20, 30, 3), **rgb)
    yield _tiff("rgb-pages.tif", shape=(2, 20, 30, 3), compression="zlib", **rgb)
    yield _tiff("tiles.tif", shape=(40, 50), dtype="u2", tile=(16, 16), compression="zlib", **grey)
    yield _tiff(
        "predicted.tif", shape=(20, 30), dtype="u2", predictor=True, compression="zlib", **grey
    )
    yield _tiff("big.tif", shape=(4, 20, 30), dtype="u2", bigtiff=True, **grey)
    yield _tiff("endian.tif", shape=(4, 20, 30), dtype="u2", byteorder=">", **grey)
    lzw = {"compression": "lzw", "dtype": "u2", **grey}
    yield _tiff("lzw.tif", shape=(90, 120), **lzw)
    yield _tiff("lzw-predicted.tif", shape=(3, 40, 50), predictor=True, **lzw)
    yield _tiff("packbits.tif", shape=(20, 30), dtype="u1", compression="packbits", **grey)
    for compression in ("jpegxl", "jpeg2000", "webp"):
        told = {"shape": (20, 30, 3), "compression": compression, **rgb}
        yield _tiff(f"{compression}.tif", coded=False, **told)


def _pyramid(name: str, shape: tuple[int, ...], inner: bool, **options: Any) -> InstrumentFile:
    def write(path: Path) -> None:
        told = dict(options)
        axes, ome, count = told.pop("axes"), told.pop("ome", False), told.pop("levels", 3)
        pixels = field(shape, told.pop("dtype", "u1"))
        rows = axes.index("Y")
        with tifffile.TiffWriter(path, ome=ome, bigtiff=told.pop("bigtiff", False)) as tiff:
            metadata = {"axes": axes, "PhysicalSizeX": 0.5} if ome else None
            more = {"subifds": count - 1} if inner else {}
            tiff.write(pixels, metadata=metadata, **more, **told)
            for level in range(1, count):
                step = (*[slice(None)] * rows, *[slice(None, None, 1 << level)] * 2)
                tiff.write(pixels[step], subfiletype=1, metadata=None, **told)

    return InstrumentFile(name, write, _read_tiff)


def pyramids() -> Iterator[InstrumentFile]:
    for inner, compression, tile in itertools.product((True, False), (None, "zlib"), (None, 16)):
        told: dict[str, Any] = {"compression": compression, "tile": tile and (tile, tile)}
        name = f"{'inner' if inner else 'flat'}-{compression}-{tile}"
        rgb = {"photometric": "rgb", "axes": "YXS", **told}
        yield _pyramid(f"{name}-rgb.tif", (60, 75, 3), inner, **rgb)
        grey = {"photometric": "minisblack", "axes": "YX", "dtype": "u2", **told}
        yield _pyramid(f"{name}-grey.tif", (61, 44), inner, **grey)
        if inner:
            grey |= {"axes": "ZCYX", "ome": True}
            yield _pyramid(f"{name}.ome.tif", (3, 2, 40, 52), True, **grey)
            yield _pyramid(f"{name}-big.ome.tif", (2, 3, 40, 52), True, bigtiff=True, **grey)

    told = {"compression": "lzw", "tile": (32, 32), "axes": "ZYX", "photometric": "minisblack"}
    yield _pyramid("inner-lzw.ome.tif", (2, 90, 80), True, ome=True, **told)
    yield InstrumentFile("strips-by-zlib.tif", _write_strips_by_zlib, _read_tiff)


def _write_strips_by_zlib(path: Path) -> None:
    """tifffile has another deflate encoder."""
    whole = field((50, 40), "u1")
    with tifffile.TiffWriter(path) as tiff:
        for level in range(3):
            pixels = np.ascontiguousarray(whole[:: 1 << level, :: 1 << level])
            tiff.write(
                iter([zlib.compress(pixels.tobytes())]), shape=pixels.shape, dtype="u1",
                rowsperstrip=len(pixels), compression="zlib", subfiletype=int(level > 0),
                photometric="minisblack", metadata=None,
            )  # fmt: skip


def _read_nifti(path: Path) -> Content:
    image = nibabel.load(path)
    pixels = np.asanyarray(image.dataobj.get_unscaled()).T
    zooms = image.header.get_zooms()
    dims = ("t", "z", "y", "x")[-pixels.ndim :]
    steps = {axis: float(step) for axis, step in zip("xyzt", zooms, strict=False) if step}
    return Content([pixels], dims, steps)


def nifti_files() -> Iterator[InstrumentFile]:
    kinds = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    for kind, dtype, shape in itertools.product(
        kinds, ("u1", "i2", "u2", "i4", "f4", "f8"), ((20, 18, 5), (14, 12, 4, 3))
    ):

        def write(
            path: Path, kind: Any = kind, dtype: str = dtype, shape: tuple[int, ...] = shape
        ) -> None:
            image = kind(field(shape, dtype), np.diag([0.5, 0.75, 2, 1]), dtype=np.dtype(dtype))
            image.header.set_xyzt_units("mm", "sec")
            image.to_filename(path)

        yield InstrumentFile(f"{kind.__name__}-{dtype}-{len(shape)}.nii", write, _read_nifti)

    def write_complex(path: Path) -> None:
        nibabel.Nifti1Image(field((9, 8, 4), "f4").astype("c8"), np.eye(4)).to_filename(path)

    yield InstrumentFile("complex.nii", write_complex, _read_nifti, coded=False)


def _read_nrrd(path: Path) -> Content:
    pixels, header = nrrd.read(str(path), index_order="C")
    return Content([pixels], ("z", "y", "x")[-pixels.ndim :], _nrrd_spacing(header))


def _nrrd_spacing(header: Any) -> dict[str, float]:
    steps = header.get("spacings")
    if steps is None:
        steps = np.linalg.norm(header["space directions"], axis=1)
    return dict(zip("xyz", map(float, steps), strict=False))


def nrrd_files() -> Iterator[InstrumentFile]:
    for dtype, told, encoding in itertools.product(
        ("u1", "i2", "u2", "f4", "f8"), ("spacings", "directions"), ("raw", "ascii")
    ):
        if encoding == "ascii" and (told, dtype) != ("spacings", "u1"):
            continue

        def write(
            path: Path, dtype: str = dtype, told: str = told, encoding: str = encoding
        ) -> None:
            header: dict[str, Any] = {"encoding": encoding}
            if told == "spacings":
                header["spacings"] = [0.5, 0.75, 2.0]
            else:
                header |= {"space dimension": 3, "space directions": np.diag([0.5, 0.75, 2.0])}
            nrrd.write(str(path), field((4, 12, 20), dtype), header, index_order="C")

        name = f"{dtype}-{told}-{encoding}.nrrd"
        yield InstrumentFile(name, write, _read_nrrd, encoding == "raw")


def _read_mrc(path: Path) -> Content:
    with mrcfile.open(path) as file:
        size = file.voxel_size
        pixels = np.array(file.data)
        steps = {axis: float(size[axis]) for axis in "xyz"[: pixels.ndim]}
        return Content([pixels], ("z", "y", "x")[-pixels.ndim :], steps)


def mrc_files() -> Iterator[InstrumentFile]:
    for dtype, shape in itertools.product(("i1", "i2", "u2", "f4", "f2"), ((20, 30), (4, 20, 30))):

        def write(path: Path, dtype: str = dtype, shape: tuple[int, ...] = shape) -> None:
            with mrcfile.new(path) as file:
                file.set_data(field(shape, dtype) if dtype != "i1" else field(shape, "u1") // 2)
                file.voxel_size = 1.5

        if dtype == "i1":
            continue
        yield InstrumentFile(f"{dtype}-{len(shape)}.mrc", write, _read_mrc)

    def write_complex(path: Path) -> None:
        with mrcfile.new(path) as file:
            file.set_data(field((4, 9, 8), "f4").astype("c8"))

    yield InstrumentFile("complex.mrc", write_complex, _read_mrc, coded=False)


def _read_fits(path: Path) -> Content:
    with fits.open(path, do_not_scale_image_data=True) as file:
        image = next(unit for unit in file if unit.data is not None)
        pixels = np.array(image.data)
        return Content([pixels], ("t", "z", "y", "x")[-pixels.ndim :])


def fits_files() -> Iterator[InstrumentFile]:
    for dtype, shape in itertools.product(
        ("u1", "i2", "i4", "i8", "f4", "f8", "u2"), ((20, 30), (4, 20, 30))
    ):

        def write(path: Path, dtype: str = dtype, shape: tuple[int, ...] = shape) -> None:
            units: list[Any] = [fits.PrimaryHDU(field(shape, dtype))]
            if len(shape) == 3:
                units.append(fits.ImageHDU(field((8, 9), "i2")))
            fits.HDUList(units).writeto(path)

        yield InstrumentFile(f"{dtype}-{len(shape)}.fits", write, _read_fits)


def _read_dicom(path: Path) -> Content:
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array
    colours = ("c",) * (dataset.SamplesPerPixel > 1)
    frames = ("z",) * (int(dataset.get("NumberOfFrames", 1)) > 1)
    rows, columns = map(float, dataset.PixelSpacing)
    spacing = {"y": rows, "x": columns} | ({"z": 2.5} if frames else {})
    return Content([pixels], (*frames, "y", "x", *colours), spacing)


def dicom_files() -> Iterator[InstrumentFile]:
    syntaxes = {
        "explicit": ExplicitVRLittleEndian,
        "implicit": ImplicitVRLittleEndian,
        "big": ExplicitVRBigEndian,
        "rle": RLELossless,
    }
    kinds = {
        "b1": (20, 32),
        "u1": (20, 30),
        "u2": (20, 30),
        "i2": (20, 30),
        "u4": (20, 30),
        "rgb": (20, 30, 3),
    }
    for (name, syntax), (kind, shape), frames in itertools.product(
        syntaxes.items(), kinds.items(), (1, 3)
    ):
        words = name == "big" and kind in ("u1", "rgb")
        if words or (name == "rle" and kind in ("b1", "u4")):
            continue  # which pydicom does not write, or with the bytes of each pair exchanged

        def write(
            path: Path, syntax: Any = syntax, kind: str = kind,
            shape: tuple[int, ...] = shape, frames: int = frames,
        ) -> None:  # fmt: skip
            dtype = "u1" if kind == "rgb" else kind
            pixels = field((frames, *shape)[frames == 1 :], dtype)
            _dataset(pixels, syntax, kind == "rgb", frames).save_as(path, enforce_file_format=True)

        yield InstrumentFile(f"{name}-{kind}-{frames}.dcm", write, _read_dicom)


def _dataset(pixels: NDArray[Any], syntax: Any, rgb: bool, frames: int) -> pydicom.Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3.4"
    dataset.Modality, dataset.PatientName = "OT", "Nobody^At^All"
    dataset.PixelSpacing, dataset.SpacingBetweenSlices = [0.5, 0.25], "2.5"
    dataset.Rows, dataset.Columns = pixels.shape[frames > 1 :][:2]
    dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel = 3 if rgb else 1
    if rgb:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if rgb else "MONOCHROME2"
    bits = 8 * pixels.itemsize if pixels.dtype.kind != "b" else 1
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, int(pixels.dtype.kind == "i")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if bits == 1:
        dataset.PixelData = pack_bits(pixels)
    dataset["PixelData"].VR = "OB" if bits <= 8 else "OW"
    if syntax == RLELossless:
        dataset.compress(RLELossless, encoding_plugin="pydicom")
    return dataset
