"""The symbols of test vectors, and the digests of their answers (docs/model-format.md, Test
vectors).
"""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bitsback import _core

TEST_SEED = 1

Answers = dict[str, NDArray[np.int32]]
"""The outputs of a network by name, int32 [count, elements]."""


class Draw:
    """Draws the sources of networks, one after the other, for `count` items each."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0

    def __call__(self, width: int, top: int) -> NDArray[np.uint16]:
        """Symbols 0 ... top, [count, width]."""
        words = _core.splitmix64(TEST_SEED, self.taken, self.count * width) >> np.uint64(32)
        self.taken += len(words)
        return (words % np.uint64(top + 1)).astype(np.uint16).reshape(self.count, width)


def digests(answers: Mapping[str, Answers]) -> dict[str, str]:
    """The field `sha256` of a description, of the answers of each network."""
    return {
        f"{network}.{name}": hashlib.sha256(out.astype("<i4").tobytes()).hexdigest()
        for network, outputs in answers.items()
        for name, out in outputs.items()
    }
