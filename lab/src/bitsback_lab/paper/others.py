"""Other compressors on images: what each makes of them, or why there is no figure."""

from __future__ import annotations

from collections.abc import Callable

from bitsback.errors import BitsbackError
from bitsback.peers.catalogue import all_peers
from bitsback.peers.measure import Peer
from bitsback.peers.units import Images
from bitsback_lab.bench.cache import measured
from bitsback_lab.paper.exhibit import Conditions, Numbers

Key = tuple[str, str]
"""A compressor's name, with its effort, and its unit."""


def on(images: Images, peer: Peer, conditions: Conditions) -> Numbers:
    """The bytes of everything that the peer makes of the images; for one that fails the reason in
    their place.
    """
    try:
        found = measured(peer, images, conditions.remeasure)
    except BitsbackError as error:
        return {"bytes": None, "problem": str(error), "version": peer.version}
    return {"bytes": found.bytes, "problem": None, "version": found.version}


def available() -> tuple[dict[Key, Peer], list[str]]:
    """Those that are installed, by name and unit, and a line about each one that is not."""
    found, missing = all_peers()
    return {(peer.name, peer.unit): peer for peer in found}, missing


def pick(wanted: tuple[Key, ...], measure: Callable[[Peer], Numbers]) -> list[Numbers]:
    """What `measure` says of the wanted ones, in order, and of those that are not installed that
    they are not.
    """
    found, _ = available()
    rows: list[Numbers] = []
    for name, unit in wanted:
        peer = found.get((name, unit))
        answer = measure(peer) if peer is not None else {"problem": "not installed"}
        rows.append({"name": name, "unit": unit, **answer})
    return rows
