"""The exact code length of the integer model on some items, step by step through the public
codecs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Model
from bitsback.coding import chain
from bitsback.models.integer import Size
from bitsback.models.variables import DATA


@dataclass(frozen=True)
class Coded:
    """A block coded here: the size of its message, and the code length of its symbols."""

    message_bytes: int
    information: float
    """Bits pushed minus bits popped, by the integers: for one layer of latents, the sum of -log2
    p(x|z) - log2 p(z) + log2 q(z|x).
    """

    @property
    def start_up(self) -> float:
        """Bits that the message has beyond the digest it starts from and the information."""
        return 8 * self.message_bytes - 256 - self.information


def code(model: Model, items: NDArray[np.uint8], lanes: int, image: Size | None = None) -> Coded:
    """Code symbols [n, pixels] into one message as in docs/format.md, and count the bits.

    image: rows and columns of the items, for a model of any size.

    The digest is SHA-256 of the symbols, so the message is as random as that of a real block,
    though not the same.
    """
    message = chain.initial(chain.digest(b"", items.tobytes()), lanes)
    information = 0.0
    end = len(items)
    schedule = chain.schedule(end, model.growth, model.batch)
    for size in (size for size, count in schedule for _ in range(count)):
        values: dict[str, NDArray[Any]] = {DATA: items[end - size : end]}
        for step in model.code:
            codec = model.step_codec(step.distribution, values, size, image)
            if step.pops:
                values[step.variable] = symbols = codec.pop(message)
            else:
                codec.push(message, symbols := values.pop(step.variable))
            bits = float(codec.bits(symbols).sum())
            information += -bits if step.pops else bits
        end -= size
    return Coded(len(message.to_bytes()), information)
