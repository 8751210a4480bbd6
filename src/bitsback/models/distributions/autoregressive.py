"""Autoregressive pixels: an image is coded pixel by pixel, and a pixel by groups of channels.

Each group depends on a window of earlier pixels, and on features of the pixel. A network computes
the features from the latents. Source: Gulrajani et al. 2017 (PixelVAE); docs/model-format.md for
its integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.distributions.distribution import Conditional, Distribution
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import IN_CONTEXT, Family, check_outputs, read_family
from bitsback.models.integer import ITEM, Activations, Network, Size
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import CONTEXT, DATA, FEATURES

_ONE_PIXEL = (1, 1)


@dataclass(frozen=True, eq=False)
class PixelContext:
    """The context of a pixel: the bytes of earlier pixels in a window."""

    window: tuple[int, int]
    """The number of rows above the pixel, and of columns to its left.

    In the rows above the window has as many columns to its right.
    """
    planes: NDArray[np.uint8]
    """The bytes that represent each symbol in a context: uint8 [planes, levels]."""
    flat: NDArray[np.uint8] | None
    """Which symbols are flat, uint8 [levels]; None if there is no network for flat contexts."""

    @property
    def pixels(self) -> int:
        """The number of pixels in the window."""
        above, side = self.window
        return above * (2 * side + 1) + side


@dataclass(frozen=True, eq=False)
class PixelNetwork:
    network: Network
    outputs: tuple[str, ...]

    def core(self) -> tuple[_core.Network, list[int]]:
        bound = self.network.at(_ONE_PIXEL)
        return bound.core, [bound.numbers[name] for name in self.outputs]


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels of a pixel that are coded together."""

    channels: tuple[int, ...]
    family: Family
    network: PixelNetwork
    flat: PixelNetwork | None

    def core(self) -> dict[str, Any]:
        network, outputs = self.network.core()
        flat, flat_outputs = self.flat.core() if self.flat else (None, [])
        return {
            "channels": list(self.channels),
            "family": self.family.core(),
            "network": network,
            "outputs": outputs,
            "flat": flat,
            "flat_outputs": flat_outputs,
        }

    @property
    def networks(self) -> list[Network]:
        return [network.network for network in (self.network, self.flat) if network is not None]


@dataclass(frozen=True, eq=False, kw_only=True)
class AutoregressiveDistribution(Distribution):
    features: int
    """The number of channels of the features."""
    context: PixelContext
    groups: tuple[ChannelGroup, ...]

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        features = self.conditional
        return _core.distribution(
            "autoregressive",
            numbers[self.variable.name],
            size=(*size, self.variable.channels),
            window=self.context.window,
            planes=self.context.planes,
            flat=self.context.flat,
            features=features and features.core(size, numbers),
            groups=[group.core() for group in self.groups],
        )

    def memory(self, shape: ItemShape) -> int:
        (above, side), planes = self.context.window, len(self.context.planes)
        window = planes * self.variable.channels * (above + 1) * (shape.columns + 2 * side)
        return window + self.features * shape.rows * shape.columns + shape.elements

    def macs(self, shape: ItemShape) -> int:
        networks = [network for group in self.groups for network in group.networks]
        of_pixel = sum(network.multiply_adds(_ONE_PIXEL) for network in networks)
        return shape.rows * shape.columns * of_pixel

    def steps(self, shape: ItemShape) -> int:
        return len(self.groups) * shape.rows * shape.columns


def read(source: DistributionEntry, codec: str) -> AutoregressiveDistribution:
    if source.variable.name != DATA:
        raise ModelError("the codec autoregressive is for the data, not for latents")
    fields, variable = source.fields, source.variable
    fields.text("order", "raster")
    above, side = fields.integers("window", 2, 1, 8)
    conditional, features = None, None
    if source.parsed_key.given:
        network, names = source.network(1)
        conditional = Conditional(network, source.parsed_key.given, tuple(names))
        features = network.known[names[0]]
        if features.channels > 256 or not features.within(0, 255):
            raise ModelError(f"'{names[0]}' must have 1 to 256 channels in [0, 255]")
    planes = source.tensors.get("x.planes", "uint8", dimensions=2)
    if len(planes) > 8 or planes.shape[1] != variable.levels:
        raise ModelError(f"the tensor x.planes must have the shape [1 to 8, {variable.levels}]")
    entries = [
        Fields(entry, f"{source.key}.groups[{i}]") for i, entry in enumerate(fields.items("groups"))
    ]
    gated = [entry.has("flat") for entry in entries]
    flat = None
    if any(gated):
        if not all(gated) or features is None:
            raise ModelError("all groups have 'flat' or none has, and it needs features")
        flat = source.tensors.bounded("x.flat", "uint8", (variable.levels,), 0, 1)
    window = PixelContext((above, side), planes, flat)
    groups: list[ChannelGroup] = []
    for entry in entries:
        groups.append(_read_group(source, entry, window, features, groups))
    named = sorted(channel for group in groups for channel in group.channels)
    if len(groups) > 16 or named != list(range(variable.channels)):
        raise ModelError("'groups' must be 1 to 16 that name each channel once")
    return AutoregressiveDistribution(
        variable=variable,
        conditional=conditional,
        features=features.channels if features else 0,
        context=window,
        groups=tuple(groups),
    )


def _read_group(
    source: DistributionEntry,
    fields: Fields,
    window: PixelContext,
    features: Activations | None,
    before: list[ChannelGroup],
) -> ChannelGroup:
    all_channels = source.variable.channels
    channels = tuple(fields.integers("channels", range(1, 257), 0, all_channels - 1))
    known = sum(len(group.channels) for group in before)
    family = read_family(
        fields.text("codec", *IN_CONTEXT),
        fields,
        source.tensors,
        source.variable.levels,
        fields.peek_text("network"),
    )
    width = len(window.planes) * (window.pixels * all_channels + known)
    width += features.channels if features else 0
    high = max(int(window.planes.max()), features.high if features else 0)
    context = Activations(ITEM, width, 0, high)
    network = _read_network(source, fields, CONTEXT, context, family, len(channels))
    flat = None
    if features is not None and fields.has("flat"):
        inner = fields.object("flat")
        of_pixel = Activations(ITEM, features.channels, features.low, features.high)
        flat = _read_network(source, inner, FEATURES, of_pixel, family, len(channels))
        inner.done()
    fields.done()
    return ChannelGroup(channels, family, network, flat)


def _read_network(
    source: DistributionEntry,
    fields: Fields,
    name: str,
    values: Activations,
    family: Family,
    channels: int,
) -> PixelNetwork:
    names = fields.texts("outputs", len(family.outputs))
    network = source.networks.of_pixel(fields.text("network"), name, values, names)
    check_outputs(family, names, network, channels)
    return PixelNetwork(network, tuple(names))
