"""Manifests that no writer makes are refused, naming the wrong field."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

import bitsback
from bitsback.dask import from_archive, to_archives


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    array = da.from_array(np.arange(24, dtype=np.uint8).reshape(6, 2, 2), chunks=2)
    return Path(to_archives(array, folder, shard=3).manifest)


def test_what_is_no_manifest(tmp_path: Path) -> None:
    for text, said in [
        ("", "this is no manifest of shards"),
        ("[" * 100_000, "this is no manifest of shards"),
        ("[]", "does not say that it is one"),
        ('{"format": "bitsback shards", "version": 2}', "update bitsback"),
        ('{"format": "bitsback shards", "version": 1}', "has no field 'kind'"),
    ]:
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(bitsback.ArchiveError, match=rf"m\.json: .*{said}"):
            from_archive(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("kind",), "else", "its kind"),
        (("shards",), [], "lists no shards"),
        (("shape",), [7, 2, 2], "do not have the shape"),
        (("model",), {"identity": "0" * 64, "file": "../model"}, "its model is not in a file"),
        (("model",), {"identity": "x", "file": None}, "'identity' is no SHA-256"),
        (("shards", 1), 7, "shard 1: is no object"),
        (("shards", 1, "file"), "../part-1.bb", "shard 1: its file '../part-1.bb' is not in the"),
        (("shards", 1, "file"), "a/part-1.bb", "shard 1: its file"),
        (("shards", 1, "bytes"), True, "'bytes' is no number"),
        (("shards", 1, "bytes"), -1, "'bytes' is no number"),
        (("shards", 1, "sha256"), "0" * 63, "'sha256' is no SHA-256"),
        (("shards", 1, "dtype"), "|O8", "not one that an archive can hold"),
        (("shards", 1, "dtype"), "|b1", "does not go with the first"),
        (("shards", 1, "shape"), [3, 2], "does not go with the first"),
        (("shards", 1, "shape"), [3.0, 2, 2], "'shape' is no list of numbers"),
        (("shards", 0, "shape"), [], "does not go with the first"),
    ],
)
def test_fields_that_no_writer_makes(
    where: tuple[Any, ...], value: Any, said: str, manifest: Path, tmp_path: Path
) -> None:
    fields = copy.deepcopy(json.loads(manifest.read_bytes()))
    inner = fields
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    (tmp_path / "m.json").write_text(json.dumps(fields))
    with pytest.raises(bitsback.ArchiveError, match=rf"m\.json: .*{said}"):
        from_archive(tmp_path / "m.json")


def test_a_shard_that_is_not_the_one_of_the_manifest(manifest: Path) -> None:
    shard = manifest.parent / "part-1.bb"
    data = shard.read_bytes()
    bitsback.compress(np.zeros((3, 2, 2), np.uint8), shard, force=True)
    try:
        with pytest.raises(bitsback.ArchiveError, match="is not what its manifest describes"):
            from_archive(manifest)
        lazy = from_archive(manifest, chunks="archive")
        with pytest.raises(bitsback.ArchiveError, match=r"part-1\.bb: is not what its manifest"):
            lazy.compute(scheduler="sync")
    finally:
        shard.write_bytes(data)


def test_a_manifest_that_is_damaged_is_replaced_only_if_that_was_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    array = da.zeros((4, 2, 2), dtype=np.uint8)
    with pytest.raises(bitsback.ArchiveError, match="this is no manifest of shards"):
        to_archives(array, tmp_path)
    done = to_archives(array, tmp_path, force=True)
    assert from_archive(done.manifest).shape == (4, 2, 2)


def test_settings_are_the_options_that_decide_the_bytes_of_shards(manifest: Path) -> None:
    settings = json.loads(manifest.read_text())["settings"]
    assert settings == {
        "model": "auto", "block": None, "tile": None, "stack": None, "purpose": "storage",
        "files": "pixels",
    }  # fmt: skip


@pytest.mark.parametrize(
    "option",
    [
        {"unordered": True},
        {"labels": "y"},
        {"hashes": "sha256"},
        {"resume": True},
        {"previews": True},
        {"parity": 5},
    ],
)
def test_options_of_one_archive_are_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    [name] = option
    with pytest.raises(bitsback.InputError, match=name):
        to_archives(da.zeros((4, 2, 2), dtype=np.uint8), tmp_path, **option)
    assert not list(tmp_path.iterdir())
