"""The codec `autoregressive`: an image pixel by pixel, and a pixel group by group, given what comes
before in a causal window, and features of the pixel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .codecs import Array, Interval
from .message import Message
from .network import Network
from .outputs import MEANINGS, Meaning
from .rules import (
    check_integer,
    check_keys,
    check_list,
    check_names,
    check_pair,
    check_text,
    require,
)
from .values import ITEM, Ints, Range, Size, Tensors, Value, take
from .variables import Variable

OF_A_PIXEL = ("bernoulli", "exponential", "mixture")


@dataclass
class Head:
    """A network at a pixel, and which of its layers are the outputs."""

    name: str
    outputs: list[str]


@dataclass
class Group:
    """Channels that are coded together."""

    channels: list[int]
    own: Head  # its network reads the context
    flat: Head | None  # its network reads the features
    about: dict[str, Any]


def read_group(about: Any) -> Group:
    require(type(about) is dict and about.get("codec") in OF_A_PIXEL, "a codec for a group")
    meaning = MEANINGS[about["codec"]]
    check_keys(about, f"channels codec precision network outputs {meaning.KEYS}", "flat")
    channels = [check_integer(c, 0, 255) for c in check_list(about["channels"], 1, 256)]
    flat = None
    if "flat" in about:
        flat = read_head(check_keys(about["flat"], "network outputs"))
    return Group(channels, read_head(about), flat, about)


def read_head(about: dict[str, Any]) -> Head:
    return Head(check_text(about["network"], ".*"), check_names(about["outputs"]))


class Autoregressive:
    """The rules of autoregressive pixels in a description. Its networks are read later, since their
    sources depend on them.
    """

    def __init__(self, about: dict[str, Any], x: Variable, tensors: Tensors) -> None:
        self.x = x
        require(about["order"] == "raster", "the order is raster")
        self.above, self.side = check_pair(about["window"], 1, 8)
        self.groups = [read_group(group) for group in check_list(about["groups"], 1, 16)]
        self.coding_order = [c for group in self.groups for c in group.channels]
        require(
            sorted(self.coding_order) == list(range(x.channels)), "groups name each channel once"
        )
        self.planes = take(tensors, "x.planes", "uint8", None, x.levels)
        require(len(self.planes) <= 8, "1 to 8 planes")
        self.has_flat = any(group.flat for group in self.groups)
        self.flat: Ints | None = None
        if self.has_flat:
            require(all(group.flat for group in self.groups), "all groups are flat or none")
            self.flat = take(tensors, "x.flat", "uint8", x.levels)
            require(int(self.flat.max()) <= 1, "a symbol is flat, 1, or not, 0")
        networks = [head.name for head in self.heads()]
        require(len(set(networks)) == len(networks), "the network of a group is its own")

    def heads(self) -> list[Head]:
        heads = [group.own for group in self.groups]
        return heads + [group.flat for group in self.groups if group.flat]

    @property
    def window_size(self) -> int:
        """W, the number of pixels in a window."""
        return self.above * (2 * self.side + 1) + self.side

    def sources(self, features: Value | None) -> dict[str, dict[str, Value]]:
        """The sources of each network of the pixels, given what the network of the features
        says.
        """
        count, top = 0, 0
        if features is not None:
            require(features.where == 1, "features live on the grid 1")
            require(features.channels <= 256, "features have 1 to 256 channels")
            require(features.range[0] >= 0 and features.range[1] <= 255, "features within [0, 255]")
            count, top = features.channels, features.range[1]
        require(features is not None or not self.has_flat, "flat contexts need features")
        of: Range = (0, max(int(self.planes.max()), top))
        sources, before = {}, 0
        for group in self.groups:
            width = len(self.planes) * (self.window_size * self.x.channels + before) + count
            sources[group.own.name] = {"context": Value(width, ITEM, of)}
            if group.flat and features:
                sources[group.flat.name] = {"features": Value(count, ITEM, features.range)}
            before += len(group.channels)
        return sources

    def bind(self, networks: Mapping[str, Network], tensors: Tensors) -> None:
        """With the networks of the groups."""
        self.networks = networks
        self.meanings: list[Meaning] = []
        for group in self.groups:
            meaning = MEANINGS[group.about["codec"]](
                group.about, self.x, len(group.channels), group.own.name, tensors
            )
            for head in (group.own, group.flat):
                if head:
                    check_head(head, networks[head.name], meaning)
            self.meanings.append(meaning)

    def window(self, x: Ints, r: int, q: int) -> Ints:
        """The symbols [n, W, C] before the pixel (r, q) of x [n, R, Q, C]; those of pixels outside
        the image are 0.
        """
        padded = np.pad(x, ((0, 0), (self.above, 0), (self.side, self.side), (0, 0)))
        rows = padded[:, r : r + self.above, q : q + 2 * self.side + 1]
        row = padded[:, r + self.above, q : q + self.side]
        return np.concatenate([rows.reshape(len(x), -1, x.shape[-1]), row], axis=1)

    def context(self, window: Ints, before: Ints, features: Ints) -> Ints:
        """[n, P * (W * C + k) + F], given the channels of the pixel that are coded already [n, k]
        and the features [n, F].
        """
        n = len(window)
        seen = [part for plane in self.planes for part in (plane[window], plane[before])]
        return np.concatenate([*(part.reshape(n, -1) for part in seen), features], axis=1)

    def intervals(self, index: int, x: Ints, features: Ints, r: int, q: int) -> list[Interval]:
        """The intervals of the channels of a group at the pixel (r, q) of all items, given those
        before them: x [n, R, Q, C] in coding order, features [n, F].
        """
        group, meaning = self.groups[index], self.meanings[index]
        done = sum(len(earlier.channels) for earlier in self.groups[:index])
        window = self.window(x, r, q)
        own = self._run(group.own, meaning, self.context(window, x[:, r, q, :done], features))
        if group.flat is None or self.flat is None:
            return list(own)
        flat = self._run(group.flat, meaning, features)
        is_flat = np.all(self.flat[window].reshape(len(x), -1), axis=1).tolist()
        return [(flat if is_flat[i // meaning.n] else own)[i] for i in range(len(x) * meaning.n)]

    def _run(self, head: Head, meaning: Meaning, source: Ints) -> Sequence[Interval]:
        network = self.networks[head.name]
        (name,) = network.sources
        values = network.run((1, 1), {name: source[:, np.newaxis, np.newaxis]})
        return meaning.intervals(*(values[output] for output in head.outputs))


def check_head(head: Head, network: Network, meaning: Meaning) -> None:
    require(
        all(value.where == ITEM for value in network.values.values()),
        "the values of a network of a group have one place",
    )
    require(len(head.outputs) == len(meaning.OUTPUTS), "the outputs of the codec")
    require(all(name in network.layers for name in head.outputs), "outputs are layers")
    meaning.check(*(network.values[name] for name in head.outputs))


@dataclass
class AutoregressiveCodec:
    """A codec of n items, as a flat list of their elements."""

    autoregressive: Autoregressive
    features: Ints  # [n, R, Q, F]
    size: Size

    def _steps(self) -> list[tuple[int, int, int, slice]]:
        """Row, column, group, and where its channels are in coding order."""
        steps = []
        for r in range(self.size[0]):
            for q in range(self.size[1]):
                start = 0
                for index, group in enumerate(self.autoregressive.groups):
                    end = start + len(group.channels)
                    steps.append((r, q, index, slice(start, end)))
                    start = end
        return steps

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        x = np.reshape(symbols, (len(self.features), *self.size, -1))[
            ..., self.autoregressive.coding_order
        ]
        for r, q, index, of in reversed(self._steps()):
            intervals = self.autoregressive.intervals(index, x, self.features[:, r, q], r, q)
            Array(intervals).push(message, x[:, r, q, of].ravel().tolist())

    def pop(self, message: Message) -> list[int]:
        n, order = len(self.features), self.autoregressive.coding_order
        x = np.zeros((n, *self.size, len(order)), np.int64)
        for r, q, index, of in self._steps():
            intervals = self.autoregressive.intervals(index, x, self.features[:, r, q], r, q)
            x[:, r, q, of] = np.reshape(Array(intervals).pop(message), (n, -1))
        out = np.empty_like(x)
        out[..., order] = x
        return [int(symbol) for symbol in out.ravel()]
