"""Images with normally distributed channels, each given the earlier channels at its place: a
network gives means, scales, and the weights of earlier channels in the mean of a channel.

Source: Salimans et al. 2017 (PixelCNN++), section 2.2; docs/model-format.md for its integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.codec import one_step, undoing
from bitsback.codecs.symbol_arrays import as_symbols
from bitsback.errors import MessageError, ModelError
from bitsback.message import Message
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families.normal import NormalFamily
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA, Variable

OUTPUTS = 3
"""The outputs of its network: mean, scale and coupling."""
_RANGE = (-128, 127)
_BITS = 6  # the units of a coupling are 2^-6
_SYMBOL = 256  # units of a shifted mean in a symbol


@dataclass(frozen=True, eq=False)
class CoupledDistribution:
    variable: Variable
    given: tuple[str, ...]
    network: Network
    outputs: tuple[str, ...]
    family: NormalFamily

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        """Mean and scale, [items, elements], and coupling, [items, places * pairs]."""
        given = (values[name] for name in self.given)
        return self.network.at(size)(*given, outputs=self.outputs)

    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> "CoupledCodec":
        channels = self.variable.channels
        widths = channels, channels, channels * (channels - 1) // 2
        mean, scale, coupling = (
            output.reshape(items, -1, width)
            for output, width in zip(self.parameters(values, size), widths, strict=True)
        )
        return CoupledCodec(self, mean.astype(np.int64), scale, coupling.astype(np.int64))

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        bound = self.network.at(size)
        outputs = [bound.numbers[name] for name in self.outputs]
        return _core.distribution(
            "coupled",
            numbers[self.variable.name],
            elements=self.variable.elements(size),
            channels=self.variable.channels,
            given=_core.Conditional(bound.core, [numbers[name] for name in self.given], outputs),
            family=self.family.core(),
        )

    def memory(self, shape: ItemShape) -> int:
        return 4 * sum(self.network.known[name].elements(shape.size) for name in self.outputs)

    def macs(self, shape: ItemShape) -> int:
        return 0

    def steps(self, shape: ItemShape) -> int:
        return self.variable.channels


@dataclass(frozen=True, eq=False)
class CoupledCodec:
    """Codes x [items, elements] channel by channel, all places of all items in one step. Pop goes
    from the first channel to the last, push from the last to the first.
    """

    distribution: CoupledDistribution
    mean: NDArray[np.int64]
    """[items, places, channels], and so is `scale`."""
    scale: NDArray[np.uint8]
    coupling: NDArray[np.int64]
    """[items, places, pairs of channels]."""

    @one_step
    def push(self, message: Message, symbols: ArrayLike) -> None:
        x, done = self._checked(symbols), list[tuple[Any, NDArray[Any]]]()

        def undo() -> None:
            for codec, _ in reversed(done):
                codec.pop(message)

        with undoing(undo):
            for channel in reversed(range(x.shape[2])):
                codec = self._codec(x, channel)
                codec.push(message, x[..., channel])
                done.append((codec, x[..., channel]))

    @one_step
    def pop(self, message: Message) -> NDArray[Any]:
        x = np.zeros(self.mean.shape, self.distribution.variable.dtype)
        done: list[tuple[Any, NDArray[Any]]] = []

        def undo() -> None:
            for codec, of_channel in reversed(done):
                codec.push(message, of_channel)

        with undoing(undo):
            for channel in range(x.shape[2]):
                codec = self._codec(x, channel)
                x[..., channel] = codec.pop(message)
                done.append((codec, x[..., channel]))
        return x.reshape(len(x), -1)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """The cost of each symbol, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = self._checked(symbols)
        bits = np.empty(x.shape)
        for channel in range(x.shape[2]):
            bits[..., channel] = self._codec(x, channel).bits(x[..., channel])
        return bits.reshape(len(x), -1)

    def _codec(self, x: NDArray[Any], channel: int) -> Any:
        """The codec of a channel, given the earlier ones."""
        family = self.distribution.family
        first = channel * (channel - 1) // 2
        coupling = self.coupling[..., first : first + channel]
        before = slice(0, channel)
        apart = x[..., before].astype(np.int64) * _SYMBOL
        apart -= self.mean[..., before] << family.mean_shift
        shift = _BITS + family.mean_shift
        change = ((coupling * apart).sum(-1) + (1 << (shift - 1))) >> shift
        mean = np.clip(self.mean[..., channel] + change, -32768, 32767)
        return family.codec([mean[..., np.newaxis], self.scale[..., channel, np.newaxis]])

    def _checked(self, symbols: ArrayLike) -> NDArray[Any]:
        items, places, channels = self.mean.shape
        variable = self.distribution.variable
        x: NDArray[Any] = as_symbols(symbols, variable.dtype, (items, places * channels))
        if int(x.max(initial=0)) >= variable.levels:
            raise MessageError(f"symbols must lie in [0, {variable.levels - 1}]")
        return x.reshape(self.mean.shape)


def make(
    source: DistributionEntry, network: Network, names: list[str], family: NormalFamily
) -> CoupledDistribution:
    """Makes the distribution of an entry with the codec `normal` and three outputs. Raises
    ModelError if the variable has no channels to couple, or if an output does not fit.
    """
    variable = source.variable
    if variable.name != DATA or variable.channels < 2:
        raise ModelError("a coupling is for data of two channels or more")
    channels = (
        variable.channels,
        variable.channels,
        variable.channels * (variable.channels - 1) // 2,
    )
    if len(set(names)) != OUTPUTS:
        raise ModelError(f"{network.name}: 'outputs' must name {OUTPUTS} different layers")
    for name, count, allowed in zip(names, channels, (*family.outputs, _RANGE), strict=True):
        values = network.known[name]
        if values.channels != count or not values.within(*allowed):
            raise ModelError(
                f"{network.name}: '{name}' must have {count} channels in"
                f" [{allowed[0]}, {allowed[1]}], and has {values}"
            )
    return CoupledDistribution(variable, source.parsed_key.given, network, tuple(names), family)
