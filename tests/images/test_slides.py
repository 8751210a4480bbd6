"""Whole slides: TIFF files with their largest page in JPEG tiles, beside tifffile."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import bitsback
from bitsback.errors import InputError
from bitsback.files.tiff import slides
from slide_files import LAYOUTS, SLIDE, Pixels, page_of, with_damaged_tile


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    (folder / "in").mkdir()
    for name, (write, *_) in LAYOUTS.items():
        write(folder / "in" / name)
    bitsback.compress(folder / "in", folder / "in.bb", model="fast")
    return folder / "in.bb"


@pytest.mark.parametrize("name", LAYOUTS)
def test_levels_and_pages_are_those_of_tifffile(archive: Path, name: str) -> None:
    _, levels, pages, steps = LAYOUTS[name]
    with bitsback.open(archive) as opened, tifffile.TiffFile(archive.parent / "in" / name) as tiff:
        view = opened[name]
        assert view.dims == ("y", "x", "c")
        assert dict(view.attrs.get("spacing", {})) == pytest.approx(steps)
        for level, number in zip(view.levels, levels, strict=True):
            assert np.array_equal(level, page_of(tiff, number).asarray())
            for axis, place in (("y", 0), ("x", 1)):
                if steps:
                    step = steps[axis] * SLIDE.shape[place] / level.shape[place]
                    assert level.attrs["spacing"][axis] == pytest.approx(step)
        assert {*view.pages} == {*pages}
        for title, number in pages.items():
            assert np.array_equal(view.pages[title], page_of(tiff, number).asarray())


def test_nothing_is_decoded_before_it_is_needed(archive: Path) -> None:
    with bitsback.open(archive) as opened:
        view = opened["inside.ome.tif"]
        assert opened.reader.cache.nbytes == 0
        assert view.shape == SLIDE.shape and opened.reader.cache.nbytes > 0


@pytest.mark.parametrize("name", LAYOUTS)
def test_files_are_restored_byte_for_byte(archive: Path, name: str) -> None:
    with bitsback.open(archive) as opened:
        assert opened.open(name).read() == (archive.parent / "in" / name).read_bytes()


@pytest.mark.parametrize(
    "index",
    [
        (slice(60, 70), slice(120, 132)),
        (slice(None, None, -7), slice(5, None, 3), 1),
        ([5, 300, 64, 5],),
        (387, 515),
        (slice(0, 0),),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["aperio.svs", "inside.ome.tif"])
def test_regions_are_those_of_the_whole(archive: Path, name: str, index: Any) -> None:
    with bitsback.open(archive) as opened:
        assert np.array_equal(opened[name][index], np.asarray(opened[name])[index])


@pytest.mark.parametrize("name", ["aperio.svs", "inside.ome.tif"])
def test_a_region_decodes_its_tiles_only(
    archive: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[tuple[int, int]] = []
    decode = slides.JpegPixels._decode

    def counted(self: slides.JpegPixels, row: int, column: int) -> Pixels:
        decoded.append((row, column))
        return decode(self, row, column)

    monkeypatch.setattr(slides.JpegPixels, "_decode", counted)
    with bitsback.open(archive) as opened:
        view = opened[name]
        assert view.chunks[0][:2] == (64, 64)
        assert view[130:190, 60:70].shape == (60, 10, 3)
    assert decoded == [(2, 0), (2, 1)]


def test_a_damaged_tile_is_an_error_that_names_it(tmp_path: Path) -> None:
    with_damaged_tile(tmp_path / "slide.tif")
    bitsback.compress(tmp_path / "slide.tif", tmp_path / "slide.bb", model="fast")
    with bitsback.open(tmp_path / "slide.bb") as archive:
        view = archive["slide.tif"]
        assert view[:64, :64].shape == (64, 64, 3)
        with pytest.raises(InputError, match=r"slide\.tif: the JPEG tile in row 1 and column 1 of"):
            view[64:65, 64:65]


def random_damage(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(random.integers(1, 12)):
        changed[random.integers(len(data))] = random.integers(256)
    return bytes(changed)


class InMemory:
    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("name", ["aperio.svs", "plain.tif"])
def test_damaged_slides_are_pixels_or_errors(archive: Path, name: str) -> None:
    data = (archive.parent / "in" / name).read_bytes()
    random = np.random.default_rng(5)
    found = 0
    for _ in range(60):
        slide = slides.slide_of(InMemory(random_damage(data, random)), name)
        for page in () if slide is None else (*slide.levels, *slide.others):
            with suppress(InputError):
                assert page.pixels.segment(0, 0).dtype == page.pixels.dtype
                found += 1
    assert found > 50


def test_a_tiff_file_without_jpeg_is_no_slide() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, SLIDE, tile=(64, 64), photometric="rgb")
    assert slides.slide_of(InMemory(file.getvalue()), "a.tif") is None
