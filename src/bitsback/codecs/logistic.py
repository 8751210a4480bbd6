"""Integers near a mean, by the logistic distribution."""

from dataclasses import dataclass
from typing import ClassVar

from bitsback.codecs.discretised import Discretised
from bitsback.codecs.mixture import Component


@dataclass(frozen=True, eq=False, repr=False)
class Logistic(Discretised):
    """A symbol, low ... low + levels - 1, is a draw from a logistic distribution, rounded to the
    nearest integer and held to the range. Source: Salimans et al. 2017 (PixelCNN++), section
    2.1.

    mean: int32 in units of 2^-8, within 2^24 of low * 2^8. inverse_scale: uint32, one over the
    scale s of 1 / (1 + e^-(x / s)), in units of 2^-16, within [1, 2^26]. Their shapes broadcast
    to that of the symbols. levels: 2 to 65,536. low: within [-2^22, 2^22]. precision:
    log2(levels) + 4 to 24. Pops int32. Raises MessageError for parameters out of range.

    >>> from bitsback import Message
    >>> message = Message()
    >>> codec = Logistic.from_float([35.2, -1.7], [10.1, 2.5], within=(-100, 100))
    >>> codec.push(message, [23, -2])
    >>> codec.pop(message).tolist()
    [23, -2]
    >>> codec.bits([23, -2]).round(2).tolist()
    [5.83, 3.33]
    """

    _component: ClassVar[Component] = "logistic"
    _name: ClassVar[str] = "Logistic"
