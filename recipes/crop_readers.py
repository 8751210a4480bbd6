"""Reads the pictures of `crops.py`. Each reader yields arrays of 8 bits of a file or a folder:
pictures, [rows, columns] or [rows, columns, channels], or stacks, [slices, rows, columns]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import tifffile
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

WINDOWS = ((-160, 240), (-500, 1300), (-1000, 400))
"""Ranges of CT in Hounsfield units for soft tissue, bone and lung."""
PHOTO_REDUCTION = 4
PAGE_REDUCTIONS = (2, 2.6, 3, 3.6, 4)
PAGE_SIDE = 700  # smaller bilevel pictures are not pages
LARGE_SLICE = 512  # slices of as many rows and columns are also halved


def picture(path: Path) -> Iterator[Pixels]:
    """Drops constant alpha, and two of three equal channels. Skips more than 8 bits."""
    image: Image.Image = Image.open(path)
    if image.mode in ("P", "LA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "RGB", "RGBA"):
        return
    values = np.asarray(image)
    if image.mode == "RGBA" and np.ptp(values[..., 3]) == 0:
        values = values[..., :3]
    if values.shape[2:] == (3,) and (values == values[..., :1]).all():
        values = values[..., 0]
    yield values


def grey(path: Path) -> Iterator[Pixels]:
    return (values for values in picture(path) if values.ndim == 2)


def colour(path: Path) -> Iterator[Pixels]:
    return (values for values in picture(path) if values.ndim == 3)


def photo(path: Path) -> Iterator[Pixels]:
    yield np.asarray(Image.open(path).reduce(PHOTO_REDUCTION))


def grey_photo(path: Path) -> Iterator[Pixels]:
    yield np.asarray(Image.open(path).reduce(PHOTO_REDUCTION).convert("L"))


def page(path: Path) -> Iterator[Pixels]:
    """Converts pictures to grey, and bilevel ones to scans in grey at lower resolutions."""
    for values in picture(path):
        image = Image.fromarray(values).convert("L")
        if len(np.unique(values)) > 2:
            yield np.asarray(image)
        elif min(image.size) >= PAGE_SIDE:
            for factor in PAGE_REDUCTIONS:
                columns, rows = (round(side / factor) for side in image.size)
                yield np.asarray(image.resize((columns, rows), Image.Resampling.BICUBIC))


def channels(path: Path) -> Iterator[Pixels]:
    """Reads a TIFF file whose axis of two to four channels is first or last."""
    values = tifffile.imread(path)
    yield np.moveaxis(values, 0, 2) if len(values) <= 4 else values


def stack(path: Path) -> Iterator[Pixels]:
    """Reads a TIFF file of slices, or a folder with a TIFF file for each slice."""
    slices = sorted(path.glob("*.tif")) if path.is_dir() else [path]
    parts = [tifffile.imread(file) for file in slices]
    values = np.concatenate([part.reshape(-1, *part.shape[-2:]) for part in parts])
    if values.max() <= 255:
        yield values.astype(np.uint8)


def series(path: Path) -> NDArray[np.float32]:
    """[slices, rows, columns] of DICOM files in the unit of the modality, sorted by time and place.

    Slices have the most frequent shape. A twelfth is left out at both ends.
    """
    found = []
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if not pydicom.misc.is_dicom(file):
            continue
        data = pydicom.dcmread(file)
        if "PixelData" not in data:
            continue
        values = data.pixel_array * np.float32(data.get("RescaleSlope", 1))
        values += np.float32(data.get("RescaleIntercept", 0))
        axes, origin = data.get("ImageOrientationPatient"), data.get("ImagePositionPatient")
        height = float(np.cross(axes[:3], axes[3:]) @ origin) if axes and origin else 0.0
        key = (data.get("TemporalPositionIdentifier", 0), height, data.get("InstanceNumber", 0))
        found.append((key, values))
    shape = Counter(values.shape for _, values in found).most_common(1)[0][0]
    found = sorted((one for one in found if one[1].shape == shape), key=lambda one: one[0])
    ends = len(found) // 12
    return np.stack([values for _, values in found[ends : len(found) - ends]])


def scaled(values: NDArray[np.float32], low: float, high: float) -> Iterator[Pixels]:
    """Maps a range to 0 to 255. Also halves large slices."""
    values = np.clip((values - low) * (255 / (high - low)) + 0.5, 0, 255)
    yield values.astype(np.uint8)
    slices, rows, columns = values.shape
    if min(rows, columns) >= LARGE_SLICE:
        values = values[:, : rows // 2 * 2, : columns // 2 * 2]
        blocks = values.reshape(slices, rows // 2, 2, columns // 2, 2)
        yield blocks.mean((2, 4)).astype(np.uint8)


def ct(path: Path) -> Iterator[Pixels]:
    values = series(path)
    for low, high in WINDOWS:
        yield from scaled(values, low, high)


def mr(path: Path) -> Iterator[Pixels]:
    values = series(path)
    yield from scaled(values, 0, max(float(np.percentile(values, 99)), 1))
