"""Autoregressive pixels: an image pixel by pixel, and a pixel by groups of channels, each given a
window of earlier pixels and features of the pixel, which a network computes from the given
variables.

Source: Gulrajani et al. 2017 (PixelVAE); docs/model-format.md for its integers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.codec import one_step, undoing
from bitsback.codecs.symbol_arrays import as_symbols
from bitsback.errors import MessageError, ModelError
from bitsback.message import Message
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import IN_CONTEXT, Family, Outputs, check_outputs, read_family
from bitsback.models.integer import ITEM, Activations, Network, Size
from bitsback.models.integer.fields import Fields
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import CONTEXT, DATA, FEATURES, Variable

_ONE_PIXEL = (1, 1)


@dataclass(frozen=True, eq=False)
class PixelContext:
    """The context of a pixel."""

    window: tuple[int, int]
    """Rows above the pixel, and columns to its left and, in the rows above, to its right."""
    planes: NDArray[np.uint8]
    """The bytes of each symbol in a context: uint8 [planes, levels]."""
    flat: NDArray[np.uint8] | None
    """Which symbols are flat, uint8 [levels]; None if there is no network for flat contexts."""

    @property
    def pixels(self) -> int:
        """The number of pixels in the window."""
        above, side = self.window
        return above * (2 * side + 1) + side

    def offsets(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The offsets of the window's pixels, row by row: downwards and to the right."""
        above, side = self.window
        down, right = np.mgrid[-above:1, -side : side + 1].reshape(2, -1)[:, : self.pixels]
        return down, right


@dataclass(frozen=True, eq=False)
class PixelNetwork:
    network: Network
    outputs: Outputs

    def __call__(self, rows: NDArray[np.uint8], channels: int) -> list[NDArray[Any]]:
        """The outputs [rows, channels, components] for contexts or features [rows, width]."""
        outputs = self.network.at(_ONE_PIXEL)(rows, outputs=self.outputs.names)
        return [output.reshape(len(rows), channels, self.outputs.components) for output in outputs]


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels of a pixel that are coded together."""

    channels: tuple[int, ...]
    family: Family
    network: PixelNetwork
    flat: PixelNetwork | None

    def core(self) -> dict[str, Any]:
        network, outputs = self._core_of(self.network)
        flat, flat_outputs = self._core_of(self.flat) if self.flat else (None, [])
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

    @staticmethod
    def _core_of(network: PixelNetwork) -> tuple[_core.Network, list[int]]:
        bound = network.network.at(_ONE_PIXEL)
        return bound.core, [bound.numbers[name] for name in network.outputs.names]


@dataclass(frozen=True, eq=False)
class AutoregressiveDistribution:
    variable: Variable
    given: tuple[str, ...]
    network: Network | None
    """The network that computes features from the given variables."""
    features: str | None
    context: PixelContext
    groups: tuple[ChannelGroup, ...]

    @property
    def feature_channels(self) -> int:
        if self.network is None or self.features is None:
            return 0
        return self.network.known[self.features].channels

    def codec(
        self, values: Mapping[str, NDArray[Any]], items: int, size: Size
    ) -> "AutoregressiveCodec":
        features = np.zeros((items, *size, 0), np.uint8)
        for flat in self.parameters(values, size):
            features = flat.reshape(items, *size, self.feature_channels)
        return AutoregressiveCodec(self, features)

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        """The features of all pixels, [items, pixels * features], if there are any."""
        if self.network is None or self.features is None:
            return []
        given = (values[name] for name in self.given)
        return self.network.at(size)(*given, outputs=(self.features,))

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        features = None
        if self.network is not None and self.features is not None:
            bound = self.network.at(size)
            features = _core.Conditional(
                bound.core,
                [numbers[name] for name in self.given],
                [bound.numbers[self.features]],
            )
        return _core.distribution(
            "autoregressive",
            numbers[self.variable.name],
            size=(*size, self.variable.channels),
            window=self.context.window,
            planes=self.context.planes,
            flat=self.context.flat,
            features=features,
            groups=[group.core() for group in self.groups],
        )

    def memory(self, shape: ItemShape) -> int:
        (above, side), planes = self.context.window, len(self.context.planes)
        window = planes * self.variable.channels * (above + 1) * (shape.columns + 2 * side)
        return window + self.feature_channels * shape.rows * shape.columns + shape.elements

    def macs(self, shape: ItemShape) -> int:
        networks = [network for group in self.groups for network in group.networks]
        of_pixel = sum(network.multiply_adds(_ONE_PIXEL) for network in networks)
        return shape.rows * shape.columns * of_pixel

    def steps(self, shape: ItemShape) -> int:
        return len(self.groups) * shape.rows * shape.columns


@dataclass(frozen=True, eq=False)
class AutoregressiveCodec:
    """Codes x [items, elements] group by group and pixel by pixel, for all items in one step. Pop
    goes from the first pixel to the last, push from the last to the first.
    """

    autoregressive: AutoregressiveDistribution
    features: NDArray[np.uint8]
    """[items, rows, columns, feature channels]."""

    @one_step
    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = self._checked(symbols)
        done: list[tuple[Any, NDArray[Any]]] = []

        def undo() -> None:
            for codec, _ in reversed(done):
                codec.pop(message)

        with undoing(undo):
            for group, row, column in reversed(list(self._steps())):
                codec = self._codec(x, group, row, column)
                of_group = self._of_group(x, group, row, column)
                codec.push(message, of_group)
                done.append((codec, of_group))

    @one_step
    def pop(self, message: Message) -> NDArray[Any]:
        x = np.zeros(self._shape, self.autoregressive.variable.dtype)
        done: list[tuple[Any, NDArray[Any]]] = []

        def undo() -> None:
            for codec, of_group in reversed(done):
                codec.push(message, of_group)

        with undoing(undo):
            for group, row, column in self._steps():
                codec = self._codec(x, group, row, column)
                of_group = codec.pop(message)
                x[:, row, column, list(self.autoregressive.groups[group].channels)] = of_group
                done.append((codec, of_group))
        return x.reshape(len(x), prod(x.shape[1:]))

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """The cost of each symbol, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = self._checked(symbols)
        bits = np.empty(self._shape)
        for group, row, column in self._steps():
            codec = self._codec(x, group, row, column)
            of_group = self._of_group(x, group, row, column)
            channels = list(self.autoregressive.groups[group].channels)
            bits[:, row, column, channels] = codec.bits(of_group)
        return bits.reshape(len(x), prod(bits.shape[1:]))

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        items, rows, columns, _ = self.features.shape
        return items, rows, columns, self.autoregressive.variable.channels

    def _steps(self) -> Iterator[tuple[int, int, int]]:
        _, rows, columns, _ = self._shape
        for row in range(rows):
            for column in range(columns):
                for group in range(len(self.autoregressive.groups)):
                    yield group, row, column

    def _of_group(self, x: NDArray[Any], group: int, row: int, column: int) -> NDArray[Any]:
        return x[:, row, column, list(self.autoregressive.groups[group].channels)]

    def _codec(self, x: NDArray[Any], number: int, row: int, column: int) -> Any:
        """The codec of a group of one pixel of all items, which depends only on earlier groups."""
        group, context = self.autoregressive.groups[number], self.autoregressive.context
        items, _, columns, channels = self._shape
        order = [channel for group in self.autoregressive.groups for channel in group.channels]
        known = [
            channel for group in self.autoregressive.groups[:number] for channel in group.channels
        ]
        down, right = context.offsets()
        inside = (down + row >= 0) & (right + column >= 0) & (right + column < columns)
        window = np.zeros((items, len(down), channels), x.dtype)
        window[:, inside] = x[:, (row + down)[inside], (column + right)[inside]][..., order]
        symbols = window.reshape(items, len(down) * channels)
        before = np.concatenate([symbols, x[:, row, column, known]], axis=1)
        features = self.features[:, row, column]
        contexts = np.concatenate([*(plane[before] for plane in context.planes), features], axis=1)
        if context.flat is None or group.flat is None:
            return group.family.codec(group.network(contexts, len(group.channels)))
        flat: NDArray[np.bool_] = np.all(context.flat[symbols], axis=1)
        count = len(group.channels)
        most = max(network.outputs.components for network in (group.network, group.flat))
        of_flat = group.family.parameters(group.flat(features[flat], count), most)
        of_others = group.family.parameters(group.network(contexts[~flat], count), most)
        return group.family.codec_of(
            *(_merged(flat, one, two) for one, two in zip(of_flat, of_others, strict=True))
        )

    def _checked(self, symbols: ArrayLike) -> NDArray[Any]:
        items, rows, columns, channels = self._shape
        shape = items, rows * columns * channels
        x: NDArray[Any] = as_symbols(symbols, self.autoregressive.variable.dtype, shape)
        if int(x.max(initial=0)) >= self.autoregressive.variable.levels:
            raise MessageError(
                f"symbols must lie in [0, {self.autoregressive.variable.levels - 1}]"
            )
        return x.reshape(self._shape)


def _merged(chosen: NDArray[np.bool_], one: NDArray[Any], two: NDArray[Any]) -> NDArray[Any]:
    """The rows of `one` where `chosen`, those of `two` elsewhere."""
    rows = np.empty((len(chosen), *one.shape[1:]), one.dtype)
    rows[chosen], rows[~chosen] = one, two
    return rows


def read(source: DistributionEntry, codec: str) -> AutoregressiveDistribution:
    if source.variable.name != DATA:
        raise ModelError("the codec autoregressive is for the data, not for latents")
    fields, variable = source.fields, source.variable
    fields.text("order", "raster")
    above, side = fields.integers("window", 2, 1, 8)
    network, features, of_features = None, None, None
    if source.parsed_key.given:
        network, (features,) = source.network(1)
        of_features = network.known[features]
        if of_features.channels > 256 or not of_features.within(0, 255):
            raise ModelError(f"'{features}' must have 1 to 256 channels in [0, 255]")
    planes = source.tensors.get("x.planes", "uint8", dimensions=2)
    if len(planes) > 8 or planes.shape[1] != variable.levels:
        raise ModelError(f"the tensor x.planes must have the shape [1 to 8, {variable.levels}]")
    entries = [
        Fields(entry, f"{source.key}.groups[{i}]") for i, entry in enumerate(fields.items("groups"))
    ]
    gated = [entry.has("flat") for entry in entries]
    flat = None
    if any(gated):
        if not all(gated) or of_features is None:
            raise ModelError("all groups have 'flat' or none has, and it needs features")
        flat = source.tensors.bounded("x.flat", "uint8", (variable.levels,), 0, 1)
    window = PixelContext((above, side), planes, flat)
    groups: list[ChannelGroup] = []
    for entry in entries:
        groups.append(_read_group(source, entry, window, of_features, groups))
    named = sorted(channel for group in groups for channel in group.channels)
    if len(groups) > 16 or named != list(range(variable.channels)):
        raise ModelError("'groups' must be 1 to 16 that name each channel once")
    return AutoregressiveDistribution(
        variable, source.parsed_key.given, network, features, window, tuple(groups)
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
    outputs = check_outputs(family, names, network.known, channels, network.name)
    return PixelNetwork(network, outputs)
