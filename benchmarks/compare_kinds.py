"""Kinds of pictures, such as plots, screenshots, scans, pages, photographs and medical images: each
picture as an archive of its own, without contexts that count, with "auto" and with "best", beside
other compressors.

    python benchmarks/compare_kinds.py FOLDER

The folder holds a .npy file for each picture, whose name begins with its kind and an underscore.
xz takes the indexes of the colours, where there are at most 256, or else the pixels. WebP, PNG and
xz come with Python and Pillow; JPEG XL needs .[peers], JBIG2 its programs, and tomoz its
package. All of ours are CPU time with one thread; those of the others are elapsed time.
"""

from __future__ import annotations

import io
import lzma
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import Key, arguments, npy_files, of_peer, peers

import bitsback
from bitsback_lab.peers.image_codecs import encode_jpegxl
from bitsback_lab.peers.measure import Peer

PEERS: tuple[Key, ...] = (
    ("PNG", "each"),
    ("WebP m6", "each"),
    ("JPEG XL e7", "each"),
    ("JPEG XL e9", "each"),
    ("JBIG2 generic", "each"),
    ("tomoz", "each"),
)
WITHOUT, AUTO, BEST = "no contexts counted", "auto", "best"


class Figures(NamedTuple):
    """What a compressor makes of a picture."""

    bytes: int
    compressing: float
    """Seconds."""
    restoring: float


def main() -> None:
    parser = arguments(__doc__, "folders of .npy files")
    parser.add_argument("--each", action="store_true", help="show each picture as it is measured")
    parser.add_argument("--without", nargs="*", default=[], help="leave out these, as tomoz")
    options = parser.parse_args()
    wanted = [key for key in PEERS if key[0] not in options.without]
    for folder in options.data:
        measured = {}
        elements = {}
        missing: list[str] = []
        for name, picture in npy_files(folder, options.first).items():
            measured[name], missing = _measured(picture, wanted, options.without)
            elements[name] = picture.size
            if options.each:
                sizes = {way: of.bytes for way, of in measured[name].items()}
                print(name, picture.shape, sizes, flush=True)
        kinds: dict[str, list[str]] = {}
        for name in measured:
            kinds.setdefault(name.split("_")[0], []).append(name)
        kinds["all"] = list(measured)
        for kind, names in kinds.items():
            some = [measured[name] for name in names]
            size = sum(elements[name] for name in names)
            rows = list(_rows(some, size))
            report(f"{kind}, {len(some)} pictures, {size:,} samples", rows, missing, options.json)
            missing = []
        larger = [
            {"picture": name, "auto": of[AUTO].bytes, "peer": peer, "bytes": of[peer].bytes}
            for name, of in measured.items()
            if of[peer := _least(of)].bytes < of[AUTO].bytes
        ]
        if larger:
            report("Larger than another compressor", larger, [], options.json)


def _measured(
    picture: NDArray[Any], wanted: Iterable[Key], without: Iterable[str]
) -> tuple[dict[str, Figures], list[str]]:
    """The figures of a picture by each way."""
    efforts = {WITHOUT: "universal", AUTO: "auto", BEST: "best"}
    found = {name: _ours(picture, model) for name, model in efforts.items() if name not in without}
    known, missing = peers(tuple(wanted), [picture])
    for peer in with_effort_10(known):
        made = of_peer(peer, [picture])
        found[peer.name] = Figures(made.bytes, made.encode_seconds, made.decode_seconds)
    found["xz"] = _xz(picture)
    return found, missing


def with_effort_10(known: list[Peer]) -> list[Peer]:
    """With JPEG XL at effort 10 beside effort 9."""
    slowest = partial(encode_jpegxl, effort=10)
    best = [
        replace(peer, name="JPEG XL e10", encode=slowest)
        for peer in known
        if peer.name == "JPEG XL e9"
    ]
    return known + best


def _ours(picture: NDArray[Any], model: str) -> Figures:
    compressing, data = _timed(partial(_archive, picture, model))
    restoring, found = _timed(partial(bitsback.decompress, data, threads=1))
    assert found is not None and found.dtype == picture.dtype and np.array_equal(found, picture)
    return Figures(len(data), compressing, restoring)


def _archive(picture: NDArray[Any], model: str) -> bytes:
    file = io.BytesIO()
    bitsback.compress(picture, file, model=model, embed="never", threads=1)
    return file.getvalue()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _xz(picture: NDArray[Any]) -> Figures:
    """The indexes of the colours with a palette, if there are few, or the pixels."""
    shape: tuple[int, ...] = picture.shape
    flat = picture.reshape(-1, *shape[2:])
    colours, indexes = np.unique(flat, axis=0, return_inverse=True)
    data = picture.tobytes()
    if picture.dtype == np.bool_:
        data = np.packbits(picture).tobytes()
    elif len(colours) <= 256:
        data = colours.tobytes() + indexes.astype(np.uint8).tobytes()
    compressing, packed = _timed(lambda: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    restoring, again = _timed(lambda: lzma.decompress(packed))
    assert again == data
    return Figures(len(packed), compressing, restoring)


def _least(of: dict[str, Figures]) -> str:
    """The other compressor whose file is smallest."""
    others = (way for way in of if way not in (WITHOUT, AUTO, BEST))
    return min(others, key=lambda way: of[way].bytes)


def _rows(some: list[dict[str, Figures]], elements: int) -> Iterable[dict[str, Any]]:
    """A row for each way that takes all of the pictures, and for the least of the others."""
    ways = [way for way in some[0] if all(way in of for of in some)]
    auto = sum(of[AUTO].bytes for of in some)
    for way in ways:
        columns = zip(*(of[way] for of in some), strict=True)
        size, compressing, restoring = map(sum, columns)
        yield {
            "compressor": way,
            "bytes": size,
            "over_auto": size / auto,
            "MB/s_compressing": elements / compressing / 1e6,
            "MB/s_restoring": elements / restoring / 1e6,
        }
    least = sum(of[_least(of)].bytes for of in some)
    row = {"compressor": "the least other for each", "bytes": least, "over_auto": least / auto}
    yield row | {"MB/s_compressing": None, "MB/s_restoring": None}


if __name__ == "__main__":
    main()
