"""`bitsback compress --scheduler`: compress one input to shards on a Dask cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures, options
from bitsback.cli.compress_report import say_names
from bitsback.cli.progress import Progress
from bitsback.compress_options import CompressOptions
from bitsback.errors import BitsbackError, InputError

if TYPE_CHECKING:
    from bitsback.dask import Sharded


@dataclass(frozen=True)
class Finished:
    """The result of a compression on a cluster."""

    sharded: Sharded
    seconds: float
    noun: str
    """The noun for the entries of the input."""
    skipped: dict[str, list[str]]
    """The names of what was left out of a folder, by kind."""
    noted: dict[str, list[str]]
    """The names of hidden files, and of links that come back as files."""


def compress(
    address: str,
    sources: tuple[str, ...],
    output: str,
    shard: int | None,
    assume_unchanged: bool,
    progress: Progress,
    asked: CompressOptions,
) -> Finished:
    """Compresses the only source into shards."""
    if len(sources) > 1:
        raise click.UsageError("with --scheduler there is one input; give a folder of several")
    source = sources[0]
    if options.STANDARD in (source, output):
        raise click.UsageError("with --scheduler there is no standard input or output")
    from bitsback.dask.cluster import connected
    from bitsback.dask.sharding import make_shards
    from bitsback.dask.sources import open_source
    from bitsback.remote.url import is_url

    given = {place: asked.storage_options if is_url(place) else {} for place in (source, output)}
    # Shards never embed a model.
    asked = replace(asked, embed="auto", progress=progress, storage_options=given[output])
    start = time.perf_counter()
    opened = open_source(source, shard, asked.pictures_only, asked.skip_bad, given[source])
    with connected(address) as client:
        if not client.scheduler_info()["workers"]:
            progress.say(f"bitsback: {address} has no workers yet; waits for them")
        try:
            of_array = shard if opened.root is None else None
            done = make_shards(
                opened.content, output, asked, of_array, opened.root, assume_unchanged
            )
        except (BitsbackError, OSError, MemoryError):
            raise
        except Exception as error:  # any package on a worker may raise any error
            raise InputError(
                f"{source}: a worker failed: {type(error).__name__}: {error}"
            ) from error
    noun = "item" if opened.root is None else "file"
    return Finished(done, time.perf_counter() - start, noun, opened.skipped, opened.noted)


def report(
    source: str, finished: Finished, messages: list[str], as_json: bool, quiet: bool
) -> None:
    """Reports it in one line on standard error, or as JSON with the warnings."""
    from bitsback.images.file_io import name_of
    from bitsback.remote.url import located

    done, seconds = finished.sharded, finished.seconds
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
                "skipped": finished.skipped,
                "noted": finished.noted,
                "warnings": messages,
            }
        )
    elif not quiet:
        figures.say(
            f"{manifest}: {figures.count(done.shape[0], finished.noun)} in"
            f" {figures.count(done.shards, 'archive')}, {done.new:,} of them new,"
            f" {done.bytes_in:,} -> {figures.count(done.bytes_out, 'byte')},"
            f" {figures.per(done.bytes_in, done.bytes_out, 1)}x,"
            f" {done.bytes_in / seconds / 1e6:.1f} MB/s",
            err=True,
        )
        say_names(finished.skipped, finished.noted)
