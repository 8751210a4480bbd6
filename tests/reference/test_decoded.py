"""Pixels that a JPEG decoder made: the specification restores what the core codes, and refuses what
it refuses.
"""

import numpy as np
import pytest

from bitsback.coding.decoded import decode_pixels as by_core
from bitsback.coding.decoded import encode_pixels, find_behind
from bitsback.format.runs import Run
from bitsback.format.tiles import Tiles
from decoded_pictures import BAD, DECODED, SHAPE, SOUND
from reference.decoded import decode_pixels
from reference.fields import ArchiveError


@pytest.mark.parametrize("name", DECODED)
def test_pictures(name: str) -> None:
    """One, and one of another size behind it."""
    tiles = [DECODED[name](), DECODED["grey"]()]
    behind = [find_behind(np.ascontiguousarray(tile)) for tile in tiles]
    both = Tiles.from_arrays(tiles, np.dtype("u1"))
    data = encode_pixels(both, [one for one in behind if one])
    assert data is not None
    assert decode_pixels(data, [tile.shape for tile in tiles]) == both.elements.tobytes()


@pytest.mark.parametrize("name", SOUND)
def test_forged_pictures(name: str) -> None:
    run = Run(1, np.dtype("u1"), SHAPE, None)
    content = decode_pixels(SOUND[name], [SHAPE])
    assert content == by_core(memoryview(SOUND[name]), [run]).tobytes()


@pytest.mark.parametrize("name", BAD)
def test_refusals(name: str) -> None:
    with pytest.raises(ArchiveError):
        decode_pixels(BAD[name], [SHAPE])
