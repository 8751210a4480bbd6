"""Hierarchies: models with layers of latents, each of which depends on the next one alone."""

from itertools import pairwise

import numpy as np

from bitsback.models import file
from model_parts import Parts
from reference.values import ITEM, Size

NAMES = {"two": ["z", "y"], "four": ["z", "y", "w", "v"]}


def bit_swap(names: list[str]) -> list[str]:
    """Pops each layer after pushing the one below."""
    code = [f"pop {names[0]} ~ q({names[0]}|x)", f"push x ~ p(x|{names[0]})"]
    for below, above in pairwise(names):
        code += [f"pop {above} ~ q({above}|{below})", f"push {below} ~ p({below}|{above})"]
    return [*code, f"push {names[-1]} ~ p({names[-1]})"]


def plain(names: list[str]) -> list[str]:
    """The same, all pops first."""
    code = bit_swap(names)
    return sorted(code, key=lambda step: step.startswith("push"))


def hierarchy(
    names: list[str],
    code: list[str],
    size: Size | None = (3, 4),
    channels: int = 2,
    bits: int = 7,
    grids: tuple[int, ...] = (ITEM,) * 4,
    inverse_scale: int | None = None,
    codec: str = "normal",
) -> bytes:
    """Latents by `codec`, the top layer by `gaussian`; each network one layer and the outputs."""
    parts = Parts(7, size)
    parts.data(1, 5)
    for name, grid in zip(names, grids, strict=False):
        parts.latent(name, channels, bits, grid)
    above = {"x": names[0], **dict(pairwise(names))}
    for below, name in above.items():
        for of, given, prefix in ((name, below, "q"), (below, name, "p")):
            net = parts.net(f"{prefix}_{of}", [given])
            value = parts.value(of)
            body = net.moved(net.bytes_of(given), value.where)
            kind = "exponential" if of == "x" else "gaussian" if of == names[-1] else codec
            levels = value.range[1] + 1
            precision = 24 if kind != "exponential" else 18
            key = f"{prefix}({of}|{given})"
            parts.distribution(key, kind, precision, net, body, value.channels, levels)
            if inverse_scale is not None and kind == codec:
                entries = np.full(256, inverse_scale, np.uint32)
                parts.tensors[f"{net.name}.inverse_scale"] = entries
    parts.distributions[f"p({names[-1]})"] = {"codec": "uniform"}
    return file.write(*parts.model(code, growth=128, batch=3))
