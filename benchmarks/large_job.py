"""A large job: pictures by `bitsback.dask` on two workers into a bucket; one worker is killed.

    python benchmarks/large_job.py --photographs PHOTOGRAPHS          100,000 pictures cut from them
    python benchmarks/large_job.py --photographs PHOTOGRAPHS --pictures 2000            sooner
    python benchmarks/large_job.py --folder FOLDER                    pictures of your own

Two worker processes compress shards into the bucket of a local S3 server (moto). One is killed when
half of the shards are there. The shards are merged in the bucket. The workers then restore every
file from the bucket and compare its bytes with those on the disk. At last this process restores a
part of the files.

PHOTOGRAPHS is a folder of pictures of at least 64 x 64 pixels. The pictures are PNG files of
64 x 64 RGB pixels, 1,000 in a folder. FOLDER keeps them if it is new or empty. The server counts
requests, and the bytes that it sends for them. Peaks of memory are sampled ten times a second; this
process contains the scheduler. It needs .[dask,remote], moto[server] and psutil.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, product
from pathlib import Path
from typing import Any

import dask
import fsspec
import numpy as np
import psutil
from distributed import Client, LocalCluster
from harness import report
from numpy.typing import NDArray
from pictures import picture_files
from PIL import Image

import bitsback
from bitsback.dask import to_shards
from bitsback.dask.writing import SHARD_FILES

SIDE = 64
"""The rows and the columns of a picture."""
IN_FOLDER = 1000
"""The pictures in a folder."""
RANDOM_PICTURES = 100
"""The pictures that are restored at random."""
BUCKET, ARCHIVE = "large-job", "s3://large-job/pictures.bb"
REQUESTS, SENT = range(2)
"""The counts of the server: of requests, and of the bytes in answers to GET."""


def cuts(photographs: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    """Pictures, uint8 [SIDE, SIDE, 3].

    All photographs are cut along a grid, then again in the seven other orientations, then in all
    orientations along a grid that is shifted by 8 pixels, and so on.
    """
    for shift, orientation in product(range(0, SIDE, 8), range(8)):
        for path in photographs:
            with Image.open(path) as file:
                pixels = np.asarray(file.convert("RGB"))
            for top in range(shift, pixels.shape[0] - SIDE + 1, SIDE):
                for left in range(shift, pixels.shape[1] - SIDE + 1, SIDE):
                    cut = np.rot90(pixels[top : top + SIDE, left : left + SIDE], orientation % 4)
                    yield cut[:, ::-1] if orientation >= 4 else cut


def make_pictures(photographs: Path, folder: Path, count: int) -> None:
    """Writes so many PNG files to subfolders. Raises SystemExit for too few photographs."""
    made = 0
    for made, pixels in enumerate(cuts(list(picture_files(photographs).values())), 1):
        number = made - 1
        place = folder / f"{number // IN_FOLDER:03}"
        if number % IN_FOLDER == 0:
            place.mkdir(parents=True)
        Image.fromarray(pixels).save(place / f"{number:06}.png")
        if made == count:
            return
    raise SystemExit(f"{photographs}: has photographs for {made:,} different pictures only")


def serve(port: Any, counts: Any) -> None:
    """Runs the S3 server, and sends its port. counts: see REQUESTS and SENT."""
    # SpooledTemporaryFile would otherwise read a large object from the disk for each range.
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(1 << 40)
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    app = DomainDispatcherApplication(create_backend_app)

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            length = dict(headers).get("Content-Length", "0")
            with counts.get_lock():
                counts[REQUESTS] += 1
                counts[SENT] += int(length) if environ["REQUEST_METHOD"] == "GET" else 0
            return start_response(status, headers, *rest)

        return app(environ, start)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, counted, True, request_handler=MotoRequestHandler)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def bucket() -> Iterator[tuple[dict[str, Any], Any]]:
    """The storage options of a server in a process of its own, which has a bucket; its counts."""
    context = multiprocessing.get_context("spawn")
    counts, (here, there) = context.Array("q", 2), context.Pipe()
    process = context.Process(target=serve, args=(there, counts), daemon=True)
    process.start()
    try:
        url = f"http://127.0.0.1:{here.recv()}"
        options = {"key": "me", "secret": "mine", "endpoint_url": url}
        fsspec.filesystem("s3", **options).mkdir(BUCKET)
        yield options, counts
    finally:
        process.kill()


def kill_worker(cluster: LocalCluster, done: int, shards: int) -> None:
    """Kills a worker that has a task when half of the shards are there."""
    if done == (shards + 1) // 2:
        workers = cluster.scheduler.workers.values()
        busy = next(worker for worker in workers if worker.processing)
        os.kill(cluster.workers[busy.name].pid, signal.SIGKILL)


def started_shards(cluster: LocalCluster) -> int:
    """How often a worker has started a shard."""
    log = cluster.scheduler.transition_log
    return sum(key.startswith("_make") and to == "processing" for key, _, to, *_ in log)


class Steps:
    """Measures the steps of the job: seconds, requests, and peaks of memory."""

    def __init__(self, cluster: LocalCluster, counts: Any) -> None:
        self.rows: list[dict[str, Any]] = []
        self._cluster, self._counts = cluster, counts

    @contextmanager
    def step(self, name: str, pictures: int) -> Iterator[None]:
        """Measures the body, which handles so many pictures."""
        peaks: Counter[str] = Counter()
        ended = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(peaks, ended))
        before, start = list(self._counts), time.perf_counter()
        sampler.start()
        try:
            yield
        finally:
            ended.set()
            sampler.join()
        seconds = time.perf_counter() - start
        print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
        requests, sent = np.subtract(self._counts, before).tolist()
        self.rows.append(
            {
                "step": name,
                "pictures": pictures,
                "seconds": seconds,
                "pictures/s": pictures / seconds,
                "requests": requests,
                "bytes_read": sent,
                "worker_MB": peaks["worker"] / 1e6,
                "client_MB": peaks["client"] / 1e6,
            }
        )

    def _sample(self, peaks: Counter[str], ended: threading.Event) -> None:
        """Keeps the largest resident size of a worker, and that of this process."""
        while not ended.wait(0.1):
            pids = [("worker", nanny.pid) for nanny in list(self._cluster.workers.values())]
            for process, pid in [("client", os.getpid()), *pids]:
                with suppress(psutil.Error):  # it may have ended
                    size = psutil.Process(pid).memory_info().rss if pid else 0
                    peaks[process] = max(peaks[process], size)


def differing(folder: Path, names: Sequence[str], storage: dict[str, Any]) -> list[str]:
    """The files that the archive does not restore byte for byte."""
    with bitsback.open(ARCHIVE, storage_options=storage) as archive:
        return [name for name in names if archive.open(name).read() != (folder / name).read_bytes()]


def restore(folder: Path, names: Sequence[str], storage: dict[str, Any]) -> None:
    """Restores some files. Raises SystemExit if one differs."""
    with tempfile.TemporaryDirectory() as text:
        with bitsback.open(ARCHIVE, storage_options=storage) as archive:
            archive.extract(names, Path(text, "restored"))
        for name in names:
            if Path(text, "restored", name).read_bytes() != (folder / name).read_bytes():
                raise SystemExit(f"{name}: was not restored byte for byte")


def run(folder: Path, shard: int) -> dict[str, Any]:
    """The figures of the job for a folder of pictures. Raises SystemExit if a file differs."""
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    groups = [names[first : first + shard] for first in range(0, len(names), shard)]
    own = [name for name in names if name.rpartition("/")[0] == names[-1].rpartition("/")[0]]
    some = random.Random(0).sample(names, min(RANDOM_PICTURES, len(names)))
    with (
        bucket() as (storage, counts),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster),
    ):
        steps = Steps(cluster, counts)
        with steps.step("compress, one worker is killed", len(names)):
            shards = to_shards(
                folder,
                f"{ARCHIVE}.shards",
                shard=shard,
                progress=partial(kill_worker, cluster),
                storage_options=storage,
            )
        started = started_shards(cluster)
        with steps.step("merge", len(names)):
            bitsback.merge(shards, ARCHIVE, storage_options=storage)
        with steps.step("restore and compare all", len(names)):
            tasks = [dask.delayed(differing)(folder, group, storage) for group in groups]
            if wrong := list(chain.from_iterable(dask.compute(*tasks))):
                raise SystemExit(f"{len(wrong):,} files were not restored, such as {wrong[0]}")
        with steps.step("restore one folder", len(own)):
            restore(folder, own, storage)
        with steps.step("restore at random", len(some)):
            restore(folder, some, storage)
        with bitsback.open(ARCHIVE, storage_options=storage) as archive:
            size = archive.file_bytes
            if sorted(archive.names) != names:
                raise SystemExit("the archive has other files than the folder")
    for row in steps.rows:
        row["of_archive_%"] = 100 * row["bytes_read"] / size
    return {
        "rows": steps.rows,
        "bytes": sum((folder / name).stat().st_size for name in names),
        "archive_bytes": size,
        "shards": len(shards),
        "repeated_shards": started - len(shards),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, help="the folder to cut pictures from")
    parser.add_argument("--pictures", type=int, default=100_000, help="so many (default 100,000)")
    parser.add_argument("--folder", type=Path, help="the folder of the pictures")
    parser.add_argument("--shard", type=int, default=SHARD_FILES, help="the files in a shard")
    parser.add_argument("--figures", type=Path, help="write the figures to this file, as JSON")
    options = parser.parse_args()
    if options.photographs is None and options.folder is None:
        parser.error("give --photographs, or a --folder of pictures")
    with tempfile.TemporaryDirectory() as text:
        folder = (options.folder or Path(text, "pictures")).absolute()
        if not folder.is_dir() or not any(folder.iterdir()):
            if options.photographs is None:
                parser.error(f"{folder}: has no pictures")
            make_pictures(options.photographs, folder, options.pictures)
        figures = run(folder, options.shard)
    if options.figures is not None:
        options.figures.write_text(json.dumps(figures, indent=2))
    report(
        "a large job on two workers",
        figures["rows"],
        [
            f"{figures['bytes']:,} bytes of files, {figures['archive_bytes']:,} of the archive; all"
            f" files were restored byte for byte; {figures['shards']} shards,"
            f" {figures['repeated_shards']} started again; MB: peaks of resident memory"
        ],
        False,
    )


if __name__ == "__main__":
    main()
