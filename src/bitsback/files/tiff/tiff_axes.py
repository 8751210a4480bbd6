"""The axes of the pages of a TIFF file, by the descriptions of OME and ImageJ, which tifffile reads
in the container metadata.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby, islice, takewhile
from typing import Any

from bitsback.errors import ArchiveError
from bitsback.files.axes import PAGE, Axes, C, Level, T, X, Y, Z, plain_axes
from bitsback.files.sheet import sheet_of_pages
from bitsback.files.tiff.structure import opened
from bitsback.files.tiff.tiff_metadata import Tiff
from bitsback.format.grid import Shape
from bitsback.io.range_file import range_file

_NAMES = {"T": T, "Z": Z, "C": C, "Y": Y, "X": X, "S": "s", "I": PAGE, "Q": PAGE}
"""The names of axes by tifffile's letters; others are lower-case letters."""
_OME = {"X": X, "Y": Y, "Z": Z}
_MICRO = {"micron": "µm", "um": "µm", "\\u00B5m": "µm"}
"""Units that ImageJ spells in several ways."""
_MOST_TEXT = 256


class Headers:
    """The bytes of a TIFF file, with zeros for the segments that an archive has coded."""

    def __init__(self, metadata: Tiff) -> None:
        self._pieces = metadata.headers()
        self._starts = [at for at, _ in self._pieces]
        self.size = metadata.size

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes, or as many as there are."""
        end = min(offset + size, self.size)
        found = bytearray(max(end - offset, 0))
        for at, data in self._pieces[max(bisect_right(self._starts, offset) - 1, 0) :]:
            if at >= end:
                break
            first, last = max(at, offset), min(at + len(data), end)
            if first < last:
                found[first - offset : last - offset] = data[first - at : last - at]
        return bytes(found)

    def close(self) -> None:
        """Does nothing: the bytes are those of the metadata."""


def axes_of(metadata: Tiff, shape: Shape) -> Axes | None:
    """The axes of the first pages of a file, which are the largest. shape: of their sheet."""
    frames, inner = metadata.frames, shape[2:]
    count = sum(1 for _ in takewhile(lambda size: size == frames[0], frames))
    plain = plain_axes(count, PAGE, (count * frames[0][0], frames[0][1], *inner), {})
    assert plain is not None, "so many pages have these rows"
    try:
        with opened(range_file(Headers(metadata), "a TIFF file")) as tiff:
            return _axes_of_series(tiff, plain) or plain
    except (ArchiveError, MemoryError):
        raise
    except Exception:  # a damaged header may make tifffile raise any error
        return plain


def levels_of(metadata: Tiff, axes: Axes) -> list[Level]:
    """The pages of each size, the largest first, which have these axes."""
    places = iter(sheet_of_pages(metadata.frames)[0])
    found = [
        Level(_smaller(axes, len(list(pages)), size), [])
        for size, pages in groupby(metadata.frames)
    ]
    for level in found:
        level.places.extend(islice(places, math.prod(level.axes.frames)))
    return found


def _smaller(axes: Axes, count: int, size: Shape) -> Axes:
    """The axes of `count` pages of a size. axes: those of the largest pages."""
    row = axes.row
    if count != math.prod(axes.frames):
        plain = plain_axes(count, PAGE, (count * size[0], size[1], *axes.shape[row + 2 :]), {})
        assert plain is not None, "so many pages have these rows"
        return plain
    attrs = scaled_attrs(axes.attrs, axes.shape[row : row + 2], size)
    return replace(axes, shape=(*axes.frames, *size, *axes.shape[row + 2 :]), attrs=attrs)


def scaled_attrs(attrs: Mapping[str, Any], before: Shape, now: Shape) -> dict[str, Any]:
    """The facts about axes for pages of another size. before, now: beginning with the rows."""
    spacing = dict(attrs.get("spacing", {}))
    for axis, old, new in zip((Y, X), before, now, strict=False):
        if axis in spacing:
            spacing[axis] *= old / new
    return {**attrs, "spacing": spacing} if spacing else dict(attrs)


def _axes_of_series(tiff: Any, plain: Axes) -> Axes | None:
    """The axes of the only series of a file; None if its pages are not those of the picture, in
    their order.
    """
    if len(tiff.series) != 1:
        return None
    series = tiff.series[0]
    dims = tuple(_NAMES.get(letter, letter.lower()) for letter in series.axes)
    lengths = tuple(map(int, series.shape))
    if dims[-1:] == ("s",) and C not in dims:
        dims = (*dims[:-1], C)
    if len(set(dims)) < len(dims) or Y not in dims:
        return None
    found = Axes(dims, lengths, axis_attrs(tiff))
    pages = [page.index for page in series.pages if page is not None]
    in_order = series.is_truncated or pages == sorted(pages)
    return found if in_order and found.stored == plain.stored and _fits(found, plain) else None


def _fits(found: Axes, plain: Axes) -> bool:
    """Whether rows are the axis that follows the pages."""
    return found.shape[found.row :] == plain.shape[plain.row :]


def axis_attrs(tiff: Any) -> dict[str, Any]:
    """The facts about axes that a file states."""
    spacing, units, attrs = dict[str, float](), dict[str, str](), dict[str, Any]()
    if tiff.is_ome:
        pixels = _ome_pixels(tiff.ome_metadata)
        for axis, step, unit in _ome_steps(pixels):
            spacing[axis], units[axis] = step, unit
        attrs["channels"] = _ome_channels(pixels)
    elif tiff.is_imagej:
        found = tiff.imagej_metadata
        unit = _text(found.get("unit", ""))
        unit = _MICRO.get(unit, unit)
        resolution = {axis: _step(tiff.pages.first, tag) for axis, tag in ((X, 282), (Y, 283))}
        steps = {**resolution, Z: _positive(found.get("spacing"))}
        for axis, length in steps.items():
            if length is not None and unit not in ("", "pixel", "inch"):
                spacing[axis], units[axis] = length, unit
        interval = _positive(found.get("finterval"))
        if interval is not None:
            spacing[T], units[T] = interval, "s"
        low, high = (_number(found.get(name)) for name in ("min", "max"))
        if low is not None and high is not None and low < high:
            attrs["window"] = (low, high)
    attrs |= {"spacing": spacing, "units": units}
    return {name: value for name, value in attrs.items() if value}


def _ome_pixels(text: str) -> dict[str, Any]:
    """The description of the pixels of the first image of OME."""
    import tifffile

    image = tifffile.xml2dict(text)["OME"]["Image"]
    return dict((image[0] if isinstance(image, list) else image)["Pixels"])


def _ome_steps(pixels: dict[str, Any]) -> Iterator[tuple[str, float, str]]:
    """The axes of a file of OME, the distance of neighbours along each, and its unit."""
    for letter, axis in _OME.items():
        step = _positive(pixels.get(f"PhysicalSize{letter}"))
        if step is not None:
            yield axis, step, _text(pixels.get(f"PhysicalSize{letter}Unit", "µm"))
    step = _positive(pixels.get("TimeIncrement"))
    if step is not None:
        yield T, step, _text(pixels.get("TimeIncrementUnit", "s"))


def _ome_channels(pixels: dict[str, Any]) -> list[str]:
    """The names of the channels; none if one has no name."""
    channels = pixels.get("Channel", [])
    channels = channels if isinstance(channels, list) else [channels]
    names = [_text(channel.get("Name", "")) for channel in channels]
    return names if all(names) else []


def _step(page: Any, tag: int) -> float | None:
    """The distance of pixels by the resolution of a page, which is a fraction."""
    numerator, denominator = page.tags[tag].value if tag in page.tags else (0, 0)
    return _positive(denominator / numerator) if numerator else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    return str(value)[:_MOST_TEXT]
