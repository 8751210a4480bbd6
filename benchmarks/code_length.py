"""The exact code length of the integer model on some items, step by step through the public
codecs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback import Model
from bitsback.archive import chain


@dataclass(frozen=True)
class Coded:
    """A block that was coded here: the size of its message, and what its symbols are worth."""

    message_bytes: int
    information: float
    """Bits pushed minus bits popped: the sum of -log2 p(x|z) - log2 p(z) + log2 q(z|x), by the
    integers.
    """

    @property
    def start_up(self) -> float:
        """Bits that the message has beyond the digest it starts from and the information."""
        return 8 * self.message_bytes - 256 - self.information


def code(model: Model, items: NDArray[np.uint8], lanes: int) -> Coded:
    """Code symbols [n, pixels] into one message as docs/format.md has it, counting as it goes.

    The digest is SHA-256 of the symbols, so the message is as random as that of a real block,
    though not the same.
    """
    message = chain.initial(chain.digest(b"", items.tobytes()), lanes)
    information = 0.0
    end = len(items)
    schedule = chain.schedule(end, model.growth, model.batch)
    for size in (size for size, count in schedule for _ in range(count)):
        batch = items[end - size : end]
        posterior, prior = model.posterior(batch), model.prior(size)
        z = posterior.pop(message)
        likelihood = model.likelihood(z)
        likelihood.push(message, batch)
        prior.push(message, z)
        information += float(likelihood.bits(batch).sum() + prior.bits(z).sum())
        information -= float(posterior.bits(z).sum())
        end -= size
    return Coded(len(message.to_bytes()), information)
