"""Cache of measurements: those in the package for public test sets, and the user's own.

The key of a measurement is the data (SHA-256 of shape, dtype and bytes), the compressor with its
effort, the unit, and the versions of package and library. So cached rates are exact. Speeds and
memory are those of the processor and the day in the measurement.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from bitsback_lab.bench.process import measure_apart
from bitsback_lab.peers.measure import Measurement, Peer
from bitsback_lab.peers.units import Pictures

SHIPPED = "results.json"
"""The file in this package that `benchmarks/measure_peers.py` fills."""

Results = dict[str, list[Measurement]]
"""The measurements of each data set, by its digest."""


def measured(peer: Peer, images: Pictures, remeasure: bool = False) -> Measurement:
    """The peer's measurement on the images, looked up or otherwise measured in a process and kept.

    remeasure: ignore the cache. Raises PeerFailed if the peer cannot be measured.
    """
    data = digest(images)
    found = None if remeasure else look_up(peer, data)
    if found is None:
        found = measure_apart(peer, images)
        keep(found, data)
    return found


def digest(images: Pictures) -> str:
    """SHA-256 of shape, dtype and bytes, hexadecimal; of several shapes, of each image in turn."""
    state = hashlib.sha256()
    for array in images if isinstance(images, list) else [images]:
        state.update(f"{array.shape} {array.dtype.str}\n".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def look_up(peer: Peer, data: str) -> Measurement | None:
    """The known measurement of the peer on the data with this digest; the user's own have
    priority.
    """
    return find(_read(_own_file(data)), peer, data) or find(shipped(), peer, data)


def find(results: Results, peer: Peer, data: str) -> Measurement | None:
    """The measurement of exactly this peer, including versions, on the data with this digest."""
    for found in results.get(data, []):
        if (found.name, found.unit, found.version) == (peer.name, peer.unit, peer.version):
            return replace(found, cached=True)
    return None


def keep(found: Measurement, data: str) -> None:
    """Put a measurement into the user's cache in place of an older one. If there is no cache, it
    has to be measured again.
    """
    file = _own_file(data)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, add(_read(file), found, data))


def add(results: Results, found: Measurement, data: str) -> Results:
    """The results with one more, which replaces a result of another version of the same compressor
    on the same data.
    """
    others = [
        other
        for other in results.get(data, [])
        if (other.name, other.unit) != (found.name, found.unit)
    ]
    return {**results, data: [*others, replace(found, cached=False)]}


def folder() -> Path:
    """The folder of the user's measurements."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        base = Path(named)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path.home() / ".cache"
    return base / "bitsback" / "bench"


@cache
def shipped() -> Results:
    return parse(
        resources.files("bitsback_lab.bench").joinpath(SHIPPED).read_text(encoding="utf-8")
    )


def parse(text: str) -> Results:
    """Parses what `write` writes. Raises ValueError, KeyError or TypeError on anything else."""
    return {
        data: [Measurement(**found) for found in known] for data, known in json.loads(text).items()
    }


def write(file: Path, results: Results) -> None:
    """Write JSON, a line for each measurement, in a fixed order. The file is replaced
    atomically.
    """
    sets = []
    for data, known in sorted(results.items()):
        lines = [
            json.dumps(_fields(found))
            for found in sorted(known, key=lambda found: (found.name, found.unit))
        ]
        sets.append(f'  "{data}": [\n    ' + ",\n    ".join(lines) + "\n  ]")
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, delete=False
    ) as temporary:
        temporary.write("{\n" + ",\n".join(sets) + "\n}\n")
    try:
        Path(temporary.name).replace(file)
    except BaseException:
        Path(temporary.name).unlink(missing_ok=True)
        raise


def _fields(found: Measurement) -> dict[str, object]:
    fields = asdict(found)
    del fields["cached"]
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in fields.items()
    }


def _own_file(data: str) -> Path:
    return folder() / f"{data}.json"


def _read(file: Path) -> Results:
    """The content of a file of the cache; nothing if it does not exist or was written by another
    version of this program.
    """
    try:
        return parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
