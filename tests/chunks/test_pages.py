"""The codecs' docstrings and the draft of their registration are correct."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

import bitsback
import bitsback.hdf5
import bitsback.numcodecs
import bitsback.zarr
from bitsback import array_bytes
from bitsback.zarr import BitsbackCodec

DOCS = Path(__file__).parents[2] / "docs"
EXTENSION = DOCS / "zarr-extension"
GOLDEN = Path(__file__).parent / "golden"
SCHEMA: Any = json.loads((EXTENSION / "schema.json").read_text())


@pytest.mark.parametrize(
    "module",
    [array_bytes, bitsback.zarr, bitsback.numcodecs, bitsback.hdf5],
    ids=lambda module: module.__name__,
)
def test_the_docstrings_show_what_is_so(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted and not results.failed


def test_what_is_written_is_valid(tmp_path: Path) -> None:
    for codec in (
        BitsbackCodec(model="mnist", axes="yx"),
        BitsbackCodec(model=["universal", "bilevel"]),
    ):
        jsonschema.validate(codec.to_dict(), SCHEMA)
    metadata = json.loads((GOLDEN / "volume.zarr" / "zarr.json").read_text())
    jsonschema.validate(metadata["codecs"][0], SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": [{"name": "mnist"}]},
        {"models": [{"identity": "00"}]},
        {"models": [], "axes": "tyx"},
        {"models": [], "levels": 3},
    ],
)
def test_what_is_refused_is_not_valid(wrong: Any) -> None:
    entry = {"name": "bitsback", "configuration": wrong}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(entry, SCHEMA)
    with pytest.raises(bitsback.BitsbackError, match=r"model|axes|configuration"):
        BitsbackCodec.from_dict(entry)


def test_the_example_is_metadata_that_decode() -> None:
    """The example is the metadata of one of the golden arrays."""
    example = json.loads((EXTENSION / "examples" / "zarr.json").read_text())
    assert example == json.loads((GOLDEN / "volume.zarr" / "zarr.json").read_text())
