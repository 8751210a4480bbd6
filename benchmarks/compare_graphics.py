"""Graphics, such as plots, screenshots, icons and maps: each as an archive of its own, with "auto"
and with "best", and by `bitsback.encode`, beside the smallest of WebP, JPEG XL and xz for each.

    python benchmarks/compare_graphics.py FOLDER

The folder holds a .npy file for each picture, bool or uint8, whose name begins with its kind and an
underscore. xz takes the indexes of the colours, where there are at most 256, or else the pixels.
WebP and xz come with Python and Pillow; JPEG XL needs bitsback[peers].
"""

from __future__ import annotations

import io
import lzma
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray
from pictures import Key, arguments, npy_files, of_peer, peers

import bitsback

PEERS: tuple[Key, ...] = (("WebP m6", "each"), ("JPEG XL e9", "each"))
OURS = ("auto", "best", "encode")


def main() -> None:
    parser = arguments(__doc__, "folders of .npy files")
    parser.add_argument("--each", action="store_true", help="show each picture as it is measured")
    options = parser.parse_args()
    for folder in options.data:
        measured = {}
        missing: list[str] = []
        for name, picture in npy_files(folder, options.first).items():
            measured[name], missing = _measured(picture)
            if options.each:
                print(name, picture.shape, measured[name], flush=True)
        kinds: dict[str, list[dict[str, Any]]] = {}
        for name, numbers in measured.items():
            kinds.setdefault(name.split("_")[0], []).append(numbers)
        rows = [_row(kind, some) for kind, some in kinds.items()]
        rows.append(_row("all", measured.values()))
        report(f"{folder.name}, {len(measured)} pictures", rows, missing, options.json)
        larger = [
            {"picture": name, **{key: one[key] for key in (*OURS, "peer", "least", "model")}}
            for name, one in measured.items()
            if one["auto"] > one["least"] or one["auto"] > 1.03 * one["best"]
        ]
        if larger:
            report("Larger than a peer, or 3 % larger than the best", larger, [], options.json)
        report("CPU time", list(_speeds(measured.values())), [], options.json)


def _measured(picture: NDArray[Any]) -> tuple[dict[str, Any], list[str]]:
    """The bytes of a picture by each way, and the CPU seconds of ours."""
    numbers: dict[str, Any] = {"elements": picture.size}
    for effort in ("auto", "best"):
        numbers[f"{effort}_in"], (data, model) = _timed(partial(_archive, picture, effort))
        numbers[f"{effort}_out"], found = _timed(partial(bitsback.decompress, data))
        _check(picture, found)
        numbers[effort] = len(data)
        numbers.setdefault("model", model)
    numbers["encode_in"], data = _timed(partial(bitsback.encode, picture))
    numbers["encode_out"], found = _timed(partial(bitsback.decode, data))
    _check(picture, found)
    numbers["encode"] = len(data)
    found_peers, missing = peers(PEERS, [picture])
    sizes = {peer.name: of_peer(peer, [picture]).bytes for peer in found_peers}
    sizes["xz"] = _xz(picture)
    numbers["peer"] = min(sizes, key=lambda name: sizes[name])
    numbers["least"] = sizes[numbers["peer"]]
    return numbers, [line for line in missing if "JPEG XL" in line]


def _archive(picture: NDArray[Any], effort: str) -> tuple[bytes, str | None]:
    """An archive of the picture, and the model of its blocks."""
    file = io.BytesIO()
    done = bitsback.compress(picture, file, model=effort, threads=1)
    return file.getvalue(), done.model


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _check(picture: NDArray[Any], found: NDArray[Any] | None) -> None:
    assert found is not None and found.dtype == picture.dtype and np.array_equal(found, picture)


def _xz(picture: NDArray[Any]) -> int:
    """Bytes of the indexes of the colours with a palette, if there are few, or of the pixels."""
    shape: tuple[int, ...] = picture.shape
    pixels = np.frombuffer(picture.tobytes(), np.uint8)
    flat = pixels.reshape(-1, *shape[2:])
    colours, indexes = np.unique(flat, axis=0, return_inverse=True)
    data = pixels.tobytes()
    if len(colours) <= 256:
        data = colours.tobytes() + indexes.astype(np.uint8).tobytes()
    packed = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    assert lzma.decompress(packed) == data
    return len(packed)


def _row(kind: str, some: Iterable[dict[str, Any]]) -> dict[str, Any]:
    some = list(some)
    sums = {key: sum(one[key] for one in some) for key in (*OURS, "least")}
    return {
        "kind": kind,
        "pictures": len(some),
        **{key: sums[key] for key in OURS},
        "best_of_peers": sums["least"],
        "auto_of_peers": sums["auto"] / sums["least"],
        "larger": sum(one["auto"] > one["least"] for one in some),
    }


def _speeds(some: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    some = list(some)
    elements = sum(one["elements"] for one in some)
    for way in OURS:
        compressing, restoring = (sum(one[f"{way}_{n}"] for one in some) for n in ("in", "out"))
        yield {
            "way": way,
            "compress_s": compressing,
            "MB/s_in": elements / compressing / 1e6,
            "restore_s": restoring,
            "MB/s_out": elements / restoring / 1e6,
        }


if __name__ == "__main__":
    main()
