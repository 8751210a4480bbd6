"""Rates of the models that ship, and of other compressors, on a test set."""

from __future__ import annotations

from collections.abc import Callable

from bitsback import Message, Model
from bitsback.coding import chain
from bitsback.errors import BitsbackError
from bitsback.models import bundled
from bitsback_lab.bench.peer_cache import measured
from bitsback_lab.paper.coding import archive_size, as_symbols, length, negative_elbo, rounded
from bitsback_lab.paper.exhibits import Conditions, Numbers
from bitsback_lab.peers.catalogue import all_peers
from bitsback_lab.peers.measure import Peer
from bitsback_lab.peers.units import Images

SAMPLES, SAMPLES_OF_AUTOREGRESSIVE = 10, 1
"""The number of samples of an image's latents for the negative ELBO; autoregressive models are slow
outside the core.
"""


def shipped(name: str) -> Model | None:
    """The bundled model of that name, if there is one."""
    return bundled.load(name) if name in bundled.names() else None


def rates(model: Model, images: Images) -> Numbers:
    """Bits per pixel of images [n, height, width].

    negative_elbo: the exact code length, the mean of some samples. net: the growth of one chain.
    archive: the whole file of an archive without the model.
    """
    x = as_symbols(images)
    samples = SAMPLES_OF_AUTOREGRESSIVE if model.autoregressive else SAMPLES
    size = archive_size(images, model)
    return {
        "model": model.name,
        "identity": model.identity.hex(),
        "samples": samples,
        "negative_elbo": rounded(negative_elbo(model, x, samples)),
        "net": rounded(net_bits(model, images) / x.size),
        "archive": rounded(8 * size / x.size),
        "archive_bytes": size,
    }


def net_bits(model: Model, images: Images) -> float:
    """The bits that the images add to a message, in one chain, without its start-up cost."""
    x = as_symbols(images)
    message = Message([1 << 32] * 4, (), 0)
    before = length(message)
    model.push(message, x, chain.schedule(len(x), model.growth, model.batch))
    return length(message) - before


Key = tuple[str, str]
"""A compressor's name, with its effort, and its unit."""


def on(images: Images, peer: Peer, conditions: Conditions) -> Numbers:
    """The total bytes of the peer's files for the images, or the reason of its failure."""
    try:
        found = measured(peer, images, conditions.remeasure)
    except BitsbackError as error:
        return {"bytes": None, "problem": str(error), "version": peer.version}
    return {"bytes": found.bytes, "problem": None, "version": found.version}


def available() -> tuple[dict[Key, Peer], list[str]]:
    """The installed compressors, by name and unit, and a line about each one that is missing."""
    found, missing = all_peers()
    return {(peer.name, peer.unit): peer for peer in found}, missing


def pick(wanted: tuple[Key, ...], measure: Callable[[Peer], Numbers]) -> list[Numbers]:
    """The results of `measure` for the wanted compressors, in order; those that are not installed
    are marked.
    """
    found, _ = available()
    rows: list[Numbers] = []
    for name, unit in wanted:
        peer = found.get((name, unit))
        answer = measure(peer) if peer is not None else {"problem": "not installed"}
        rows.append({"name": name, "unit": unit, **answer})
    return rows
