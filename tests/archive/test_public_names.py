"""The public view of an open archive: names, representations, pictures, and the interface to
NumPy.
"""

from __future__ import annotations

import io
import pydoc
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive import archive as archive_module
from bitsback.archive.arrays.indexed import MOST_SHOWN
from bitsback.archive.container.sections import Blocks
from folders import save

NAMES = [
    "attrs", "cache", "chunks", "classes", "close", "closed", "dims", "dtype", "extract",
    "file_bytes", "hashes", "info", "kind", "labels", "lost", "name", "names", "nbytes", "ndim",
    "open", "preview", "problems", "reader", "series", "shape", "size", "unordered", "verify",
]  # fmt: skip


def opened(array: np.ndarray) -> bitsback.Archive:
    file = io.BytesIO()
    bitsback.compress(array, file)
    return bitsback.open(file)


def drawn(png: bytes | None) -> Image.Image:
    assert png is not None
    return Image.open(io.BytesIO(png))


def test_names_of_an_archive() -> None:
    """Each addition or removal of a name is a decision."""
    with opened(np.zeros((3, 4, 5), np.uint8)) as archive:
        assert [name for name in dir(archive) if not name.startswith("_")] == NAMES
        undocumented = [name for name in NAMES if not hasattr(archive, name)]
        assert not undocumented


def test_names_of_what_is_in_an_archive(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.png")
    bitsback.compress(tmp_path, tmp_path.parent / "some.bb")
    with bitsback.open(tmp_path.parent / "some.bb") as archive:
        names = {name for name in dir(archive["a.png"]) if not name.startswith("_")}
        of_arrays = {"attrs", "chunks", "dims", "dtype", "nbytes", "ndim", "shape", "size"}
        assert names <= of_arrays | {"levels", "name", "pages", "read"}


@pytest.mark.parametrize("module", [bitsback, bitsback.codecs])
def test_signatures_name_the_types_of_arrays(module: ModuleType) -> None:
    """`help` shows `ArrayLike` and `NDArray`, and not what these stand for."""
    for name in module.__all__:
        if not isinstance(thing := getattr(module, name), ModuleType):
            text = pydoc.render_doc(thing, renderer=pydoc.plaintext)
            assert not re.search(r"numpy\._typing|_SupportsArray|numpy\.ndarray\[", text), name


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (0, 4), ()])
def test_an_archive_is_as_large_as_its_array(shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, np.int16)
    with opened(array) as archive:
        assert np.size(archive) == archive.size == array.size
        assert np.shape(archive) == array.shape and np.ndim(archive) == array.ndim
        assert archive.nbytes == array.nbytes and archive.file_bytes > 0


def test_files_have_no_size_as_an_array_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive.file_bytes == (tmp_path / "x.bb").stat().st_size
        with pytest.raises(bitsback.InputError, match="contains files, not one array"):
            _ = archive.size


@pytest.mark.parametrize(
    ("array", "size"),
    [
        (np.tile(np.arange(40, dtype=np.uint8), (30, 1)), (40, 30)),
        (np.tile(np.arange(40.0), (30, 1)), (40, 30)),
        (np.zeros((30, 40, 3), np.uint8), (40, 30)),
        (np.zeros((1000, 30, 40), np.uint16), (8 * 42, 3 * 32)),
        (np.ones((3, 30, 40), bool), (3 * 42, 32)),
        (np.zeros((2, 30, 40, 3), np.uint8), (2 * 42, 32)),
    ],
)
def test_a_notebook_shows_images(array: np.ndarray, size: tuple[int, int]) -> None:
    with opened(array) as archive:
        assert drawn(archive._repr_png_()).size == size
        html = archive._repr_html_()
        assert "data:image/png" in html and f"{archive.file_bytes:,}" in html
    assert archive._repr_png_() is None, "it is closed"


def test_an_image_is_shown_as_it_is() -> None:
    picture = np.add.outer(np.arange(30), np.arange(40)).astype(np.uint8)
    with opened(picture) as archive:
        assert np.array_equal(np.asarray(drawn(archive._repr_png_()).convert("L")), picture)


@pytest.mark.parametrize("array", [np.arange(9), np.zeros((0, 5, 5), np.uint8), np.array(3)])
def test_a_notebook_shows_no_image_of_what_is_none(array: np.ndarray) -> None:
    with opened(array) as archive:
        assert archive._repr_png_() is None
        assert "<img" not in archive._repr_html_()


def test_a_sheet_of_files(tmp_path: Path) -> None:
    """Only picture files are shown, and names are escaped as text."""
    source = tmp_path / "in"
    for number in range(MOST_SHOWN + 5):
        save(np.full((8, 9 + number % 2), number, np.uint8), source / f"{number:02}.png")
    (source / "00.txt").write_text("no picture")
    bitsback.compress(source, tmp_path / "<b>.bb")
    with bitsback.open(tmp_path / "<b>.bb") as archive:
        assert drawn(archive._repr_png_()).size == (8 * 12, 3 * 10)
        assert "<b>.bb" not in archive._repr_html_()
        assert drawn(archive["03.png"]._repr_png_()).size == (10, 8)
        assert archive["00.txt"]._repr_png_() is None


def test_a_sheet_takes_bounded_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Previews stand for pictures, and without them pictures are decoded up to a bound."""
    decoded = []
    for number in range(3):
        rows = np.add.outer(np.arange(300), np.arange(400)) // (3 + number)
        Image.fromarray(rows.astype(np.uint8)).save(tmp_path / f"{number}.png")
    sources = sorted(tmp_path.glob("*.png"))
    bitsback.compress(sources, tmp_path / "with.bb", previews=True, model="fast")
    bitsback.compress(sources, tmp_path / "without.bb", model="fast")
    decode = Blocks.decode_at
    monkeypatch.setattr(
        Blocks,
        "decode_at",
        lambda self, tile, stop=None: decoded.append(tile) or decode(self, tile, stop),
    )
    monkeypatch.setattr(archive_module, "MOST_ELEMENTS", 300 * 400 * 2)
    with bitsback.open(tmp_path / "with.bb") as archive:
        assert drawn(archive._repr_png_()).size[0] == 3 * 66
        assert not decoded and "alt='the first images in" in archive._repr_html_()
    with bitsback.open(tmp_path / "without.bb") as archive:
        assert drawn(archive._repr_png_()).size[0] == 2 * 66 and decoded


def test_what_has_a_model_is_given_as_one() -> None:
    """Like the result of `bitsback_train.portable.build`."""

    class Made:
        model = bitsback.load_model("mnist-binary")

    digits = np.zeros((10, 28, 28), bool)
    file = io.BytesIO()
    assert bitsback.compress(digits, file, model=Made()).model == "mnist-binary"
    assert np.array_equal(bitsback.decompress(file, model=Made()), digits)
    data = bitsback.encode(digits, model=Made())
    assert np.array_equal(bitsback.decode(data, model=Made()), digits)


def test_summaries_say_what_went_through() -> None:
    file = io.BytesIO()
    digits = np.zeros((10, 28, 28), bool)
    assert repr(bitsback.compress(digits, file, model="mnist-binary")) == (
        f"<Compressed: 10 x 28 x 28 |b1, 7,840 bytes to {len(file.getvalue())} in 1 block,"
        " model mnist-binary>"
    )
    assert repr(bitsback.load_model("mnist-binary")).startswith("<Model mnist-binary: 28 x 28, 2")
