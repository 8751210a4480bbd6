"""Small random models, complete and valid: their networks are meaningless, but their integers must
agree.
"""

from typing import Any

import numpy as np

from bitsback.models import file
from model_parts import Parts, Tensors
from reference.values import ITEM, Value, places

BITS_BACK = ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"]


def random_model(
    seed: int = 0,
    shape: tuple[int, ...] = (3, 5),
    latents: int = 7,
    bits: int = 10,
    hidden: int = 33,
    growth: int = 96,
    batch: int = 8,
    likelihood_precision: int = 16,
    likelihood: str = "bernoulli",
    levels: int = 2,
) -> tuple[str, Tensors]:
    """A variational auto-encoder of dense layers, for images of the shape [columns], [rows,
    columns] or [rows, columns, channels].
    """
    rows, columns, channels = {1: (1, *shape, 1), 2: (*shape, 1), 3: shape}[len(shape)]
    parts = Parts(seed, (rows, columns))
    parts.data(channels, levels)
    parts.latent("z", latents, bits)

    net = parts.net("posterior", ["x"])
    of = net.linear(net.grow("flatten", net.bytes_of("x", "bytes"), "flat"), hidden, name="hidden")
    parts.distribution("q(z|x)", "gaussian", 24, net, of, latents, 1 << bits)

    net = parts.net("likelihood", ["z"])
    of = net.linear(net.bytes_of("z", "value"), hidden, name="hidden")
    flat = net.outputs(likelihood, of, rows * columns * channels, levels)
    outputs = [net.grow("image", name, f"{name}_image", grid=1) for name in flat]
    about = parts.codec(likelihood, likelihood_precision, net, outputs, levels)
    parts.distributions["p(x|z)"] = about
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return parts.model(BITS_BACK, growth, batch)


def random_context_model(
    seed: int = 0,
    shape: tuple[int, ...] = (5, 7),
    levels: int = 2,
    codec: str = "bernoulli",
    precision: int = 16,
    window: tuple[int, int] = (2, 3),
    planes: int = 2,
    components: int = 3,
    mean_shift: int = 2,
    latents: int = 5,
    bits: int = 10,
    hidden: int = 12,
    kernel: int = 3,
    stride: int = 2,
    factor: int = 2,
    groups: list[list[int]] | None = None,
    flat: bool = False,
    growth: int = 96,
    batch: int = 8,
) -> tuple[str, Tensors]:
    """Autoregressive pixels given latents, whose networks have layers of nearly every kind, for
    images of the shape [rows, columns] or [rows, columns, channels].

    The features come from cells of `factor` x `factor` pixels. groups: of all channels, if not
    one for all.
    """
    rows, columns, channels = (*shape, 1)[:3]
    parts = Parts(seed, (rows, columns))
    parts.data(channels, levels)
    parts.latent("z", latents, bits)

    net = parts.net("posterior", ["x"])
    net.table("x", np.linspace(0, 255, levels).astype(np.uint8), "bytes")
    net.conv("bytes", 4, name="few", kernel=kernel, stride=stride)
    net.conv("few", 4, (-200, 200), "change")
    net.add("few", "change", name="sum")
    net.grow("flatten", "sum", "hidden")
    parts.distribution("q(z|x)", "gaussian", 24, net, "hidden", latents, 1 << bits)

    net = parts.net("likelihood", ["z"])
    cells = places(factor, (rows, columns))
    dense = cells[0] * cells[1] * 3 * factor**2
    net.linear(net.bytes_of("z", "value"), dense, name="dense")
    net.grow("image", "dense", "cells", grid=factor)
    net.grow("pixel_shuffle", "cells", "up", factor=factor)
    net.conv("up", 3, (-200, 200), "change")
    net.add("up", "change", name="hidden")
    net.conv("hidden", 2, name="features", kernel=1)
    pixels = {"network": "likelihood", "outputs": ["features"]}
    parts.distributions["p(x|z)"] = random_autoregressive(
        parts, net.values["features"], codec, precision, window, planes, components, mean_shift,
        hidden, groups or [list(range(channels))], flat,
    ) | pixels  # fmt: skip
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return parts.model(BITS_BACK, growth, batch)


def random_autoregressive(
    parts: Parts, features: Value | None, codec: str, precision: int, window: tuple[int, int],
    planes: int, components: int, mean_shift: int, hidden: int, groups: list[list[int]], flat: bool,
) -> dict[str, Any]:  # fmt: skip
    """The keys of autoregressive pixels, except the network of features; adds networks and
    tensors.
    """
    levels = parts.value("x").range[1] + 1
    entries, before = [], 0
    for index, group in enumerate(groups):
        suffix = f"{index}" if index else ""
        source = parts.window_context(window, planes, before, features)
        net = parts.net_over(f"pixel{suffix}", {"context": source})
        of = net.residual(net.linear("context", hidden, name="first_hidden"), name="hidden")
        outputs = net.outputs(codec, of, len(group), levels, components)
        about = parts.codec(codec, precision, net, outputs, levels, mean_shift)
        if flat:
            assert features is not None
            source = Value(features.channels, ITEM, features.range)
            net = parts.net_over(f"flat{suffix}", {"features": source})
            of = net.linear("features", 4, name="hidden")
            outputs = net.outputs(codec, of, len(group), levels, 1)
            about["flat"] = {"network": net.name, "outputs": outputs}
        entries.append({"channels": group, **about})
        before += len(group)
    if flat:
        flats = parts.rng.random(levels) < 0.8
        flats[0] = True
        parts.tensors["x.flat"] = flats.astype(np.uint8)
    return {"codec": "autoregressive", "order": "raster", "window": list(window), "groups": entries}


def random_model_file(seed: int = 0, **sizes: Any) -> bytes:
    return file.write(*random_model(seed, **sizes))


def random_context_model_file(seed: int = 0, **sizes: Any) -> bytes:
    return file.write(*random_context_model(seed, **sizes))
