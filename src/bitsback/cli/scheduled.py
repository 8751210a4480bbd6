"""`bitsback compress --scheduler`: shards of one input, made by the workers of a Dask cluster."""

from __future__ import annotations

import time
from typing import Any

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress
from bitsback.errors import BitsbackError, InputError


def compress(
    address: str,
    sources: tuple[str, ...],
    output: str,
    model: str,
    shard: int | None,
    assume_unchanged: bool,
    coding: dict[str, Any],
    force: bool,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
    notes: list[str],
) -> None:
    """Compresses the source into shards. coding: what `to_archives` is told beside. notes: warnings
    that go into JSON.
    """
    if len(sources) > 1:
        raise click.UsageError("with --scheduler there is one input; give a folder of several")
    source = sources[0]
    if options.STANDARD in (source, output):
        raise click.UsageError("with --scheduler there is no standard input or output")
    from bitsback.dask import to_archives
    from bitsback.dask.cluster import connected
    from bitsback.dask.sources import open_source
    from bitsback.images.file_io import name_of
    from bitsback.remote.url import is_url, located

    given = {key: storage_options if is_url(key) else {} for key in (source, output)}
    start = time.perf_counter()
    opened = open_source(source, shard, bool(coding["skip_bad"]), given[source])
    with connected(address) as client:
        if not client.scheduler_info()["workers"] and not quiet:
            figures.say(f"bitsback: {address} has no workers yet; waits for them", err=True)
        try:
            with Progress("compressing", quiet) as progress:
                done = to_archives(
                    opened.content, output, model=model, root=opened.root,
                    shard=shard if opened.root is None else None,
                    assume_unchanged=assume_unchanged, force=force, progress=progress,
                    storage_options=given[output], **coding,
                )  # fmt: skip
        except (BitsbackError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever packages on a worker raise
            raise InputError(
                f"{source}: a worker failed: {type(error).__name__}: {error}"
            ) from error
    seconds = time.perf_counter() - start
    manifest = name_of(located(done.manifest))
    if as_json:
        figures.show_json(
            {
                "source": source,
                "output": str(manifest),
                "shape": done.shape,
                "shards": done.shards,
                "new": done.new,
                "bytes_in": done.bytes_in,
                "bytes_out": done.bytes_out,
                "ratio": done.bytes_in / done.bytes_out,
                "seconds": seconds,
                "skipped": opened.skipped,
                "warnings": notes,
            }
        )
    elif not quiet:
        noun = "item" if opened.root is None else "file"
        figures.say(
            f"{manifest}: {figures.count(done.shape[0], noun)} in"
            f" {figures.count(done.shards, 'archive')}, {done.new:,} of them new,"
            f" {done.bytes_in:,} -> {figures.count(done.bytes_out, 'byte')},"
            f" {figures.per(done.bytes_in, done.bytes_out, 1)}x,"
            f" {done.bytes_in / seconds / 1e6:.1f} MB/s",
            err=True,
        )
        if opened.skipped:
            what = ", ".join(f"{number:,} {kind}" for kind, number in opened.skipped.items())
            figures.say(f"left out, as they are no pictures: {what}", err=True)
