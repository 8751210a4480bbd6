"""The program restores each conformance file to what the specification makes of it, and refuses
what the specification refuses.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.reading.maker import Stored
from docs.blocks import ROOT

FOLDER = ROOT / "conformance"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


def array_entry(array: NDArray[Any]) -> dict[str, Any]:
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": content}


def restored(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    if data[:1] == b"\xbb":
        return {"array": array_entry(bitsback.decode(data))}
    with bitsback.open(data) as archive:
        for _, problem in archive.verify():
            raise problem
        if archive.kind not in ("folder", "npz", "tiff"):
            return {"array": array_entry(np.asarray(archive))}
        return {"files": dict(files_of(archive))}


def files_of(archive: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(len(archive)):
        item = archive[number]
        name = archive.names[number] if archive.names else str(number)
        if isinstance(item, Stored):
            yield name, {"sha256": hashlib.sha256(item.read()).hexdigest()}
        else:
            yield f"{name}.npy", array_entry(np.asarray(item))


@pytest.mark.parametrize("entry", INDEX, ids=[entry["file"] for entry in INDEX])
def test_a_file(entry: dict[str, Any]) -> None:
    path = FOLDER / entry["file"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "refused" in entry:
            with pytest.raises(bitsback.BitsbackError):
                restored(path)
        else:
            wanted = {key: entry[key] for key in ("array", "files") if key in entry}
            assert restored(path) == wanted


def test_each_section_has_files() -> None:
    """Whatever the pages about the formats say is reached by some file."""
    reached = {section for entry in INDEX for section in entry["sections"]}
    assert len(INDEX) > 200 and len(reached) > 30
