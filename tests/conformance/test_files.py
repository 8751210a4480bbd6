"""The program restores each conformance file to what the specification makes of it, and refuses
what the specification refuses.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.archive.arrays.stored import Stored
from bitsback.format.layout import MODEL, open_section
from bitsback.models import bundled
from bitsback.models.embed import unpack_model
from docs.blocks import ROOT

FOLDER = ROOT / "conformance"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


def array_entry(array: NDArray[Any]) -> dict[str, Any]:
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": content}


def bytes_entry(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest()}


def restored(path: Path, made: Collection[str] = ()) -> dict[str, Any]:
    """made: the files of pictures whose bytes are wanted, too."""
    data = path.read_bytes()
    if data[:1] == b"\xbb":
        return {"array": array_entry(bitsback.decode(data))}
    with bitsback.open(data) as archive:
        for _, problem in archive.verify():
            raise problem
        if archive.kind not in ("folder", "npz", "tiff"):
            return {"array": array_entry(np.asarray(archive))}
        files = dict(files_of(archive, made))
    if "file.tif" in made:
        out = io.BytesIO()
        bitsback.decompress(data, out)
        files["file.tif"] = bytes_entry(out.getvalue())
    return {"files": files}


def files_of(archive: Any, made: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(len(archive)):
        item = archive[number]
        name = archive.names[number] if archive.names else str(number)
        if isinstance(item, Stored):
            if archive.kind == "tiff":  # it is file.tif, as it was
                continue
            yield name, bytes_entry(item.read())
            continue
        picture = archive.reader.file_source(number)  # with frames below each other
        yield f"{name}.npy", array_entry(picture.whole())
        if name in made:
            yield name, bytes_entry(archive.open(name).read())


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
            assert restored(path, wanted.get("files", ())) == wanted


def test_one_file_has_all_bundled_models() -> None:
    """Whole, so that nothing else is needed."""
    with bitsback.open(FOLDER / "valid/bundled-models.bb") as archive:
        reader = archive.reader
        sections = [reader.file.read_place(place) for place in reader.directory.places(MODEL)]
        assert list(archive.names or ()) == list(bundled.names())
    models = [unpack_model(open_section(one, MODEL), lambda prefix: None) for one in sections]
    assert [model.to_bytes() for model in models] == list(map(bundled.content, bundled.names()))


def test_each_section_has_files() -> None:
    """Whatever the pages about the formats say is reached by some file: each numbered section."""
    reached = {section for entry in INDEX for section in entry["sections"]}
    names = ("format", "model-format", "jpeg-format")
    pages = [(ROOT / "docs" / f"{name}.md").read_text() for name in names]
    sections = {
        found for page in pages for found in re.findall(r"^##+ ([AMJ][0-9.]+)\. ", page, re.M)
    }
    assert len(INDEX) > 200 and sections == reached
