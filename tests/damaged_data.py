"""Damaged data of a block are refused."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from bitsback.errors import ArchiveError


def assert_damage_is_refused(
    decode: Callable[[memoryview, int], bytes], data: bytes, size: int
) -> None:
    """Neither a crash nor bytes of another size. size: of what the data decode to."""
    rng = np.random.default_rng(8)
    for _ in range(200):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[at] ^= 1 << int(rng.integers(8))
        with suppress(ArchiveError):
            assert len(decode(memoryview(bytes(damaged)), size)) == size
    for other in (size - 1, size + 1, 0):
        with pytest.raises(ArchiveError):
            decode(memoryview(data), other)
    with pytest.raises(ArchiveError):
        decode(memoryview(data[:-3]), size)
