"""Pictures that look drawn: much in them occurs again, and not at regular places."""

import numpy as np
from numpy.typing import NDArray


def lettering(rows: int, columns: int, seed: int = 0) -> NDArray[np.uint8]:
    """Lines of letters of a made-up alphabet, dark on white, with ragged spaces: uint8."""
    rng = np.random.default_rng(seed)
    letters = 255 - 200 * (rng.random((24, 9, 6)) < 0.4).astype(np.uint8)
    picture = np.full((rows, columns), 255, np.uint8)
    for top in range(2, rows - 9, 12):
        left = int(rng.integers(2, 9))
        while left < columns - 6:
            picture[top : top + 9, left : left + 6] = letters[rng.integers(24)]
            left += int(rng.integers(7, 11))
    return picture
