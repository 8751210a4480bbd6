"""Compare bitsback with all other compressors that are installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bitsback.errors import InputError
from bitsback.models import Model
from bitsback_lab.bench import peer_cache
from bitsback_lab.bench.itself import Ours, ours
from bitsback_lab.bench.process import PeerFailed, measure_apart, processor
from bitsback_lab.bench.subject import Data
from bitsback_lab.peers.catalogue import all_peers
from bitsback_lab.peers.measure import Measurement, Peer
from bitsback_lab.peers.units import MOSAICS, Pictures, pack

Progress = Callable[[int, int, str], object]
"""Called with the number of compressors done, their total, and the name of the next."""


@dataclass(frozen=True)
class Row:
    """A compressor's measurement. raw_bytes: of the images; bilevel ones are packed, eight pixels
    per byte.
    """

    measured: Measurement
    raw_bytes: int
    ours: bool = False
    model_bytes: int | None = None
    """For ours: the bytes that the model adds to an archive; the measured bytes exclude it."""

    @property
    def ratio(self) -> float:
        """Raw bytes to compressed bytes."""
        return self.raw_bytes / self.measured.bytes

    @property
    def bytes_with_model(self) -> int:
        """The bytes of everything needed to restore the images, except programs."""
        return self.measured.bytes + (self.model_bytes or 0)

    @property
    def rate_with_model(self) -> float:
        """Bits per pixel and channel."""
        return 8 * self.bytes_with_model / self.measured.pixels

    @property
    def ratio_with_model(self) -> float:
        return self.raw_bytes / self.bytes_with_model


@dataclass(frozen=True)
class Comparison:
    """`rows`: smallest first. `missing`, `failed`: a line about each other compressor."""

    data: Data
    digest: str
    rows: list[Row]
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def raw_bytes(self) -> int:
        return len(pack(self.data.images))


@dataclass(frozen=True)
class Lineup:
    """The compressors to measure on some images, the slow ones last."""

    ours: list[Ours]
    peers: list[Peer]
    missing: list[str]


def plan(
    images: Pictures, models: Sequence[Model], wanted: Sequence[str] = (), quick: bool = False
) -> Lineup:
    """All installed compressors that can code the images, or those with one of the `wanted` words
    in their names.

    quick: without the slow ones. Raises InputError if no name has one of the words.
    """
    peers, missing = all_peers()
    peers = [peer for peer in peers if peer.takes(images)]
    own = ours(images, models)
    names = [one.peer.title for one in own] + [peer.title for peer in peers]
    for word in wanted:
        if not any(word.lower() in name.lower() for name in names):
            also = "".join(f"; {line}" for line in missing)
            raise InputError(f"there is no codec '{word}': choose from {'; '.join(names)}{also}")

    def asked_for(peer: Peer) -> bool:
        return not wanted or any(word.lower() in peer.title.lower() for word in wanted)

    own = [one for one in own if asked_for(one.peer)]
    peers = [peer for peer in peers if asked_for(peer) and not (quick and peer.slow)]
    if not own and not peers:
        raise InputError("all of these codecs are slow; leave out --quick")
    return Lineup(own, sorted(peers, key=lambda peer: peer.slow), [] if wanted else missing)


def compare(
    data: Data, wanted: Lineup, remeasure: bool = False, progress: Progress | None = None
) -> Comparison:
    """Measures or looks up all planned compressors. Each measurement of a peer is kept for the next
    time.

    Raises PeerFailed only if nothing could be measured.
    """
    raw = len(pack(data.images))
    digest = peer_cache.digest(data.images)
    rows: list[Row] = []
    failed: list[str] = []
    todo: list[tuple[Peer, Ours | None]] = [(one.peer, one) for one in wanted.ours]
    todo += [(peer, None) for peer in wanted.peers]
    total = len(todo)
    for done, (peer, own) in enumerate(todo):
        if progress is not None:
            progress(done, total, peer.title)
        try:
            if own is not None:
                rows.append(Row(measure_apart(peer, data.images), raw, True, own.model_bytes()))
            else:
                rows.append(Row(_measured(peer, data.images, digest, remeasure), raw))
        except PeerFailed as error:
            failed.append(str(error))
    if progress is not None:
        progress(total, total, "")
    if not rows:
        raise PeerFailed("; ".join(failed))
    rows = best_layouts(rows)
    return Comparison(data, digest, rows, wanted.missing, failed)


def best_layouts(rows: Sequence[Row]) -> list[Row]:
    """Smallest first, with only each compressor's best way to tile images into pictures."""
    kept: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda row: row.measured.bytes):
        unit = row.measured.unit
        kept.setdefault((row.measured.name, "mosaic" if unit in MOSAICS else unit), row)
    return list(kept.values())


def _measured(peer: Peer, images: Pictures, digest: str, remeasure: bool) -> Measurement:
    """The measurement. A known one from another processor is used only if measuring again would
    take long.
    """
    known = None if remeasure else peer_cache.look_up(peer, digest)
    if known is not None and (peer.slow or known.processor == processor()):
        return known
    return peer_cache.measured(peer, images, remeasure=True)
