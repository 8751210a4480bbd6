"""A file at a URL appears complete or not at all."""

from __future__ import annotations

from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback

from .conftest import BLOCK, Web


def compress(noise: NDArray[np.int64], url: str, **options: Any) -> None:
    bitsback.compress(noise, url, block=BLOCK, model="fast", **options)


def test_the_archive_is_the_same(
    s3: dict[str, Any], memory: Any, noise: NDArray[np.int64], packed: bytes
) -> None:
    compress(noise, "s3://bucket/x.bb", storage_options=s3)
    assert fsspec.filesystem("s3", **s3).cat("bucket/x.bb") == packed
    compress(noise[:40], "memory://x.bb")
    compress(noise[:40], "simplecache::memory://y.bb")
    assert memory.cat("/x.bb") == memory.cat("/y.bb")


def test_large_ones_are_uploaded_in_parts(
    s3: dict[str, Any], noise: NDArray[np.int64], packed: bytes
) -> None:
    options = {**s3, "default_block_size": 5 << 20}
    array = np.concatenate([noise, noise[:200]])
    compress(array, "s3://bucket/x.bb", storage_options=options)
    etag = fsspec.filesystem("s3", **s3).info("bucket/x.bb", refresh=True)["ETag"]
    assert etag.strip('"').endswith("-2"), "as S3 marks what came in two parts"
    assert np.array_equal(bitsback.decompress("s3://bucket/x.bb", storage_options=s3), array)


@pytest.mark.parametrize("where", ["s3://bucket/x.bb", "memory://bucket/x.bb"])
@pytest.mark.parametrize(("before", "error"), [(b"mine", KeyboardInterrupt), (None, RuntimeError)])
def test_nothing_is_left_after_an_error(
    s3: dict[str, Any],
    noise: NDArray[np.int64],
    where: str,
    before: bytes | None,
    error: type[BaseException],
) -> None:
    options = s3 if where.startswith("s3") else {}
    fs, path = fsspec.url_to_fs(where, **options)
    if before is not None:
        fs.pipe(path, before)

    def progress(done: int, total: int) -> None:
        if done == total:
            raise error

    # A part of the large file is uploaded before.
    large = np.concatenate([noise, noise[:200]]) if options else noise[:40]
    with pytest.raises(error):
        compress(
            large,
            where,
            progress=progress,
            force=True,
            storage_options={"s3": {**s3, "default_block_size": 5 << 20}} if options else None,
        )
    fs.invalidate_cache()
    assert (fs.cat(path) if fs.exists(path) else None) == before
    if options:
        assert fs.list_multipart_uploads("bucket") == []


def test_what_is_there_is_kept_unless_forced(s3: dict[str, Any], memory: Any) -> None:
    array = np.arange(9)
    for url, options in (("s3://bucket/x.bb", s3), ("memory://x.bb", None)):
        bitsback.compress(array, url, storage_options=options)
        with pytest.raises(bitsback.InputError, match=r"x\.bb: exists already.*--force"):
            bitsback.compress(array[:5], url, storage_options=options)
        bitsback.compress(array[:5], url, force=True, storage_options=options)
        assert len(bitsback.decompress(url, storage_options=options)) == 5
        with pytest.raises(bitsback.InputError, match="is the input too"):
            bitsback.decompress(url, url, storage_options=options)


def test_where_nothing_can_be_written(web: Web, s3: dict[str, Any]) -> None:
    with pytest.raises(bitsback.InputError, match=r"y\.bb: cannot be written: .*only be read"):
        bitsback.compress(np.arange(9), web.url("y.bb"))
    with pytest.raises(bitsback.InputError, match=r"x\.bb: cannot be written: there is no such"):
        bitsback.compress(np.arange(9), "s3://no-bucket/x.bb", storage_options=s3)
