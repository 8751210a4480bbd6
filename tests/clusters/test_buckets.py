"""Shards in a bucket of a real S3 server, which each worker writes and reads on its own."""

from __future__ import annotations

from typing import Any

import fsspec
import numpy as np
import pytest
from distributed import Client
from numpy.typing import NDArray

import bitsback
from bitsback.dask import from_archive, to_archives


@pytest.fixture
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
    pattern = "s3://shards/set/part-{i}.bb"
    done = to_archives(lazy, pattern, model=private, shard=150, storage_options=options)
    assert (done.manifest, done.new) == ("s3://shards/set/manifest.json", 3)
    fs = fsspec.filesystem("s3", **options)
    fs.invalidate_cache()
    names = sorted(name.rpartition("/")[2] for name in fs.find("shards/set"))
    model = f"model-{private.identity.hex()}.safetensors"
    assert names == ["manifest.json", model, "part-0.bb", "part-1.bb", "part-2.bb"]
    array = from_archive(done.manifest, storage_options=options)
    assert np.array_equal(array.compute(), digits)
    fs.rm_file("shards/set/part-1.bb")
    again = to_archives(lazy, pattern, model=private, shard=150, storage_options=options)
    assert again.new == 1
    array = from_archive(done.manifest, chunks="archive", storage_options=options)
    assert np.array_equal(array.compute(), digits)
