"""Shards in a bucket of a real S3 server, which each worker writes and reads on its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from distributed import Client
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.dask import from_archive, to_archive, to_shards


@pytest.fixture(scope="module")
def options(s3_server: dict[str, Any]) -> dict[str, Any]:
    """The options of the S3 server, which has a bucket."""
    fsspec.filesystem("s3", **s3_server).mkdir("shards")
    return s3_server


def test_shards_at_urls(
    cluster: Client,
    lazy: Any,
    digits: NDArray[np.bool_],
    private: bitsback.Model,
    options: dict[str, Any],
) -> None:
    url = "s3://shards/set/digits.bb"
    to_shards(lazy, url + ".shards", model=private, shard=150, storage_options=options)
    fs = fsspec.filesystem("s3", **options)
    before = {path: fs.info(path)["LastModified"] for path in fs.find("shards/set")}
    assert len(before) == 3
    fs.rm_file(list(before)[1])
    time.sleep(1.1)  # the times of objects are whole seconds
    shards = to_shards(lazy, url + ".shards", model=private, shard=150, storage_options=options)
    fs.invalidate_cache()
    after = {path: fs.info(path)["LastModified"] for path in fs.find("shards/set")}
    assert [before[path] == after[path] for path in before] == [True, False, True]
    assert shards == [f"s3://{path}" for path in before]
    to_archive(lazy, url, model=private, shard=150, storage_options=options)
    fs.invalidate_cache()
    assert fs.find("shards/set") == ["shards/set/digits.bb"]
    array = from_archive(url, storage_options=options)
    assert np.array_equal(array.compute(), digits)
    with pytest.raises(bitsback.InputError, match=r"digits\.bb: exists already"):
        to_archive(lazy, url, storage_options=options)


def test_files_at_urls(cluster: Client, tmp_path: Path, options: dict[str, Any]) -> None:
    fs = fsspec.filesystem("s3", **options)
    for number in range(4):
        with fs.open(f"shards/scans/{number}.png", "wb") as file:
            Image.new("L", (9, 9), number).save(file, "PNG")
    urls = [f"s3://shards/scans/{number}.png" for number in range(4)]
    to_archive(urls, tmp_path / "scans.bb", shard=2, storage_options=options)
    with bitsback.open(tmp_path / "scans.bb") as archive:
        assert archive.names == [f"{number}.png" for number in range(4)]
        assert [int(np.max(archive[number])) for number in range(4)] == [0, 1, 2, 3]
