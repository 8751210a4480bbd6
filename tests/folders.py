"""Folders of files: `in` is compressed into `x.bb`, which is restored to `out`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.summary import Compressed


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def save(array: NDArray[Any], path: Path, **options: Any) -> None:
    """Writes a picture, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def contents_of(folder: Path) -> dict[str, bytes]:
    """The files by their names, sorted. Hidden files are among them."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return dict(sorted((path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths))


def assert_restored(
    place: Path, contents: Mapping[str, bytes] | None = None, **options: Any
) -> Compressed:
    """All files return byte for byte, of the folder `in` with these contents or its own."""
    write_files(place / "in", contents or {})
    summary = bitsback.compress(place / "in", place / "x.bb", **options)
    bitsback.decompress(place / "x.bb", place / "out")
    assert contents_of(place / "out") == contents_of(place / "in")
    return summary
