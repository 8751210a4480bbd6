"""Channels of the encoder of a context VAE that have died: they say zero of every image, and so
never learn again.
"""

import torch
from torch import Tensor, nn

from bitsback.train.twins.context import ContextTwin
from bitsback.train.twins.convolutions import ResidualTwin, by_channel
from bitsback.train.twins.dense import LinearTwin

TRIES = 10  # since fresh weights may be dead too


@torch.no_grad()
def revive(twin: ContextTwin, x: Tensor) -> None:
    """Start the weights of dead channels anew, and let nothing read them yet, so that the twin
    computes the same.

    x: symbols [n, pixels].
    """
    for _ in range(TRIES):
        if not _revive_dead(twin, x):
            return


def _revive_dead(twin: ContextTwin, x: Tensor) -> bool:
    """Start what is dead anew; whether anything was."""
    first, second, *residual = twin.encoder
    assert isinstance(first, LinearTwin) and isinstance(second, LinearTwin)
    blocks = [layer.layer for layer in residual if isinstance(layer, ResidualTwin)]
    value = first(twin.image(x))
    dead = _zeros(value)
    value = second(value)
    dead_second = _zeros(value)  # and after each residual layer, which adds to the same channels
    for layer in residual:
        value = layer(value)
        dead_second &= _zeros(value)
    dead_dense = _zeros(twin.dense(value.flatten(1)))

    _start_anew(first, dead, [second])
    for block in blocks:
        block.linear.weight[dead_second] = 0
        block.linear.bias[dead_second] = 0
    _start_anew(second, dead_second, [*blocks, twin.dense])
    _start_anew(twin.dense, dead_dense, [twin.mean, twin.scale])
    return bool(dead.any() | dead_second.any() | dead_dense.any())


def _zeros(value: Tensor) -> Tensor:
    """Which of the last axis are zero throughout."""
    return value.flatten(0, -2).amax(0) <= 0


def _start_anew(layer: LinearTwin, dead: Tensor, readers: list[LinearTwin]) -> None:
    fresh = nn.Linear(layer.linear.in_features, layer.linear.out_features)
    layer.linear.weight[dead] = fresh.weight[dead]
    layer.linear.bias[dead] = 0
    for reader in readers:
        by_channel(reader, len(dead))[..., dead] = 0
