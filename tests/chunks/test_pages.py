"""docs/zarr.md and the draft of the registration say what is so."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import pytest
import zarr

import bitsback
import bitsback.numcodecs
import bitsback.zarr
from bitsback.archive import array_bytes
from bitsback.zarr import BitsbackCodec

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "zarr.md").read_text(encoding="utf-8")
EXTENSION = DOCS / "zarr-extension"
GOLDEN = Path(__file__).parent / "golden"
SCHEMA: Any = json.loads((EXTENSION / "schema.json").read_text())


def test_the_examples_run_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(examples) >= 5
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "docs/zarr.md", "exec"), names)
    for name in ("volume.zarr", "sharded.zarr", "second.zarr"):
        found = zarr.open_array(tmp_path / name, mode="r")[...]
        assert (np.asarray(found) == names["volume"]).all()


@pytest.mark.parametrize(
    "module", [array_bytes, bitsback.zarr, bitsback.numcodecs], ids=lambda module: module.__name__
)
def test_the_docstrings_show_what_is_so(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted and not results.failed


@pytest.mark.parametrize("page", [DOCS / "zarr.md", EXTENSION / "README.md"], ids=str)
def test_what_it_links_to_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"(?:\]\(|^\[[^]]+\]: )([^)\s#]+)", text, re.MULTILINE)
    assert targets
    for target in targets:
        assert target.startswith("https:") or (page.parent / target).exists(), target


def test_what_is_written_is_valid(tmp_path: Path) -> None:
    for codec in (
        BitsbackCodec(model="mnist", axes="yx"),
        BitsbackCodec(model=["universal", "universal-bilevel"]),
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
    """They are those of an array among the golden ones."""
    example = json.loads((EXTENSION / "examples" / "zarr.json").read_text())
    assert example == json.loads((GOLDEN / "volume.zarr" / "zarr.json").read_text())
