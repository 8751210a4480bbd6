"""Series of symbols behind which a hidden state changes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_shape, as_symbols, require_below
from bitsback.codecs.information import log2_of
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

PRECISION = 24


@dataclass(frozen=True, eq=False)
class HiddenMarkov:
    """Codes series with a hidden Markov model, at the price of -log2 of the sum over all paths of
    states: the bits that choose a path are had back.

    initial: weights of the states [states] at the first step. transition: of the next state, for
    each state [states, states]. emission: of the symbols, for each state [states, levels]. Weights
    are integers or floats, not negative, and need not sum to one; each row becomes frequencies out
    of 2^24, of which a weight of 0 gets the least (docs/codecs.md). 1 to 65,536 states and levels.
    shape: of the symbols, [..., length]: time is the last axis, and series do not know of each
    other. Pops uint32.
    A push pops the last state under its posterior, pushes the last symbol, pops the state before
    and pushes the last one under its transition, and so on to the first: before the first push it
    needs the bits of one state of each series, and not those of their paths. Time is O(symbols *
    states^2), memory of a push O(symbols * states).
    Source: Townsend, Murray 2021, Lossless compression with state space models using bits back
    coding, section 3. The forward filter and the posterior are integers.
    Raises MessageError, which names the parameter, for weights that are none, rows that are all
    zero, and shapes that do not fit.

    >>> codec = HiddenMarkov(
    ...     initial=[1, 1],
    ...     transition=[[0.99, 0.01], [0.02, 0.98]],
    ...     emission=[[0.9, 0.1, 0], [0.1, 0.2, 0.7]],
    ...     shape=(8,),
    ... )
    >>> message = Message()
    >>> codec.push(message, [0, 0, 0, 2, 2, 1, 2, 2])
    >>> codec.pop(message).tolist()
    [0, 0, 0, 2, 2, 1, 2, 2]
    >>> codec.bits([0, 0, 0, 2, 2, 1, 2, 2]).round(2).tolist()
    [1.0, 0.3, 0.18, 6.84, 0.54, 2.34, 0.56, 0.54]
    """

    initial: NDArray[np.float64]
    transition: NDArray[np.float64]
    emission: NDArray[np.float64]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = as_shape(self.shape)
        if not shape:
            raise MessageError("the shape of series is [..., length], and time its last axis")
        object.__setattr__(self, "shape", shape)
        for name, axes in (("initial", 1), ("transition", 2), ("emission", 2)):
            object.__setattr__(self, name, _weights(name, getattr(self, name), axes))
        states = len(self.initial)
        if self.transition.shape != (states, states):
            raise MessageError(
                f"transition has the shape [states, states], ({states}, {states}) by initial, not"
                f" {self.transition.shape}"
            )
        if len(self.emission) != states:
            raise MessageError(
                f"emission needs a row for each of {states} states, not {len(self.emission)}"
            )

    def push(self, message: Message, symbols: ArrayLike) -> None:
        _core.push_hidden_markov(message, *self._frequencies, self._series(symbols))

    def pop(self, message: Message) -> NDArray[np.uint32]:
        size = self._size
        return _core.pop_hidden_markov(message, *self._frequencies, *size).reshape(self.shape)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs by those before it: -log2 p(x[t] | x[0] ... x[t - 1]), in bits,
        summed over all states. Shape of the symbols. A push costs what they sum to, whichever path
        is chosen, up to the rounding of filter and posterior.
        """
        series = self._series(symbols)
        likely, all_of = _core.hidden_markov_evidence(*self._frequencies, series)
        return (PRECISION + log2_of(all_of) - log2_of(likely)).reshape(self.shape)

    def _series(self, symbols: ArrayLike) -> NDArray[np.uint32]:
        x = as_symbols(symbols, np.uint32, self.shape)
        require_below(x, self.emission.shape[1])
        return x.reshape(self._size)

    @property
    def _size(self) -> tuple[int, int]:
        return int(np.prod(self.shape[:-1], dtype=object)), self.shape[-1]

    @cached_property
    def _frequencies(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        return (
            _core.frequencies_of(self.initial[None], PRECISION),
            _core.frequencies_of(self.transition, PRECISION),
            _core.frequencies_of(self.emission, PRECISION),
        )


def _weights(name: str, values: ArrayLike, axes: int) -> NDArray[np.float64]:
    """The weights of rows, as doubles; MessageError, with their name, for what is none."""
    weights = np.asarray(values)
    if weights.dtype.kind not in "biuf" or weights.ndim != axes or not weights.size:
        kind = "[states]" if axes == 1 else "[states, ...]"
        raise MessageError(
            f"{name} must be numbers of the shape {kind}, not {weights.dtype} of {weights.shape}"
        )
    if max(weights.shape) > 65536:
        raise MessageError(f"{name} has the shape {weights.shape}, and 65,536 is the most")
    weights = np.asarray(weights, np.float64, order="C")
    rows = weights.reshape(-1, weights.shape[-1])
    for number, row in enumerate(rows):
        where = name if axes == 1 else f"row {number} of {name}"
        if not (np.isfinite(row).all() and row.min() >= 0):
            raise MessageError(f"{where} must be finite and not negative")
        if row.max() < 2.0**-900:
            raise MessageError(f"{where} is all zero, or below 2^-900: a weight must be above")
    return weights
