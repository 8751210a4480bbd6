"""Every file of the zoo comes back from an archive of a folder, and TIFF files also alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import bitsback
from bitsback.archive.inputs import folders, request
from bitsback.compress_options import FilesAs

from . import animated_files, bitmap_files, library_files, png_files, tiff_files, tool_files
from .compared import difference
from .pictures import File

ZOO: dict[str, Callable[[], Iterator[File]]] = {
    "png": png_files.files,
    "animated": animated_files.files,
    "bitmap": bitmap_files.files,
    "library": library_files.files,
    "tiff": tiff_files.files,
    "tool": tool_files.files,
}
SAMPLED = {"png": 40, "animated": 12, "bitmap": 25, "library": 40, "tiff": 80, "tool": 12}
"""The number of files of each kind in a run. Writers refuse about a fifth of them."""


@pytest.fixture(autouse=True)
def by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes all possible pictures by their pixels, also where their files are smaller."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    monkeypatch.setattr(request.FolderFiles, "outgrown", lambda *_: frozenset())


def made(files: Iterable[File]) -> dict[str, bytes]:
    """The files' bytes by name, numbered so that all names differ."""
    found = ((number, name, make()) for number, (name, make) in enumerate(files))
    return {f"{number:04}-{name}": data for number, name, data in found if data is not None}


@pytest.fixture(scope="module")
def sample() -> dict[str, bytes]:
    files: list[File] = []
    for kind, count in SAMPLED.items():
        of_kind = list(ZOO[kind]())
        files += random.Random(kind).sample(of_kind, min(count, len(of_kind)))
    return made(files)


def told(faults: dict[str, str]) -> str:
    return "\n".join(f"{name}: {fault}" for name, fault in faults.items())


def check_folder(files: dict[str, bytes], place: Path, how: FilesAs) -> None:
    (place / "in").mkdir()
    for name, data in files.items():
        (place / "in" / name).write_bytes(data)
    bitsback.compress(place / "in", place / "a.bb", model="fast", files=how)
    with bitsback.open(place / "a.bb") as archive:
        assert archive.verify() == []
    bitsback.decompress(place / "a.bb", place / "out")
    faults = {}
    for name, data in files.items():
        again = (place / "out" / name).read_bytes()
        if how == "exact":
            fault = None if again == data else "other bytes"
        else:
            fault = difference(name, data, again)
        if fault is not None:
            faults[name] = fault
    assert not faults, told(faults)


def check_alone(files: dict[str, bytes], place: Path, how: FilesAs) -> None:
    """Checks a TIFF file alone. An unreadable one is refused and so not lost."""
    faults = {}
    for name, data in files.items():
        before, after = place / "in.tif", place / "out.tif"
        before.write_bytes(data)
        try:
            bitsback.compress(before, place / "a.bb", model="fast", files=how, force=True)
        except bitsback.InputError:
            continue
        bitsback.decompress(place / "a.bb", after, force=True)
        fault = difference(name, data, after.read_bytes())
        if how == "exact" and after.read_bytes() != data:
            fault = "other bytes"
        if fault is not None:
            faults[name] = fault
    assert not faults, told(faults)


@pytest.mark.parametrize("how", ["pixels", "exact"])
def test_a_sample_in_a_folder(sample: dict[str, bytes], tmp_path: Path, how: FilesAs) -> None:
    assert len(sample) > 120
    check_folder(sample, tmp_path, how)


def test_a_sample_of_tiff_on_its_own(sample: dict[str, bytes], tmp_path: Path) -> None:
    tiff = {name: data for name, data in sample.items() if name.endswith(".tif")}
    some = dict(list(tiff.items())[::3])
    check_alone(some, tmp_path, "pixels")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pixels", "exact"])
@pytest.mark.parametrize("kind", ZOO)
def test_all_in_a_folder(kind: str, how: FilesAs, tmp_path: Path) -> None:
    check_folder(made(ZOO[kind]()), tmp_path, how)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pixels", "exact"])
@pytest.mark.parametrize("kind", ["library", "tiff", "tool"])
def test_all_tiff_on_its_own(kind: str, how: FilesAs, tmp_path: Path) -> None:
    tiff = (file for file in ZOO[kind]() if file[0].endswith(".tif"))
    check_alone(made(tiff), tmp_path, how)


@pytest.mark.slow
def test_there_are_more_than_a_thousand() -> None:
    """Not counting files of tools, which may not be installed."""
    files = [
        name
        for kind in ("png", "animated", "bitmap", "library", "tiff")
        for name in made(ZOO[kind]())
    ]
    assert len(files) > 4000
    assert {name.rsplit(".")[-1] for name in files} >= {"png", "tif", "bmp", "ppm", "pgm", "pbm"}
