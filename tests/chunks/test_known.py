"""Unbundled models, found by their identity."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import bitsback
from bitsback.models import bundled, known
from bitsback.numcodecs import Bitsback
from bitsback.zarr import BitsbackCodec
from waiting import exit_code, forked


@pytest.fixture
def stranger(own_file: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The identity of a model that is in a file and not registered in this process."""
    identity = bitsback.load_model(own_file).identity
    monkeypatch.setattr(known, "_models", {})
    return identity


@pytest.mark.parametrize("given_as", ["model", "path", "text", "bytes"])
def test_a_registered_model_is_found(
    given_as: str, stranger: bytes, own_file: Path, own: bitsback.Model
) -> None:
    assert known.find(stranger[:16]) is None
    given = {
        "model": own,
        "path": own_file,
        "text": str(own_file),
        "bytes": own_file.read_bytes(),
    }[given_as]
    assert bitsback.register_model(given).identity == stranger
    found = known.find(stranger[:16])
    assert found is not None and found.identity == stranger


def test_registering_twice_keeps_the_first(own: bitsback.Model, own_file: Path) -> None:
    assert bitsback.register_model(own) is bitsback.register_model(own_file)


@pytest.mark.parametrize("by", ["file", "folder"])
def test_the_environment_names_files_and_folders(
    by: str, stranger: bytes, own_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"no model, which a folder may hold")
    entries = [str(tmp_path / "empty"), str(own_file if by == "file" else tmp_path)]
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("BITSBACK_MODELS", os.pathsep.join([*entries, ""]))
    found = known.find(stranger[:16])
    assert found is not None and found.identity == stranger
    assert known.find(stranger) is found


def test_a_file_that_comes_later_is_found(
    stranger: bytes, own_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("BITSBACK_MODELS", str(folder))
    assert known.find(stranger) is None
    own_file.rename(folder / "own.safetensors")
    assert known.find(stranger) is not None


def test_what_the_environment_names_and_cannot_be_read_is_an_error(
    stranger: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITSBACK_MODELS", str(tmp_path / "nowhere.safetensors"))
    with pytest.raises(bitsback.ModelError, match=r"nowhere.*BITSBACK_MODELS names: No such file"):
        known.find(stranger)
    (tmp_path / "nowhere.safetensors").write_bytes(b"no model")
    with pytest.raises(bitsback.ModelError, match=r"nowhere.*BITSBACK_MODELS names: this is no"):
        known.find(stranger)


def test_it_does_not_matter_to_models_that_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITSBACK_MODELS", "nowhere")
    monkeypatch.setattr(known, "_models", {})
    assert known.find(bundled.identity("mnist")) is bundled.load("mnist")


def test_archives_find_models_in_the_same_places(
    drawn: NDArray[np.uint8], own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    bitsback.compress(drawn, file, model=own_file, embed="never")
    monkeypatch.setattr(known, "_models", {})
    with pytest.raises(bitsback.ArchiveError, match=r"-m FILE \(model=FILE\).*BITSBACK_MODELS"):
        bitsback.decompress(file)
    monkeypatch.setenv("BITSBACK_MODELS", "nowhere")
    with pytest.raises(bitsback.ArchiveError, match="nowhere, which BITSBACK_MODELS names"):
        bitsback.decompress(file)
    monkeypatch.setenv("BITSBACK_MODELS", str(own_file))
    assert (bitsback.decompress(file) == drawn).all()
    monkeypatch.delenv("BITSBACK_MODELS")
    bitsback.register_model(own_file)
    assert (bitsback.decompress(file) == drawn).all()


def test_a_pickled_codec_carries_a_model_that_does_not_ship(
    own: bitsback.Model, own_file: Path, drawn: NDArray[np.uint8]
) -> None:
    """The codec carries it to a process where it is not registered, such as a remote worker."""
    codecs: list[Any] = [
        Bitsback(model=own_file),
        BitsbackCodec(model=own),
        BitsbackCodec(model=own, embed=True),
        Bitsback(model="mnist"),
    ]
    assert [pickle.loads(pickle.dumps(codec)) for codec in codecs] == codecs
    sizes = [len(pickle.dumps(codec)) for codec in codecs]
    assert sizes[3] < 1000 < sizes[0] < own_file.stat().st_size
    array = zarr.create_array(
        zarr.storage.LocalStore(own_file.parent / "x.zarr"),
        data=drawn, chunks=(50, 12, 12), serializer=codecs[1], compressors=None,
    )  # fmt: skip
    encoded = codecs[0].encode(drawn)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        assert (process.submit(codecs[0].decode, encoded).result() == drawn).all()
        assert (process.submit(np.asarray, array).result() == drawn).all()


def test_a_model_is_loaded_once_by_many_threads(
    stranger: bytes, own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITSBACK_MODELS", str(own_file))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(known.find, [stranger[:16]] * 40))
    assert all(model is found[0] and model is not None for model in found)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_process_forked_while_a_model_is_looked_for_finds_its_own() -> None:
    prefix = bundled.identity("mnist-binary")
    with known._lock:
        assert exit_code(forked(lambda: known.find(prefix) is not None)) == 0
