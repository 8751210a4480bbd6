"""Files of instruments beside the best that each format has of its own: bytes, and seconds of a
processor both ways.

    python benchmarks/compare_instruments.py FOLDER ...
    python benchmarks/compare_instruments.py VOLUME.nii.gz --slices 24

Other packages write the same slices of a volume in each format, and a pyramid in TIFF. A slide
has them side by side, in JPEG tiles and two levels.
bitsback codes all files of one format in a folder together; what it restores is compared, byte for
byte. The others have the pixels alone but for gzip, JPEG-LS and xz: OME-Zarr of the pages of TIFF
files, with Blosc (Zstandard 9, shuffled bits); gzip -9 of NIfTI, NRRD and MRC files, as `.nii.gz`;
the compressed images of FITS, by astropy, as fpack -r makes them, or -g2 of floats; JPEG-LS in
DICOM files; data sets of HDF5 files with shuffle and gzip 9, as h5repack makes them; xz -9 of
slides. Needs bitsback[hdf5,zarr], and astropy, nibabel, pydicom, tifffile and imagecodecs.
"""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import imagecodecs
import mrcfile
import nibabel
import nrrd
import numpy as np
import pydicom
import tifffile
import zarr
from astropy.io import fits
from harness import report
from numpy.typing import NDArray
from pictures import arguments
from zarr.codecs import BloscCodec
from zarr.storage import MemoryStore

import bitsback
from bitsback.files import formats

Pack = Callable[[Path], Any]
Packed = Iterable[bytes]


def levels_of(path: Path) -> Iterator[NDArray[Any]]:
    with tifffile.TiffFile(path) as file:
        for series in file.series:
            for level in series.levels:
                yield level.asarray()


def to_zarr(path: Path) -> Packed:
    codec = BloscCodec(cname="zstd", clevel=9, shuffle="bitshuffle")
    store = MemoryStore()
    for number, pixels in enumerate(levels_of(path)):
        page = min(pixels.ndim, 2 + (pixels.shape[-1] in (3, 4)))
        chunks = (*[1] * (pixels.ndim - page), *pixels.shape[pixels.ndim - page :])
        array = zarr.create_array(
            store, name=str(number), shape=pixels.shape, dtype=pixels.dtype, chunks=chunks,
            compressors=codec,
        )  # fmt: skip
        array[...] = pixels
    return [value.to_bytes() for value in store._store_dict.values()]


def from_zarr(path: Path, packed: Packed) -> None:
    for data in packed:
        if not data.startswith(b"{"):
            imagecodecs.blosc_decode(data)


def to_gzip(path: Path) -> Packed:
    return [gzip.compress(path.read_bytes(), 9)]


def from_gzip(path: Path, packed: Packed) -> None:
    (data,) = packed
    assert gzip.decompress(data) == path.read_bytes()


def to_fits(path: Path) -> Packed:
    made = io.BytesIO()
    with fits.open(path, do_not_scale_image_data=True) as file:
        units: list[Any] = [fits.PrimaryHDU()]
        for unit in file:
            if unit.data is not None and unit.is_image:
                floats = unit.data.dtype.kind == "f" or unit.data.dtype.itemsize > 4
                units.append(
                    fits.CompImageHDU(
                        unit.data, unit.header, compression_type="GZIP_2" if floats else "RICE_1",
                        quantize_level=0,
                    )
                )  # fmt: skip
        fits.HDUList(units).writeto(made)
    return [made.getvalue()]


def from_fits(path: Path, packed: Packed) -> None:
    (data,) = packed
    with fits.open(path, do_not_scale_image_data=True) as file:
        expected = [unit.data for unit in file if unit.data is not None and unit.is_image]
        with fits.open(io.BytesIO(data), do_not_scale_image_data=True) as again:
            for unit, pixels in zip(again[1:], expected, strict=True):
                assert np.array_equal(unit.data, pixels, equal_nan=pixels.dtype.kind == "f")


def to_jpeg_ls(path: Path) -> Packed:
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array
    others = path.stat().st_size - len(dataset.PixelData)
    frames = int(dataset.get("NumberOfFrames", 1))
    unsigned = pixels.view(f"u{pixels.itemsize}").reshape(frames, *pixels.shape[frames > 1 :])
    coded = [bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(one))) for one in unsigned]
    return [*coded, bytes(max(others, 0))]


def from_jpeg_ls(path: Path, packed: Packed) -> None:
    *coded, _ = packed
    pixels = pydicom.dcmread(path).pixel_array
    frames = np.concatenate([imagecodecs.jpegls_decode(data).ravel() for data in coded])
    assert np.array_equal(frames, pixels.ravel().view(frames.dtype))


def data_sets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    file.visititems(visit)
    return found


def to_hdf5(path: Path) -> Packed:
    made = io.BytesIO()
    with h5py.File(path) as file, h5py.File(made, "w") as other:
        for name, found in data_sets(file).items():
            filters = {"shuffle": True, "compression": 9} if found.shape else {}
            other.create_dataset(name, data=found[()], chunks=found.chunks, **filters)
    return [made.getvalue()]


def from_hdf5(path: Path, packed: Packed) -> None:
    (data,) = packed
    with h5py.File(path) as file, h5py.File(io.BytesIO(data)) as other:
        for name, found in data_sets(file).items():
            np.testing.assert_array_equal(found[()], other[name][()])


def to_xz(path: Path) -> Packed:
    return [lzma.compress(path.read_bytes(), preset=9)]


def from_xz(path: Path, packed: Packed) -> None:
    (data,) = packed
    assert lzma.decompress(data) == path.read_bytes()


OWN: dict[str, tuple[str, Pack, Callable[[Path, Packed], None]]] = {
    "TIFF": ("OME-Zarr, Blosc", to_zarr, from_zarr),
    "NIfTI": ("gzip -9", to_gzip, from_gzip),
    "NRRD": ("gzip -9", to_gzip, from_gzip),
    "MRC": ("gzip -9", to_gzip, from_gzip),
    "FITS": ("fpack's, by astropy", to_fits, from_fits),
    "DICOM": ("JPEG-LS", to_jpeg_ls, from_jpeg_ls),
    "HDF5": ("shuffle, gzip 9", to_hdf5, from_hdf5),
    "slide": ("xz -9", to_xz, from_xz),
}


def label_of(path: Path) -> str | None:
    """That of the file's format in `OWN`."""
    with path.open("rb") as file:
        start = file.read(formats.START)
    if start.startswith(b"\x89HDF\r\n"):
        return "HDF5"
    found = formats.picture_format(start)
    if found is not None and found.label == "TIFF":
        with tifffile.TiffFile(path) as tiff:
            if max(tiff.pages, key=lambda page: page.size).compression == tifffile.COMPRESSION.JPEG:
                return "slide"
    return None if found is None else found.label


def write_formats(volume: Path, slices: int, folder: Path) -> None:
    """Writes the middle slices of a volume as int16 in each format."""
    image: Any = nibabel.load(volume)
    whole = np.asanyarray(image.dataobj).T
    first = (len(whole) - slices) // 2
    voxels = np.ascontiguousarray(whole[first : first + slices]).astype("<i2")
    page: dict[str, Any] = {"photometric": "minisblack", "compression": "zlib", "tile": (64, 64)}
    with tifffile.TiffWriter(folder / "x.ome.tif") as tiff:
        tiff.write(voxels, subifds=2, metadata={"axes": "ZYX"}, **page)
        for step in (2, 4):
            tiff.write(voxels[:, ::step, ::step], subfiletype=1, **page)
    nifti: Any = nibabel.Nifti1Image
    nifti(voxels.T, np.eye(4), dtype=np.int16).to_filename(folder / "x.nii")
    nrrd.write(str(folder / "x.nrrd"), voxels, {"encoding": "raw"}, index_order="C")
    with mrcfile.new(folder / "x.mrc") as file:
        file.set_data(voxels)
    fits.PrimaryHDU(voxels).writeto(folder / "x.fits")
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("voxels", data=voxels, chunks=(1, *voxels.shape[1:]), compression=4)
    columns = max(slices // 4, 1)
    rows = [np.concatenate(list(voxels[n : n + columns]), 1) for n in range(0, slices, columns)]
    whole = np.concatenate([row for row in rows if row.shape == rows[0].shape])
    grey = (whole.astype(float) * (255 / max(whole.max(), 1))).clip(0, 255).astype("u1")
    tiles: dict[str, Any] = {"tile": (256, 256), "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(folder / "slide.svs") as tiff:
        for step in (1, 4):
            tiff.write(np.stack([grey[::step, ::step]] * 3, -1), photometric="rgb", **tiles)
    series = "1.2.3.4"
    for number, pixels in enumerate(voxels):
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.SOPClassUID = pydicom.uid.MRImageStorage
        dataset.SOPInstanceUID = f"{series}.{number}"
        dataset.SeriesInstanceUID, dataset.InstanceNumber = series, number
        dataset.ImagePositionPatient = [0, 0, number]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 1
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = act()
    return result, time.process_time() - start


def by_bitsback(paths: list[Path]) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        archive, there, here = (Path(place, name) for name in ("x.bb", "in", "out"))
        there.mkdir()
        for number, path in enumerate(paths):
            shutil.copy(path, there / f"{number}-{path.name}")
        _, packing = timed(lambda: bitsback.compress(there, archive, embed="never"))
        _, unpacking = timed(lambda: bitsback.decompress(archive, here))
        for path in there.iterdir():
            if (here / path.name).read_bytes() != path.read_bytes():
                raise SystemExit(f"{path.name}: was not restored")
        return {
            "bitsback": archive.stat().st_size,
            "seconds": round(packing, 2),
            "back": round(unpacking, 2),
        }


def by_its_own(label: str, paths: list[Path]) -> dict[str, Any]:
    name, pack, unpack = OWN[label]
    packed, packing = timed(lambda: [pack(path) for path in paths])

    def back() -> None:
        for path, data in zip(paths, packed, strict=True):
            unpack(path, data)

    _, unpacking = timed(back)
    return {
        "its own": name,
        "own bytes": sum(len(data) for each in packed for data in each),
        "own seconds": round(packing, 2),
        "own back": round(unpacking, 2),
    }


def main() -> None:
    parser = arguments(__doc__, "folders of files, or volumes of NIfTI in gzip containers")
    parser.add_argument("--slices", type=int, default=24, help="of a volume (default: 24)")
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        for number, data in enumerate(options.data):
            if data.is_file():
                options.data[number] = Path(place, str(number))
                options.data[number].mkdir()
                write_formats(data, options.slices, options.data[number])
        report("Files of instruments", rows_of(options.data), [], options.json)


def rows_of(folders: list[Path]) -> list[dict[str, Any]]:
    kinds: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            label = label_of(path)
            if label in OWN:
                kinds[label].append(path)
    return [
        {"format": label, "files": len(paths), "bytes": sum(p.stat().st_size for p in paths)}
        | by_bitsback(paths)
        | by_its_own(label, paths)
        for label, paths in kinds.items()
    ]


if __name__ == "__main__":
    main()
